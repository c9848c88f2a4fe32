"""How long a lease answer takes, from the moment at which there is something to lease.

    python bench/latency.py [--samples 300]

The server is a process of its own, on a fresh database. See README.md for what the lines mean.
"""

import argparse
import asyncio
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.client import insecure_channel
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callback_service_pb2 as callbacks
from ringback.v1 import dialer_service_pb2 as dialers
from ringback.v1 import directory_service_pb2 as directory
from ringback.v1.callback_service_pb2_grpc import CallbackServiceStub
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub

WARM_UP = 20
# How far ahead the due dates lie, in seconds: at random, so that they fall anywhere in the period of any timer.
LEAD_S = (0.02, 0.08)


class Bench:
    """One client, one service, one call at a time."""

    def __init__(self, channel: Any) -> None:
        self._callbacks: Any = CallbackServiceStub(channel)
        self._dialers: Any = DialerServiceStub(channel)
        self._directory: Any = DirectoryServiceStub(channel)
        self._service_id = ""
        self.read: list[float] = []
        self.write: list[float] = []
        self.due: list[float] = []
        self.freed: list[float] = []

    async def run(self, samples: int) -> None:
        service = directory.Service(sip_address="sip:bench@cc.example", max_concurrent_calls=1)
        answer = await self._directory.CreateService(directory.CreateServiceRequest(service=service))
        self._service_id = answer.service.service_id
        await self._measure_due(samples + WARM_UP)
        await self._measure_freed(samples + WARM_UP)
        for measured in (self.read, self.write, self.due, self.freed):
            del measured[:WARM_UP]

    async def _measure_due(self, samples: int) -> None:
        """From the due date to the answer of a poll that waits. Both clocks are this machine's."""
        for _ in range(samples):
            poll = asyncio.ensure_future(self._lease())
            due = datetime.now(UTC) + timedelta(seconds=random.uniform(*LEAD_S))  # noqa: S311 - no secret
            created, seconds = await timed(self._create(due))
            self.write.append(seconds)
            lease, answered = await poll
            self.due.append(answered - due.timestamp())
            _, seconds = await timed(self._get(created.callback))
            self.read.append(seconds)
            await self._complete(lease)

    async def _measure_freed(self, samples: int) -> None:
        """From the acknowledgement of an outcome to the answer of a poll that waits for the only slot."""
        for _ in range(samples + 1):
            await self._create(datetime.now(UTC))
        lease, _ = await self._lease()
        for _ in range(samples):
            poll = asyncio.ensure_future(self._lease())
            acknowledged = await self._complete(lease)
            lease, answered = await poll
            self.freed.append(answered - acknowledged)

    async def _create(self, due: datetime) -> Any:
        request = cb.CallbackRequest(
            target=f"sip:{uuid4()}@bench.example",
            service_id=self._service_id,
            priority=cb.PRIORITY_NORMAL,
            seconds_between_retries=0,
            due_date=Timestamp(),
        )
        request.due_date.FromDatetime(due)
        return await self._callbacks.CreateCallback(callbacks.CreateCallbackRequest(callback_request=request))

    async def _get(self, callback: cb.Callback) -> Any:
        key = cb.CallbackKey(callback_id=callback.callback_id)
        return await self._callbacks.GetCallback(callbacks.GetCallbackRequest(key=key))

    async def _lease(self) -> tuple[Any, float]:
        """A lease, and when it came."""
        request = dialers.LeaseCallbacksRequest(dialer_id="bench", wait_duration=Duration(seconds=60))
        [lease] = (await self._dialers.LeaseCallbacks(request)).leases
        return lease, time.time()

    async def _complete(self, lease: Any) -> float:
        """Make the call, and answer when its end was acknowledged."""
        token = lease.lease_token
        started = dialers.ReportProgressRequest(lease_token=token, progress=dialers.ATTEMPT_PROGRESS_DIALING)
        await self._dialers.ReportProgress(started)
        ended = dialers.ReportOutcomeRequest(lease_token=token, outcome=cb.CALL_OUTCOME_ANSWERED)
        await self._dialers.ReportOutcome(ended)
        return time.time()


async def timed(call: Awaitable[Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    answer = await call
    return answer, time.perf_counter() - begun


@asynccontextmanager
async def server(folder: str) -> AsyncIterator[str]:
    """The address of a server that lives as long as the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", "serve", "--dialer", "none", "--listen", "127.0.0.1:0"),
        *("--database", f"sqlite:///{Path(folder) / 'bench.db'}"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while not (found := re.search(rb"listening on (\S+)", line := await process.stderr.readline())):
            if not line:
                raise RuntimeError("the server ended instead of listening")
        yield found[1].decode()
    finally:
        process.terminate()
        await process.communicate()


def row(name: str, seconds: list[float], unit_s: float) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    p50, p99 = cuts[49], cuts[98]
    values = "".join(f"{value * 1000:9.2f}" for value in (min(seconds), p50, p99, max(seconds)))
    return f"{name:<44}{values}{p50 / unit_s:9.1f}{p99 / unit_s:9.1f}\n"


async def main() -> None:
    parser = argparse.ArgumentParser(description="Latency of lease answers.")
    parser.add_argument("--samples", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with server(folder) as address, insecure_channel(address) as channel:
            bench = Bench(channel)
            await bench.run(options.samples)
    unit_s = statistics.median(bench.read)
    out = sys.stdout.write
    out(f"{options.samples} samples each\n")
    out(f"{'':<44}{'min ms':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'p50/rtt':>9}{'p99/rtt':>9}\n")
    out(row("GetCallback: a bare round trip (rtt)", bench.read, unit_s))
    out(row("CreateCallback: with one durable write", bench.write, unit_s))
    out(row("due -> lease answered", bench.due, unit_s))
    out(row("outcome acknowledged -> next lease answered", bench.freed, unit_s))


if __name__ == "__main__":
    asyncio.run(main())

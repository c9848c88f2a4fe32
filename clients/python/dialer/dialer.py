"""A complete dialer for Ringback, to copy: replace `Telephone`, keep the rest.

    python dialer.py --server 127.0.0.1:50051 --dialer-id my-dialer --lines 10

SIGTERM lets it finish the calls that it has begun.
"""

import argparse
import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.duration_pb2 import Duration

from ringback.client import insecure_channel
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub

_log = logging.getLogger("dialer")
_WAIT_S = 20
_TIMEOUT_S = 5
# The request may have arrived or not: it is repeated, which does no harm.
_UNCERTAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}


class Telephone:
    """REPLACE THIS CLASS by the one that places your calls. This one rings and talks for a while and phones nobody."""

    ring_s, talk_s = 0.3, 1.0

    async def call(self, lease: pb.Lease, progress: Callable[[Any], Awaitable[None]], hang_up: asyncio.Event) -> Any:
        """Call `lease.callback.dial_target`; report RINGING and CONNECTED; end the call when `hang_up` is set."""
        _log.info("calling %s for %s", lease.callback.dial_target, lease.service_sip_address)
        await progress(pb.ATTEMPT_PROGRESS_RINGING)
        with suppress(TimeoutError):
            await asyncio.wait_for(hang_up.wait(), self.ring_s)
            return cb.CALL_OUTCOME_NO_ANSWER
        await progress(pb.ATTEMPT_PROGRESS_CONNECTED)
        with suppress(TimeoutError):
            await asyncio.wait_for(hang_up.wait(), self.talk_s)
        return cb.CALL_OUTCOME_ANSWERED


class Dialer:
    """Takes leases for its free lines, and makes a call of each. After `stopping`, `run()` ends with the last call."""

    def __init__(self, stub: Any, telephone: Telephone, dialer_id: str, lines: int, lease_s: int = 30) -> None:
        self._stub = stub
        self._telephone = telephone
        self._dialer_id = dialer_id
        self._lines = lines
        self._lease_s = lease_s
        self._hang_ups: dict[str, asyncio.Event] = {}  # of each lease that is held
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        keeper = asyncio.create_task(self._keep_leases())
        stopped = asyncio.create_task(self.stopping.wait())
        calls: set[asyncio.Task[None]] = set()
        while not self.stopping.is_set():
            poll = asyncio.create_task(self._poll(self._lines - len(calls)))
            await asyncio.wait([poll, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                poll.cancel()  # the server takes back what it may just be granting
                break
            calls |= {asyncio.create_task(self._call(lease)) for lease in poll.result()}
            if len(calls) >= self._lines:
                await asyncio.wait([*calls, stopped], return_when=asyncio.FIRST_COMPLETED)
            calls = {call for call in calls if not call.done()}
        await asyncio.gather(*calls)
        keeper.cancel()

    async def _poll(self, free_lines: int) -> list[pb.Lease]:
        request = pb.LeaseCallbacksRequest(
            dialer_id=self._dialer_id,
            max_leases=min(free_lines, 100),
            lease_duration=Duration(seconds=self._lease_s),
            wait_duration=Duration(seconds=_WAIT_S),
            request_id=str(uuid4()),  # a repetition after a lost response gets the same leases
        )
        return list((await _insist(self._stub.LeaseCallbacks, request, _WAIT_S + _TIMEOUT_S)).leases)

    async def _call(self, lease: pb.Lease) -> None:
        token = lease.lease_token
        hang_up = self._hang_ups[token] = asyncio.Event()

        async def progress(step: Any) -> None:
            report = pb.ReportProgressRequest(lease_token=token, progress=step)
            if (await _insist(self._stub.ReportProgress, report)).cancel_requested:
                hang_up.set()

        try:
            if self.stopping.is_set():
                await _insist(self._stub.ReleaseLeases, pb.ReleaseLeasesRequest(lease_tokens=[token]))
                return
            await progress(pb.ATTEMPT_PROGRESS_DIALING)  # if this is refused, no call may be placed
            outcome = cb.CALL_OUTCOME_NO_ANSWER
            if not hang_up.is_set():
                outcome = await self._telephone.call(lease, progress, hang_up)
            await _insist(self._stub.ReportOutcome, pb.ReportOutcomeRequest(lease_token=token, outcome=outcome))
        except grpc.aio.AioRpcError as error:
            _log.warning("callback %s given up: %s", lease.callback.callback_id, error.details())
        finally:
            del self._hang_ups[token]

    async def _keep_leases(self) -> None:
        """Extend all leases at a third of their duration, and learn which calls are to be hung up."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            if tokens := list(self._hang_ups):
                request = pb.ExtendLeasesRequest(lease_tokens=tokens, lease_duration=Duration(seconds=self._lease_s))
                for lease in (await _insist(self._stub.ExtendLeases, request)).results:
                    if (lease.cancel_requested or lease.lost_reason) and lease.lease_token in self._hang_ups:
                        self._hang_ups[lease.lease_token].set()


async def _insist(rpc: Any, request: Any, timeout_s: float = _TIMEOUT_S) -> Any:
    """Call until there is a response. Raise what a repetition would not change."""
    while True:
        try:
            return await rpc(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _UNCERTAIN:
                raise
            _log.warning("trying again: %s", error.details())
            await asyncio.sleep(1)


async def main() -> None:
    parser = argparse.ArgumentParser(description="An example dialer for Ringback.")
    parser.add_argument("--server", default="127.0.0.1:50051")
    parser.add_argument("--dialer-id", default="example")
    parser.add_argument("--lines", type=int, default=10, help="how many calls at once")
    options = parser.parse_args()
    async with insecure_channel(options.server) as channel:
        dialer = Dialer(DialerServiceStub(channel), Telephone(), options.dialer_id, options.lines)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dialer.stopping.set)
        await dialer.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(main())

"""Changes at a steady rate, in a process of its own, for a page that shows them.

    python tests/hunts/page_load.py PORT RATE SECONDS

It leases callbacks over gRPC, reports calls that go wrong, and so gets every callback back into its queue: their
number stays as it is. It prints, as JSON, how many changes it has made, and how long that took.
"""

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Final

import click
import grpc
from google.protobuf.duration_pb2 import Duration

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1.directory_service_pb2 import ListServicesRequest
from tests.world.api import Api

SERVICES: Final = 8
CALLER: Final = "hunt"
_BATCH: Final = 500
_LEASE_S: Final = 120
_MAX_LEASES: Final = 10
_DIALERS: Final = 12
# The end of an attempt is two changes: the callback is SCHEDULED for its retry, and QUEUED by the server.
_CHANGES_OF_AN_END: Final = 2
_OUTCOMES: Final = (cb.CALL_OUTCOME_BUSY, cb.CALL_OUTCOME_NO_ANSWER, cb.CALL_OUTCOME_DECLINED, cb.CALL_OUTCOME_MACHINE)
_PRIORITIES: Final = [priority for priority in cb.Priority.values() if priority != cb.PRIORITY_UNSPECIFIED]


async def fill(api: Api, count: int) -> None:
    """Request this many callbacks, due at once, of all priorities."""
    sips = [f"sip:queue-{number}@cc.example" for number in range(SERVICES)]
    for sip in sips:
        await api.add_service(sip, max_concurrent_calls=100, display_name=f"Queue {sip[10]}")
    requests = [
        callbacks_pb.CreateCallbackRequest(
            callback_request=api.request(
                f"tel:+4178{5_000_000 + number}",
                service_sip=sips[number % SERVICES],
                priority=_PRIORITIES[number % len(_PRIORITIES)],
                caller_id=CALLER,
                external_task_id=f"task-{number:05}",
                max_retries=100,
                description="A contract that ends in autumn: which one comes after it?",
            )
        )
        for number in range(count)
    ]
    for start in range(0, count, _BATCH):
        batch = callbacks_pb.BatchCreateCallbacksRequest(requests=requests[start : start + _BATCH])
        results = (await api.callbacks.BatchCreateCallbacks(batch)).results
        assert all(result.created for result in results), results


class Load:
    """Dialers that make so many changes a second, evenly."""

    def __init__(self, api: Api, rate: float, seconds: float) -> None:
        self._api = api
        self._rate = rate
        self._begun = time.monotonic()
        self._ends = self._begun + seconds
        self._dice = random.Random(17)
        self.changes = 0

    async def run(self) -> None:
        services = (await self._api.directory.ListServices(ListServicesRequest())).services
        ids = [service.service_id for service in services]
        async with asyncio.TaskGroup() as dialers:
            for number in range(_DIALERS):
                dialers.create_task(self._dial(f"dialer-{number}", ids))

    async def _dial(self, name: str, service_ids: list[str]) -> None:
        request = pb.LeaseCallbacksRequest(
            dialer_id=name,
            service_ids=service_ids,
            max_leases=_MAX_LEASES,
            lease_duration=Duration(seconds=_LEASE_S),
            wait_duration=Duration(seconds=1),
        )
        while time.monotonic() < self._ends:
            leases = (await self._api.dialers.LeaseCallbacks(request)).leases
            await self._turn(len(leases))
            for lease in leases:
                try:
                    await self._call(lease.lease_token)
                except grpc.aio.AioRpcError as error:
                    # It was cancelled between its lease and its call: there is no call.
                    if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                        raise

    async def _call(self, lease_token: str) -> None:
        outcome = self._dice.choice(_OUTCOMES)
        steps = [pb.ATTEMPT_PROGRESS_DIALING, pb.ATTEMPT_PROGRESS_RINGING]
        if outcome == cb.CALL_OUTCOME_MACHINE:
            steps.append(pb.ATTEMPT_PROGRESS_CONNECTED)
        for step in steps:
            await self._api.dialers.ReportProgress(pb.ReportProgressRequest(lease_token=lease_token, progress=step))
            await self._turn(1)
        await self._api.dialers.ReportOutcome(pb.ReportOutcomeRequest(lease_token=lease_token, outcome=outcome))
        await self._turn(_CHANGES_OF_AN_END)

    async def _turn(self, changes: int) -> None:
        """Wait until that many changes more keep to the rate."""
        self.changes += changes
        await asyncio.sleep(max(0.0, self._begun + self.changes / self._rate - time.monotonic()))


async def _run(port: int, rate: float, seconds: float) -> None:
    async with Api.connect(port) as api:
        begun = time.monotonic()
        load = Load(api, rate, seconds)
        await load.run()
        click.echo(json.dumps({"changes": load.changes, "seconds": time.monotonic() - begun}))


@click.command()
@click.argument("port", type=int)
@click.argument("rate", type=float)
@click.argument("seconds", type=float)
def main(port: int, rate: float, seconds: float) -> None:
    """Make RATE changes a second on the server at PORT, for SECONDS."""
    asyncio.run(_run(port, rate, seconds))


if __name__ == "__main__":
    main()

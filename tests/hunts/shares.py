"""The priorities' shares, exact: with seven levels backlogged, any 28 leases in a row hold each level's weight."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from google.protobuf.duration_pb2 import Duration

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from ringback.v1 import dialer_service_pb2 as pb
from tests.hunts.calls import connect, insist
from tests.hunts.report import Report
from tests.hunts.server import ports_of, serving
from tests.hunts.setting import ONE_SERVER, Setting
from tests.world.api import Api

WEIGHTS: Final = {
    cb.PRIORITY_HIGHEST: 7,
    cb.PRIORITY_VERY_HIGH: 6,
    cb.PRIORITY_HIGH: 5,
    cb.PRIORITY_NORMAL: 4,
    cb.PRIORITY_LOW: 3,
    cb.PRIORITY_VERY_LOW: 2,
    cb.PRIORITY_LOWEST: 1,
}
ROUND: Final = sum(WEIGHTS.values())
# A divisor of a round.
_DIALERS: Final = 14
# Long enough that no lease comes back while leases are taken.
_LONG: Final = Duration(seconds=600)


class Backlog:
    """A service with callbacks waiting at each of the seven levels, of which leases are taken and kept."""

    def __init__(self, api: Api, service_id: str) -> None:
        self._api = api
        self._service_id = service_id

    async def fill(self, depth: int) -> None:
        for priority in WEIGHTS:
            requests = [self._request(priority, number) for number in range(depth)]
            batch = callbacks_pb.BatchCreateCallbacksRequest(requests=requests, include_callbacks=True)
            results = (await insist(self._api.callbacks.BatchCreateCallbacks, batch)).results
            assert all(result.created for result in results)

    async def lease(self, count: int, *, at_a_time: int) -> list[cb.Callback]:
        taken: list[cb.Callback] = []
        while len(taken) < count:
            taken += await self._poll(min(at_a_time, count - len(taken)))
        return taken

    async def lease_side_by_side(self, count: int, dialers: int) -> list[cb.Callback]:
        """Take leases one at a time with dialers that all poll at once, so that their order is not known."""
        hands = [self.lease(count // dialers, at_a_time=1) for _ in range(dialers)]
        return [callback for taken in await asyncio.gather(*hands) for callback in taken]

    def _request(self, priority: "cb.Priority.ValueType", number: int) -> callbacks_pb.CreateCallbackRequest:
        target = f"sip:anna-{number}@level-{priority}.example"
        return callbacks_pb.CreateCallbackRequest(
            callback_request=self._api.request(target, service_id=self._service_id, priority=priority)
        )

    async def _poll(self, count: int) -> Iterator[cb.Callback]:
        request = pb.LeaseCallbacksRequest(
            dialer_id="shares", service_ids=[self._service_id], max_leases=count, lease_duration=_LONG
        )
        leases = (await insist(self._api.dialers.LeaseCallbacks, request)).leases
        assert leases, "nothing is granted although all levels wait"
        return (lease.callback for lease in leases)


async def hunt(folder: Path, *, depth: int, rounds: int, setting: Setting = ONE_SERVER) -> Report:
    """Take leases for this many rounds each: one by one, ten by ten, and with many dialers side by side.

    All servers are killed in the middle of a round, which goes on where it was.
    """
    async with serving(folder, setting, "--dialer", "none") as servers, connect(ports_of(servers)) as api:
        service_id = await api.add_service(max_concurrent_calls=10_000)
        backlog = Backlog(api, service_id)
        await backlog.fill(depth)
        ordered = await backlog.lease(ROUND * rounds // 2 + ROUND // 2, at_a_time=1)
        await asyncio.gather(*(server.kill() for server in servers))
        await asyncio.gather(*(server.start() for server in servers))
        ordered += await backlog.lease(ROUND * rounds - len(ordered), at_a_time=1)
        ordered += await backlog.lease(ROUND * rounds, at_a_time=10)
        mixed = await backlog.lease_side_by_side(ROUND * rounds, dialers=_DIALERS)
        findings = [*_faults_of_order(ordered), *_faults_of_share(mixed, "side by side")]
        return Report(
            {"leases for shares": len(ordered) + len(mixed)},
            [*findings, *chain.from_iterable(server.complaints() for server in servers)],
        )


def _faults_of_order(ordered: Sequence[cb.Callback]) -> Iterator[str]:
    for start in range(len(ordered) - ROUND + 1):
        yield from _faults_of_share(ordered[start : start + ROUND], f"leases {start} to {start + ROUND - 1}")
    for priority in WEIGHTS:
        level = [callback.callback_id for callback in ordered if callback.callback_request.priority == priority]
        if level != sorted(level):  # ids grow, and all are due at once
            yield f"{cb.Priority.Name(priority)}: not first in, first out"


def _faults_of_share(taken: Sequence[cb.Callback], where: str) -> Iterator[str]:
    counts = Counter(callback.callback_request.priority for callback in taken)
    rounds = len(taken) // ROUND
    for priority, weight in WEIGHTS.items():
        if counts[priority] != weight * rounds:
            yield f"{where}: {counts[priority]} of {cb.Priority.Name(priority)}, its share is {weight * rounds}"

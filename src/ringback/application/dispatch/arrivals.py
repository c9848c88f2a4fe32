"""Callbacks that have just become due, while a poll waits for them: one write queues and leases them.

Otherwise each would be on the disk as QUEUED, and be read again, before its lease could be written.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ringback.ports.values import Change


class Arrivals:
    """What has arrived, by service, for one round of grants: what no grant has stored by its end is left."""

    def __init__(self) -> None:
        self._next: dict[str, _Arrival] = {}
        self._present: dict[str, _Arrival] = {}

    async def offer(self, changes: Sequence[Change], service_ids: Sequence[str]) -> Sequence[Change]:
        """Offer these services' changes, which take callbacks to the queue, to the round that begins next.

        Return what was stored in it, with what came of them at once.
        """
        offered = [_Arrival([c for c in changes if c.before.service_id == service_id]) for service_id in service_ids]
        for service_id, arrival in zip(service_ids, offered, strict=True):
            if (earlier := self._next.get(service_id)) is not None:
                earlier.end()
            self._next[service_id] = arrival
        return [change for arrival in offered for change in await arrival.stored]

    @contextmanager
    def round(self) -> Iterator[Sequence[str]]:
        """Let grants take what has arrived, as long as the block; yield the services for which something has."""
        self._present, self._next = self._next, {}
        try:
            yield tuple(self._present)
        finally:
            for arrival in self._present.values():
                arrival.end()
            self._present = {}

    def of(self, service_id: str) -> Sequence[Change]:
        """Return what has arrived for this service, and is neither stored nor left."""
        arrival = self._present.get(service_id)
        return () if arrival is None else arrival.changes

    def end(self, service_id: str, stored: Sequence[Change] = ()) -> None:
        """Say what was stored: all that has arrived for this service, and what came of it at once; or nothing."""
        if (arrival := self._present.get(service_id)) is not None:
            arrival.end(stored)

    def close(self) -> None:
        """Leave everything: there will be no more rounds."""
        for arrival in self._next.values():
            arrival.end()
        self._next = {}


class _Arrival:
    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = changes
        self.stored: asyncio.Future[Sequence[Change]] = asyncio.get_running_loop().create_future()

    def end(self, stored: Sequence[Change] = ()) -> None:
        self.changes = ()
        if not self.stored.done():  # also when who has brought it was cancelled
            self.stored.set_result(stored)

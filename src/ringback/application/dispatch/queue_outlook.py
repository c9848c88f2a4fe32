"""What time will bring to queues: what is due soon, and what expires before its turn.

**Expiring** is what is QUEUED and whose `expire_time` lies before the estimate of its turn: now, and the time from one
call to the next for each grant up to and including its own, in the order of the queue as it is, without any that
arrive later. Grants beyond the 10,000th are taken for that one. No turn can be estimated while the service is closed,
has no capacity or rests, and when fewer than three calls began within the last 15 minutes.

What was found is good until something of the service changes, and for five seconds at most. Where it took a count of
more than a thousand, it is good for all of these five seconds. So it costs the same however many look at it, and
nothing for a service that has nothing open.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from ringback.application.dispatch.queue_line import MAX_POSITION, Line
from ringback.domain.priority import schedule
from ringback.ports.clock import Clock
from ringback.ports.store import QueueStore

FRESH_S: Final = 5.0
# Counted up to here.
MOST: Final = 10_000
SOON: Final = timedelta(hours=1)
_MANY: Final = 1_000
# Services that one statement looks at: other reads come in between.
_LOOK_UP: Final = 200


class QueueOutlook(Struct, frozen=True):
    """Both counts for one service."""

    due_within_hour: int = 0
    expiring: int = 0


_NOTHING: Final = QueueOutlook()


class _RecentOutlook(Struct, frozen=True):
    outlook: QueueOutlook
    # The state of the service's callbacks and settings that it was found with.
    basis: tuple[object, ...]
    at_s: float
    was_long: bool


class QueueOutlooks:
    """The counts of all services that were looked at."""

    def __init__(self, store: QueueStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[str, _RecentOutlook] = {}

    async def look(self, lines: Collection[tuple[Line, int]], now: datetime) -> Mapping[str, QueueOutlook]:
        """Return the outlook of each line. The number with it is that of the newest event about its service."""
        outlooks: dict[str, QueueOutlook] = {}
        stale: list[tuple[Line, tuple[object, ...]]] = []
        for line, touched in lines:
            service_id = line.service.service_id
            basis = touched, line.service, line.per_call is None
            if not line.waiting and not line.figures.scheduled:
                self._found.pop(service_id, None)
                outlooks[service_id] = _NOTHING
            elif (found := self._fresh(service_id, basis)) is not None:
                outlooks[service_id] = found
            else:
                stale.append((line, basis))
        for start in range(0, len(stale), _LOOK_UP):
            outlooks |= await self._look_up(stale[start : start + _LOOK_UP], now)
        return outlooks

    def forget(self, service_id: str) -> None:
        self._found.pop(service_id, None)

    def _fresh(self, service_id: str, basis: tuple[object, ...]) -> QueueOutlook | None:
        found = self._found.get(service_id)
        if found is None or self._clock.monotonic() - found.at_s >= FRESH_S:
            return None
        same_turns = found.basis[1:] == basis[1:]
        return found.outlook if same_turns and (found.was_long or found.basis == basis) else None

    async def _look_up(
        self, stale: Sequence[tuple[Line, tuple[object, ...]]], now: datetime
    ) -> Mapping[str, QueueOutlook]:
        outlooks: dict[str, QueueOutlook] = {}
        read = await self._store.outlooks([line.service.service_id for line, _ in stale], now + SOON, MOST)
        for line, basis in stale:
            service_id = line.service.service_id
            ahead = read[service_id]
            expiring = await self._expiring(line, ahead.first_expiry, now)
            outlook = QueueOutlook(ahead.due, expiring)
            was_long = max(ahead.due, expiring) >= _MANY
            self._found[service_id] = _RecentOutlook(outlook, basis, self._clock.monotonic(), was_long)
            outlooks[service_id] = outlook
        return outlooks

    async def _expiring(self, line: Line, first_expiry: datetime | None, now: datetime) -> int:
        if line.per_call is None or first_expiry is None:
            return 0
        last_turn = min(line.total, MAX_POSITION)
        if first_expiry >= now + line.per_call * last_turn:
            return 0
        turns = schedule(line.waiting, line.turn.credits, line.service.priority_weights, MAX_POSITION)
        return await self._store.late(line.service.service_id, turns, now, line.per_call, last_turn, MOST)

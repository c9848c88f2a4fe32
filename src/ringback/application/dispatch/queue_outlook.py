"""What time will bring to queues: what is due soon, and what expires before its turn.

**Expiring** is what is QUEUED and whose `expire_time` lies before the estimate of its turn: now, and the time from one
call to the next for each grant up to and including its own, in the order of the queue as it is, without any that
arrive later. Grants beyond the 10,000th are taken for that one. No turn can be estimated while the service is closed,
has no capacity or rests, and when fewer than three calls began within the last 15 minutes.

What was found is good until something of the service changes, and for five seconds at most. Where a thousand or more
were counted, nobody waits for it once it is known: it is counted anew in the background every five seconds, or as often
as a tenth of the time is enough for, for as long as somebody looks. So it costs the same however many look at it, and
nothing for a service that has nothing open. Only a change of the settings, of a rest or of an opening is waited for.
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
# A count of many is kept for so long after a look at it, and counted anew meanwhile.
_KEPT_S: Final = 60.0
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

    def age_s(self, now_s: float) -> float:
        return now_s - self.at_s


class QueueOutlooks:
    """The counts of all services that were looked at."""

    def __init__(self, store: QueueStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[str, _RecentOutlook] = {}
        # When those that were long to count were looked at last.
        self._asked_s: dict[str, float] = {}

    async def look(self, lines: Collection[tuple[Line, int]], now: datetime) -> Mapping[str, QueueOutlook]:
        """Return the outlook of each line. The number with it is that of the newest event about its service."""
        outlooks: dict[str, QueueOutlook] = {}
        stale: list[tuple[Line, tuple[object, ...]]] = []
        for line, touched in lines:
            service_id = line.service.service_id
            basis = _basis(line, touched)
            if not line.waiting and not line.figures.scheduled:
                self.forget(service_id)
                outlooks[service_id] = _NOTHING
            elif (found := self._fresh(service_id, basis)) is not None:
                outlooks[service_id] = found
            else:
                stale.append((line, basis))
        for start in range(0, len(stale), _LOOK_UP):
            outlooks |= await self._look_up(stale[start : start + _LOOK_UP], now)
        return outlooks

    def aging(self) -> Collection[str]:
        """Return the services of which much is to be counted anew, since somebody looks at them."""
        now_s = self._clock.monotonic()
        for service_id, asked_s in list(self._asked_s.items()):
            if now_s - asked_s >= _KEPT_S:
                self.forget(service_id)
        return [service_id for service_id in self._asked_s if self._found[service_id].age_s(now_s) >= FRESH_S]

    async def count_anew(self, line: Line, touched: int, now: datetime) -> None:
        """Count what lies ahead of one line. Raise `StorageUnavailable`."""
        await self._look_up([(line, _basis(line, touched))], now)

    def forget(self, service_id: str) -> None:
        self._found.pop(service_id, None)
        self._asked_s.pop(service_id, None)

    def _fresh(self, service_id: str, basis: tuple[object, ...]) -> QueueOutlook | None:
        found, now_s = self._found.get(service_id), self._clock.monotonic()
        if found is None or found.basis[1:] != basis[1:]:
            return None
        if found.was_long:
            is_fresh = found.age_s(now_s) < _KEPT_S
            self._asked_s[service_id] = now_s
        else:
            is_fresh = found.age_s(now_s) < FRESH_S and found.basis == basis
        return found.outlook if is_fresh else None

    async def _look_up(
        self, stale: Sequence[tuple[Line, tuple[object, ...]]], now: datetime
    ) -> Mapping[str, QueueOutlook]:
        outlooks: dict[str, QueueOutlook] = {}
        read = await self._store.outlooks([line.service.service_id for line, _ in stale], now + SOON, MOST)
        for line, basis in stale:
            service_id = line.service.service_id
            ahead = read[service_id]
            expiring, placed = await self._expiring(line, ahead.first_expiry, now)
            outlook = QueueOutlook(ahead.due, expiring)
            now_s, was_long = self._clock.monotonic(), max(ahead.due, placed) >= _MANY
            self._found[service_id] = _RecentOutlook(outlook, basis, now_s, was_long)
            if was_long:
                self._asked_s.setdefault(service_id, now_s)
            else:
                self._asked_s.pop(service_id, None)
            outlooks[service_id] = outlook
        return outlooks

    async def _expiring(self, line: Line, first_expiry: datetime | None, now: datetime) -> tuple[int, int]:
        """Return how many expire before their turn, and among how many places they were looked for."""
        if line.per_call is None or first_expiry is None:
            return 0, 0
        last_turn = min(line.total, MAX_POSITION)
        if first_expiry >= now + line.per_call * last_turn:
            return 0, 0
        turns = schedule(line.waiting, line.turn.credits, line.service.priority_weights, MAX_POSITION)
        found = await self._store.late(line.service.service_id, turns, now, line.per_call, last_turn, MOST)
        return found, last_turn


def _basis(line: Line, touched: int) -> tuple[object, ...]:
    return touched, line.service, line.per_call is None

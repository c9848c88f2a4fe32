"""What is open for each service, counted once in the database, and then brought up to date by each event of the log."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from ringback.domain.callback import IN_PROGRESS, TERMINAL, WAITING, Callback, State
from ringback.domain.priority import Priority
from ringback.ports.values import EventKind, LevelCount, LineHeads, LineName, LoggedEvent, OpenByService

# A level of what waits in a queue or is in progress. What is scheduled is counted without its level: no index has it.
Level = tuple[Priority, State]
_SCHEDULED: Final[tuple[None, State]] = (None, State.SCHEDULED)
_Bucket = Level | tuple[None, State]
_Counts = dict[_Bucket, int]


class EventsMissed(Exception):  # noqa: N818 - what happened
    """The counts are not those of the log any more, and cannot be brought up to date by what comes next in it."""


class ServiceFigures(Struct, frozen=True):
    """How many callbacks of one service are open; what has none is left out."""

    # Of what is QUEUED or in progress.
    counts: Mapping[Level, int] = {}
    scheduled: int = 0

    @property
    def waiting(self) -> Mapping[Priority, int]:
        return {level: count for (level, state), count in self.counts.items() if state is State.QUEUED}

    @property
    def in_progress(self) -> int:
        return sum(count for (_, state), count in self.counts.items() if state in IN_PROGRESS)


class _LineHead(Struct):
    """One level of a queue that is not empty."""

    # None: it has to be looked up.
    oldest: datetime | None
    # The newest event that was about it.
    touched: int


class QueueCounts:
    """The counts after event `number`.

    Of each line the time of the oldest is kept as well, until that one leaves it: then an index has the next one.
    """

    def __init__(self, counted: OpenByService) -> None:
        self._number = counted.number
        self._open: dict[str, _Counts] = {}
        self._lines: dict[LineName, _LineHead] = {}
        # Services of which anything has changed since somebody took this.
        self.changed: set[str] = set()
        # The newest event about each service, since it was counted.
        self._touched: dict[str, int] = {}
        self._begin = counted.number
        for one in counted.counts:
            self._open.setdefault(one.service_id, {})[_bucket_of(one)] = one.count
            if one.state is State.QUEUED and one.priority is not None:
                self._lines[one.service_id, one.priority] = _LineHead(one.oldest, counted.number)

    @property
    def number(self) -> int:
        return self._number

    def touched(self, service_id: str) -> int:
        """Return the number of the newest event about a service, or the one that it was counted after."""
        return self._touched.get(service_id, self._begin)

    def of(self, service_id: str) -> ServiceFigures:
        return _figures(self._open.get(service_id, {}))

    def all(self) -> Mapping[str, ServiceFigures]:
        return {service_id: _figures(counts) for service_id, counts in self._open.items()}

    def fold(self, events: Iterable[LoggedEvent]) -> None:
        """Take the events that come next in the log; what is counted already is passed over. Raise `EventsMissed`."""
        for event in events:
            if event.number > self._number:
                if event.number != self._number + 1:
                    raise EventsMissed(f"events {self._number + 1} to {event.number - 1} are kept no longer")
                # Only what has ended is purged; and what was erased may be logged as purged a second time.
                if event.kind is not EventKind.PURGED:
                    self._count(event)
                self._number = event.number

    def _count(self, event: LoggedEvent) -> None:
        callback, previous = event.callback, event.previous
        self.changed.add(callback.service_id)
        self._touched[callback.service_id] = event.number
        old, new = _bucket(previous), _bucket(callback)
        if old != new:
            service_id = callback.service_id
            if old is not None:
                self._take(service_id, old)
            if new is not None:
                counts = self._open.setdefault(service_id, {})
                counts[new] = counts.get(new, 0) + 1
        if old is not None and old[1] is State.QUEUED:
            self._note_left(event, old, stays=old == new)
        if new is not None and new[1] is State.QUEUED:
            self._note_queued(event, new)

    def _take(self, service_id: str, bucket: _Bucket) -> None:
        counts = self._open.get(service_id, {})
        count = counts.get(bucket, 0)
        if count > 1:
            counts[bucket] = count - 1
        elif count == 1:
            del counts[bucket]
            if not counts:
                del self._open[service_id]
        else:
            raise EventsMissed(f"one more has left {bucket} of service {service_id} than was in it")

    # --- The oldest of each line -------------------------------------------------------------------------------

    def _note_left(self, event: LoggedEvent, bucket: _Bucket, *, stays: bool) -> None:
        callback = event.callback
        name = _line_name(callback, bucket)
        if not self._open.get(callback.service_id, {}).get(bucket):
            self._lines.pop(name, None)
            return
        line = self._lines[name]
        line.touched = event.number
        if line.oldest is None:
            return
        # An update may have given it another time; that of before is not in the log.
        has_its_time = callback.state not in WAITING
        was_behind = has_its_time and callback.ready_time > line.oldest
        is_oldest_still = stays and callback.ready_time == line.oldest
        if not was_behind and not is_oldest_still:
            line.oldest = None

    def _note_queued(self, event: LoggedEvent, bucket: _Bucket) -> None:
        callback = event.callback
        name = _line_name(callback, bucket)
        line = self._lines.get(name)
        if line is None:
            self._lines[name] = _LineHead(callback.ready_time, event.number)
            return
        line.touched = event.number
        if line.oldest is not None:
            line.oldest = min(line.oldest, callback.ready_time)

    def oldest(self, service_ids: Collection[str] | None) -> dict[str, dict[Priority, datetime]]:
        """Return what is known of the oldest of each line of these services, or of all."""
        oldest: dict[str, dict[Priority, datetime]] = {}
        for (service_id, priority), line in self._lines_of(service_ids):
            if line.oldest is not None:
                oldest.setdefault(service_id, {})[priority] = line.oldest
        return oldest

    def unknown(self, service_ids: Collection[str] | None) -> Sequence[LineName]:
        """Return the lines whose oldest has to be looked up."""
        return [name for name, line in self._lines_of(service_ids) if line.oldest is None]

    def note(self, names: Iterable[LineName], found: LineHeads) -> None:
        """Keep what was looked up after an event that is counted, but for lines that have changed since then."""
        for name in names:
            line = self._lines.get(name)
            if line is not None and line.oldest is None and line.touched <= found.number and name in found.oldest:
                line.oldest = found.oldest[name]

    def _lines_of(self, service_ids: Collection[str] | None) -> Iterator[tuple[LineName, _LineHead]]:
        if service_ids is None:
            yield from self._lines.items()
            return
        for service_id in service_ids:
            for priority in Priority:
                if (line := self._lines.get((service_id, priority))) is not None:
                    yield (service_id, priority), line


def _figures(counts: _Counts) -> ServiceFigures:
    levels = {(level, state): count for (level, state), count in counts.items() if level is not None}
    return ServiceFigures(levels, counts.get(_SCHEDULED, 0))


def _bucket_of(counted: LevelCount) -> _Bucket:
    return _SCHEDULED if counted.priority is None else (counted.priority, counted.state)


def _bucket(callback: Callback | None) -> _Bucket | None:
    """Return where a callback counts; None: it is not open."""
    if callback is None or callback.state in TERMINAL:
        return None
    return _SCHEDULED if callback.state is State.SCHEDULED else (callback.priority, callback.state)


def _line_name(callback: Callback, bucket: _Bucket) -> LineName:
    priority, _ = bucket
    assert priority is not None
    return callback.service_id, priority

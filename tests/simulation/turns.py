"""A second opinion on who is next: the queue discipline, and the capacity, worked out anew from the log.

It is written from the contract and shares no code with the server's own (`domain/priority.py`, `domain/assignment.py`),
so that a mistake there is not repeated here. It replays the log up to what the server saw of a queue, and compares
the grants that follow with its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Final, NamedTuple

from ringback.domain.callback import IN_PROGRESS, Callback, State
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.service import Service
from ringback.ports.values import LoggedEvent
from ringback.storage.body import read_service, time_of
from tests.simulation.disk import Commit, QueueRead

if TYPE_CHECKING:
    from datetime import datetime

_SHARING: Final = (
    Priority.HIGHEST,
    Priority.VERY_HIGH,
    Priority.HIGH,
    Priority.NORMAL,
    Priority.LOW,
    Priority.VERY_LOW,
    Priority.LOWEST,
)
_CALLING: Final = frozenset({State.DIALING, State.CONNECTED, State.CANCELLING})


class Group(NamedTuple):
    """What one poll was granted of one service in one transaction, in order."""

    after: Sequence[Callback]
    # What came to the queue just before, in the same transaction: by the same write, or by another one.
    arrived: Sequence[Callback]


class RoundRobin:
    """The turns of one service: smooth weighted round robin over the levels that wait."""

    def __init__(self) -> None:
        self._credit = dict.fromkeys(_SHARING, 0)
        self._next_start = 0
        # The weights of the round in which all levels wait, if they did at the last turn.
        self._round: Sequence[int] = ()

    @property
    def state(self) -> tuple[object, ...]:
        """Return what the next turns depend on."""
        return tuple(self._credit.values()), self._next_start, self._round

    def next(self, waiting: Sequence[Priority], weights: Sequence[int]) -> Priority:
        if Priority.STRICT_PRIORITY in waiting:
            return Priority.STRICT_PRIORITY
        sharing = [level for level in _SHARING if level in waiting]
        if not sharing:
            return Priority.NOTHING_ELSE
        weight = dict(zip(_SHARING, weights, strict=True))
        if len(sharing) < len(_SHARING):
            self._round = ()
        elif self._round != tuple(weights):
            self._round = tuple(weights)
            self._mend(weight)
        for level in _SHARING:
            self._credit[level] = self._credit[level] + weight[level] if level in sharing else 0
        served = max(sharing, key=lambda level: (self._credit[level], -level.value))
        self._credit[served] -= sum(weight[level] for level in sharing)
        return served

    def _mend(self, weight: dict[Priority, int]) -> None:
        """Begin a round from nothing, at the first turn of one level after the other, unless this one is even."""
        if _after(self._credit, weight, sum(weight.values())) == self._credit:
            return
        wanted = _SHARING[self._next_start]
        self._next_start = (self._next_start + 1) % len(_SHARING)
        turns = 0
        while _served(_after(dict.fromkeys(_SHARING, 0), weight, turns), weight) is not wanted:
            turns += 1
        self._credit = _after(dict.fromkeys(_SHARING, 0), weight, turns)


def _served(credit: dict[Priority, int], weight: dict[Priority, int]) -> Priority:
    return max(_SHARING, key=lambda level: (credit[level] + weight[level], -level.value))


def _after(credit: dict[Priority, int], weight: dict[Priority, int], turns: int) -> dict[Priority, int]:
    """Return the credits after so many turns for which all levels wait."""
    for _ in range(turns):
        served = _served(credit, weight)
        credit = {level: credit[level] + weight[level] for level in _SHARING}
        credit[served] -= sum(weight.values())
    return credit


class Referee:
    """Judges all grants of a history."""

    def __init__(self, events: Sequence[LoggedEvent]) -> None:
        self.grants = 0
        self._events = {event.number: event for event in events}
        self._seen = 0
        self._callbacks: dict[str, Callback] = {}
        self._kept: dict[str, datetime] = {}
        # More than one where the log does not tell which it is.
        self._robins: defaultdict[str, Sequence[RoundRobin]] = defaultdict(lambda: [RoundRobin()])

    def judge(self, commits: Sequence[Commit]) -> Iterator[str]:
        """Yield a line for each grant that was not the next, or one too many."""
        for commit in commits:
            for group in self._groups(commit):
                self.grants += len(group.after)
                look = commit.looks.get(group.after[0].service_id)
                if look is None or look.service is None:
                    yield f"{_names(group.after)} were granted without a look at their queue"
                    continue
                yield from self._judge(group, look)

    def _groups(self, commit: Commit) -> Iterator[Group]:
        groups: dict[tuple[object, ...], list[LoggedEvent]] = {}
        for number in range(commit.first, commit.last + 1):
            event = self._events.get(number)
            if event is None or event.callback.state is not State.OFFERED or event.callback.lease is None:
                continue
            if event.previous is None or event.previous.state is State.OFFERED:
                continue
            lease = event.callback.lease
            groups.setdefault((event.callback.service_id, lease.dialer_id, lease.request_id), []).append(event)
        for events in groups.values():
            arrived = self._arrived(commit, events[0])
            yield Group([e.callback for e in events], [e.callback for e in arrived])

    def _arrived(self, commit: Commit, granted: LoggedEvent) -> Iterator[LoggedEvent]:
        for number in range(granted.number - 1, commit.first - 1, -1):
            event = self._events.get(number)
            if event is None or event.callback.service_id != granted.callback.service_id:
                return
            if event.callback.state is not State.QUEUED or event.previous is None:
                return
            if event.previous.state is not State.SCHEDULED:
                return
            yield event

    def _judge(self, group: Group, look: QueueRead) -> Iterator[str]:
        self._replay(look.number)
        assert look.service is not None
        service = read_service(look.service)
        occupied = sum(c.service_id == service.service_id and c.state in IN_PROGRESS for c in self._callbacks.values())
        free = (0 if service.paused else service.max_concurrent_calls) - occupied
        if len(group.after) > free:
            yield f"{_names(group.after)} were granted, and {free} places were free"
        granted = [c.callback_id for c in group.after]
        # What has arrived came by the same write as these, and took part in the draw, or by one of its own.
        ways = [self._lines(group, look, arrived) for arrived in ([group.arrived, ()] if group.arrived else [()])]
        robins = self._robins[service.service_id]
        draws = [_draw(robin, service, lines, len(granted)) for robin in robins for lines in ways]
        possible = {after.state: after for after, drawn in draws if [c.callback_id for c in drawn] == granted}
        if not possible:
            after, expected = draws[0]
            possible[after.state] = after
            yield f"{_names(group.after)} were granted after event {look.number}, next were {_names(expected)}"
        self._robins[service.service_id] = list(possible.values())

    def _lines(self, group: Group, look: QueueRead, arrived: Sequence[Callback]) -> dict[Priority, list[Callback]]:
        """Return what can be granted, as deep as the server looked, with what has arrived, in order."""
        service_id, now = group.after[0].service_id, time_of(look.now_us)
        in_use = {c.phone for c in self._callbacks.values() if c.state in IN_PROGRESS}
        free = [
            callback
            for callback in self._callbacks.values()
            if callback.service_id == service_id
            and callback.state is State.QUEUED
            and callback.phone not in in_use
            and not (callback.phone in self._kept and now < self._kept[callback.phone])
        ]
        free.sort(key=_place)
        lines: dict[Priority, list[Callback]] = {}
        for callback in free:
            line = lines.setdefault(Priority(callback.request.priority), [])
            if len(line) < look.depth:
                line.append(callback)
        for callback in arrived:
            lines.setdefault(Priority(callback.request.priority), []).append(callback)
        granted_at = group.after[0].update_time
        return {
            level: sorted((callback for callback in line if callback.expire_time > granted_at), key=_place)
            for level, line in lines.items()
        }

    def _replay(self, number: int) -> None:
        while self._seen < number:
            self._seen += 1
            if (event := self._events.get(self._seen)) is None:
                continue
            callback, previous = event.callback, self._callbacks.get(event.callback.callback_id)
            self._callbacks[callback.callback_id] = callback
            if previous is None or previous.state not in _CALLING or callback.state in _CALLING:
                continue
            last = callback.attempts[-1]
            if last.outcome is Outcome.INTERRUPTED and last.lapsed and last.end_time is not None:
                lease = previous.lease
                assert lease is not None
                assert lease.ring_timeout is not None
                until = last.end_time + lease.ring_timeout
                self._kept[callback.phone] = max(until, self._kept.get(callback.phone, until))


def _draw(
    before: RoundRobin, service: Service, lines: Mapping[Priority, Sequence[Callback]], count: int
) -> tuple[RoundRobin, Sequence[Callback]]:
    """Return who is next, and the turns after that."""
    robin, left = deepcopy(before), {level: list(line) for level, line in lines.items()}
    drawn: list[Callback] = []
    for _ in range(count):
        phones = {callback.phone for callback in drawn}
        left = {level: [c for c in line if c.phone not in phones] for level, line in left.items()}
        levels = [level for level, line in left.items() if line]
        if not levels:
            break
        level = robin.next(levels, service.priority_weights)
        drawn.append(left[level].pop(0))
    return robin, drawn


def _place(callback: Callback) -> tuple["datetime", str]:
    return callback.ready_time, callback.callback_id


def _names(callbacks: Sequence[Callback]) -> str:
    return ", ".join(f"{c.callback_id} ({Priority(c.request.priority).name})" for c in callbacks) or "none"

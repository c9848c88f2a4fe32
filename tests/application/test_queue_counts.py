"""The oldest of each line, when what is looked up and what the log tells come in any order."""

from collections.abc import Mapping, Sequence
from datetime import datetime  # noqa: TC003 - as elsewhere in the tests

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.application.queue_counts import QueueCounts
from ringback.domain.callback import Callback, State
from ringback.domain.priority import Priority
from ringback.ports.values import EventKind, LineHeads, LineName, LoggedEvent, OpenByService
from tests.world.samples import NOW, SERVICE, new, seconds

LEVELS = (Priority.HIGH, Priority.LOW)
TIMES = st.integers(0, 5)


class Log:
    """What is logged of some callbacks, and the first of each line after each event."""

    def __init__(self) -> None:
        self._callbacks: list[Callback] = []
        self.events: list[LoggedEvent] = []
        self.heads: list[Mapping[LineName, datetime]] = [{}]

    def create(self, time: int, choice: int) -> None:
        callback = replace(new(priority=LEVELS[choice % 2]), ready_time=NOW + seconds(time))
        self._callbacks.append(callback)
        self._log(EventKind.CREATED, callback, None)

    def offer(self, time: int, choice: int) -> None:
        self._change(choice, State.QUEUED, state=State.OFFERED)

    def take_back(self, time: int, choice: int) -> None:
        self._change(choice, State.OFFERED, state=State.QUEUED)

    def end(self, time: int, choice: int) -> None:
        self._change(choice, State.QUEUED, state=State.CANCELLED)

    def describe(self, time: int, choice: int) -> None:
        self._change(choice, State.QUEUED)

    def postpone(self, time: int, choice: int) -> None:
        """Give it another time, without a place in the queue."""
        self._change(choice, State.QUEUED, state=State.SCHEDULED, ready_time=NOW + seconds(time))

    def replan(self, time: int, choice: int) -> None:
        """Give it another time, and perhaps another level, in the queue."""
        place = self._place(choice, State.QUEUED)
        if place is not None:
            request = replace(self._callbacks[place].request, priority=LEVELS[time % 2])
            self._change(choice, State.QUEUED, ready_time=NOW + seconds(time), request=request)

    def _place(self, choice: int, state: State) -> int | None:
        places = [place for place, one in enumerate(self._callbacks) if one.state is state]
        return places[choice % len(places)] if places else None

    def _change(self, choice: int, was: State, **fields: object) -> None:
        place = self._place(choice, was)
        if place is not None:
            before = self._callbacks[place]
            after = self._callbacks[place] = replace(before, **fields)
            # As the database has it: state and level of before, and all else as it is now.
            request = replace(after.request, priority=before.request.priority)
            self._log(EventKind.UPDATED, after, replace(after, state=before.state, request=request))

    def _log(self, kind: EventKind, callback: Callback, previous: Callback | None) -> None:
        self.events.append(LoggedEvent(len(self.events) + 1, kind, callback, previous))
        heads: dict[LineName, datetime] = {}
        for one in self._callbacks:
            if one.state is State.QUEUED:
                name = one.service_id, one.priority
                heads[name] = min(heads.get(name, one.ready_time), one.ready_time)
        self.heads.append(heads)


ACTIONS = ("create", "create", "offer", "offer", "take_back", "end", "describe", "postpone", "replan")
lives = st.lists(st.tuples(st.sampled_from(ACTIONS), TIMES, st.integers(0, 9)), min_size=5, max_size=40)
# How many events are folded, and after how many of them the lines were looked up.
readings = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=40)


@given(lives, readings)
def test_what_is_known_is_the_first_of_its_line(
    life: Sequence[tuple[str, int, int]], readings: Sequence[tuple[int, int]]
) -> None:
    log = Log()
    for action, time, choice in life:
        getattr(log, action)(time, choice)
    counts = QueueCounts(OpenByService(0, []))
    for portion, ahead in readings:
        names = counts.unknown(None)
        looked_up = min(counts.number + min(ahead, portion), len(log.events))
        counts.fold(log.events[counts.number : counts.number + portion])
        counts.note(names, LineHeads(looked_up, log.heads[looked_up]))
        check(counts, log)


def check(counts: QueueCounts, log: Log) -> None:
    right = log.heads[counts.number]
    known = {(SERVICE.service_id, level): at for level, at in counts.oldest(None).get(SERVICE.service_id, {}).items()}
    assert known == {name: right[name] for name in known}
    assert {*known, *counts.unknown(None)} == set(right)
    assert set(counts.of(SERVICE.service_id).waiting) == {level for _, level in right}


def test_a_lookup_is_kept_until_the_first_leaves() -> None:
    log = Log()
    for time in range(4):
        log.create(time, 0)
    log.offer(0, 0)
    log.create(9, 0)
    log.end(0, 1)
    log.offer(0, 0)
    counts = QueueCounts(OpenByService(0, []))
    counts.fold(log.events[:5])
    [name] = counts.unknown(None)
    counts.note([name], LineHeads(5, log.heads[5]))
    counts.fold(log.events[5:7])
    assert counts.oldest(None) == {SERVICE.service_id: {Priority.HIGH: NOW + seconds(1)}}
    counts.fold(log.events[7:])
    assert counts.unknown(None) == [name]

"""Contract: what ends is counted once, by service, half hour and caller, with the change by which it ends."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.ends import EndCount, Result
from ringback.domain.events import Blocked
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, Retention
from ringback.storage.outcome_row import counted_caller
from tests.world.databases import Database
from tests.world.samples import (
    NOW,
    OTHER_SERVICE,
    SERVICE,
    cancel,
    changes,
    connect,
    dial,
    ending,
    every_state,
    new,
    offer,
    seconds,
)

ALL = {SERVICE.service_id: None, OTHER_SERVICE.service_id: None}
HALF_HOUR = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FIRST, LAST = HALF_HOUR - timedelta(days=100), HALF_HOUR + timedelta(days=100)


async def counts(store: Store, callers_of: Any = None) -> list[EndCount]:
    return list(await store.outcomes(ALL if callers_of is None else callers_of, FIRST, LAST, 1000))


async def totals(store: Store, callers_of: Any = None) -> Counter[Result]:
    sums: Counter[Result] = Counter()
    for counted in await counts(store, callers_of):
        sums[counted.result] += counted.count
    return sums


async def play(store: Store, *versions: Callback) -> Callback:
    """Store the first version, and then each change."""
    await store.create(versions[:1])
    for change in changes(*versions):
        await store.apply([change])
    return versions[-1]


def completed(first: Callback) -> Sequence[Callback]:
    offered = offer(first)
    dialled = dial(offered)
    connected = connect(offered)
    return first, offered, dialled, connected, after(connected, ending(Outcome.ANSWERED))


async def test_attempts_and_callbacks_are_counted_where_they_end(store: Store) -> None:
    await play(store, *completed(new()))
    await play(store, *completed(new()))
    other = new(service=OTHER_SERVICE)
    await play(store, other, cancel(other))
    assert await counts(store) == [
        EndCount(SERVICE.service_id, HALF_HOUR, Outcome.ANSWERED, 2),
        EndCount(SERVICE.service_id, HALF_HOUR, State.COMPLETED, 2),
        EndCount(OTHER_SERVICE.service_id, HALF_HOUR, State.CANCELLED, 1),
    ]


async def test_each_attempt_counts(store: Store) -> None:
    first = new(max_retries=1)
    busy = after(dial(offer(first)), ending(Outcome.BUSY))
    again = offer(replace(busy, state=State.QUEUED))
    await play(store, first, offer(first), dial(offer(first)), busy)
    assert await totals(store) == {Outcome.BUSY: 1}
    await store.apply(changes(busy, again, dial(again), after(dial(again), ending(Outcome.NO_ANSWER))))
    assert await totals(store) == {Outcome.BUSY: 1, Outcome.NO_ANSWER: 1, State.FAILED: 1}


async def test_what_is_blocked_is_an_attempt(store: Store) -> None:
    first = new()
    await play(store, first, after(first, Blocked(at=NOW, detail="no")))
    assert await totals(store) == {Outcome.BLOCKED: 1, State.FAILED: 1}


async def test_what_is_stored_ended_counts(store: Store) -> None:
    """No rule of the domain creates such a one; the counts are those of the callbacks all the same."""
    await store.create(callbacks := every_state())
    ended = Counter(callback.state for callback in callbacks if callback.ended)
    outcomes = Counter(attempt.outcome for callback in callbacks for attempt in callback.attempts if attempt.outcome)
    assert await totals(store) == ended + outcomes


async def test_a_change_that_is_refused_does_not_count(store: Store) -> None:
    *_, connected, done = await created(store, completed(new()))
    one, two = Change(connected, done), Change(new(), cancel(new()))
    await store.apply([one])
    for refused in ([one], [one, two], [two, one]):
        with pytest.raises(RevisionConflict):
            await store.apply(refused)
    assert await totals(store) == {Outcome.ANSWERED: 1, State.COMPLETED: 1}


async def created(store: Store, versions: Sequence[Callback]) -> Sequence[Callback]:
    await store.create(versions[:1])
    for change in changes(*versions[:-1]):
        await store.apply([change])
    return versions


async def test_half_hours_begin_at_the_hour_and_at_half_past(store: Store) -> None:
    hour = datetime(2026, 3, 2, 10, tzinfo=UTC)
    times = [HALF_HOUR, hour - timedelta(microseconds=1), hour, hour + timedelta(minutes=29, seconds=59)]
    await store.create([cancel(new(now=time), time) for time in times])
    assert [(counted.begin, counted.count) for counted in await counts(store)] == [(HALF_HOUR, 2), (hour, 2)]
    [only] = await store.outcomes(ALL, hour, LAST, 10)
    assert only.begin == hour
    [only] = await store.outcomes(ALL, FIRST, hour, 10)
    assert only.begin == HALF_HOUR


async def test_callers_are_told_apart(store: Store) -> None:
    await store.create([cancel(new(caller_id=caller)) for caller in ("crm", "crm", "erp", "")])
    await store.create([cancel(new(caller_id="crm", service=OTHER_SERVICE))])
    one = SERVICE.service_id
    for callers, expected in ((["crm"], 2), (["crm", "erp"], 3), ([""], 1), ([], 0), (["x"], 0), (None, 4)):
        assert (await totals(store, {one: callers}))[State.CANCELLED] == expected
    mixed = await counts(store, {one: ["erp"], OTHER_SERVICE.service_id: None})
    assert [(counted.service_id, counted.count) for counted in mixed] == [(one, 1), (OTHER_SERVICE.service_id, 1)]
    assert await counts(store, {}) == []


async def test_a_number_in_the_id_of_a_caller_is_not_kept(store: Store) -> None:
    numbers = ("pbx +41 78 555 66 77", "pbx +41 78 555 66 78")
    await store.create([cancel(new(caller_id=caller)) for caller in numbers])
    assert "555" not in counted_caller(numbers[0])
    assert await totals(store, {SERVICE.service_id: numbers[:1]}) == {State.CANCELLED: 1}
    assert await totals(store, {SERVICE.service_id: numbers}) == {State.CANCELLED: 2}


async def test_up_to_the_limit(store: Store) -> None:
    await store.create(every_state())
    assert len(await store.outcomes(ALL, FIRST, LAST, 3)) == 3


async def test_the_counts_outlive_callbacks(store: Store) -> None:
    old = cancel(new(now=NOW - seconds(101)), NOW - seconds(101))
    erased = cancel(new())
    await store.create([old, erased])
    assert await store.purge(NOW, Retention(ended_callbacks=seconds(100)), 10) == 1
    assert await store.erase([erased], NOW, "") == 1
    assert await totals(store) == {State.CANCELLED: 2}


async def test_counts_are_kept_for_fifteen_days(store: Store) -> None:
    ends = [HALF_HOUR + timedelta(minutes=30) * place for place in range(3)]
    await store.create([cancel(new(now=end), end) for end in ends for _ in range(2)])
    keep = Retention(ended_callbacks=timedelta(days=100), events=timedelta(days=100))
    over = ends[1] + timedelta(days=15)
    assert await store.purge(over - timedelta(microseconds=1), keep, 10) == 0
    assert await store.purge(over, keep, 10) == 1
    assert [counted.begin for counted in await counts(store)] == ends[1:]
    assert await store.purge(over + timedelta(days=1), keep, 1) == 1
    assert await store.purge(over + timedelta(days=1), keep, 1) == 1
    assert await counts(store) == []


async def test_the_counts_are_there_after_a_restart(store: Store, database: Database) -> None:
    await store.create([cancel(new())])
    await store.close()
    again = await database.open()
    try:
        await again.create([cancel(new())])
        assert await totals(again) == {State.CANCELLED: 2}
    finally:
        await again.close()


def test_no_outcome_has_the_name_of_a_state() -> None:
    """One column has either."""
    assert not set(Outcome.__members__) & set(State.__members__)

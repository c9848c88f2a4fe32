"""WatchBatches: watchers are told the same wherever they begin, and those at the same place share batches."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest

from ringback.app import App
from ringback.application.events.feed import EventFeed
from ringback.application.events.tokens import ResumeToken
from ringback.application.events.watch_batches import (
    MAX_EVENTS_PER_BATCH,
    STRIDE,
    HistoryGone,
    WatchBatch,
    WatchBatches,
    WatchEvent,
    as_seen,
)
from ringback.domain.filter import CallbackFilter
from ringback.ports.store import Store
from ringback.ports.values import LoggedEvent, Retention
from tests.world.api import Api
from tests.world.requests import far_ahead

EVERYTHING = CallbackFilter()
FILTERS = [EVERYTHING, CallbackFilter(caller_ids=("often", "seldom")), CallbackFilter(caller_ids=("seldom",))]


class CountingStore:
    """A store that counts how often it is asked for events."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def events(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        self.asked += 1
        return await self._store.events(after, limit)


@pytest.fixture
async def logged(api: Api, app: App) -> Sequence[LoggedEvent]:
    """Create callbacks of three callers; return their events, which fill more than two strides."""
    for caller_id, count in (("always", 450), ("often", 450), ("seldom", 3)) * 3:
        await far_ahead(api, count, caller_id=caller_id)
    await app.use_cases.feed.catch_up()
    history = await app.store.history()
    events = [*await app.store.events(history.oldest, STRIDE)]
    while events[-1].number < history.newest:
        events += await app.store.events(events[-1].number, STRIDE)
    assert len(events) > 2 * STRIDE
    return events


async def walk(batches: WatchBatches, number: int) -> Sequence[WatchBatch]:
    """Return all batches from there to the end."""
    walked = []
    while batch := await batches.after(number):
        assert batch.number > number
        assert len(batch.events) <= MAX_EVENTS_PER_BATCH
        assert batches.tokens.read_resume(batch.resume_token) == ResumeToken(batch.number)
        walked.append(batch)
        number = batch.number
    return walked


async def forgetful(store: Store) -> EventFeed:
    """Return a feed that knows where the log ends, and none of its events."""
    tail = EventFeed(store)
    await tail.start()
    return tail


@pytest.mark.long
@pytest.mark.parametrize("wanted", FILTERS, ids=["everything", "a third", "few"])
@pytest.mark.parametrize("in_memory", [True, False], ids=["from memory", "from the database"])
async def test_wherever_one_begins_all_that_follows_is_told_once_and_in_order(
    app: App, logged: Sequence[LoggedEvent], wanted: CallbackFilter, in_memory: bool
) -> None:
    tail = app.use_cases.feed if in_memory else await forgetful(app.store)
    batches = WatchBatches(app.store, tail, wanted, deque())
    borders = [0, 1, 36, 99, 100, 101, STRIDE - 1, STRIDE, STRIDE + 1, 2 * STRIDE - 1, len(logged) - 1, len(logged)]
    for border in borders:
        number = logged[border - 1].number if border else logged[0].number - 1
        told = [event for batch in await walk(batches, number) for event in batch.events]
        assert told == seen(logged[border:], wanted)


def seen(logged: Sequence[LoggedEvent], wanted: CallbackFilter) -> list[WatchEvent]:
    return [event for entry in logged if (event := as_seen(entry, wanted))]


async def test_watchers_who_began_at_different_events_come_to_share_their_batches(
    app: App, logged: Sequence[LoggedEvent]
) -> None:
    kept: deque[WatchBatch] = deque()
    batches = WatchBatches(app.store, app.use_cases.feed, EVERYTHING, kept)
    walks = [await walk(batches, logged[begin].number) for begin in (0, 36, 99, 640)]
    shared = set(walks[0]).intersection(*walks[1:])
    assert sum(len(batch.events) for batch in shared) == len(logged) - STRIDE
    assert len(kept) < sum(map(len, walks)) / 2


async def test_of_many_who_lag_behind_together_one_asks_the_database(app: App, logged: Sequence[LoggedEvent]) -> None:
    store: Any = CountingStore(app.store)
    batches = WatchBatches(store, await forgetful(app.store), EVERYTHING, deque())
    got = await asyncio.gather(*(batches.after(logged[0].number) for _ in range(10)))
    assert got[0] is not None
    assert set(got) == {got[0]}
    assert store.asked == 1


async def test_the_end_of_the_log_is_told_anew_when_it_has_grown(api: Api, app: App) -> None:
    await far_ahead(api, 2)
    await app.use_cases.feed.catch_up()
    batches = WatchBatches(app.store, app.use_cases.feed, EVERYTHING, deque(maxlen=64))
    [short] = await walk(batches, 0)
    assert await batches.after(0) is short
    await far_ahead(api, 1)
    await app.use_cases.feed.catch_up()
    [longer] = await walk(batches, 0)
    assert longer.events[:2] == short.events
    assert len(longer.events) == 3


async def test_what_was_forgotten_before_it_was_read_is_not_passed_over(
    app: App, logged: Sequence[LoggedEvent]
) -> None:
    batches = WatchBatches(app.store, await forgetful(app.store), EVERYTHING, deque())
    before = logged[0].number - 1
    far_off = logged[-1].callback.expire_time
    assert far_off is not None
    await app.store.purge(far_off, Retention(min_events=0), 100)
    with pytest.raises(HistoryGone):
        await batches.after(before)


async def test_a_batch_that_nobody_needs_is_not_kept(app: App, logged: Sequence[LoggedEvent]) -> None:
    kept: deque[WatchBatch] = deque(maxlen=1)
    batches = WatchBatches(app.store, app.use_cases.feed, EVERYTHING, kept)
    first = await batches.after(logged[0].number)
    assert first is not None
    assert await batches.after(logged[0].number) is first
    await batches.after(first.number)  # pushes it out, but it is still in use
    assert await batches.after(logged[0].number) is first
    del first
    assert len(batches._made) == 1

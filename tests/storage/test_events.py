"""Contract: the event log is the store's history, in commit order; lists are consistent with it."""

import asyncio
import random
from collections.abc import Iterable
from contextlib import aclosing

from ringback.domain.callback import Callback, State
from ringback.domain.events import Redescribed, Ringing
from ringback.domain.filter import MATCH_ALL
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, EventKind, EventPage, History, LoggedEvent, Retention, Snapshot
from ringback.storage.operations import PAGE_BYTES
from tests.world.event_log import events_after
from tests.world.samples import NOW, cancel, changes, dial, ending, new, offer, seconds


async def test_a_fresh_log_is_empty(store: Store) -> None:
    assert await store.history() == History(0, 0)
    assert await store.events(0, 10) == []


async def test_events_are_numbered_in_commit_order(store: Store) -> None:
    one, two = new(), new()
    await store.create([one])
    await store.create([two])
    await store.apply(changes(one, cancel(one)))

    events = await store.events(0, 10)

    assert [event.callback for event in events] == [one, two, cancel(one)]
    numbers = [event.number for event in events]
    assert numbers == sorted(set(numbers))
    assert await store.history() == History(0, numbers[-1])


async def test_events_are_read_from_anywhere(store: Store) -> None:
    await store.create([new() for _ in range(10)])
    events = await store.events(0, 100)
    assert await store.events(events[3].number, 100) == events[4:]
    assert await store.events(events[3].number, 2) == events[4:6]
    assert await store.events(events[-1].number, 100) == []


async def test_the_events_of_one_callback_in_parts(store: Store) -> None:
    one, other = new(), new()
    versions = [one, offer(one), dial(offer(one))]
    await store.create([other, one])
    await store.apply(changes(other, cancel(other)))
    await store.apply(changes(*versions))
    whole = [event for event in await store.events(0, 100) if event.callback.callback_id == one.callback_id]
    assert [event.callback for event in whole] == versions

    assert await store.events_of(one.callback_id, 0, 10) == EventPage(whole, more=False)
    assert await store.events_of(one.callback_id, 0, 3) == EventPage(whole, more=False)
    assert await store.events_of(one.callback_id, 0, 2) == EventPage(whole[:2], more=True)
    assert await store.events_of(one.callback_id, whole[1].number, 2) == EventPage(whole[2:], more=False)
    assert await store.events_of(one.callback_id, whole[2].number, 2) == EventPage([], more=False)
    assert await store.events_of(new().callback_id, 0, 10) == EventPage([], more=False)


async def test_large_events_of_one_callback_come_in_small_parts(store: Store) -> None:
    """Not so many that a response outgrows a message; at least one."""
    versions = [new(description="\N{BELL}" * 100_000)]
    for _ in range(9):
        versions.append(after(versions[-1], Redescribed(at=NOW, request=versions[-1].request)))
    await store.create(versions[:1])
    await store.apply(changes(*versions))

    found: list[LoggedEvent] = []
    sizes = []
    more = True
    while more:
        page = await store.events_of(versions[0].callback_id, found[-1].number if found else 0, 100)
        sizes.append(len(page.events))
        found += page.events
        more = page.more

    assert [event.callback for event in found] == versions
    assert max(sizes) <= 1 + PAGE_BYTES // 400_000
    assert min(sizes) >= 1


async def test_waiting_returns_at_once_for_what_is_there(store: Store) -> None:
    await store.create([new()])
    await asyncio.wait_for(events_after(store, 0), 5)


async def test_waiting_returns_when_something_is_committed(store: Store) -> None:
    """All tasks that wait are woken, whatever they wait for next."""
    watchers = [asyncio.create_task(follow(store, 3)) for _ in range(10)]
    await asyncio.sleep(0)
    assert not any(watcher.done() for watcher in watchers)
    callbacks = [new() for _ in range(3)]
    for callback in callbacks:
        await store.create([callback])

    seen = await asyncio.wait_for(asyncio.gather(*watchers), 5)

    assert seen == [callbacks] * 10


async def test_extending_wakes_nobody(store: Store) -> None:
    await store.create([new()])
    waiting = asyncio.create_task(events_after(store, (await store.history()).newest))
    await store.shift_leases(seconds(1), 0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_slow_follower_misses_nothing(store: Store) -> None:
    """More is committed than is kept for it in memory."""
    async with aclosing(store.follow(0)) as batches:
        callbacks = [new() for _ in range(100)]
        await store.create(callbacks[:1])
        seen = [event.callback for event in await anext(batches)]
        for _ in range(15):
            more = [new() for _ in range(100)]
            callbacks += more
            await store.create(more)
        await store.create(callbacks[1:100])
        numbers = []
        while len(seen) < len(callbacks):
            for event in await asyncio.wait_for(anext(batches), 5):
                numbers.append(event.number)
                seen.append(event.callback)
    assert numbers == sorted(numbers)
    assert {callback.callback_id for callback in seen} == {callback.callback_id for callback in callbacks}
    assert len(seen) == len(callbacks)


async def follow(store: Store, count: int) -> list[Callback]:
    """Return the callbacks of the first events, each as soon as it can be read."""
    seen: list[Callback] = []
    async with aclosing(store.follow(0)) as batches:
        while len(seen) < count:
            seen += [event.callback for event in await anext(batches)]
    return seen


def fold(events: Iterable[LoggedEvent]) -> dict[str, Callback]:
    """Return the callbacks that there are after these events."""
    present: dict[str, Callback] = {}
    for event in events:
        callback_id = event.callback.callback_id
        before = present.pop(callback_id, None)
        assert (before is None) == (event.kind is EventKind.CREATED) == (event.previous is None)
        if before is not None and event.previous is not None:
            assert event.previous.state is before.state
        if event.kind is not EventKind.PURGED:
            present[callback_id] = event.callback
    return present


async def live(store: Store, dice: random.Random) -> None:
    """Play a callback's life, as chance has it, among rivals."""
    callback = new(target=f"sip:{dice.randrange(5)}@example.com")
    await store.create([callback])
    while not callback.ended:
        step = cancel(callback)
        if callback.state is State.QUEUED and dice.random() < 0.8:
            step = offer(callback)
        elif callback.state is State.OFFERED and dice.random() < 0.8:
            step = dial(callback)
        elif callback.state in (State.DIALING, State.CANCELLING):
            ringing = after(callback, Ringing(at=NOW))
            step = ringing if ringing is not callback else after(callback, ending(Outcome.BUSY))
        try:
            await store.apply([Change(callback, step)])
        except RevisionConflict:  # the target is in a call
            continue
        callback = step


async def test_lists_agree_with_the_log_at_every_moment(store: Store) -> None:
    dice = random.Random(9)
    lives = [asyncio.create_task(live(store, random.Random(dice.random()))) for _ in range(60)]
    snapshots: list[Snapshot] = []
    purges = 0
    while not all(task.done() for task in lives):
        snapshots.append(await store.list(MATCH_ALL, "", 1000))
        snapshots.append(await store.snapshot(MATCH_ALL, "", 1000))
        purges += await store.purge(NOW + seconds(1), Retention(ended_callbacks=seconds(0)), 3)
    await asyncio.gather(*lives)
    snapshots.append(await store.list(MATCH_ALL, "", 1000))

    events = await store.events(0, 10_000)

    assert purges
    for snapshot in snapshots:
        present = fold(event for event in events if event.number <= snapshot.number)
        assert {callback.callback_id: callback for callback in snapshot.callbacks} == present


async def test_what_is_at_hand_is_what_would_be_read(store: Store) -> None:
    dice = random.Random(10)
    last = new()
    following = asyncio.create_task(follow_closely(store, until=last.callback_id))
    for _ in range(3):
        await asyncio.gather(*(live(store, random.Random(dice.random())) for _ in range(20)))
        assert await store.purge(NOW + seconds(1), Retention(ended_callbacks=seconds(0)), 3)
    await store.create([last])

    followed = await following

    read = await store.events(0, 10_000)
    assert [as_filters_see(event) for event in followed] == [as_filters_see(event) for event in read]


async def follow_closely(store: Store, until: str) -> list[LoggedEvent]:
    """Return all events up to a callback's first."""
    followed: list[LoggedEvent] = []
    async with aclosing(store.follow(0)) as batches:
        while not followed or followed[-1].callback.callback_id != until:
            followed += await anext(batches)
    return followed


def as_filters_see(event: LoggedEvent) -> tuple[object, ...]:
    before = event.previous
    seen = before and (
        before.state,
        before.request.priority,
        before.due_date,
        before.dial_target,
        before.end_time,
    )
    return event.number, event.kind, event.callback, seen

"""The figures of the queues are what counting rows would find, whatever happens and however late the log is read."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.application.access import ANYBODY, Caller, Grant, Role
from ringback.application.callbacks.create import CreateCommand
from ringback.application.dispatch.lease_request import LeaseRequest
from ringback.application.erasure import Erasure
from ringback.application.events.feed import EventFeed
from ringback.application.open_callbacks import OpenCallbacks
from ringback.application.queue_counts import EventsMissed, QueueCounts, ServiceFigures
from ringback.application.queue_figures import QueueFigures
from ringback.domain.callback import Callback, State
from ringback.domain.errors import RingbackError, StorageUnavailable
from ringback.domain.faults import Faults
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.service import Service
from ringback.domain.target import Target
from ringback.domain.update import RequestUpdate
from ringback.ports.dialer import OutcomeReport
from ringback.ports.store import Store
from ringback.ports.values import OpenByService, Retention
from ringback.storage.sqlite import SqliteStore
from tests.world.stopping_store import StoppingStore
from tests.world.use_cases import OFFICE_HOURS, World

PATIENCE_S = 20
CRM = Caller("crm", [Grant(role=Role.OPERATOR)])


# --- Everything that can happen ----------------------------------------------------------------------------------


class Play:
    """Two services, and the use cases that change what is open for them."""

    def __init__(self, world: World, services: Sequence[Service]) -> None:
        self._world = world
        self._services = list(services)
        self._callbacks: list[Callback] = []

    async def create(self, choice: int) -> None:
        delay = timedelta(hours=max(0, choice % 6 - 3))
        created = await self._world.create(
            self._services[choice % 5 == 0],
            f"sip:{choice % 50}@b.example",
            priority=LEVELS[choice % 3],
            due_date=self._world.clock.now() + delay if delay else None,
            max_retries=choice % 3,
        )
        self._callbacks.append(created)

    async def update(self, choice: int) -> None:
        callback = self._callbacks[choice % len(self._callbacks)]
        due = self._world.clock.now() + timedelta(minutes=choice % 90 - 30)
        possible: Sequence[dict[str, Any]] = (
            {"priority": LEVELS[choice // 4 % 3]},
            {"due_date": due},
            {"description": "again"},
            {"target": f"sip:{choice % 50}@b.example"},
        )
        fields = possible[choice % 4]
        update = RequestUpdate(replace(callback.request, **fields), tuple(fields))
        await self._world.callback_changes.update(ANYBODY, callback.callback_id, update, Faults(), "")

    async def cancel(self, choice: int) -> None:
        callback = self._callbacks[choice % len(self._callbacks)]
        await self._world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")

    async def lease(self, choice: int) -> None:
        await self._world.assigner.start()
        await self._world.serve(LeaseRequest(dialer_id="test", max_leases=1 + choice % 3))

    async def report(self, choice: int) -> None:
        held = await self._world.store.held_by("test")
        callback = held[choice % len(held)]
        assert callback.lease is not None
        token, leases = callback.lease.token, self._world.leases
        outcome = (Outcome.ANSWERED, Outcome.BUSY, Outcome.INTERRUPTED)[choice % 3]
        if choice % 7 == 0:
            await leases.release(ANYBODY, token)
        elif callback.state is State.OFFERED:
            await leases.dialing(ANYBODY, token)
        elif callback.state is State.DIALING and choice % 2:
            await leases.connected(ANYBODY, token)
        else:
            await leases.ended(ANYBODY, token, OutcomeReport(outcome=outcome))

    async def wait(self, choice: int) -> None:
        """Let things become due, lapse, be retried, expire, and be purged."""
        hours = (0.001, 0.02, 0.02, 1, 5, 24, 24 * 8, 24 * 40)[choice % 8]
        await self._world.run_until(timedelta(hours=hours))

    async def close(self, choice: int) -> None:
        """Let a service close or open."""
        service = self._services[choice % 2]
        hours = OFFICE_HOURS if choice % 3 else service.opening_hours
        await self._world.directory.update(
            ANYBODY,
            service.service_id,
            "",
            lambda current: replace(current, opening_hours=hours, paused=choice % 5 == 0),
        )

    async def erase(self, choice: int) -> None:
        await self._world.erasure.erase(ANYBODY, Target.parse(f"sip:{choice % 50}@b.example"))

    async def delete(self, choice: int) -> None:
        place = choice % 2
        await self._world.directory.delete(ANYBODY, self._services[place].service_id, "")
        self._services[place] = await self._world.service(sip_address=f"sip:{choice}@cc.example")

    async def do(self, name: str, choice: int) -> None:
        """Do it, as far as it is possible, a second later than what was before."""
        self._world.clock.pass_time(timedelta(seconds=1))
        action: Callable[[int], Awaitable[None]] = getattr(self, name)
        with suppress(RingbackError, ZeroDivisionError):
            await action(choice)


# Few, so that several wait in each.
LEVELS = (Priority.STRICT_PRIORITY, Priority.NORMAL, Priority.NORMAL)
OFTEN = ("create", "create", "create", "update", "cancel", "lease", "lease", "report", "report", "report")
RARE = ("wait", "close", "erase", "delete")
actions = st.one_of(st.sampled_from(OFTEN), st.sampled_from((*OFTEN, *RARE)))
steps = st.lists(st.tuples(actions, st.integers(0, 10**6)), max_size=60)


@asynccontextmanager
async def opened() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "ringback.db")
        try:
            yield World(store)
        finally:
            await store.close()


async def two_services(world: World) -> Sequence[Service]:
    return [await world.service(sip_address=f"sip:queue-{n}@cc.example", max_concurrent_calls=4) for n in range(2)]


async def check(counts: QueueCounts, store: Store) -> None:
    """Compare with what counting rows finds. Every line has its oldest, or none."""
    counted = await store.open_by_service()
    expected = QueueCounts(counted)
    assert counts.number == counted.number
    assert counts.all() == expected.all()
    assert expected.unknown(None) == []
    known, right = counts.oldest(None), expected.oldest(None)
    unknown = counts.unknown(None)
    assert {(service_id, level) for service_id, lines in right.items() for level in lines} == {
        *unknown,
        *((service_id, level) for service_id, lines in known.items() for level in lines),
    }
    for service_id, lines in known.items():
        for level, oldest in lines.items():
            assert oldest == right[service_id][level]


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(1, 9))
def test_folded_counts_are_those_of_the_rows(steps: Sequence[tuple[str, int]], portion: int) -> None:
    """The log is read late, some events at a time, as the database has it: without all old values."""

    async def run() -> None:
        async with opened() as world:
            counts = QueueCounts(OpenByService(0, []))
            play = Play(world, await two_services(world))
            for place, (name, choice) in enumerate(steps):
                await play.do(name, choice)
                if place % 4 == 0:
                    counts.fold(await world.store.events(counts.number, portion))
            while events := await world.store.events(counts.number, portion):
                counts.fold(events)
            await check(counts, world.store)

    asyncio.run(run())


@asynccontextmanager
async def following(feed: EventFeed, figures: QueueFigures) -> AsyncIterator[None]:
    """Run the loops that a server has for them."""
    loops = [asyncio.create_task(loop) for loop in (feed.run(), figures.run())]
    try:
        yield
        assert not any(loop.done() for loop in loops)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(steps)
def test_figures_that_follow_the_feed_are_those_of_the_rows(steps: Sequence[tuple[str, int]]) -> None:
    async def run() -> None:
        async with opened() as world, asyncio.timeout(4 * PATIENCE_S):
            play = Play(world, await two_services(world))
            await world.feed.start()
            figures = world.queue_figures
            async with following(world.feed, figures):
                for name, choice in steps:
                    await play.do(name, choice)
                    if choice % 3 == 0:
                        await figures.catch_up()
                        expected = QueueCounts(await world.store.open_by_service())
                        assert await figures.oldest() == expected.oldest(None)
                        assert figures.all() == expected.all()
                await figures.catch_up()
                assert figures._counts is not None
                await check(figures._counts, world.store)

    asyncio.run(run())


# --- What a service has ------------------------------------------------------------------------------------------


async def test_the_figures_of_a_service(world: World) -> None:
    service, other = await two_services(world)
    for n in range(3):
        await world.create(service, f"sip:{n}@b.example", priority=Priority.HIGH)
    await world.create(service, "sip:x@b.example", due_date=world.clock.now() + timedelta(hours=1))
    await world.lease()
    await world.queue_figures.count()
    figures = world.queue_figures.of(service.service_id)
    assert figures.counts == {(Priority.HIGH, State.QUEUED): 2, (Priority.HIGH, State.OFFERED): 1}
    assert (figures.waiting, figures.in_progress, figures.scheduled) == ({Priority.HIGH: 2}, 1, 1)
    assert world.queue_figures.all() == {service.service_id: figures}
    assert world.queue_figures.of(other.service_id) == ServiceFigures()


# --- What the log does not say any more ----------------------------------------------------------------------------


async def test_events_that_were_purged_before_they_were_read_make_it_count_again(world: World) -> None:
    service, _ = await two_services(world)
    await world.create(service)
    await world.feed.start()
    await world.queue_figures.count()
    for n in range(5):
        await world.create(service, f"sip:{n}@b.example")
    now = world.clock.pass_time(timedelta(days=2))
    assert await world.store.purge(now, Retention(events=timedelta(hours=1), min_events=2), 100)
    async with following(world.feed, world.queue_figures), asyncio.timeout(PATIENCE_S):
        await world.queue_figures.catch_up()
        assert world.queue_figures.of(service.service_id).waiting == {Priority.NORMAL: 6}
        await world.create(service)
        await world.queue_figures.catch_up()
        assert world.queue_figures.of(service.service_id).waiting == {Priority.NORMAL: 7}


async def test_a_gap_is_not_folded_over(world: World) -> None:
    service, _ = await two_services(world)
    for n in range(3):
        await world.create(service, f"sip:{n}@b.example")
    events = await world.store.events(0, 10)
    counts = QueueCounts(OpenByService(0, []))
    counts.fold(events[:1])
    counts.fold(events[:1])  # counted already
    with pytest.raises(EventsMissed, match="events 2 to 2 are kept no longer"):
        counts.fold(events[2:])


async def test_what_leaves_was_there(world: World) -> None:
    """Otherwise the counts are wrong, and are not made worse."""
    service, _ = await two_services(world)
    await world.callback_changes.cancel(ANYBODY, (await world.create(service)).callback_id, "", "")
    [_, cancelled] = await world.store.events(0, 10)
    with pytest.raises(EventsMissed, match="one more has left"):
        QueueCounts(OpenByService(1, [])).fold([cancelled])


class _Exchanged:
    """A store in whose place another one can be put, as a database that is restored from a copy."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


async def test_a_database_that_is_an_earlier_state_of_itself_is_counted_again(tmp_path: Path, world: World) -> None:
    """As when a standby takes over that lagged behind: the numbers of its events are given out once more."""
    service, _ = await two_services(world)
    await world.create(service)
    exchanged: Any = _Exchanged(world.store)
    feed = EventFeed(exchanged)
    figures = QueueFigures(exchanged, feed)
    await feed.start()
    async with following(feed, figures), asyncio.timeout(2 * PATIENCE_S):
        for n in range(5):
            await world.create(service, f"sip:{n}@b.example")
        await figures.catch_up()
        assert figures.of(service.service_id).waiting == {Priority.NORMAL: 6}
        other = World(await SqliteStore.open(tmp_path / "other.db"))
        try:
            await other.store.put_service(service)
            await other.create(service, priority=Priority.LOW)
            exchanged.store = other.store
            await figures.catch_up()
            assert figures.of(service.service_id).waiting == {Priority.LOW: 1}
            await other.create(service, priority=Priority.HIGH)  # under a number that the feed has read already
            await figures.catch_up()
            assert figures.of(service.service_id).waiting == {Priority.LOW: 1, Priority.HIGH: 1}
        finally:
            await other.store.close()


@pytest.mark.parametrize("times", [1, 2])
async def test_an_erasure_that_another_one_overtakes_counts_once(world: World, times: int) -> None:
    """Both log that the callback is gone; the second still had a version of it that waited."""
    phone = Target.parse("tel:+41785556677")
    service, _ = await two_services(world)
    await world.create(service, phone.uri)
    stopping: Any = StoppingStore(world.store)
    erasure = Erasure(stopping, world.directory, world.clock)
    async with stopping.stopped("get_many", erasure.erase(ANYBODY, phone), after=False), asyncio.timeout(PATIENCE_S):
        for _ in range(times):
            await world.erasure.erase(ANYBODY, phone)
    counts = QueueCounts(OpenByService(0, []))
    counts.fold(await world.store.events(0, 100))
    await check(counts, world.store)
    assert counts.all() == {}


async def test_an_erasure_that_another_one_overtakes_leaves_the_limit_as_it_is(world: World) -> None:
    phone = Target.parse("tel:+41785556677")
    service, _ = await two_services(world)
    command = CreateCommand(replace((await world.create(service)).request, target=phone.uri))
    await world.callback_creation.create(CRM, command)
    stopping: Any = StoppingStore(world.store)
    erasure = Erasure(stopping, world.directory, world.clock)
    async with stopping.stopped("get_many", erasure.erase(ANYBODY, phone), after=False), asyncio.timeout(PATIENCE_S):
        await world.erasure.erase(ANYBODY, phone)
    opened = OpenCallbacks(world.clock.monotonic)
    opened.on_events(await world.store.events(0, 100))
    assert opened.reserve("crm", "1", 1)
    assert not opened.reserve("crm", "2", 1)


# --- Waiting for figures -----------------------------------------------------------------------------------------


async def test_before_the_first_count_there_are_no_figures(world: World) -> None:
    await world.create((await two_services(world))[0])
    figures = world.queue_figures
    assert not figures.counted
    assert figures.all() == {}
    assert await figures.oldest() == {}
    waiting = asyncio.create_task(figures.catch_up())
    await asyncio.wait([waiting], timeout=0.01)
    figures.close()
    with pytest.raises(StorageUnavailable, match="the server stops"):
        await waiting
    await figures.count()
    assert figures.counted


async def test_a_count_that_lasts_does_not_hold_up_the_caller(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.application.queue_figures._PATIENCE_S", 0.01)
    with pytest.raises(StorageUnavailable, match="the queues are still being counted"):
        await world.queue_figures.catch_up()


async def test_what_is_never_read_of_the_log_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is refused, and the next one is not."""
    monkeypatch.setattr("ringback.application.queue_figures._PATIENCE_S", 0.01)
    await world.feed.start()
    await world.queue_figures.count()
    service, _ = await two_services(world)
    await world.create(service)
    with pytest.raises(StorageUnavailable, match="this server lags behind the event log"):
        await world.queue_figures.catch_up()
    await world.queue_figures.count()
    await world.queue_figures.catch_up()
    assert world.queue_figures.of(service.service_id).waiting == {Priority.NORMAL: 1}

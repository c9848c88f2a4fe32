"""What has just become due, while a poll waits for it, is queued and leased by one write."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.dispatch.assigner import Assigner
from ringback.application.scheduling.scheduler import Work
from ringback.domain.callback import Callback, State
from ringback.domain.dial_rules import DialRules
from ringback.domain.errors import StorageUnavailable
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.queue import Queue, Turn
from ringback.ports.dialer import OutcomeReport
from ringback.ports.values import Change
from tests.world.dialer import until
from tests.world.granting import granting_of, poll
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, World

DUE = MONDAY_9 + seconds(10)


class WritingStore:
    """A store that notes which states are written together, and may fail."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.writes: list[list[State]] = []
        self.written = asyncio.Condition()
        # Set when a queue is read.
        self.read = asyncio.Event()
        self.fault: StorageUnavailable | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def queue(self, *arguments: Any) -> Queue | None:
        self.read.set()
        return await self._store.queue(*arguments)

    async def apply(self, changes: Sequence[Change], turn: Turn | None = None) -> None:
        if self.fault is not None:
            raise self.fault
        await self._store.apply(changes, turn)
        async with self.written:
            self.writes.append([change.after.state for change in changes])
            self.written.notify_all()


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[tuple[Assigner, WritingStore]]:
    """Run an assigner that the scheduler brings what is due; the writes of both are noted."""
    store = WritingStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(5):
        world.scheduler._store = store
        world.scheduler._take_due = granting.take_due
        yield granting, store


async def waiting_poll(granting: Assigner, **fields: Any) -> "asyncio.Task[Sequence[Callback]]":
    """Return a poll that waits: there was nothing for it when it came."""
    asking = asyncio.create_task(granting.lease(ANYBODY, poll(**fields)))
    await until(
        lambda: granting.open_polls == 1 and granting._serving is None and not granting._readiness.woken.is_set()
    )
    return asking


async def steps_of(world: World, callback: Callback) -> list[State]:
    return [event.callback.state for event in (await world.store.events_of(callback.callback_id, 0, 10)).events]


async def test_one_write_queues_and_leases_what_a_poll_waits_for(world: World) -> None:
    callback = await world.create(await world.service(), due_date=DUE)
    async with at_work(world) as (granting, store):
        asking = await waiting_poll(granting)
        early = await world.scheduler.run_once(DUE - seconds(0.000001))
        assert (early, store.writes, asking.done()) == (DUE, [], False)

        next_time = await world.run_until(seconds(10))
        [leased] = await asking
        assert store.writes == [[State.QUEUED, State.OFFERED]]
    assert leased.lease is not None
    assert (leased.callback_id, leased.queue_time) == (callback.callback_id, DUE)
    assert next_time == leased.lease.expire_time
    assert world.scheduler.moved[Work.DUE] == 1
    assert await steps_of(world, callback) == [State.SCHEDULED, State.QUEUED, State.OFFERED]


async def test_without_a_poll_it_waits_in_the_queue(world: World) -> None:
    callback = await world.create(await world.service(), due_date=DUE)
    async with at_work(world) as (_, store):
        await world.run_until(seconds(10))
        assert store.writes == [[State.QUEUED]]
    assert await world.state(callback) is State.QUEUED


async def test_a_poll_for_another_service_is_not_waited_for(world: World) -> None:
    other = await world.service(sip_address="sip:other@cc.example")
    await world.create(await world.service(), due_date=DUE)
    async with at_work(world) as (granting, store):
        asking = await waiting_poll(granting, service_ids=frozenset({other.service_id}))
        await world.run_until(seconds(10))
        assert (store.writes, asking.done()) == ([[State.QUEUED]], False)
        granting.close()
        assert await asking == ()


async def test_who_is_next_is_decided_as_if_all_had_been_queued_before(world: World) -> None:
    """Those that wait already, and those that come: by level, then by when they became due."""
    service = await world.service()
    normal, strict, later = [
        await world.create(service, f"sip:{n}@b.example", due_date=DUE - seconds(before), priority=level)
        for n, (before, level) in enumerate(
            [(2, Priority.NORMAL), (1, Priority.STRICT_PRIORITY), (0, Priority.STRICT_PRIORITY)]
        )
    ]
    async with at_work(world) as (granting, store):
        asking = await waiting_poll(granting)
        await world.run_until(seconds(10))
        assert [c.callback_id for c in await asking] == [strict.callback_id]
        assert store.writes == [[State.QUEUED] * 3 + [State.OFFERED]]
        rest = await granting.lease(ANYBODY, poll(max_leases=5))
        assert [c.callback_id for c in rest] == [later.callback_id, normal.callback_id]


async def test_what_waits_longer_comes_before_what_has_just_arrived(world: World) -> None:
    """It waits because its line was longer than the free slots; one more slot is there with the arrival."""
    service = await world.service(max_concurrent_calls=1)
    first = await world.create(service, "sip:1@b.example")
    waiting = await world.create(service, "sip:2@b.example")
    arriving = await world.create(service, "sip:3@b.example", due_date=DUE)
    async with at_work(world) as (granting, store):
        [leased] = await granting.lease(ANYBODY, poll())
        assert leased.callback_id == first.callback_id
        asking = await waiting_poll(granting)
        await world.run_until(seconds(10))
        assert store.writes[1:] == [[State.QUEUED]]  # nobody takes it to a service without a free slot
        await world.callback_changes.cancel(ANYBODY, first.callback_id, "", "")
        assert [c.callback_id for c in await asking] == [waiting.callback_id]
    assert await world.state(arriving) is State.QUEUED


async def test_no_second_call_to_a_phone_that_is_in_one(world: World) -> None:
    other = await world.service(sip_address="sip:other@cc.example")
    calling = await world.create(other, "sip:same@b.example")
    arriving = await world.create(await world.service(), "sip:same@b.example", due_date=DUE)
    async with at_work(world) as (granting, store):
        [leased] = await granting.lease(ANYBODY, poll())
        assert leased.callback_id == calling.callback_id
        asking = await waiting_poll(granting)
        await world.run_until(seconds(10))
        assert store.writes[1:] == [[State.QUEUED]]
        await world.callback_changes.cancel(ANYBODY, calling.callback_id, "", "")
        assert [c.callback_id for c in await asking] == [arriving.callback_id]


async def test_who_was_dialled_too_often_today_gets_no_lease(world: World) -> None:
    service = await world.service(dial_rules=DialRules(attempts_per_number_and_day=1), default_max_retries=1)
    callback = await world.create(service, "tel:+41445556677", seconds_between_retries=0)
    async with at_work(world) as (granting, store):
        [leased] = await granting.lease(ANYBODY, poll())
        assert leased.lease is not None
        await world.leases.dialing(ANYBODY, leased.lease.token)
        await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
        await world.feed.catch_up()
        asking = await waiting_poll(granting)
        store.writes.clear()
        await world.run_until(seconds(0))
        async with store.written:
            await store.written.wait_for(lambda: len(store.writes) == 2)
        assert store.writes == [[State.QUEUED], [State.FAILED]]
        assert not asking.done()
        granting.close()
        await asking
    assert await world.state(callback) is State.FAILED


async def test_what_may_not_be_dialled_any_more_is_queued_and_taken_out(world: World) -> None:
    service = await world.service()
    callback = await world.create(service, "tel:+41445556677", due_date=DUE)
    deny = replace(DialRules(), phone=replace(DialRules().phone, deny=("+4144",)))
    async with at_work(world) as (granting, store):
        await world.directory.update(ANYBODY, service.service_id, "", lambda s: replace(s, dial_rules=deny))
        asking = await waiting_poll(granting)
        await world.run_until(seconds(10))
        async with store.written:
            await store.written.wait_for(lambda: len(store.writes) == 2)
        assert store.writes == [[State.QUEUED], [State.FAILED]]
        assert not asking.done()
        granting.close()
        await asking
    assert await world.state(callback) is State.FAILED


async def test_a_service_that_was_paused_meanwhile_gets_no_lease(world: World) -> None:
    service = await world.service()
    callback = await world.create(service, due_date=DUE)
    async with at_work(world) as (granting, store):
        asking = await waiting_poll(granting)
        await world.directory.update(ANYBODY, service.service_id, "", lambda s: replace(s, paused=True))
        await world.run_until(seconds(10))
        assert (store.writes, asking.done()) == ([[State.QUEUED]], False)
        await world.directory.update(ANYBODY, service.service_id, "", lambda s: replace(s, paused=False))
        assert [c.callback_id for c in await asking] == [callback.callback_id]


async def test_while_the_database_is_away_the_poll_fails_and_the_callback_stays(world: World) -> None:
    callback = await world.create(await world.service(), due_date=DUE)
    async with at_work(world) as (granting, store):
        asking = await waiting_poll(granting)
        store.fault = StorageUnavailable("away")
        with pytest.raises(StorageUnavailable):
            await world.run_until(seconds(10))
        with pytest.raises(StorageUnavailable):
            await asking
        assert await world.state(callback) is State.SCHEDULED

        store.fault = None
        asking = await waiting_poll(granting)
        await world.run_until(seconds(0))
        assert [c.callback_id for c in await asking] == [callback.callback_id]


async def test_a_scheduler_that_was_stopped_meanwhile_leaves_the_lease_as_it_is(world: World) -> None:
    await world.create(await world.service(), due_date=DUE)
    async with at_work(world) as (granting, store):
        asking = await waiting_poll(granting)
        passing = asyncio.create_task(world.run_until(seconds(10)))
        await store.read.wait()
        passing.cancel()
        assert len(await asking) == 1
        assert store.writes == [[State.QUEUED, State.OFFERED]]


async def test_an_assigner_that_has_stopped_takes_nothing(world: World) -> None:
    callback = await world.create(await world.service(), due_date=DUE)
    async with at_work(world) as (granting, _):
        asking = await waiting_poll(granting)
    await world.run_until(seconds(10))
    assert await world.state(callback) is State.QUEUED
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

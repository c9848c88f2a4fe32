"""Grants of callbacks whose phone is in a call, or may still ring since a dialer was lost."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ringback.application.access import ANYBODY
from ringback.domain.callback import Callback, State
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority, pick
from ringback.domain.queue import Queue
from ringback.domain.service import Service
from ringback.ports.dialer import OutcomeReport
from tests.world.dialer import PATIENCE_S
from tests.world.granting import CountingStore, granting_of, poll
from tests.world.samples import seconds
from tests.world.use_cases import World

PHONE, GATEWAY = "tel:+41785556677", "sip:+41785556677@gw.example;user=phone"


async def lose_a_dialer(world: World, service: Service) -> Callback:
    """Dial the phone, and report that the call was interrupted; return its callback."""
    first = await world.create(service, PHONE, max_retries=0)
    leased = await world.lease()
    assert leased.callback_id == first.callback_id
    return await interrupt(world, leased)


async def interrupt(world: World, leased: Callback) -> Callback:
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    ended, _ = await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.INTERRUPTED))
    return ended


async def test_two_spellings_of_a_phone_are_not_leased_together(world: World) -> None:
    """Those behind the second one are leased all the same."""
    service = await world.service()
    spellings = (PHONE, GATEWAY, "sips:+41-78-555-66-77@pbx.example")
    first, *_ = [await world.create(service, spelling) for spelling in spellings]
    behind = await world.create(service, "sip:behind@b.example", priority=Priority.LOWEST)
    await world.assigner.start()
    granted = await world.serve(poll(max_leases=10))
    assert [c.callback_id for c in granted] == [first.callback_id, behind.callback_id]


async def test_a_poll_gets_a_kept_phone_when_its_ring_has_ended(world: World) -> None:
    """No event tells of it: the assigner looks again at that time, and not before, however often it is woken."""
    service = await world.service(ring_timeout=seconds(0.05))
    await lose_a_dialer(world, service)
    waiting = await world.create(service, GATEWAY)
    store = CountingStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(PATIENCE_S):
        granted = asyncio.create_task(granting.lease(ANYBODY, poll()))
        await store.looked(3)  # the clock of this world stands still, so its timer finds the phone still kept
        assert not granted.done()
        world.clock.pass_time(seconds(0.05))
        assert [c.callback_id for c in await granted] == [waiting.callback_id]


async def test_the_turn_is_not_touched_by_kept_phones(world: World) -> None:
    """They are passed over, and neither earn nor pay: all others come in the order of the discipline."""
    service = await world.service(max_concurrent_calls=100)
    await lose_a_dialer(world, service)
    for priority in Priority:
        await world.create(service, PHONE, priority=priority)
    others = [
        await world.create(service, f"sip:{n}@b.example", priority=priority)
        for n in range(7)
        for priority in (Priority.NORMAL, Priority.LOW)
    ]
    levels = {c.callback_id: c.priority for c in others}
    turn = (await _queue(world, service)).turn
    expected, credits_ = [], turn.credits
    for _ in range(7):
        level, credits_ = pick({Priority.NORMAL, Priority.LOW}, credits_, service.priority_weights)
        expected.append(level)
    assert [levels[(await world.lease()).callback_id] for _ in range(7)] == expected
    assert (await _queue(world, service)).turn.credits == credits_


async def _queue(world: World, service: Service) -> Queue:
    queue = await world.store.queue(service.service_id, 1, world.clock.now())
    assert queue is not None
    return queue


async def test_a_dialer_that_is_lost_while_the_queue_is_read_keeps_its_phone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is out of date when the lease is written: the whole of another call has come and gone since."""
    service = await world.service()
    waiting = await world.create(service, GATEWAY)
    other = await world.service(sip_address="sip:other@cc.example")
    read = world.store.queue

    async def read_slowly(service_id: str, depth: int, now: datetime) -> Queue | None:
        queue = await read(service_id, depth, now)
        patch.undo()
        first = await world.create(other, PHONE, max_retries=0)
        leased = await _lease(world, other)
        assert leased.callback_id == first.callback_id
        await interrupt(world, leased)
        return queue

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "queue", read_slowly)
        await world.assigner.start()
        assert await world.serve(poll(service_ids=frozenset({service.service_id}))) == []
    world.clock.pass_time(service.ring_timeout)
    assert (await _lease(world, service)).callback_id == waiting.callback_id


async def _lease(world: World, service: Service) -> Callback:
    await world.assigner.start()
    [leased] = await world.serve(poll(service_ids=frozenset({service.service_id})))
    return leased


async def test_a_row_that_an_earlier_version_wrote_holds_nobody_up(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no phone, so that the queue does not tell that its phone is in a call; the write refuses it."""
    monkeypatch.setattr("ringback.application.dispatch.readiness._RETRY_S", 0.0)
    service = await world.service()
    await world.create(service, PHONE, max_retries=0)
    leased = await world.lease()
    old = await world.create(service, GATEWAY)
    behind = await world.create(service, "sip:behind@b.example")
    with closing(sqlite3.connect(tmp_path / "ringback.db")) as database, database:
        database.execute("UPDATE callback SET phone = NULL")
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        assert [c.callback_id for c in await granting.lease(ANYBODY, poll(max_leases=2))] == [behind.callback_id]
        assert not await granting.lease(ANYBODY, poll(wait_s=0))
        await interrupt(world, leased)
        granted = asyncio.create_task(granting.lease(ANYBODY, poll()))
        assert not await granting.lease(ANYBODY, poll(wait_s=0))
        world.clock.pass_time(service.ring_timeout)
        assert [c.callback_id for c in await granted] == [old.callback_id]


# --- Clock jumps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1)], ids=["ahead", "back"])
async def test_a_clock_jump_after_the_loss_changes_nothing_about_the_ring(world: World, jump: timedelta) -> None:
    service = await world.service()
    await lose_a_dialer(world, service)
    waiting = await world.create(service, GATEWAY)
    world.clock.jump(jump)
    await world.clock_jumps.follow()
    await ends_in(world, service.ring_timeout, waiting)


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1)], ids=["ahead", "back"])
async def test_a_clock_jump_before_the_loss_changes_nothing_about_the_ring(world: World, jump: timedelta) -> None:
    service = await world.service()
    await world.create(service, PHONE, max_retries=0)
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    waiting = await world.create(service, GATEWAY)
    world.clock.jump(jump)
    await world.clock_jumps.follow()
    await world.run_until(seconds(30))
    assert await world.state(leased) is State.FAILED
    await ends_in(world, service.ring_timeout, waiting)


async def ends_in(world: World, span: timedelta, waiting: Callback) -> None:
    """Check that the callback is leased when that time has passed, and not before."""
    moment = timedelta(microseconds=1)
    world.clock.pass_time(span - moment)
    await world.assigner.start()
    assert await world.serve(poll()) == []
    world.clock.pass_time(moment)
    assert (await world.lease()).callback_id == waiting.callback_id

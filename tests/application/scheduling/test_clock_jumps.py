"""The clock is set unseen, by all servers or by some: what a server finds is as if it had seen it under way."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from ringback.app.use_cases import UseCases
from ringback.application.access import ANYBODY
from ringback.application.scheduling.database_outage import GRACE
from ringback.clocks import SharedClock
from ringback.config import Settings
from ringback.domain.callback import LONGEST_LEASE, Callback, State
from ringback.domain.dial_rules import DEFAULT_RULES
from ringback.domain.errors import StorageUnavailable
from ringback.domain.outcome import Outcome
from ringback.domain.service import LONGEST_RING_TIMEOUT
from ringback.ports.dialer import OutcomeReport
from tests.world.granting import poll
from tests.world.samples import seconds
from tests.world.use_cases import World

MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)
PHONE, GATEWAY = "tel:+41785556677", "sip:+41785556677@gw.example;user=phone"
STEPS = pytest.mark.parametrize("step", [DAY, -DAY, seconds(40), -seconds(40), -400 * DAY], ids=str)
BACK = pytest.mark.parametrize("step", [-timedelta(hours=1), -DAY, -400 * DAY], ids=str)


async def started_again(world: World, *, boot: str = "this boot") -> World:
    """Return the use cases of the server that is started next on the database and this clock."""
    another = World(world.store, world.clock, boot=boot)
    await another.clock_jumps.start()
    await another.directory.start()
    await another.clock_jumps.follow()
    return another


async def dialing(world: World) -> Callback:
    await world.clock_jumps.start()
    await world.clock_jumps.follow()
    await world.create(await world.service(ring_timeout=seconds(20)), PHONE, max_retries=0)
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    return await world.leases.dialing(ANYBODY, leased.lease.token)


@STEPS
async def test_in_the_same_boot_a_lease_goes_on_as_if_the_clock_had_not_been_set(world: World, step: timedelta) -> None:
    """Neither does its living dialer lose it, nor does it outlive a dialer that is gone."""
    callback = await dialing(world)
    world.clock.pass_time(seconds(10))
    world.clock.jump(step)
    world = await started_again(world)
    await world.run_until(seconds(20) - MOMENT)
    assert await world.state(callback) is State.DIALING
    await world.run_until(MOMENT)
    assert await world.state(callback) is State.FAILED


@STEPS
async def test_it_moves_once_however_often_a_server_is_started(world: World, step: timedelta) -> None:
    callback = await dialing(world)
    world.clock.jump(step)
    for _ in range(3):
        world = await started_again(world)
    await world.run_until(seconds(30) - MOMENT)
    assert await world.state(callback) is State.DIALING
    await world.run_until(MOMENT)
    assert await world.state(callback) is State.FAILED


async def test_ahead_over_one_restart_and_back_over_the_next(world: World) -> None:
    callback = await dialing(world)
    for step in (DAY, -DAY):
        world.clock.jump(step)
        world = await started_again(world)
        await world.run_until(seconds(10))
    assert await world.state(callback) is State.DIALING
    await world.run_until(seconds(10))
    assert await world.state(callback) is State.FAILED


async def test_ahead_over_a_restart_and_back_while_the_server_runs(world: World) -> None:
    callback = await dialing(world)
    world.clock.jump(DAY)
    world = await started_again(world)
    world.clock.jump(-DAY)
    await world.clock_jumps.follow()
    await world.run_until(seconds(30) - MOMENT)
    assert await world.state(callback) is State.DIALING
    await world.run_until(MOMENT)
    assert await world.state(callback) is State.FAILED


@STEPS
async def test_what_is_killed_as_soon_as_it_has_moved_the_leases_has_noted_the_jump(
    world: World, step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(_: object) -> None:
        raise StorageUnavailable("killed")

    callback = await dialing(world)
    world.clock.jump(step)
    with monkeypatch.context() as afterwards, suppress(StorageUnavailable):
        afterwards.setattr(world.store, "mark_clock", killed)
        await world.clock_jumps.follow()
    world.clock.jump(-step)
    world = await started_again(world)
    await world.run_until(seconds(30) - MOMENT)
    assert await world.state(callback) is State.DIALING
    await world.run_until(MOMENT)
    assert await world.state(callback) is State.FAILED


@BACK
async def test_what_a_server_extends_before_it_notices_a_jump_that_another_has_noticed_is_cut_short(
    world: World, step: timedelta
) -> None:
    callback = await dialing(world)
    assert callback.lease is not None
    another = await started_again(world)
    world.clock.jump(step)
    await world.clock_jumps.follow()
    await another.leases.extend(ANYBODY, [callback.lease.token], seconds(30))
    await another.clock_jumps.follow()
    await world.run_until(seconds(30))
    assert await world.state(callback) is State.FAILED


async def test_what_a_server_extends_before_it_notices_a_jump_ahead_does_not_lapse_at_once(world: World) -> None:
    """The database of both says what time it is."""

    async def read_clock() -> datetime:
        return world.clock.now()

    callback = await dialing(world)
    assert callback.lease is not None
    shared_clock = SharedClock(read_clock)
    another = UseCases(Settings(), world.store, shared_clock)
    await another.start()
    world.clock.jump(DAY)
    await shared_clock.follow()
    await another.clock.follow()
    [extended] = await world.leases.extend(ANYBODY, [callback.lease.token], seconds(30))
    assert extended.expire_time is not None
    assert extended.expire_time < another.clock.now()
    await another.scheduler.run_once(another.clock.now())
    assert await world.state(callback) is State.DIALING
    await another.scheduler.run_once(another.clock.now() + GRACE)
    assert await world.state(callback) is State.FAILED


@STEPS
async def test_in_the_same_boot_a_phone_is_kept_for_as_long_as_it_may_ring(world: World, step: timedelta) -> None:
    callback = await dialing(world)
    assert callback.lease is not None
    await world.leases.ended(ANYBODY, callback.lease.token, OutcomeReport(outcome=Outcome.INTERRUPTED))
    world.clock.jump(step)
    world = await started_again(world)
    waiting = await world.create(await world.service(sip_address="sip:other@cc.example"), GATEWAY)
    world.clock.pass_time(seconds(20) - MOMENT)
    await world.assigner.start()
    assert await world.serve(poll()) == []
    world.clock.pass_time(MOMENT)
    assert (await world.lease()).callback_id == waiting.callback_id


@BACK
async def test_after_a_boot_no_lease_is_longer_than_it_can_be(
    world: World, step: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    callback = await dialing(world)
    world.clock.jump(step)
    world = await started_again(world, boot="the next one")
    assert "the clock was set back unseen: 1 leases were cut short" in caplog.text
    await world.run_until(seconds(30))
    assert await world.state(callback) is State.FAILED


async def test_after_a_boot_a_lease_that_can_be_is_left_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    callback = await dialing(world)
    assert callback.lease is not None
    await world.leases.extend(ANYBODY, [callback.lease.token], LONGEST_LEASE)
    await started_again(world, boot="the next one")
    [held] = await world.store.held_by("test")
    assert held.lease is not None
    assert held.lease.expire_time == world.clock.now() + LONGEST_LEASE
    assert "clock" not in caplog.text


@BACK
async def test_after_a_boot_a_phone_is_kept_no_longer_than_any(world: World, step: timedelta) -> None:
    callback = await dialing(world)
    assert callback.lease is not None
    await world.leases.ended(ANYBODY, callback.lease.token, OutcomeReport(outcome=Outcome.INTERRUPTED))
    world.clock.jump(step)
    world = await started_again(world, boot="the next one")
    waiting = await world.create(await world.service(sip_address="sip:other@cc.example"), GATEWAY)
    world.clock.pass_time(LONGEST_RING_TIMEOUT)
    assert (await world.lease()).callback_id == waiting.callback_id


async def test_what_a_time_service_corrects_slowly_is_no_jump_over_a_restart(world: World) -> None:
    callback = await dialing(world)
    for _ in range(20):
        world.clock.jump(seconds(1.5))
        await world.clock_jumps.follow()
    assert callback.lease is not None
    await world.leases.extend(ANYBODY, [callback.lease.token], seconds(30))
    another = await started_again(world)
    assert await another.store.clock_jumps() == 0


# --- Schedules -------------------------------------------------------------------------------------------------


@BACK
async def test_a_retry_waits_for_its_delay_by_the_clock_as_it_is(world: World, step: timedelta) -> None:
    """Although what is recorded goes forward."""
    service = await world.service()
    callback = await world.create(service, seconds_between_retries=300)
    leased = await world.lease()
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    world.clock.jump(step)
    await world.clock_jumps.follow()
    ended, _ = await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    assert ended.next_attempt_time == world.clock.now() + seconds(300)
    await world.run_until(seconds(300))
    assert await world.state(callback) is State.QUEUED


async def planned_ahead(world: World) -> tuple[Callback, Callback, Callback]:
    """Return a retry, a callback in the queue, and one that is due tomorrow, of a clock that is a day ahead."""
    service = await world.service(max_queue_time=30 * DAY)
    retried = await world.create(service, seconds_between_retries=300)
    leased = await world.lease()
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    queued = await world.create(service, "sip:queued@b.example")
    later = await world.create(service, "sip:later@b.example", due_date=world.clock.now() + timedelta(hours=1))
    return retried, queued, later


@pytest.mark.parametrize("boot", ["this boot", "the next one"])
@pytest.mark.parametrize("under_way", [False, True], ids=["over a restart", "under way"])
async def test_what_was_planned_by_a_clock_ahead_follows_it_back(world: World, boot: str, under_way: bool) -> None:
    await world.clock_jumps.start()
    await world.clock_jumps.follow()
    retried, queued, later = await planned_ahead(world)
    world.clock.jump(-DAY)
    if under_way:
        await world.clock_jumps.follow()
    else:
        world = await started_again(world, boot=boot)
    now = world.clock.now()
    await world.scheduler.run_once(now)
    found = {c.callback_id: c for c in await world.store.get_many([c.callback_id for c in (retried, queued, later)])}
    retry, first, due = (found[c.callback_id] for c in (retried, queued, later))
    assert (retry.state, retry.next_attempt_time) == (State.SCHEDULED, now + seconds(300))
    assert (first.state, first.ready_time, first.queue_time) == (State.QUEUED, now, queued.queue_time)
    assert due == later
    # Those who come now stand behind the one that was there.
    world.clock.pass_time(MOMENT)
    behind = await world.create(await world.directory.get(queued.service_id), "sip:behind@b.example")
    assert [(await world.lease()).callback_id for _ in range(2)] == [queued.callback_id, behind.callback_id]
    await world.run_until(seconds(300) - MOMENT)
    assert await world.state(retried) is State.QUEUED


async def test_all_that_waits_is_looked_at_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.application.scheduling.scheduler.BATCH", 2)
    await world.clock_jumps.start()
    service = await world.service()
    waiting = [await world.create(service, f"sip:n{n}@b.example") for n in range(5)]
    world.clock.jump(-DAY)
    await world.clock_jumps.follow()
    now = world.clock.now()
    while await world.scheduler.run_once(now) == now:
        pass
    found = await world.store.get_many([callback.callback_id for callback in waiting])
    assert {callback.ready_time for callback in found} == {now}


@BACK
async def test_what_was_dialled_by_a_clock_ahead_counts_as_dialled_today(world: World, step: timedelta) -> None:
    rules = replace(DEFAULT_RULES, attempts_per_number_and_day=1)
    world.dial_policy.replace(rules)
    service = await world.service()
    await world.create(service, PHONE, max_retries=0)
    leased = await world.lease()
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    world.clock.jump(step)
    await world.clock_jumps.follow()
    dialled = await world.store.dialled_of("tel:+41785556677", world.clock.now() - DAY)
    assert world.dial_policy.used_up(service, dialled, world.clock.now()) is not None

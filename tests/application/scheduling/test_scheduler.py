"""What the passing of time does. Time is passed in: no test waits for a clock."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.scheduling import leader_election
from ringback.application.scheduling.scheduler import Work
from ringback.domain.callback import Callback, State
from ringback.domain.errors import StorageUnavailable
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport
from ringback.ports.values import Extension
from tests.world.samples import seconds
from tests.world.stopping_store import StoppingStore
from tests.world.use_cases import MONDAY_9, OFFICE_HOURS, World


async def test_a_callback_is_queued_when_it_is_due_and_not_before(world: World) -> None:
    service = await world.service()
    callback = await world.create(service, due_date=MONDAY_9 + seconds(10))
    assert callback.state is State.SCHEDULED
    due = MONDAY_9 + seconds(10)
    assert await world.scheduler.run_once(MONDAY_9) == due
    assert await world.scheduler.run_once(due - timedelta(microseconds=1)) == due
    assert await world.state(callback) is State.SCHEDULED
    await world.run_until(seconds(10))
    queued = await world.callback_queries.get(ANYBODY, callback.callback_id)
    assert (queued.state, queued.queue_time) == (State.QUEUED, due)


async def test_with_nothing_to_wait_for_only_the_purge_is_planned(world: World) -> None:
    assert await world.scheduler.run_once(MONDAY_9) == MONDAY_9 + timedelta(minutes=1)


async def test_what_was_missed_while_nobody_looked_is_made_up_in_one_pass(world: World) -> None:
    service = await world.service(default_max_retries=0)
    callbacks = [
        await world.create(service, f"sip:n{n}@b.example", due_date=MONDAY_9 + seconds(n)) for n in range(1, 1200)
    ]
    await world.run_until(timedelta(hours=5))
    assert len(await world.store.queued(service.service_id, 2000)) == len(callbacks)


async def in_call(world: World) -> Callback:
    """Return a callback in a call, with a lease of 30 seconds."""
    callback = await world.create(await world.service())
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await world.leases.connected(ANYBODY, leased.lease.token)
    return callback


async def test_a_lease_that_could_not_be_extended_during_an_outage_may_be_afterwards(world: World) -> None:
    """For ten seconds. Then it has lapsed, since its dialer is gone, too."""
    callback = await in_call(world)
    world.clock.pass_time(seconds(20))
    world.scheduler.note_outage(world.clock.now())
    now = world.clock.pass_time(seconds(40))
    assert await world.scheduler.run_once(now) == now + seconds(1)
    assert await world.state(callback) is State.CONNECTED
    await world.run_until(seconds(9))
    assert await world.state(callback) is State.CONNECTED
    await world.run_until(seconds(1))
    ended = await world.callback_queries.get(ANYBODY, callback.callback_id)
    assert (ended.state, ended.attempts[0].outcome) == (State.COMPLETED, Outcome.INTERRUPTED)


async def test_a_lease_that_was_over_before_the_outage_lapses_after_it_at_once(world: World) -> None:
    callback = await in_call(world)
    world.clock.pass_time(seconds(30))
    world.scheduler.note_outage(world.clock.now())
    await world.run_until(seconds(40))
    assert await world.state(callback) is State.COMPLETED


async def test_an_outage_is_noticed_by_a_write_that_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = await in_call(world)
    healthy = [False, True]
    world.clock.pass_time(seconds(20))

    async def probe() -> bool:
        return healthy.pop(0)

    monkeypatch.setattr(world.store, "probe", probe)
    await world.scheduler.look_for_outage(world.clock.now())
    await world.run_until(seconds(40))
    assert await world.state(callback) is State.CONNECTED


async def test_leases_lapse_while_only_large_writes_are_refused(world: World) -> None:
    """A disk may be nearly full for days, and extensions fit: whose dialer is lost must not wait for it."""
    callback = await in_call(world)
    full = StorageUnavailable("the disk is full")
    world.store._writer.health.refuse(full, 1_000_000)  # type: ignore[attr-defined]
    assert not world.store.healthy
    await world.scheduler.look_for_outage(world.clock.now())
    await world.run_until(seconds(30))
    assert await world.state(callback) is State.COMPLETED


async def test_expiry_ends_what_waits_and_what_is_offered(world: World) -> None:
    service = await world.service(max_queue_time=timedelta(minutes=1))
    offered = await world.create(service, "sip:1@b.example")
    assert (await world.lease(timedelta(minutes=10))).callback_id == offered.callback_id
    queued = await world.create(service, "sip:2@b.example")
    scheduled = await world.create(
        service, "sip:3@b.example", due_date=MONDAY_9 + seconds(59), expire_time=MONDAY_9 + seconds(60)
    )
    assert await world.run_until(seconds(59)) == MONDAY_9 + seconds(60)
    await world.run_until(seconds(1))
    assert [await world.state(c) for c in (offered, queued, scheduled)] == [State.EXPIRED] * 3


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], State.QUEUED),
        (["dialing"], State.SCHEDULED),
        (["dialing", "ringing"], State.SCHEDULED),
        (["dialing", "connected"], State.COMPLETED),
        (["dialing", "cancel"], State.CANCELLED),
    ],
    ids=str,
)
async def test_a_lost_dialer(world: World, reports: list[str], expected: State) -> None:
    service = await world.service(ring_timeout=timedelta(minutes=2))
    await world.create(service)
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    for report in reports:
        if report == "cancel":
            await world.callback_changes.cancel(ANYBODY, leased.callback_id, "", "")
        else:
            await getattr(world.leases, report)(ANYBODY, leased.lease.token)
    assert await world.run_until(seconds(29)) == MONDAY_9 + seconds(30)
    await world.run_until(seconds(1))
    lapsed = await world.callback_queries.get(ANYBODY, leased.callback_id)
    assert (lapsed.state, lapsed.lease) == (expected, None)
    if reports:
        assert lapsed.attempts[-1].outcome is Outcome.INTERRUPTED
    if expected is State.SCHEDULED:  # the phone may still ring: longer than the 60 s that were asked for
        assert lapsed.next_attempt_time == MONDAY_9 + seconds(30) + timedelta(minutes=2)


async def test_a_report_or_an_extension_keeps_the_lease(world: World) -> None:
    await world.create(await world.service())
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    world.clock.pass_time(seconds(20))
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await world.run_until(seconds(25))
    assert await world.state(leased) is State.DIALING
    [extended] = await world.leases.extend(ANYBODY, [leased.lease.token], seconds(60))
    assert extended.expire_time == world.clock.now() + seconds(60)
    await world.run_until(seconds(59))
    assert await world.state(leased) is State.DIALING
    await world.run_until(seconds(1))
    assert await world.state(leased) is State.SCHEDULED


async def test_leases_of_a_dialer_that_died_with_the_process_are_closed_at_the_start(world: World) -> None:
    await world.create(await world.service())
    leased = await world.lease()
    assert await world.scheduler.release_orphans("somebody else", world.clock.now()) == 0
    assert await world.scheduler.release_orphans("test", world.clock.now()) == 1
    assert await world.state(leased) is State.QUEUED


async def test_what_was_decided_and_not_stored_is_told_to_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The process stands still between the two, and the dialer extends its lease meanwhile, at another server."""
    stopping = StoppingStore(world.store)
    world.scheduler._store = stopping
    callback = await in_call(world)
    now = world.clock.pass_time(seconds(30))
    async with stopping.stopped("apply", world.scheduler.run_once(now), after=False):
        held = await world.callback_queries.get(ANYBODY, callback.callback_id)
        assert held.lease is not None
        longer = Extension(callback.callback_id, held.lease.fencing_token, now + seconds(30))
        assert await world.store.extend([longer]) == [True]
    assert await world.state(callback) is State.CONNECTED
    assert not [line for line in caplog.messages if "was lost with" in line]
    assert world.scheduler.moved[Work.LAPSED] == 0

    await world.run_until(seconds(30))
    assert [line for line in caplog.messages if "was lost with" in line] == [
        f"dialer test was lost with callback {callback.callback_id}: CONNECTED becomes COMPLETED"
    ]


# --- Opening hours ---------------------------------------------------------------------------------------------


async def test_due_while_closed_moves_to_the_next_opening(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    late = await world.create(service, due_date=MONDAY_9 + timedelta(hours=10))
    assert late.next_attempt_time == MONDAY_9 + timedelta(hours=23)
    await world.run_until(timedelta(hours=22))
    assert await world.state(late) is State.SCHEDULED
    await world.run_until(timedelta(hours=1))
    assert await world.state(late) is State.QUEUED


async def test_a_service_that_closes_takes_its_queue_along_and_keeps_its_order(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS, max_concurrent_calls=1)
    callbacks = [await world.create(service, f"sip:n{n}@b.example") for n in range(3)]
    await world.leader_election.ask()
    assert await world.scheduler.run_once(MONDAY_9) == MONDAY_9 + timedelta(minutes=1)
    closing = await world.run_until(timedelta(hours=9))
    assert [await world.state(c) for c in callbacks] == [State.SCHEDULED] * 3
    assert closing == world.clock.now() + timedelta(minutes=1)
    await world.run_until(timedelta(hours=14))
    assert [c.callback_id for c in await world.store.queued(service.service_id, 9)] == [
        c.callback_id for c in callbacks
    ]
    assert (await world.lease()).callback_id == callbacks[0].callback_id


async def test_a_service_that_is_deleted_needs_no_closing(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    callback = await world.create(service)
    await world.scheduler.run_once(MONDAY_9)
    await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
    await world.directory.delete(ANYBODY, service.service_id, "")
    assert await world.run_until(timedelta(hours=9)) == world.clock.now() + timedelta(minutes=1)


async def test_changed_hours_move_those_who_wait_for_an_opening(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    evening = await world.create(service, due_date=MONDAY_9 + timedelta(hours=10))
    open_longer = OpeningHours("UTC", (OpeningPeriod(1, 8 * 60, 22 * 60),))
    service = await world.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(current, opening_hours=open_longer)
    )
    await world.scheduler.run_once(MONDAY_9)
    assert (await world.callback_queries.get(ANYBODY, evening.callback_id)).next_attempt_time == MONDAY_9 + timedelta(
        hours=10
    )
    holiday = replace(open_longer, closed_dates=frozenset({date(2026, 11, 2)}))
    await world.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(current, opening_hours=holiday)
    )
    await world.run_until(timedelta(hours=10))
    moved = await world.callback_queries.get(ANYBODY, evening.callback_id)
    assert (moved.state, moved.next_attempt_time) == (State.SCHEDULED, MONDAY_9 + timedelta(days=7, hours=-1))


async def test_a_retry_while_closed_waits_for_the_opening(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    await world.create(service, seconds_between_retries=0)
    leased = await world.lease(timedelta(minutes=10))
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    world.clock.pass_time(timedelta(hours=9))
    ended, _ = await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    assert (ended.state, ended.next_attempt_time) == (State.SCHEDULED, MONDAY_9 + timedelta(hours=23))


@pytest.mark.parametrize(
    ("zone", "night", "opening"),
    [
        # Clocks go forward: 02:30 does not exist, and the period from 02:00 to 04:00 begins at 03:00 local time.
        ("Europe/Zurich", date(2027, 3, 28), datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ("America/New_York", date(2027, 3, 14), datetime(2027, 3, 14, 7, tzinfo=UTC)),
        # Clocks go back: the first of the two 02:00 in Zurich; in New York 01:00 to 02:00 is the hour that repeats.
        ("Europe/Zurich", date(2026, 10, 25), datetime(2026, 10, 25, 0, tzinfo=UTC)),
        ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 1, 7, tzinfo=UTC)),
        ("Asia/Kolkata", date(2026, 11, 1), datetime(2026, 10, 31, 20, 30, tzinfo=UTC)),
    ],
)
async def test_openings_in_the_nights_when_clocks_change(
    world: World, zone: str, night: date, opening: datetime
) -> None:
    world.clock.wall = datetime(night.year, night.month, night.day, tzinfo=UTC) - timedelta(hours=8)
    await world.clock_jumps.start()
    hours = OpeningHours(zone, (OpeningPeriod(night.isoweekday(), 2 * 60, 4 * 60),))
    callback = await world.create(await world.service(opening_hours=hours))
    assert (callback.state, callback.next_attempt_time) == (State.SCHEDULED, opening)


# --- Clock jumps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1)], ids=["ahead", "back"])
async def test_a_clock_jump_ends_no_living_dialer(world: World, jump: timedelta) -> None:
    await world.create(await world.service())
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    world.clock.jump(jump)
    await world.clock_jumps.follow()
    await world.run_until(seconds(29))
    assert await world.state(leased) is State.DIALING
    await world.run_until(seconds(1))  # and a dead one is still noticed after its 30 s
    assert await world.state(leased) is State.SCHEDULED


async def test_a_clock_that_learns_the_time_at_the_start_does_not_jump(world: World) -> None:
    world.clock.jump(timedelta(days=20_000))
    await world.clock_jumps.start()
    assert world.clock_jumps.jump_s() == 0


async def test_slow_corrections_of_the_clock_are_no_jump(world: World) -> None:
    for _ in range(10):
        world.clock.jump(seconds(0.5))
        assert world.clock_jumps.jump_s() == 0


async def test_times_of_a_callback_go_forward_when_the_clock_goes_back(world: World) -> None:
    service = await world.service()
    await world.create(service, max_retries=0)
    leased = await world.lease()
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    world.clock.jump(-timedelta(hours=1))
    await world.clock_jumps.follow()
    ended, _ = await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    [attempt] = ended.attempts
    assert attempt.end_time is not None
    assert attempt.end_time >= attempt.start_time
    assert ended.state is State.FAILED


# --- The loop --------------------------------------------------------------------------------------------------


async def test_the_loop_wakes_for_what_is_committed_while_it_sleeps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop sleeps until the purge in a minute; a callback that is due now wakes it."""
    monkeypatch.setattr(leader_election, "TERM", timedelta(hours=1))
    await world.feed.start()
    service = await world.service()
    loops = [asyncio.create_task(world.feed.run()), asyncio.create_task(world.scheduler_loop.run())]
    await world.leader_election.ask()
    callback = await world.create(service, due_date=MONDAY_9 + seconds(5))
    async with asyncio.timeout(5):
        while world.scheduler_loop._wake_time != MONDAY_9 + seconds(5):
            await world.feed.catch_up()
            await asyncio.sleep(0)
        world.clock.pass_time(seconds(5))
        while await world.state(callback) is not State.QUEUED:
            number = world.feed.newest
            await world.feed.wait_beyond(number, 0.1)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


async def test_ended_callbacks_are_kept_as_long_as_their_service_says(world: World) -> None:
    short = await world.service(keep_ended=timedelta(days=1))
    usual = await world.service(sip_address="sip:usual@cc.example")
    over = await world.create(short)
    kept = await world.create(usual)
    for callback in (over, kept):
        await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
    await world.run_until(timedelta(hours=23))
    assert len(await world.store.get_many([over.callback_id, kept.callback_id])) == 2
    await world.run_until(timedelta(hours=2))
    assert [c.callback_id for c in await world.store.get_many([over.callback_id, kept.callback_id])] == [
        kept.callback_id
    ]
    await world.directory.update(ANYBODY, usual.service_id, "", lambda s: replace(s, keep_ended=timedelta(hours=1)))
    await world.run_until(timedelta(minutes=2))
    assert await world.store.get_many([kept.callback_id]) == []


async def test_what_passes_have_moved_is_counted(world: World) -> None:
    service = await world.service()
    await world.create(service, due_date=world.clock.now() + timedelta(minutes=1))
    await world.create(service, expire_time=world.clock.now() + timedelta(seconds=90))
    await world.run_until(timedelta(minutes=2))
    assert world.scheduler.moved[Work.DUE] == 1
    assert world.scheduler.moved[Work.EXPIRED] == 1
    assert world.scheduler.moved[Work.LAPSED] == 0

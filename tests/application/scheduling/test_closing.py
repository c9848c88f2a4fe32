"""Closed means closed: what becomes of waiting callbacks when hours change, whoever changes them and whenever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.callbacks.create import CallbackCreation
from ringback.application.directory import Directory
from ringback.application.scheduling import scheduler as scheduling
from ringback.application.scheduling.scheduler import Scheduler
from ringback.domain.callback import Callback, State
from ringback.domain.closing import attempt_time, correction
from ringback.domain.errors import StorageUnavailable
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.domain.service import Service
from ringback.ports.dialer import OutcomeReport
from ringback.ports.values import Retention
from ringback.storage.sqlite import SqliteStore
from tests.world.samples import new as new_callback
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, OFFICE_HOURS, World

HOUR = timedelta(hours=1)
TUESDAY_8 = MONDAY_9 + 23 * HOUR
HOLIDAY = replace(OFFICE_HOURS, closed_dates=frozenset({date(2026, 11, 2)}))
LACKING = OpeningHours("Mars/Olympus")
CLOSED_NOW = {
    "hours": (OpeningHours("UTC", (OpeningPeriod(2, 8 * 60, 18 * 60),)), TUESDAY_8),
    "a date": (HOLIDAY, TUESDAY_8),
    "the zone": (replace(OFFICE_HOURS, time_zone="Pacific/Auckland"), datetime(2026, 11, 2, 19, tzinfo=UTC)),
    # Closed for longer than is looked ahead: it waits for its end.
    "for ever": (
        OpeningHours("UTC", (OpeningPeriod(1, 0, 60),), frozenset(MONDAY_9.date() + timedelta(n) for n in range(400))),
        MONDAY_9 + timedelta(days=7),
    ),
}


async def set_hours(world: World, service: Service, hours: OpeningHours, directory: Directory | None = None) -> None:
    await (directory or world.directory).update(
        ANYBODY, service.service_id, "", lambda current: replace(current, opening_hours=hours)
    )


async def now_is(world: World, callback: Callback) -> tuple[State, datetime | None]:
    current = await world.callback_queries.get(ANYBODY, callback.callback_id)
    return current.state, current.next_attempt_time


async def pass_now(world: World) -> None:
    """Do all that is due; where the world hears of what is committed, also because of that."""
    more = True
    while more:
        if world.leader_election.leads:
            await world.feed.catch_up()
        more = await world.scheduler.run_once(world.clock.now()) <= world.clock.now()


@pytest.fixture
async def leading(world: World) -> AsyncIterator[World]:
    """Let the world hear of what is committed, as the server that makes the passes."""
    async with leads(world):
        yield world


@asynccontextmanager
async def leads(world: World) -> AsyncIterator[None]:
    await world.feed.start()
    await world.directory.start()
    await world.leader_election.ask()
    loop = asyncio.create_task(world.feed.run())
    yield
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


@pytest.mark.parametrize(("hours", "opening"), CLOSED_NOW.values(), ids=CLOSED_NOW)
@pytest.mark.parametrize("before", [OFFICE_HOURS, OpeningHours()], ids=["office hours", "always open"])
async def test_an_update_that_closes_takes_the_queue_along(
    world: World, before: OpeningHours, hours: OpeningHours, opening: datetime
) -> None:
    service = await world.service(opening_hours=before)
    first, second = [await world.create(service, f"sip:{n}@b.example") for n in range(2)]
    await pass_now(world)
    await set_hours(world, service, hours)
    await pass_now(world)
    assert [await now_is(world, c) for c in (first, second)] == [(State.SCHEDULED, opening)] * 2
    await set_hours(world, service, before)
    await pass_now(world)
    queue = await world.store.queued(service.service_id, 9)
    assert [c.callback_id for c in queue] == [first.callback_id, second.callback_id]
    assert {c.ready_time for c in queue} == {MONDAY_9}


@pytest.mark.parametrize(("hours", "opening"), CLOSED_NOW.values(), ids=CLOSED_NOW)
async def test_an_update_by_another_server_while_this_one_is_down(
    world: World, hours: OpeningHours, opening: datetime
) -> None:
    """The other one has not come to apply it, either."""
    service = await world.service(opening_hours=OFFICE_HOURS)
    callback = await world.create(service)
    expire = MONDAY_9 + timedelta(days=7)
    later = await world.create(service, "sip:later@b.example", due_date=MONDAY_9 + HOUR, expire_time=expire)
    await set_hours(world, service, hours)
    restarted = World(world.store, world.clock)
    async with leads(restarted):
        await pass_now(restarted)
    assert await now_is(world, callback) == (State.SCHEDULED, opening)
    assert await now_is(world, later) == (State.SCHEDULED, opening)


async def test_a_callback_that_is_due_ahead_moves_when_its_time_is_closed_now(world: World) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    noon = await world.create(service, "sip:1@b.example", due_date=MONDAY_9 + 3 * HOUR)
    tomorrow = await world.create(service, "sip:2@b.example", due_date=TUESDAY_8 + 2 * HOUR)
    await pass_now(world)
    await set_hours(world, service, HOLIDAY)
    await pass_now(world)
    assert await now_is(world, noon) == (State.SCHEDULED, TUESDAY_8)
    assert await now_is(world, tomorrow) == (State.SCHEDULED, TUESDAY_8 + 2 * HOUR)
    revision = (await world.callback_queries.get(ANYBODY, tomorrow.callback_id)).revision
    assert revision == tomorrow.revision  # what stays is not written
    await set_hours(world, service, OpeningHours())
    await pass_now(world)
    assert await now_is(world, noon) == (State.SCHEDULED, MONDAY_9 + 3 * HOUR)


async def test_an_update_that_leaves_the_hours_alone_reads_no_callback(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    await world.create(service, due_date=MONDAY_9 + HOUR)
    await pass_now(world)
    for question in ("scheduled", "moved_by_hours", "queued"):
        monkeypatch.delattr(SqliteStore.__mro__[1], question)
    await world.directory.update(ANYBODY, service.service_id, "", lambda current: replace(current, paused=True))
    await pass_now(world)


async def test_many_are_planned_anew_in_batches_with_other_work_in_between(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "BATCH", 2)
    service, other = await world.service(opening_hours=OFFICE_HOURS), await world.service(sip_address="sip:o@b.example")
    callbacks = [await world.create(service, f"sip:{n}@b.example", due_date=MONDAY_9 + HOUR) for n in range(5)]
    await pass_now(world)
    await set_hours(world, service, HOLIDAY)
    assert await world.scheduler.run_once(MONDAY_9) == MONDAY_9
    due = await world.create(other, "sip:due@b.example", due_date=MONDAY_9 + seconds(1))
    await world.run_until(seconds(1))
    assert await world.state(due) is State.QUEUED
    await pass_now(world)
    assert [await now_is(world, c) for c in callbacks] == [(State.SCHEDULED, TUESDAY_8)] * 5


async def test_a_queue_longer_than_a_batch_is_emptied(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "BATCH", 2)
    service = await world.service(opening_hours=OFFICE_HOURS)
    for n in range(5):
        await world.create(service, f"sip:{n}@b.example")
    await pass_now(world)
    await set_hours(world, service, HOLIDAY)
    await pass_now(world)
    assert await world.store.queued(service.service_id, 9) == []


# --- What comes back, or in, while it is closed ----------------------------------------------------------------


async def release(world: World, leased: Callback) -> None:
    assert leased.lease is not None
    await world.leases.release(ANYBODY, leased.lease.token)


async def lapse(world: World, leased: Callback) -> None:
    assert leased.lease is not None
    world.clock.pass_time(leased.lease.duration)
    await pass_now(world)


async def fail(world: World, leased: Callback) -> None:
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await set_hours(world, await world.directory.get(leased.service_id), HOLIDAY)
    await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))


@pytest.mark.parametrize("back", [release, lapse, fail])
async def test_what_comes_back_to_a_closed_service_waits_for_its_opening(
    leading: World, back: Callable[..., Any]
) -> None:
    service = await leading.service(opening_hours=OFFICE_HOURS)
    callback = await leading.create(service)
    leased = await leading.lease()
    if back is not fail:
        await set_hours(leading, service, HOLIDAY)
    await back(leading, leased)
    assert await now_is(leading, callback) == (State.SCHEDULED, TUESDAY_8)
    kept = (await leading.callback_queries.get(ANYBODY, callback.callback_id)).ready_time
    assert kept == (MONDAY_9 + seconds(60) if back is fail else MONDAY_9)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (OFFICE_HOURS, HOLIDAY, (State.SCHEDULED, TUESDAY_8)),
        (HOLIDAY, OFFICE_HOURS, (State.QUEUED, MONDAY_9)),
        (OpeningHours(), HOLIDAY, (State.SCHEDULED, TUESDAY_8)),
    ],
    ids=["closed since", "open since", "hours at all"],
)
async def test_what_another_server_plans_by_settings_that_are_out_of_date(
    leading: World, old: OpeningHours, new: OpeningHours, expected: tuple[State, datetime]
) -> None:
    """A server of version 0.1, during an upgrade: those of today compare the settings when they create."""
    service = await leading.service(opening_hours=old)
    behind = Directory(leading.store, leading.clock)
    await behind.start()
    await set_hours(leading, service, new)
    await pass_now(leading)
    created = new_callback(service=service, now=leading.clock.now())
    await leading.store.create([created])
    assert (created.state, created.next_attempt_time) != expected
    await pass_now(leading)
    assert await now_is(leading, created) == expected

    other = World(leading.store, leading.clock)
    other.callback_creation = CallbackCreation(
        leading.store, behind, leading.clock, other.dial_policy, other.recent_dials, leading.usage
    )
    today = await other.create(service)
    assert (today.state, today.next_attempt_time) == expected


class FailingStore:
    """The store below, but for the next change."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.fails = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def apply(self, *call: Any) -> None:
        if self.fails:
            self.fails = False
            raise StorageUnavailable("the disk is full")
        await self._store.apply(*call)


@pytest.mark.parametrize("due_in", [timedelta(0), HOUR], ids=["queued", "scheduled"])
async def test_an_outage_while_a_service_closes_is_made_up_for(world: World, due_in: timedelta) -> None:
    service = await world.service(opening_hours=OFFICE_HOURS)
    callback = await world.create(service, due_date=MONDAY_9 + due_in)
    failing = Scheduler(
        FailingStore(world.store), world.directory, Retention(), world.dial_policy, world.assigner.take_due
    )
    world.directory.listen(failing.note_service)
    await set_hours(world, service, HOLIDAY)
    with pytest.raises(StorageUnavailable):
        await failing.run_once(MONDAY_9)
    await failing.run_once(MONDAY_9)
    assert await now_is(world, callback) == (State.SCHEDULED, TUESDAY_8)


# --- Settings that do not close --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"paused": True},
        {"max_concurrent_calls": 0},
        {"max_concurrent_calls": 1},
        {"max_queue_time": timedelta(minutes=1)},
    ],
    ids=str,
)
async def test_other_settings_leave_what_waits_where_it_is(world: World, change: dict[str, Any]) -> None:
    """What was promised until a time is kept until then, also when new callbacks are kept for a shorter one."""
    service = await world.service(opening_hours=OFFICE_HOURS)
    callbacks = [await world.create(service), await world.create(service, "sip:2@b.example", due_date=MONDAY_9 + HOUR)]
    await world.directory.update(ANYBODY, service.service_id, "", lambda current: replace(current, **change))
    await pass_now(world)
    assert [await world.callback_queries.get(ANYBODY, c.callback_id) for c in callbacks] == callbacks


async def test_fewer_calls_at_once_hold_grants_until_enough_have_ended(world: World) -> None:
    service = await world.service(max_concurrent_calls=3)
    for n in range(4):
        await world.create(service, f"sip:{n}@b.example")
    leased = [await world.lease() for _ in range(2)]
    await world.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(current, max_concurrent_calls=1)
    )
    for one in leased:  # both were offered before: both go on
        assert one.lease is not None
        await world.leases.dialing(ANYBODY, one.lease.token)
    for one in leased:
        with pytest.raises(ValueError, match="not enough values"):
            await world.lease()
        assert one.lease is not None
        await world.leases.ended(ANYBODY, one.lease.token, OutcomeReport(outcome=Outcome.INVALID_NUMBER))
    await world.lease()


async def test_the_ring_timeout_of_the_moment_counts_when_a_dialer_is_lost(world: World) -> None:
    service = await world.service(ring_timeout=seconds(30))
    callback = await world.create(service, seconds_between_retries=0)
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await world.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(current, ring_timeout=seconds(120))
    )
    await world.run_until(seconds(30))
    assert await now_is(world, callback) == (State.SCHEDULED, MONDAY_9 + seconds(150))


# --- A zone that this machine lacks ----------------------------------------------------------------------------


async def test_a_machine_without_the_zone_offers_nothing_and_moves_nothing(leading: World) -> None:
    """Another one, which has the zone, has planned `elsewhere`; the others wait for their turn there."""
    service = await leading.service(opening_hours=OFFICE_HOURS)
    elsewhere = await leading.create(service, "sip:1@b.example", due_date=MONDAY_9 + 10 * HOUR)
    queued = await leading.create(service, "sip:2@b.example", max_retries=1)
    await leading.lease()
    await set_hours(leading, service, LACKING)
    new = await leading.create(service, "sip:3@b.example")
    await lapse(leading, queued := await leading.callback_queries.get(ANYBODY, queued.callback_id))
    assert await now_is(leading, queued) == (State.QUEUED, MONDAY_9)
    assert (await now_is(leading, new))[0] is State.QUEUED
    assert await now_is(leading, elsewhere) == (State.SCHEDULED, TUESDAY_8)
    with pytest.raises(ValueError, match="not enough values"):
        await leading.lease()
    await set_hours(leading, service, OFFICE_HOURS)
    assert (await leading.lease()).callback_id == queued.callback_id


async def test_a_retry_of_a_service_without_its_zone_does_not_expire(world: World) -> None:
    service = await world.service()
    callback = await world.create(service)
    leased = await world.lease()
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    await set_hours(world, service, LACKING)
    await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.BUSY))
    assert await now_is(world, callback) == (State.SCHEDULED, MONDAY_9 + seconds(60))
    await world.run_until(seconds(60))
    assert await world.state(callback) is State.QUEUED


# --- The rule --------------------------------------------------------------------------------------------------

HOURS = st.builds(
    OpeningHours,
    st.sampled_from(["UTC", "Europe/Zurich", "Pacific/Auckland", "Mars/Olympus"]),
    st.lists(
        st.builds(
            lambda day, opens, length: OpeningPeriod(day, opens, opens + length),
            *(st.integers(1, 7), st.integers(0, 20 * 60), st.integers(1, 4 * 60)),
        ),
        max_size=4,
    ).map(tuple),
    st.frozensets(st.dates(date(2026, 11, 1), date(2026, 11, 9)), max_size=3),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=HOURS, after=HOURS, due_h=st.lists(st.integers(0, 100), min_size=1, max_size=5))
async def test_after_an_update_everything_waits_for_the_time_that_is_right(
    tmp_path: Path, before: OpeningHours, after: OpeningHours, due_h: list[int]
) -> None:
    store = await SqliteStore.open(tmp_path / f"{uuid4()}.db")
    try:
        world = World(store)
        service = await world.service(opening_hours=before)
        callbacks = [
            await world.create(service, f"sip:{n}@b.example", due_date=MONDAY_9 + h * HOUR) for n, h in enumerate(due_h)
        ]
        await pass_now(world)
        await set_hours(world, service, after)
        await pass_now(world)
        service = await world.directory.get(service.service_id)
        for callback in [await world.callback_queries.get(ANYBODY, c.callback_id) for c in callbacks]:
            assert correction(callback, service, MONDAY_9) is None
            if not after.lacks_zone:
                right = attempt_time(callback, service, MONDAY_9)
                assert (callback.state is State.QUEUED) is (right <= MONDAY_9)
                assert callback.next_attempt_time == right
    finally:
        await store.close()

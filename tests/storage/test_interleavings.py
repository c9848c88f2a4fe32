"""Every change of a service or a callback, at every point between the queue and the call, on every store.

Two servers means: the change is made on one, and the lease and DIALING are on another, which has not heard of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.callbacks.create import CreateCommand, Created
from ringback.application.dispatch.lease_request import LeaseRequest
from ringback.domain.callback import Callback, State
from ringback.domain.errors import LeaseExpired, StateRefused, TargetAlreadyPending
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service, TargetPolicy
from ringback.domain.target import Target
from ringback.domain.update import RequestUpdate
from tests.world.databases import Database, PostgresDatabase, SqliteDatabase
from tests.world.samples import seconds
from tests.world.stopping_store import StoppingStore
from tests.world.use_cases import MONDAY_9, OFFICE_HOURS, ManualClock, World

pytestmark = pytest.mark.long

# A cell is the state at the end. "-" before it: the callback was not granted. "x": it was, and DIALING was refused with
# LEASE_EXPIRED and this state. Neither: DIALING was accepted.
TABLE: Final = """
change         | before the read | read to grant | offered     | read to write of DIALING | after DIALING
pause          | - QUEUED        | - QUEUED      | x QUEUED    | x QUEUED                 | DIALING
no calls       | - QUEUED        | - QUEUED      | x QUEUED    | x QUEUED                 | DIALING
fewer calls    | DIALING         | DIALING       | DIALING     | DIALING                  | DIALING
close by hours | - SCHEDULED     | - SCHEDULED   | x SCHEDULED | x SCHEDULED              | DIALING
close by date  | - SCHEDULED     | - SCHEDULED   | x SCHEDULED | x SCHEDULED              | DIALING
move the zone  | - SCHEDULED     | - SCHEDULED   | x SCHEDULED | x SCHEDULED              | DIALING
ring shorter   | DIALING         | DIALING       | DIALING     | DIALING                  | DIALING
queue shorter  | DIALING         | DIALING       | DIALING     | DIALING                  | DIALING
cancel         | - CANCELLED     | - CANCELLED   | x CANCELLED | x CANCELLED              | CANCELLING
resolve        | - CANCELLED     | - CANCELLED   | x CANCELLED | x CANCELLED              | CANCELLING
expire         | - EXPIRED       | - EXPIRED     | x EXPIRED   | x EXPIRED                | DIALING
reschedule     | - SCHEDULED     | - SCHEDULED   | DIALING     | DIALING                  | DIALING
move up        | DIALING         | DIALING       | DIALING     | DIALING                  | DIALING
describe       | DIALING         | DIALING       | DIALING     | DIALING                  | DIALING
"""

TUESDAY_8 = MONDAY_9 + timedelta(hours=23)
LATER = MONDAY_9 + timedelta(hours=2)
TARGET = "sip:first@b.example"
# When a callback that goes back to SCHEDULED is tried again.
NEXT: Final = {
    "close by hours": TUESDAY_8,
    "close by date": TUESDAY_8,
    "move the zone": datetime(2026, 11, 2, 19, tzinfo=UTC),  # Tuesday 08:00 in Auckland
    "reschedule": LATER,
}
ON_TUESDAY = OpeningHours("UTC", (OpeningPeriod(2, 8 * 60, 18 * 60),))
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "pause": {"paused": True},
    "no calls": {"max_concurrent_calls": 0},
    "fewer calls": {"max_concurrent_calls": 1},
    "close by hours": {"opening_hours": ON_TUESDAY},
    "close by date": {"opening_hours": replace(OFFICE_HOURS, closed_dates=frozenset({date(2026, 11, 2)}))},
    "move the zone": {"opening_hours": replace(OFFICE_HOURS, time_zone="Pacific/Auckland")},
    "ring shorter": {"ring_timeout": seconds(1)},
    "queue shorter": {"max_queue_time": timedelta(minutes=1)},
}
UPDATES: Final[dict[str, dict[str, Any]]] = {
    "reschedule": {"due_date": LATER},
    "move up": {"priority": Priority.HIGHEST},
    "describe": {"description": "call about the invoice"},
}


def cells() -> list[Any]:
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines())
    return [
        pytest.param(change, point, expected, id=f"{change}, {point}")
        for change, *results in rows
        for point, expected in zip(head[1:], results, strict=True)
    ]


@dataclass
class Servers:
    """The server that grants, with the store that stops it, and the one that changes and makes the passes."""

    store: StoppingStore
    granting: World
    changing: World

    async def pass_is_made(self) -> None:
        for world in (self.granting, self.changing):
            await world.feed.catch_up()
        await self.changing.directory.refresh()
        await self.changing.scheduler.run_once(self.changing.clock.now())


@pytest.fixture(scope="session", params=["sqlite", "postgres", "two servers"])
def place(request: pytest.FixtureRequest) -> tuple[Callable[[Path], Database], int]:
    """Return a function that makes a database, and how many servers there are on it."""
    if request.param == "sqlite":
        return SqliteDatabase, 1
    cluster = request.getfixturevalue("cluster")
    return lambda _: PostgresDatabase(cluster.new_schema()), 2 if request.param == "two servers" else 1


@pytest.fixture
async def servers(place: tuple[Callable[[Path], Database], int], tmp_path: Path) -> AsyncIterator[Servers]:
    new_database, count = place
    database, clock = new_database(tmp_path), ManualClock()
    async with AsyncExitStack() as stack:
        worlds: list[World] = []
        for _ in range(count):
            store = await database.open()
            stack.push_async_callback(store.close)
            worlds.append(await stack.enter_async_context(following(World(cast("Any", StoppingStore(store)), clock))))
        await worlds[-1].leader_election.ask()
        yield Servers(cast("StoppingStore", worlds[0].store), worlds[0], worlds[-1])


@asynccontextmanager
async def following(world: World) -> AsyncIterator[World]:
    """Let a server hear of what is committed."""
    await world.feed.start()
    loop = asyncio.create_task(world.feed.run())
    try:
        yield world
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def make(change: str, world: World, service: Service, callback: Callback) -> None:
    if change in SETTINGS:
        await world.directory.update(
            ANYBODY, service.service_id, "", lambda current: replace(current, **SETTINGS[change])
        )
    elif change == "cancel":
        await world.callback_changes.cancel(ANYBODY, callback.callback_id, "not needed", "")
    elif change == "resolve":
        await world.callback_changes.resolve(ANYBODY, Target.parse(TARGET), "rang in", lambda _: True)
    elif change == "expire":
        await world.run_until(seconds(10))
    else:
        await update(world, callback, UPDATES[change])


async def update(world: World, callback: Callback, values: dict[str, Any]) -> None:
    """Update the callback. What is dialled, when and how often changes only while it waits."""
    request = RequestUpdate(CallbackRequest(**values), tuple(values))
    try:
        await world.callback_changes.update(ANYBODY, callback.callback_id, request, Faults(), "")
    except StateRefused:
        assert "description" not in values
        assert await world.state(callback) in (State.OFFERED, State.DIALING)


async def grant(world: World) -> Sequence[Callback]:
    await world.assigner.start()
    return await world.serve(LeaseRequest(dialer_id="test", duration=seconds(60)))


async def dial(world: World, leased: Callback) -> Callback | LeaseExpired:
    assert leased.lease is not None
    try:
        return await world.leases.dialing(ANYBODY, leased.lease.token)
    except LeaseExpired as refusal:
        return refusal


async def play(
    servers: Servers, point: str, change: Callable[[], Awaitable[None]], callback: Callback
) -> tuple[bool, Callback | LeaseExpired | None]:
    """Return whether the callback was granted, and what became of DIALING then."""
    stops = {"before the read": ("queue", False), "read to grant": ("queue", True)}
    if point in stops:
        method, after = stops[point]
        async with servers.store.stopped(method, grant(servers.granting), after=after) as granting:
            await change()
        granted = granting.result()
    else:
        granted = await grant(servers.granting)
    leased = next((c for c in granted if c.callback_id == callback.callback_id), None)
    if leased is None:
        return False, None
    await servers.granting.feed.catch_up()
    if point == "offered":
        await change()
    if point != "read to write of DIALING":
        reported = await dial(servers.granting, leased)
    else:
        async with servers.store.stopped("apply", dial(servers.granting, leased), after=False) as dialing:
            await change()
        reported = dialing.result()
    if point == "after DIALING":
        await change()
    # A repetition has the same result.
    again = await dial(servers.granting, leased)
    assert type(again) is type(reported)
    return True, reported


@pytest.mark.parametrize(("change", "point", "expected"), cells())
async def test_interleavings(servers: Servers, change: str, point: str, expected: str) -> None:
    granting, changing = servers.granting, servers.changing
    service = await changing.service(opening_hours=OFFICE_HOURS, max_concurrent_calls=2)
    expiry = {"expire_time": MONDAY_9 + seconds(10)} if change == "expire" else {}
    first = await changing.create(service, TARGET, **expiry)
    second = await changing.create(service, "sip:second@b.example")
    await granting.directory.refresh()

    granted, reported = await play(servers, point, lambda: make(change, changing, service, first), first)
    await servers.pass_is_made()

    *prefix, state = expected.split()
    after = await changing.callback_queries.get(ANYBODY, first.callback_id)
    assert (after.state.name, granted) == (state, prefix != ["-"])
    if prefix == ["x"]:
        assert isinstance(reported, LeaseExpired)
        assert reported.state == state
    elif granted:
        assert isinstance(reported, Callback)
    assert len(after.attempts) == (0 if prefix else 1)
    if after.state is State.QUEUED:
        queue = await changing.store.queued(service.service_id, 9)
        assert [c.callback_id for c in queue] == [first.callback_id, second.callback_id]
    if after.state is State.SCHEDULED:
        assert after.next_attempt_time == NEXT[change]
    assert after.ready_time == (LATER if state == "SCHEDULED" and change == "reschedule" else MONDAY_9)


@pytest.mark.parametrize("change", ["pause", "no calls", "close by hours", "close by date", "move the zone"])
async def test_what_is_taken_back_in_time_does_not_count(servers: Servers, change: str) -> None:
    changing = servers.changing
    service = await changing.service(opening_hours=OFFICE_HOURS)
    callback = await changing.create(service)
    await servers.granting.directory.refresh()
    [leased] = await grant(servers.granting)
    await make(change, changing, service, callback)
    await servers.granting.directory.refresh()
    await changing.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(service, revision=current.revision)
    )
    assert isinstance(await dial(servers.granting, leased), Callback)
    await servers.pass_is_made()
    assert await changing.state(callback) is State.DIALING


async def create_alone(world: World, service: Service) -> object:
    return await world.create(service, TARGET)


async def create_two(world: World, service: Service) -> object:
    """Return the result of the first; the second is for another service, which has not changed."""
    other = await world.directory.by_sip("sip:other@cc.example")
    request = CallbackRequest(target=TARGET, priority=Priority.NORMAL, seconds_between_retries=60)
    commands = [CreateCommand(replace(request, service_id=s.service_id)) for s in (service, other)]
    first, second = await world.callback_creation.create_many(ANYBODY, commands)
    assert isinstance(second, Created)
    assert second.created
    if isinstance(first, TargetAlreadyPending):
        raise first
    assert isinstance(first, Created)
    return first.callback


async def move_there(world: World, service: Service) -> object:
    moved = await world.create(service, "sip:moved@b.example")
    update = RequestUpdate(CallbackRequest(target=TARGET), ("target",))
    return await world.callback_changes.update(ANYBODY, moved.callback_id, update, Faults(), "")


@pytest.mark.parametrize("policy", [TargetPolicy.REFUSE, TargetPolicy.RETURN_EXISTING])
@pytest.mark.parametrize("write", [create_alone, create_two, move_there])
async def test_a_policy_that_another_server_has_set(
    servers: Servers, policy: TargetPolicy, write: Callable[[World, Service], Awaitable[object]]
) -> None:
    """What was acknowledged counts at once, for every write, also on a server that has not heard of it."""
    granting, changing = servers.granting, servers.changing
    service = await changing.service()
    await changing.service(sip_address="sip:other@cc.example")
    first = await changing.create(service, TARGET)
    await granting.directory.refresh()
    await changing.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(current, same_target_policy=policy)
    )
    if policy is TargetPolicy.RETURN_EXISTING and write is not move_there:
        assert await write(granting, service) == first
    else:
        with pytest.raises(TargetAlreadyPending) as caught:
            await write(granting, service)
        assert caught.value.callback_id == first.callback_id
    wanted = CallbackFilter(service_ids=(service.service_id,), dial_target=TARGET)
    assert [c.callback_id for c in (await changing.store.list(wanted, "", 9)).callbacks] == [first.callback_id]

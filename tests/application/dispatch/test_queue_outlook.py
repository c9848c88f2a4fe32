"""What is due within the hour, and what expires before its turn, as the contract has it."""

import asyncio
import math
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.dispatch import queue_outlook, queue_view
from ringback.application.dispatch.queue_view import QueueView
from ringback.domain.errors import StorageUnavailable
from ringback.domain.priority import Priority, granted_before
from ringback.domain.queue_state import QueueState
from ringback.domain.service import Service
from ringback.ports.store import Store
from ringback.ports.values import Outlook
from tests.world.dialer import until
from tests.world.use_cases import World

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PACE = MINUTE


@pytest.fixture
async def service(world: World, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Return a service, a call of which begins each minute, with a dialer."""
    monkeypatch.setattr(world.queue_views._pace, "per_call", lambda *_: PACE)
    service = await world.service(max_concurrent_calls=1)
    world.presence.ask("pbx", None, wait_s=3600)
    return service


async def view_of(world: World, service: Service) -> QueueView:
    return await world.look(ANYBODY, await world.directory.get(service.service_id))


async def queue(world: World, service: Service, *lives: timedelta, priority: Priority = Priority.NORMAL) -> None:
    now = world.clock.now()
    for n, life in enumerate(lives):
        await world.create(service, f"sip:{priority.name}{n}@b.example", expire_time=now + life, priority=priority)


@pytest.mark.parametrize(
    ("lives", "expiring"),
    [
        ([], 0),
        ([1.1], 0),
        # A turn and an expiry at the same moment: it is not before its turn.
        ([1], 0),
        ([0.9], 1),
        ([2, 2], 0),
        ([3, 2, 3], 0),
        ([3, 2, 2.9], 1),
        ([0.5, 0.5, 0.5, 60], 3),
        ([60, 60, 60, 1], 1),
    ],
)
async def test_what_expires_before_its_turn(world: World, service: Service, lives: list[float], expiring: int) -> None:
    await queue(world, service, *(life * MINUTE for life in lives))
    view = await view_of(world, service)
    assert view.outlook.expiring == expiring
    assert view.state is (QueueState.BEHIND if expiring else QueueState.OPEN)


async def test_those_of_higher_levels_go_first(world: World, service: Service) -> None:
    await queue(world, service, 2.5 * MINUTE)
    assert (await view_of(world, service)).outlook.expiring == 0
    await queue(world, service, HOUR, HOUR, priority=Priority.STRICT_PRIORITY)
    assert (await view_of(world, service)).outlook.expiring == 1


@pytest.mark.parametrize("change", [{"paused": True}, {"max_concurrent_calls": 0}], ids=["paused", "off"])
async def test_without_a_turn_nothing_expires_before_it(world: World, service: Service, change: dict[str, int]) -> None:
    await queue(world, service, 0.5 * MINUTE)
    assert (await view_of(world, service)).outlook.expiring == 1
    await world.directory.update(ANYBODY, service.service_id, "", lambda current: replace(current, **change))
    assert (await view_of(world, service)).outlook.expiring == 0


async def test_with_too_few_calls_there_is_no_turn(
    world: World, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(world, service, 0.5 * MINUTE)
    monkeypatch.setattr(world.queue_views._pace, "per_call", lambda *_: None)
    assert (await view_of(world, service)).outlook.expiring == 0


async def test_what_is_due_within_the_hour(world: World, service: Service) -> None:
    now = world.clock.now()
    for n, due in enumerate((MINUTE, HOUR, HOUR + MINUTE)):
        await world.create(service, f"sip:{n}@b.example", due_date=now + due)
    view = await view_of(world, service)
    assert (view.scheduled, view.outlook.due_within_hour) == (3, 2)
    world.clock.pass_time(MINUTE - timedelta(seconds=1))
    assert (await view_of(world, service)).outlook.due_within_hour == 2
    world.clock.pass_time(timedelta(seconds=5))
    assert (await view_of(world, service)).outlook.due_within_hour == 3


class Counting:
    """A store that counts the looks at what lies ahead."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.looks = 0

    async def outlooks(self, *arguments: object) -> dict[str, Outlook]:
        self.looks += 1
        return dict(await self._store.outlooks(*arguments))  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.fixture
def counting(world: World, service: Service) -> Counting:
    world.queue_views._outlooks._store = counting = Counting(world.store)  # type: ignore[assignment]
    return counting


async def test_nothing_is_counted_where_nothing_is_open(world: World, service: Service, counting: Counting) -> None:
    await view_of(world, service)
    assert counting.looks == 0


async def test_it_is_counted_when_something_has_changed_and_after_five_seconds(
    world: World, service: Service, counting: Counting
) -> None:
    await world.create(service, due_date=world.clock.now() + MINUTE)
    await world.queue_figures.count()
    for _ in range(3):
        await world.queue_views.look(ANYBODY, service, None)
    assert counting.looks == 1
    await world.create(service, "sip:b@b.example", due_date=world.clock.now() + MINUTE)
    await world.queue_figures.count()
    assert (await world.queue_views.look(ANYBODY, service, None)).outlook.due_within_hour == 2
    assert counting.looks == 2
    world.clock.pass_time(timedelta(seconds=5))
    await world.queue_views.look(ANYBODY, service, None)
    assert counting.looks == 3


async def due(world: World, service: Service) -> int:
    return (await world.queue_views.look(ANYBODY, service, None)).outlook.due_within_hour


async def test_no_look_waits_for_a_count_of_many_that_is_known(
    world: World, service: Service, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_outlook, "_MANY", 1)
    for n in range(3):
        await world.create(service, f"sip:{n}@b.example", due_date=world.clock.now() + MINUTE)
        await world.queue_figures.count()
        assert await due(world, service) == 1
    await world.queue_views.count_anew()
    assert await due(world, service) == 1
    world.clock.pass_time(timedelta(seconds=5))
    assert await due(world, service) == 1
    assert counting.looks == 1
    await world.queue_views.count_anew()
    assert counting.looks == 2
    assert await due(world, service) == 3


async def test_what_nobody_looks_at_is_not_counted_anew(
    world: World, service: Service, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_outlook, "_MANY", 1)
    await world.create(service, due_date=world.clock.now() + MINUTE)
    await world.queue_figures.count()
    assert await due(world, service) == 1
    world.clock.pass_time(MINUTE)
    await world.queue_views.count_anew()
    assert counting.looks == 1
    assert await due(world, service) == 1
    assert counting.looks == 2


async def test_a_change_of_settings_counts_anew(
    world: World, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_outlook, "_MANY", 1)
    await queue(world, service, 0.5 * MINUTE)
    assert (await view_of(world, service)).outlook.expiring == 1
    for paused, expiring in ((True, 0), (False, 1)):
        await world.directory.update(ANYBODY, service.service_id, "", partial(replace, paused=paused))
        assert (await view_of(world, service)).outlook.expiring == expiring


async def test_a_long_line_is_much_to_count_where_few_expire(
    world: World, service: Service, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_outlook, "_MANY", 3)
    await queue(world, service, 0.5 * MINUTE, HOUR, HOUR)
    assert (await view_of(world, service)).outlook.expiring == 1
    await world.create(service, "sip:later@b.example", expire_time=world.clock.now() + HOUR)
    assert (await view_of(world, service)).outlook.expiring == 1
    assert counting.looks == 1


async def test_counts_go_on_after_the_database_was_away(
    world: World, service: Service, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_outlook, "_MANY", 1)
    await world.create(service, due_date=world.clock.now() + MINUTE)
    await world.queue_figures.count()
    await due(world, service)
    outlooks, reads = world.store.outlooks, 0

    async def fails_once(*arguments: Any) -> Mapping[str, Outlook]:
        nonlocal reads
        reads += 1
        if reads == 1:
            raise StorageUnavailable("away")
        return await outlooks(*arguments)

    monkeypatch.setattr(counting, "outlooks", fails_once)
    monkeypatch.setattr(queue_view, "COUNT_INTERVAL_S", 0)
    world.clock.pass_time(timedelta(seconds=5))
    counter = asyncio.create_task(world.queue_views.run())
    await until(lambda: reads == 2)
    counter.cancel()


async def test_a_line_beyond_the_last_turn_that_is_told(
    world: World, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their turn is taken for the last one that is counted."""
    monkeypatch.setattr(queue_outlook, "MAX_POSITION", 3)
    await queue(world, service, *[HOUR] * 3, 2.9 * MINUTE, 3.1 * MINUTE)
    assert (await view_of(world, service)).outlook.expiring == 1


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(Priority), st.integers(1, 12)), max_size=12))
async def test_it_is_those_whose_own_turn_comes_too_late(
    world: World, monkeypatch: pytest.MonkeyPatch, waiting: list[tuple[Priority, int]]
) -> None:
    monkeypatch.setattr(world.queue_views._pace, "per_call", lambda *_: PACE)
    service = await world.service(sip_address=f"sip:q{world.clock.running_s}@cc.example", max_concurrent_calls=1)
    line = []
    begun = world.clock.now()
    for n, (priority, life) in enumerate(waiting):
        expire_time = begun + life * MINUTE - timedelta(seconds=30)
        line.append(await world.create(service, f"sip:{n}@b.example", priority=priority, expire_time=expire_time))
        world.clock.pass_time(timedelta(milliseconds=1))
    view = await view_of(world, service)
    [turn] = (await world.store.turns([service.service_id])).values()
    now = world.clock.now()
    late = 0
    for callback in line:
        ahead = sum(c.priority is callback.priority and c.ready_time < callback.ready_time for c in line)
        weights, limit = service.priority_weights, 9_999
        before = granted_before(view.waiting, turn.credits, weights, callback.priority, ahead, limit)
        late += callback.expire_time < now + (1 + sum(before.values())) * PACE
    assert view.outlook.expiring == late
    world.clock.pass_time(timedelta(seconds=math.pi))

"""Contract: what is due soon, and what expires before its turn may come."""

from datetime import timedelta

import pytest

from ringback.domain.priority import FRESH_ROUND, Priority
from ringback.domain.queue import Turn
from ringback.ports.store import Store
from ringback.ports.values import Outlook
from tests.world.samples import NOW, OTHER_SERVICE, SERVICE, cancel, changes, new, seconds

HOUR = timedelta(hours=1)
BOTH = [SERVICE.service_id, OTHER_SERVICE.service_id]
NOTHING = Outlook(0, None)


async def test_of_services_without_callbacks_nothing_is_due(store: Store) -> None:
    assert await store.outlooks(BOTH, NOW + HOUR, 10) == dict.fromkeys(BOTH, NOTHING)
    assert await store.outlooks([], NOW + HOUR, 10) == {}
    assert await store.outlooks(["no-such-service"], NOW, 10) == {"no-such-service": NOTHING}


async def test_what_is_due_by_a_time_is_counted_up_to_a_limit(store: Store) -> None:
    scheduled = [new(due_date=NOW + seconds(60 * n)) for n in range(1, 6)]
    elsewhere = new(service=OTHER_SERVICE, due_date=NOW + seconds(60))
    await store.create([*scheduled, elsewhere, new()])
    await store.apply(changes(scheduled[0], cancel(scheduled[0])))

    async def due(until: timedelta, limit: int) -> list[int]:
        found = await store.outlooks(BOTH, NOW + until, limit)
        return [found[service_id].due for service_id in BOTH]

    assert await due(HOUR, 10) == [4, 1]
    assert await due(timedelta(minutes=3), 10) == [2, 1]
    assert await due(timedelta(minutes=3) - seconds(1), 10) == [1, 1]
    assert await due(HOUR, 3) == [3, 1]


async def test_the_first_expiry_is_of_what_is_queued(store: Store) -> None:
    first, second = (new(expire_time=NOW + seconds(n)) for n in (100, 200))
    later = new(due_date=NOW + seconds(10), expire_time=NOW + seconds(50))
    await store.create([second, first, later])
    assert (await store.outlooks(BOTH, NOW, 10))[SERVICE.service_id].first_expiry == first.expire_time
    await store.apply(changes(first, cancel(first)))
    assert (await store.outlooks(BOTH, NOW, 10))[SERVICE.service_id].first_expiry == second.expire_time


async def test_what_expires_before_its_turn(store: Store) -> None:
    """Turns come every 100 s."""
    lives = (50, 350, 300, 401, 200)
    line = [new(expire_time=NOW + seconds(life), now=NOW + seconds(n)) for n, life in enumerate(lives)]
    high = [new(priority=Priority.HIGH, expire_time=NOW + seconds(n)) for n in (600, 10_000)]
    elsewhere = new(service=OTHER_SERVICE, expire_time=NOW + seconds(1))
    await store.create([*line, *high, elsewhere])

    async def late(turns: dict[Priority, list[int]], last_turn: int = 7, limit: int = 100) -> int:
        return await store.late(SERVICE.service_id, turns, NOW, seconds(100), last_turn, limit)

    normal = {Priority.NORMAL: [1, 2, 3, 4, 5]}
    assert await late({**normal, Priority.HIGH: [6, 7]}) == 2
    assert await late({**normal, Priority.HIGH: [7, 8]}) == 3
    assert await late({Priority.NORMAL: [2, 3, 4, 5, 6], Priority.HIGH: [1, 7]}) == 4
    # Those that have no turn have the last one.
    assert await late({Priority.NORMAL: [1, 2]}) == 5
    assert await late({Priority.NORMAL: [1, 2]}, 4) == 3
    assert await late({}) == 6
    assert await late({}, 0) == 0
    assert await late({}, 7, 3) == 3
    assert await store.late(OTHER_SERVICE.service_id, {Priority.LOW: [1]}, NOW, seconds(100), 1, 10) == 1
    assert await store.late("no-such-service", {Priority.LOW: [1]}, NOW, seconds(100), 1, 10) == 0


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_turns_of_services(store: Store, count: int) -> None:
    turns = await store.turns(BOTH[:count])
    assert turns == {service_id: Turn(service_id, FRESH_ROUND, 0) for service_id in BOTH[:count]}
    assert await store.turns(["no-such-service"]) == {}

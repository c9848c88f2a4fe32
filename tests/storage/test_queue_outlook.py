"""Contract: what is due soon, and what expires before its turn may come."""

from datetime import timedelta

import pytest

from ringback.domain.priority import FRESH_ROUND, Priority
from ringback.domain.queue import Turn
from ringback.ports.store import Store
from ringback.ports.values import Expiring, Outlook
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


async def test_what_expires_soon_has_its_place_in_the_line(store: Store) -> None:
    line = [new(expire_time=NOW + seconds(1000 - 100 * n), now=NOW + seconds(n)) for n in range(5)]
    high = [new(priority=Priority.HIGH, expire_time=NOW + seconds(10_000)) for _ in range(3)]
    high.append(new(priority=Priority.HIGH, expire_time=NOW + seconds(650), now=NOW + seconds(1)))
    elsewhere = new(service=OTHER_SERVICE, expire_time=NOW + seconds(1))
    await store.create([*line, *high, elsewhere])
    depths = {Priority.NORMAL: 4, Priority.HIGH: 4}

    async def expiring(until_s: float, limit: int = 100) -> list[Expiring]:
        return list(await store.expiring(SERVICE.service_id, depths, NOW + seconds(until_s), limit))

    last = Expiring(Priority.NORMAL, None, line[4].expire_time)
    in_high = Expiring(Priority.HIGH, 3, high[3].expire_time)
    before = Expiring(Priority.NORMAL, 3, line[3].expire_time)
    assert sorted(await expiring(701), key=lambda one: one.expire_time) == [last, in_high, before]
    assert sorted(await expiring(700), key=lambda one: one.expire_time) == [last, in_high]
    assert await expiring(10_000, 1) == [last]
    assert await expiring(1) == []
    assert await store.expiring(SERVICE.service_id, {}, NOW + seconds(601), 10) == [last]


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_turns_of_services(store: Store, count: int) -> None:
    turns = await store.turns(BOTH[:count])
    assert turns == {service_id: Turn(service_id, FRESH_ROUND, 0) for service_id in BOTH[:count]}
    assert await store.turns(["no-such-service"]) == {}

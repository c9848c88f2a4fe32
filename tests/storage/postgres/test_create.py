"""PostgreSQL: creates are inserted in the round trip that takes their locks, and checked there."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.ports.errors import UnknownService
from ringback.storage.postgres import PostgresStore
from tests.world.postgres import Cluster
from tests.world.samples import OTHER_SERVICE, SERVICE, new


@pytest.fixture
async def stores(cluster: Cluster) -> AsyncIterator[Sequence[PostgresStore]]:
    """Yield those of two servers."""
    url = cluster.new_schema()
    first, second = await PostgresStore.open(url), await PostgresStore.open(url)
    try:
        await first.put_service(SERVICE)
        yield first, second
    finally:
        await second.close()
        await first.close()


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return what grows with each round trip inside a transaction: all but the one that commits."""
    made: list[None] = []
    sync = psycopg.AsyncPipeline.sync

    async def count(pipeline: psycopg.AsyncPipeline) -> None:
        made.append(None)
        await sync(pipeline)

    monkeypatch.setattr(psycopg.AsyncPipeline, "sync", count)
    return made


async def logged(store: PostgresStore) -> list[Callback]:
    return [event.callback for event in await store.events(0, 100)]


async def test_it_takes_one_round_trip_before_the_commit(
    stores: Sequence[PostgresStore], round_trips: list[None]
) -> None:
    callbacks = [new(external_task_id=f"task-{n}", caller_id="crm") for n in range(3)]
    assert await stores[0].create(callbacks) == [None] * 3
    assert len(round_trips) == 1
    assert await logged(stores[0]) == callbacks


async def test_of_many_calls_those_are_refused_whose_service_is_gone(stores: Sequence[PostgresStore]) -> None:
    """None is inserted ahead then; each gets what is true for it."""
    there, gone = new(), new(service=OTHER_SERVICE)
    results = await asyncio.gather(stores[0].create_one(there), stores[0].create([new(), gone]), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), UnknownService]
    assert await logged(stores[1]) == [there]


async def test_what_is_there_already_is_found_beside_what_is_new(stores: Sequence[PostgresStore]) -> None:
    stored, again = [new(external_task_id="4711", caller_id="crm") for _ in range(2)]
    other = new()
    await stores[1].create([stored])
    assert await stores[0].create([again, other, replace(other, callback_id=new().callback_id)]) == [stored, None, None]
    assert await stores[0].create([again]) == [stored]
    assert len(await logged(stores[0])) == 3


async def test_two_that_are_equal_in_one_transaction_are_one(stores: Sequence[PostgresStore]) -> None:
    one, same = [new(external_task_id="4711", caller_id="crm") for _ in range(2)]
    results = await asyncio.gather(stores[0].create_one(one), stores[0].create_one(same))
    assert list(results) == [None, one]
    assert await logged(stores[1]) == [one]


async def test_settings_that_two_calls_see_differently(stores: Sequence[PostgresStore]) -> None:
    """One of them was decided by settings of before: only that one is refused."""
    changed = replace(SERVICE, revision=SERVICE.revision + 1, max_concurrent_calls=7)
    await stores[1].put_service(changed)
    before, after = new(), new()
    results = await asyncio.gather(
        stores[0].create_one(before, settings=SERVICE),
        stores[0].create_one(after, settings=changed),
        return_exceptions=True,
    )
    assert isinstance(results[0], Exception)
    assert results[1] is None
    assert await logged(stores[1]) == [after]

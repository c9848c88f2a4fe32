"""Contract: counts of everything that is open take as long as they take, and hold up nothing else."""

import asyncio
from typing import Any

import psycopg
import pytest

from ringback.domain.errors import StorageUnavailable
from ringback.ports.store import Store
from ringback.storage.operations import COUNT_LIMIT_S, READ_LIMIT_S
from ringback.storage.postgres import PostgresStore
from ringback.storage.postgres import readers as postgres
from ringback.storage.sqlite import connection as sqlite
from tests.world.postgres import Cluster
from tests.world.samples import new

PATIENCE_S = 20
_ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT (i + 1) % 2 FROM n) SELECT count(*) FROM n"


async def test_a_count_has_a_limit_of_its_own(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With millions it takes longer than other reads may, and a server that could not count would never answer."""
    assert COUNT_LIMIT_S > 50 * READ_LIMIT_S
    monkeypatch.setattr(sqlite, "_STEPS", 1000)
    for module in (sqlite, postgres):
        monkeypatch.setattr(module, "READ_LIMIT_S", 10 * PATIENCE_S)
        monkeypatch.setattr(module, "COUNT_LIMIT_S", 0.1)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(StorageUnavailable, match=r"in time|took more than 0\.1 s"):
            await store._counters.read(lambda connection: connection.execute(_ENDLESS))
    await store.create([new(), new(identity="crm")])
    monkeypatch.undo()
    assert [one.count for one in (await store.open_by_service()).counts] == [2]
    assert (await store.open_by_identity()).counts == {"crm": 1}


async def test_a_count_that_is_under_way_holds_up_nothing(store: Any) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def count(connection: Any) -> None:
        await connection.execute("BEGIN")
        await connection.execute("SELECT count(*) FROM callback")
        begun.set()
        await go_on.wait()
        await connection.execute("COMMIT")

    counting = asyncio.create_task(store._counters.read(count))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        await store.create([waiting := new()])
        assert await store.get(waiting.callback_id) == waiting
        assert [one.count for one in (await store.open_by_service()).counts] == [1]
        go_on.set()
        await counting


async def test_a_count_that_nobody_waits_for_is_given_up(store: Any) -> None:
    begun = asyncio.Event()

    async def endless(connection: Any) -> None:
        begun.set()
        await connection.execute(_ENDLESS)

    counting = asyncio.create_task(store._counters.read(endless))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        counting.cancel()
        await asyncio.wait([counting])
    assert counting.cancelled()


async def test_a_database_that_is_closed_gives_a_count_up(store: Any) -> None:
    begun = asyncio.Event()

    async def endless(connection: Any) -> None:
        begun.set()
        await connection.execute(_ENDLESS)

    counting = asyncio.create_task(store._counters.read(endless))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        await store.close()
        with pytest.raises(StorageUnavailable):
            await counting


async def test_a_closed_database_counts_nothing(store: Store) -> None:
    await store.close()
    with pytest.raises(StorageUnavailable):
        await store.open_by_service()


async def test_postgres_is_left_with_no_count(cluster: Cluster) -> None:
    """A backend that works for a client that has gone would go on until it has counted everything."""
    store: Any = await PostgresStore.open(cluster.new_schema())
    counting = asyncio.create_task(store._counters.read(lambda connection: connection.execute(_ENDLESS)))
    with psycopg.connect(cluster.url(), autocommit=True) as other:
        async with asyncio.timeout(PATIENCE_S):
            while _counts(other) == 0:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0)
            counting.cancel()
            await asyncio.wait([counting])
            while _counts(other):  # noqa: ASYNC110
                await asyncio.sleep(0)
    await store.close()


def _counts(other: psycopg.Connection[Any]) -> int:
    row = other.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s", [_ENDLESS]
    ).fetchone()
    assert row is not None
    return int(row[0])

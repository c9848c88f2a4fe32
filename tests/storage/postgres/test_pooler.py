"""PostgreSQL behind PgBouncer: what does not work through a pooler is not used, or is refused at start."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from ringback.domain.filter import MATCH_ALL
from ringback.ports.values import Change
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.postgres import PostgresStore
from ringback.storage.postgres.inspection import look_at
from tests.world.event_log import events_after
from tests.world.pooler import pooler
from tests.world.postgres import Cluster
from tests.world.samples import NOW, SERVICE, cancel, new, seconds

SERVERS = 3
WRITES = 40


@pytest.fixture(scope="module")
def transactions(cluster: Cluster) -> Iterator[int]:
    """Run a pooler that hands out connections by transaction, fewer than there are clients, one after the other."""
    with pooler(cluster, "transaction", default_pool_size="4", server_round_robin="1") as port:
        yield port


@pytest.fixture(scope="module")
def sessions(cluster: Cluster) -> Iterator[int]:
    with pooler(cluster, "session", default_pool_size="100") as port:
        yield port


def through(port: int, cluster: Cluster) -> str:
    """Return the URL of an empty database behind a pooler."""
    return cluster.new_database().replace(str(cluster.port), str(port))


@asynccontextmanager
async def opened(url: str, count: int) -> AsyncIterator[list[PostgresStore]]:
    async with AsyncExitStack() as stack:
        stores = []
        for _ in range(count):
            stores.append(await PostgresStore.open(url))
            stack.push_async_callback(stores[-1].close)
        yield stores


@pytest.mark.parametrize("mode", ["transactions", "sessions"])
async def test_many_servers_share_a_database_behind_a_pooler(
    cluster: Cluster, request: pytest.FixtureRequest, mode: str
) -> None:
    """Nothing is lost or mixed up, one leads, and each hears of what the others commit."""
    async with opened(through(request.getfixturevalue(mode), cluster), SERVERS) as servers:
        await servers[0].put_service(SERVICE)

        async def client(store: PostgresStore, other: PostgresStore) -> None:
            for n in range(WRITES):
                callback = new(labels={"n": str(n)} if n % 2 else {})
                assert await store.create([callback]) == [None]
                assert await other.get(callback.callback_id) == callback
                await other.apply([Change(callback, cancel(callback))])
                assert await store.get(callback.callback_id) == cancel(callback)

        await asyncio.gather(*(client(servers[n % SERVERS], servers[(n + 1) % SERVERS]) for n in range(6)))
        found = await servers[1].snapshot(MATCH_ALL, "", 10_000)
        assert len(found.callbacks) == 6 * WRITES
        numbers = [event.number for event in await servers[2].events(0, 10_000)]
        assert numbers == list(range(1, 12 * WRITES + 1))

        leads = [await store.lead(str(n), NOW, NOW + seconds(2)) for n, store in enumerate(servers)]
        assert leads == [True, False, False]

        waiting = [asyncio.create_task(events_after(store, numbers[-1])) for store in servers]
        await servers[0].create([new()])
        assert [len(events) for events in await asyncio.gather(*waiting)] == [1] * SERVERS


async def test_doctor_leaves_the_connections_of_others_as_they_were(cluster: Cluster) -> None:
    """It reads only, and not for long: settings that another client would get with the connection."""
    with pooler(cluster, "transaction", default_pool_size="1") as port:
        url = through(port, cluster)
        async with opened(url, 1) as [store]:
            await store.put_service(SERVICE)
            for _ in range(3):
                await look_at(url)
                assert await store.create([new()]) == [None]
            [(limit,)] = await store._seek("SELECT current_setting('statement_timeout')")
            assert limit == "0"


async def test_a_schema_that_the_pooler_drops_is_refused(cluster: Cluster) -> None:
    """It would be another database: that of the default schema."""
    with pooler(cluster, "session", ignore_startup_parameters="options") as port:
        url = cluster.new_schema().replace(str(cluster.port), str(port))
        with pytest.raises(StoreCannotOpen, match="search_path"):
            await PostgresStore.open(url)


async def test_prepared_statements_that_the_pooler_mixes_up_are_refused(transactions: int, cluster: Cluster) -> None:
    """One client would run the statement of another."""
    with pytest.raises(StoreCannotOpen, match="mixes up the prepared statements"):
        await PostgresStore.open(through(transactions, cluster) + "?prepared_statements=on")


async def test_prepared_statements_may_be_used_in_a_session(sessions: int, cluster: Cluster) -> None:
    async with opened(through(sessions, cluster) + "?prepared_statements=on", 1) as [store]:
        await store.put_service(SERVICE)
        for _ in range(5):
            assert await store.create([new()]) == [None]


async def test_a_pooler_by_statement_is_refused(cluster: Cluster) -> None:
    with pooler(cluster, "statement") as port, pytest.raises(StoreCannotOpen, match="transaction blocks not allowed"):
        await PostgresStore.open(through(port, cluster))

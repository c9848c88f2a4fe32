"""PostgreSQL: a database that has lost what was seen in it is not gone on with, and it is said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ringback.domain.errors import StorageUnavailable
from ringback.ports.errors import HistoryLost
from ringback.ports.values import Retention
from ringback.storage.postgres import PostgresStore, listener
from tests.world.event_log import events_after
from tests.world.postgres import Cluster
from tests.world.samples import NOW, SERVICE, cancel, changes, new, seconds


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "LISTENING_INTERVAL_S", 0.02)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url)
    try:
        yield store
    finally:
        await store.close()


async def _forget(store: PostgresStore, cluster: Cluster, schema: str) -> None:
    """Be a standby without the newest event."""
    cluster.execute(f"DELETE FROM {schema}.event WHERE number = 3")


async def _rewrite(store: PostgresStore, cluster: Cluster, schema: str) -> None:
    """Be a standby that has gone on from there."""
    cluster.execute(f"UPDATE {schema}.event SET event_us = event_us + 1 WHERE number = 3")


async def _forget_service(store: PostgresStore, cluster: Cluster, schema: str) -> None:
    cluster.execute(f"UPDATE {schema}.ringback SET services_version = services_version - 1")


async def _rename(store: PostgresStore, cluster: Cluster, schema: str) -> None:
    """Be another server that has noticed first, or a restored copy."""
    cluster.execute(f"UPDATE {schema}.ringback SET database_id = '0123456789abcdef'")


async def _empty(store: PostgresStore, cluster: Cluster, schema: str) -> None:
    cluster.execute(f"TRUNCATE {schema}.ringback")


Loss = Callable[[PostgresStore, Cluster, str], Awaitable[None]]


@pytest.mark.parametrize("reconnected", [False, True], ids=["by a poll", "by a new connection"])
@pytest.mark.parametrize("lose", [_forget, _rewrite, _forget_service, _rename, _empty])
async def test_a_loss_ends_the_store(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, lose: Loss, *, reconnected: bool
) -> None:
    if reconnected:
        monkeypatch.setattr(listener, "LISTENING_INTERVAL_S", 3600.0)
    url = cluster.new_schema()
    schema = url.rpartition("%3D")[2]
    async with opened(url) as store:
        await store.put_service(SERVICE)
        await store.create([new(), new()])
        await store.create([new()])
        following = asyncio.create_task(events_after(store, 3))
        cluster.execute("SELECT 1")  # it follows by now
        await lose(store, cluster, schema)
        if reconnected:
            backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringback'"
            cluster.execute(backends)
            with pytest.raises(StorageUnavailable):
                await store.create([new()])
        with pytest.raises(HistoryLost):
            await following
        with pytest.raises(StorageUnavailable):
            await store.create([new()])
        assert not store.healthy


async def test_no_token_of_a_lost_history_is_taken(cluster: Cluster) -> None:
    url = cluster.new_schema()
    schema = url.rpartition("%3D")[2]
    async with opened(url) as one, opened(url) as two:
        await one.put_service(SERVICE)
        await one.create([new()])
        before = one.database_id
        await events_after(two, 0)
        cluster.execute(f"DELETE FROM {schema}.event")
        for store in (one, two):
            with pytest.raises(HistoryLost):
                await events_after(store, 1)
    async with opened(url) as anew:
        assert anew.database_id != before
        assert await anew.create([new()]) == [None]


async def test_what_is_purged_or_erased_is_not_lost(cluster: Cluster) -> None:
    retention = Retention(events=seconds(0), min_events=0, ended_callbacks=seconds(0))
    async with opened(cluster.new_schema()) as store:
        await store.put_service(SERVICE)
        for _ in range(3):
            callback, other = new(), new()
            await store.create([callback, other])
            await store.apply(changes(callback, cancel(callback)))
            await store.erase([other], NOW, "somebody")
            await store.redact([event.number for event in await store.events(0, 100)])
            while await store.purge(NOW + seconds(3600), retention, 100):
                pass
            newest = (await store.history()).newest
            await store.create([new()])
            assert len(await events_after(store, newest)) == 1
        assert await store.probe()

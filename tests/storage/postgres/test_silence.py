"""PostgreSQL: a network that drops everything without a word. No call hangs, and afterwards all goes on by itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import MATCH_ALL
from ringback.storage.postgres import PostgresStore, batch_writer, connection, readers
from tests.world.event_log import events_after
from tests.world.outages import insist
from tests.world.postgres import Cluster
from tests.world.proxy import Proxy
from tests.world.samples import NOW, SERVICE, new, seconds

# No call of a test takes longer; it is an upper limit only.
PATIENCE_S = 30


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[Proxy]:
    async with Proxy(cluster.port) as proxy:
        yield proxy


@pytest.mark.long
async def test_no_call_hangs(cluster: Cluster, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads, writes, counts and the log; then another server leads, and this one finds its way back."""
    url = cluster.new_schema()
    far = await PostgresStore.open(url.replace(str(cluster.port), str(proxy.port)))
    near = await PostgresStore.open(url)
    try:
        await near.put_service(SERVICE)
        assert await far.lead("far", NOW, NOW + seconds(2))
        for limited in (readers, batch_writer):
            for name in {"READ_LIMIT_S", "COUNT_LIMIT_S", "WRITE_LIMIT_S"} & set(vars(limited)):
                monkeypatch.setattr(limited, name, 1.0)
        monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 1.0)
        proxy.silence()
        callback = new()
        calls = [
            far.create([callback]),
            far.lead("far", NOW + seconds(1), NOW + seconds(3)),
            far.get(callback.callback_id),
            far.list(MATCH_ALL, "", 10),
            far.history(),
            far.open_by_identity(),
            far.read_clock(),
        ]
        async with asyncio.timeout(PATIENCE_S):
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [StorageUnavailable] * len(calls)
        assert not far.healthy
        assert await near.lead("near", NOW + seconds(2), NOW + seconds(4))
        other = new()
        await near.create([other])
        proxy.speak()
        async with asyncio.timeout(PATIENCE_S):
            assert await insist(lambda: far.create([callback])) in ([None], [callback])
            assert not await insist(lambda: far.lead("far", NOW + seconds(3), NOW + seconds(5)))
            assert len({event.number for event in await insist(lambda: near.events(0, 10))}) == 2
            assert await insist(lambda: far.get(other.callback_id)) == other
            assert await far.probe()
            assert len(await events_after(far, 0)) == 2
    finally:
        await far.close()
        await near.close()


@pytest.mark.long
async def test_what_was_under_way_when_it_fell_silent_is_written_once(cluster: Cluster, proxy: Proxy) -> None:
    """The network delivers what it has kept back, after the server has given up on it, and has asked again."""
    url = cluster.new_schema()
    near = await PostgresStore.open(url)
    await near.put_service(SERVICE)
    far = await PostgresStore.open(url.replace(str(cluster.port), str(proxy.port)) + "&prepared_statements=off")
    try:
        callback = new()
        proxy.hold_next_commit()
        creating = asyncio.create_task(far.create([callback]))
        await proxy.held.wait()
        proxy.silence()
        with pytest.raises(StorageUnavailable, match="during the commit"):
            await creating
        proxy.release()
        proxy.speak()
        assert await insist(lambda: far.create([callback])) in ([None], [callback])
        assert len(await near.events(0, 10)) == 1
    finally:
        await far.close()
        await near.close()

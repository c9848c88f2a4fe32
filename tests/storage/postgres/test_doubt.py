"""PostgreSQL: a COMMIT whose response is lost. What became of it is found out, and told once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringback.domain.callback import Callback
from ringback.domain.errors import StorageUnavailable
from ringback.ports.values import Change
from ringback.storage.postgres import PostgresStore, transaction
from tests.world.event_log import events_after
from tests.world.outages import insist
from tests.world.postgres import Cluster, until_waiting
from tests.world.proxy import Proxy
from tests.world.samples import OTHER_SERVICE, SERVICE, cancel, new


class Scene:
    """A store behind a network that fails, a witness with a network of its own, and what the store tells."""

    def __init__(self, proxy: Proxy, store: PostgresStore, witness: PostgresStore) -> None:
        self.proxy = proxy
        self.store = store
        self.witness = witness
        self.told: list[Callback] = []
        store.listen(lambda _, after: self.told.append(after))

    async def check_once(self, callback: Callback) -> None:
        """Check that it is stored, logged and told once, whatever is written afterwards."""
        await self.store.put_service(OTHER_SERVICE)
        assert [event.callback for event in await self.witness.events(0, 10)] == [callback]
        assert self.told == [callback]
        assert await self.store.probe()


@pytest.fixture
async def scene(cluster: Cluster) -> AsyncIterator[Scene]:
    url = cluster.new_schema()
    async with Proxy(cluster.port) as proxy:
        witness = await PostgresStore.open(url)
        near = url.replace(str(cluster.port), str(proxy.port)) + "&prepared_statements=off"
        store = await PostgresStore.open(near)
        try:
            await witness.put_service(SERVICE)
            yield Scene(proxy, store, witness)
        finally:
            await store.close()
            await witness.close()


async def test_a_commit_whose_response_is_lost_is_acknowledged_after_all(scene: Scene) -> None:
    callback = new()
    scene.proxy.swallow_next_commit()
    creating = asyncio.create_task(scene.store.create([callback]))
    await scene.proxy.swallowed.wait()
    await events_after(scene.witness, 0)
    scene.proxy.cut()
    assert await creating == [None]
    await scene.check_once(callback)


async def test_a_commit_that_is_delivered_late_is_waited_for(scene: Scene, cluster: Cluster) -> None:
    """Whoever looks before it has arrived sees nothing of it: only its lock says that it may still come."""
    callback = new()
    scene.proxy.hold_next_commit()
    creating = asyncio.create_task(scene.store.create([callback]))
    await scene.proxy.held.wait()
    scene.proxy.cut_clients()
    await until_waiting(cluster, 1)
    scene.proxy.release()
    assert await creating == [None]
    await scene.check_once(callback)


async def test_a_commit_that_never_arrives_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL ends its session, and so it cannot be delivered any more when the refusal is told."""
    short = transaction._SETTINGS.replace(transaction.IDLE_TIMEOUT, "100ms")
    monkeypatch.setattr(transaction, "_SETTINGS", short)
    callback = new()
    scene.proxy.hold_next_commit()
    creating = asyncio.create_task(scene.store.create([callback]))
    await scene.proxy.held.wait()
    scene.proxy.cut_clients()
    with pytest.raises(StorageUnavailable, match="before the commit"):
        await creating
    scene.proxy.release()
    assert await insist(lambda: scene.store.create([callback])) == [None]
    await scene.check_once(callback)


async def test_what_is_found_later_is_told_to_those_who_listen(scene: Scene) -> None:
    """Its caller does not learn whether it happened, and is not told anything that is wrong."""
    callback = new()
    scene.proxy.swallow_next_commit()
    creating = asyncio.create_task(scene.store.create([callback]))
    await scene.proxy.swallowed.wait()
    await events_after(scene.witness, 0)
    scene.proxy.refuses = True
    scene.proxy.cut()
    with pytest.raises(StorageUnavailable, match="during the commit"):
        await creating
    assert not scene.store.healthy
    assert scene.told == []
    scene.proxy.refuses = False
    assert await insist(lambda: scene.store.create([callback])) == [callback]
    await scene.check_once(callback)


async def test_a_change_in_doubt_does_not_conflict_with_itself(scene: Scene) -> None:
    callback = new()
    await scene.store.create([callback])
    scene.proxy.swallow_next_commit()
    changing = asyncio.create_task(scene.store.apply([Change(callback, cancel(callback))]))
    await scene.proxy.swallowed.wait()
    await events_after(scene.witness, 1)
    scene.proxy.cut()
    await changing
    assert scene.told == [callback, cancel(callback)]


async def test_a_write_without_a_trace_in_the_log_is_refused(scene: Scene) -> None:
    """Nobody listens to it; whoever repeats it sees what is stored."""
    scene.proxy.swallow_next_commit()
    putting = asyncio.create_task(scene.store.put_service(OTHER_SERVICE))
    await scene.proxy.swallowed.wait()
    while len((await scene.witness.services()).services) < 2:
        pass
    scene.proxy.cut()
    with pytest.raises(StorageUnavailable, match="during the commit"):
        await putting
    await insist(lambda: scene.store.create([new()]))

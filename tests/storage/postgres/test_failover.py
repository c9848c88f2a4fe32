"""PostgreSQL: a standby takes over, with all that was acknowledged or without, and the former primary comes back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from ringback.domain.errors import StorageUnavailable
from ringback.ports.errors import HistoryLost
from ringback.storage.postgres import PostgresStore, timelines
from tests.world.event_log import events_after
from tests.world.outages import insist
from tests.world.postgres import Cluster
from tests.world.proxy import Proxy
from tests.world.samples import SERVICE, new

pytestmark = pytest.mark.long

# Far longer than a server waits for a host: beyond it something hangs.
_PATIENCE_S = 60


@pytest.fixture
def primary() -> Iterator[Cluster]:
    cluster = Cluster.start()
    yield cluster
    cluster.destroy()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url)
    try:
        yield store
    finally:
        await store.close()


def of_both(primary: Cluster, standby: Cluster | Proxy) -> str:
    place = f"127.0.0.1:{primary.port}"
    return primary.new_schema().replace(place, f"{place},127.0.0.1:{standby.port}")


async def take_over(standby: Cluster, former: Cluster) -> None:
    """Let the standby take over; the former primary comes back at once, and is glad to take writes."""
    await asyncio.to_thread(former.down, "immediate")
    await asyncio.to_thread(standby.promote)
    former.forget_standby()
    await asyncio.to_thread(former.up)


def events_of(cluster: Cluster, url: str) -> int:
    [(events,)] = cluster.execute(f"SELECT count(*) FROM {url.rpartition('%3D')[2]}.event")
    return int(events)


async def test_a_standby_that_lacks_what_was_acknowledged_is_noticed(primary: Cluster) -> None:
    """Servers that have seen it do not go on; one that is started anew serves what is there, under another id."""
    standby = primary.new_standby(waits=False)
    try:
        url = of_both(primary, standby)
        async with opened(url) as one:
            await one.put_service(SERVICE)
            kept, lost = new(), new()
            await one.create([kept])
            before = one.database_id
            while not standby_has(standby, url, 1):
                pass
            standby.down()
            await one.create([lost])
            primary.down("immediate")
            standby.up()
            standby.promote()
            following = events_after(one, 2)
            with pytest.raises(HistoryLost, match="has lost what was acknowledged"):
                await following
            with pytest.raises(StorageUnavailable):
                await one.create([new()])
        async with opened(url) as anew:
            assert await anew.get(kept.callback_id) == kept
            assert await anew.get(lost.callback_id) is None
            assert anew.database_id != before
    finally:
        standby.destroy()


def standby_has(standby: Cluster, url: str, newest: int) -> bool:
    schema = url.rpartition("%3D")[2]
    try:
        return standby.execute(f"SELECT max(number) FROM {schema}.event") == [(newest,)]
    except psycopg.errors.UndefinedTable:  # not even that yet
        return False


async def test_a_commit_whose_wait_for_the_standby_is_cancelled_is_not_acknowledged(
    primary: Cluster,
) -> None:
    """PostgreSQL reports it as done, with a warning that it may not be on the standby."""
    standby = primary.new_standby()
    try:
        async with opened(primary.new_schema()) as store:
            await store.put_service(SERVICE)
            standby.down()
            callback = new()
            creating = asyncio.create_task(store.create([callback]))
            waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%COMMIT%'"
            while not await asyncio.to_thread(primary.execute, f"SELECT pid {waiting}"):
                pass
            assert primary.execute(f"SELECT pg_cancel_backend(pid) {waiting}")
            with pytest.raises(StorageUnavailable, match="during the commit"):
                await creating
            standby.up()
            assert await insist(lambda: store.create([callback])) == [callback]
            assert len(await store.events(0, 10)) == 1
    finally:
        standby.destroy()


async def test_a_former_primary_that_comes_back_is_not_used(primary: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """Although it is the first host of the URL, and takes writes: neither by servers that run, nor by a new one."""
    standby = primary.new_standby()
    try:
        url = of_both(primary, standby)
        async with opened(url) as one:
            await one.put_service(SERVICE)
            primary.down("immediate")
            standby.promote()
            callback = new()
            await insist(lambda: one.create([callback]))
            primary.forget_standby()
            primary.up()
            standby.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringback'"
            )
            with caplog.at_level(logging.ERROR):
                assert await insist(lambda: one.create([callback])) == [callback]
            assert f"127.0.0.1:{primary.port} is a former primary" in caplog.text
            async with opened(url) as two:
                assert await two.get(callback.callback_id) == callback
        assert events_of(primary, url) == 0
    finally:
        standby.destroy()


async def test_a_server_that_starts_while_the_new_primary_cannot_be_reached_waits_for_it(primary: Cluster) -> None:
    """The only host that answers at first is the former primary."""
    standby = primary.new_standby()
    try:
        async with asyncio.timeout(_PATIENCE_S), Proxy(standby.port) as network:
            url = of_both(primary, network)
            async with opened(url) as one:
                await one.put_service(SERVICE)
                await take_over(standby, primary)
            network.refuses = True
            opening = asyncio.create_task(PostgresStore.open(url))
            for _ in range(3):
                await network.refused.get()
            network.refuses = False
            two = await opening
            try:
                await two.create([new()])
            finally:
                await two.close()
            assert [events_of(primary, url), events_of(standby, url)] == [0, 1]
    finally:
        standby.destroy()


async def test_a_server_that_has_seen_nothing_of_the_new_primary_asks_for_it(primary: Cluster) -> None:
    """The network to it is broken from before it has taken over until after the former primary is back."""
    standby = primary.new_standby()
    try:
        async with asyncio.timeout(_PATIENCE_S), Proxy(standby.port) as network:
            url = of_both(primary, network)
            async with opened(url) as one:
                await one.put_service(SERVICE)
                network.refuses = True
                await take_over(standby, primary)
                while not network.refused.empty():
                    network.refused.get_nowait()
                creating = asyncio.create_task(insist(lambda: one.create([new()])))
                for _ in range(3):
                    await network.refused.get()
                network.refuses = False
                await creating
            assert [events_of(primary, url), events_of(standby, url)] == [0, 1]
    finally:
        standby.destroy()


async def test_a_host_that_does_not_answer_is_left_out_with_a_warning(
    primary: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(timelines, "CONNECT_TIMEOUT_S", 0.5)
    async with Proxy(primary.port) as gone:
        gone.refuses = True
        async with opened(of_both(primary, gone)) as one:
            await one.put_service(SERVICE)
            await one.create([new()])
        assert caplog.text.count(f"127.0.0.1:{gone.port} has not answered for 0.5 s, and is left out") == 1


async def test_a_former_primary_that_never_stopped_gets_nothing_once_the_new_one_is_seen(primary: Cluster) -> None:
    """It has been told to take writes alone; the connection that writes is not lost."""
    standby = primary.new_standby()
    try:
        url = of_both(primary, standby)
        async with asyncio.timeout(_PATIENCE_S), opened(url) as one:
            await one.put_service(SERVICE)
            primary.execute("ALTER SYSTEM RESET synchronous_standby_names")
            primary.execute("SELECT pg_reload_conf()")
            standby.promote()
            ours = "FROM pg_stat_activity WHERE application_name = 'ringback'"
            primary.execute(f"SELECT pg_terminate_backend(pid) {ours} AND query NOT LIKE '%pg_notify%'")
            while not await asyncio.to_thread(standby.execute, f"SELECT pid {ours}"):
                pass
            while await asyncio.to_thread(primary.execute, f"SELECT pid {ours}"):
                pass  # seen, and about to be cut
            await insist(lambda: one.create([new()]))
        assert [events_of(primary, url), events_of(standby, url)] == [0, 1]
    finally:
        standby.destroy()

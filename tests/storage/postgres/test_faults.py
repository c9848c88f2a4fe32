"""PostgreSQL: whatever happens to the database, the network or another server, nothing acknowledged is lost.

Meanwhile calls are refused in time, and afterwards all goes on by itself.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest

from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import MATCH_ALL
from ringback.ports.values import Change
from ringback.storage.postgres import PostgresStore, batch_writer, connection, readers, transaction
from tests.world.event_log import events_after, hold_log_end
from tests.world.outages import insist
from tests.world.postgres import Cluster
from tests.world.proxy import Proxy
from tests.world.samples import SERVICE, cancel, new

pytestmark = pytest.mark.long

STORM = 300


@pytest.fixture(scope="module")
def victim() -> Iterator[Cluster]:
    """Run a cluster for these tests alone, since they stop it."""
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


class Storm:
    """Clients of two servers that create, cancel and read, whatever happens, and note what was acknowledged."""

    def __init__(self, stores: Sequence[PostgresStore]) -> None:
        self._stores = stores
        self._todo = [new(request_id=f"storm-{n}") for n in range(STORM)]
        self.acknowledged = self._todo[:0]
        self._half = asyncio.Event()

    async def run(self, fault: Callable[[], Awaitable[None]]) -> None:
        clients = [asyncio.create_task(self._client(store)) for store in self._stores for _ in range(4)]
        await self._half.wait()
        await fault()
        await asyncio.gather(*clients)

    async def _client(self, store: PostgresStore) -> None:
        while self._todo:
            callback = self._todo.pop()
            [other] = await insist(lambda: store.create([callback]))  # noqa: B023 - called at once
            assert other in (None, callback)
            self.acknowledged.append(callback)
            if len(self.acknowledged) == STORM // 3:
                self._half.set()
            assert await insist(lambda: store.get(callback.callback_id)) == callback  # noqa: B023 - called at once

    async def check(self, store: PostgresStore) -> None:
        """Check that each is stored once, and that the log is whole."""
        found = await insist(lambda: store.snapshot(MATCH_ALL, "", 10_000))
        assert sorted(found.callbacks, key=lambda c: c.callback_id) == sorted(
            self.acknowledged, key=lambda c: c.callback_id
        )
        events = await insist(lambda: store.events(0, 10_000))
        assert [event.number for event in events] == list(range(1, STORM + 1))
        assert {event.callback.callback_id for event in events} == {c.callback_id for c in self.acknowledged}
        await insist(lambda: store.create([new()]))
        assert await store.probe()


# --- The database --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_the_database_is_restarted(victim: Cluster, mode: str) -> None:
    """In order, or by a crash."""
    url = victim.new_schema()

    async def restart() -> None:
        await asyncio.to_thread(victim.down, mode)
        await asyncio.to_thread(victim.up)

    async with opened(url) as one, opened(url) as two:
        await one.put_service(SERVICE)
        storm = Storm([one, two])
        await storm.run(restart)
        await storm.check(one)
        waiting = asyncio.create_task(events_after(two, STORM + 1))
        await insist(lambda: one.create([new()]))
        await asyncio.wait_for(waiting, 30)


async def test_connections_are_terminated_over_and_over(victim: Cluster) -> None:
    url = victim.new_schema()

    async def terminate() -> None:
        for _ in range(20):
            await asyncio.to_thread(
                victim.execute,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringback'",
            )

    async with opened(url) as one, opened(url) as two:
        await one.put_service(SERVICE)
        storm = Storm([one, two])
        await storm.run(terminate)
        await storm.check(two)


async def test_a_database_that_hangs_is_unavailable_until_it_goes_on(
    victim: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "READ_LIMIT_S", 0.5)
    monkeypatch.setattr(batch_writer, "WRITE_LIMIT_S", 0.5)
    async with opened(victim.new_schema()) as store:
        await store.put_service(SERVICE)
        callback, other = new(), new()
        await store.create([callback])
        victim.suspend()
        try:
            for call in (
                lambda: store.get(callback.callback_id),
                lambda: store.list(MATCH_ALL, "", 10),
                lambda: store.create([other]),
                lambda: store.apply([Change(callback, cancel(callback))]),
            ):
                with pytest.raises(StorageUnavailable):
                    await asyncio.wait_for(call(), 10)
            assert not store.healthy
            assert not await asyncio.wait_for(store.probe(), 10)
        finally:
            victim.resume()
        assert await insist(lambda: store.create([other])) in ([None], [other])
        assert await store.probe()
        assert await insist(lambda: store.get(callback.callback_id)) in (callback, cancel(callback))


async def test_a_standby_takes_over() -> None:
    """With synchronous replication, what was acknowledged is on the standby; the servers find it by themselves."""
    primary = Cluster.start()
    standby = primary.new_standby()

    async def fail_over() -> None:
        await asyncio.to_thread(primary.down, "immediate")
        await asyncio.to_thread(standby.promote)

    try:
        place = f"127.0.0.1:{primary.port}"
        url = primary.new_schema().replace(place, f"{place},127.0.0.1:{standby.port}")
        async with opened(url) as one, opened(url) as two:
            await one.put_service(SERVICE)
            storm = Storm([one, two])
            await storm.run(fail_over)
            await storm.check(two)
    finally:
        standby.destroy()
        primary.destroy()


# --- The network ---------------------------------------------------------------------------------------------------


async def test_connections_are_cut_over_and_over(victim: Cluster) -> None:
    url = victim.new_schema()
    async with Proxy(victim.port) as proxy:

        async def cut() -> None:
            for _ in range(20):
                proxy.cut()
                await asyncio.sleep(0.01)

        near = url.replace(str(victim.port), str(proxy.port))
        async with opened(near) as one, opened(near) as two:
            await one.put_service(SERVICE)
            storm = Storm([one, two])
            await storm.run(cut)
            await storm.check(two)


# --- Another server ------------------------------------------------------------------------------------------------


async def test_a_server_that_hangs_in_a_transaction_does_not_hold_up_the_others(
    victim: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends what is idle for too long in a transaction, with all its locks."""
    monkeypatch.setattr(
        transaction,
        "_SETTINGS",
        "SELECT set_config('idle_in_transaction_session_timeout', '100ms', true), pg_advisory_xact_lock($1)",
    )
    url = victim.new_schema()
    async with opened(url) as one, opened(url) as two:
        await one.put_service(SERVICE)
        holding_up, over = await hold_log_end(one)
        callback = new()
        assert await two.create([callback]) == [None]
        over.set()
        await asyncio.wait([holding_up])
        assert await insist(lambda: one.get(callback.callback_id)) == callback


async def test_a_lock_that_nobody_lets_go_of_is_a_refusal(victim: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "_SETTINGS", "SELECT set_config('lock_timeout', '100ms', true), $1::bigint")
    url = victim.new_schema()
    async with opened(url) as one, opened(url) as two:
        await one.put_service(SERVICE)
        holding_up, over = await hold_log_end(one)
        callback = new()
        with pytest.raises(StorageUnavailable, match="lock timeout"):
            await two.create([callback])
        over.set()
        await holding_up
        assert await two.create([callback]) == [None]


WRITER = """
import asyncio, sys
from ringback.storage.postgres import PostgresStore
from tests.world.samples import new

async def main():
    store = await PostgresStore.open(sys.argv[1])
    async def client():
        while True:
            callback = new()
            await store.create([callback])
            print(callback.callback_id, flush=True)
    await asyncio.gather(*(client() for _ in range(8)))

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_a_killed_server(victim: Cluster) -> None:
    """A killed server leaves no lock behind."""
    url = victim.new_schema()
    async with opened(url) as store:
        await store.put_service(SERVICE)
        server = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, url, stdout=asyncio.subprocess.PIPE)
        assert server.stdout is not None
        acknowledged = [(await server.stdout.readline()).decode().strip() for _ in range(200)]
        server.send_signal(signal.SIGKILL)
        acknowledged += (await server.stdout.read()).decode().rpartition("\n")[0].split()
        await server.wait()

        events = await store.events(0, 100_000)
        assert set(acknowledged) <= {event.callback.callback_id for event in events}
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert len(await store.get_many(acknowledged)) == len(acknowledged)


def test_whatever_the_database_says_is_told_in_one_line() -> None:
    lost = psycopg.OperationalError("server closed the connection unexpectedly\n\tThis probably means it ended\n")
    assert str(connection.unavailable(lost)).endswith(
        "server closed the connection unexpectedly This probably means it ended"
    )

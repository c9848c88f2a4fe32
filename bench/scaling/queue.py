"""What GetQueue and a scrape of the metrics take with more and more callbacks waiting, on both stores."""

import asyncio
import http.client
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import grpc
import psycopg

from bench.backlog import add_services, service_id
from bench.processes import BUILD, database_of, durable_cluster, serving
from bench.scaling.growth import FILLED
from bench.scaling.postgres_backlog import PostgresBacklog
from bench.sqlite_backlog import SqliteBacklog
from ringback.client import insecure_channel
from ringback.domain.callback import Callback, State
from ringback.domain.filter import CallbackFilter
from ringback.domain.priority import Priority
from ringback.ports.store import Store
from ringback.storage.postgres import PostgresStore
from ringback.storage.sqlite import SqliteStore
from ringback.v1 import callback_pb2 as cb
from ringback.v1.directory_service_pb2 import GetQueueRequest
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub
from tests.world.ports import free_port

_LOOKS: Final = 200
_SCRAPES: Final = 20
# A scrape is good for a second.
_BETWEEN_SCRAPES_S: Final = 1.1
_AGAIN_S: Final = 0.02
# Among so many of all lines there is one of each.
_SOME: Final = 100


class Taken(NamedTuple):
    """Times in ms: the median, and what 99 % are below."""

    median: float
    p99: float


class Looked(NamedTuple):
    """One store at one size, and what each thing takes there."""

    store: str
    size: int
    # From when it listens until GetQueue is answered: the queues are counted.
    counted_ms: float
    taken: dict[str, Taken]


async def measure(sizes: Sequence[int], tell: Callable[[str], None]) -> Sequence[Looked]:
    looked = []
    for size in sizes:
        for store, filled in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
            begun = time.perf_counter()
            async with filled(size) as (url, last):
                tell(f"{size:,} waiting, {store}: filled in {time.perf_counter() - begun:.0f} s")
                looked.append(await _look(store, size, url, last))
    return looked


@asynccontextmanager
async def _sqlite(size: int) -> AsyncIterator[tuple[str, Callback]]:
    BUILD.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=BUILD, prefix="queue-") as folder:
        path = Path(folder) / "queue.db"
        await SqliteBacklog(size).fill(path)
        yield f"sqlite:///{path}", await _last(await SqliteStore.open(path))


@asynccontextmanager
async def _postgres(size: int) -> AsyncIterator[tuple[str, Callback]]:
    with durable_cluster(FILLED) as cluster, database_of(cluster) as url:
        store = await PostgresStore.open(url)
        await add_services(store)
        with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
            await asyncio.to_thread(PostgresBacklog(size).fill, connection)
        yield url, await _last(store)


async def _last(store: Store) -> Callback:
    """Return the last callback of normal priority in the longest queue, and close the store."""
    try:
        waiting = CallbackFilter(service_ids=(service_id(0),), states=(State.QUEUED,))
        newest = await store.list(waiting, "", _SOME)
        return next(one for one in newest.callbacks if one.priority is Priority.NORMAL)
    finally:
        await store.close()


async def _look(store: str, size: int, url: str, last: Callback) -> Looked:
    port = free_port()
    options = ("--dialer", "none", "--http", f"127.0.0.1:{port}")
    async with serving(1, url, *options) as [server], insecure_channel(server.address) as channel:
        directory: Any = DirectoryServiceStub(channel)

        async def queue(**fields: Any) -> None:
            await directory.GetQueue(GetQueueRequest(**fields))

        begun = time.perf_counter()
        while not await _is_answered(queue(service_id=service_id(0))):  # noqa: ASYNC110 - the server is another process
            await asyncio.sleep(_AGAIN_S)
        counted_ms = (time.perf_counter() - begun) * 1000
        key = cb.CallbackKey(callback_id=last.callback_id)
        return Looked(
            store,
            size,
            counted_ms,
            {
                "GetQueue": await _timed(lambda: queue(service_id=service_id(0)), _LOOKS),
                "GetQueue, with the position of the last": await _timed(lambda: queue(callback_key=key), _LOOKS),
                "a scrape of the metrics of 1000 services": await _timed(
                    lambda: asyncio.to_thread(_scrape, port), _SCRAPES, pause_s=_BETWEEN_SCRAPES_S
                ),
            },
        )


async def _is_answered(call: Awaitable[None]) -> bool:
    try:
        await call
    except grpc.aio.AioRpcError:  # it is being counted
        return False
    return True


def _scrape(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        if response.status != http.client.OK or b"ringback_" not in response.read():
            raise RuntimeError(f"no metrics: {response.status}")
    finally:
        connection.close()


async def _timed(operation: Callable[[], Awaitable[object]], times: int, pause_s: float = 0.0) -> Taken:
    await operation()
    taken_ms = []
    for _ in range(times):
        await asyncio.sleep(pause_s)
        begun = time.perf_counter()
        await operation()
        taken_ms.append((time.perf_counter() - begun) * 1000)
    return Taken(statistics.median(taken_ms), statistics.quantiles(taken_ms, n=100)[-1])

"""What creates and whole lives cost, on SQLite and with 1, 2 and 4 servers on one PostgreSQL."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from psycopg import connect

from bench.processes import Meter, ServerProcess, Spent, database_of, serving
from bench.scaling.load import Load, requests
from tests.world.postgres import Cluster

CREATES: Final = 4_000
LIVES: Final = 1_000
SERVICES: Final = 100
_WARM_UP: Final = 500
_IDLE_S: Final = 10.0
_LOOK_S: Final = 0.2
_COUNT_ENDED: Final = "SELECT count(*), max(end_us) FROM callback WHERE end_us IS NOT NULL"
_SIZES: Final = """
    SELECT pg_total_relation_size('callback'), pg_total_relation_size('event'), pg_relation_size('callback')
"""


class Setup(NamedTuple):
    name: str
    # Servers on PostgreSQL; 0 for one on SQLite.
    servers: int


SETUPS: Final = (
    Setup("SQLite, 1 server", 0),
    Setup("PostgreSQL, 1 server", 1),
    Setup("PostgreSQL, 2 servers", 2),
    Setup("PostgreSQL, 4 servers", 4),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What one setup cost; the median of some rounds."""

    per_s: float
    server_us: float
    postgres_us: float
    # Events that were committed together; 0 where it is not known.
    batch: float
    written_bytes: float


class Database:
    """An empty database for one round, and direct queries to it."""

    def __init__(self, url: str, cluster: Cluster | None, ask: Callable[[str], Any]) -> None:
        self.url = url
        self.cluster = cluster
        self._ask = ask

    @classmethod
    @contextmanager
    def fresh(cls, cluster: Cluster, setup: Setup) -> Iterator["Database"]:
        with ExitStack() as stack:
            if setup.servers:
                url = stack.enter_context(database_of(cluster))
                connection = stack.enter_context(connect(url, autocommit=True))
                yield cls(url, cluster, lambda query: connection.execute(query.encode()).fetchone())
            else:
                file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "bench.db"
                yield cls(f"sqlite:///{file}", None, lambda query: _ask_sqlite(file, query))

    @property
    def newest(self) -> int:
        return int(self._ask("SELECT coalesce(max(number), 0) FROM event")[0])

    def batch(self, after: int) -> float:
        """Return how many events a transaction has logged, on average."""
        if self.cluster is None:
            return 0.0
        query = f"SELECT count(*)::float / count(DISTINCT xmin::text) FROM event WHERE number > {after}"  # noqa: S608 - a number
        return float(self._ask(query)[0])

    def ended(self) -> tuple[int, float]:
        """Return how many callbacks have ended, and the Unix time of the last end."""
        count, last_us = self._ask(_COUNT_ENDED)
        return count, (last_us or 0) / 1e6

    def sizes(self) -> tuple[int, int, int]:
        """Return bytes of all callbacks with their indexes, of all events with theirs, and of the callbacks alone."""
        callbacks, events, rows = self._ask(_SIZES)
        return callbacks, events, rows


def _ask_sqlite(file: Path, query: str) -> Any:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchone()


@asynccontextmanager
async def loaded(
    cluster: Cluster, setup: Setup, *options: str, asked: int | None = None
) -> AsyncIterator[tuple[Database, Sequence[ServerProcess], Load, Sequence[str]]]:
    """Run servers on an empty database, clients of the first `asked` of them, and services."""
    with Database.fresh(cluster, setup) as database:
        async with serving(max(setup.servers, 1), database.url, *options) as servers, Load.on(servers[:asked]) as load:
            service_ids = await load.add_services(SERVICES, max_concurrent_calls=1000)
            yield database, servers, load, service_ids


async def creates(cluster: Cluster, setup: Setup) -> Result:
    """Measure callbacks that are due in an hour: nothing but the create."""
    async with loaded(cluster, setup, "--dialer", "none") as (database, servers, load, service_ids):
        wanted = requests(_WARM_UP + CREATES, service_ids, due_s=3600)
        await load.create(wanted[:_WARM_UP])
        meter = Meter(servers, database.cluster)
        newest, before = database.newest, meter.read()
        seconds = await load.create(wanted[_WARM_UP:])
        return _result(CREATES, seconds, meter.read() - before, database.batch(newest))


async def lives(cluster: Cluster, setup: Setup) -> Result:
    """Measure lives from the create to COMPLETED, with the dialers that are built into the servers."""
    dialer = ("--dialer", "simulated", "--simulated-ring", "0", "--simulated-talk", "0")
    async with loaded(cluster, setup, *dialer) as (database, servers, load, service_ids):
        wanted = requests(_WARM_UP + LIVES, service_ids)
        await load.create(wanted[:_WARM_UP])
        await _all_ended(database, _WARM_UP)
        meter = Meter(servers, database.cluster)
        newest, before, begun = database.newest, meter.read(), time.time()
        await load.create(wanted[_WARM_UP:])
        last_end = await _all_ended(database, len(wanted))
        return _result(LIVES, last_end - begun, meter.read() - before, database.batch(newest))


async def _all_ended(database: Database, count: int) -> float:
    while (ended := database.ended())[0] < count:  # noqa: ASYNC110 - the database is another process
        await asyncio.sleep(_LOOK_S)
    return ended[1]


def _result(count: int, seconds: float, spent: Spent, batch: float) -> Result:
    written = spent.wal_bytes or spent.file_bytes
    return Result(
        count / seconds, spent.servers_s / count * 1e6, spent.postgres_s / count * 1e6, batch, written / count
    )


class Following(NamedTuple):
    """What a server costs that gets no requests, in CPU µs."""

    # Per event that another one commits.
    event_us: float
    # Per second in which nothing happens, in the server and in PostgreSQL.
    idle_us: float
    idle_postgres_us: float
    # Bytes on the disk of a callback that waits, with its indexes; of its row alone; of an event.
    callback_bytes: float
    row_bytes: float
    event_bytes: float


async def following(cluster: Cluster) -> Following:
    """Measure four servers of which one gets requests; the others only follow the log."""
    setup = SETUPS[-1]
    async with loaded(cluster, setup, "--dialer", "none", asked=1) as (database, servers, load, service_ids):
        wanted = requests(_WARM_UP + CREATES, service_ids, due_s=3600)
        await load.create(wanted[:_WARM_UP])
        followers = Meter(servers[1:], cluster)
        before = followers.read()
        await asyncio.sleep(_IDLE_S)
        idle = followers.read() - before
        before = followers.read()
        await load.create(wanted[_WARM_UP:])
        await asyncio.sleep(_LOOK_S)
        spent = followers.read() - before
        callbacks, events, rows = database.sizes()
        count = len(servers) - 1
        return Following(
            event_us=spent.servers_s / count / CREATES * 1e6,
            idle_us=idle.servers_s / count / _IDLE_S * 1e6,
            idle_postgres_us=idle.postgres_s / len(servers) / _IDLE_S * 1e6,
            callback_bytes=callbacks / len(wanted),
            row_bytes=rows / len(wanted),
            event_bytes=events / len(wanted),
        )


def middle(measured: Sequence[Following]) -> Following:
    return Following(*(statistics.median(column) for column in zip(*measured, strict=True)))


def median(results: Sequence[Result]) -> Result:
    columns = zip(*((r.per_s, r.server_us, r.postgres_us, r.batch, r.written_bytes) for r in results), strict=True)
    return Result(*(statistics.median(column) for column in columns))


async def rounds(
    cluster: Cluster, measure: Callable[[Cluster, Setup], Any], count: int
) -> Sequence[tuple[Setup, Result]]:
    """Measure all setups in turn, `count` times, so that what else the machine does meets all of them."""
    results: dict[Setup, list[Result]] = {setup: [] for setup in SETUPS}
    for _ in range(count):
        for setup in SETUPS:
            results[setup].append(await measure(cluster, setup))
    return [(setup, median(measured)) for setup, measured in results.items()]

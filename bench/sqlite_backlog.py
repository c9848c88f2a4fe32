"""Fills an SQLite database with callbacks that wait (`bench/backlog.py`)."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from bench.backlog import MOST_EVENTS, Backlog, add_services, check, insert_callbacks, insert_events, service_id
from ringback.domain.callback import State
from ringback.storage.callback_row import CALLBACK_COLUMNS
from ringback.storage.sqlite import SqliteStore

_CHECKED: Final = 20
_AT_ONCE: Final = 100_000
# With a UUIDv7, as the server makes them.
_NUMBERED: Final = """
    SELECT *, format('%012d', n) AS number, '{service}' || format('%012d', service_number) AS service,
           format('%08x-%04x-7%03x-8%03x-%012x', created_us / 65536000, created_us / 1000 % 65536, scattered % 4096,
                  scattered / 4096 % 4096, scattered % 281474976710656) AS id
      FROM ({numbers})
"""
_SERIES: Final = """
    WITH RECURSIVE series (n) AS (VALUES ({first}) UNION ALL SELECT n + 1 FROM series WHERE n < {last})
    SELECT n FROM series
"""
# What goes wrong while a database is filled is filled anew.
_CARELESS: Final = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -1000000",
    "PRAGMA threads = 2",
)


class SqliteBacklog:
    """`count` waiting callbacks."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._backlog = Backlog(count)

    async def fill(self, path: Path) -> None:
        """Make the database, with what the adapter would have put into it."""
        store = await SqliteStore.open(path)
        try:
            await add_services(store)
        finally:
            await store.close()
        with _carelessly(path) as database:
            self._insert(database)
        await self._check(path)

    def some_ids(self, wanted: int) -> Sequence[str]:
        """Return the ids of some of them, each once, without a look at the database."""
        numbers = random.sample(range(1, self.count + 1), wanted)
        with closing(sqlite3.connect(":memory:")) as nowhere:
            rows = [nowhere.execute(f"SELECT id FROM ({self._numbered(n, n)})").fetchone() for n in numbers]  # noqa: S608 - SQL of ours
        return [callback_id for (callback_id,) in rows]

    def _insert(self, database: sqlite3.Connection) -> None:
        """Insert the rows. Indexes are built at the end, which is far quicker."""
        indexes = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'callback' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        for first in range(1, self.count + 1, _AT_ONCE):
            numbered = self._numbered(first, min(first + _AT_ONCE - 1, self.count))
            for state in (State.QUEUED, State.SCHEDULED):
                database.execute(insert_callbacks(numbered, state))
        forgotten = max(self.count - MOST_EVENTS, 0)
        numbered = self._numbered(forgotten + 1, self.count)
        for state in (State.QUEUED, State.SCHEDULED):
            database.execute(insert_events(numbered, state, after=forgotten))
        for _, definition in indexes:
            database.execute(definition)

    async def _check(self, path: Path) -> None:
        columns = ", ".join(CALLBACK_COLUMNS)
        query = f"SELECT {columns} FROM callback WHERE callback_id = ?"  # noqa: S608 - SQL of ours
        store = await SqliteStore.open(path)
        try:
            with closing(sqlite3.connect(path)) as database:
                for callback_id in self.some_ids(_CHECKED):
                    check(database.execute(query, (callback_id,)).fetchone(), await store.get(callback_id))
        finally:
            await store.close()

    def _numbered(self, first: int, last: int) -> str:
        numbers = self._backlog.numbers(_SERIES.format(first=first, last=last))
        return _NUMBERED.format(numbers=numbers, service=service_id(0)[:24])


@contextmanager
def _carelessly(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in _CARELESS:
            database.execute(pragma)
        yield database

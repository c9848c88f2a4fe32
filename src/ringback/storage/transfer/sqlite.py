"""SQLite as the source or the target of a move."""

import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ringback.storage.callback_row import Row
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite.schema import APPLICATION_ID, prepare, refusals
from ringback.storage.sqlite.sole_use import sole_use
from ringback.storage.transfer.sides import NotMoved, check_empty, check_version
from ringback.storage.transfer.tables import CONTENT, About, Table

_CACHE_KIB: Final = 64 * 1024

# `sqlite_sequence` has its entry since the first event, whatever was purged since.
_ABOUT: Final = """
    SELECT database_id, services_version, clock_jumps,
           coalesce((SELECT min(number) - 1 FROM event), newest),
           newest
      FROM ringback, (SELECT coalesce(max(seq), 0) AS newest FROM sqlite_sequence WHERE name = 'event')
"""


def place(path: Path) -> object:
    """Return a value that is the same for two names of one database."""
    return path.resolve()


@contextmanager
def source(path: Path) -> Iterator["SqliteSide"]:
    """Open the database to be read as it is now. Raise `StoreCannotOpen`."""
    with sole_use(path, must_exist=True), refusals(path), closing(_connect(path)) as database:
        database.execute("PRAGMA query_only = ON")
        [(application,)] = database.execute("PRAGMA application_id")
        [(version,)] = database.execute("PRAGMA user_version")
        if application != APPLICATION_ID:
            raise StoreCannotOpen(path, "it is not a database of Ringback")
        check_version(path, version, "sqlite")
        database.execute("BEGIN")
        yield SqliteSide(path, database)


@contextmanager
def target(path: Path) -> Iterator["SqliteTarget"]:
    """Open the database to be filled, or create it. Raise `StoreCannotOpen`, and `NotMoved` when it is not empty."""
    if path.name.startswith(":memory:"):
        raise StoreCannotOpen(path, "a database in memory would be gone at once; name a file")
    with sole_use(path), refusals(path), closing(_connect(path)) as database:
        check_empty(path, _content(database))
        prepare(path, database)
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        database.execute("BEGIN IMMEDIATE")
        yield SqliteTarget(path, database)


def _connect(path: Path) -> sqlite3.Connection:
    # No isolation level: transactions begin and end where the code says so; closing rolls back the rest.
    return sqlite3.connect(path, isolation_level=None)


def _content(database: sqlite3.Connection) -> Iterator[Table]:
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in CONTENT:
        if table.name in names and database.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone():  # noqa: S608
            yield table


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise NotMoved(f"nothing was moved: {path}: {error}") from error


class SqliteSide:
    """A database in a transaction that reads."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path = path
        self._database = database

    def count(self, table: Table) -> int:
        with _faults(self._path):
            [(count,)] = self._database.execute(f"SELECT count(*) FROM {table.name}")  # noqa: S608 - ours
        return int(count)

    def rows(self, table: Table) -> Generator[Row, None, None]:
        with _faults(self._path), closing(self._database.execute(table.select)) as rows:
            yield from rows

    def about(self) -> About:
        with _faults(self._path):
            [row] = self._database.execute(_ABOUT)
        return About(*row)


class SqliteTarget(SqliteSide):
    """A database in a transaction that writes. Its indexes are dropped, to be built after all rows are written."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        super().__init__(path, database)
        indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        self._indexes = dict(database.execute(indexes).fetchall())
        for name in self._indexes:
            database.execute(f"DROP INDEX {name}")

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        values = ", ".join("?" * len(table.columns))
        insert = f"INSERT INTO {table.name} ({table.column_list}) VALUES ({values})"  # noqa: S608 - ours
        with _faults(self._path):
            self._database.executemany(insert, rows)

    def set_about(self, about: About) -> None:
        with _faults(self._path):
            self._database.execute(
                "UPDATE ringback SET database_id = ?, services_version = ?, clock_jumps = ?", about[:3]
            )
            self._database.execute("DELETE FROM sqlite_sequence WHERE name = 'event'")
            self._database.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ?)", [about.newest])

    def build_indexes(self) -> None:
        with _faults(self._path):
            for statement in self._indexes.values():
                self._database.execute(statement)

    def commit(self) -> None:
        with _faults(self._path):
            self._database.execute("COMMIT")

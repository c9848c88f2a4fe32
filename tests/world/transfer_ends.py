"""A database at either end of a move, as a database shell shows it."""

import asyncio
import gc
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import psycopg
import pytest

from ringback.ports.location import PostgresUrl
from ringback.ports.store import Store
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.postgres import PostgresStore
from ringback.storage.sqlite import SqliteStore
from ringback.storage.transfer import Compared, NotMoved, move

MOVED: Final = (
    "callback",
    "callback_label",
    "event",
    "service",
    "service_turn",
    "kept_phone",
    "dialled",
    "kept_call",
    "outcome_count",
    "ringback",
)
# Of one database only: a version of the dialect's scripts, a count without a meaning elsewhere, a mark of its clock.
_LEFT: Final = ("schema_version", "probes", "clock_boot", "clock_ahead_us", "clock_marked_jumps")

Rows = list[tuple[Any, ...]]


class End(Protocol):
    @property
    def database(self) -> Path | PostgresUrl: ...

    @property
    def url(self) -> str: ...

    async def open(self) -> Store: ...

    def execute(self, statement: str) -> Rows: ...

    def columns(self, table: str) -> list[str]: ...

    def indexes(self) -> Rows: ...


# Makes an end of the dialect.
NewEnd: TypeAlias = Callable[[str], End]


@dataclass(frozen=True)
class SqliteEnd:
    database: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.database}"

    async def open(self) -> Store:
        return await SqliteStore.open(self.database)

    def execute(self, statement: str) -> Rows:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    def columns(self, table: str) -> list[str]:
        return [name for (name,) in self.execute(f"SELECT name FROM pragma_table_info('{table}')")]

    def indexes(self) -> Rows:
        return self.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name")


@dataclass(frozen=True)
class PostgresEnd:
    database: PostgresUrl

    @property
    def url(self) -> str:
        return self.database.url

    async def open(self) -> Store:
        return await PostgresStore.open(self.database.url)

    def execute(self, statement: str) -> Rows:
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def columns(self, table: str) -> list[str]:
        return [
            name
            for (name,) in self.execute(
                f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
            )
        ]

    def indexes(self) -> Rows:
        return self.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname"
        )


def contents(end: End) -> dict[str, Rows]:
    """Return all that has to move, but for the span of the log."""
    found = {}
    for table in MOVED:
        columns = sorted(set(end.columns(table)) - set(_LEFT))
        found[table] = sorted(end.execute(f"SELECT {', '.join(columns)} FROM {table}"), key=repr)
    return found


@dataclass
class Steps:
    """Notes what it is told of the progress."""

    names: list[str] = field(default_factory=list)
    rows: int = 0

    def begin(self, step: str, rows: int | None) -> None:
        self.names.append(step)

    def advance(self, rows: int) -> None:
        self.rows += rows


async def moved(source: End, target: End, progress: Any = None) -> list[Compared]:
    """Move, off the event loop."""
    # A store that was closed while it was still connecting leaves that connection to the garbage collector.
    gc.collect()
    return await asyncio.to_thread(move, source.database, target.database, progress or Steps())


async def refusal(source: End, target: End) -> str:
    with pytest.raises((NotMoved, StoreCannotOpen)) as refused:
        await moved(source, target)
    return str(refused.value)

"""Connections that read. Each question is one closure on the thread of the one with the least to do."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import aiosqlite

from ringback.domain.errors import StorageUnavailable
from ringback.storage.operations import READ_LIMIT_S
from ringback.storage.sqlite.connection import connect, is_outage, on_thread, unavailable

R = TypeVar("R")

# Of SQLite's virtual machine, between two looks at the clock: some tens of milliseconds. Each look needs the
# interpreter's lock, for which it may have to wait.
_STEPS: Final = 1_000_000


@dataclass(slots=True)
class _Reader:
    connection: aiosqlite.Connection
    asked: int = 0


class Readers:
    """A few reading connections to one database."""

    def __init__(self, readers: list[_Reader]) -> None:
        self._readers = readers

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, count: int) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            readers = []
            for _ in range(count):
                connection = await connect(path)
                stack.push_async_callback(connection.close)
                await on_thread(connection, _forbid_writing)
                readers.append(_Reader(connection))
            yield cls(readers)

    async def read(self, query: Callable[[sqlite3.Connection], R]) -> R:
        reader = min(self._readers, key=lambda reader: reader.asked)
        reader.asked += 1
        try:
            return await on_thread(reader.connection, partial(_within_limit, query))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise StorageUnavailable(f"the database took more than {READ_LIMIT_S:g} s for an answer") from error
            if is_outage(error):
                raise unavailable(error) from error
            raise
        finally:
            reader.asked -= 1


def _within_limit(query: Callable[[sqlite3.Connection], R], database: sqlite3.Connection) -> R:
    end = time.monotonic() + READ_LIMIT_S
    database.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    return query(database)


@contextmanager
def one_moment(database: sqlite3.Connection) -> Iterator[None]:
    """Let all queries within see the database as it is at the first of them."""
    database.execute("BEGIN")
    try:
        yield
    finally:
        if database.in_transaction:  # else an error has ended it
            database.execute("ROLLBACK")


def _forbid_writing(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA query_only = ON")

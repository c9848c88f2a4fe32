"""A SQLite connection on a thread of its own, and what its errors mean."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from ringback.domain.errors import StorageUnavailable

R = TypeVar("R")

# How long to wait for a lock that somebody else holds, such as a database shell. The server itself has no rival.
BUSY_TIMEOUT_S = 5.0
# One for each number of rows in an INSERT, for each set of columns in an UPDATE, and the queries.
CACHED_STATEMENTS = 512


async def connect(path: Path) -> aiosqlite.Connection:
    # No isolation level: transactions begin and end where the code says so.
    return await aiosqlite.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, cached_statements=CACHED_STATEMENTS
    )


async def on_thread(connection: aiosqlite.Connection, work: Callable[[sqlite3.Connection], R]) -> R:
    """Run `work`, whole, on the thread of the connection.

    The public methods of aiosqlite go to the thread and back for every statement, which costs more than the SQL
    and lets a cancellation come between two statements. So its private queue is used, here and nowhere else.
    """
    try:
        database = connection._conn  # noqa: SLF001 - see above
    except ValueError:
        raise StorageUnavailable("the database is closed") from None
    result: R = await connection._execute(work, database)  # type: ignore[no-untyped-call]  # noqa: SLF001 - see above
    return result


def is_outage(error: Exception) -> bool:
    """Whether the database is at fault (away, full, locked, broken) rather than the code."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.InternalError) or type(error) is sqlite3.DatabaseError


def unavailable(error: Exception) -> StorageUnavailable:
    refusal = StorageUnavailable(f"the database did not take the request: {error}")
    refusal.__cause__ = error
    return refusal

"""Writing a batch: one closure on the thread of the writing connection, and one transaction.

So no transaction is ever open between two awaits, and the thread is gone to and come back from once.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import aiosqlite

from ringback.storage.sqlite.connection import is_outage, on_thread, unavailable
from ringback.storage.writer import Submission, places_by_operation

T = TypeVar("T")
R = TypeVar("R")

# What is written: takes the requests that were handed in for it, in order, and answers each with a result or with
# the refusal to raise. For a refused request it must not have written anything; whatever it raises itself is
# unexpected, and undone.
Operation = Callable[[sqlite3.Connection, Sequence[T]], Sequence[R | Exception]]


class Committing:
    """Writes batches over one connection."""

    def __init__(
        self,
        connection: aiosqlite.Connection,
        *,
        newest: Callable[[sqlite3.Connection], int],
        committed: Callable[[int], None],
    ) -> None:
        """`committed` is told, after each transaction, what `newest` reads then."""
        self._connection = connection
        self._newest = newest
        self._committed = committed

    async def write(self, batch: Sequence[Submission]) -> Sequence[Any]:
        outcomes, newest = await on_thread(self._connection, partial(_write, batch, self._newest))
        self._committed(newest)
        return outcomes


# --- On the connection's thread --------------------------------------------------------------------------------


def _write(
    batch: Sequence[Submission], newest: Callable[[sqlite3.Connection], int], database: sqlite3.Connection
) -> tuple[list[Any], int]:
    outcomes = _commit(database, batch)
    try:
        return outcomes, newest(database)
    except sqlite3.Error:
        return outcomes, 0  # nothing new to tell


def _commit(database: sqlite3.Connection, batch: Sequence[Submission]) -> list[Any]:
    """The outcome of each. When one fails unexpectedly, all are undone and tried again, each alone."""
    try:
        _roll_back(database)  # what could not be rolled back before
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return [unavailable(error) for _ in batch]
    try:
        outcomes = _run_operations(database, batch)
    except Exception as error:  # noqa: BLE001 - goes to whoever asked for it
        _try_to_roll_back(database)
        if len(batch) == 1:
            return [unavailable(error) if is_outage(error) else error]
        return [outcome for submission in batch for outcome in _commit(database, [submission])]
    try:
        database.execute("COMMIT")
    except sqlite3.Error as error:
        _try_to_roll_back(database)
        return [unavailable(error) for _ in batch]
    return outcomes


def _run_operations(database: sqlite3.Connection, batch: Sequence[Submission]) -> list[Any]:
    """Each operation once, with all of its requests."""
    outcomes: list[Any] = [None] * len(batch)
    for operation, its_places in places_by_operation(batch).items():
        answers = operation(database, [batch[place].request for place in its_places])
        for place, answer in zip(its_places, answers, strict=True):
            outcomes[place] = answer
    return outcomes


def _try_to_roll_back(database: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        _roll_back(database)


def _roll_back(database: sqlite3.Connection) -> None:
    # SQLite has done so itself after some errors, and a second one would be an error.
    if database.in_transaction:
        database.execute("ROLLBACK")

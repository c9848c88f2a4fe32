"""Writing a batch: one closure on the thread of the writing connection, and one transaction.

So no transaction is ever open between two awaits, and the thread is gone to and come back from once.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import aiosqlite

from ringback.ports.values import LoggedEvent
from ringback.storage.sqlite.connection import is_outage, on_thread, unavailable
from ringback.storage.writer import Submission, places_by_operation

T = TypeVar("T")
R = TypeVar("R")


class Transaction:
    """What an operation writes to, and what the log has got by it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        # The newest entry of the log; 0 while there is no new one.
        self.newest = 0
        # Those of the new entries whose values are at hand, so that nobody has to read them.
        self.events: list[LoggedEvent] = []


# What is written: takes the requests that were handed in for it, in order, and answers each with a result or with
# the refusal to raise. For a refused request it must not have written anything; whatever it raises itself is
# unexpected, and undone.
Operation = Callable[[Transaction, Sequence[T]], Sequence[R | Exception]]


class Committing:
    """Writes batches over one connection."""

    def __init__(
        self, connection: aiosqlite.Connection, committed: Callable[[int, Sequence[LoggedEvent]], None]
    ) -> None:
        """`committed` is told, after each transaction that has logged something, the newest entry and the new ones."""
        self._connection = connection
        self._committed = committed

    async def write(self, batch: Sequence[Submission]) -> Sequence[Any]:
        outcomes, transactions = await on_thread(self._connection, partial(_write, batch))
        for transaction in transactions:
            if transaction.newest:
                self._committed(transaction.newest, transaction.events)
        return outcomes


# --- On the connection's thread --------------------------------------------------------------------------------


def _write(batch: Sequence[Submission], database: sqlite3.Connection) -> tuple[list[Any], list[Transaction]]:
    """The outcome of each. When one fails unexpectedly, all are undone and tried again, each alone."""
    try:
        _roll_back(database)  # what could not be rolled back before
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return [unavailable(error) for _ in batch], []
    transaction = Transaction(database)
    try:
        outcomes = _run_operations(transaction, batch)
    except Exception as error:  # noqa: BLE001 - goes to whoever asked for it
        _try_to_roll_back(database)
        if len(batch) == 1:
            return [unavailable(error) if is_outage(error) else error], []
        return _write_each(batch, database)
    try:
        database.execute("COMMIT")
    except sqlite3.Error as error:
        _try_to_roll_back(database)
        return [unavailable(error) for _ in batch], []
    return outcomes, [transaction]


def _write_each(batch: Sequence[Submission], database: sqlite3.Connection) -> tuple[list[Any], list[Transaction]]:
    written = [_write([submission], database) for submission in batch]
    return [outcome for outcomes, _ in written for outcome in outcomes], [t for _, some in written for t in some]


def _run_operations(transaction: Transaction, batch: Sequence[Submission]) -> list[Any]:
    """Each operation once, with all of its requests."""
    outcomes: list[Any] = [None] * len(batch)
    for operation, its_places in places_by_operation(batch).items():
        answers = operation(transaction, [batch[place].request for place in its_places])
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

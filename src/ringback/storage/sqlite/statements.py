"""What the writing operations share: rows into tables, labels, the event log."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from ringback.domain.callback import Callback
from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.storage.callback_row import Row
from ringback.storage.event_row import EVENT_COLUMNS
from ringback.storage.sqlite.transaction import Operation, Transaction

T = TypeVar("T")
R = TypeVar("R")

_LABEL_COLUMNS: Final = ("key", "value", "callback_id")
# Rows per INSERT. Every statement lets go of the interpreter's lock and has to get it back from a busy event loop,
# so few large ones are worth much; SQLite may allow no more than 999 parameters in one.
ROWS_PER_INSERT: Final = 32


def each(operation: Callable[[sqlite3.Connection, T], R]) -> Operation[T, R]:
    """The operation that handles its requests one after the other."""

    def run(transaction: Transaction, requests: Sequence[T]) -> list[R | Exception]:
        answers: list[R | Exception] = []
        for request in requests:
            try:
                answers.append(operation(transaction.database, request))
            except (RevisionConflict, DuplicateService) as refusal:
                answers.append(refusal)
        return answers

    return run


def log(transaction: Transaction, entries: Sequence[Row]) -> int:
    """Answers the number of the first of at least one entry; the others follow without a gap."""
    transaction.newest = insert(transaction.database, "event", EVENT_COLUMNS, entries)
    return transaction.newest - len(entries) + 1


def insert_labels(database: sqlite3.Connection, callbacks: Sequence[Callback]) -> None:
    insert(database, "callback_label", _LABEL_COLUMNS, _label_rows(callbacks))


def delete_labels(database: sqlite3.Connection, callbacks: Sequence[Callback]) -> None:
    database.executemany(
        "DELETE FROM callback_label WHERE key = ? AND value = ? AND callback_id = ?",
        _label_rows(callbacks),
    )


def _label_rows(callbacks: Sequence[Callback]) -> list[Row]:
    return [
        (key, value, callback.callback_id) for callback in callbacks for key, value in callback.request.labels.items()
    ]


def insert(database: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> int:
    """Answers the number that SQLite gave to the last row of a table that has numbers."""
    number = 0
    for start in range(0, len(rows), ROWS_PER_INSERT):
        some = rows[start : start + ROWS_PER_INSERT]
        values: list[Any] = [value for row in some for value in row]
        number = database.execute(_insert_of(table, columns, len(some)), values).lastrowid or 0
    return number


@cache  # a few tables, up to ROWS_PER_INSERT rows
def _insert_of(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of ours

"""Deletion of what is kept about a phone, so that no file of the database has it any more."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ringback.domain.callback import Callback
from ringback.domain.target import number_of_phone
from ringback.storage import event_row
from ringback.storage.comparison import changed_since
from ringback.storage.operations import Erasing
from ringback.storage.sqlite.connection import unavailable
from ringback.storage.sqlite.flushing import flush
from ringback.storage.sqlite.sole_use import beside
from ringback.storage.sqlite.transaction import Transaction, delete_labels, each
from ringback.storage.sqlite.write_lock import waiting_up_to

_FORGET: Final = ("DELETE FROM kept_phone WHERE phone = ?",)
# How long to wait for readers, which take milliseconds, but for a backup or a shell.
_READERS_MS: Final = 100


def _redact(transaction: Transaction, numbers: Sequence[int]) -> None:
    for number in numbers:
        row = transaction.database.execute(
            "SELECT body, lease_expire_us, previous FROM event WHERE number = ?", (number,)
        ).fetchone()
        if row is not None:
            transaction.database.execute(
                "UPDATE event SET body = ?, previous = ?, lease_expire_us = NULL WHERE number = ?",
                (*event_row.redacted(*row), number),
            )


def _erase(transaction: Transaction, request: Erasing) -> int:
    database = transaction.database
    stored = {callback.callback_id for callback in request.callbacks if _is_stored(database, callback)}
    delete_labels(database, [callback for callback in request.callbacks if callback.callback_id in stored])
    database.executemany("DELETE FROM callback WHERE callback_id = ?", [(callback_id,) for callback_id in stored])
    ids = [(callback.callback_id,) for callback in request.callbacks]
    database.executemany("DELETE FROM kept_call WHERE callback_id = ?", ids)
    rows = [event_row.erased_row(callback, request.now, request.identity) for callback in request.callbacks]
    if rows:
        transaction.log_rows(rows)
    return len(stored)


def _is_stored(database: sqlite3.Connection, callback: Callback) -> bool:
    """Raise `RevisionConflict` when it is not as it was read."""
    row = database.execute("SELECT revision FROM callback WHERE callback_id = ?", (callback.callback_id,)).fetchone()
    if row is not None and row[0] != callback.revision:
        raise changed_since([callback.callback_id])
    return row is not None


def _forget_phone(transaction: Transaction, phone: str) -> None:
    for statement in _FORGET:
        transaction.database.execute(statement, (phone,))
    transaction.database.execute("DELETE FROM dialled WHERE phone = ?", (number_of_phone(phone),))


redact = each(_redact)
erase = each(_erase)
forget_phone = each(_forget_phone)


def empty_write_ahead_log(path: Path, database: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the database, and cut it to nothing; return False while somebody reads it.

    It has earlier versions of pages. In the database itself what is deleted is overwritten (`secure_delete`). Raise
    `StorageUnavailable`.
    """
    try:
        with waiting_up_to(database, _READERS_MS):
            (busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            # SQLite does not, since it may do without: after a power cut the log could be there in its old length.
            flush(beside(path, "-wal"))
    except (sqlite3.OperationalError, OSError) as fault:
        raise unavailable(fault) from fault
    return not busy

"""Creation of callbacks, each once. A refusal comes before anything is written."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from ringback.domain.callback import Callback
from ringback.storage import event_row
from ringback.storage.body import read_callback
from ringback.storage.callback_row import CALLBACK_COLUMNS
from ringback.storage.creation import JointCreation, NewCallback
from ringback.storage.event_row import LogEntry
from ringback.storage.operations import Creation
from ringback.storage.sqlite.transaction import ROWS_PER_INSERT, Transaction, insert, insert_labels, service_revision


def create(transaction: Transaction, calls: Sequence[Creation]) -> list[list[Callback | None] | Exception]:
    database = transaction.database
    service_ids = {callback.service_id for call in calls for callback in call.new}
    known = {one: service_revision(database, transaction.revisions, one) for one in service_ids}
    creation = JointCreation(calls, known)
    found = _insert_new(database, creation.new)
    stored = creation.stored(found)
    insert_labels(database, [new.callback for new in stored])
    transaction.log([_entry(new) for new in stored])
    return creation.results(found)


def _entry(new: NewCallback) -> LogEntry:
    return LogEntry(event_row.created(new.callback, new.row[-1]), None, new.callback, new.callback.identity)


def _insert_new(database: sqlite3.Connection, new: Sequence[NewCallback]) -> list[Callback | None]:
    found: list[Callback | None] = []
    for start in range(0, len(new), ROWS_PER_INSERT):
        some = new[start : start + ROWS_PER_INSERT]
        if _insert_at_once(database, some):
            found += [None] * len(some)
        else:
            found += [_find_or_insert(database, one) for one in some]
    return found


def _insert_at_once(database: sqlite3.Connection, new: Sequence[NewCallback]) -> bool:
    """Insert them with one statement; return False when each has to be looked up."""
    if any(one.alone for one in new):
        return False
    try:
        insert(database, "callback", CALLBACK_COLUMNS, [one.row for one in new])
    except sqlite3.IntegrityError:  # one of them is stored already; SQLite has undone the whole statement
        return False
    return True


# Looked up in this order, and before the target: a repeated request gets its own callback.
_SAME_NAME: Final = """
    SELECT body, lease_expire_us FROM callback WHERE callback_id = :callback_id
    UNION ALL
    SELECT body, lease_expire_us FROM callback WHERE caller_id = :caller_id AND external_task_id = :external_task_id
    UNION ALL
    SELECT body, lease_expire_us FROM callback
     WHERE request_id = :request_id AND coalesce(identity, '') = coalesce(:identity, '')
    LIMIT 1
"""
SAME_TARGET: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_open_by_target
     WHERE dial_target = :dial_target AND end_us IS NULL AND +service_id = :service_id
     ORDER BY callback_id LIMIT 1
"""


def _find_or_insert(database: sqlite3.Connection, new: NewCallback) -> Callback | None:
    columns = dict(zip(CALLBACK_COLUMNS, new.row, strict=True))
    found = database.execute(_SAME_NAME, columns).fetchone()
    if found is None and new.alone:
        found = database.execute(SAME_TARGET, columns).fetchone()
    if found is not None:
        return read_callback(*found)
    insert(database, "callback", CALLBACK_COLUMNS, [new.row])
    return None

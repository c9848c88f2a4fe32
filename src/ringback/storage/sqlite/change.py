"""Writing callbacks: operations of the group-commit writer (see `writer.Operation`).

A refusal is found out before anything is written. Nothing here decides what may happen to a callback.
"""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache
from typing import Final, NamedTuple

from ringback.domain.callback import IN_PROGRESS, Callback
from ringback.domain.queue import Turn
from ringback.ports.errors import RevisionConflict, UnknownService
from ringback.ports.values import Change, EventKind, Extension, LoggedEvent
from ringback.storage import event_row
from ringback.storage.body import duration_us, read_callback, time_us, write_json
from ringback.storage.callback_row import CALLBACK_COLUMNS, Row, changed_columns, lease_expire_us, row_of
from ringback.storage.sqlite.statements import ROWS_PER_INSERT, delete_labels, each, insert, insert_labels, log
from ringback.storage.sqlite.transaction import Transaction

# --- The log ---------------------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """A row of the log, and what it tells."""

    row: Row
    before: Callback | None
    after: Callback


def _log(transaction: Transaction, entries: Sequence[_Entry]) -> None:
    if entries:
        first = log(transaction, [entry.row for entry in entries])
        transaction.events += [
            LoggedEvent(number, EventKind.UPDATED if before else EventKind.CREATED, after, before)
            for number, (_, before, after) in enumerate(entries, first)
        ]


# --- Creating --------------------------------------------------------------------------------------------------


class Creation(NamedTuple):
    """What one call creates, and the ids of those that must be alone."""

    new: Sequence[Callback]
    alone: Collection[str]


class _New(NamedTuple):
    callback: Callback
    row: Row
    alone: bool


def create(transaction: Transaction, calls: Sequence[Creation]) -> list[list[Callback | None] | Exception]:
    """All calls as if they were one: callbacks are inserted by the dozen, whoever asked for them."""
    database = transaction.database
    gone = _missing_services(database, {callback.service_id for call in calls for callback in call.new})
    refused = [next((c.service_id for c in call.new if c.service_id in gone), None) for call in calls]
    new = [
        _New(callback, row_of(callback), callback.callback_id in call.alone)
        for call, service_id in zip(calls, refused, strict=True)
        for callback in call.new
        if service_id is None
    ]
    there_already = _insert_new(database, new)
    stored = [one for one, other in zip(new, there_already, strict=True) if other is None]
    insert_labels(database, [one.callback for one in stored])
    _log(transaction, [_Entry(event_row.created(one.callback, one.row[-1]), None, one.callback) for one in stored])
    answers = iter(there_already)
    return [
        [next(answers) for _ in call.new] if service_id is None else UnknownService(service_id)
        for call, service_id in zip(calls, refused, strict=True)
    ]


def _missing_services(database: sqlite3.Connection, service_ids: Collection[str]) -> Collection[str]:
    """Deleted since the callbacks were planned. Not a foreign key: ended callbacks outlive their service."""
    return {
        service_id
        for service_id in service_ids
        if database.execute("SELECT 1 FROM service WHERE service_id = ?", (service_id,)).fetchone() is None
    }


def _insert_new(database: sqlite3.Connection, new: Sequence[_New]) -> list[Callback | None]:
    answers: list[Callback | None] = []
    for start in range(0, len(new), ROWS_PER_INSERT):
        some = new[start : start + ROWS_PER_INSERT]
        if _insert_at_once(database, some):
            answers += [None] * len(some)
        else:
            answers += [_find_or_insert(database, one) for one in some]
    return answers


def _insert_at_once(database: sqlite3.Connection, new: Sequence[_New]) -> bool:
    """Insert them all, if that needs no closer look."""
    if any(one.alone for one in new):
        return False
    try:
        insert(database, "callback", CALLBACK_COLUMNS, [one.row for one in new])
    except sqlite3.IntegrityError:  # one of them is there already; SQLite has taken back them all
        return False
    return True


# Looked for in this order: a repeated request is answered as such before anything is said about its target.
_SAME_NAME: Final = """
    SELECT body, lease_expire_us FROM callback WHERE callback_id = :callback_id
    UNION ALL
    SELECT body, lease_expire_us FROM callback WHERE caller_id = :caller_id AND external_task_id = :external_task_id
    UNION ALL
    SELECT body, lease_expire_us FROM callback WHERE request_id = :request_id
    LIMIT 1
"""
SAME_TARGET: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_open_by_target
     WHERE dial_target = :dial_target AND end_us IS NULL AND +service_id = :service_id
     ORDER BY callback_id LIMIT 1
"""


def _find_or_insert(database: sqlite3.Connection, new: _New) -> Callback | None:
    columns = dict(zip(CALLBACK_COLUMNS, new.row, strict=True))
    found = database.execute(_SAME_NAME, columns).fetchone()
    if found is None and new.alone:
        found = database.execute(SAME_TARGET, columns).fetchone()
    if found is not None:
        return read_callback(*found)
    insert(database, "callback", CALLBACK_COLUMNS, [new.row])
    return None


# --- Changing --------------------------------------------------------------------------------------------------


class Changes(NamedTuple):
    """All or none of them."""

    changes: Sequence[Change]
    turn: Turn | None


def apply(transaction: Transaction, calls: Sequence[Changes]) -> list[Exception | None]:
    database = transaction.database
    answers: list[Exception | None] = []
    entries: list[_Entry] = []
    for changes, turn in calls:
        try:
            if len(changes) > 1:  # a single one is compared when it is written
                _check_revisions(database, changes)
            _check_targets(database, changes)
            _check_turn(database, turn)
            entries += [_replace(database, change) for change in changes]
        except RevisionConflict as conflict:
            answers.append(conflict)
            continue
        _store_turn(database, turn)
        answers.append(None)
    _log(transaction, entries)
    return answers


def _check_revisions(database: sqlite3.Connection, changes: Sequence[Change]) -> None:
    current: dict[str, tuple[int, int | None] | None] = {}
    changed: list[str] = []
    for change in changes:
        callback_id = change.before.callback_id
        if callback_id not in current:  # else it was changed by this very call
            current[callback_id] = database.execute(
                "SELECT revision, lease_expire_us FROM callback WHERE callback_id = ?", (callback_id,)
            ).fetchone()
        if current[callback_id] != _version(change.before):
            changed.append(callback_id)
        current[callback_id] = _version(change.after)
    if changed:
        raise _changed_since(changed)


def _changed_since(callback_ids: Sequence[str]) -> RevisionConflict:
    return RevisionConflict(
        f"{len(callback_ids)} callbacks were changed since they were read: {callback_ids[0]}, …", callback_ids
    )


def _version(callback: Callback) -> tuple[int, int | None]:
    return callback.revision, lease_expire_us(callback)


def _check_targets(database: sqlite3.Connection, changes: Sequence[Change]) -> None:
    """Never two calls to one target at once. The unique index says so too; here the refusal comes in time."""
    in_call: dict[str, str | None] = {}
    for change in changes:
        ended, begun = _called_target(change.before), _called_target(change.after)
        if ended == begun:
            continue
        if ended is not None:
            in_call[ended] = None
        if begun is not None:
            holder = in_call[begun] if begun in in_call else _holder(database, begun)
            if holder is not None:
                raise RevisionConflict(
                    f"callback {holder} to the same target is in progress", [change.after.callback_id]
                )
            in_call[begun] = change.after.callback_id


def _called_target(callback: Callback) -> str | None:
    return callback.dial_target if callback.state in IN_PROGRESS else None


def _holder(database: sqlite3.Connection, target: str) -> str | None:
    row = database.execute(
        "SELECT callback_id FROM callback WHERE dial_target = ? AND lease_dialer IS NOT NULL", (target,)
    ).fetchone()
    return None if row is None else row[0]


def _check_turn(database: sqlite3.Connection, turn: Turn | None) -> None:
    if turn is None:
        return
    row = database.execute("SELECT revision FROM service_turn WHERE service_id = ?", (turn.service_id,)).fetchone()
    if row != (turn.revision - 1,):
        raise RevisionConflict(f"somebody else granted a callback of service {turn.service_id}")


def _store_turn(database: sqlite3.Connection, turn: Turn | None) -> None:
    if turn is not None:
        database.execute(
            "UPDATE service_turn SET credits = ?, revision = ? WHERE service_id = ?",
            (write_json(turn.credits), turn.revision, turn.service_id),
        )


def _replace(database: sqlite3.Connection, change: Change) -> _Entry:
    """Store the change, and answer its entry in the log."""
    row = row_of(change.after)
    names, values = changed_columns(change.before, change.after, row)
    callback_id = change.before.callback_id
    if database.execute(_update_of(names), (*values, callback_id, *_version(change.before))).rowcount == 0:
        raise _changed_since([callback_id])
    if change.before.request.labels != change.after.request.labels:
        delete_labels(database, [change.before])
        insert_labels(database, [change.after])
    return _Entry(event_row.updated(change.before, change.after, row[-1]), change.before, change.after)


@cache  # few sets of columns that change together
def _update_of(names: tuple[str, ...]) -> str:
    settings = ", ".join(f"{name} = ?" for name in names)
    return f"UPDATE callback SET {settings} WHERE callback_id = ? AND revision = ? AND lease_expire_us IS ?"  # noqa: S608 - names of ours


# --- Leases ----------------------------------------------------------------------------------------------------


def _extend(database: sqlite3.Connection, extensions: Sequence[Extension]) -> list[bool]:
    # A lease that is over has no fencing token in its row, and a newer one has another.
    return [
        database.execute(
            "UPDATE callback SET lease_expire_us = ? WHERE callback_id = ? AND lease_fencing = ?",
            (time_us(extension.expire_time), extension.callback_id, extension.fencing_token),
        ).rowcount
        == 1
        for extension in extensions
    ]


class Shift(NamedTuple):
    by: timedelta
    jumps: int


def _shift_leases(database: sqlite3.Connection, shift: Shift) -> int | None:
    counted = database.execute("UPDATE ringback SET clock_jumps = clock_jumps + 1 WHERE clock_jumps = ?", shift[1:])
    if counted.rowcount == 0:
        return None
    return database.execute(
        """
        UPDATE callback INDEXED BY callback_by_lease SET lease_expire_us = lease_expire_us + ?
         WHERE lease_dialer IS NOT NULL
        """,
        (duration_us(shift.by),),
    ).rowcount


extend = each(_extend)
shift_leases = each(_shift_leases)


# --- Health ----------------------------------------------------------------------------------------------------


def _probe(database: sqlite3.Connection, _: None) -> None:
    """A write that means nothing. A new value each time: SQLite does not write a page that stays the same."""
    database.execute("UPDATE ringback SET probes = probes + 1")


probe = each(_probe)

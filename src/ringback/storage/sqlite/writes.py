"""What is written, as operations of the group-commit writer (see `writer.Operation`).

A refusal is found out before anything is written. Nothing here decides what may happen to a callback.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Any, Final, NamedTuple, TypeVar

from ringback.domain.callback import IN_PROGRESS, Callback
from ringback.domain.priority import FRESH_ROUND
from ringback.domain.service import Service
from ringback.ports import Change, DuplicateService, Extension, Retention, RevisionConflict, Turn
from ringback.storage import event
from ringback.storage.record import (
    duration_us,
    read_callback,
    time_us,
    write_json,
    write_service,
)
from ringback.storage.row import CALLBACK_COLUMNS, Row, changed_columns, lease_expire_us, row_of
from ringback.storage.sqlite.reads import newest_event
from ringback.storage.sqlite.writer import Operation

T = TypeVar("T")
R = TypeVar("R")

_LABEL_COLUMNS: Final = ("key", "value", "callback_id")
# Rows per INSERT. Every statement lets go of the interpreter's lock and has to get it back from a busy event loop,
# so few large ones are worth much; SQLite may allow no more than 999 parameters in one.
_ROWS_PER_INSERT: Final = 32


def _each(operation: Callable[[sqlite3.Connection, T], R]) -> Operation[T, R]:
    """The operation that handles its requests one after the other."""

    def run(database: sqlite3.Connection, requests: Sequence[T]) -> list[R | Exception]:
        answers: list[R | Exception] = []
        for request in requests:
            try:
                answers.append(operation(database, request))
            except (RevisionConflict, DuplicateService) as refusal:
                answers.append(refusal)
        return answers

    return run


# --- Callbacks -------------------------------------------------------------------------------------------------


def create(
    database: sqlite3.Connection, calls: Sequence[Sequence[Callback]]
) -> list[list[Callback | None] | Exception]:
    """All calls as if they were one: callbacks are inserted by the dozen, whoever asked for them."""
    new = [callback for call in calls for callback in call]
    rows = [row_of(callback) for callback in new]
    there_already = _insert_callbacks(database, rows)
    stored = [
        (callback, row[-1]) for callback, row, other in zip(new, rows, there_already, strict=True) if other is None
    ]
    _insert(
        database,
        "callback_label",
        _LABEL_COLUMNS,
        [row for callback, _ in stored for row in _labels(callback)],
    )
    _log(database, [event.created(callback, body) for callback, body in stored])
    answers = iter(there_already)
    return [[next(answers) for _ in call] for call in calls]


def _insert_callbacks(database: sqlite3.Connection, rows: Sequence[Row]) -> list[Callback | None]:
    answers: list[Callback | None] = []
    for start in range(0, len(rows), _ROWS_PER_INSERT):
        some = rows[start : start + _ROWS_PER_INSERT]
        try:
            _insert(database, "callback", CALLBACK_COLUMNS, some)
            answers += [None] * len(some)
        except sqlite3.IntegrityError:  # one of them is there already; SQLite has taken back them all
            answers += [_insert_or_find(database, row) for row in some]
    return answers


def _insert_or_find(database: sqlite3.Connection, row: Row) -> Callback | None:
    keys = dict(zip(CALLBACK_COLUMNS, row, strict=True))
    found = database.execute(
        """
        SELECT body, lease_expire_us FROM callback WHERE callback_id = :callback_id
        UNION ALL
        SELECT body, lease_expire_us FROM callback
         WHERE caller_id = :caller_id AND external_task_id = :external_task_id
        UNION ALL
        SELECT body, lease_expire_us FROM callback WHERE request_id = :request_id
        LIMIT 1
        """,
        keys,
    ).fetchone()
    if found is not None:
        return read_callback(*found)
    _insert(database, "callback", CALLBACK_COLUMNS, [row])
    return None


class Changes(NamedTuple):
    """All or none of them."""

    changes: Sequence[Change]
    turn: Turn | None


def apply(database: sqlite3.Connection, calls: Sequence[Changes]) -> list[Exception | None]:
    answers: list[Exception | None] = []
    entries: list[Row] = []
    for changes, turn in calls:
        try:
            _check_revisions(database, changes)
            _check_targets(database, changes)
            _check_turn(database, turn)
        except RevisionConflict as conflict:
            answers.append(conflict)
            continue
        entries += [_replace(database, change) for change in changes]
        _store_turn(database, turn)
        answers.append(None)
    _log(database, entries)
    return answers


def _check_revisions(database: sqlite3.Connection, changes: Sequence[Change]) -> None:
    current: dict[str, tuple[int, int | None] | None] = {}
    for change in changes:
        callback_id = change.before.callback_id
        if callback_id not in current:  # else it was changed by this very call
            current[callback_id] = database.execute(
                "SELECT revision, lease_expire_us FROM callback WHERE callback_id = ?", (callback_id,)
            ).fetchone()
        if current[callback_id] != _version(change.before):
            raise RevisionConflict(f"callback {callback_id} was changed since it was read")
        current[callback_id] = _version(change.after)


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
                raise RevisionConflict(f"callback {holder} to the same target is in progress")
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


def _replace(database: sqlite3.Connection, change: Change) -> Row:
    """Store the change, and answer its entry in the log."""
    row = row_of(change.after)
    names, values = changed_columns(change.before, row)
    callback_id = change.before.callback_id
    database.execute(_update_of(names), (*values, callback_id))
    if change.before.request.labels != change.after.request.labels:
        _delete_labels(database, [change.before])
        _insert(database, "callback_label", _LABEL_COLUMNS, _labels(change.after))
    return event.updated(change.before, change.after, row[-1])


@cache  # there are few sets of columns that change together
def _update_of(names: tuple[str, ...]) -> str:
    settings = ", ".join(f"{name} = ?" for name in names)
    return f"UPDATE callback SET {settings} WHERE callback_id = ?"  # noqa: S608 - names of ours


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


def _shift_leases(database: sqlite3.Connection, by: timedelta) -> int:
    return database.execute(
        """
        UPDATE callback INDEXED BY callback_by_lease SET lease_expire_us = lease_expire_us + ?
         WHERE lease_dialer IS NOT NULL
        """,
        (duration_us(by),),
    ).rowcount


extend = _each(_extend)
shift_leases = _each(_shift_leases)


# --- Forgetting ------------------------------------------------------------------------------------------------


class Purge(NamedTuple):
    now: datetime
    retention: Retention
    limit: int


def _purge(database: sqlite3.Connection, request: Purge) -> int:
    now, retention, limit = request
    callbacks = _purge_callbacks(database, now, time_us(now - retention.ended_callbacks), limit)
    return callbacks + _purge_events(database, time_us(now - retention.events), retention.min_events, limit)


def _purge_callbacks(database: sqlite3.Connection, now: datetime, before_us: int, limit: int) -> int:
    ended = database.execute(
        """
        SELECT callback_id, state, body FROM callback INDEXED BY callback_to_purge
         WHERE end_us < ? ORDER BY end_us LIMIT ?
        """,
        (before_us, limit),
    ).fetchall()
    _delete_labels(database, [read_callback(body, None) for _, _, body in ended])
    database.executemany("DELETE FROM callback WHERE callback_id = ?", [row[:1] for row in ended])
    _log(database, [event.purged(now, *row) for row in ended])
    return len(ended)


def _purge_events(database: sqlite3.Connection, before_us: int, min_events: int, limit: int) -> int:
    """Only ever the oldest entries, without a gap, so that one number tells what can still be read."""
    # Numbers have no gaps here: SQLite takes them back with the transaction.
    beyond_count = newest_event(database) - min_events
    oldest = database.execute(
        "SELECT number, event_us FROM event WHERE number <= ? ORDER BY number LIMIT ?", (beyond_count, limit)
    ).fetchall()
    old = [number for number, event_us in takewhile(lambda row: row[1] < before_us, oldest)]
    if old:
        database.execute("DELETE FROM event WHERE number <= ?", (old[-1],))
    return len(old)


purge = _each(_purge)


# --- Services --------------------------------------------------------------------------------------------------


def _put_service(database: sqlite3.Connection, service: Service) -> None:
    service_id = service.service_id
    stored = database.execute("SELECT revision FROM service WHERE service_id = ?", (service_id,)).fetchone()
    is_new = service.revision == 1
    if is_new and stored is not None:
        raise DuplicateService(service_id, "service_id")
    if not is_new and stored != (service.revision - 1,):
        raise RevisionConflict(f"service {service_id} was changed since it was read")
    other = database.execute(
        "SELECT service_id FROM service WHERE sip_address = ? AND service_id <> ?",
        (service.sip_address, service_id),
    ).fetchone()
    if other is not None:
        raise DuplicateService(other[0], "sip_address")
    values = service.sip_address, service.revision, write_service(service), service_id
    if is_new:
        database.execute("INSERT INTO service (sip_address, revision, body, service_id) VALUES (?, ?, ?, ?)", values)
        database.execute(
            "INSERT INTO service_turn (service_id, credits, revision) VALUES (?, ?, 0)",
            (service_id, write_json(FRESH_ROUND)),
        )
    else:
        database.execute("UPDATE service SET sip_address = ?, revision = ?, body = ? WHERE service_id = ?", values)


class ServiceRevision(NamedTuple):
    service_id: str
    revision: int


def _delete_service(database: sqlite3.Connection, service: ServiceRevision) -> bool:
    stored = database.execute("SELECT revision FROM service WHERE service_id = ?", (service.service_id,)).fetchone()
    if stored != (service.revision,):
        raise RevisionConflict(f"service {service.service_id} was changed since it was read")
    is_used = database.execute(
        """
        SELECT 1 FROM callback INDEXED BY callback_by_service
         WHERE service_id = ?
           AND state IN ('SCHEDULED', 'QUEUED', 'OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING') LIMIT 1
        """,
        (service.service_id,),
    ).fetchone()
    if is_used is not None:
        return False
    database.execute("DELETE FROM service WHERE service_id = ?", (service.service_id,))
    return True


put_service = _each(_put_service)
delete_service = _each(_delete_service)


# --- Shared by the operations above ----------------------------------------------------------------------------


def probe(database: sqlite3.Connection, requests: Sequence[None]) -> list[Exception | None]:
    """A write that means nothing. A new value each time: SQLite does not write a page that stays the same."""
    database.execute("UPDATE ringback SET probes = probes + 1")
    return [None for _ in requests]


def _log(database: sqlite3.Connection, entries: Sequence[Row]) -> None:
    _insert(database, "event", event.EVENT_COLUMNS, entries)


def _labels(callback: Callback) -> list[Row]:
    return [(key, value, callback.callback_id) for key, value in callback.request.labels.items()]


def _delete_labels(database: sqlite3.Connection, callbacks: Sequence[Callback]) -> None:
    database.executemany(
        "DELETE FROM callback_label WHERE key = ? AND value = ? AND callback_id = ?",
        [row for callback in callbacks for row in _labels(callback)],
    )


def _insert(database: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), _ROWS_PER_INSERT):
        some = rows[start : start + _ROWS_PER_INSERT]
        values: list[Any] = [value for row in some for value in row]
        database.execute(_insert_of(table, columns, len(some)), values)


@cache  # a few tables, up to _ROWS_PER_INSERT rows
def _insert_of(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names of ours

"""Changes of callbacks: compared with the stored rows, all or none of each call.

A refusal comes before anything is written. Nothing here decides what may happen to a callback.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from ringback.domain.queue import Turn
from ringback.ports.errors import RevisionConflict, TargetTaken
from ringback.ports.values import Change, ClockMark, Extension
from ringback.storage import event_row
from ringback.storage.body import duration_us, read_callback, time_us, write_json
from ringback.storage.callback_row import changed_columns, lease_expire_us, row_of
from ringback.storage.comparison import Held, PhoneRow, changed_since, compare, dialled_phone, kept_phone
from ringback.storage.operations import Changes, KeepingBounds, Shift
from ringback.storage.sqlite.transaction import (
    ROWS_PER_INSERT,
    LogEntry,
    Transaction,
    delete_labels,
    each,
    insert_labels,
)

PHONE: Final = """
    SELECT (
        SELECT callback_id FROM callback INDEXED BY callback_phone_in_call
         WHERE coalesce(phone, dial_target) = :phone AND lease_dialer IS NOT NULL
    ), coalesce((SELECT until_us FROM kept_phone WHERE phone = :phone), 0)
"""
DIAL_OUTS: Final = "(SELECT count(*) FROM dialled WHERE phone = ? AND at_us > ?)"
_KEEP: Final = """
    INSERT INTO kept_phone (phone, until_us) VALUES (?, ?)
        ON CONFLICT (phone) DO UPDATE SET until_us = max(until_us, excluded.until_us)
"""


class StoredRows(NamedTuple):
    """`Stored`, with a query for each row."""

    database: sqlite3.Connection
    # Of services that were looked for, or written, before.
    revisions: dict[str, int | None]
    # The dial-outs of this transaction, which are written last: numbers and times.
    noted: Sequence[tuple[str, int]] = ()

    def callback(self, callback_id: str) -> Held | None:
        row = self.database.execute(
            "SELECT revision, lease_expire_us, lease_fencing FROM callback WHERE callback_id = ?", (callback_id,)
        ).fetchone()
        return None if row is None else Held(*row)

    def phone(self, phone: str) -> PhoneRow:
        return PhoneRow(*self.database.execute(PHONE, {"phone": phone}).fetchone())

    def dial_outs(self, number: str, since_us: int) -> int:
        (count,) = self.database.execute(f"SELECT {DIAL_OUTS}", (number, since_us)).fetchone()
        return int(count) + _noted(self.noted, number, since_us)

    def turn(self, service_id: str) -> int | None:
        row = self.database.execute("SELECT revision FROM service_turn WHERE service_id = ?", (service_id,)).fetchone()
        return None if row is None else row[0]

    def service(self, service_id: str) -> int | None:
        if service_id not in self.revisions:
            row = self.database.execute("SELECT revision FROM service WHERE service_id = ?", (service_id,)).fetchone()
            self.revisions[service_id] = None if row is None else row[0]
        return self.revisions[service_id]


def apply(transaction: Transaction, calls: Sequence[Changes]) -> list[Exception | None]:
    database = transaction.database
    results: list[Exception | None] = []
    entries: list[LogEntry] = []
    dialled: list[tuple[str, int]] = []
    for call in calls:
        try:
            # A single change is compared by the UPDATE that writes it.
            compare(StoredRows(database, transaction.revisions, dialled), call, revisions=len(call.changes) > 1)
            _require_alone(database, call.changes)
            entries += [_replace(database, change, dialled) for change in call.changes]
        except (RevisionConflict, TargetTaken) as refusal:
            results.append(refusal)
            continue
        dialled += [row for row in map(dialled_phone, call.changes) if row is not None]
        _store_turn(database, call.turn)
        results.append(None)
    _note_dialled(database, dialled)
    transaction.log(entries)
    return results


def _noted(noted: Sequence[tuple[str, int]], number: str, since_us: int) -> int:
    return sum(phone == number and at_us > since_us for phone, at_us in noted)


def _note_dialled(database: sqlite3.Connection, dialled: Sequence[tuple[str, int]]) -> None:
    """Store what is dialled from now on, many rows with one statement."""
    for start in range(0, len(dialled), ROWS_PER_INSERT):
        some = dialled[start : start + ROWS_PER_INSERT]
        rows = ", ".join(["(?, ?)"] * len(some))
        database.execute(
            f"INSERT INTO dialled (phone, at_us) VALUES {rows} ON CONFLICT DO NOTHING",  # noqa: S608 - SQL of ours
            [value for row in some for value in row],
        )


_RIVAL: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_open_by_target
     WHERE dial_target = ? AND end_us IS NULL AND +service_id = ? AND callback_id <> ?
     ORDER BY callback_id LIMIT 1
"""


def _require_alone(database: sqlite3.Connection, changes: Sequence[Change]) -> None:
    for after in (change.after for change in changes if change.alone):
        place = (after.dial_target, after.service_id, after.callback_id)
        if (rival := database.execute(_RIVAL, place).fetchone()) is not None:
            raise TargetTaken(read_callback(*rival))


def _store_turn(database: sqlite3.Connection, turn: Turn | None) -> None:
    if turn is not None:
        database.execute(
            "UPDATE service_turn SET credits = ?, revision = ? WHERE service_id = ?",
            (write_json(turn.credits), turn.revision, turn.service_id),
        )


def _replace(database: sqlite3.Connection, change: Change, noted: Sequence[tuple[str, int]]) -> LogEntry:
    """Store the change, and return its entry in the log. `noted` are the dial-outs of this transaction."""
    before, after = change.before, change.after
    row = row_of(after)
    names, values = changed_columns(before, after, row)
    version = before.revision, lease_expire_us(before)
    dialled: tuple[str | int, ...] = ()
    if (known := change.dial_outs) is not None and (begun := dialled_phone(change)) is not None:
        since_us = time_us(known.since)
        dialled = begun[0], since_us, known.count - _noted(noted, begun[0], since_us)
    update = _update_of(names, is_counted=bool(dialled))
    if database.execute(update, (*values, before.callback_id, *version, *dialled)).rowcount == 0:
        raise changed_since([before.callback_id])
    if before.request.labels != after.request.labels:
        delete_labels(database, [before])
        insert_labels(database, [after])
    if (kept := kept_phone(change)) is not None:
        database.execute(_KEEP, kept)
    return LogEntry(event_row.updated(change, row[-1]), before, after, change.identity)


@cache  # few sets of columns that change together
def _update_of(names: tuple[str, ...], *, is_counted: bool) -> str:
    settings = ", ".join(f"{name} = ?" for name in names)
    update = f"UPDATE callback SET {settings} WHERE callback_id = ? AND revision = ? AND lease_expire_us IS ?"  # noqa: S608 - names of ours
    return f"{update} AND {DIAL_OUTS} <= ?" if is_counted else update


# --- Leases ----------------------------------------------------------------------------------------------------


def _extend(transaction: Transaction, extensions: Sequence[Extension]) -> list[bool]:
    # An ended lease has no fencing token in its row, and a newer one has another.
    return [
        transaction.database.execute(
            "UPDATE callback SET lease_expire_us = ? WHERE callback_id = ? AND lease_fencing = ?",
            (time_us(extension.expire_time), extension.callback_id, extension.fencing_token),
        ).rowcount
        == 1
        for extension in extensions
    ]


def _shift_leases(transaction: Transaction, shift: Shift) -> int | None:
    counted = transaction.database.execute(
        "UPDATE ringback SET clock_jumps = clock_jumps + 1 WHERE clock_jumps = ?", (shift.jumps,)
    )
    if counted.rowcount == 0:
        return None
    by_us = (duration_us(shift.by),)
    transaction.database.execute("UPDATE kept_phone SET until_us = until_us + ?", by_us)
    transaction.database.execute("UPDATE kept_call SET kept_until_us = kept_until_us + ?", by_us)
    return transaction.database.execute(
        """
        UPDATE callback INDEXED BY callback_by_lease SET lease_expire_us = lease_expire_us + ?
         WHERE lease_dialer IS NOT NULL
        """,
        by_us,
    ).rowcount


def _mark_clock(transaction: Transaction, mark: ClockMark) -> None:
    transaction.database.execute(
        "UPDATE ringback SET clock_boot = ?, clock_ahead_us = ?, clock_marked_jumps = ?",
        (mark.boot, duration_us(mark.ahead), mark.jumps),
    )


def _bound_keeping(transaction: Transaction, bounds: KeepingBounds) -> None:
    phones_us, calls_us = time_us(bounds.phones), time_us(bounds.calls)
    transaction.database.execute("UPDATE kept_phone SET until_us = ?1 WHERE until_us > ?1", (phones_us,))
    transaction.database.execute("UPDATE kept_call SET kept_until_us = ?1 WHERE kept_until_us > ?1", (calls_us,))


extend = each(_extend)
shift_leases = each(_shift_leases)
mark_clock = each(_mark_clock)
bound_keeping = each(_bound_keeping)

"""Changes of callbacks: compared with the stored rows, all or none of each call.

A refusal comes before anything is written. Nothing here decides what may happen to a callback.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

from ringback.domain.queue import Turn
from ringback.ports.errors import RevisionConflict, TargetTaken
from ringback.ports.values import Change, ClockMark, Extension
from ringback.storage import event_row
from ringback.storage.body import duration_us, read_callback, read_json, time_us, write_json
from ringback.storage.comparison import Held, Overlay, PhoneRow, begun_call, changed_since, compare, kept_phone
from ringback.storage.event_row import LogEntry
from ringback.storage.operations import Changes, KeepingBounds, ManyChanges, Shift
from ringback.storage.sqlite.changed_rows import DIAL_OUTS, ChangedRow, DialledRow, NotedDials, store
from ringback.storage.sqlite.transaction import (
    ROWS_PER_INSERT,
    NotAsRead,
    Transaction,
    delete_labels,
    each,
    insert_labels,
    service_revision,
)

# In one row: each row of a result is another step, which gives the interpreter's lock away.
PHONES: Final = """
    SELECT json_group_array(json_array(wanted.value, (
        SELECT callback_id FROM callback INDEXED BY callback_phone_in_call
         WHERE coalesce(phone, dial_target) = wanted.value AND lease_dialer IS NOT NULL
    ), coalesce((SELECT until_us FROM kept_phone WHERE kept_phone.phone = wanted.value), 0)))
    FROM json_each(?) AS wanted
"""
_COUNT_DIAL_OUTS: Final = f"SELECT {DIAL_OUTS.format(phone='?', since_us='?')}"
_KEEP: Final = """
    INSERT INTO kept_phone (phone, until_us) VALUES (?, ?)
        ON CONFLICT (phone) DO UPDATE SET until_us = max(until_us, excluded.until_us)
"""


class StoredRows(NamedTuple):
    """`Stored`, with a query for each row; phones that are known to be needed are read before, at once."""

    database: sqlite3.Connection
    # Of services that were looked for, or written, before.
    revisions: dict[str, int | None]
    # The dial-outs of this transaction, which are written last.
    noted: NotedDials
    phones: Mapping[str, PhoneRow] = MappingProxyType({})

    def callback(self, callback_id: str) -> Held | None:
        row = self.database.execute(
            "SELECT revision, lease_expire_us, lease_fencing FROM callback WHERE callback_id = ?", (callback_id,)
        ).fetchone()
        return None if row is None else Held(*row)

    def phone(self, phone: str) -> PhoneRow:
        return self.phones[phone] if phone in self.phones else read_phones(self.database, [phone])[phone]

    def dial_outs(self, number: str, since_us: int) -> int:
        (count,) = self.database.execute(_COUNT_DIAL_OUTS, (number, since_us)).fetchone()
        return int(count) + self.noted.count(number, since_us)

    def turn(self, service_id: str) -> int | None:
        row = self.database.execute("SELECT revision FROM service_turn WHERE service_id = ?", (service_id,)).fetchone()
        return None if row is None else row[0]

    def service(self, service_id: str) -> int | None:
        return service_revision(self.database, self.revisions, service_id)


def read_phones(database: sqlite3.Connection, phones: Collection[str]) -> Mapping[str, PhoneRow]:
    (found,) = database.execute(PHONES, (write_json(list(phones)),)).fetchone()
    return {phone: PhoneRow(caller, kept_until_us) for phone, caller, kept_until_us in read_json(found)}


def apply(transaction: Transaction, calls: Sequence[Changes]) -> list[Exception | None]:
    notes = _Notes([], NotedDials())
    places = () if transaction.one_by_one else _places_of_different(calls)
    together = dict(zip(places, _apply_together(transaction, [calls[place] for place in places], notes), strict=True))
    results = [
        together[place] if place in together else _apply_alone(transaction, call, notes)
        for place, call in enumerate(calls)
    ]
    _note_dialled(transaction.database, notes.dialled.rows)
    transaction.log(notes.entries)
    return results


def apply_many(transaction: Transaction, requests: Sequence[ManyChanges]) -> list[list[Exception | None]]:
    results = iter(apply(transaction, [call for request in requests for call in request.calls]))
    return [list(islice(results, len(request.calls))) for request in requests]


class _Notes(NamedTuple):
    """What a transaction has changed, and has still to note."""

    entries: list[LogEntry]
    dialled: NotedDials

    def note(self, database: sqlite3.Connection, change: Change, row: ChangedRow) -> None:
        """Note a change whose row is stored, and store what follows from it."""
        before, after = change.before, change.after
        if before.request.labels != after.request.labels:
            delete_labels(database, [before])
            insert_labels(database, [after])
        if (kept := kept_phone(change)) is not None:
            database.execute(_KEEP, kept)
        self.entries.append(LogEntry(event_row.updated(change, row.body), before, after, change.identity))
        self.dialled.add(row.dialled)


def _places_of_different(calls: Sequence[Changes]) -> Sequence[int]:
    """Return the places of calls that can be written together, if there is anything to gain by that.

    Each changes callbacks that no other changes, and needs to look at no other row than these.
    """
    times = Counter(change.before.callback_id for call in calls for change in call.changes)
    places = [
        place
        for place, call in enumerate(calls)
        if all(times[change.before.callback_id] == 1 and not change.alone for change in call.changes)
    ]
    return places if sum(len(calls[place].changes) for place in places) > 1 else ()


def _apply_together(transaction: Transaction, calls: Sequence[Changes], notes: _Notes) -> list[Exception | None]:
    """Apply the calls with a few statements. Raise `NotAsRead`."""
    database = transaction.database
    results: list[Exception | None] = []
    phones = {phone for call in calls for phone in map(begun_call, call.changes) if phone is not None}
    stored = Overlay(
        StoredRows(database, transaction.revisions, NotedDials(), read_phones(database, phones) if phones else {})
    )
    accepted: list[Changes] = []
    for call in calls:
        try:
            # Each change is compared by the UPDATE that writes it.
            stored.update(compare(stored, call, revisions=False))
        except RevisionConflict as refusal:
            results.append(refusal)
        else:
            results.append(None)
            accepted.append(call)
    changes = [change for call in accepted for change in call.changes]
    dialled = NotedDials()
    rows: list[ChangedRow] = []
    for change in changes:
        rows.append(row := ChangedRow.of(change, dialled))
        dialled.add(row.dialled)
    if store(database, rows) < len(rows):
        raise NotAsRead
    for call in accepted:
        _store_turn(database, call.turn)
    for change, row in zip(changes, rows, strict=True):
        notes.note(database, change, row)
    return results


def _apply_alone(transaction: Transaction, call: Changes, notes: _Notes) -> Exception | None:
    """Apply one call; return its refusal, with nothing of it written."""
    database = transaction.database
    try:
        # A single change is compared by the UPDATE that writes it.
        stored = StoredRows(database, transaction.revisions, notes.dialled)
        compare(stored, call, revisions=len(call.changes) > 1)
        _require_alone(database, call.changes)
        for change in call.changes:
            row = ChangedRow.of(change, notes.dialled)
            if store(database, [row]) == 0:
                raise changed_since([change.before.callback_id])
            notes.note(database, change, row)
    except (RevisionConflict, TargetTaken) as refusal:
        return refusal
    _store_turn(database, call.turn)
    return None


def _note_dialled(database: sqlite3.Connection, dialled: Sequence[DialledRow]) -> None:
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
    if shift.mark is not None:
        _mark_clock(transaction, shift.mark)
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

"""Rows of callbacks that change, each only as long as it is what was read: many with one UPDATE.

Each statement gives the interpreter's lock away, and has to get it back from a busy event loop.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from ringback.ports.values import Change
from ringback.storage.body import time_us
from ringback.storage.callback_row import Row, changed_columns, lease_expire_us, row_of
from ringback.storage.comparison import dialled_phone
from ringback.storage.sqlite.transaction import ROWS_PER_INSERT

DIAL_OUTS: Final = "(SELECT count(*) FROM dialled WHERE phone = {phone} AND at_us > {since_us})"


class DialledRow(NamedTuple):
    """A number that is dialled, and when."""

    number: str
    at_us: int


class ChangedRow(NamedTuple):
    """The new values of one row, and what it must be still."""

    names: tuple[str, ...]
    values: Row
    body: str
    is_leased: bool
    # What is dialled from this change on: one number, or none.
    dialled: Sequence[DialledRow]

    @classmethod
    def of(cls, change: Change, noted: Sequence[DialledRow]) -> "ChangedRow":
        """`noted` are the dial-outs that are stored with this change, but after it."""
        before, after = change.before, change.after
        row = row_of(after)
        names, new = changed_columns(before, after, row)
        values = (*new, before.callback_id, before.revision, lease_expire_us(before))
        dialled = () if (begun := dialled_phone(change)) is None else (DialledRow(*begun),)
        if begun is not None and (known := change.dial_outs) is not None:
            number, since_us = begun[0], time_us(known.since)
            values += (number, since_us, known.count - count_of(noted, number, since_us))
        return cls(names, values, row[-1], after.lease is not None, dialled)


def count_of(noted: Sequence[DialledRow], number: str, since_us: int) -> int:
    return sum(row.number == number and row.at_us > since_us for row in noted)


def store(database: sqlite3.Connection, rows: Sequence[ChangedRow]) -> int:
    """Store the rows of different callbacks that are still what was read; return how many these were."""
    alike: dict[tuple[bool, tuple[str, ...], int], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.is_leased, row.names, len(row.values)), []).append(row.values)
    stored = 0
    # Those without a lease come first: they may make room for another call to the same target.
    for (_, names, count), group in sorted(alike.items(), key=_is_leased):
        for some in _portions(group):
            update = _update_of(names, len(some), is_counted=count > len(names) + _READ)
            stored += database.execute(update, [value for values in some for value in values]).rowcount
    return stored


def _is_leased(group: tuple[tuple[bool, tuple[str, ...], int], object]) -> bool:
    return group[0][0]


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Divide the rows into portions of few sizes, the powers of two: each size is another statement."""
    begin, size = 0, ROWS_PER_INSERT
    while begin < len(rows):
        while size > len(rows) - begin:
            size //= 2
        yield rows[begin : begin + size]
        begin += size


# The id, the revision, and the end of the lease.
_READ: Final = 3


@cache  # few sets of columns that change together, in few sizes
def _update_of(names: tuple[str, ...], rows: int, *, is_counted: bool) -> str:
    column = [f"new.column{number}" for number in range(1, len(names) + _READ + 4)]
    callback_id, revision, lease_us, number, since_us, most = column[len(names) :]
    settings = ", ".join(f"{name} = {value}" for name, value in zip(names, column, strict=False))
    values = ", ".join([f"({', '.join('?' * (len(names) + _READ + 3 * is_counted))})"] * rows)
    conditions = f"callback.callback_id = {callback_id} AND revision = {revision} AND lease_expire_us IS {lease_us}"
    if is_counted:
        conditions += f" AND {DIAL_OUTS.format(phone=number, since_us=since_us)} <= {most}"
    return f"UPDATE callback SET {settings} FROM (VALUES {values}) AS new WHERE {conditions}"  # noqa: S608 - SQL of ours

"""Rows of callbacks that change, each only as long as it is what was read: many with one UPDATE.

Each statement gives the interpreter's lock away, and has to get it back from a busy event loop.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from ringback.ports.values import Change
from ringback.storage.body import time_us
from ringback.storage.callback_row import Row, changed_columns, lease_expire_us, row_of
from ringback.storage.comparison import dialled_phone
from ringback.storage.sqlite.transaction import ROWS_PER_INSERT

# From so many rows on, one statement takes less time than one for each: it copies them first.
_ENOUGH: Final = 4
# Each size is another statement.
_SIZES: Final = (4, 8, 16, ROWS_PER_INSERT)
# How many values tell what a row must be: its id, its revision, and the end of its lease; and how many dial-outs.
_READ: Final = 3
_COUNTED: Final = 3
DIAL_OUTS: Final = "(SELECT count(*) FROM dialled WHERE phone = {phone} AND at_us > {since_us})"


class DialledRow(NamedTuple):
    """A number that is dialled, and when."""

    number: str
    at_us: int


class NotedDials:
    """The dial-outs of a transaction, by number: they are stored last, and counted with what is stored."""

    def __init__(self) -> None:
        self.rows: list[DialledRow] = []
        self._times: dict[str, list[int]] = {}

    def add(self, rows: Sequence[DialledRow]) -> None:
        for row in rows:
            self.rows.append(row)
            self._times.setdefault(row.number, []).append(row.at_us)

    def count(self, number: str, since_us: int) -> int:
        return sum(at_us > since_us for at_us in self._times.get(number, ()))


class ChangedRow(NamedTuple):
    """The new values of one row, and what it must be still."""

    names: tuple[str, ...]
    values: Row
    body: str
    is_leased: bool
    # What is dialled from this change on: one number, or none.
    dialled: Sequence[DialledRow]

    @classmethod
    def of(cls, change: Change, noted: NotedDials) -> "ChangedRow":
        """`noted` are the dial-outs that are stored with this change, but after it."""
        before, after = change.before, change.after
        row = row_of(after)
        names, new = changed_columns(before, after, row)
        values = (*new, before.callback_id, before.revision, lease_expire_us(before))
        dialled = () if (begun := dialled_phone(change)) is None else (DialledRow(*begun),)
        if begun is not None and (known := change.dial_outs) is not None:
            number, since_us = begun[0], time_us(known.since)
            values += (number, since_us, known.count - noted.count(number, since_us))
        return cls(names, values, row[-1], after.lease is not None, dialled)


def store(database: sqlite3.Connection, rows: Sequence[ChangedRow]) -> int:
    """Store the rows of different callbacks that are still what was read; return how many these were."""
    alike: dict[tuple[bool, tuple[str, ...], int], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.is_leased, row.names, len(row.values)), []).append(row.values)
    stored = 0
    # Those without a lease come first: they may make room for another call to the same target.
    for (_, names, count), group in sorted(alike.items(), key=_is_leased):
        is_counted = count > len(names) + _READ
        for start in range(0, len(group), ROWS_PER_INSERT):
            some = group[start : start + ROWS_PER_INSERT]
            if len(some) < _ENOUGH:
                stored += sum(database.execute(_update_of(names, is_counted=is_counted), row).rowcount for row in some)
                continue
            # What is too many for them matches no row.
            size = next(size for size in _SIZES if size >= len(some))
            values = [value for row in some for value in row] + [None] * (count * (size - len(some)))
            stored += database.execute(_update_many_of(names, size, is_counted=is_counted), values).rowcount
    return stored


def _is_leased(group: tuple[tuple[bool, tuple[str, ...], int], object]) -> bool:
    return group[0][0]


@cache  # few sets of columns that change together
def _update_of(names: tuple[str, ...], *, is_counted: bool) -> str:
    settings, conditions = _clauses("?{}", names, is_counted=is_counted)
    return f"UPDATE callback SET {settings} WHERE {conditions}"  # noqa: S608 - SQL of ours


@cache  # in few sizes
def _update_many_of(names: tuple[str, ...], rows: int, *, is_counted: bool) -> str:
    settings, conditions = _clauses("new.column{}", names, is_counted=is_counted)
    row = f"({', '.join('?' * (len(names) + _READ + (_COUNTED if is_counted else 0)))})"
    values = ", ".join([row] * rows)
    return f"UPDATE OR FAIL callback SET {settings} FROM (VALUES {values}) AS new WHERE {conditions}"  # noqa: S608 - SQL of ours


def _clauses(numbered: str, names: tuple[str, ...], *, is_counted: bool) -> tuple[str, str]:
    """Return what is set and what must be, with the values of a row of `ChangedRow` by their numbers."""
    value = [numbered.format(number) for number in range(1, len(names) + _READ + _COUNTED + 1)]
    callback_id, revision, lease_us, number, since_us, most = value[len(names) :]
    settings = ", ".join(f"{name} = {new}" for name, new in zip(names, value, strict=False))
    conditions = f"callback.callback_id = {callback_id} AND revision = {revision} AND lease_expire_us IS {lease_us}"
    if is_counted:
        conditions += f" AND {DIAL_OUTS.format(phone=number, since_us=since_us)} <= {most}"
    return settings, conditions

"""Lists: the callbacks that a filter matches, by id, a page at a time, however many there are.

Every index a list can be driven by gives its matches in the order of their ids, so that a page is read from where
the one before ended and nothing is sorted. A filter with several values in a field reads several such streams,
which SQLite merges. What the driving index does not say is looked at row by row.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from ringback.domain.callback import Callback, State
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.ports.values import Snapshot
from ringback.storage.body import read_callback, time_us
from ringback.storage.sqlite.readers import one_moment
from ringback.storage.sqlite.reads import PAGE_BYTES, newest_event

# More streams than this are not merged; SQLite's limit is 500.
_MAX_STREAMS: Final = 64
# How far the matches of an index are counted to find the one with the fewest.
_COUNTED: Final = 1000
# Greater than every id; before and after every time.
_LAST_ID: Final = "\U0010ffff"
_FIRST_US: Final = -(2**63)
_LAST_US: Final = 2**63 - 1

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    sql: str
    values: Values


@dataclass(frozen=True, slots=True)
class Stream:
    """The part of an index in which a condition holds: the tables to read, and the condition with its values."""

    rows: str
    condition: str
    values: Values
    # The same matches, for counting them.
    entries: str


@dataclass(frozen=True, slots=True)
class Drive:
    """A way to the rows: the streams that have all matches between them, and none twice."""

    streams: Sequence[Stream]
    # Has to collect its matches before the first comes out: good for few of them only.
    for_few: bool = False


@dataclass(frozen=True, slots=True)
class Direction:
    bound: str
    order: str


DOWN: Final = Direction("callback_id < ?", "DESC")
UP: Final = Direction("callback_id > ?", "ASC")


def newest_first(database: sqlite3.Connection, wanted: CallbackFilter, before_id: str, limit: int) -> Snapshot:
    return _page(database, wanted, DOWN, before_id or _LAST_ID, limit)


def oldest_first(database: sqlite3.Connection, wanted: CallbackFilter, after_id: str, limit: int) -> Snapshot:
    return _page(database, wanted, UP, after_id, limit)


def _page(
    database: sqlite3.Connection, wanted: CallbackFilter, direction: Direction, bound: str, limit: int
) -> Snapshot:
    with one_moment(database):
        number = newest_event(database)
        drive = _named(database, wanted.keys) if wanted.keys else _cheapest(database, drives(wanted))
        query = select(wanted, drive, direction, bound, limit + 1)
        with closing(database.execute(query.sql, query.values)) as rows:
            page, more = _cut(rows, limit)
    return Snapshot(number, page, more)


def _cut(rows: Iterable[tuple[str, str, int | None]], limit: int) -> tuple[list[Callback], bool]:
    """As many as make a page, and whether there are more."""
    page: list[Callback] = []
    size = 0
    for _, body, lease_expire_us in rows:
        if len(page) == limit or size >= PAGE_BYTES:
            return page, True
        page.append(read_callback(body, lease_expire_us))
        size += len(body)
    return page, False


# --- The statement ---------------------------------------------------------------------------------------------


def select(wanted: CallbackFilter, drive: Drive, direction: Direction, bound: str, limit: int) -> Condition:
    """The statement for a page, with its values."""
    rest = list(_conditions(wanted))
    rest_values = tuple(value for condition in rest for value in condition.values)
    selects = [
        f"SELECT callback_id, body, lease_expire_us FROM {stream.rows} WHERE "  # noqa: S608 - SQL of ours
        + " AND ".join([stream.condition, direction.bound, *(condition.sql for condition in rest)])
        for stream in drive.streams
    ]
    return Condition(
        f"{' UNION ALL '.join(selects)} ORDER BY 1 {direction.order} LIMIT ?",
        (*(value for stream in drive.streams for value in (*stream.values, bound, *rest_values)), limit),
    )


def _conditions(wanted: CallbackFilter) -> Iterator[Condition]:
    """The whole filter, for a row. The plus signs keep SQLite from choosing another index for it."""
    if wanted.states:
        yield _one_of("+state", [state.name for state in wanted.states])
    if wanted.service_ids:
        yield _one_of("+service_id", wanted.service_ids)
    if wanted.caller_ids:
        yield _one_of("+caller_id", wanted.caller_ids)
    if wanted.priorities:
        yield _one_of("+priority", [priority.value for priority in wanted.priorities])
    if wanted.supervisors:
        yield _one_of("ifnull(supervisor, '')", wanted.supervisors)
    if wanted.dial_target:
        yield Condition("+dial_target = ?", (wanted.dial_target,))
    if wanted.due_after is not None:
        yield Condition("+due_us >= ?", (time_us(wanted.due_after),))
    if wanted.due_before is not None:
        yield Condition("+due_us < ?", (time_us(wanted.due_before),))
    for pair in wanted.labels.items():
        yield Condition(
            """EXISTS (
                SELECT 1 FROM callback_label AS other
                 WHERE other.key = ? AND other.value = ? AND other.callback_id = callback.callback_id
            )""",
            pair,
        )


def _one_of(column: str, values: Sequence[Any]) -> Condition:
    return Condition(f"{column} IN ({', '.join('?' * len(values))})", tuple(values))


# --- The way to the rows ---------------------------------------------------------------------------------------

BY_ID: Final = Drive([Stream("callback", "TRUE", (), entries="callback")])


def _named(database: sqlite3.Connection, keys: Sequence[Key]) -> Drive:
    """A filter that names its callbacks needs no other index than that of their ids."""
    ids = tuple(id_ for key in keys if (id_ := _id_of(database, key)) is not None)
    condition = f"callback_id IN ({', '.join('?' * len(ids))})"
    return Drive([Stream("callback", condition, ids, entries=f"callback WHERE {condition}")])


def _id_of(database: sqlite3.Connection, key: Key) -> str | None:
    if isinstance(key, str):
        return key
    row = database.execute(
        "SELECT callback_id FROM callback WHERE caller_id = ? AND external_task_id = ?",
        (key.caller_id, key.external_task_id),
    ).fetchone()
    return None if row is None else row[0]


def _by(index: str, condition: str, values: Iterable[Values]) -> Drive:
    # Each value once, or else its callbacks would come twice.
    return Drive([_stream(index, condition, some) for some in dict.fromkeys(values)])


def _stream(index: str, condition: str, values: Values) -> Stream:
    source = f"callback INDEXED BY {index}"
    return Stream(source, condition, values, entries=f"{source} WHERE {condition}")


def _by_target(target: str) -> Drive:
    return Drive(
        [
            _stream("callback_open_by_target", "dial_target = ? AND end_us IS NULL", (target,)),
            _stream("callback_ended_by_target", "dial_target = ? AND end_us IS NOT NULL", (target,)),
        ]
    )


def _by_label(pair: tuple[str, str]) -> Drive:
    source, condition = "callback_label CROSS JOIN callback USING (callback_id)", "key = ? AND value = ?"
    return Drive([Stream(source, condition, pair, entries=f"callback_label WHERE {condition}")])


def _by_due(wanted: CallbackFilter) -> Drive:
    """The one index that is not in the order of ids."""
    entries = "callback INDEXED BY callback_by_due WHERE due_us >= ? AND due_us < ?"
    span = (
        _FIRST_US if wanted.due_after is None else time_us(wanted.due_after),
        _LAST_US if wanted.due_before is None else time_us(wanted.due_before),
    )
    condition = f"callback_id IN (SELECT callback_id FROM {entries})"  # noqa: S608 - SQL of ours
    return Drive([Stream("callback", condition, span, entries)], for_few=True)


def drives(wanted: CallbackFilter) -> list[Drive]:
    """What this filter can be driven by, those first that usually find the fewest."""
    return [drive for drive in _every_drive(wanted) if len(drive.streams) <= _MAX_STREAMS]


def _every_drive(wanted: CallbackFilter) -> Iterator[Drive]:
    if wanted.dial_target:
        yield _by_target(wanted.dial_target)
    for pair in wanted.labels.items():
        yield _by_label(pair)
    if wanted.supervisors and "" not in wanted.supervisors:
        yield _by("callback_by_supervisor", "supervisor = ?", [(name,) for name in wanted.supervisors])
    if wanted.service_ids:
        states = [state.name for state in wanted.states or State]
        yield _by("callback_by_service", "service_id = ? AND state = ?", product(wanted.service_ids, states))
    if wanted.caller_ids:
        yield _by("callback_by_caller", "caller_id = ?", [(caller,) for caller in wanted.caller_ids])
    if wanted.states:
        yield _by("callback_by_state", "state = ?", [(state.name,) for state in wanted.states])
    if wanted.due_after is not None or wanted.due_before is not None:
        yield _by_due(wanted)


def _cheapest(database: sqlite3.Connection, possible: Sequence[Drive]) -> Drive:
    """The one with the fewest matches, as far as they are counted; when all have many, the first."""
    fallback = next((drive for drive in possible if not drive.for_few), BY_ID)
    if all(drive is fallback for drive in possible):
        return fallback
    matches = [_count(database, drive) for drive in possible]
    fewest = min(matches)
    return possible[matches.index(fewest)] if fewest < _COUNTED else fallback


def _count(database: sqlite3.Connection, drive: Drive) -> int:
    """How many matches there are, up to `_COUNTED`."""
    matches = 0
    for stream in drive.streams:
        (more,) = database.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {stream.entries} LIMIT ?)",  # noqa: S608 - SQL of ours
            (*stream.values, _COUNTED - matches),
        ).fetchone()
        matches += more
        if matches >= _COUNTED:
            break
    return matches

"""Lists: the callbacks that a filter matches, by id, a page at a time, however many there are.

`list_plan` decides how they are read; here are the statements for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiosqlite

from ringback.domain.filter import CallbackFilter
from ringback.ports.values import Snapshot
from ringback.storage.body import write_json
from ringback.storage.list_plan import (
    COUNTED,
    AccessPath,
    Bound,
    Condition,
    Either,
    Index,
    Label,
    ListPage,
    Lookup,
    NamedKeys,
    OneOf,
    access_paths,
    conditions,
    default_path,
    either,
    fewest,
    named_keys,
    needs_counts,
    read_page,
    selects_nothing,
)
from ringback.storage.operations import PAGE_BYTES
from ringback.storage.sqlite.connection import ask
from ringback.storage.sqlite.purge import SERVICES_WITH_ENDED
from ringback.storage.sqlite.reads import OCTETS
from ringback.storage.sqlite.transaction import NEWEST_EVENT

# Before and after every time.
_FIRST_US: Final = -(2**63)
_LAST_US: Final = 2**63 - 1
_INDEXES: Final = {
    Index.SUPERVISOR: "callback_by_supervisor",
    Index.SERVICE: "callback_by_service",
    Index.CALLER: "callback_by_caller",
    Index.STATE: "callback_by_state",
}

# The index has the ends of each service: one search for each that has any.
_ENDED: Final = f"""
    (SELECT service_id AS owner_id FROM ({SERVICES_WITH_ENDED})) AS owner
      CROSS JOIN callback INDEXED BY callback_to_purge ON service_id = owner_id AND end_us IS NOT NULL
     WHERE end_us >= ? AND end_us < ?
"""  # noqa: S608 - SQL of ours
_ENDED_OF: Final = """
    callback INDEXED BY callback_to_purge WHERE service_id = ? AND end_us IS NOT NULL AND end_us >= ? AND end_us < ?
"""

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL, or a part of it, with its values."""

    sql: str
    values: Values = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """The part of an index in which a condition holds: the tables to read, and the condition with its values."""

    rows: str
    condition: str
    values: Values
    # The same matches, for counting them.
    entries: str
    # All of them are read before the first is returned, since they are not in the order of ids.
    is_gathered: bool = False

    @property
    def in_any_order(self) -> str:
        """Return the tables and the condition for its rows in any order, and none read before it is returned."""
        return self.entries if self.is_gathered else f"{self.rows} WHERE {self.condition}"


async def page(connection: aiosqlite.Connection, wanted: ListPage) -> Snapshot:
    query = select(wanted, await _streams(connection, wanted.wanted))
    return read_page(await ask(connection, query.sql, *query.values), wanted.limit)


async def _streams(connection: aiosqlite.Connection, wanted: CallbackFilter) -> Sequence[Stream]:
    if wanted.keys or selects_nothing(wanted):
        return [named(named_keys(wanted))]
    possible = access_paths(wanted)
    if not needs_counts(possible):
        return streams(default_path(possible))
    counts = count(possible)
    [matches] = await ask(connection, counts.sql, *counts.values)
    return streams(fewest(possible, matches))


# --- The statements --------------------------------------------------------------------------------------------


def select(page: ListPage, streams: Sequence[Stream]) -> Statement:
    """Return the statement for a page: the number of the newest event, then the rows, all of one snapshot.

    Rows beyond about `PAGE_BYTES` come without their body.
    """
    rest = [check_of(one) for one in conditions(page.wanted)]
    rest_values = tuple(value for check in rest for value in check.values)
    selects = [
        f"SELECT callback_id AS id, body, lease_expire_us FROM {stream.rows} WHERE "  # noqa: S608 - SQL of ours
        + " AND ".join([stream.condition, f"callback_id {page.direction.beyond} ?", *(one.sql for one in rest)])
        for stream in streams
    ]
    # The sum has no ORDER BY, for which SQLite would sort the rows once more: it takes them as they come.
    sql = f"""
        SELECT ({NEWEST_EVENT}), NULL, NULL, NULL
        UNION ALL
        SELECT NULL, id, CASE WHEN size - {OCTETS} < {PAGE_BYTES} THEN body END, lease_expire_us FROM (
            SELECT *, sum({OCTETS}) OVER (ROWS UNBOUNDED PRECEDING) AS size
              FROM ({" UNION ALL ".join(selects)} ORDER BY 1 {page.direction.order} LIMIT ?)
        )
    """  # noqa: S608 - SQL of ours
    values = (value for stream in streams for value in (*stream.values, page.bound, *rest_values))
    return Statement(sql, (*values, page.limit + 1))


def count(possible: Sequence[AccessPath], limit: int = COUNTED) -> Statement:
    """Return the statement that counts the matches of each path, up to `limit`."""
    each = [streams(path) for path in possible]
    counts = [
        f"(SELECT count(*) FROM ({' UNION ALL '.join(f'SELECT 1 FROM {s.entries}' for s in some)} LIMIT {limit}))"  # noqa: S608 - SQL of ours
        for some in each
    ]
    return Statement(
        f"SELECT {', '.join(counts)}", tuple(value for some in each for stream in some for value in stream.values)
    )


def check_of(wanted: Condition, row: str = "callback") -> Statement:
    """Return its SQL. The plus signs keep SQLite from choosing another index for it."""
    match wanted:
        case OneOf(expression, values):
            # One parameter: a filter may have thousands of values, and each stream has them.
            return Statement(f"+{expression} IN (SELECT value FROM json_each(?))", (write_json(list(values)),))  # noqa: S608 - SQL of ours
        case Bound(column, operator, value):
            return Statement(f"+{column} {operator} ?", (value,))
        case Either(groups):
            parts = [[check_of(one, row) for one in group] for group in groups]
            return Statement(
                either([part.sql for part in group] for group in parts),
                tuple(value for group in parts for part in group for value in part.values),
            )
        case Label(key, value):
            return Statement(
                f"""EXISTS (
                    SELECT 1 FROM callback_label AS other
                     WHERE other.key = ? AND other.value = ? AND other.callback_id = {row}.callback_id
                )""",  # noqa: S608 - SQL of ours
                (key, value),
            )


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


# --- Streams ---------------------------------------------------------------------------------------------------


def streams(path: AccessPath) -> Sequence[Stream]:
    return [stream for lookup in path.lookups for stream in _streams_of(path.index, lookup)]


def _streams_of(index: Index, lookup: Lookup) -> Iterator[Stream]:
    condition = " AND ".join(f"{column} = ?" for column in index.columns)
    match index:
        case Index.ID:
            yield Stream("callback", "TRUE", (), entries="callback")
        case Index.TARGET:
            yield _stream("callback_open_by_target", f"{condition} AND end_us IS NULL", lookup)
            yield _stream("callback_ended_by_target", f"{condition} AND end_us IS NOT NULL", lookup)
        case Index.LABEL:
            source = "callback_label CROSS JOIN callback USING (callback_id)"
            yield Stream(source, condition, lookup, entries=f"callback_label WHERE {condition}")
        case Index.TASK:
            marks = _marks(lookup)
            yield _unordered(f"callback INDEXED BY callback_by_task WHERE external_task_id IN ({marks})", lookup)
        case Index.DUE:
            yield _unordered("callback INDEXED BY callback_by_due WHERE due_us >= ? AND due_us < ?", _bounds(lookup))
        case Index.END:
            service_id, *span = lookup
            if service_id is None:
                yield _unordered(_ENDED, _bounds(span))
            else:
                yield _unordered(_ENDED_OF, (service_id, *_bounds(span)))
        case _:
            yield _stream(_INDEXES[index], condition, lookup)


def _stream(index: str, condition: str, values: Values) -> Stream:
    source = f"callback INDEXED BY {index}"
    return Stream(source, condition, values, entries=f"{source} WHERE {condition}")


def _unordered(entries: str, values: Values) -> Stream:
    condition = f"callback_id IN (SELECT callback_id FROM {entries})"  # noqa: S608 - SQL of ours
    return Stream("callback", condition, values, entries, is_gathered=True)


def _bounds(span: Sequence[str | int | None]) -> Values:
    after_us, before_us = span
    return _FIRST_US if after_us is None else after_us, _LAST_US if before_us is None else before_us


def named(names: NamedKeys) -> Stream:
    task = """(
        SELECT callback_id FROM callback INDEXED BY callback_by_task WHERE caller_id = ? AND external_task_id = ?
    )"""
    condition = f"callback_id IN ({', '.join(['?'] * len(names.ids) + [task] * len(names.tasks))})"
    values = (*names.ids, *(value for task in names.tasks for value in (task.caller_id, task.external_task_id)))
    return Stream("callback", condition, values, entries=f"callback WHERE {condition}")

"""Counts of the callbacks that a filter matches, by state. `count_plan` decides how; here are the statements for it."""

from collections.abc import Mapping, Sequence

from ringback.domain.callback import State
from ringback.domain.filter import CallbackFilter
from ringback.ports.values import StateCount
from ringback.storage.count_plan import ENOUGH, CountPart, columns, named_part, none, parts, read_counts, to_compare
from ringback.storage.list_plan import named_keys, selects_nothing
from ringback.storage.postgres import lists
from ringback.storage.postgres.connection import Connection, ask
from ringback.storage.postgres.lists import Fragment, IndexRange


async def count(connection: Connection, wanted: CallbackFilter) -> Mapping[State, StateCount]:
    if selects_nothing(wanted):
        return none()
    counted = await _parts(connection, wanted)
    query = select(wanted, counted)
    return read_counts(wanted, counted, await ask(connection, query.numbered(), *query.values))


async def _parts(connection: Connection, wanted: CallbackFilter) -> Sequence[CountPart]:
    if wanted.keys:
        return [named_part(wanted)]
    compared = to_compare(wanted)
    if not compared:
        return parts(wanted, (), ())
    counts = lists.count(compared, ENOUGH)
    [matches] = await ask(connection, counts.numbered(), *counts.values)
    return parts(wanted, compared, matches)


def select(wanted: CallbackFilter, counted: Sequence[CountPart]) -> Fragment:
    """Return the statement that counts all parts, of one snapshot."""
    each = [_select(number, part, _ranges(wanted, part)) for number, part in enumerate(counted)]
    return Fragment(" UNION ALL ".join(one.sql for one in each), tuple(value for one in each for value in one.values))


def _ranges(wanted: CallbackFilter, part: CountPart) -> Sequence[IndexRange]:
    return [lists.named(named_keys(wanted))] if part.path is None else lists.ranges(part.path)


def _select(number: int, part: CountPart, ranges: Sequence[IndexRange]) -> Fragment:
    checks = [lists.check_of(one, "counted") for one in part.conditions]
    matches = " AND ".join(f"({check.sql})" for check in checks) or "true"
    rows = " UNION ALL ".join(
        # Ordered, or else the table may be read from its beginning until there are enough.
        f"(SELECT {part.row_columns} FROM {one.rows} WHERE {one.condition}"  # noqa: S608 - SQL of ours
        f" {one.rows_order or one.entries_order} LIMIT {part.limit})"
        for one in ranges
    )
    sql = f"""
        SELECT {number}, {columns()} FROM (
            SELECT state, {matches} AS matches FROM (SELECT * FROM ({rows}) AS each LIMIT {part.limit}) AS counted
        ) AS part
    """  # noqa: S608 - SQL of ours
    values = [value for check in checks for value in check.values]
    return Fragment(sql, (*values, *(value for one in ranges for value in one.values)))

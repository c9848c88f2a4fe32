"""Counts of the callbacks that a filter matches, by state. `count_plan` decides how; here are the statements for it."""

from collections.abc import Mapping, Sequence

import aiosqlite

from ringback.domain.callback import State
from ringback.domain.filter import CallbackFilter
from ringback.ports.values import StateCount
from ringback.storage.count_plan import ENOUGH, CountPart, columns, named_part, none, parts, read_counts, to_compare
from ringback.storage.list_plan import named_keys, selects_nothing
from ringback.storage.sqlite import lists
from ringback.storage.sqlite.connection import ask
from ringback.storage.sqlite.lists import Statement, Stream


async def count(connection: aiosqlite.Connection, wanted: CallbackFilter) -> Mapping[State, StateCount]:
    if selects_nothing(wanted):
        return none()
    counted = await _parts(connection, wanted)
    query = select(wanted, counted)
    return read_counts(wanted, counted, await ask(connection, query.sql, *query.values))


async def _parts(connection: aiosqlite.Connection, wanted: CallbackFilter) -> Sequence[CountPart]:
    if wanted.keys:
        return [named_part(wanted)]
    compared = to_compare(wanted)
    if not compared:
        return parts(wanted, (), ())
    counts = lists.count(compared, ENOUGH)
    [matches] = await ask(connection, counts.sql, *counts.values)
    return parts(wanted, compared, matches)


def select(wanted: CallbackFilter, counted: Sequence[CountPart]) -> Statement:
    """Return the statement that counts all parts, of one snapshot."""
    each = [_select(number, part, _streams(wanted, part)) for number, part in enumerate(counted)]
    return Statement(" UNION ALL ".join(one.sql for one in each), tuple(value for one in each for value in one.values))


def _streams(wanted: CallbackFilter, part: CountPart) -> Sequence[Stream]:
    return [lists.named(named_keys(wanted))] if part.path is None else lists.streams(part.path)


def _select(number: int, part: CountPart, streams: Sequence[Stream]) -> Statement:
    checks = [lists.check_of(one, "counted") for one in part.conditions]
    matches = " AND ".join(check.sql for check in checks) or "TRUE"
    rows = " UNION ALL ".join(
        f"SELECT {part.row_columns} FROM {stream.in_any_order}"  # noqa: S608 - SQL of ours
        for stream in streams
    )
    sql = f"""
        SELECT {number}, {columns()}
          FROM (SELECT state, {matches} AS matches FROM ({rows} LIMIT ?) AS counted)
    """  # noqa: S608 - SQL of ours
    values = [value for check in checks for value in check.values]
    return Statement(sql, (*values, *(value for stream in streams for value in stream.values), part.limit))

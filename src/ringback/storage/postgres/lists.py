"""Lists: the callbacks that a filter matches, by id, a page at a time, however many there are.

`list_plan` decides how they are read; here are the statements for it.

PostgreSQL has no hint for the index to use, and its planner may choose to scan all ids until enough match: that takes
seconds when few do. So the driving condition is written such that only its index has the requested order ("POSIX",
see the schema), and all other conditions such that no index serves them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ringback.domain.filter import CallbackFilter
from ringback.ports.values import Snapshot
from ringback.storage.count_plan import ROWS
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
from ringback.storage.postgres.connection import Connection, ask
from ringback.storage.postgres.purge import SERVICES_WITH_ENDED
from ringback.storage.postgres.transaction import NEWEST_EVENT

Values = tuple[Any, ...]

# The index has the ends of each service. The limit, which is never reached, keeps the planner to that index.
_ENDED: Final = f"""
    ({SERVICES_WITH_ENDED}) AS owner (owner_id) CROSS JOIN LATERAL (
        SELECT * FROM callback WHERE callback.service_id = owner_id AND end_us IS NOT NULL AND {{condition}}
         ORDER BY end_us LIMIT {ROWS}
    ) AS callback
"""  # noqa: S608 - SQL of ours


@dataclass(frozen=True, slots=True)
class Fragment:
    """SQL with a question mark for each of its values."""

    sql: str
    values: Values = ()

    def numbered(self) -> str:
        """Return the SQL with `$1`, `$2` and so on."""
        first, *others = self.sql.split("?")
        return first + "".join(f"${number}{part}" for number, part in enumerate(others, start=1))


@dataclass(frozen=True, slots=True)
class IndexRange:
    """The part of an index in which a condition holds: the tables to read, and the condition with its values."""

    condition: str
    values: Values
    rows: str = "callback"
    id_in_order: str = 'callback.callback_id COLLATE "POSIX"'
    # The same matches, and their order in the index, for counting them.
    entries: str = "callback"
    entries_order: str = 'ORDER BY callback_id COLLATE "POSIX"'
    # That of the rows, where it is not the same.
    rows_order: str = ""


async def page(connection: Connection, wanted: ListPage) -> Snapshot:
    query = select(wanted, await _ranges(connection, wanted.wanted))
    return read_page(await ask(connection, query.numbered(), *query.values), wanted.limit)


async def _ranges(connection: Connection, wanted: CallbackFilter) -> Sequence[IndexRange]:
    if wanted.keys or selects_nothing(wanted):
        return [named(named_keys(wanted))]
    possible = access_paths(wanted)
    if not needs_counts(possible):
        return ranges(default_path(possible))
    counts = count(possible)
    [matches] = await ask(connection, counts.numbered(), *counts.values)
    return ranges(fewest(possible, matches))


# --- The statements --------------------------------------------------------------------------------------------


def select(page: ListPage, ranges: Sequence[IndexRange]) -> Fragment:
    """Return the statement for a page, with its values.

    Rows beyond about `PAGE_BYTES` come without their body. The number of the newest event is of the same snapshot as
    the page.
    """
    rest = [check_of(one) for one in conditions(page.wanted)]
    rest_values = tuple(value for check in rest for value in check.values)
    # In this form no index serves it, and the planner makes no estimate of how many rows are left, by which it would
    # rather sort them all.
    opaque = [f"nullif({check.sql}, false) IS NOT NULL" for check in rest]
    ordered = f"ORDER BY id {page.direction.order} LIMIT {page.limit + 1}"
    selects = [
        # Each ordered and with its own LIMIT, or else they are all read and sorted instead of merged.
        f"(SELECT {one.id_in_order} AS id, body, lease_expire_us FROM {one.rows} WHERE "  # noqa: S608 - SQL of ours
        + " AND ".join([one.condition, f"{one.id_in_order} {page.direction.beyond} ?", *opaque])
        + f" {ordered})"
        for one in ranges
    ]
    sql = f"""
        SELECT {NEWEST_EVENT}, id, CASE WHEN size - octet_length(body) < {PAGE_BYTES} THEN body END, lease_expire_us
          FROM (SELECT) AS always LEFT JOIN (
            SELECT *, sum(octet_length(body)) OVER (
                ORDER BY id {page.direction.order} ROWS UNBOUNDED PRECEDING
            ) AS size
              FROM (SELECT * FROM ({" UNION ALL ".join(selects)}) AS stream {ordered}) AS matching
          ) AS page ON true
         ORDER BY id {page.direction.order}
    """  # noqa: S608 - SQL of ours
    return Fragment(sql, tuple(value for one in ranges for value in (*one.values, page.bound, *rest_values)))


def count(possible: Sequence[AccessPath], limit: int = COUNTED) -> Fragment:
    """Return the statement that counts the matches of each path, up to `limit`."""
    each = [ranges(path) for path in possible]
    return Fragment(
        f"SELECT {', '.join(_count(some, limit) for some in each)}",
        tuple(value for some in each for one in some for value in one.values),
    )


def _count(ranges: Sequence[IndexRange], limit: int) -> str:
    entries = " UNION ALL ".join(
        # Ordered, or else the table may be read from its beginning until there are enough.
        f"(SELECT 1 FROM {one.entries} WHERE {one.condition}"  # noqa: S608 - SQL of ours
        f" {one.entries_order} LIMIT {limit})"
        for one in ranges
    )
    return f"(SELECT count(*) FROM (SELECT 1 FROM ({entries}) AS each LIMIT {limit}) AS few)"  # noqa: S608 - SQL of ours


def check_of(wanted: Condition, row: str = "callback") -> Fragment:
    match wanted:
        case OneOf(expression, values):
            return Fragment(f"{expression} = ANY(?)", (list(values),))
        case Bound(column, operator, value):
            return Fragment(f"{column} {operator} ?", (value,))
        case Either(groups):
            parts = [[check_of(one, row) for one in group] for group in groups]
            return Fragment(
                either([part.sql for part in group] for group in parts),
                tuple(value for group in parts for part in group for value in part.values),
            )
        case Label(key, value):
            return Fragment(
                f"""(
                    SELECT true FROM callback_label AS other
                     WHERE other.key = ? AND other.value = ?
                       AND other.callback_id = {row}.callback_id COLLATE "POSIX"
                )""",  # noqa: S608 - SQL of ours
                (key, value),
            )


# --- Index ranges ----------------------------------------------------------------------------------------------


def ranges(path: AccessPath) -> Sequence[IndexRange]:
    return [one for lookup in path.lookups for one in _ranges_of(path.index, lookup)]


def _ranges_of(index: Index, lookup: Lookup) -> Iterator[IndexRange]:
    condition = " AND ".join(f"{column} = ?" for column in index.columns)
    match index:
        case Index.ID:
            yield IndexRange("TRUE", (), id_in_order="callback.callback_id")
        case Index.TARGET:
            yield IndexRange(f"{condition} AND end_us IS NULL", lookup)
            yield IndexRange(f"{condition} AND end_us IS NOT NULL", lookup)
        case Index.LABEL:
            yield IndexRange(
                " AND ".join(f"label.{column} = ?" for column in index.columns),
                lookup,
                'callback_label AS label JOIN callback ON callback.callback_id = label.callback_id COLLATE "C"',
                id_in_order="label.callback_id",
                entries="callback_label AS label",
                rows_order="ORDER BY label.callback_id",
            )
        case Index.TASK:
            yield IndexRange(
                "external_task_id = ANY(?) AND external_task_id IS NOT NULL",
                (list(lookup),),
                entries_order="ORDER BY external_task_id",
            )
        case Index.DUE:
            condition, values = _bounds("due_us", lookup)
            yield IndexRange(condition, values, entries_order="ORDER BY due_us")
        case Index.END:
            service_id, *span = lookup
            condition, values = _bounds("end_us", span)
            if service_id is None:
                ended = _ENDED.format(condition=condition)
                yield IndexRange("TRUE", values, rows=ended, entries=ended, entries_order="")
            else:
                condition = f"service_id = ? AND end_us IS NOT NULL AND {condition}"
                yield IndexRange(condition, (service_id, *values), entries_order="ORDER BY end_us")
        case _:
            yield IndexRange(condition, lookup)


def _bounds(column: str, span: Sequence[str | int | None]) -> tuple[str, Values]:
    given = [(sign, value) for sign, value in zip((">=", "<"), span, strict=True) if value is not None]
    return " AND ".join(f"{column} {sign} ?" for sign, _ in given), tuple(value for _, value in given)


def named(names: NamedKeys) -> IndexRange:
    condition = """callback_id = ANY(?::text[] || ARRAY(
        SELECT named.callback_id FROM unnest(?::text[], ?::text[]) AS task (caller_id, external_task_id)
          JOIN callback AS named USING (caller_id, external_task_id) WHERE named.external_task_id IS NOT NULL
    ))"""
    callers, tasks = [task.caller_id for task in names.tasks], [task.external_task_id for task in names.tasks]
    return IndexRange(condition, (list(names.ids), callers, tasks))

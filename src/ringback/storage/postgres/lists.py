"""Lists: the callbacks that a filter matches, by id, a page at a time, however many there are.

Every index that a list can be driven by gives its matches in the order of their ids, so that a page is read from
where the one before ended and nothing is sorted. A filter with several values in a field reads several such streams,
which PostgreSQL merges. What the driving index does not say is looked at row by row.

PostgreSQL has no word for the index to use, and its own choice may be to walk along all ids until enough match: that
takes seconds for what is rare. So the driving condition is written such that only its index has the order that is
asked for ("POSIX", see the schema), and all other conditions such that no index answers them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from ringback.domain.callback import State
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey, Key
from ringback.ports.values import Snapshot
from ringback.storage.body import read_callback, time_us
from ringback.storage.postgres.connection import Connection, ask
from ringback.storage.postgres.reads import PAGE_BYTES
from ringback.storage.postgres.transaction import NEWEST_EVENT

# More streams than this are not merged.
_MAX_STREAMS: Final = 64
# How far the matches of an index are counted to find the one with the fewest.
COUNTED: Final = 1000
# Greater than every id.
_LAST_ID: Final = "\U0010ffff"

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL with a question mark for each of its values."""

    sql: str
    values: Values = ()

    def numbered(self) -> str:
        """The same, with `$1`, `$2` and so on."""
        first, *others = self.sql.split("?")
        return first + "".join(f"${number}{part}" for number, part in enumerate(others, start=1))


@dataclass(frozen=True, slots=True)
class Stream:
    """The part of an index in which a condition holds: the tables to read, and the condition with its values."""

    condition: str
    values: Values
    rows: str = "callback"
    id_in_order: str = 'callback.callback_id COLLATE "POSIX"'
    # The same matches, and the order that the index has them in, for counting them.
    entries: str = "callback"
    entries_order: str = 'callback_id COLLATE "POSIX"'


@dataclass(frozen=True, slots=True)
class Drive:
    """A way to the rows: the streams that have all matches between them, and none twice."""

    streams: Sequence[Stream]
    # Has to collect its matches before the first comes out: good for few of them only.
    for_few: bool = False


@dataclass(frozen=True, slots=True)
class Direction:
    beyond: str
    order: str


DOWN: Final = Direction("<", "DESC")
UP: Final = Direction(">", "ASC")


async def newest_first(connection: Connection, wanted: CallbackFilter, before_id: str, limit: int) -> Snapshot:
    return await _page(connection, wanted, DOWN, before_id or _LAST_ID, limit)


async def oldest_first(connection: Connection, wanted: CallbackFilter, after_id: str, limit: int) -> Snapshot:
    return await _page(connection, wanted, UP, after_id, limit)


async def _page(
    connection: Connection, wanted: CallbackFilter, direction: Direction, bound: str, limit: int
) -> Snapshot:
    drive = _named(wanted.keys) if wanted.keys else await _cheapest(connection, drives(wanted))
    query = select(wanted, drive, direction, bound, limit + 1)
    rows = await ask(connection, query.numbered(), *query.values)
    found = [row for row in rows if row[1] is not None]  # without any, there is one row with the number alone
    page = [read_callback(body, lease_expire_us) for _, _, body, lease_expire_us in found[:limit] if body is not None]
    return Snapshot(rows[0][0], page, more=len(found) > len(page))


# --- The statement ---------------------------------------------------------------------------------------------


def select(wanted: CallbackFilter, drive: Drive, direction: Direction, bound: str, limit: int) -> Condition:
    """The statement for a page, with its values.

    Beyond about as many bytes as a page may have, rows come without their body. The number of the newest event is of
    the same moment as the page.
    """
    rest = list(_conditions(wanted))
    rest_values = tuple(value for condition in rest for value in condition.values)
    # Said like this, no index answers it, and the planner makes no guess of how many rows are left, by which it would
    # rather sort them all.
    opaque = [f"nullif({condition.sql}, false) IS NOT NULL" for condition in rest]
    ordered = f"ORDER BY id {direction.order} LIMIT {limit}"
    selects = [
        # Each in order and with an end of its own, or else they are all read and sorted instead of merged.
        f"(SELECT {stream.id_in_order} AS id, body, lease_expire_us FROM {stream.rows} WHERE "  # noqa: S608 - SQL of ours
        + " AND ".join([stream.condition, f"{stream.id_in_order} {direction.beyond} ?", *opaque])
        + f" {ordered})"
        for stream in drive.streams
    ]
    sql = f"""
        SELECT {NEWEST_EVENT}, id, CASE WHEN size - octet_length(body) < {PAGE_BYTES} THEN body END, lease_expire_us
          FROM (SELECT) AS always LEFT JOIN (
            SELECT *, sum(octet_length(body)) OVER (ORDER BY id {direction.order} ROWS UNBOUNDED PRECEDING) AS size
              FROM (SELECT * FROM ({" UNION ALL ".join(selects)}) AS stream {ordered}) AS matching
          ) AS page ON true
         ORDER BY id {direction.order}
    """  # noqa: S608 - SQL of ours
    return Condition(sql, tuple(value for s in drive.streams for value in (*s.values, bound, *rest_values)))


def _conditions(wanted: CallbackFilter) -> Iterator[Condition]:
    """The whole filter, for a row."""
    if wanted.states:
        yield Condition("state = ANY(?)", ([state.name for state in wanted.states],))
    if wanted.service_ids:
        yield Condition("service_id = ANY(?)", (list(wanted.service_ids),))
    if wanted.caller_ids:
        yield Condition("caller_id = ANY(?)", (list(wanted.caller_ids),))
    if wanted.priorities:
        yield Condition("priority = ANY(?)", ([priority.value for priority in wanted.priorities],))
    if wanted.supervisors:
        yield Condition("coalesce(supervisor, '') = ANY(?)", (list(wanted.supervisors),))
    if wanted.dial_target:
        yield Condition("dial_target = ?", (wanted.dial_target,))
    if wanted.due_after is not None:
        yield Condition("due_us >= ?", (time_us(wanted.due_after),))
    if wanted.due_before is not None:
        yield Condition("due_us < ?", (time_us(wanted.due_before),))
    for pair in wanted.labels.items():
        yield Condition(
            """(
                SELECT true FROM callback_label AS other
                 WHERE other.key = ? AND other.value = ? AND other.callback_id = callback.callback_id COLLATE "POSIX"
            )""",
            pair,
        )


# --- The way to the rows ---------------------------------------------------------------------------------------

BY_ID: Final = Drive([Stream("TRUE", (), id_in_order="callback.callback_id")])


def _named(keys: Sequence[Key]) -> Drive:
    """A filter that names its callbacks needs no other index than that of their ids."""
    ids = [key for key in keys if isinstance(key, str)]
    tasks = [key for key in keys if isinstance(key, ExternalTaskKey)]
    condition = """callback_id = ANY(?::text[] || ARRAY(
        SELECT named.callback_id FROM unnest(?::text[], ?::text[]) AS task (caller_id, external_task_id)
          JOIN callback AS named USING (caller_id, external_task_id) WHERE named.external_task_id IS NOT NULL
    ))"""
    return Drive(
        [Stream(condition, (ids, [task.caller_id for task in tasks], [task.external_task_id for task in tasks]))]
    )


def _by(condition: str, values: Iterable[Values]) -> Drive:
    # Each value once, or else its callbacks would come twice.
    return Drive([Stream(condition, some) for some in dict.fromkeys(values)])


def _by_target(target: str) -> Drive:
    open_or_ended = ("dial_target = ? AND end_us IS NULL", "dial_target = ? AND end_us IS NOT NULL")
    return Drive([Stream(condition, (target,)) for condition in open_or_ended])


def _by_label(pair: tuple[str, str]) -> Drive:
    rows = 'callback_label AS label JOIN callback ON callback.callback_id = label.callback_id COLLATE "C"'
    condition = "label.key = ? AND label.value = ?"
    return Drive([Stream(condition, pair, rows, entries="callback_label AS label", id_in_order="label.callback_id")])


def _by_due(wanted: CallbackFilter) -> Drive:
    """The one index that is not in the order of ids."""
    bounds = (("due_us >= ?", wanted.due_after), ("due_us < ?", wanted.due_before))
    span = " AND ".join(condition for condition, bound in bounds if bound is not None)
    values = tuple(time_us(bound) for _, bound in bounds if bound is not None)
    return Drive([Stream(span, values, entries_order="due_us")], for_few=True)


def drives(wanted: CallbackFilter) -> list[Drive]:
    """What this filter can be driven by, those first that usually find the fewest."""
    return [drive for drive in _every_drive(wanted) if len(drive.streams) <= _MAX_STREAMS]


def _every_drive(wanted: CallbackFilter) -> Iterator[Drive]:
    if wanted.dial_target:
        yield _by_target(wanted.dial_target)
    for pair in wanted.labels.items():
        yield _by_label(pair)
    if wanted.supervisors and "" not in wanted.supervisors:
        yield _by("supervisor = ?", [(name,) for name in wanted.supervisors])
    if wanted.service_ids:
        states = [state.name for state in wanted.states or State]
        yield _by("service_id = ? AND state = ?", product(wanted.service_ids, states))
    if wanted.caller_ids:
        yield _by("caller_id = ?", [(caller,) for caller in wanted.caller_ids])
    if wanted.states:
        yield _by("state = ?", [(state.name,) for state in wanted.states])
    if wanted.due_after is not None or wanted.due_before is not None:
        yield _by_due(wanted)


async def _cheapest(connection: Connection, possible: Sequence[Drive]) -> Drive:
    """The one with the fewest matches, as far as they are counted; when all have many, the first."""
    fallback = next((drive for drive in possible if not drive.for_few), BY_ID)
    if all(drive is fallback for drive in possible):
        return fallback
    counts = count(possible)
    [matches] = await ask(connection, counts.numbered(), *counts.values)
    fewest = min(matches)
    return possible[matches.index(fewest)] if fewest < COUNTED else fallback


def count(possible: Sequence[Drive]) -> Condition:
    """How many matches each of them has, up to `COUNTED`."""
    counts = []
    for drive in possible:
        entries = [
            # In order, or else the table may be read from its beginning until there are enough.
            f"(SELECT 1 FROM {s.entries} WHERE {s.condition} ORDER BY {s.entries_order} LIMIT {COUNTED})"  # noqa: S608 - SQL of ours
            for s in drive.streams
        ]
        few = f"SELECT 1 FROM ({' UNION ALL '.join(entries)}) AS each LIMIT {COUNTED}"  # noqa: S608 - SQL of ours
        counts.append(f"(SELECT count(*) FROM ({few}) AS few)")  # noqa: S608 - SQL of ours
    return Condition(
        f"SELECT {', '.join(counts)}",
        tuple(value for drive in possible for stream in drive.streams for value in stream.values),
    )

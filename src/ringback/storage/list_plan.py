"""How a list is read: by which index, and with which conditions, as data that each dialect makes its SQL of.

Every index that can drive a list (but those in `UNORDERED`) returns its matches in the order of their ids, so that a
page starts where the one before ended and nothing is sorted. A filter with several values in a field reads several
such streams, which the database merges. What the driving index does not cover is checked row by row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import product
from typing import Final

from ringback.domain.callback import State
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.view import Area
from ringback.ports.values import Snapshot
from ringback.storage.body import read_callback, time_us

# No more streams than this are merged; SQLite's limit is 500.
MAX_STREAMS: Final = 64
# Matches are counted up to this number, to find the index with the fewest.
COUNTED: Final = 1000
# Greater than every id.
_LAST_ID: Final = "\U0010ffff"

# The values that are looked up in an index, column by column.
Lookup = tuple[str | int | None, ...]


# --- The order ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Direction:
    """The order of the ids, and on which side of a page's last id the next page is."""

    beyond: str
    order: str


DOWN: Final = Direction("<", "DESC")
UP: Final = Direction(">", "ASC")


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of the matching callbacks, from an id on."""

    wanted: CallbackFilter
    direction: Direction
    bound: str
    limit: int


def newest_first(wanted: CallbackFilter, before_id: str, limit: int) -> ListPage:
    return ListPage(wanted, DOWN, before_id or _LAST_ID, limit)


def oldest_first(wanted: CallbackFilter, after_id: str, limit: int) -> ListPage:
    return ListPage(wanted, UP, after_id, limit)


def read_page(rows: Sequence[tuple[int, str | None, str | None, int | None]], limit: int) -> Snapshot:
    """Return the page of these rows: number of the newest event, id, body, end of the lease; `limit` and one more.

    The number is taken from the first row, which may have no other value, and has none when nothing matches. Rows
    beyond the size of a page come without their body.
    """
    found = [(body, lease_expire_us) for _, id_, body, lease_expire_us in rows if id_ is not None]
    page = [read_callback(body, lease_expire_us) for body, lease_expire_us in found[:limit] if body is not None]
    return Snapshot(rows[0][0], page, more=len(found) > len(page))


# --- Conditions, checked row by row ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OneOf:
    """The condition that a value is one of these; `expression` is SQL of every dialect."""

    expression: str
    values: Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Bound:
    """The condition that a column is on one side of a value."""

    column: str
    operator: str
    value: int


@dataclass(frozen=True, slots=True)
class Label:
    """The condition that a callback has this label."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Either:
    """The condition that all of one group hold."""

    groups: Sequence[Sequence[OneOf]]


Condition = OneOf | Bound | Label | Either


def conditions(wanted: CallbackFilter) -> Iterator[Condition]:
    """Return the conditions of the filter for a row: all but the names."""
    if wanted.states:
        yield OneOf("state", [state.name for state in wanted.states])
    yield from _seen(wanted)
    if wanted.priorities:
        yield OneOf("priority", [priority.value for priority in wanted.priorities])
    if wanted.supervisors:
        yield OneOf("coalesce(supervisor, '')", wanted.supervisors)
    if wanted.dial_target:
        yield OneOf("dial_target", [wanted.dial_target])
    if wanted.external_task_ids:
        yield OneOf("coalesce(external_task_id, '')", wanted.external_task_ids)
    yield from _between("due_us", wanted.due_after, wanted.due_before)
    # What is open has no end: NULL is on no side of any time.
    yield from _between("end_us", wanted.end_after, wanted.end_before)
    for key, value in wanted.labels.items():
        yield Label(key, value)


def _between(column: str, after: datetime | None, before: datetime | None) -> Iterator[Condition]:
    if after is not None:
        yield Bound(column, ">=", time_us(after))
    if before is not None:
        yield Bound(column, "<", time_us(before))


def _seen(wanted: CallbackFilter) -> Iterator[Condition]:
    """Return the conditions for services and callers: what the filter names, and what the caller can see."""
    if (services := services_of(wanted)) is not None:
        yield OneOf("service_id", services)
    if (caller_ids := _caller_ids(wanted)) is not None:
        yield OneOf("caller_id", caller_ids)
    if len(wanted.view.areas) != 1:
        yield Either([list(_within(area)) for area in wanted.view.areas])


def either(groups: Iterable[Sequence[str]]) -> str:
    """Return the SQL of `Either`, of the SQL of its conditions."""
    joined = [" AND ".join(group) or "TRUE" for group in groups]
    return f"({' OR '.join(f'({group})' for group in joined) or 'FALSE'})"


def services_of(wanted: CallbackFilter) -> Sequence[str] | None:
    """Return the ids of the services that a match can have; None: any."""
    return _common(wanted.services or None, [area.within for area in wanted.view.areas])


def _caller_ids(wanted: CallbackFilter) -> Sequence[str] | None:
    """Return the caller ids that a match can have; None: any."""
    return _common(wanted.caller_ids or None, [area.caller_ids for area in wanted.view.areas])


def _common(named: Sequence[str] | None, seen: Sequence[Sequence[str] | None]) -> Sequence[str] | None:
    """Return the values that the filter names, as far as one of the areas has them; None stands for all."""
    if any(values is None for values in seen):
        return named
    visible = dict.fromkeys(value for values in seen for value in values or ())
    return list(visible) if named is None else [value for value in named if value in visible]


def _within(area: Area) -> Iterator[OneOf]:
    if (within := area.within) is not None:
        yield OneOf("service_id", within)
    if area.caller_ids is not None:
        yield OneOf("caller_id", area.caller_ids)


# --- Access paths ------------------------------------------------------------------------------------------------


class Index(Enum):
    """An index that can drive a list: the columns that are looked up in it."""

    # All rows, by id.
    ID = ()
    TARGET = ("dial_target",)
    LABEL = ("key", "value")
    SUPERVISOR = ("supervisor",)
    SERVICE = ("service_id", "state")
    CALLER = ("caller_id",)
    STATE = ("state",)
    # The values of one lookup are all that are wanted, of whichever caller.
    TASK = ("external_task_id",)
    # Ranges: from the first time on, to before the second one; None where it is open.
    DUE = ("due_us", "due_us")
    # The same within a service; None for all services.
    END = ("service_id", "end_us", "end_us")

    @property
    def columns(self) -> tuple[str, ...]:
        columns: tuple[str, ...] = self.value
        return columns


UNORDERED: Final = (Index.TASK, Index.DUE, Index.END)
"""Those that are not in the order of ids."""


@dataclass(frozen=True, slots=True)
class AccessPath:
    """A way to the rows: one stream per lookup; together they have every match, and each once."""

    index: Index
    lookups: Sequence[Lookup]

    @property
    def for_few(self) -> bool:
        """Return whether all matches are read before the first is returned: good for few matches only."""
        return self.index in UNORDERED


BY_ID: Final = AccessPath(Index.ID, [()])


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """The names in a filter: with any, it needs no other index than theirs."""

    ids: Sequence[str]
    tasks: Sequence[ExternalTaskKey]


def named_keys(wanted: CallbackFilter) -> NamedKeys:
    return NamedKeys(
        [key for key in wanted.keys if isinstance(key, str)],
        [key for key in wanted.keys if isinstance(key, ExternalTaskKey)],
    )


def selects_nothing(wanted: CallbackFilter) -> bool:
    """Return whether no callback can match: what the filter names is not what the caller can see."""
    return services_of(wanted) == [] or _caller_ids(wanted) == [] or not wanted.view.areas


def access_paths(wanted: CallbackFilter) -> list[AccessPath]:
    """Return the paths for this filter, those first that usually have the fewest matches."""
    return [path for path in _every_path(wanted) if len(path.lookups) <= MAX_STREAMS]


def _every_path(wanted: CallbackFilter) -> Iterator[AccessPath]:
    # No external id is NULL, which is not in the index.
    if wanted.external_task_ids and "" not in wanted.external_task_ids:
        yield _path(Index.TASK, [tuple(dict.fromkeys(wanted.external_task_ids))])
    if wanted.dial_target:
        yield _path(Index.TARGET, [(wanted.dial_target,)])
    for pair in wanted.labels.items():
        yield _path(Index.LABEL, [pair])
    if wanted.supervisors and "" not in wanted.supervisors:
        yield _path(Index.SUPERVISOR, [(name,) for name in wanted.supervisors])
    if services := services_of(wanted):
        states = [state.name for state in wanted.states or State]
        yield _path(Index.SERVICE, product(services, states))
    if caller_ids := _caller_ids(wanted):
        yield _path(Index.CALLER, [(caller,) for caller in caller_ids])
    if wanted.states:
        yield _path(Index.STATE, [(state.name,) for state in wanted.states])
    if due := _span(wanted.due_after, wanted.due_before):
        yield _path(Index.DUE, [due])
    if end := _span(wanted.end_after, wanted.end_before):
        services = services_of(wanted)
        named = services if services and len(services) <= MAX_STREAMS else [None]
        yield _path(Index.END, [(service_id, *end) for service_id in named])


def _span(after: datetime | None, before: datetime | None) -> Lookup:
    """Return the bounds of a range; nothing where it has none."""
    if after is None and before is None:
        return ()
    return tuple(None if time is None else time_us(time) for time in (after, before))


def _path(index: Index, lookups: Iterable[Lookup]) -> AccessPath:
    # Each value once, or else its callbacks would be returned twice.
    return AccessPath(index, list(dict.fromkeys(lookups)))


def default_path(possible: Sequence[AccessPath]) -> AccessPath:
    """Return the path to take when all have many matches."""
    return next((path for path in possible if not path.for_few), BY_ID)


def needs_counts(possible: Sequence[AccessPath]) -> bool:
    """Return whether the matches have to be counted to choose a path."""
    return any(path is not default_path(possible) for path in possible)


def fewest(possible: Sequence[AccessPath], matches: Sequence[int]) -> AccessPath:
    """Return the path with the fewest matches, as far as they are counted; when all have many, the default."""
    least = min(matches)
    return possible[matches.index(least)] if least < COUNTED else default_path(possible)

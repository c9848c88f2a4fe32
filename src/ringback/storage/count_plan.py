"""How the callbacks that match a filter are counted by state, as data that each dialect makes its SQL of.

By the index in which the fewest match, as a list is read. Where all have many, the entries of each state are counted
apart, up to a limit; what the index does not cover is checked row by row, of a bounded number of rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ringback.domain.callback import TERMINAL, State
from ringback.domain.filter import CallbackFilter
from ringback.ports.values import StateCount
from ringback.storage.list_plan import (
    MAX_STREAMS,
    AccessPath,
    Condition,
    Index,
    OneOf,
    access_paths,
    conditions,
    services_of,
)

# One more than are counted of a state.
ENOUGH: Final = 10_001
# Rows that are looked at to find those: of each state apart, and of all together.
ROWS_PER_STATE: Final = 20_000
ROWS: Final = 50_000

# Those that have the state, so that each can be counted apart.
_BY_STATE: Final = (Index.SERVICE, Index.STATE)
# When all have many, ranges come first: by no other index are they found among what ended, or is due, long ago.
_RANGES: Final = (Index.END, Index.DUE)

# What conditions look at.
_COLUMNS: Final = ", ".join(
    f"callback.{name}"
    for name in (
        "callback_id",
        "service_id",
        "state",
        "priority",
        "caller_id",
        "external_task_id",
        "dial_target",
        "supervisor",
        "due_us",
        "end_us",
    )
)


@dataclass(frozen=True, slots=True)
class CountPart:
    """What is counted together: up to `limit` rows of a path, and how many of them meet the conditions."""

    # None: the callbacks that are named.
    path: AccessPath | None
    conditions: Sequence[Condition]
    limit: int
    # The state of all of them; None: they are told apart.
    state: State | None = None

    @property
    def row_columns(self) -> str:
        """Return what is read of a row: no more than the index has, where that says it all."""
        return _COLUMNS if self.conditions else "callback.state"


def to_compare(wanted: CallbackFilter) -> Sequence[AccessPath]:
    """Return the paths whose matches have to be counted, up to `ENOUGH`, to choose one."""
    possible = access_paths(wanted)
    return possible if any(path.index not in _BY_STATE for path in possible) else ()


def named_part(wanted: CallbackFilter) -> CountPart:
    return CountPart(None, list(conditions(wanted)), ROWS)


def parts(wanted: CallbackFilter, compared: Sequence[AccessPath], matches: Sequence[int]) -> Sequence[CountPart]:
    """Return what is to be counted. `matches` are those of the paths that were compared."""
    if matches and min(matches) < ENOUGH:
        return [CountPart(compared[matches.index(min(matches))], list(conditions(wanted)), ENOUGH)]
    possible = compared or access_paths(wanted)
    path = next((path for path in possible if path.index in _RANGES), None) or next(iter(possible), None)
    if path is not None and path.index not in _BY_STATE:
        return [CountPart(path, list(conditions(wanted)), ROWS)]
    return [_of_state(wanted, state) for state in dict.fromkeys(wanted.states or State)]


def _of_state(wanted: CallbackFilter, state: State) -> CountPart:
    services = list(dict.fromkeys(services_of(wanted) or ()))
    # Of one state more services can be merged than of all together.
    if 0 < len(services) <= MAX_STREAMS:
        path = AccessPath(Index.SERVICE, [(service_id, state.name) for service_id in services])
    else:
        path = AccessPath(Index.STATE, [(state.name,)])
    rest = [one for one in conditions(wanted) if not (isinstance(one, OneOf) and one.expression in path.index.columns)]
    return CountPart(path, rest, ROWS_PER_STATE if rest else ENOUGH, state)


def none() -> Mapping[State, StateCount]:
    return {state: StateCount() for state in State}


def columns() -> str:
    """Return what is selected of the rows of a part: how many there are, and how many of each state match."""
    # In this order, so that each row is checked once: the planner may put the check itself in place of its name.
    each = [f"count(*) FILTER (WHERE state = '{state.name}' AND matches)" for state in State]
    return ", ".join(["count(*)", *each])


def read_counts(
    wanted: CallbackFilter, counted: Sequence[CountPart], rows: Iterable[tuple[int, ...]]
) -> Mapping[State, StateCount]:
    """Return the counts of these rows: the number of a part, and its `columns`."""
    counts = dict.fromkeys(State, 0)
    cut: set[State] = set()
    for number, examined, *matching in rows:
        part = counted[number]
        for state, count in zip(State, matching, strict=True):
            counts[state] += count
        if examined >= part.limit:
            cut.update([part.state] if part.state else _possible(wanted))
    most = ENOUGH - 1
    return {
        state: StateCount(min(count, most), at_least=state in cut or count > most) for state, count in counts.items()
    }


def _possible(wanted: CallbackFilter) -> Iterator[State]:
    """Return the states that a match can have."""
    has_ended = wanted.end_after is not None or wanted.end_before is not None
    return (state for state in wanted.states or State if state in TERMINAL or not has_ended)

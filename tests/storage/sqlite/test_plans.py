"""SQLite: no query of the scheduler, the dispatcher or a list reads or sorts more the more there is stored."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from ringback.domain.callback import State
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.priority import Priority
from ringback.storage.count_plan import ENOUGH, parts, to_compare
from ringback.storage.list_plan import (
    BY_ID,
    DOWN,
    MAX_STREAMS,
    UP,
    Direction,
    Index,
    ListPage,
    access_paths,
    named_keys,
)
from ringback.storage.sqlite import calls, change, counts, create, lists, purge, reads
from ringback.storage.sqlite.schema import prepare
from tests.world.samples import NOW

QUESTIONS = {
    "get": reads.GET,
    "get by task": reads.GET_BY_TASK,
    "get by request": reads.GET_BY_REQUEST,
    "get many": reads.GET_MANY,
    "agenda": reads.AGENDA,
    "scheduled": reads.SCHEDULED,
    "moved_by_hours": reads.MOVED_BY_HOURS,
    "held_by": reads.HELD_BY,
    "leased_for": reads.LEASED_FOR,
    "queued_services": reads.QUEUED_SERVICES,
    "queued": reads.QUEUED,
    "queue": reads.QUEUE,
    "dialled": reads.DIALLED,
    "dialled long ago": purge.DIALLED_LONG_AGO,
    "calls of": calls.CALLS_OF,
    "calls of callbacks": calls.CALLS_OF_CALLBACKS,
    "calls left": calls.CALLS_LEFT,
    "calls left long ago": purge.CALLS_LEFT_LONG_AGO,
    "counted long ago": purge.COUNTED_LONG_AGO,
    "phone use": reads.PHONE_USE,
    "phones": change.PHONES,
    "kept no longer": purge.KEPT_NO_LONGER,
    "ended": purge.ENDED,
    "services with ended": purge.SERVICES_WITH_ENDED,
    "turns": reads.TURNS,
    "outlooks": reads.OUTLOOKS,
    "line ends": reads.LINE_ENDS,
    "line heads": reads.LINE_HEADS,
    "ahead": reads.AHEAD,
    "same target": create.SAME_TARGET.replace(":dial_target", "?").replace(":service_id", "?"),
    "events": reads.EVENTS,
    "events of one": reads.EVENTS_OF,
    "history": reads.HISTORY,
}
# What a plan may go through from end to end: what is given to it, and what it has found by an index.
FEW = (
    "SCAN queued",
    "SCAN head",
    "SCAN wanted",
    "SCAN line",
    "SCAN owner",
    "SCAN counted",
    "SCAN (subquery",
    "SCAN CONSTANT ROW",
    f"SCAN {len(Priority)} CONSTANT ROWS",
    "SCAN json_each",
)
FILTERS = {
    "all": CallbackFilter(),
    "priority": CallbackFilter(priorities=(Priority.HIGH,)),
    "state": CallbackFilter(states=(State.QUEUED, State.FAILED)),
    "service": CallbackFilter(service_ids=("a", "b")),
    "service and state": CallbackFilter(service_ids=("a", "b"), states=(State.QUEUED, State.DIALING)),
    "caller": CallbackFilter(caller_ids=("a", "b", "c")),
    "supervisor": CallbackFilter(supervisors=("a", "b", "c")),
    "target": CallbackFilter(dial_target="a"),
    "labels": CallbackFilter(labels={"a": "b", "c": "d"}),
    "tasks": CallbackFilter(external_task_ids=("a", "b")),
    "ends": CallbackFilter(end_after=NOW),
    "ends in services": CallbackFilter(service_ids=("a", "b"), end_before=NOW),
    "due": CallbackFilter(due_after=NOW, due_before=NOW + timedelta(days=1)),
    "everything": CallbackFilter(
        states=tuple(State),
        service_ids=("a",),
        caller_ids=("a",),
        priorities=tuple(Priority),
        supervisors=("a",),
        labels={"a": "b"},
        due_after=NOW,
        end_after=NOW,
        external_task_ids=("a", "b"),
        dial_target="a",
    ),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / "ringback.db"
    database = sqlite3.connect(path, isolation_level=None)
    prepare(path, database)
    yield database
    database.close()


def check_plan(database: sqlite3.Connection, statement: str) -> None:
    """Check that every table is searched by an index, in the order that is asked for."""
    named = {"service_id": "", "depth": 1, "now_us": 0, "phone": ""}
    statement = re.sub(r"\?[0-9]", "?", statement)
    parameters = named if ":" in statement else ["x"] * statement.count("?")
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    scans = [step for step in plan if step.startswith("SCAN") and not step.startswith(FEW)]
    assert not scans, plan
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
    assert [step for step in plan if step.startswith("SEARCH")], plan


@pytest.mark.parametrize("statement", QUESTIONS.values(), ids=QUESTIONS)
def test_questions_are_answered_by_an_index(database: sqlite3.Connection, statement: str) -> None:
    check_plan(database, statement)


def test_what_is_open_is_counted_in_indexes(database: sqlite3.Connection) -> None:
    """Each of millions is looked at, but its row is not, unless it is in progress."""
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {reads.OPEN_BY_SERVICE}")]
    assert [step for step in plan if " callback " in step] == [
        "SCAN callback USING COVERING INDEX callback_queue",
        "SEARCH callback USING COVERING INDEX callback_by_service (service_id=? AND state=?)",
        "SEARCH callback USING COVERING INDEX callback_by_service (service_id=? AND state=?)",
        "SEARCH callback USING INDEX callback_to_lapse (lease_expire_us>?)",
    ]


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("direction", [UP, DOWN], ids=["up", "down"])
def test_lists_are_read_in_order(database: sqlite3.Connection, wanted: CallbackFilter, direction: Direction) -> None:
    """Whichever index drives them; also while the possible ways are compared."""
    page = ListPage(wanted, direction, "", 10)
    for path in [*access_paths(wanted), BY_ID]:
        check_plan(database, lists.select(page, lists.streams(path)).sql)
        if path is not BY_ID:
            check_plan(database, lists.count([path]).sql)


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_counts_are_read_by_an_index(database: sqlite3.Connection, wanted: CallbackFilter) -> None:
    """Each that may have the fewest matches; and when all have many."""
    possible = to_compare(wanted)
    for few in (None, *possible):
        counted = parts(wanted, possible, [0 if path is few else ENOUGH for path in possible])
        check_plan(database, counts.select(wanted, counted).sql)


def test_no_statement_has_more_values_than_sqlite_takes_as_it_comes() -> None:
    """Debian's takes more: 250,000."""
    many = tuple(map(str, range(1000)))
    wanted = CallbackFilter(
        service_ids=many[:MAX_STREAMS], caller_ids=many, supervisors=("", *many), external_task_ids=("", *many)
    )
    states = tuple(State)[: MAX_STREAMS // 6]
    some = replace(wanted, service_ids=many[:6], states=states)
    by_service = next(path for path in access_paths(some) if path.index is Index.SERVICE)
    for statement in (
        lists.select(ListPage(some, UP, "", 10), lists.streams(by_service)),
        counts.select(wanted, parts(wanted, [], [])),
    ):
        assert len(statement.values) < 32_766
        assert statement.sql.count("?") == len(statement.values)


def test_outcomes_are_searched(database: sqlite3.Connection) -> None:
    """What is counted by caller is summed up, and so sorted: no more than 15 days of some services."""
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {reads.OUTCOMES}", ["[]", 0, 0, 0])]
    assert "SEARCH outcome_count USING PRIMARY KEY (service_id=? AND begin_us>? AND begin_us<?)" in plan, plan


@pytest.mark.parametrize("direction", [UP, DOWN], ids=["up", "down"])
def test_named_callbacks_are_looked_up(database: sqlite3.Connection, direction: Direction) -> None:
    task = ExternalTaskKey(caller_id="a", external_task_id="b")
    wanted = CallbackFilter(keys=("a", task, "c", task), states=(State.QUEUED,))
    check_plan(database, lists.select(ListPage(wanted, direction, "", 10), [lists.named(named_keys(wanted))]).sql)

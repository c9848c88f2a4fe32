"""PostgreSQL: no query of the scheduler, the dispatcher or a list reads more the more there is stored.

The rows that a plan really reads are counted, in a table where each query has far more than it should touch: with
the plan for the given values, and with the one that PostgreSQL may keep for all values of a prepared statement.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ringback.domain.callback import State
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.priority import Priority
from ringback.storage import count_plan
from ringback.storage.list_plan import BY_ID, COUNTED, DOWN, UP, Direction, ListPage, access_paths, named_keys
from ringback.storage.migrations import scripts
from ringback.storage.postgres import calls, counts, create, lists, purge, reads, transaction
from ringback.storage.postgres.connection import HINTS
from tests.world.postgres import Cluster
from tests.world.samples import NOW

ROWS = 30_000
LIMIT = 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What a query with this limit may read: its result, a look at other callbacks to the same targets, a little more.
FEW = 20 * LIMIT

# Most have ended; one in ten is queued, one in a hundred in progress. Ids and times grow together, as they do.
FILL = """
    INSERT INTO callback
    SELECT 'callback-' || lpad(n::text, 9, '0'), 'service-' || n % 5, state, 1, 1 + n % 8,
           'caller-' || n % 1000, 'task-' || n, 'request-' || n, 'target-' || n % (%(rows)s / 2 + 1) ||
           CASE WHEN leased THEN '-' || n ELSE '' END,
           CASE WHEN n % 3 = 0 THEN 'supervisor-' || n % 3000 END, n, n, CASE WHEN waiting THEN n + n % 2 END,
           n, CASE WHEN NOT waiting AND NOT leased THEN n END, CASE WHEN leased THEN n END,
           CASE WHEN leased THEN 'dialer-' || n % 1000 END, CASE WHEN leased THEN 'poll-' || n END,
           CASE WHEN leased THEN 1 END, '{}'
      FROM (
        SELECT n, state, state IN ('SCHEDULED', 'QUEUED') AS waiting, state = 'DIALING' AS leased FROM (
            SELECT n, CASE WHEN n % 100 = 0 THEN 'DIALING' WHEN n % 10 = 1 THEN 'QUEUED' WHEN n % 10 < 4
                THEN 'SCHEDULED' WHEN n < %(rows)s / 2 THEN 'COMPLETED' ELSE 'FAILED' END AS state
              FROM generate_series(1, %(rows)s) AS n
        ) AS numbered
      ) AS sorted;
    INSERT INTO callback_label
    SELECT 'team', 'team-' || n % 1000, callback_id FROM (SELECT callback_id, due_us AS n FROM callback) AS labelled;
    INSERT INTO event SELECT n, 1, 'callback-' || n, n, NULL, NULL, NULL, '{}' FROM generate_series(1, %(rows)s) AS n;
    INSERT INTO service SELECT 'service-' || n, 'sip:' || n, 1, '{}' FROM generate_series(0, 4) AS n;
    INSERT INTO service_turn SELECT service_id, '[]', 0 FROM service;
    INSERT INTO dialled SELECT 'phone-' || n % 1000, n FROM generate_series(1, %(rows)s) AS n;
    INSERT INTO kept_call SELECT 'callback-' || n, 1, 'sip', 'owner-' || n % 1000, n, '{}'
      FROM generate_series(1, %(rows)s) AS n;
    INSERT INTO outcome_count
    SELECT 'service-' || n % 5, n / 50 * 1800000000::bigint, 'result-' || n % 5, 'caller-' || n % 50, 0, 1
      FROM generate_series(1, %(rows)s) AS n ON CONFLICT DO NOTHING;
    INSERT INTO kept_phone SELECT 'phone-' || n, n FROM generate_series(1, %(rows)s) AS n;
"""

LEVELS = [level.value for level in Priority]
QUESTIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "get": (reads.GET, ("callback-000000010",)),
    "get by task": (reads.GET_BY_TASK, ("caller-10", "task-10")),
    "get by request": (reads.GET_BY_REQUEST, ("request-10", "")),
    "get many": (reads.GET_MANY, (["callback-000000010", "callback-000000020"],)),
    "agenda": (reads.AGENDA, (ROWS // 2, ROWS // 2, LIMIT)),
    "scheduled": (reads.SCHEDULED, ("service-2", "callback-000010000", LIMIT)),
    "moved by hours": (reads.MOVED_BY_HOURS, ("service-2", "callback-000010000", LIMIT)),
    "held by": (reads.HELD_BY, ("dialer-100",)),
    "leased for": (reads.LEASED_FOR, ("dialer-100", "poll-100")),
    "queued services": (reads.QUEUED_SERVICES, ()),
    "queued": (reads.QUEUED, ("service-1", LIMIT)),
    "queue": (reads.QUEUE, ("service-1", 1, LEVELS, ROWS // 2)),
    "turns": (reads.TURNS, ('["service-1"]',)),
    "outlooks": (reads.OUTLOOKS, (ROWS, LIMIT, '["service-1", "service-2"]')),
    "line ends": (reads.LINE_ENDS, ("service-1", ROWS, LIMIT, "[[2, 3]]")),
    "line heads": (reads.LINE_HEADS, (["service-1", "service-1"], [1, 2])),
    "ahead": (reads.AHEAD, ("service-1", 2, ROWS, "callback-999999999", LIMIT)),
    "dialled": (reads.DIALLED, (ROWS // 2, LIMIT)),
    "dialled long ago": (purge.DIALLED_LONG_AGO, (ROWS, LIMIT)),
    "calls of": (calls.CALLS_OF, ("sip", "owner-10")),
    "calls of callbacks": (calls.CALLS_OF_CALLBACKS, (["callback-10", "callback-20"],)),
    "calls left": (calls.CALLS_LEFT, ("sip", ROWS, LIMIT)),
    "calls left long ago": (purge.CALLS_LEFT_LONG_AGO, (ROWS, LIMIT)),
    "outcomes": (reads.OUTCOMES, ('[["service-1", null], ["service-2", ["crm"]]]', 1_800_000_000, 7_200_000_000, 10)),
    "counted long ago": (purge.COUNTED_LONG_AGO, (ROWS * 1_800_000_000, LIMIT)),
    "phone use": (reads.PHONE_USE, ("target-100-100", ROWS // 2)),
    "phones": (transaction.PHONES, (["target-100-100", "phone-10"],)),
    "kept no longer": (purge.KEPT_NO_LONGER, (ROWS, LIMIT)),
    "events": (reads.EVENTS, (ROWS // 2, LIMIT)),
    "events of one": (reads.EVENTS_OF, ("callback-10", 0, LIMIT)),
    "history": (reads.HISTORY, ()),
    "same name": (create.SAME_NAME, (["callback-000000010"], ["request-20"], ["caller-30"], ["task-30"])),
    "same target": (create.SAME_TARGET, (["service-1"], ["target-11"])),
    "ended": (purge.ENDED, ("service-1", ROWS, LIMIT)),
    "services with ended": (purge.SERVICES_WITH_ENDED, ()),
    "oldest events": (purge.OLDEST_EVENTS, (0, ROWS // 2, LIMIT)),
}
FILTERS = {
    "all": CallbackFilter(),
    "a level": CallbackFilter(priorities=(Priority.HIGH,)),
    "states": CallbackFilter(states=(State.QUEUED, State.FAILED)),
    "a state that only old ones have": CallbackFilter(states=(State.COMPLETED,)),
    "services": CallbackFilter(service_ids=("service-1", "service-2")),
    "a state of services": CallbackFilter(service_ids=("service-0", "service-1"), states=(State.COMPLETED,)),
    "callers": CallbackFilter(caller_ids=("caller-1", "caller-2", "caller-3")),
    "supervisors": CallbackFilter(supervisors=("supervisor-3", "supervisor-6")),
    "a target": CallbackFilter(dial_target="target-7"),
    "a label": CallbackFilter(labels={"team": "team-7"}),
    "a label of a state": CallbackFilter(labels={"team": "team-7"}, states=(State.COMPLETED,)),
    "nobody": CallbackFilter(caller_ids=("nobody",), states=(State.FAILED,)),
    "tasks": CallbackFilter(external_task_ids=("task-7", "task-20", "nobody")),
    "a task of a caller": CallbackFilter(external_task_ids=("task-7",), caller_ids=("caller-7", "caller-8")),
    "an end": CallbackFilter(end_after=EPOCH + timedelta(microseconds=ROWS - 100)),
    "an early end": CallbackFilter(end_before=EPOCH + timedelta(microseconds=100)),
    "an end in a service": CallbackFilter(
        service_ids=("service-1",), end_after=EPOCH, end_before=EPOCH + timedelta(microseconds=100)
    ),
    "a time": CallbackFilter(due_after=NOW, due_before=NOW + timedelta(days=1)),
}


@contextmanager
def new_tables(cluster: Cluster) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Open a connection, as servers have it, to a database without a callback."""
    with psycopg.connect(cluster.new_schema(), autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        for script in scripts("postgres"):
            connection.execute(script.encode())
        connection.execute("ALTER TABLE callback SET (autovacuum_enabled = off)")
        connection.execute(HINTS)
        yield connection


@pytest.fixture(scope="module")
def empty(cluster: Cluster) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with new_tables(cluster) as connection:
        yield connection


@pytest.fixture(scope="module", params=["analysed", "fresh"])
def connection(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect to a database that PostgreSQL knows well, and to one that has just been filled."""
    with new_tables(cluster) as connection:
        connection.execute(FILL.replace("%(rows)s", str(ROWS)).encode())
        if request.param == "analysed":
            connection.execute("VACUUM ANALYZE")
        yield connection


@pytest.mark.long
@pytest.mark.parametrize(("statement", "values"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_plan_made_for_an_empty_database_is_good_for_a_full_one(
    empty: psycopg.Connection[tuple[Any, ...]], statement: str, values: tuple[Any, ...]
) -> None:
    """The plan may be kept: it reads no table from end to end, and sorts none."""
    empty.execute("SET plan_cache_mode = force_generic_plan")
    plan = "\n".join(row[0] for row in empty.execute(f"EXPLAIN {statement}".encode(), values))
    assert not re.search(r"(Seq Scan on|Bitmap) (callback|event)", plan), plan
    assert "Sort Key: callback" not in plan, plan


def rows_read(
    connection: psycopg.Connection[tuple[Any, ...]], mode: str, statement: str, values: tuple[Any, ...]
) -> int:
    """Return how many rows were looked at, whether they were returned or not."""
    connection.execute(f"SET plan_cache_mode = {mode}")
    query = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
    row = connection.execute(query.encode(), values, prepare=True).fetchone()
    assert row is not None
    return _rows(row[0][0]["Plan"])


def _rows(node: dict[str, Any]) -> int:
    below = sum(_rows(child) for child in node.get("Plans", ()))
    if node["Node Type"].startswith("Bitmap Index") or "Relation Name" not in node:
        return below
    removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return below + int((node["Actual Rows"] + removed) * node["Actual Loops"])


@pytest.mark.long
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_what_is_open_is_counted_in_indexes(connection: psycopg.Connection[tuple[Any, ...]], mode: str) -> None:
    """Each of millions is looked at, but no table is read from end to end for that, also where VACUUM lags behind."""
    connection.execute(f"SET plan_cache_mode = {mode}".encode())
    plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {reads.OPEN_BY_SERVICE}".encode()))
    assert not re.search(r"(Seq Scan|Bitmap Heap Scan) on callback", plan), plan
    used = re.findall(r"Scan using (\w+) on callback", plan)
    assert used == ["callback_queue", "callback_by_service", "callback_to_lapse"], plan


@pytest.mark.long
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(("statement", "values"), QUESTIONS.values(), ids=QUESTIONS)
def test_questions_read_what_they_answer(
    connection: psycopg.Connection[tuple[Any, ...]], mode: str, statement: str, values: tuple[Any, ...]
) -> None:
    assert rows_read(connection, mode, statement, values) <= FEW


@pytest.mark.long
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("direction", [UP, DOWN], ids=["up", "down"])
def test_lists_read_what_they_show(
    connection: psycopg.Connection[tuple[Any, ...]], mode: str, wanted: CallbackFilter, direction: Direction
) -> None:
    """Driven by the best index; with a condition that no index drives, they read as many as its matches are rare."""
    possible = access_paths(wanted)
    page = ListPage(wanted, direction, "" if direction is UP else "callback-999999999", LIMIT - 1)
    queries = [lists.select(page, lists.ranges(path)) for path in possible or [BY_ID]]
    assert min(rows_read(connection, mode, query.numbered(), query.values) for query in queries) <= FEW
    if possible:
        compared = lists.count(possible)
        assert rows_read(connection, mode, compared.numbered(), compared.values) <= len(possible) * COUNTED


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_counts_read_as_many_as_they_may(
    connection: psycopg.Connection[tuple[Any, ...]], mode: str, wanted: CallbackFilter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By each index when it has few matches, and when all have many."""
    for name, limit in (("ENOUGH", 11), ("ROWS_PER_STATE", 20), ("ROWS", 30)):
        monkeypatch.setattr(count_plan, name, limit)
    possible = count_plan.to_compare(wanted)
    for few in (None, *possible):
        counted = count_plan.parts(wanted, possible, [10 if path is few else 11 for path in possible])
        query = counts.select(wanted, counted)
        limit = sum(part.limit for part in counted)
        assert rows_read(connection, mode, query.numbered(), query.values) <= limit + FEW


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("direction", [UP, DOWN], ids=["up", "down"])
def test_named_callbacks_are_looked_up(
    connection: psycopg.Connection[tuple[Any, ...]], mode: str, direction: Direction
) -> None:
    task = ExternalTaskKey(caller_id="caller-30", external_task_id="task-30")
    wanted = CallbackFilter(keys=("callback-000000010", task, "nobody", task), states=(State.QUEUED,))
    page = ListPage(wanted, direction, "" if direction is UP else "callback-999999999", LIMIT)
    query = lists.select(page, [lists.named(named_keys(wanted))])
    assert rows_read(connection, mode, query.numbered(), query.values) <= FEW

"""The comparison of counts: a regression fails it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bench.counts import __main__ as counts
from bench.counts.plans import bad_plans
from bench.counts.scenarios import Counts
from ringback.storage.sqlite.schema import prepare

LIFE = {"a life": {"statements": 40, "commits": 5}}


@pytest.mark.parametrize(
    ("now", "is_worse"),
    [
        ({"a life": {"statements": 41, "commits": 5}}, [True]),
        ({"a life": {"statements": 39, "commits": 5}}, [False]),
        ({"a life": {"statements": 39, "commits": 6}}, [False, True]),
        ({"a life": {"statements": 40}}, [True]),
        ({**LIFE, "a create": {"statements": 1}}, [True]),
        (LIFE, []),
    ],
    ids=["more", "fewer", "fewer of one and more of the other", "not counted any more", "new", "the same"],
)
def test_what_grew_or_is_not_known_is_worse(now: Counts, is_worse: list[bool]) -> None:
    assert [difference.is_worse for difference in counts.differences(LIFE, now)] == is_worse


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("SELECT body FROM callback WHERE callback_id = 'x'", False),
        ("SELECT body FROM callback WHERE dial_target = 'x'", True),
        ("SELECT count(*) FROM callback", True),
        ("SELECT body FROM callback WHERE callback_id > 'x' ORDER BY revision", True),
        ("DELETE FROM event WHERE kind = 1", True),
        ("SELECT body FROM service ORDER BY service_id", False),
    ],
)
def test_a_scan_or_a_sort_is_a_bad_plan(tmp_path: Path, statement: str, bad: bool) -> None:
    path = tmp_path / "ringback.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        prepare(path, database)
    assert bool(list(bad_plans(path, [statement]))) is bad

"""The runner itself: it reports every kind of fault."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conformance.agreement import disagreements
from tests.conformance.matching import differences, resolve
from tests.conformance.player import Seen, play
from tests.conformance.run import main
from tests.conformance.scenario import Scenario, ScenarioError, load

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        ({}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
        ({"a": "$any", "b": "$absent"}, {"a": ""}),
        ({"revision": 7}, {"revision": "7"}),  # an int64 in proto JSON
        ([{"a": 1}, {}], [{"a": 1, "b": 2}, {"a": 2}]),
        ({"$count": 2}, [1, 2]),
    ],
    ids=str,
)
def test_what_matches(expected: Any, seen: Any) -> None:
    assert list(differences(expected, seen)) == []


@pytest.mark.parametrize(
    ("expected", "seen", "path"),
    [
        ({"a": 1}, {"a": 2}, "a"),
        ({"a": {"b": 1}}, {"a": {}}, "a.b"),
        ({"a": "$any"}, {}, "a"),
        ({"a": "$absent"}, {"a": 0}, "a"),
        ({"a": False}, {"a": 0}, "a"),
        ({"a": []}, {"a": [1]}, "a"),
        ({"a": [{}, {"b": 1}]}, {"a": [{}, {"b": 2}]}, "a.1.b"),
        ({"a": {"$count": 2}}, {"a": [1]}, "a"),
        ({"a": {"b": 1}}, {"a": "text"}, "a"),
    ],
    ids=str,
)
def test_what_does_not_match(expected: Any, seen: Any, path: str) -> None:
    [difference] = differences(expected, seen)
    assert difference.startswith(f"{path}: ")


def test_what_a_dollar_sign_means() -> None:
    saved = {"lease": {"tokens": ["x", "y"]}}
    written = {"token": "$lease.tokens.1", "due": "$now + 90m", "old": ["$now-1h"], "all": {"$times": 2, "of": "$any"}}
    written |= {"days": ["$day", "$day + 1d"], "text": {"$text": ["sip:", {"$times": 3, "of": "é"}, "@b.example"]}}
    assert resolve(written, saved, NOON) == {
        "token": "y",
        "due": "2026-11-22T13:30:00.000000Z",
        "old": ["2026-11-22T11:00:00.000000Z"],
        "all": ["$any", "$any"],
        "days": ["2026-11-22", "2026-11-23"],
        "text": "sip:ééé@b.example",
    }
    with pytest.raises(LookupError):
        resolve("$nobody", saved, NOON)


def test_ids_times_and_tokens_may_differ_and_nothing_else() -> None:
    def seen(callback_id: str, time: str, state: str) -> list[Seen]:
        response = {"callback_id": callback_id, "create_time": time, "etag": callback_id[:4], "state": state}
        return [Seen("step 1", {"message": f"no callback {callback_id}", "response": response})]

    one = seen("0b7c8e5e-0000-4000-8000-000000000001", "2026-11-22T12:00:00Z", "QUEUED")
    same = seen("0b7c8e5e-0000-4000-8000-000000000002", "2026-11-22T12:00:00.123456Z", "QUEUED")
    other = seen("0b7c8e5e-0000-4000-8000-000000000002", "2026-11-22T12:00:00.123456Z", "SCHEDULED")
    assert disagreements(one, same) == []
    assert disagreements(one, other) == ["step 1", "response.state: 'QUEUED' and 'SCHEDULED'"]


@pytest.mark.parametrize(
    "steps",
    ["[{cal: A/B}]", "[{call: A/B, create: {}}]", "[{stop: x, expect: {}}]", "[{call: A/B, expect: {cod: OK}}]"],
)
def test_a_scenario_that_is_misspelt_is_refused(steps: str, tmp_path: Path) -> None:
    (tmp_path / "theme.yaml").write_text(f"scenarios: [{{name: one, steps: {steps}}}]")
    with pytest.raises(ScenarioError, match=r"theme\.yaml, one, step 1"):
        load(tmp_path)


@pytest.mark.parametrize(
    "written",
    ["steps: [{call: A/B, as: caller}]", "access: tls, steps: [{call: A/B}]", "access: ssl, steps: []"],
    ids=["a client without identities", "no client", "no way"],
)
def test_clients_are_named_where_there_are_identities(written: str, tmp_path: Path) -> None:
    (tmp_path / "theme.yaml").write_text(f"scenarios: [{{name: one, {written}}}]")
    with pytest.raises(ScenarioError, match=r"theme\.yaml, one"):
        load(tmp_path)


def scenario(tmp_path: Path, steps: str) -> Scenario:
    (tmp_path / "theme.yaml").write_text(f"scenarios: [{{name: one, steps: {steps}}}]")
    [one] = load(tmp_path)
    return one


GET = "[{call: CallbacksService/ListCallbacks}]"


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("raise SystemExit('no such library')", "exited with 1\nno such library"),
        ("input(); print('hello', flush=True); input()", "said what is no answer"),
        ('input(); print(\'{"id": 1, "code": "INTERNAL"}\', flush=True); input()', "expected OK, saw INTERNAL"),
        ('input(); print(\'{"id": 1, "code": "OK"}\', flush=True); raise SystemExit(3)', "exited with 3"),
    ],
    ids=["dead", "no answer", "wrong answer", "bad end"],
)
async def test_a_bad_driver_fails(program: str, fault: str, tmp_path: Path) -> None:
    outcome = await play(scenario(tmp_path, GET), [sys.executable, "-c", program], lambda: tmp_path / "x.db")
    assert fault in outcome.failure


@pytest.mark.parametrize(("ci", "code", "sums"), [("", 0, "0 passed, 0 failed, 1 skipped"), ("true", 1, "1 failed")])
def test_a_language_without_a_driver_is_skipped_or_fails(ci: str, code: int, sums: str) -> None:
    arguments = ["--languages", "cobol", "--only", "every step of a life"]
    result = CliRunner().invoke(main, arguments, env={"CI": ci})
    assert result.exit_code == code
    assert "cobol is" in result.output
    assert sums in result.output.splitlines()[-1]

"""The demo checks itself; these tests plant what it has to find."""

import asyncio
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringback.cli import demo, demo_server
from ringback.cli.demo_stories import STORIES, Story
from ringback.cli.values import timestamp
from ringback.v1 import callback_pb2 as cb
from tests.world.http_client import connected

START = datetime(2030, 1, 31, 14, tzinfo=UTC)


def attempt(number: int, outcome: cb.CallOutcome.ValueType, start_s: float, end_s: float) -> cb.Attempt:
    return cb.Attempt(
        number=number,
        outcome=outcome,
        start_time=timestamp(START + timedelta(seconds=start_s)),
        end_time=timestamp(START + timedelta(seconds=end_s)),
    )


def story_of(target: str) -> Story:
    return next(story for story in STORIES if target in story.target)


def test_a_story_that_came_true() -> None:
    callback = cb.Callback(
        callback_request=cb.CallbackRequest(due_date=timestamp(START)),
        state=cb.CALLBACK_STATE_COMPLETED,
        attempts=[attempt(1, cb.CALL_OUTCOME_MACHINE, 0, 1), attempt(2, cb.CALL_OUTCOME_ANSWERED, 2, 3)],
    )
    assert list(story_of("chiara").faults(callback)) == []


def test_a_story_that_did_not() -> None:
    callback = cb.Callback(
        callback_request=cb.CallbackRequest(due_date=timestamp(START)),
        state=cb.CALLBACK_STATE_FAILED,
        attempts=[attempt(1, cb.CALL_OUTCOME_MACHINE, -1, 1), attempt(2, cb.CALL_OUTCOME_BUSY, 1.5, 2)],
    )
    assert list(story_of("chiara").faults(callback)) == [
        "ended failed, not completed",
        "had the attempts machine, busy, not machine, answered",
        "was dialled before it was due",
        "attempt 2 began 0.500 s after the one before, not 1 s",
    ]


async def test_a_short_demo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = story_of("elena")._replace(due_s=0, ends=cb.CALLBACK_STATE_COMPLETED)
    monkeypatch.setattr(demo, "STORIES", [story_of("anna"), wrong, story_of("klara")])
    faults = await demo.run_stories()
    assert faults == ["task-02 to sip:invalid@elena.example ended failed, not completed"]
    out = capsys.readouterr().out
    assert re.search(r"Its page is at http://127\.0\.0\.1:\d+/\n", out)
    assert "connected > completed      sip:answer@anna.example" in out
    assert "scheduled > cancelled      sip:answer@klara.example" in out


async def test_a_demo_that_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its page is there until Ctrl-C, which is no failure."""
    staying, interrupted = asyncio.Event(), demo._interrupted

    async def stay() -> None:
        staying.set()
        await interrupted()

    monkeypatch.setattr(demo, "_interrupted", stay)
    monkeypatch.setattr(demo, "STORIES", [story_of("klara")])
    running = asyncio.create_task(demo.run_stories(stay=True))
    async with asyncio.timeout(60):
        await staying.wait()
        found = re.search(r"The page stays at http://127\.0\.0\.1:(\d+)/ until Ctrl-C\.\n", capsys.readouterr().out)
        assert found is not None
        async with connected(int(found[1])) as browser:
            assert (await browser.get("/ui/queues")).status == 200
        signal.raise_signal(signal.SIGINT)
        assert await running == []


async def test_a_server_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(demo_server.ServerFailed, match="ended with exit code 1:"):
        async with demo_server.running_server(tmp_path / "missing"):
            pass

"""Whole lives: what is tried again, when, and how often."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from tests.world.api import Api
from tests.world.requests import micros

COMPLETED, FAILED = cb.CALLBACK_STATE_COMPLETED, cb.CALLBACK_STATE_FAILED


@pytest.fixture
async def phones(settings: Settings) -> AsyncIterator[Api]:
    """Run a server whose simulated dialer dials."""
    async with await App.start(replace(settings, dialer="simulated")) as app, Api.connect(app.port) as api:
        await api.add_service()
        yield api


@pytest.mark.parametrize(
    ("script", "state", "outcomes"),
    [
        ("busy.busy.answer", COMPLETED, ["BUSY", "BUSY", "ANSWERED"]),
        ("busy", FAILED, ["BUSY", "BUSY", "BUSY"]),
        ("invalid", FAILED, ["INVALID_NUMBER"]),
    ],
)
async def test_retries(phones: Api, script: str, state: Any, outcomes: list[str]) -> None:
    callback = await phones.create(f"sip:{script}@sim.example", max_retries=2, seconds_between_retries=1)
    ended = await phones.until_ended(callback.callback_id)
    assert ended.state == state
    assert [a.outcome for a in ended.attempts] == [cb.CallOutcome.Value(f"CALL_OUTCOME_{o}") for o in outcomes]
    assert [a.number for a in ended.attempts] == list(range(1, len(outcomes) + 1))
    for before, after in zip(ended.attempts, ended.attempts[1:], strict=False):
        assert micros(after.start_time) - micros(before.end_time) >= 1_000_000

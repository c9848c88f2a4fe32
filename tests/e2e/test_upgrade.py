"""A server of today on a database that version 0.1.0 wrote: its clients go on with what they have."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from ringback.app import App
from ringback.config import Settings
from ringback.ports.values import Retention
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.first_version import SAID, as_said, copy_of_database, named

TOKENS: dict[str, Any] = SAID["tokens"]


@pytest.fixture
async def api(settings: Settings, tmp_path: Path) -> AsyncIterator[Api]:
    """Nobody dials, and nothing is forgotten, however old the database is by now."""
    kept = Retention(ended_callbacks=timedelta(days=36_500))
    settings = replace(settings, database=copy_of_database(tmp_path), dialer="none", retention=kept)
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        yield api


async def test_what_had_ended_is_as_it_was(api: Api) -> None:
    for task in ("task-1", "task-2", "task-3"):
        external = cb.ExternalTaskKey(caller_id="crm", external_task_id=task)
        response = await api.callbacks.GetCallback(pb.GetCallbackRequest(key=cb.CallbackKey(external_task=external)))
        assert as_said([response.callback]) == [named(task)]


async def test_a_repeated_create_finds_its_callback(api: Api) -> None:
    said = named("task-1")
    again = ParseDict(said["callback_request"], cb.CallbackRequest())
    response = await api.callbacks.CreateCallback(pb.CreateCallbackRequest(callback_request=again))
    assert (response.created, response.callback.callback_id) == (False, said["callback_id"])


async def test_a_watch_resumes_where_it_was(api: Api) -> None:
    request = pb.WatchCallbacksRequest(resume_token=TOKENS["resume_from_start"])
    seen: list[pb.CallbackEvent] = []
    watch = api.callbacks.WatchCallbacks(request)
    while len(seen) < len(SAID["events"]):
        response = await watch.read()
        assert isinstance(response, pb.WatchCallbacksResponse)
        seen += response.events
    watch.cancel()
    assert as_said(seen[: len(SAID["events"])]) == SAID["events"]


async def test_tokens_of_a_list_and_of_a_filter_are_still_good(api: Api) -> None:
    second = await api.callbacks.ListCallbacks(
        pb.ListCallbacksRequest(page_size=5, page_token=TOKENS["second_page_of_5"])
    )
    assert [c.callback_id for c in second.callbacks] == [c["callback_id"] for c in SAID["callbacks"][5:10]]
    wanted = ParseDict(TOKENS["filter"], cb.CallbackFilter())
    watch = api.callbacks.WatchCallbacks(
        pb.WatchCallbacksRequest(filter=wanted, resume_token=TOKENS["resume_with_filter"])
    )
    assert isinstance(await watch.read(), pb.WatchCallbacksResponse)
    watch.cancel()


async def test_it_takes_new_callbacks(api: Api) -> None:
    service_id = SAID["services"][0]["service_id"]
    request = cb.CallbackRequest(
        target="tel:+41785550000", service_id=service_id, seconds_between_retries=60, priority=cb.PRIORITY_HIGH
    )
    response = await api.callbacks.CreateCallback(pb.CreateCallbackRequest(callback_request=request))
    assert response.created

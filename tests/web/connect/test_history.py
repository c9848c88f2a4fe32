"""The history of a callback, the trace of a call, and who one is, over HTTP in JSON: the same as over gRPC."""

from dataclasses import replace

import pytest
from google.protobuf.json_format import MessageToDict

from ringback.config import Settings
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id
from tests.world.connect_calls import JSON, call, path_of, post, refused_in


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with a dialer."""
    return replace(settings, dialer="simulated")


async def test_a_history_is_the_same(api: Api, port: int) -> None:
    created = await api.create(description="Möbel")
    await api.until_ended(created.callback_id)
    key = {"callbackId": created.callback_id}
    over_http = await call(port, "ListCallbackEvents", {"key": key, "pageSize": 2})
    over_grpc = await api.callbacks.ListCallbackEvents(
        pb.ListCallbackEventsRequest(key=by_id(created.callback_id), page_size=2)
    )
    assert over_http.json == MessageToDict(over_grpc)
    assert over_http.json["complete"] is True
    assert [event["callback"]["revision"] for event in over_http.json["events"]] == ["1", "2"]
    rest = await call(
        port, "ListCallbackEvents", {"key": key, "pageToken": over_http.json["nextPageToken"], "pageSize": 1000}
    )
    assert rest.json["events"][-1]["callback"]["state"] == "CALLBACK_STATE_COMPLETED"
    assert "nextPageToken" not in rest.json


async def test_the_delay_of_an_attempt_is_a_text(api: Api, port: int) -> None:
    created = await api.create("sip:busy@sim.example", max_retries=1, seconds_between_retries=90)
    retried = await api.until(
        created.callback_id, lambda callback: bool(callback.attempts and callback.attempts[0].outcome)
    )
    found = await call(port, "GetCallback", {"key": {"callbackId": retried.callback_id}})
    [attempt] = found.json["callback"]["attempts"]
    assert (attempt["retryDelay"], attempt["retryDelayReason"]) == ("90s", "RETRY_DELAY_REASON_REQUEST")
    assert attempt["offerTime"] <= attempt["startTime"]


async def test_a_refusal_names_all_faults(port: int) -> None:
    refused = await call(port, "ListCallbackEvents", {"pageSize": -1})
    assert refused_in(refused.json).fields == ("key", "page_size")
    refused = await call(port, "GetCallTrace", {"attempt": 0})
    assert refused_in(refused.json).fields == ("key", "attempt")


async def test_a_trace_of_a_simulated_call_is_empty(api: Api, port: int) -> None:
    created = await api.create()
    await api.until_ended(created.callback_id)
    found = await call(port, "GetCallTrace", {"key": {"callbackId": created.callback_id}, "attempt": 1})
    assert (found.status, found.json) == (200, {})


async def test_who_one_is(api: Api, port: int) -> None:
    over_http = await post(port, path_of("GetIdentity", "DirectoryService"), b"{}", JSON)
    over_grpc = await api.directory.GetIdentity(directory_pb.GetIdentityRequest())
    assert over_http.json == MessageToDict(over_grpc)
    assert "GetCallTrace" in over_http.json["allowedRpcs"]

"""Bad requests of every kind: the documented code, reason and field path, and nothing stored."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_external_id, by_id, refusal_in, refusal_of
from tests.world.requests import from_now

INVALID = grpc.StatusCode.INVALID_ARGUMENT
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with the simulated dialer: phones answer, or do not, as their addresses say."""
    return replace(settings, dialer="simulated")


# What is changed in a good request (None unsets a field), and the paths of the fields that are refused then.
BAD_REQUESTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("wrong scheme", {"target": "mailto:a@b.example"}, ["target"]),
    ("empty target", {"target": ""}, ["target"]),
    ("local number", {"target": "tel:0785556677"}, ["target"]),
    ("impossible number", {"target": "tel:+4112"}, ["target"]),
    ("password in target", {"target": "sip:a:secret@b.example"}, ["target"]),
    ("256 characters of target", {"target": "sip:" + "a" * 240 + "@b.example.org"}, ["target"]),
    ("bad alternative target", {"alternative_target": "call me"}, ["alternative_target"]),
    ("151 characters of description", {"description": "é" * 151}, ["description"]),
    ("control character", {"supervisor": "a\x00b"}, ["supervisor"]),
    (
        "escaped control characters in URIs",
        {
            "target": "sip:a%00@b.example",
            "alternative_target": "sip:a@b.example;x=%0d%0a",
            "service_sip": "sip:a@b.example?h=%7F",
            "incoming_service_sip_uri": "sip:a%C2%85@b.example",
            "context_url": "https://b.example/?a=%0D%0A",
        },
        ["target", "alternative_target", "service_sip", "incoming_service_sip_uri", "context_url"],
    ),
    ("bad GUID", {"service_id": "42"}, ["service_id"]),
    ("bad service address", {"service_sip": "tel:+41785556677"}, ["service_sip"]),
    ("no service", {"service_id": None}, ["service"]),
    ("negative retries", {"max_retries": -1}, ["max_retries"]),
    ("too many retries", {"max_retries": 101}, ["max_retries"]),
    ("missing priority", {"priority": None}, ["priority"]),
    ("unknown priority", {"priority": 42}, ["priority"]),
    ("unset seconds between retries", {"seconds_between_retries": None}, ["seconds_between_retries"]),
    ("too many seconds between retries", {"seconds_between_retries": 604_801}, ["seconds_between_retries"]),
    ("due in 367 days", {"due_date": from_now(days=367)}, ["due_date"]),
    ("due date that is none", {"due_date": Timestamp(seconds=2**60)}, ["due_date"]),
    ("expired already", {"expire_time": from_now(days=-1)}, ["expire_time"]),
    ("expires before due", {"due_date": from_now(days=2), "expire_time": from_now(days=1)}, ["expire_time"]),
    ("context URL without scheme", {"context_url": "crm.example/42"}, ["context_url"]),
    ("bad incoming address", {"incoming_service_sip_uri": "sip:"}, ["incoming_service_sip_uri"]),
    ("caller with a comma", {"caller_id": "my, crm"}, ["caller_id"]),
    ("long external id", {"external_task_id": "x" * 129}, ["external_task_id"]),
    ("17 labels", {"labels": {f"k{n}": "v" for n in range(17)}}, ["labels"]),
    (
        "several at once",
        {"target": "", "priority": None, "seconds_between_retries": None, "max_retries": -1},
        ["target", "max_retries", "seconds_between_retries", "priority"],
    ),
]


def changed(request: cb.CallbackRequest, changes: dict[str, Any]) -> cb.CallbackRequest:
    for name, value in changes.items():
        if value is None:
            request.ClearField(name)  # type: ignore[arg-type]
        elif isinstance(value, Timestamp):
            getattr(request, name).CopyFrom(value)
        elif isinstance(value, dict):
            getattr(request, name).update(value)
        else:
            setattr(request, name, value)
    return request


@pytest.mark.parametrize(("changes", "fields"), [c[1:] for c in BAD_REQUESTS], ids=[c[0] for c in BAD_REQUESTS])
async def test_create(api: Api, changes: dict[str, Any], fields: list[str]) -> None:
    request = pb.CreateCallbackRequest(callback_request=changed(api.request(), changes))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.callbacks.CreateCallback(request)
    refusal = refusal_of(caught.value)
    assert (refusal.code, refusal.reason) == (INVALID, "INVALID_FIELD")
    assert list(refusal.fields) == [f"callback_request.{field}" for field in fields]
    assert await api.list_all() == []


Call = Callable[[Api], Awaitable[object]]

OTHER_CALLS: list[tuple[str, Call, grpc.StatusCode, str, tuple[str, ...]]] = [
    (
        "create for an unknown service",
        lambda api: api.create(service_id=UNKNOWN_ID),
        grpc.StatusCode.NOT_FOUND,
        "SERVICE_NOT_FOUND",
        (),
    ),
    (
        "create with a request id that is no UUID",
        lambda api: api.callbacks.CreateCallback(
            pb.CreateCallbackRequest(callback_request=api.request(), request_id="7")
        ),
        INVALID,
        "INVALID_FIELD",
        ("request_id",),
    ),
    (
        "an empty batch",
        lambda api: api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest()),
        INVALID,
        "INVALID_FIELD",
        ("requests",),
    ),
    (
        "a call with no reports",
        lambda api: api.dialers.ReportAttempts(dialer_pb.ReportAttemptsRequest()),
        INVALID,
        "INVALID_FIELD",
        ("reports",),
    ),
    (
        "a call with 1001 reports",
        lambda api: api.dialers.ReportAttempts(
            dialer_pb.ReportAttemptsRequest(reports=[dialer_pb.AttemptReport()] * 1001)
        ),
        INVALID,
        "INVALID_FIELD",
        ("reports",),
    ),
    (
        "a batch of 1001",
        lambda api: api.callbacks.BatchCreateCallbacks(
            pb.BatchCreateCallbacksRequest(requests=[pb.CreateCallbackRequest()] * 1001)
        ),
        INVALID,
        "INVALID_FIELD",
        ("requests",),
    ),
    (
        "get without a key",
        lambda api: api.callbacks.GetCallback(pb.GetCallbackRequest()),
        INVALID,
        "INVALID_FIELD",
        ("key",),
    ),
    (
        "get by a bad id",
        lambda api: api.callbacks.GetCallback(pb.GetCallbackRequest(key=by_id("7"))),
        INVALID,
        "INVALID_FIELD",
        ("key.callback_id",),
    ),
    (
        "get by an empty external id",
        lambda api: api.callbacks.GetCallback(pb.GetCallbackRequest(key=by_external_id("crm", ""))),
        INVALID,
        "INVALID_FIELD",
        ("key.external_task.external_task_id",),
    ),
    (
        "get what is not there",
        lambda api: api.get(UNKNOWN_ID),
        grpc.StatusCode.NOT_FOUND,
        "CALLBACK_NOT_FOUND",
        (),
    ),
    (
        "cancel with a bad key and 513 characters of reason",
        lambda api: api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id("7"), reason="x" * 513)),
        INVALID,
        "INVALID_FIELD",
        ("key.callback_id", "reason"),
    ),
    (
        "update of an unknown callback to a bad target and an unspecified priority, with a path that is none",
        lambda api: api.callbacks.UpdateCallback(
            pb.UpdateCallbackRequest(
                key=by_id(UNKNOWN_ID),
                callback_request=cb.CallbackRequest(target="tel:1"),
                update_mask=FieldMask(paths=["priority", "target", "colour"]),
            )
        ),
        INVALID,
        "INVALID_FIELD",
        ("update_mask", "callback_request.target", "callback_request.priority"),
    ),
    (
        "list with a negative page size and an unknown state",
        lambda api: api.callbacks.ListCallbacks(
            pb.ListCallbacksRequest(page_size=-1, filter=cb.CallbackFilter(states=[99]))  # type: ignore[list-item]
        ),
        INVALID,
        "INVALID_FIELD",
        ("filter.states[0]", "page_size"),
    ),
    (
        "list with a bad page token",
        lambda api: api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_token="AAAA")),
        INVALID,
        "PAGE_TOKEN_INVALID",
        ("page_token",),
    ),
    (
        "history of no callback, with a negative page size",
        lambda api: api.callbacks.ListCallbackEvents(pb.ListCallbackEventsRequest(page_size=-1)),
        INVALID,
        "INVALID_FIELD",
        ("key", "page_size"),
    ),
    (
        "trace of no attempt of no callback",
        lambda api: api.callbacks.GetCallTrace(pb.GetCallTraceRequest(key=by_id("7"))),
        INVALID,
        "INVALID_FIELD",
        ("key.callback_id", "attempt"),
    ),
    (
        "watch with a bad resume token",
        lambda api: api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest(resume_token="💥")).read(),
        INVALID,
        "RESUME_TOKEN_INVALID",
        ("resume_token",),
    ),
    (
        "watch in an unknown mode",
        lambda api: api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest(snapshot_mode=9)).read(),  # type: ignore[arg-type]
        INVALID,
        "INVALID_FIELD",
        ("snapshot_mode",),
    ),
    (
        "lease without a dialer id, for too long",
        lambda api: api.dialers.LeaseCallbacks(
            dialer_pb.LeaseCallbacksRequest(max_leases=101, service_ids=["x"], request_id="7")
        ),
        INVALID,
        "INVALID_FIELD",
        ("dialer_id", "service_ids[0]", "max_leases", "request_id"),
    ),
    (
        "report on an unknown lease",
        lambda api: api.dialers.ReportProgress(
            dialer_pb.ReportProgressRequest(lease_token="nonsense", progress=dialer_pb.ATTEMPT_PROGRESS_DIALING)
        ),
        grpc.StatusCode.FAILED_PRECONDITION,
        "LEASE_EXPIRED",
        (),
    ),
    (
        "create a service with nothing right",
        lambda api: api.directory.CreateService(
            directory_pb.CreateServiceRequest(
                service=directory_pb.Service(
                    sip_address="sip:a%0d%0a@x", time_zone="Mars/Base", max_concurrent_calls=-1
                )
            )
        ),
        INVALID,
        "INVALID_FIELD",
        ("service.sip_address", "service.max_concurrent_calls", "service.time_zone"),
    ),
    (
        "delete a service that is not there",
        lambda api: api.directory.DeleteService(directory_pb.DeleteServiceRequest(service_id=UNKNOWN_ID)),
        grpc.StatusCode.NOT_FOUND,
        "SERVICE_NOT_FOUND",
        (),
    ),
    (
        "a message over 32 MiB: gRPC's own refusal, without a reason",
        lambda api: api.create(description="x" * (32 * 1024 * 1024)),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "",
        (),
    ),
]


@pytest.mark.parametrize(
    ("call", "code", "reason", "fields"), [c[1:] for c in OTHER_CALLS], ids=[c[0] for c in OTHER_CALLS]
)
async def test_others(api: Api, call: Call, code: grpc.StatusCode, reason: str, fields: tuple[str, ...]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(api)
    refusal = refusal_of(caught.value)
    assert (refusal.code, refusal.reason, refusal.fields) == (code, reason, fields)
    assert await api.list_all() == []


async def test_batch_items_fail_alone(api: Api) -> None:
    good = pb.CreateCallbackRequest(callback_request=api.request())
    bad = pb.CreateCallbackRequest(callback_request=api.request(target="", priority=cb.PRIORITY_UNSPECIFIED))
    homeless = pb.CreateCallbackRequest(callback_request=api.request(service_id=UNKNOWN_ID))
    response = await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=[bad, good, homeless]))
    first, second, third = response.results
    assert refusal_in(first.error).fields == ("callback_request.target", "callback_request.priority")
    assert second.created
    assert third.error.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert [c.callback_id for c in await api.list_all()] == [second.callback_id]

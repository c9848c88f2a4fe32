"""CreateCallback and BatchCreateCallbacks: new requests, repeated requests, and validation only."""

import asyncio
from uuid import uuid4

import grpc
import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, refusal_in
from tests.world.dialer import DIALING, Dialer
from tests.world.requests import ask, from_now, ids, refused, reschedule

INVALID, EXISTS = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS
QUEUED = cb.CALLBACK_STATE_QUEUED


async def ask_all(api: Api, *requests: pb.CreateCallbackRequest) -> list[pb.CreateCallbackResult]:
    response = await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests))
    return list(response.results)


# --- Repeated requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "request_id"),
    [
        ({"caller_id": "crm", "external_task_id": "7"}, ""),
        ({}, str(uuid4())),
        ({"external_task_id": "7"}, str(uuid4())),
    ],
    ids=["external id", "request id", "both"],
)
async def test_an_equal_request_is_answered_with_the_same_callback(
    api: Api, dialer: Dialer, names: dict[str, str], request_id: str
) -> None:
    """Also after an update, and after its end."""
    request = api.request("tel:+41 78 555 66 77", labels={"a": "1", "b": "2"}, **names)
    first = await ask(api, request, request_id)
    assert (first.created, first.callback.state) == (True, QUEUED)
    again = await ask(api, request, request_id.upper())
    assert (again.created, again.callback) == (False, first.callback)
    await reschedule(
        api, first.callback, due_date=from_now(hours=-1), priority=cb.PRIORITY_HIGH, target="sip:x@y.example"
    )
    lease = await dialer.lease_one(wait_s=10)
    await dialer.report(lease, DIALING)
    ended = (await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)).callback
    again = await ask(api, request, request_id)
    assert (again.created, again.callback) == (False, ended)
    assert len(await api.list_all()) == 1


async def test_without_a_name_every_request_is_a_new_callback(api: Api) -> None:
    first, second = await ask(api, api.request()), await ask(api, api.request())
    assert (first.created, second.created) == (True, True)
    assert first.callback.callback_id < second.callback.callback_id


async def test_a_different_request_under_the_same_external_id_is_refused(api: Api) -> None:
    first = await api.create(caller_id="crm", external_task_id="7", max_retries=1)
    refusal = await refused(
        ask(api, api.request("sip:x@y.example", caller_id="crm", external_task_id="7", priority=cb.PRIORITY_LOW))
    )
    assert (refusal.code, refusal.reason) == (EXISTS, "CALLBACK_ALREADY_EXISTS")
    assert refusal.metadata["callback_id"] == first.callback_id
    assert set(refusal.metadata["differing_fields"].split(",")) == {"target", "max_retries", "priority"}
    assert await api.list_all() == [first]


async def test_external_ids_are_each_callers_own(api: Api) -> None:
    callbacks = [await ask(api, api.request(caller_id=c, external_task_id="7")) for c in ("crm", "web", "")]
    assert [c.created for c in callbacks] == [True] * 3


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("names", [{}, {"external_task_id": "8"}], ids=["request id alone", "other external id"])
async def test_a_request_id_names_one_request(api: Api, names: dict[str, str], validate_only: bool) -> None:
    request_id = str(uuid4())
    first = await ask(api, api.request(external_task_id="7" if names else ""), request_id)
    refusal = await refused(ask(api, api.request("sip:x@y.example", **names), request_id, validate_only=validate_only))
    assert (refusal.code, refusal.reason) == (INVALID, "REQUEST_ID_REUSED")
    assert refusal.metadata["callback_id"] == first.callback.callback_id


async def test_with_both_names_the_external_id_decides(api: Api) -> None:
    request = api.request(external_task_id="7")
    first = await ask(api, request, str(uuid4()))
    again = await ask(api, request, str(uuid4()))
    assert (again.created, again.callback) == (False, first.callback)


async def test_fifty_equal_requests_at_once_make_one_callback(api: Api) -> None:
    request = api.request(external_task_id="7")
    responses = await asyncio.gather(*(ask(api, request) for _ in range(50)))
    assert sum(response.created for response in responses) == 1
    assert {response.callback.callback_id for response in responses} == set(ids(await api.list_all()))


# --- Validation only -------------------------------------------------------------------------------------------


async def test_validating_stores_nothing(api: Api) -> None:
    request_id = str(uuid4())
    checked = await ask(api, api.request("tel:+41 78 555 66 77"), request_id, validate_only=True)
    assert (checked.created, checked.callback.callback_id) == (False, "")
    assert (checked.callback.dial_target, checked.callback.state) == ("tel:+41785556677", QUEUED)
    assert await api.list_all() == []
    assert (await ask(api, api.request("sip:x@y.example"), request_id)).created


async def test_validating_refuses_what_creating_refuses(api: Api) -> None:
    first = await api.create(external_task_id="7")
    bad = api.request("fax:1", external_task_id="8", description="x" * 151)
    unknown = api.request(service_id=str(uuid4()))
    other = api.request("sip:x@y.example", external_task_id="7")
    for request in (bad, unknown, other):
        refusals = [await refused(ask(api, request, validate_only=only)) for only in (True, False)]
        assert refusals[0] == refusals[1]
    repeated = await ask(api, api.request(external_task_id="7"), validate_only=True)
    assert (repeated.created, repeated.callback) == (False, first)


async def test_a_batch_answers_each_item_as_if_sent_alone_and_in_order(api: Api) -> None:
    named = api.request(external_task_id="7")
    other = api.request("sip:x@y.example", external_task_id="7")
    results = await ask_all(
        api,
        pb.CreateCallbackRequest(callback_request=named, validate_only=True),
        pb.CreateCallbackRequest(callback_request=named),
        pb.CreateCallbackRequest(callback_request=named),
        pb.CreateCallbackRequest(callback_request=named, validate_only=True),
        pb.CreateCallbackRequest(callback_request=other, validate_only=True),
        pb.CreateCallbackRequest(callback_request=other),
        pb.CreateCallbackRequest(callback_request=api.request("fax:1", priority=0)),
        pb.CreateCallbackRequest(callback_request=api.request(service_sip="sip:nobody@cc.example")),
        pb.CreateCallbackRequest(callback_request=api.request()),
    )
    [unnamed, only] = await api.list_all()
    assert [result.created for result in results] == [False, True, *[False] * 6, True]
    assert [result.callback_id for result in results] == ["", *[only.callback_id] * 3, *[""] * 4, unnamed.callback_id]
    refusals = [refusal_in(result.error) for result in results]
    assert [refusal.reason for refusal in refusals] == [
        *[""] * 4,
        "CALLBACK_ALREADY_EXISTS",
        "CALLBACK_ALREADY_EXISTS",
        "INVALID_FIELD",
        "SERVICE_NOT_FOUND",
        "",
    ]
    assert refusals[5].metadata["callback_id"] == only.callback_id
    assert set(refusals[6].fields) == {"callback_request.target", "callback_request.priority"}


@pytest.mark.parametrize("count", [0, 1001])
async def test_batches_have_their_limits(api: Api, count: int) -> None:
    refusal = await refused(ask_all(api, *[pb.CreateCallbackRequest()] * count))
    assert (refusal.code, refusal.fields) == (INVALID, ("requests",))

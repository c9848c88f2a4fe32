"""CallbackService and DirectoryService: asking, asking again, looking, changing one's mind."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.app import App
from ringback.application.callbacks.create import CreateCommand
from ringback.config import Settings
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.storage.sqlite import SqliteStore
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callback_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.v1 import error_reason_pb2 as reasons
from tests.application.scheduling.test_scheduler import MONDAY_9, World, seconds
from tests.world.api import Api, by_external_id, by_id
from tests.world.dialer import (
    CONNECTED,
    DIALING,
    Dialer,
    cancel,
    create_many,
    from_now,
    ids,
    refused,
    update_service,
)

INVALID, EXISTS = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS
PRECONDITION, NOT_FOUND = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND
SCHEDULED, QUEUED, OFFERED = cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_QUEUED, cb.CALLBACK_STATE_OFFERED
CANCELLED, COMPLETED, FAILED = cb.CALLBACK_STATE_CANCELLED, cb.CALLBACK_STATE_COMPLETED, cb.CALLBACK_STATE_FAILED


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody dials but the tests."""
    return replace(settings, dialer="none")


@pytest.fixture
async def phones(settings: Settings) -> AsyncIterator[Api]:
    """A server whose simulated dialer does."""
    async with await App.start(replace(settings, dialer="simulated")) as app, Api.connect(app.port) as api:
        await api.add_service()
        yield api


@pytest.fixture
def dialer(api: Api) -> Dialer:
    return Dialer(api)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "world.db")
    yield World(store)
    await store.close()


async def ask(
    api: Api, request: cb.CallbackRequest, request_id: str = "", *, validate_only: bool = False
) -> pb.CreateCallbackResponse:
    return await api.callbacks.CreateCallback(
        pb.CreateCallbackRequest(callback_request=request, request_id=request_id, validate_only=validate_only)
    )


async def ask_all(api: Api, *requests: pb.CreateCallbackRequest) -> list[pb.CreateCallbackResult]:
    response = await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests))
    return list(response.results)


async def reschedule(api: Api, callback: cb.Callback, **fields: Any) -> cb.Callback:
    fields.setdefault("due_date", from_now(hours=1))
    response = await api.callbacks.RescheduleCallback(
        pb.RescheduleCallbackRequest(key=by_id(callback.callback_id), **fields)
    )
    return response.callback


async def list_page(api: Api, size: int, **wanted: Any) -> pb.ListCallbacksResponse:
    return await api.callbacks.ListCallbacks(
        pb.ListCallbacksRequest(page_size=size, filter=cb.CallbackFilter(**wanted))
    )


# --- Asking again ----------------------------------------------------------------------------------------------


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
    """Also after a reschedule, and after its end."""
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


async def test_a_repetition_is_answered_although_its_expiry_has_passed_meanwhile(world: World) -> None:
    service = await world.service()
    request = CallbackRequest(
        target="sip:a@b.example",
        service_id=service.service_id,
        priority=Priority.NORMAL,
        seconds_between_retries=0,
        external_task_id="7",
        due_date=MONDAY_9 + seconds(5),
        expire_time=MONDAY_9 + seconds(10),
    )
    first = await world.callback_creation.create(CreateCommand(request))
    await world.run_until(seconds(20))
    again = await world.callback_creation.create(CreateCommand(request))
    assert (first.created, again.created) == (True, False)
    assert again.callback == await world.callback_queries.get(first.callback.callback_id)
    assert again.callback.ended


async def test_fifty_equal_requests_at_once_make_one_callback(api: Api) -> None:
    request = api.request(external_task_id="7")
    answers = await asyncio.gather(*(ask(api, request) for _ in range(50)))
    assert sum(answer.created for answer in answers) == 1
    assert {answer.callback.callback_id for answer in answers} == set(ids(await api.list_all()))


# --- Only checking ---------------------------------------------------------------------------------------------


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
    assert ids(result.callback for result in results) == ["", *[only.callback_id] * 3, *[""] * 4, unnamed.callback_id]
    assert [result.error.reason for result in results] == [
        *[0] * 4,
        reasons.ERROR_REASON_CALLBACK_ALREADY_EXISTS,
        reasons.ERROR_REASON_CALLBACK_ALREADY_EXISTS,
        reasons.ERROR_REASON_INVALID_FIELD,
        reasons.ERROR_REASON_SERVICE_NOT_FOUND,
        0,
    ]
    assert results[5].error.metadata["callback_id"] == only.callback_id
    assert {violation.field for violation in results[6].error.field_violations} == {
        "callback_request.target",
        "callback_request.priority",
    }


@pytest.mark.parametrize("count", [0, 1001])
async def test_batches_have_their_limits(api: Api, count: int) -> None:
    refusal = await refused(ask_all(api, *[pb.CreateCallbackRequest()] * count))
    assert (refusal.code, refusal.fields) == (INVALID, ("requests",))


# --- Looking ---------------------------------------------------------------------------------------------------


async def test_a_callback_is_found_by_both_keys(api: Api) -> None:
    callback = await api.create(caller_id="crm", external_task_id="7")
    for key in (by_id(callback.callback_id), by_id(callback.callback_id.upper()), by_external_id("crm", "7")):
        assert (await api.callbacks.GetCallback(pb.GetCallbackRequest(key=key))).callback == callback
    for key in (by_id(str(uuid4())), by_external_id("crm", "8"), by_external_id("", "7")):
        refusal = await refused(api.callbacks.GetCallback(pb.GetCallbackRequest(key=key)))
        assert (refusal.code, refusal.reason) == (NOT_FOUND, "CALLBACK_NOT_FOUND")


async def test_lists_are_newest_first_and_pages_as_large_as_asked_for(api: Api) -> None:
    made = [await create_many(api, (api.request() for _ in range(n))) for n in (1000, 10)]
    newest_first = ids([*made[0], *made[1]])[::-1]
    for asked, expected in ((0, 100), (1, 1), (7, 7), (1000, 1000), (5000, 1000)):
        page = await list_page(api, asked)
        assert ids(page.callbacks) == newest_first[:expected]
        assert page.next_page_token
    rest = await api.callbacks.ListCallbacks(
        pb.ListCallbacksRequest(page_size=1000, page_token=(await list_page(api, 1000)).next_page_token)
    )
    assert (ids(rest.callbacks), rest.next_page_token) == (newest_first[1000:], "")
    assert (await refused(list_page(api, -1))).fields == ("page_size",)


async def test_filters_by_each_field(api: Api) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    plain = await api.create()
    special = await api.create(
        "tel:+41785556677",
        caller_id="crm",
        external_task_id="7",
        service_id=elsewhere,
        priority=cb.PRIORITY_HIGH,
        supervisor="ines",
        labels={"campaign": "spring", "lang": "de"},
        due_date=from_now(days=1),
    )
    filters: list[dict[str, Any]] = [
        {"keys": [by_id(special.callback_id)]},
        {"keys": [by_external_id("crm", "7"), by_id(str(uuid4()))]},
        {"caller_ids": ["crm", "web"]},
        {"service_ids": [elsewhere]},
        {"states": [SCHEDULED, CANCELLED]},
        {"priorities": [cb.PRIORITY_HIGH, cb.PRIORITY_LOW]},
        {"supervisors": ["ines"]},
        {"labels": {"lang": "de"}},
        {"labels": {"lang": "de", "campaign": "spring"}},
        {"due_after": special.callback_request.due_date},
        {"dial_target": "tel: +41 78 555 66 77"},
    ]
    for wanted in filters:
        assert await api.list_all(**wanted) == [special], wanted
    everything: dict[str, Any] = {}
    for wanted in filters[:-1]:
        everything |= wanted
    everything["keys"] = [by_id(plain.callback_id), by_id(special.callback_id)]
    assert await api.list_all(**everything) == [special]
    assert await api.list_all(**{**everything, "priorities": [cb.PRIORITY_LOW]}) == []
    assert await api.list_all(labels={"lang": "de", "campaign": "autumn"}) == []
    assert await api.list_all(due_before=special.callback_request.due_date) == [plain]
    assert await api.list_all(caller_ids=[""]) == [plain]
    assert await api.list_all(service_ids=[str(uuid4())]) == []


# --- Cancelling ------------------------------------------------------------------------------------------------


async def in_state(api: Api, dialer: Dialer, state: Any, **fields: Any) -> cb.Callback:
    """A callback in this state, and everything that led to it."""
    if state == SCHEDULED:
        return await api.create(due_date=from_now(hours=2), **fields)
    callback = await api.create(max_retries=0, **fields)
    if state == CANCELLED:
        return await cancel(api, callback, "first")
    if state != QUEUED:
        lease = await dialer.lease_one()
        if state != OFFERED:
            await dialer.report(lease, DIALING)
        match state:
            case cb.CALLBACK_STATE_CANCELLING:
                await cancel(api, callback, "first")
            case cb.CALLBACK_STATE_CONNECTED:
                await dialer.report(lease, CONNECTED)
            case cb.CALLBACK_STATE_COMPLETED:
                await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)
            case cb.CALLBACK_STATE_FAILED:
                await dialer.end(lease, cb.CALL_OUTCOME_BUSY)
    callback = await api.get(callback.callback_id)
    assert callback.state == state
    return callback


@pytest.mark.parametrize("state", [SCHEDULED, QUEUED, OFFERED, cb.CALLBACK_STATE_DIALING])
async def test_cancelling_what_is_not_answered_yet(api: Api, dialer: Dialer, state: Any) -> None:
    callback = await in_state(api, dialer, state, external_task_id="7")
    cancelled = await cancel(api, callback, "served at the counter", callback.etag)
    dialing = state == cb.CALLBACK_STATE_DIALING
    assert cancelled.state == (cb.CALLBACK_STATE_CANCELLING if dialing else CANCELLED)
    assert (cancelled.cancel_reason, cancelled.HasField("cancel_time")) == ("served at the counter", True)
    assert cancelled.HasField("end_time") is not dialing
    assert cancelled.revision == callback.revision + 1
    again = await api.callbacks.CancelCallback(
        pb.CancelCallbackRequest(key=by_external_id("", "7"), reason="another", etag=callback.etag)
    )
    assert again.callback == cancelled == await api.get(callback.callback_id)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (cb.CALLBACK_STATE_CONNECTED, "CALLBACK_CONNECTED"),
        (COMPLETED, "CALLBACK_ENDED"),
        (FAILED, "CALLBACK_ENDED"),
    ],
)
async def test_cancelling_what_is_answered_or_has_ended(api: Api, dialer: Dialer, state: Any, reason: str) -> None:
    callback = await in_state(api, dialer, state)
    refusal = await refused(cancel(api, callback))
    assert (refusal.code, refusal.reason) == (PRECONDITION, reason)
    assert refusal.metadata["callback_id"] == callback.callback_id
    assert refusal.metadata["state"] == cb.CallbackState.Name(state).removeprefix("CALLBACK_STATE_")
    assert await api.get(callback.callback_id) == callback


async def test_an_old_etag_changes_nothing(api: Api) -> None:
    callback = await api.create(due_date=from_now(hours=2))
    moved = await reschedule(api, callback, etag=callback.etag)
    for attempt in (cancel(api, callback, etag=callback.etag), reschedule(api, callback, etag=callback.etag)):
        refusal = await refused(attempt)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        assert refusal.metadata["current_etag"] == moved.etag
    assert await api.get(callback.callback_id) == moved


async def test_faults_of_a_cancel(api: Api) -> None:
    request = pb.CancelCallbackRequest(key=cb.CallbackKey(), reason="x" * 513)
    assert set((await refused(api.callbacks.CancelCallback(request))).fields) == {"key", "reason"}
    unknown = cb.Callback(callback_id=str(uuid4()))
    assert (await refused(cancel(api, unknown))).reason == "CALLBACK_NOT_FOUND"
    assert (await refused(reschedule(api, unknown))).reason == "CALLBACK_NOT_FOUND"


# --- Rescheduling ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [SCHEDULED, QUEUED])
async def test_rescheduling_what_waits(api: Api, dialer: Dialer, state: Any) -> None:
    callback = await in_state(api, dialer, state, alternative_target="sip:old@b.example")
    due = from_now(hours=5)
    moved = await reschedule(
        api, callback, due_date=due, priority=cb.PRIORITY_HIGHEST, target="tel:+41 78 555 66 77", etag=callback.etag
    )
    assert (moved.state, moved.revision) == (SCHEDULED, callback.revision + 1)
    request = moved.callback_request
    assert (request.priority, request.target) == (cb.PRIORITY_HIGHEST, "tel:+41 78 555 66 77")
    assert (request.alternative_target, moved.dial_target) == ("", "tel:+41785556677")
    assert _micros(moved.next_attempt_time) == _micros(request.due_date) == _micros(due)
    # Nobody asked for an expiry: it moves along.
    assert _micros(moved.expire_time) == _micros(due) + timedelta(days=7) // timedelta(microseconds=1)
    assert await dialer.lease() == []


async def test_rescheduling_to_the_past_means_now(api: Api, dialer: Dialer) -> None:
    callback = await api.create(due_date=from_now(hours=2))
    await reschedule(api, callback, due_date=from_now(hours=-2))
    lease = await dialer.lease_one(wait_s=10)
    assert lease.callback.callback_id == callback.callback_id
    assert lease.callback.callback_request.target == callback.callback_request.target


async def test_rescheduling_beyond_an_expiry_that_was_asked_for_is_refused(api: Api) -> None:
    callback = await api.create(expire_time=from_now(hours=2))
    refusal = await refused(reschedule(api, callback, due_date=from_now(hours=3)))
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("due_date",))
    moved = await reschedule(api, callback, due_date=from_now(hours=1))
    assert moved.expire_time == callback.expire_time


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (OFFERED, "CALLBACK_IN_PROGRESS"),
        (cb.CALLBACK_STATE_DIALING, "CALLBACK_IN_PROGRESS"),
        (cb.CALLBACK_STATE_CANCELLING, "CALLBACK_IN_PROGRESS"),
        (cb.CALLBACK_STATE_CONNECTED, "CALLBACK_CONNECTED"),
        (COMPLETED, "CALLBACK_ENDED"),
        (CANCELLED, "CALLBACK_ENDED"),
    ],
)
async def test_rescheduling_what_does_not_wait(api: Api, dialer: Dialer, state: Any, reason: str) -> None:
    callback = await in_state(api, dialer, state)
    refusal = await refused(reschedule(api, callback))
    assert (refusal.code, refusal.reason) == (PRECONDITION, reason)
    assert await api.get(callback.callback_id) == callback


async def test_faults_of_a_reschedule_are_told_at_once(api: Api) -> None:
    callback = await api.create()
    refusal = await refused(reschedule(api, callback, due_date=from_now(days=367), priority=0, target="fax:1"))
    assert set(refusal.fields) == {"due_date", "priority", "target"}
    request = pb.RescheduleCallbackRequest(key=by_id(callback.callback_id))
    assert (await refused(api.callbacks.RescheduleCallback(request))).fields == ("due_date",)


# --- Whole lives -----------------------------------------------------------------------------------------------


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
        assert _micros(after.start_time) - _micros(before.end_time) >= 1_000_000


# --- Services --------------------------------------------------------------------------------------------------


async def service_of(api: Api, **key: str) -> directory_pb.Service:
    return (await api.directory.GetService(directory_pb.GetServiceRequest(**key))).service


async def delete_service(api: Api, service_id: str, etag: str = "") -> directory_pb.DeleteServiceResponse:
    return await api.directory.DeleteService(directory_pb.DeleteServiceRequest(service_id=service_id, etag=etag))


async def test_a_service_is_created_with_everything_filled_in(api: Api) -> None:
    service_id = await api.add_service("SIP:Sales@CC.example")
    service = await service_of(api, service_id=service_id.upper())
    assert service == await service_of(api, sip_address="sip:Sales@cc.example")
    assert (service.max_concurrent_calls, service.default_max_retries, service.time_zone) == (10, 3, "UTC")
    assert (service.ring_timeout, service.max_queue_time) == (Duration(seconds=30), Duration(seconds=7 * 86400))
    assert list(service.priority_weights) == [7, 6, 5, 4, 3, 2, 1]
    assert (service.first_leg, service.same_target_policy) == (
        directory_pb.FIRST_LEG_AGENT,
        directory_pb.TARGET_POLICY_ALLOW,
    )
    callback = await api.create(service_sip="sip:Sales@cc.example")
    assert callback.service_id == service_id


async def test_two_services_cannot_share_an_id_or_an_address(api: Api) -> None:
    for taken in ({"service_id": api.service_id}, {"sip_address": "sip:support@CC.example"}):
        refusal = await refused(api.add_service(**{"sip_address": "sip:new@cc.example", **taken}))
        assert (refusal.code, refusal.reason) == (EXISTS, "SERVICE_ALREADY_EXISTS")
        assert refusal.metadata["service_id"] == api.service_id
    other = await api.add_service("sip:sales@cc.example")
    refusal = await refused(update_service(api, other, sip_address="sip:support@cc.example"))
    assert (refusal.code, refusal.reason) == (EXISTS, "SERVICE_ALREADY_EXISTS")
    assert (await service_of(api, service_id=other)).sip_address == "sip:sales@cc.example"


async def test_an_update_changes_what_its_mask_names(api: Api) -> None:
    before = await service_of(api, service_id=api.service_id)
    request = directory_pb.UpdateServiceRequest(
        service=directory_pb.Service(service_id=api.service_id, paused=True, display_name="not in the mask")
    )
    request.update_mask.paths[:] = ["paused", "default_max_retries", "ring_timeout"]
    after = (await api.directory.UpdateService(request)).service
    assert (after.paused, after.default_max_retries, after.display_name) == (True, 3, "")
    assert (after.sip_address, after.create_time) == (before.sip_address, before.create_time)
    assert after.etag != before.etag
    assert after == await service_of(api, service_id=api.service_id)


async def test_a_star_replaces_the_whole_service(api: Api) -> None:
    await update_service(api, display_name="Support", priority_weights=[1] * 7, max_concurrent_calls=3)
    request = directory_pb.UpdateServiceRequest(
        service=directory_pb.Service(service_id=api.service_id, sip_address="sip:help@cc.example")
    )
    request.update_mask.paths[:] = ["*"]
    after = (await api.directory.UpdateService(request)).service
    assert (after.sip_address, after.display_name, after.max_concurrent_calls) == ("sip:help@cc.example", "", 10)
    assert list(after.priority_weights) == [7, 6, 5, 4, 3, 2, 1]
    assert (await refused(service_of(api, sip_address="sip:support@cc.example"))).reason == "SERVICE_NOT_FOUND"


@pytest.mark.parametrize("path", ["service_id", "etag", "create_time", "colour", "paused.x", ""])
async def test_masks_that_name_what_cannot_be_changed(api: Api, path: str) -> None:
    request = directory_pb.UpdateServiceRequest(service=directory_pb.Service(service_id=api.service_id, paused=True))
    request.update_mask.paths[:] = ["paused", path]
    assert (await refused(api.directory.UpdateService(request))).reason == "INVALID_FIELD"
    request.update_mask.Clear()
    assert (await refused(api.directory.UpdateService(request))).reason == "INVALID_FIELD"
    assert not (await service_of(api, service_id=api.service_id)).paused


async def test_updates_at_once_without_an_etag_all_count(api: Api) -> None:
    changes: list[dict[str, Any]] = [
        {"display_name": "Support"},
        {"max_concurrent_calls": 3},
        {"default_max_retries": 1},
        {"time_zone": "Europe/Zurich"},
    ]
    await asyncio.gather(*(update_service(api, **change) for change in changes))
    service = await service_of(api, service_id=api.service_id)
    for change in changes:
        for name, value in change.items():
            assert getattr(service, name) == value


async def test_a_change_whose_client_has_gone_meanwhile_is_known_all_the_same(
    app: App, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes while the change is being written."""
    put = app.store.put_service
    writing, gone = asyncio.Event(), asyncio.Event()

    async def put_slowly(service: Any) -> None:
        writing.set()
        await gone.wait()
        await put(service)

    monkeypatch.setattr(app.store, "put_service", put_slowly)
    request = asyncio.create_task(app.directory.update(api.service_id, "", lambda s: replace(s, display_name="first")))
    await writing.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    gone.set()
    after = await update_service(api, max_concurrent_calls=3)
    assert (after.display_name, after.max_concurrent_calls) == ("first", 3)


async def test_an_update_or_deletion_with_an_old_etag_is_refused(api: Api) -> None:
    before = await service_of(api, service_id=api.service_id)
    after = await update_service(api, etag=before.etag, paused=True)
    for attempt in (
        update_service(api, etag=before.etag, paused=False),
        delete_service(api, api.service_id, before.etag),
    ):
        refusal = await refused(attempt)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        assert refusal.metadata["current_etag"] == after.etag


async def test_a_service_in_use_cannot_be_deleted_and_one_that_is_not_is_gone(api: Api) -> None:
    callback = await api.create(due_date=from_now(hours=1), external_task_id="7")
    refusal = await refused(delete_service(api, api.service_id))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "SERVICE_IN_USE")
    assert refusal.metadata["service_id"] == api.service_id
    cancelled = await cancel(api, callback)
    await delete_service(api, api.service_id)
    for call in (api.create(), service_of(api, service_id=api.service_id), delete_service(api, api.service_id)):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (NOT_FOUND, "SERVICE_NOT_FOUND")
    assert await api.get(callback.callback_id) == cancelled
    repeated = await ask(api, callback.callback_request)
    assert (repeated.created, repeated.callback) == (False, cancelled)


async def test_services_are_listed_in_pages_by_id(api: Api) -> None:
    made = [api.service_id, *[await api.add_service(f"sip:{n}@cc.example") for n in range(4)]]
    listed: list[str] = []
    token = ""
    while not listed or token:
        page = await api.directory.ListServices(directory_pb.ListServicesRequest(page_size=2, page_token=token))
        assert len(page.services) <= 2
        listed += [service.service_id for service in page.services]
        token = page.next_page_token
    assert listed == sorted(made)
    bad = directory_pb.ListServicesRequest(page_token="x")
    assert (await refused(api.directory.ListServices(bad))).reason == "PAGE_TOKEN_INVALID"


def _micros(moment: Timestamp) -> int:
    return int(moment.ToMicroseconds())

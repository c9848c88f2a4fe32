"""CancelCallback and UpdateCallback."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, by_external_id
from tests.world.dialer import CONNECTED, DIALING, Dialer
from tests.world.requests import cancel, from_now, micros, refused, reschedule

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
SCHEDULED, QUEUED, OFFERED = cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_QUEUED, cb.CALLBACK_STATE_OFFERED
CANCELLED, COMPLETED, FAILED = cb.CALLBACK_STATE_CANCELLED, cb.CALLBACK_STATE_COMPLETED, cb.CALLBACK_STATE_FAILED


async def in_state(api: Api, dialer: Dialer, state: Any, **fields: Any) -> cb.Callback:
    """Return a callback in this state, after everything that leads to it."""
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


# --- Cancelling ------------------------------------------------------------------------------------------------


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


# --- Another due date ----------------------------------------------------------------------------------------------


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
    assert micros(moved.next_attempt_time) == micros(request.due_date) == micros(due)
    # The request sets no expiry: it moves along.
    assert micros(moved.expire_time) == micros(due) + timedelta(days=7) // timedelta(microseconds=1)
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
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("callback_request.due_date",))
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

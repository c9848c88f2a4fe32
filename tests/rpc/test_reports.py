"""ReportProgress and ReportOutcome: what a dialer may report about a call."""

from typing import Any

import grpc
import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from tests.world.api import Api
from tests.world.dialer import ANSWERED, BUSY, CONNECTED, DIALING, PATIENCE_S, RINGING, Dialer
from tests.world.requests import cancel, refused

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


async def test_a_call_reported_step_by_step(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    dialing = await dialer.report(lease, DIALING)
    assert (dialing.callback.state, dialing.callback.attempt_count) == (cb.CALLBACK_STATE_DIALING, 1)
    ringing = await dialer.report(lease, RINGING)
    assert ringing.callback.attempts[0].HasField("ring_time")
    connected = await dialer.report(lease, CONNECTED)
    assert connected.callback.state == cb.CALLBACK_STATE_CONNECTED
    ended = await dialer.end(lease, ANSWERED, sip_status=200, q850_cause=16, detail="wants an invoice")
    assert (ended.callback.state, ended.replayed) == (cb.CALLBACK_STATE_COMPLETED, False)
    [attempt] = ended.callback.attempts
    assert (attempt.number, attempt.dialer_id, attempt.outcome) == (1, "test", ANSWERED)
    assert (attempt.sip_status, attempt.q850_cause, attempt.detail) == (200, 16, "wants an invoice")
    times = [attempt.start_time, attempt.ring_time, attempt.answer_time, attempt.end_time]
    assert sorted(times, key=lambda time: time.ToNanoseconds()) == times


@pytest.mark.parametrize(
    "steps",
    [[DIALING, DIALING], [DIALING, RINGING, RINGING, DIALING], [DIALING, CONNECTED, CONNECTED, RINGING, DIALING]],
    ids=["dialing", "ringing", "connected"],
)
async def test_repeated_and_overtaken_progress_changes_nothing(api: Api, dialer: Dialer, steps: list[Any]) -> None:
    await api.create()
    lease = await dialer.lease_one()
    furthest = await dialer.report(lease, *sorted(set(steps)))
    again = await dialer.report(lease, *steps)
    assert again.callback == furthest.callback


@pytest.mark.parametrize("step", [RINGING, CONNECTED])
async def test_progress_before_dialing_is_refused(api: Api, dialer: Dialer, step: Any) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    refusal = await refused(dialer.report(lease, step))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "ATTEMPT_NOT_STARTED")
    assert refusal.metadata["callback_id"] == callback.callback_id


async def test_an_outcome_before_dialing_is_refused_and_uses_nothing(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    for outcome in (BUSY, ANSWERED):
        refusal = await refused(dialer.end(lease, outcome))
        assert (refusal.code, refusal.reason) == (PRECONDITION, "ATTEMPT_NOT_STARTED")
    assert await api.get(lease.callback.callback_id) == lease.callback


async def test_the_call_ids_of_the_legs_are_kept_with_the_attempt(api: Api, dialer: Dialer) -> None:
    callback = await api.create(max_retries=1)
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING, call_ids=["agent@pbx.example"])
    again = await dialer.report(lease, DIALING, call_ids=["agent@pbx.example"])
    assert [list(attempt.call_ids) for attempt in again.callback.attempts] == [["agent@pbx.example"]]
    await dialer.report(lease, RINGING, call_ids=["agent@pbx.example", "target@pbx.example"])
    await dialer.report(lease, CONNECTED)
    both = ["agent@pbx.example", "target@pbx.example"]
    told = await dialer.end(lease, cb.CALL_OUTCOME_MACHINE, call_ids=["recorder"])
    assert told.callback.attempts[0].call_ids == [*both, "recorder"]
    replayed = await dialer.end(lease, cb.CALL_OUTCOME_MACHINE, call_ids=["another"])
    assert (replayed.replayed, replayed.callback.attempts) == (True, told.callback.attempts)
    retry = await dialer.lease_one(wait_s=PATIENCE_S)
    await dialer.report(retry, DIALING)
    kept = await api.get(callback.callback_id)
    assert [list(attempt.call_ids) for attempt in kept.attempts] == [[*both, "recorder"], []]


async def test_a_refused_report_of_dialing_leaves_no_call_id(api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    await cancel(api, callback)
    refusal = await refused(dialer.report(lease, DIALING, call_ids=["agent@pbx.example"]))
    assert refusal.reason == "LEASE_EXPIRED"
    assert (await api.get(callback.callback_id)).attempts == []


async def test_a_repeated_outcome_is_replayed_and_another_one_conflicts(api: Api, dialer: Dialer) -> None:
    callback = await api.create(max_retries=1)
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING)
    first = await dialer.end(lease, BUSY, detail="first")
    again = await dialer.end(lease, BUSY, detail="second")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.callback.attempts[0].detail == "first"
    refusal = await refused(dialer.end(lease, ANSWERED))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "OUTCOME_CONFLICT")
    retry = await dialer.lease_one(wait_s=PATIENCE_S)
    await dialer.report(retry, DIALING)
    assert (await dialer.end(lease, BUSY)).replayed  # also while the next attempt is under way
    ended = await dialer.end(retry, BUSY)
    assert ended.callback.state == cb.CALLBACK_STATE_FAILED
    assert [attempt.number for attempt in ended.callback.attempts] == [1, 2]
    assert (await dialer.end(retry, BUSY)).callback == await api.get(callback.callback_id)


async def test_what_contradicts_an_answered_call_is_refused(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    connected = await dialer.report(lease, DIALING, CONNECTED)
    for outcome in (BUSY, cb.CALL_OUTCOME_NO_ANSWER, cb.CALL_OUTCOME_INVALID_NUMBER):
        refusal = await refused(dialer.end(lease, outcome))
        assert (refusal.code, refusal.reason) == (PRECONDITION, "OUTCOME_CONFLICT")
    assert await api.get(lease.callback.callback_id) == connected.callback


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (ANSWERED, cb.CALLBACK_STATE_COMPLETED),
        (cb.CALL_OUTCOME_INTERRUPTED, cb.CALLBACK_STATE_COMPLETED),
        (cb.CALL_OUTCOME_MACHINE, cb.CALLBACK_STATE_FAILED),
        (cb.CALL_OUTCOME_ABANDONED, cb.CALLBACK_STATE_FAILED),
    ],
)
async def test_how_an_answered_call_may_end(api: Api, dialer: Dialer, outcome: Any, state: Any) -> None:
    await api.create(max_retries=0)
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING, CONNECTED)
    assert (await dialer.end(lease, outcome)).callback.state == state


async def test_answered_out_of_dialing_passes_through_connected(api: Api, dialer: Dialer) -> None:
    changes: Any = api.callbacks.WatchCallbacks(callbacks_pb.WatchCallbacksRequest())
    await changes.read()
    await api.create()
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING)
    await dialer.end(lease, ANSWERED)
    states: list[Any] = []
    while cb.CALLBACK_STATE_COMPLETED not in states:
        states += [event.callback.state for event in (await changes.read()).events]
    assert states == [
        cb.CALLBACK_STATE_QUEUED,
        cb.CALLBACK_STATE_OFFERED,
        cb.CALLBACK_STATE_DIALING,
        cb.CALLBACK_STATE_CONNECTED,
        cb.CALLBACK_STATE_COMPLETED,
    ]


async def test_faults_of_reports(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    bad_outcome = await refused(dialer.end(lease, 0, sip_status=99, q850_cause=128, detail="x" * 513))
    assert set(bad_outcome.fields) == {"outcome", "sip_status", "q850_cause", "detail"}
    assert (await refused(dialer.report(lease, 0))).fields == ("progress",)
    assert (await refused(dialer.extend())).fields == ("lease_tokens",)
    assert (await refused(dialer.release())).fields == ("lease_tokens",)
    lease.lease_token = ""
    assert (await refused(dialer.report(lease, DIALING))).fields == ("lease_token",)


async def test_a_token_that_was_never_given_out(dialer: Dialer, api: Api) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    forged = type(lease)()
    forged.CopyFrom(lease)
    last = lease.lease_token[-2]
    forged.lease_token = lease.lease_token[:-2] + ("A" if last != "A" else "B") + lease.lease_token[-1]
    for token in (forged.lease_token, "x"):
        forged.lease_token = token
        refusal = await refused(dialer.report(forged, DIALING))
        assert (refusal.code, refusal.reason) == (PRECONDITION, "LEASE_EXPIRED")
    assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_OFFERED

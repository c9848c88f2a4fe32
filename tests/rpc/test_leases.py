"""Leases that are kept, lost and given back."""

import logging
from datetime import timedelta

import grpc
import pytest

from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1 import error_reason_pb2 as reasons
from tests.world.api import Api
from tests.world.dialer import ANSWERED, BUSY, DIALING, Dialer, let_pass
from tests.world.requests import cancel, create_many, refused

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


async def test_what_extending_says_about_each_lease(app: App, api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(4)))
    kept, dialing, released, retaken = await dialer.lease(4)
    await dialer.report(dialing, DIALING)
    await cancel(api, dialing.callback)
    await dialer.release(retaken)
    await dialer.lease_one()
    await dialer.release(released)
    tokens = [lease.lease_token for lease in (kept, dialing, released, retaken)]
    results = await dialer.extend(*tokens, "unknown", lease_s=60)
    assert [result.lease_token for result in results] == [*tokens, "unknown"]
    assert [result.lost_reason for result in results] == [
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_LEASE_EXPIRED,
        reasons.ERROR_REASON_LEASE_SUPERSEDED,
        reasons.ERROR_REASON_LEASE_EXPIRED,
    ]
    assert [result.cancel_requested for result in results] == [False, True, False, False, False]
    assert [result.HasField("expire_time") for result in results] == [True, True, False, False, False]
    assert timedelta(seconds=50) < results[0].time_to_live.ToTimedelta() <= timedelta(seconds=60)
    await let_pass(app, seconds=45)
    assert (await api.get(kept.callback.callback_id)).state == cb.CALLBACK_STATE_OFFERED


async def test_a_lapsed_lease_goes_back_and_its_late_reports_are_refused(app: App, api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lost = await dialer.lease_one()
    await let_pass(app, seconds=31)
    assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_QUEUED
    assert (await refused(dialer.report(lost, DIALING))).reason == "LEASE_EXPIRED"
    taken = await Dialer(api, "other").lease_one()
    assert (taken.callback.callback_id, taken.fencing_token) == (callback.callback_id, 2)
    refusal = await refused(dialer.report(lost, DIALING))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "LEASE_SUPERSEDED")
    assert refusal.metadata["callback_id"] == callback.callback_id
    assert (await refused(dialer.end(lost, BUSY))).reason == "LEASE_SUPERSEDED"


async def test_a_lapsed_attempt_is_interrupted_and_its_late_outcome_refused(app: App, api: Api, dialer: Dialer) -> None:
    callback = await api.create(max_retries=0)
    lost = await dialer.lease_one()
    await dialer.report(lost, DIALING)
    await let_pass(app, seconds=31)
    for outcome in (ANSWERED, cb.CALL_OUTCOME_INTERRUPTED):  # the server's own word is not a replay of the dialer's
        assert (await refused(dialer.end(lost, outcome))).reason == "LEASE_EXPIRED"
    ended = await api.get(callback.callback_id)
    assert ended.state == cb.CALLBACK_STATE_FAILED
    assert [attempt.outcome for attempt in ended.attempts] == [cb.CALL_OUTCOME_INTERRUPTED]


async def test_releasing_twice_or_too_late(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(2)))
    unused, dialing = await dialer.lease(2)
    await dialer.report(dialing, DIALING)
    results = [*await dialer.release(unused, dialing), *await dialer.release(unused)]
    assert [result.released for result in results] == [True, False, False]
    assert [result.refused_reason for result in results] == [
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_CALLBACK_IN_PROGRESS,
        reasons.ERROR_REASON_LEASE_EXPIRED,
    ]
    assert (await dialer.lease_one()).callback.callback_id == unused.callback.callback_id
    [again] = await dialer.release(unused)
    assert again.refused_reason == reasons.ERROR_REASON_LEASE_SUPERSEDED


async def test_the_log_tells_why_a_dialer_gives_back(
    api: Api, dialer: Dialer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ringback")
    callback = await api.create()
    lease = await dialer.lease_one()
    tokens = [lease.lease_token, "unknown"]
    await api.dialers.ReleaseLeases(pb.ReleaseLeasesRequest(lease_tokens=tokens, reason="the agent is at lunch"))
    told = [record.getMessage() for record in caplog.records if "at lunch" in record.getMessage()]
    assert told == [f"callback {callback.callback_id} was given back by its dialer: the agent is at lunch"]

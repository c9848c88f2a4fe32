"""ReportAttempts: many reports in one call, each taken or refused for itself."""

from typing import Any

import grpc
import pytest

from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from ringback.v1 import dialer_service_pb2 as pb
from tests.world.api import Api, Refusal, refusal_in
from tests.world.dialer import (
    ANSWERED,
    BUSY,
    CONNECTED,
    DIALING,
    PATIENCE_S,
    RINGING,
    Dialer,
    let_pass,
    outcome,
    progress,
)
from tests.world.requests import cancel, create_many, refused, update_service

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


async def leased(api: Api, dialer: Dialer, count: int, **fields: Any) -> list[pb.Lease]:
    """Create so many callbacks, and lease them."""
    request = {"max_retries": 0, **fields}
    await create_many(api, (api.request(target=f"sip:{number}@example.com", **request) for number in range(count)))
    leases = await dialer.lease(count)
    assert len(leases) == count
    return leases


def states(results: Any) -> list[str]:
    return [cb.CallbackState.Name(result.state).removeprefix("CALLBACK_STATE_") for result in results]


def reasons(results: Any) -> list[str]:
    return [refusal_in(result.error).reason for result in results]


async def test_the_lives_of_many_leases_in_one_call(api: Api, dialer: Dialer) -> None:
    changes: Any = api.callbacks.WatchCallbacks(callbacks_pb.WatchCallbacksRequest())
    await changes.read()
    leases = await leased(api, dialer, 3)
    results = await dialer.report_many(
        *(progress(lease, DIALING) for lease in leases),
        *(progress(lease, CONNECTED) for lease in leases[:2]),
        outcome(leases[0], ANSWERED, detail="wants an invoice"),
        outcome(leases[2], BUSY),
    )
    assert states(results) == [*["DIALING"] * 3, *["CONNECTED"] * 2, "COMPLETED", "FAILED"]
    assert not any(reasons(results))
    ids = [lease.callback.callback_id for lease in leases]
    assert [result.callback_id for result in results] == [*ids, *ids[:2], ids[0], ids[2]]
    assert not any(result.HasField("callback") for result in results)
    stored = [await api.get(callback_id) for callback_id in ids]
    assert states(stored) == ["COMPLETED", "CONNECTED", "FAILED"]
    assert stored[0].attempts[0].detail == "wants an invoice"
    seen: list[cb.Callback] = []
    while len(seen) < 13:
        seen += [event.callback for event in (await changes.read()).events]
    life = [callback for callback in seen if callback.callback_id == ids[0]]
    assert states(life) == ["QUEUED", "OFFERED", "DIALING", "CONNECTED", "COMPLETED"]


async def test_a_refused_report_stops_no_other_one(api: Api, dialer: Dialer) -> None:
    first, second, third = await leased(api, dialer, 3)
    unknown = pb.Lease(lease_token="nonsense")
    results = await dialer.report_many(
        progress(first, RINGING),
        progress(first, DIALING),
        outcome(second, BUSY),
        progress(unknown, DIALING),
        progress(third, DIALING),
        outcome(third, BUSY),
        outcome(third, ANSWERED),
        progress(third, CONNECTED),
    )
    assert states(results) == [
        *("UNSPECIFIED", "DIALING", "UNSPECIFIED", "UNSPECIFIED", "DIALING", "FAILED", "UNSPECIFIED", "UNSPECIFIED"),
    ]
    assert reasons(results) == [
        *("ATTEMPT_NOT_STARTED", "", "ATTEMPT_NOT_STARTED", "LEASE_EXPIRED", "", "", "OUTCOME_CONFLICT"),
        "LEASE_EXPIRED",
    ]
    refusal = refusal_in(results[0].error)
    assert (refusal.code, refusal.metadata["callback_id"]) == (PRECONDITION, first.callback.callback_id)
    assert not any(result.callback_id for result in results if result.HasField("error"))


async def test_the_whole_call_may_be_repeated(api: Api, dialer: Dialer) -> None:
    leases = await leased(api, dialer, 2)
    reports = [report for lease in leases for report in (progress(lease, DIALING), progress(lease, CONNECTED))]
    first = await dialer.report_many(*reports)
    assert states(first) == ["DIALING", "CONNECTED"] * 2
    stored = [await api.get(lease.callback.callback_id) for lease in leases]
    again = await dialer.report_many(*reports)
    assert states(again) == ["CONNECTED"] * 4  # what later progress has overtaken
    assert [await api.get(lease.callback.callback_id) for lease in leases] == stored
    ends = [outcome(lease, ANSWERED) for lease in leases]
    assert [result.replayed for result in await dialer.report_many(*ends)] == [False, False]
    assert [result.replayed for result in await dialer.report_many(*ends, *ends)] == [True] * 4


async def test_reports_of_two_leases_of_one_callback(api: Api, app: App, dialer: Dialer) -> None:
    callback = await api.create(max_retries=1)
    before = await dialer.lease_one()
    await let_pass(app, 31)  # its lease lapses
    lease = await dialer.lease_one(wait_s=PATIENCE_S)
    assert lease.callback.callback_id == callback.callback_id
    results = await dialer.report_many(progress(before, DIALING), progress(lease, DIALING), outcome(before, BUSY))
    assert reasons(results) == ["LEASE_SUPERSEDED", "", "LEASE_SUPERSEDED"]
    assert states([await api.get(callback.callback_id)]) == ["DIALING"]


async def test_a_cancelled_callback_is_told(api: Api, dialer: Dialer) -> None:
    early, late = await leased(api, dialer, 2)
    await dialer.report_many(progress(late, DIALING))
    for lease in (early, late):
        await cancel(api, lease.callback)
    not_placed, ringing, ended = await dialer.report_many(
        progress(early, DIALING), progress(late, RINGING), outcome(late, BUSY)
    )
    assert refusal_in(not_placed.error).reason == "LEASE_EXPIRED"
    assert [result.cancel_requested for result in (not_placed, ringing, ended)] == [False, True, False]
    assert states([ringing, ended]) == ["CANCELLING", "CANCELLED"]


async def test_of_a_paused_service_nothing_is_dialled(api: Api, dialer: Dialer) -> None:
    leases = await leased(api, dialer, 2)
    await update_service(api, paused=True)
    results = await dialer.report_many(*(progress(lease, DIALING) for lease in leases), outcome(leases[0], BUSY))
    assert reasons(results) == ["LEASE_EXPIRED"] * 3
    stored = [await api.get(lease.callback.callback_id) for lease in leases]
    assert [callback.attempt_count for callback in stored] == [0, 0]
    assert states(stored) == ["QUEUED", "QUEUED"]


async def test_leases_that_were_extended_since(api: Api, dialer: Dialer) -> None:
    """Extending is no event, so what is remembered of them is out of date."""
    leases = await leased(api, dialer, 3)
    await dialer.extend(*(lease.lease_token for lease in leases), lease_s=60)
    results = await dialer.report_many(*(progress(lease, DIALING) for lease in leases))
    assert states(results) == ["DIALING"] * 3


async def test_callbacks_come_when_they_are_asked_for(api: Api, dialer: Dialer) -> None:
    (lease,) = await leased(api, dialer, 1)
    results = await dialer.report_many(
        progress(lease, DIALING, call_ids=["leg@pbx.example"]), outcome(lease, BUSY), include_callbacks=True
    )
    assert states([result.callback for result in results]) == ["DIALING", "FAILED"]
    assert results[1].callback == await api.get(lease.callback.callback_id)
    assert results[0].callback.attempts[0].call_ids == ["leg@pbx.example"]


async def test_callbacks_that_do_not_fit_are_refused_before_anything_is_taken(api: Api, dialer: Dialer) -> None:
    (lease,) = await leased(api, dialer, 1, context_url="https://cc.example/" + "a" * 1000)
    reports = [progress(lease, DIALING)] * 1000
    refusal = await refused(dialer.report_many(*reports, include_callbacks=True))
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("include_callbacks",))
    assert await api.get(lease.callback.callback_id) == lease.callback
    assert states(await dialer.report_many(*reports)) == ["DIALING"] * 1000


@pytest.mark.parametrize("include_callbacks", [False, True])
async def test_faults_are_those_of_each_report(api: Api, dialer: Dialer, include_callbacks: bool) -> None:
    (lease,) = await leased(api, dialer, 1)
    nobody = pb.Lease()
    results = await dialer.report_many(
        pb.AttemptReport(),
        progress(nobody, 7),
        outcome(nobody, 0, sip_status=99, q850_cause=128, detail="x" * 513, agent="x" * 129, call_ids=["a b"]),
        progress(lease, DIALING),
        include_callbacks=include_callbacks,
    )
    faults: list[Refusal] = [refusal_in(result.error) for result in results[:3]]
    assert [fault.reason for fault in faults] == ["INVALID_FIELD"] * 3
    assert [fault.fields for fault in faults] == [
        ("report",),
        ("progress.lease_token", "progress.progress"),
        (
            *("outcome.lease_token", "outcome.outcome", "outcome.sip_status", "outcome.q850_cause"),
            *("outcome.call_ids[0]", "outcome.detail", "outcome.agent"),
        ),
    ]
    assert states(results) == [*["UNSPECIFIED"] * 3, "DIALING"]

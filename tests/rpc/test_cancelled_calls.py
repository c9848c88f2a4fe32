"""What a dialer is told of a cancel, before and during its call."""

import asyncio
from typing import Any, cast

import grpc
import pytest

from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from tests.world.api import Api, refusal_of
from tests.world.dialer import ANSWERED, BUSY, CONNECTED, DIALING, RINGING, Dialer, second_client
from tests.world.requests import cancel, create_many, refused, update_service

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


async def test_a_cancel_before_dialing_refuses_the_report(api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    assert (await cancel(api, callback)).state == cb.CALLBACK_STATE_CANCELLED
    refusal = await refused(dialer.report(lease, DIALING))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "LEASE_EXPIRED")
    assert (await api.get(callback.callback_id)).attempt_count == 0


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (ANSWERED, cb.CALLBACK_STATE_COMPLETED),
        (BUSY, cb.CALLBACK_STATE_CANCELLED),
        (cb.CALL_OUTCOME_NO_ANSWER, cb.CALLBACK_STATE_CANCELLED),
    ],
)
async def test_a_cancel_while_dialing_tells_the_dialer(api: Api, dialer: Dialer, outcome: Any, state: Any) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    assert not (await dialer.report(lease, DIALING)).cancel_requested
    assert (await cancel(api, callback, "served at the counter")).state == cb.CALLBACK_STATE_CANCELLING
    for step in (DIALING, RINGING, CONNECTED):
        assert (await dialer.report(lease, step)).cancel_requested
    [extended] = await dialer.extend(lease.lease_token)
    assert extended.cancel_requested
    ended = (await dialer.end(lease, outcome)).callback
    assert (ended.state, ended.cancel_reason) == (state, "served at the counter")


@pytest.mark.long
@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize(
    ("before", "report"),
    [
        ([], DIALING),
        ([DIALING], RINGING),
        ([DIALING], CONNECTED),
        ([DIALING], "BUSY"),
        ([DIALING], "ANSWERED"),
        ([DIALING, CONNECTED], "MACHINE"),
        ([DIALING, CONNECTED], "ANSWERED"),
    ],
    ids=str,
)
async def test_a_cancel_that_races_with_a_report(
    app: App, api: Api, dialer: Dialer, before: list[Any], report: Any, retries: int
) -> None:
    """Over two connections, some this way and some the other; whichever wins, the responses agree with the end."""
    await update_service(api, max_concurrent_calls=100)
    await create_many(
        api, (api.request(f"sip:{n}@b.example", max_retries=retries, seconds_between_retries=60) for n in range(16))
    )
    leases = await dialer.lease(16)
    for lease in leases:
        await dialer.report(lease, *before)
    async with second_client(app, api) as other:
        await asyncio.gather(*(_race(dialer, other, lease, report) for lease in leases))


async def _race(dialer: Dialer, other: Api, lease: Any, report: Any) -> None:
    outcome = cb.CallOutcome.Value(f"CALL_OUTCOME_{report}") if isinstance(report, str) else None
    reporting = dialer.report(lease, report) if outcome is None else dialer.end(lease, outcome)
    reported, cancelled = await asyncio.gather(reporting, cancel(other, lease.callback), return_exceptions=True)
    if isinstance(reported, BaseException):
        assert refusal_of(cast("Any", reported)).reason == "LEASE_EXPIRED"
        assert (report, cast("Any", cancelled).state) == (DIALING, cb.CALLBACK_STATE_CANCELLED)
    elif outcome is None:
        await dialer.end(lease, outcome := ANSWERED)
    final = await other.get(lease.callback.callback_id)
    if isinstance(cancelled, BaseException):
        assert refusal_of(cast("Any", cancelled)).reason in {"CALLBACK_CONNECTED", "CALLBACK_ENDED"}
        assert final.state != cb.CALLBACK_STATE_CANCELLED
        assert not final.HasField("cancel_time")
    elif cancelled.state == cb.CALLBACK_STATE_CANCELLED:
        assert final == cancelled
    else:
        assert cancelled.state == cb.CALLBACK_STATE_CANCELLING
        assert final.state == (cb.CALLBACK_STATE_COMPLETED if outcome == ANSWERED else cb.CALLBACK_STATE_CANCELLED)
    assert final.attempt_count == (0 if isinstance(reported, BaseException) else 1)

"""How the dialer that users copy, clients/python/dialer, reports many calls at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from clients.python.dialer.dialer import ReportRefused, Reports
from ringback.app import App
from ringback.client import insecure_channel
from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as pb
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub
from tests.world.api import Api
from tests.world.dialer import ANSWERED, BUSY, CONNECTED, DIALING, RINGING, Dialer
from tests.world.identities import RULES
from tests.world.requests import cancel, create_many


@dataclass
class CountingStub:
    """The stub of a dialer, which remembers how many reports each call had."""

    stub: Any
    counts: list[int] = field(default_factory=list)

    async def ReportAttempts(self, request: pb.ReportAttemptsRequest, timeout: float) -> pb.ReportAttemptsResponse:  # noqa: N802, ASYNC109 - as a stub has it
        self.counts.append(len(request.reports))
        response: pb.ReportAttemptsResponse = await self.stub.ReportAttempts(request, timeout=timeout)
        return response


@pytest.fixture
def stub(api: Api) -> CountingStub:
    return CountingStub(api.dialers)


def progress(lease: pb.Lease, step: Any) -> pb.AttemptReport:
    return pb.AttemptReport(progress=pb.ReportProgressRequest(lease_token=lease.lease_token, progress=step))


def outcome(lease: pb.Lease, how: Any) -> pb.AttemptReport:
    return pb.AttemptReport(outcome=pb.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=how))


async def leases(api: Api, dialer: Dialer, count: int) -> Sequence[pb.Lease]:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(count)))
    return await dialer.lease(count)


async def test_what_is_ready_at_the_same_time_goes_in_one_call(api: Api, dialer: Dialer, stub: CountingStub) -> None:
    reports = Reports(stub)

    async def call(lease: pb.Lease) -> list[Any]:
        steps = [progress(lease, DIALING), progress(lease, CONNECTED), outcome(lease, ANSWERED)]
        return [(await reports.send(step)).state for step in steps]

    states = await asyncio.gather(*(call(lease) for lease in await leases(api, dialer, 8)))
    assert states == [[cb.CALLBACK_STATE_DIALING, cb.CALLBACK_STATE_CONNECTED, cb.CALLBACK_STATE_COMPLETED]] * 8
    assert stub.counts == [8, 8, 8]


async def test_one_that_is_refused_leaves_the_others_alone(api: Api, dialer: Dialer, stub: CountingStub) -> None:
    one, other = await leases(api, dialer, 2)
    reports = Reports(stub)
    early, taken = await asyncio.gather(
        reports.send(progress(one, RINGING)), reports.send(progress(other, DIALING)), return_exceptions=True
    )
    assert isinstance(early, ReportRefused)
    assert isinstance(taken, pb.AttemptReportResult)
    assert taken.callback_id == other.callback.callback_id
    assert (await reports.send(progress(one, DIALING))).state == cb.CALLBACK_STATE_DIALING
    assert stub.counts == [2, 1]


async def test_more_than_a_call_takes_go_in_several(api: Api, dialer: Dialer, stub: CountingStub) -> None:
    [lease] = await leases(api, dialer, 1)
    reports = Reports(stub)
    await reports.send(progress(lease, DIALING))
    results = await asyncio.gather(*(reports.send(progress(lease, RINGING)) for _ in range(1001)))
    assert {result.state for result in results} == {cb.CALLBACK_STATE_DIALING}
    assert stub.counts == [1, 1000, 1]


async def test_a_cancel_is_told_with_the_next_report(api: Api, dialer: Dialer, stub: CountingStub) -> None:
    [lease] = await leases(api, dialer, 1)
    reports = Reports(stub)
    assert not (await reports.send(progress(lease, DIALING))).cancel_requested
    await cancel(api, lease.callback)
    assert (await reports.send(progress(lease, RINGING))).cancel_requested
    assert (await reports.send(outcome(lease, BUSY))).state == cb.CALLBACK_STATE_CANCELLED


async def test_a_report_that_nobody_waits_for_any_more_stops_no_other(
    api: Api, dialer: Dialer, stub: CountingStub
) -> None:
    one, other = await leases(api, dialer, 2)
    reports = Reports(stub)
    given_up = asyncio.create_task(reports.send(progress(one, DIALING)))
    sent = asyncio.create_task(reports.send(progress(other, DIALING)))
    await asyncio.sleep(0)
    given_up.cancel()
    assert (await sent).state == cb.CALLBACK_STATE_DIALING


async def test_a_call_that_is_refused_is_no_answer_to_repeat(settings: Settings) -> None:
    async with (
        await App.start(replace(settings, access=RULES)) as app,
        insecure_channel(f"127.0.0.1:{app.port}") as channel,
    ):
        reports = Reports(DialerServiceStub(channel))
        refused = (reports.send(progress(pb.Lease(lease_token="any"), DIALING)) for _ in range(2))
        first, second = await asyncio.gather(*refused, return_exceptions=True)
    assert isinstance(first, ReportRefused)
    assert "credentials" in str(first)
    assert isinstance(second, ReportRefused)

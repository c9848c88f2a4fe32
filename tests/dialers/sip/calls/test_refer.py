"""A call that the agent's phone makes itself: what its NOTIFYs mean."""

import pytest

from ringback.dialers.sip.calls.inbox import Signal
from ringback.dialers.sip.calls.refer import Referral
from ringback.dialers.sip.dialogs.leg_events import Failure, Notified
from ringback.domain.outcome import Outcome
from tests.world.sip_script import settle, until
from tests.world.sip_stage import AGENT, PLAN, TARGET, Stage, staged


async def refers(stage: Stage) -> None:
    await stage.agent_answers()
    await until(lambda: stage.agent.did[-1] == "REFER sip:target@example.com")


@pytest.mark.parametrize(
    ("lines", "outcome", "status", "told"),
    [
        (
            [b"SIP/2.0 100 Trying", b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK"],
            Outcome.ANSWERED,
            200,
            "ringing connected",
        ),
        ([b"SIP/2.0 200 OK\r\nTo: <sip:a@b>"], Outcome.ANSWERED, 200, "connected"),
        ([b"SIP/2.0 180", b"SIP/2.0 180", b"SIP/2.0 486"], Outcome.BUSY, 486, "ringing"),
        ([b"SIP/2.0 100 Trying", b"SIP/2.0 404 Not Found"], Outcome.INVALID_NUMBER, 404, ""),
        ([b"SIP/2.0 180 Ringing", b"SIP/2.0 408 Timeout"], Outcome.NO_ANSWER, 408, "ringing"),
        ([b"SIP/2.0 408 Timeout"], Outcome.UNREACHABLE, 408, ""),
        ([b"sip/2.0 603 \xff\xfe"], Outcome.DECLINED, 603, ""),
        ([b'SIP/2.0 500 Error\r\nReason: SIP;cause=500, Q.850;cause=17;text="busy"'], Outcome.BUSY, 500, ""),
        ([b"\r\nSIP/2.0 480 Away\nReason: Q.850;cause=1\n\nReason: Q.850;cause=17"], Outcome.INVALID_NUMBER, 480, ""),
        ([b"SIP/2.0 486 Busy\r\nReason: Q.850;cause=1\r\0"], Outcome.BUSY, 486, ""),
    ],
)
async def test_what_the_phone_tells(lines: list[bytes], outcome: Outcome, status: int, told: str) -> None:
    async with staged(PLAN, Referral) as stage:
        await refers(stage)
        for line in lines:
            stage.agent.says_event(Notified("active", line))
        report = await stage.report()
        assert (report.outcome, report.sip_status) == (outcome, status)
        assert stage.call.told == ["dialing", *told.split()]
        assert TARGET not in stage.by_side


async def test_the_report_has_what_the_phone_tells_of_the_response() -> None:
    async with staged(PLAN, Referral) as stage:
        await refers(stage)
        stage.agent.says_event(Notified("terminated", b"SIP/2.0 302 Moved\r\nContact: <sip:b@c>\r\nRetry-After: 7"))
        report = await stage.report()
        assert report.detail == "target: 302 Moved; Retry-After 7 s; redirected to sip:b@c, which is not followed"


async def test_only_the_call_id_that_is_on_the_network_is_reported() -> None:
    async with staged(PLAN, Referral) as stage:
        await refers(stage)
        assert stage.call.call_ids == (PLAN.agent.call_id,)


async def test_what_is_no_status_line_changes_nothing() -> None:
    async with staged(PLAN, Referral) as stage:
        await refers(stage)
        for line in (b"", b"SIP/2.0", b"SIP/2.0 99 x", b"SIP/2.0 999 x", b"\x00" * 100):
            stage.agent.says_event(Notified("active", line))
        await settle()
        assert not stage.result.done()


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (Failure(status=405), Outcome.NETWORK_FAILURE),
        (Failure(status=603), Outcome.NETWORK_FAILURE),
        (Failure(status=481), Outcome.ABANDONED),
    ],
)
async def test_a_phone_that_refuses_to_call(failure: Failure, outcome: Outcome) -> None:
    async with staged(PLAN, Referral) as stage:
        (await stage.called(AGENT)).refer_failure = failure
        await stage.agent_answers()
        assert (await stage.report()).outcome is outcome


async def test_a_phone_that_does_not_tell_the_end_may_still_ring_the_target() -> None:
    async with staged(PLAN, Referral) as stage:
        await refers(stage)
        stage.inbox.put(Signal.TOO_LONG)
        assert (await stage.report()).outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize("terminated", [True, False])
async def test_a_phone_that_leaves_without_telling_the_end(terminated: bool) -> None:
    async with staged(PLAN, Referral) as stage:
        await refers(stage)
        if terminated:
            stage.agent.says_event(Notified("terminated", b"SIP/2.0 100 Trying"))
        else:
            stage.agent.hangs_up()
        assert (await stage.report()).outcome is Outcome.INTERRUPTED

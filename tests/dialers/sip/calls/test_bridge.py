"""A call of two legs, whose peers are scripted: who is told what and when, in each order and each phase."""

import asyncio
from dataclasses import replace

import pytest

from ringback.dialers.sip.calls.inbox import Signal
from ringback.dialers.sip.calls.outcome import CallSide
from ringback.dialers.sip.calls.record import CallRecord
from ringback.dialers.sip.dialogs.leg_events import Acknowledged, Dtmf, Failure, Offered
from ringback.dialers.sip.messages.sdp import SessionDescription, direction
from ringback.domain.errors import LeaseRefused
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import HandedOver
from tests.world.sip_script import sdp, settle, until
from tests.world.sip_stage import (
    AGENT,
    AGENT_SDP,
    AGENT_SDP_2,
    PLAN,
    TARGET,
    TARGET_FIRST,
    TARGET_SDP,
    TARGET_SDP_2,
    staged,
)


def port(body: bytes) -> int:
    return SessionDescription.parse(body).media[0].port


def direction_of(body: bytes) -> str:
    return direction(SessionDescription.parse(body))


# --- The agent first -----------------------------------------------------------------------------------------------


async def test_the_agent_is_called_first_with_held_media_and_the_target_with_the_agents() -> None:
    async with staged() as stage:
        agent = await stage.called(AGENT)
        await settle()
        assert TARGET not in stage.by_side
        assert stage.call.told == []
        assert (direction_of(agent.offers[0]), port(agent.offers[0]) != 0) == ("inactive", True)
        agent.answers_with(AGENT_SDP)
        target = await stage.called(TARGET)
        assert stage.call.told == ["dialing"]
        assert stage.call.call_ids == ("agent-call", "target-call")
        assert (port(target.offers[0]), direction_of(target.offers[0])) == (4000, "sendrecv")


async def test_the_answer_of_the_target_is_offered_to_the_agent() -> None:
    async with staged() as stage:
        await stage.talks()
        assert stage.call.told == ["dialing", "ringing", "connected"]
        assert [port(offer) for offer in stage.agent.offers[1:]] == [5000]
        assert stage.target.did == ["INVITE"]
        stage.target.hangs_up(q850=16)
        report = await stage.report()
        assert (report.outcome, report.sip_status, report.q850_cause) == (Outcome.ANSWERED, 200, 16)
        assert report.detail == "target: hung up"
        assert "hang up" in stage.agent.did


async def test_each_dialog_has_its_own_origin_whose_version_rises() -> None:
    async with staged() as stage:
        await stage.talks()
        origins = [SessionDescription.parse(offer).origin for offer in stage.agent.offers]
        assert [(o.session_id, o.version) for o in origins if o] == [(1, 1), (1, 2)]
        target = SessionDescription.parse(stage.target.offers[0]).origin
        assert target is not None
        assert (target.session_id, target.version, target.address) == (2, 1, "192.0.2.9")


async def test_an_agent_that_moves_is_told_to_the_target() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).answers_with(TARGET_SDP)
        stage.agent.says.put_nowait(AGENT_SDP_2)
        stage.target.says.put_nowait(TARGET_SDP)
        await until(lambda: stage.legs.joined)
        assert [port(offer) for offer in stage.target.offers] == [4000, 4002]


async def test_sides_that_move_with_each_offer_are_given_up() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).answers_with(TARGET_SDP)
        for number in range(4):
            stage.agent.says.put_nowait(sdp(4010 + 2 * number))
            stage.target.says.put_nowait(sdp(5010 + 2 * number))
        await settle()
        assert len(stage.agent.offers) + len(stage.target.offers) <= 8


async def test_early_media_of_the_target_reach_the_agent() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        target = await stage.called(TARGET)
        target.rings(TARGET_SDP, 183)
        await until(lambda: "re-INVITE" in stage.agent.did)
        assert port(stage.agent.offers[1]) == 5000
        stage.agent.says.put_nowait(sdp(4000))
        await settle()
        target.rings(sdp(5100), 183)  # of another fork
        target.answers_with(TARGET_SDP)
        await until(lambda: stage.legs.joined)
        await settle()
        # The media are the same as before.
        assert stage.agent.did == ["INVITE", "re-INVITE"]


async def test_media_of_the_answer_that_differ_from_the_early_ones_are_told_again() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        target = await stage.called(TARGET)
        target.rings(TARGET_SDP, 183)
        await until(lambda: "re-INVITE" in stage.agent.did)
        target.answers_with(TARGET_SDP_2)  # while the first re-INVITE is under way
        await settle()
        for _ in range(2):
            stage.agent.says.put_nowait(sdp(4000))
        await until(lambda: stage.legs.joined)
        assert [port(offer) for offer in stage.agent.offers[1:]] == [5000, 5002]


async def test_an_agent_that_refuses_early_media_gets_those_of_the_answer() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        target = await stage.called(TARGET)
        target.rings(TARGET_SDP, 183)
        stage.agent.says.put_nowait(Failure(status=488))
        await settle()
        target.answers_with(TARGET_SDP)
        stage.agent.says.put_nowait(sdp(4000))
        await until(lambda: stage.legs.joined)
        await settle()
        assert not stage.result.done()


async def test_a_refusal_of_early_media_that_crosses_the_answer_abandons_nobody() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        target = await stage.called(TARGET)
        target.rings(TARGET_SDP, 183)
        await until(lambda: "re-INVITE" in stage.agent.did)
        target.answers_with(TARGET_SDP)
        stage.agent.says.put_nowait(Failure(status=488))
        stage.agent.says.put_nowait(sdp(4000))
        await until(lambda: stage.legs.joined)
        await settle()
        assert not stage.result.done()


async def test_early_media_that_are_not_wanted_stay_with_the_target() -> None:
    async with staged(replace(PLAN, early_media=False)) as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).rings(TARGET_SDP, 183)
        await settle()
        assert stage.agent.did == ["INVITE"]


async def test_an_answer_without_media_has_those_of_the_provisional_response() -> None:
    async with staged() as stage:
        (await stage.called(AGENT)).rings(AGENT_SDP, 183)
        stage.agent.answers_with(None)
        target = await stage.called(TARGET)
        assert port(target.offers[0]) == 4000


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (Failure(status=486), Outcome.BUSY),
        (Failure(status=500, q850=1), Outcome.INVALID_NUMBER),
        (Failure(ring_timed_out=True, rang=True), Outcome.NO_ANSWER),
        (Failure(ring_timed_out=True), Outcome.UNREACHABLE),
    ],
)
async def test_a_target_that_does_not_answer_frees_the_agent(failure: Failure, outcome: Outcome) -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).refuses(failure)
        assert (await stage.report()).outcome is outcome


@pytest.mark.parametrize("failure", [Failure(status=486), Failure(ring_timed_out=True, rang=True), Failure(status=503)])
async def test_an_agent_that_does_not_answer_uses_no_attempt(failure: Failure) -> None:
    async with staged() as stage:
        (await stage.called(AGENT)).refuses(failure)
        ended = await stage.not_dialled()
        assert ended.agents_unavailable
        assert ended.reason.startswith("agent: ")


@pytest.mark.parametrize("body", [None, b"no session", sdp(0)])
async def test_an_agent_without_media_uses_no_attempt(body: bytes | None) -> None:
    async with staged() as stage:
        (await stage.called(AGENT)).answers_with(body)
        assert (await stage.not_dialled()).agents_unavailable


async def test_an_agent_that_hangs_up_at_once_uses_no_attempt() -> None:
    async with staged() as stage:
        agent = await stage.called(AGENT)
        agent.answers_with(AGENT_SDP)
        agent.hangs_up()
        stage.call.may_dial = False  # if it came to that
        await until(lambda: AGENT in stage.inbox.ended or stage.result.done())
        await asyncio.wait({stage.result})
        assert TARGET not in stage.by_side


async def test_a_cancel_while_the_agent_rings_uses_no_attempt() -> None:
    async with staged() as stage:
        await stage.called(AGENT)
        stage.call.hang_up.set()
        assert not (await stage.not_dialled()).agents_unavailable


async def test_a_cancel_while_the_agent_cannot_even_be_called() -> None:
    """Names are looked up, or a connection is made, before an INVITE leaves."""
    async with staged() as stage:
        await until(lambda: AGENT in stage.by_side)
        stage.agent.may_leave.clear()
        await settle()
        assert stage.agent.did == []
        stage.call.hang_up.set()
        await stage.not_dialled()


async def test_a_target_that_may_not_be_dialled_any_more_is_not() -> None:
    async with staged() as stage:
        stage.call.may_dial = False
        await stage.agent_answers()
        with pytest.raises(LeaseRefused):
            await stage.ended()
        assert TARGET not in stage.by_side


async def test_an_agent_that_hangs_up_while_the_target_rings_has_abandoned_it() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).rings()
        stage.agent.hangs_up()
        report = await stage.report()
        assert (report.outcome, report.detail) == (Outcome.ABANDONED, "agent: hung up while the target was called")
        assert "connected" not in stage.call.told


async def test_a_cancel_while_the_target_rings() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).rings()
        await settle()
        stage.call.hang_up.set()
        assert (await stage.report()).outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize("failure", [Failure(status=488), Failure(status=481), Failure(status=503)])
async def test_an_agent_that_refuses_the_media_of_the_target_has_abandoned_it(failure: Failure) -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).answers_with(TARGET_SDP)
        stage.agent.says.put_nowait(failure)
        assert (await stage.report()).outcome is Outcome.ABANDONED
        assert stage.call.told == ["dialing", "connected"]


async def test_an_agent_that_is_gone_when_the_target_answers_has_abandoned_it() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).answers_with(TARGET_SDP)
        await until(lambda: "re-INVITE" in stage.agent.did)
        stage.agent.hangs_up()
        assert (await stage.report()).outcome is Outcome.ABANDONED


@pytest.mark.parametrize("body", [None, b"no session", sdp(0)])
async def test_a_target_that_answers_without_media(body: bytes | None) -> None:
    async with staged() as stage:
        await stage.agent_answers()
        (await stage.called(TARGET)).answers_with(body)
        assert (await stage.report()).outcome is Outcome.ABANDONED
        assert stage.call.told == ["dialing", "connected"]


# --- The target first ----------------------------------------------------------------------------------------------


async def test_the_target_first() -> None:
    async with staged(TARGET_FIRST) as stage:
        target = await stage.called(TARGET)
        assert stage.call.told == ["dialing"]
        assert direction_of(target.offers[0]) == "inactive"
        target.rings()
        target.answers_with(sdp(5000, direction="inactive"))
        agent = await stage.called(AGENT)
        assert stage.call.told == ["dialing", "ringing", "connected"]
        assert (port(agent.offers[0]), direction_of(agent.offers[0])) == (5000, "sendrecv")
        agent.answers_with(AGENT_SDP_2)
        target.says.put_nowait(sdp(5000))
        await until(lambda: stage.legs.joined)
        assert port(target.offers[1]) == 4002


@pytest.mark.parametrize("failure", [Failure(status=486), Failure(ring_timed_out=True, rang=True)])
async def test_a_target_that_answered_before_an_agent_did_is_abandoned(failure: Failure) -> None:
    async with staged(TARGET_FIRST) as stage:
        (await stage.called(TARGET)).answers_with(TARGET_SDP)
        (await stage.called(AGENT)).refuses(failure)
        report = await stage.report()
        assert report.outcome is Outcome.ABANDONED
        assert report.detail.startswith("agent: ")


async def test_a_target_that_hangs_up_while_the_agent_rings_was_abandoned() -> None:
    async with staged(TARGET_FIRST) as stage:
        (await stage.called(TARGET)).answers_with(TARGET_SDP)
        await stage.called(AGENT)
        stage.target.hangs_up()
        assert (await stage.report()).outcome is Outcome.ABANDONED


async def test_a_busy_target_first() -> None:
    async with staged(TARGET_FIRST) as stage:
        (await stage.called(TARGET)).refuses(Failure(status=486))
        assert (await stage.report()).outcome is Outcome.BUSY
        assert AGENT not in stage.by_side


# --- While they talk -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", CallSide)
async def test_hold_is_forwarded(side: CallSide) -> None:
    async with staged() as stage:
        await stage.talks()
        leg, other = stage.by_side[side], stage.by_side[side.other]
        held = sdp(4000 if side is AGENT else 5000, direction="sendonly")
        offers = len(other.offers)
        leg.says_event(Offered(held))
        await until(lambda: len(other.offers) > offers)
        assert direction_of(other.offers[-1]) == "sendonly"
        other.says.put_nowait(sdp(5000 if side is AGENT else 4000, direction="recvonly"))
        await until(lambda: leg.did[-1] == "answer")
        assert direction_of(leg.answers[-1]) == "recvonly"


async def test_a_refused_offer_changes_nothing() -> None:
    async with staged() as stage:
        await stage.talks()
        stage.agent.says_event(Offered(sdp(4100)))
        await until(lambda: stage.target.did[-1] == "re-INVITE")
        stage.target.says.put_nowait(Failure(status=488))
        await until(lambda: stage.agent.did[-1] == "refuse 488")
        assert stage.legs.joined
        assert not stage.result.done()


@pytest.mark.parametrize(
    ("status", "passed_on"), [(488, 488), (491, 491), (606, 606), (481, 488), (503, 488), (0, 488)]
)
async def test_a_refusal_that_would_end_the_other_dialog_is_not_passed_on(status: int, passed_on: int) -> None:
    async with staged() as stage:
        await stage.talks()
        stage.agent.says_event(Offered(sdp(4100)))
        stage.target.says.put_nowait(Failure(status=status))
        await until(lambda: stage.agent.did[-1] == f"refuse {passed_on}")


async def test_one_offer_at_a_time() -> None:
    async with staged() as stage:
        await stage.talks()
        stage.agent.says_event(Offered(sdp(4100)))
        await until(lambda: stage.target.did[-1] == "re-INVITE")
        stage.target.says_event(Offered(sdp(5100)))
        await until(lambda: stage.target.did[-1] == "refuse 491")
        stage.target.says.put_nowait(TARGET_SDP)
        await until(lambda: stage.agent.did[-1] == "answer")


async def test_a_withdrawn_offer_is_taken_back_from_the_other_side() -> None:
    async with staged() as stage:
        await stage.talks()
        stage.agent.accepts_answers = False
        stage.agent.says_event(Offered(sdp(4100)))
        for _ in range(2):
            stage.target.says.put_nowait(TARGET_SDP)
        await until(lambda: len(stage.target.offers) == 3)
        assert [port(offer) for offer in stage.target.offers] == [4000, 4100, 4000]


async def test_an_offer_that_is_no_session_is_refused() -> None:
    async with staged() as stage:
        await stage.talks()
        stage.agent.says_event(Offered(b"v=broken"))
        await until(lambda: stage.agent.did[-1] == "refuse 400")


async def test_a_request_for_an_offer_gets_the_media_of_the_other_side() -> None:
    async with staged() as stage:
        await stage.talks()
        offered = Offered(None)
        stage.agent.says_event(offered)
        await until(lambda: stage.agent.did[-1] == "answer")
        assert port(stage.agent.answers[-1]) == 5000
        stage.agent.says_event(Acknowledged(offered, sdp(4000)))
        await settle()
        assert stage.target.did == ["INVITE"]
        stage.agent.says_event(Acknowledged(offered, sdp(4200)))
        await until(lambda: stage.target.did[-1] == "re-INVITE")
        assert port(stage.target.offers[-1]) == 4200


async def test_an_offer_while_the_other_side_rings_is_answered_here() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        await stage.called(TARGET)
        stage.agent.says_event(Offered(sdp(4300)))
        await until(lambda: stage.agent.did[-1] == "answer")
        stage.target.answers_with(TARGET_SDP)
        stage.agent.says.put_nowait(sdp(4300))
        stage.target.says.put_nowait(TARGET_SDP)
        await until(lambda: stage.legs.joined)
        assert port(stage.target.offers[-1]) == 4300


async def test_digits_are_forwarded() -> None:
    async with staged() as stage:
        await stage.talks()
        stage.target.says_event(Dtmf("application/dtmf-relay", b"Signal=5"))
        await until(lambda: stage.agent.did[-1] == "INFO Signal=5")


async def test_a_phone_that_floods_this_dialer_does_not_flood_the_other_phone() -> None:
    async with staged() as stage:
        await stage.talks()
        before = len(stage.agent.did)
        for _ in range(1000):
            stage.target.says_event(Dtmf("application/dtmf-relay", b"Signal=5"))
            stage.target.says_event(Offered(None))
        stage.target.says_event(Offered(b"the last one"))
        await until(lambda: len(stage.target.did) >= 1002)
        assert len(stage.agent.did) - before <= 25
        assert stage.target.did.count("answer") <= 6
        assert not stage.result.done()


@pytest.mark.parametrize(("by_peer", "how"), [(True, "hung up"), (False, "was lost")])
@pytest.mark.parametrize("side", CallSide)
async def test_the_end_of_one_side_is_that_of_the_other(side: CallSide, by_peer: bool, how: str) -> None:
    async with staged() as stage:
        await stage.talks()
        stage.by_side[side].hangs_up(by_peer=by_peer)
        report = await stage.report()
        assert (report.outcome, report.detail) == (Outcome.ANSWERED, f"{side}: {how}")
        assert "hang up" in stage.by_side[side.other].did


@pytest.mark.parametrize("signal", [Signal.TOO_LONG, Signal.HANG_UP])
async def test_what_ends_a_conversation_from_outside(signal: Signal) -> None:
    async with staged() as stage:
        await stage.talks()
        stage.inbox.put(signal)
        assert (await stage.report()).outcome is Outcome.ANSWERED


async def test_both_legs_are_probed() -> None:
    async with staged() as stage:
        await stage.talks()
        stage.inbox.put(Signal.PROBE)
        await until(lambda: stage.agent.did[-1] == stage.target.did[-1] == "OPTIONS")


# --- The server stops ----------------------------------------------------------------------------------------------


async def test_an_agent_that_still_rings_is_let_go() -> None:
    async with staged() as stage:
        await stage.called(AGENT)
        stage.inbox.put(Signal.DRAIN)
        assert not (await stage.not_dialled()).agents_unavailable


async def test_an_agent_that_answers_a_server_that_stops_is_let_go() -> None:
    async with staged() as stage:
        agent = await stage.called(AGENT)
        agent.answers_with(AGENT_SDP)
        await asyncio.sleep(0)  # now it is the first in the inbox
        stage.inbox.put(Signal.DRAIN)
        await stage.not_dialled()


async def test_a_target_that_rings_may_answer_until_the_time_is_over() -> None:
    async with staged() as stage:
        await stage.agent_answers()
        await stage.called(TARGET)
        stage.inbox.put(Signal.DRAIN)
        await settle()
        assert not stage.result.done()
        stage.inbox.put(Signal.DRAINED)
        assert (await stage.report()).outcome is Outcome.INTERRUPTED


async def test_a_conversation_is_handed_over() -> None:
    async with staged() as stage:
        await stage.talks()
        stage.inbox.put(Signal.DRAINED)
        assert isinstance(await stage.ended(), HandedOver)


# --- What is kept --------------------------------------------------------------------------------------------------


async def test_each_leg_is_kept_before_it_is_called_and_the_media_once_joined() -> None:
    async with staged() as stage:
        await stage.called(AGENT)
        first = CallRecord.decode(stage.call.kept[0])
        assert first.agent is not None
        assert first.target is None
        await stage.talks()
        last = CallRecord.decode(stage.call.kept[-1])
        assert last.joined
        assert last.connected_at == 1_000_000.0
        assert last.agent is not None
        assert last.target is not None
        assert port(last.agent.sent.encode()) == 5000
        assert len(stage.call.kept[-1]) < 1200


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"format": 2, "contact": ""}', b"\xff"])
def test_what_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        CallRecord.decode(body)

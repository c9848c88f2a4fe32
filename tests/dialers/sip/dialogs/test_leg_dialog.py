"""A leg that was answered: what the peer does, what is requested of it, and how each of both ends."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from ringback.dialers.sip.dialogs.leg_events import (
    Acknowledged,
    Dtmf,
    Failure,
    HungUp,
    LegEvent,
    Notified,
    Offered,
)
from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import Headers, Request, Response, encode
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind
from tests.world.sip_peer import ANSWER, OFFER, SDP, Dialog, Scene, scene
from tests.world.skipping_loop import skipping

CREDENTIALS = SipCredentials("ringback", "secret")
CHALLENGE = ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
HELD = ANSWER.replace(b"4000", b"4002")
GONE_STATUSES = [408, 481]


async def ended(table: Scene) -> bool:
    """Return whether the peer gets a BYE, and then nothing is left."""
    table.peer.respond(await table.peer.expect("BYE"), 200)
    await asyncio.wait_for(table.leg.closed(), 0.1)
    return await table.is_empty_in_the_end()


def offered(event: LegEvent) -> Offered:
    assert isinstance(event, Offered), event
    return event


def now() -> float:
    return asyncio.get_running_loop().time()


# --- The peer hangs up -----------------------------------------------------------------------------------------


@skipping
async def test_the_peer_hangs_up() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.request("BYE", [("Reason", 'SIP;cause=200;text="x", Q.850;cause=16;text="Normal"')])
        await table.peer.expect_status(200)
        assert await table.event() == HungUp(by_peer=True, q850=16, reason="Normal")
        await asyncio.wait_for(table.leg.closed(), 0.1)
        table.leg.hang_up()
        assert await table.leg.reinvite(OFFER) == Failure(status=481, reason="Call/Transaction Does Not Exist")
        assert not await table.leg.probe()
        assert await table.leg.refer("sip:x@192.0.2.7") == Failure(status=481, reason="Call/Transaction Does Not Exist")
        table.leg.send_info("application/dtmf", b"1")
        dialog.request("INFO")
        await table.peer.expect_status(481)
        assert await table.is_empty_in_the_end()
        dialog.request("BYE")
        await table.peer.expect_status(481)


@skipping
async def test_a_bye_ends_the_call_whatever_it_requires() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.request("BYE", [("Require", "nonsense")])
        await table.peer.expect_status(200)
        assert await table.event() == HungUp(by_peer=True)


@skipping
async def test_a_bye_that_crosses_a_bye_is_answered() -> None:
    async with scene() as table:
        dialog = await table.answered()
        table.leg.hang_up()
        bye = await table.peer.expect("BYE")
        dialog.request("BYE")
        await table.peer.expect_status(200)
        table.peer.respond(bye, 481)
        assert await table.event() == HungUp(by_peer=False, q850=16)
        await asyncio.wait_for(table.leg.closed(), 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_a_bye_that_crosses_a_cancel_is_answered() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180)
        await table.event()
        table.leg.hang_up()
        cancel = await table.peer.expect("CANCEL")
        table.peer.respond(invite, 200, body=ANSWER)
        await table.peer.expect("ACK")
        bye = await table.peer.expect("BYE")
        Dialog(table.peer, invite, "theirs").request("BYE")
        await table.peer.expect_status(200)
        table.peer.respond(cancel, 481)
        table.peer.respond(bye, 481)
        await asyncio.wait_for(table.leg.closed(), 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_a_bye_of_a_fork_that_has_lost_is_answered() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 200, body=ANSWER, tag="one")
        await table.peer.expect("ACK")
        table.peer.respond(invite, 200, body=ANSWER, tag="two")
        await table.peer.expect("ACK")
        await table.peer.expect("BYE")
        two = Dialog(table.peer, invite, "two")
        two.request("INFO")
        await table.peer.expect_status(481)
        two.request("BYE")
        await table.peer.expect_status(200)
        Dialog(table.peer, invite, "three").request("BYE")
        await table.peer.expect_status(481)
        await table.event()
        assert table.leg.answered
        assert not table.leg._line.over.is_set()


@skipping
async def test_a_reason_of_any_text_ends_the_leg() -> None:
    async with scene() as table:
        await table.answered()
        table.leg.hang_up(q850=21, reason='a\r\nVia: "x"')
        bye = await table.peer.expect("BYE")
        assert bye.headers.get("Reason") == 'Q.850;cause=21;text="a\ufffd\ufffdVia: \\"x\\""'


@pytest.mark.parametrize("status", [200, 481, 500, 403, 407, None])
@skipping
async def test_whatever_is_said_to_our_bye_the_leg_is_over(status: int | None) -> None:
    async with scene() as table:
        await table.answered()
        table.leg.hang_up()
        hung_up_at = now()
        bye = await table.peer.expect("BYE")
        if status is not None:
            table.peer.respond(bye, status)
        await table.leg.closed()
        assert now() - hung_up_at <= (32 if status is None else 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_a_bye_that_cannot_leave_is_tried_again() -> None:
    """A proxy that is restarted refuses connections for some seconds. The peer's phone must not stay in the call."""
    async with scene() as table:
        await table.answered()
        table.leg.hang_up()
        for pause_s in (1, 2, 4):
            await table.peer.expect("BYE")
            failed_at = now()
            table.air.refuse()
            await asyncio.sleep(pause_s - 0.1)
            assert table.peer.is_quiet()
            assert now() == pytest.approx(failed_at + pause_s - 0.1)
        bye = await table.peer.expect("BYE")
        table.peer.respond(bye, 503)
        bye = await table.peer.expect("BYE")
        assert bye.headers.get("CSeq") == "6 BYE"
        table.peer.respond(bye, 200)
        await asyncio.wait_for(table.leg.closed(), 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_a_bye_that_can_never_leave_is_given_up() -> None:
    async with scene() as table:
        await table.answered()
        table.leg.hang_up()
        refusing = asyncio.ensure_future(table.refuse_everything())
        await table.leg.closed()
        assert now() <= 32
        await asyncio.sleep(200)
        assert table.peer.requests().count("BYE") < 10
        assert not len(table.dialogs)
        refusing.cancel()


# --- Challenges at any time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "BYE", "OPTIONS", "REFER", "INFO"])
@skipping
async def test_a_challenge_is_answered_at_any_time_of_a_dialog(method: str) -> None:
    async with scene(credentials=CREDENTIALS) as table:
        await table.answered()
        work: dict[str, Any] = {
            "INVITE": lambda: table.leg.reinvite(OFFER),
            "OPTIONS": table.leg.probe,
            "REFER": lambda: table.leg.refer("sip:target@192.0.2.77"),
        }
        done = asyncio.ensure_future(work[method]()) if method in work else None
        if method == "BYE":
            table.leg.hang_up()
        elif method == "INFO":
            table.leg.send_info("application/dtmf", b"1")
        first = await table.peer.expect(method)
        table.peer.respond(first, 407, [CHALLENGE])
        if method == "INVITE":
            await table.peer.expect("ACK")
        second = await table.peer.expect(method)
        assert second.headers.get("CSeq") == f"3 {method}"
        assert "nc=00000001" in (second.headers.get("Proxy-Authorization") or "")
        table.peer.respond(second, 200, body=ANSWER if method == "INVITE" else b"")
        if method == "INVITE":
            ack = await table.peer.expect("ACK")
            assert ack.headers.get("CSeq") == "3 ACK"
            assert ack.headers.get("Proxy-Authorization") == second.headers.get("Proxy-Authorization")
        if done is not None:
            assert await done == {"INVITE": ANSWER, "OPTIONS": True, "REFER": None}[method]
        if method != "BYE":
            table.leg.hang_up()
            bye = await table.peer.expect("BYE")
            assert "nc=00000002" in (bye.headers.get("Proxy-Authorization") or "")
            stale = ("Proxy-Authenticate", 'Digest realm="r", nonce="later", qop="auth", stale=true')
            table.peer.respond(bye, 407, [stale])
            assert 'nonce="later"' in ((await table.peer.expect("BYE")).headers.get("Proxy-Authorization") or "")


# --- The way of requests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record_route", "way", "uri", "routes"),
    [
        (
            "<sip:192.0.2.62;lr>, <sip:192.0.2.61:5062;lr>",
            "192.0.2.61:5062",
            "sip:phone@192.0.2.9",
            ["<sip:192.0.2.61:5062;lr>", "<sip:192.0.2.62;lr>"],
        ),
        (
            "<sip:192.0.2.62;lr>, <sip:192.0.2.61:5062>",
            "192.0.2.61:5062",
            "sip:192.0.2.61:5062",
            ["<sip:192.0.2.62;lr>", "<sip:phone@192.0.2.9>"],
        ),
        ("<sip:192.0.2.61>", "192.0.2.61:5060", "sip:192.0.2.61", ["<sip:phone@192.0.2.9>"]),
    ],
)
@skipping
async def test_requests_go_by_the_proxies_of_the_2xx(record_route: str, way: str, uri: str, routes: list[str]) -> None:
    async with scene(routes=("<sip:192.0.2.5;lr>",)) as table:
        await table.answered(headers=[("Record-Route", record_route)])
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        invite = await table.peer.expect("INVITE")
        table.peer.respond(invite, 200, body=ANSWER)
        ack = await table.peer.expect("ACK")
        await answer
        table.leg.hang_up()
        bye = await table.peer.expect("BYE")
        for request in (invite, ack, bye):
            assert request.uri == uri
            assert request.headers.values("Route") == routes
        assert [f"{to.address}:{to.port}" for to in table.peer.destinations] == ["192.0.2.5:5060", *4 * [way]]


# --- Our re-INVITE ---------------------------------------------------------------------------------------------


@skipping
async def test_a_reinvite_brings_the_answer_and_refreshes_the_target() -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        invite = await table.peer.expect("INVITE")
        assert invite.headers.get("CSeq") == "2 INVITE"
        assert invite.headers.get("Contact") == "<sip:ringback@192.0.2.1:5060>"
        assert invite.body == OFFER
        table.peer.respond(invite, 100)
        table.peer.respond(invite, 200, body=HELD, contact="<sip:phone@198.51.100.3>")
        ack = await table.peer.expect("ACK")
        assert ack.uri == "sip:phone@198.51.100.3"
        assert await answer == HELD
        table.peer.respond(invite, 200, body=HELD, contact="<sip:phone@198.51.100.3>")  # its ACK was lost
        await asyncio.sleep(0.1)
        assert [data[:3] for _, data in table.air.log].count(b"ACK") == 3
        table.leg.hang_up()
        assert await ended(table)


@skipping
async def test_reinvites_go_one_after_the_other() -> None:
    async with scene() as table:
        await table.answered()
        answers = [asyncio.ensure_future(table.leg.reinvite(OFFER)) for _ in range(2)]
        for number in (2, 3):
            invite = await table.peer.expect("INVITE")
            assert invite.headers.get("CSeq") == f"{number} INVITE"
            await asyncio.sleep(1)
            table.peer.respond(invite, 200, body=ANSWER)
            await table.peer.expect("ACK")
        assert await asyncio.gather(*answers) == [ANSWER, ANSWER]


@skipping
async def test_glare_of_ours_is_tried_again_after_a_pause_of_the_owner_of_the_call_id() -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        refused_at: list[float] = []
        for _ in range(4):
            invite = await table.peer.expect("INVITE")
            table.peer.respond(invite, 491)
            await table.peer.expect("ACK")
            refused_at.append(now())
        invite = await table.peer.expect("INVITE")
        table.peer.respond(invite, 200, body=ANSWER)
        assert all(2.1 <= later - earlier <= 4.0 for earlier, later in pairwise([*refused_at, now()]))
        await table.peer.expect("ACK")
        assert await answer == ANSWER


@skipping
async def test_glare_without_end_is_given_up() -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        for _ in range(5):
            table.peer.respond(await table.peer.expect("INVITE"), 491)
            await table.peer.expect("ACK")
        assert await answer == Failure(status=491, reason="Request Pending")


@skipping
async def test_glare_of_the_peer_is_refused_and_its_own_offer_comes_first() -> None:
    """Both have sent a re-INVITE: ours waits longer, and finds the peer's offer there."""
    async with scene() as table:
        dialog = await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        ours = await table.peer.expect("INVITE")
        theirs = dialog.offer(HELD)
        refusal = await table.peer.expect_status(491)
        dialog.ack(theirs, refusal)
        table.peer.respond(ours, 491)
        await table.peer.expect("ACK")
        await asyncio.sleep(1)
        again = dialog.offer(HELD)
        event = offered(await table.event())
        assert event.sdp == HELD
        await asyncio.sleep(1)
        assert table.leg.answer(event, ANSWER)
        response = await table.peer.expect_status(200)
        await asyncio.sleep(1)
        assert not answer.done()  # section 14.1: not before the ACK
        dialog.ack(again, response)
        table.peer.respond(await table.peer.expect("INVITE"), 200, body=ANSWER)
        assert await answer == ANSWER


@skipping
async def test_an_offer_of_the_peer_that_is_refused_lets_ours_go_on_at_once() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.offer(HELD)
        event = offered(await table.event())
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        await asyncio.sleep(1)
        table.leg.refuse(event, 491)
        await table.peer.expect_status(491)
        table.peer.respond(await table.peer.expect("INVITE"), 200, body=ANSWER)
        assert await answer == ANSWER
        assert now() < 2


@skipping
async def test_an_offer_of_the_peer_that_nobody_answers_fails_ours() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.offer(HELD)
        await table.event()
        assert await table.leg.reinvite(OFFER) == Failure(status=491, reason="Request Pending")
        assert now() == pytest.approx(5, abs=0.1)


@skipping
async def test_a_peer_that_is_busy_with_an_offer_says_when() -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        table.peer.respond(await table.peer.expect("INVITE"), 500, [("Retry-After", "7")])
        await table.peer.expect("ACK")
        refused_at = now()
        table.peer.respond(await table.peer.expect("INVITE"), 200, body=ANSWER)
        assert now() - refused_at == pytest.approx(7)
        assert await answer == ANSWER


@pytest.mark.parametrize("status", [488, 403, 500, 503, 302])
@skipping
async def test_a_refused_reinvite_leaves_the_call_as_it_was(status: int) -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        table.peer.respond(await table.peer.expect("INVITE"), status)
        await table.peer.expect("ACK")
        failure = await answer
        assert isinstance(failure, Failure)
        assert failure.status == status
        assert not table.leg._line.over.is_set()
        table.leg.hang_up()
        assert await ended(table)


@pytest.mark.parametrize("status", GONE_STATUSES)
@skipping
async def test_a_reinvite_finds_that_the_dialog_is_gone(status: int) -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        table.peer.respond(await table.peer.expect("INVITE"), status)
        await table.peer.expect("ACK")
        failure = await answer
        assert isinstance(failure, Failure)
        assert failure.status in (status, 481)
        event = await table.event()
        assert isinstance(event, HungUp)
        assert not event.by_peer
        assert await ended(table)


@pytest.mark.parametrize("provisional", [False, True])
@skipping
async def test_a_reinvite_without_a_final_response_ends_the_leg(provisional: bool) -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        invite = await table.peer.expect("INVITE")
        if provisional:
            table.peer.respond(invite, 100)
        failure = await answer
        assert isinstance(failure, Failure)
        assert failure.fault is FaultKind.TIMEOUT or failure.status == 481
        assert now() == pytest.approx(32, abs=0.1)
        if provisional:
            cancel = await table.peer.expect("CANCEL")
            bye = await table.peer.expect("BYE")
            table.peer.respond(cancel, 200)
            table.peer.respond(invite, 200, body=ANSWER)  # it crosses
            await table.peer.expect("ACK")
            table.peer.respond(bye, 200)
        else:
            table.peer.respond(await table.peer.expect("BYE"), 200)
        await asyncio.wait_for(table.leg.closed(), 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_an_answer_without_sdp_is_acknowledged_and_is_none() -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        table.peer.respond(await table.peer.expect("INVITE"), 200)
        await table.peer.expect("ACK")
        assert await answer == Failure(status=200, reason="An answer has no SDP")


@skipping
async def test_hang_up_during_a_reinvite_ends_both() -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        invite = await table.peer.expect("INVITE")
        table.leg.hang_up()
        bye = await table.peer.expect("BYE")
        assert await answer == Failure(status=481, reason="Call/Transaction Does Not Exist")
        table.peer.respond(invite, 200, body=ANSWER)
        await table.peer.expect("ACK")
        table.peer.respond(bye, 200)
        await asyncio.wait_for(table.leg.closed(), 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_the_peer_hangs_up_during_our_reinvite() -> None:
    async with scene() as table:
        dialog = await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        invite = await table.peer.expect("INVITE")
        dialog.request("BYE")
        await table.peer.expect_status(200)
        assert await answer == Failure(status=481, reason="Call/Transaction Does Not Exist")
        table.peer.respond(invite, 487)
        await table.peer.expect("ACK")
        assert await table.is_empty_in_the_end()


@skipping
async def test_whoever_waits_for_a_reinvite_may_go_away() -> None:
    async with scene() as table:
        await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        invite = await table.peer.expect("INVITE")
        answer.cancel()
        table.peer.respond(invite, 200, body=ANSWER)
        await table.peer.expect("ACK")
        table.leg.hang_up()
        assert await ended(table)


# --- Offers of the peer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@skipping
async def test_an_offer_of_the_peer_is_answered(method: str) -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.source = Destination(Transport.UDP, "198.51.100.7", 5066)
        request = dialog.offer(HELD, method)
        event = offered(await table.event())
        assert event.sdp == HELD
        assert table.leg.answer(event, OFFER)
        assert not table.leg.answer(event, OFFER)
        response = await table.peer.expect_status(200)
        assert response.body == OFFER
        assert response.headers.get("Contact") == "<sip:ringback@192.0.2.1:5060>"
        assert "UPDATE" in (response.headers.get("Allow") or "")
        if method == "INVITE":
            dialog.ack(request, response)
        table.leg.hang_up()
        bye = await table.peer.expect("BYE")
        assert bye.uri == "sip:phone@198.51.100.7:5066"  # it has another address now
        table.peer.respond(bye, 200)
        assert await table.is_empty_in_the_end()


@skipping
async def test_a_refused_offer_changes_nothing() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.source = Destination(Transport.UDP, "198.51.100.7", 5066)
        request = dialog.offer(HELD)
        table.leg.refuse(offered(await table.event()), 488)
        dialog.ack(request, await table.peer.expect_status(488))
        table.leg.hang_up()
        bye = await table.peer.expect("BYE")
        assert bye.uri == "sip:phone@192.0.2.9"


@skipping
async def test_a_reinvite_without_sdp_gets_an_offer_and_its_ack_the_answer() -> None:
    async with scene() as table:
        dialog = await table.answered()
        request = dialog.offer(b"")
        event = offered(await table.event())
        assert event.sdp is None
        table.leg.answer(event, OFFER)
        response = await table.peer.expect_status(200)
        assert response.body == OFFER
        second = dialog.offer(HELD)  # while our offer has no answer
        dialog.ack(second, await table.peer.expect_status(491))
        dialog.ack(request, response, HELD)
        assert await table.event() == Acknowledged(event, HELD)
        dialog.offer(HELD)
        assert offered(await table.event()).sdp == HELD


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@skipping
async def test_a_second_offer_before_the_first_is_answered_comes_too_early(method: str) -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.offer(HELD)
        await table.event()
        second = dialog.offer(ANSWER, method)
        response = await table.peer.expect_status(500)
        assert 0 <= int(response.headers.get("Retry-After") or "-1") <= 10
        if method == "INVITE":
            dialog.ack(second, response)


@skipping
async def test_a_2xx_without_its_ack_comes_again_and_then_ends_the_leg() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.offer(HELD)
        table.leg.answer(offered(await table.event()), ANSWER)
        await table.peer.expect_status(200)
        assert await table.event() == HungUp(by_peer=False, reason="no ACK of a re-INVITE")
        assert now() == pytest.approx(32, abs=0.1)
        assert [data.startswith(b"SIP/2.0 200") for _, data in table.air.log].count(True) == 11
        assert await ended(table)


@skipping
async def test_an_offer_that_was_cancelled_needs_no_answer() -> None:
    async with scene() as table:
        dialog = await table.answered()
        request = dialog.offer(HELD)
        event = offered(await table.event())
        dialog.request("CANCEL", seq=dialog.seq, branch=str(request.headers.get("Via")).rpartition("=")[2])
        await table.peer.expect_status(200)
        dialog.ack(request, await table.peer.expect_status(487))
        assert not table.leg.answer(event, ANSWER)
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        table.peer.respond(await table.peer.expect("INVITE"), 200, body=ANSWER)
        assert await answer == ANSWER


@skipping
async def test_an_offer_is_refused_when_the_leg_ends() -> None:
    async with scene() as table:
        dialog = await table.answered()
        request = dialog.offer(HELD)
        event = offered(await table.event())
        table.leg.hang_up()
        response = await table.peer.expect_status(487)
        dialog.ack(request, response)
        assert not table.leg.answer(event, ANSWER)
        assert await ended(table)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Content-Type", "text/plain")], 415),
        ([SDP, ("Content-Encoding", "gzip")], 415),
        ([SDP, ("Require", "precondition, timer, x-y")], 420),
        ([SDP, ("Require", "timer"), ("Session-Expires", "90;refresher=uas")], 420),
    ],
)
@skipping
async def test_what_cannot_be_read_or_is_required_in_vain_is_refused(
    headers: list[tuple[str, str]], status: int
) -> None:
    async with scene() as table:
        dialog = await table.answered()
        request = dialog.request("INVITE", headers, HELD)
        response = await table.peer.expect_status(status)
        dialog.ack(request, response)
        assert response.headers.get("Accept" if status == 415 else "Unsupported") in (
            "application/sdp",
            "precondition, x-y",
            "timer",
        )


# --- Session timers --------------------------------------------------------------------------------------------


@skipping
async def test_a_refresh_by_update_is_answered_without_an_event() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.source = Destination(Transport.UDP, "198.51.100.7", 5066)
        timer = [("Session-Expires", "1800;refresher=uac"), ("Supported", "timer"), ("Min-SE", "90")]
        dialog.offer(b"", "UPDATE", timer)
        response = await table.peer.expect_status(200)
        assert response.headers.get("Session-Expires") is None
        assert response.headers.get("Contact") == "<sip:ringback@192.0.2.1:5060>"
        dialog.offer(b"", "UPDATE", [*timer, ("Require", "timer")])
        response = await table.peer.expect_status(200)
        assert response.headers.get("Session-Expires") == "1800;refresher=uac"
        assert response.headers.get("Require") == "timer"
        table.leg.hang_up()
        assert (await table.peer.expect("BYE")).uri == "sip:phone@198.51.100.7:5066"
        assert isinstance(await table.event(), HungUp)  # and no event before


@pytest.mark.parametrize("body", [HELD, b""])
@skipping
async def test_a_refresh_by_reinvite_is_an_offer(body: bytes) -> None:
    async with scene() as table:
        dialog = await table.answered()
        request = dialog.offer(body, headers=[("Session-Expires", "90;refresher=uac"), ("Supported", "timer")])
        table.leg.answer(offered(await table.event()), ANSWER)
        response = await table.peer.expect_status(200)
        dialog.ack(request, response, b"" if body else HELD)
        await asyncio.sleep(100)
        assert not table.leg._line.over.is_set()


# --- Other requests of the peer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("OPTIONS", [], b"", 200),
        ("INFO", [], b"", 200),
        ("INFO", [("Content-Type", "application/media_control+xml")], b"<x/>", 415),
        ("INFO", [("Info-Package", "nonsense")], b"", 469),
        ("MESSAGE", [("Content-Type", "text/plain")], b"hello", 405),
        ("REFER", [("Refer-To", "<sip:premium@198.51.100.66>")], b"", 405),
        ("SUBSCRIBE", [("Event", "dialog")], b"", 405),
        ("PUBLISH", [], b"", 405),
        ("PRACK", [("RAck", "1 1 INVITE")], b"", 405),
        ("FOO", [], b"", 405),
        ("NOTIFY", [("Event", "message-summary")], b"", 489),
        ("NOTIFY", [("Event", "refer")], b"", 481),
        ("UPDATE", [("Require", "nonsense")], b"", 420),
    ],
)
@skipping
async def test_other_requests(method: str, headers: list[tuple[str, str]], body: bytes, status: int) -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.request(method, headers, body)
        response = await table.peer.expect_status(status)
        if status == 405 or method == "OPTIONS":
            assert response.headers.get("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY"
        table.leg.hang_up()
        assert isinstance(await table.event(), HungUp)  # nothing else was told


@pytest.mark.parametrize("kind", ["application/dtmf-relay", "Application/DTMF ;x=y"])
@skipping
async def test_digits_are_told(kind: str) -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.request("INFO", [("Content-Type", kind)], b"Signal=5\r\nDuration=160\r\n")
        await table.peer.expect_status(200)
        expected = kind.partition(" ")[0].lower()
        assert await table.event() == Dtmf(expected, b"Signal=5\r\nDuration=160\r\n")


@skipping
async def test_digits_are_sent() -> None:
    async with scene() as table:
        await table.answered()
        table.leg.send_info("application/dtmf-relay", b"Signal=5")
        info = await table.peer.expect("INFO")
        assert info.headers.get("Content-Type") == "application/dtmf-relay"
        assert info.body == b"Signal=5"
        table.peer.respond(info, 415)
        await asyncio.sleep(1)
        assert not table.leg._line.over.is_set()


@skipping
async def test_a_request_out_of_order_is_refused_but_a_bye() -> None:
    async with scene() as table:
        dialog = await table.answered()
        dialog.request("INFO", seq=100)
        await table.peer.expect_status(200)
        dialog.request("INFO", seq=99)
        await table.peer.expect_status(500)
        dialog.request("BYE", seq=98)
        await table.peer.expect_status(200)
        assert await table.event() == HungUp(by_peer=True)


# --- REFER -----------------------------------------------------------------------------------------------------


@skipping
async def test_a_refer_and_what_becomes_of_it() -> None:
    async with scene() as table:
        dialog = await table.answered()
        accepted = asyncio.ensure_future(table.leg.refer("sip:+41781234577@192.0.2.77"))
        refer = await table.peer.expect("REFER")
        assert refer.headers.get("Refer-To") == "<sip:+41781234577@192.0.2.77>"
        assert refer.headers.get("Referred-By") == '"Ringback" <sip:callback@ringback.example>'
        sipfrag = [("Event", "refer;id=2"), ("Content-Type", "message/sipfrag;version=2.0")]
        active, over = (
            ("Subscription-State", "Active;expires=60"),
            ("Subscription-State", "terminated;reason=noresource"),
        )
        dialog.request("NOTIFY", [*sipfrag, active], b"SIP/2.0 100 Trying\r\n")  # it overtakes the 202
        await table.peer.expect_status(200)
        table.peer.respond(refer, 202)
        assert await accepted is None
        dialog.request("NOTIFY", [*sipfrag, over], b"SIP/2.0 486 Busy Here\r\nTo: x\r\n")
        await table.peer.expect_status(200)
        assert await table.event() == Notified("active", b"SIP/2.0 100 Trying\r\n")
        assert await table.event() == Notified("terminated", b"SIP/2.0 486 Busy Here\r\nTo: x\r\n")


@skipping
async def test_a_refused_refer() -> None:
    async with scene() as table:
        await table.answered()
        accepted = asyncio.ensure_future(table.leg.refer("sip:target@192.0.2.77"))
        table.peer.respond(await table.peer.expect("REFER"), 603)
        assert await accepted == Failure(status=603, reason="Decline")


# --- The probe -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "is_there"),
    [(200, True), (405, True), (486, True), (503, True), (481, False), (408, False), (None, False)],
)
@skipping
async def test_the_probe(status: int | None, is_there: bool) -> None:
    async with scene() as table:
        await table.answered()
        probe = asyncio.ensure_future(table.leg.probe())
        options = await table.peer.expect("OPTIONS")
        if status is not None:
            table.peer.respond(options, status)
        if status == 503:  # it may be another's: the request is sent again
            for _ in range(5):
                table.peer.respond(await table.peer.expect("OPTIONS"), status)
        assert await probe is is_there
        if is_there:
            table.leg.hang_up()
        else:
            event = await table.event()
            assert isinstance(event, HungUp)
            assert not event.by_peer
        assert await ended(table)


@pytest.mark.parametrize("returns", [True, False])
@skipping
async def test_a_peer_that_refuses_all_is_gone_if_it_does_not_return(returns: bool) -> None:
    async with scene() as table:
        await table.answered()
        probe = asyncio.ensure_future(table.leg.probe())
        refusing = asyncio.ensure_future(table.refuse_everything())
        await asyncio.sleep(10)
        assert not probe.done()
        if returns:
            refusing.cancel()
            table.peer.respond(await table.peer.expect("OPTIONS"), 200)
            assert await probe
        else:
            assert not await probe
            assert isinstance(await table.event(), HungUp)
            await table.leg.closed()
            assert now() <= 64
            refusing.cancel()


# --- Which dialog a request is of ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "allow"),
    [
        ("OPTIONS", 200, "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY"),
        ("INVITE", 405, "OPTIONS"),
        ("REFER", 405, "OPTIONS"),
        ("MESSAGE", 405, "OPTIONS"),
        ("SUBSCRIBE", 405, "OPTIONS"),
        ("REGISTER", 405, "OPTIONS"),
        ("FOO", 405, "OPTIONS"),
        ("BYE", 481, None),
        ("INFO", 481, None),
        ("UPDATE", 481, None),
        ("NOTIFY", 481, None),
        ("PRACK", 481, None),
    ],
)
@skipping
async def test_a_request_outside_of_a_dialog(method: str, status: int, allow: str | None) -> None:
    async with scene() as table:
        response = await outside(table, method)
        assert response.status == status
        assert response.headers.get("Allow") == allow
        assert "tag=" in (response.headers.get("To") or "")
        if method != "BYE":
            required = await outside(table, method, [("Require", "nonsense")])
            assert required.status == 420
            assert required.headers.get("Unsupported") == "nonsense"


@pytest.mark.parametrize("method", ["BYE", "INVITE", "OPTIONS", "REFER"])
@pytest.mark.parametrize("wrong", ["call", "to", "from"])
@skipping
async def test_a_request_of_an_unknown_dialog(method: str, wrong: str) -> None:
    async with scene() as table:
        dialog = await table.answered()
        invite = Request("INVITE", dialog.invite.uri, dialog.invite.headers.copy())
        if wrong == "call":
            invite.headers.set("Call-ID", "another")
        elif wrong == "to":
            invite.headers.set("From", "<sip:callback@ringback.example>;tag=guessed")
        stranger = Dialog(table.peer, invite, "stranger" if wrong == "from" else "theirs")
        request = stranger.request(method)
        response = await table.peer.expect_status(481)
        if method == "INVITE":
            stranger.ack(request, response)
        assert not table.leg._line.over.is_set()


async def outside(table: Scene, method: str, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return the response to a request that is of no dialog."""
    table.peer.branches += 1
    own = [
        ("Via", f"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKo{table.peer.branches}"),
        ("From", "<sip:phone@192.0.2.9>;tag=f"),
        ("To", "<sip:ringback@192.0.2.1>"),
        ("Call-ID", f"outside-{table.peer.branches}"),
        ("CSeq", f"1 {method}"),
        ("Contact", "<sip:phone@192.0.2.9>"),
    ]
    table.air.deliver(encode(Request(method, "sip:ringback@192.0.2.1", Headers([*own, *(headers or [])]))))
    message = await table.peer.message()
    assert isinstance(message, Response)
    return message

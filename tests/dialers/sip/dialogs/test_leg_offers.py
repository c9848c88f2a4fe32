"""Offers of the peer, and what refreshes its session."""

import asyncio

import pytest

from ringback.dialers.sip.dialogs.leg_events import (
    Acknowledged,
    HungUp,
)
from ringback.dialers.sip.transport.destination import Destination, Transport
from tests.world.sip_leg import HELD, ended, now, offered
from tests.world.sip_peer import ANSWER, OFFER, SDP, scene
from tests.world.skipping_loop import skipping


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

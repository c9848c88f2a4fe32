"""A leg that was answered ends: by the peer, by us, by both at once; and what its requests need on their way."""

import asyncio
from typing import Any

import pytest

from ringback.dialers.sip.dialogs.leg_events import (
    Failure,
    HungUp,
)
from tests.world.sip_leg import CHALLENGE, CREDENTIALS, now
from tests.world.sip_peer import ANSWER, OFFER, Dialog, scene
from tests.world.skipping_loop import skipping


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

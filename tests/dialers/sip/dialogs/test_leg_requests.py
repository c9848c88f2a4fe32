"""Other requests of the peer, within a dialog and outside of one; REFER; the probe."""

import asyncio

import pytest

from ringback.dialers.sip.dialogs.leg_events import (
    Dtmf,
    Failure,
    HungUp,
    Notified,
)
from ringback.dialers.sip.messages.message import Headers, Request, Response, encode
from tests.world.sip_leg import ended, now
from tests.world.sip_peer import Dialog, Scene, scene
from tests.world.skipping_loop import skipping


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

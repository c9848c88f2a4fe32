"""How a leg begins where one INVITE is not enough: credentials, 100rel, early offers; and what is kept meanwhile."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from ringback.dialers.sip.dialogs.leg_events import Failure, HungUp, LegAnswered, LegProgress
from ringback.dialers.sip.messages.message import Request
from tests.world.sip_peer import ANSWER, OFFER, PHONE, SDP, Dialog, SlowLookup, scene
from tests.world.skipping_loop import skipping

if TYPE_CHECKING:
    from ringback.dialers.sip.transport.destination import Destination

from tests.world.sip_leg import CREDENTIALS, EARLY, drained, failure


@pytest.mark.parametrize(
    ("status", "asks", "answers"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
@skipping
async def test_a_challenge_is_answered_by_another_invite(status: int, asks: str, answers: str) -> None:
    async with scene(credentials=CREDENTIALS) as table:
        first = await table.invited()
        table.peer.respond(first, status, [(asks, 'Digest realm="r", nonce="n", qop="auth,auth-int"')])
        await table.peer.expect("ACK")
        second = await table.peer.expect("INVITE")
        assert second.headers.get("CSeq") == "2 INVITE"
        assert second.headers.get("Via") != first.headers.get("Via")
        assert 'nonce="n"' in (second.headers.get(answers) or "")
        table.peer.respond(second, 200, body=ANSWER)
        ack = await table.peer.expect("ACK")
        assert ack.headers.get("CSeq") == "2 ACK"
        assert ack.headers.get(answers) == second.headers.get(answers)
        table.leg.hang_up()
        bye = await table.peer.expect("BYE")
        assert bye.headers.get("CSeq") == "3 BYE"
        assert 'nonce="n"' in (bye.headers.get(answers) or "")
        table.peer.respond(bye, 200)
        await drained(table)


@skipping
async def test_a_stale_nonce_is_replaced_and_a_wrong_password_is_not_tried_again() -> None:
    async with scene(credentials=CREDENTIALS) as table:
        invite = await table.invited()
        for nonce, stale in (("one", ""), ("two", ", stale=true"), ("three", "")):
            challenge = ("Proxy-Authenticate", f'Digest realm="r", nonce="{nonce}"{stale}')
            table.peer.respond(invite, 407, [challenge])
            await table.peer.expect("ACK")
            if nonce != "three":
                invite = await table.peer.expect("INVITE")
                assert f'nonce="{nonce}"' in (invite.headers.get("Proxy-Authorization") or "")
        expected = Failure(status=407, reason="Proxy Authentication Required", authorized=True)
        assert failure(await table.event()) == expected
        await drained(table)


@skipping
async def test_a_peer_that_always_wants_another_nonce_is_given_up() -> None:
    async with scene(credentials=CREDENTIALS) as table:
        await table.leg.invite(OFFER)
        event = asyncio.ensure_future(table.event())
        number = 0
        while not event.done():
            message = asyncio.ensure_future(table.peer.message())
            await asyncio.wait({event, message}, return_when=asyncio.FIRST_COMPLETED)
            if message.done() and isinstance(invite := message.result(), Request) and invite.method == "INVITE":
                number += 1
                challenge = ("WWW-Authenticate", f'Digest realm="r", nonce="{number}", stale=true')
                table.peer.respond(invite, 401, [challenge])
            message.cancel()
        assert failure(event.result()).status == 401
        assert number < 10


@skipping
async def test_hang_up_between_challenge_and_credentials() -> None:
    async with scene(credentials=CREDENTIALS) as table:
        first = await table.invited()
        table.peer.respond(first, 401, [("WWW-Authenticate", 'Digest realm="r", nonce="n"')])
        await table.peer.expect("ACK")
        table.leg.hang_up()
        await drained(table)
        assert table.peer.requests() == ["INVITE", "ACK"]


@skipping
async def test_hang_up_after_the_credentials_cancels_the_second_invite() -> None:
    async with scene(credentials=CREDENTIALS) as table:
        first = await table.invited()
        table.peer.respond(first, 401, [("WWW-Authenticate", 'Digest realm="r", nonce="n"')])
        await table.peer.expect("ACK")
        second = await table.peer.expect("INVITE")
        table.leg.hang_up()
        table.peer.respond(second, 180)
        cancel = await table.peer.expect("CANCEL")
        assert cancel.headers.get("CSeq") == "2 CANCEL"
        table.peer.respond(cancel, 200)
        table.peer.respond(second, 487)
        await drained(table, "ACK")


@skipping
async def test_reliable_provisional_responses_are_acknowledged_in_their_order() -> None:
    """A peer that insists gets PRACK, though 100rel was not offered."""
    async with scene() as table:
        invite = await table.invited()
        reliable = [("Require", "100rel"), ("RSeq", "40")]
        table.peer.respond(invite, 183, reliable, EARLY)
        prack = await table.peer.expect("PRACK")
        assert prack.headers.get("RAck") == "40 1 INVITE"
        assert prack.headers.get("CSeq") == "2 PRACK"
        table.peer.respond(invite, 183, reliable, EARLY)  # again, since it had not come yet
        table.peer.respond(invite, 180, [("Require", "100rel"), ("RSeq", "42")])  # 41 is missing
        table.peer.respond(prack, 200)
        table.peer.respond(invite, 180, [("Require", "100rel"), ("RSeq", "41")])
        prack = await table.peer.expect("PRACK")
        assert prack.headers.get("RAck") == "41 1 INVITE"
        table.peer.respond(prack, 200)
        table.peer.respond(invite, 200)
        await table.peer.expect("ACK")
        assert [await table.event() for _ in range(3)] == [
            LegProgress(183, EARLY),
            LegProgress(180),
            LegAnswered(EARLY),
        ]
        table.leg.hang_up()
        bye = await table.peer.expect("BYE")
        assert bye.headers.get("CSeq") == "4 BYE"
        table.peer.respond(bye, 200)
        await drained(table)


@skipping
async def test_a_peer_that_requires_100rel_gets_it() -> None:
    async with scene() as table:
        first = await table.invited()
        assert "Supported" not in first.headers
        table.peer.respond(first, 421, [("Require", "100rel")])
        await table.peer.expect("ACK")
        second = await table.peer.expect("INVITE")
        assert second.headers.get("Supported") == "100rel"
        assert second.headers.get("CSeq") == "2 INVITE"
        table.peer.respond(second, 421, [("Require", "100rel")])
        await table.peer.expect("ACK")
        assert failure(await table.event()).status == 421


@skipping
async def test_offers_in_an_early_dialog_are_glare() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180)
        early = Dialog(table.peer, invite, "theirs")
        early.offer(method="UPDATE")
        await table.peer.expect_status(491)
        early.request("OPTIONS")
        await table.peer.expect_status(200)
        assert (await table.leg.next_event(), table.peer.is_quiet()) == (LegProgress(180), True)


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("UPDATE", [], b"", 200),
        ("INFO", [("Content-Type", "application/dtmf-relay")], b"Signal=1", 200),
        ("INFO", [("Content-Type", "application/x")], b"x", 415),
        ("NOTIFY", [("Event", "talk")], b"", 489),
        ("MESSAGE", [], b"", 405),
        ("REFER", [("Refer-To", "<sip:x@192.0.2.7>")], b"", 405),
    ],
)
@skipping
async def test_an_early_dialog_is_there(method: str, headers: list[tuple[str, str]], body: bytes, status: int) -> None:
    """A 481 would have the phone end it (RFC 5057 section 5.1)."""
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180)
        early = Dialog(table.peer, invite, "theirs")
        early.request(method, headers, body)
        await table.peer.expect_status(status)
        table.peer.respond(invite, 486)
        await table.peer.expect("ACK")
        early.request(method, headers, body)
        await table.peer.expect_status(481)


@skipping
async def test_an_update_moves_the_phone_of_an_early_dialog() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180, [("Require", "100rel"), ("RSeq", "1")])
        table.peer.respond(await table.peer.expect("PRACK"), 200)
        early = Dialog(table.peer, invite, "theirs")
        early.request("UPDATE", [("Contact", "<sip:moved@192.0.2.10>")])
        updated = await table.peer.expect_status(200)
        assert updated.headers.get("Contact") == invite.headers.get("Contact")
        table.peer.respond(invite, 180, [("Require", "100rel"), ("RSeq", "2")])
        assert (await table.peer.expect("PRACK")).uri == "sip:moved@192.0.2.10"


@skipping
async def test_what_is_needed_to_end_a_leg_is_kept_before_it_is_needed() -> None:
    """Before an INVITE leaves, and before the 2xx is acknowledged: what comes after a kill, the peer sends again."""
    kept: list[tuple[list[str], int, bool]] = []

    async def keep() -> None:
        await asyncio.sleep(0.01)
        state = table.leg.state()
        number = state.invite.seq if state.invite else 0
        kept.append((table.peer.requests(), number, state.dialog is not None))

    async with scene(credentials=CREDENTIALS, keep=keep) as table:
        first = await table.invited()
        table.peer.respond(first, 401, [("WWW-Authenticate", 'Digest realm="r", nonce="n"')])
        await table.peer.expect("ACK")
        table.peer.respond(await table.peer.expect("INVITE"), 200, body=ANSWER)
        await table.peer.expect("ACK")
        assert kept == [
            ([], 1, False),
            (["INVITE", "ACK"], 2, False),
            (["INVITE", "ACK", "INVITE"], 0, True),
        ]


@pytest.mark.parametrize(("uri", "times"), [("sip:phone@slow.example", 3), ("sip:phone@192.0.2.9", 2)])
@skipping
async def test_where_a_name_led_is_kept_once_the_peer_responds(uri: str, times: int) -> None:
    """Another look-up could lead elsewhere, and the CANCEL of a successor with it."""
    kept: list[Destination | None] = []

    async def keep() -> None:
        pending = table.leg.state().invite
        kept.append(pending.destination if pending else None)

    async with scene(uri=uri, lookup=SlowLookup(), keep=keep) as table:
        invite = await table.invited()
        table.peer.respond(invite, 100)
        table.peer.respond(invite, 180)
        await table.event()
        assert kept == [None, PHONE][: times - 1]
        table.peer.respond(invite, 200, body=ANSWER)
        await table.peer.expect("ACK")
        assert len(kept) == times


@pytest.mark.parametrize("fault", [RuntimeError("the database is away"), None])
@skipping
async def test_a_leg_that_cannot_be_kept_is_answered_and_ended_all_the_same(fault: Exception | None) -> None:
    async def keep() -> None:
        if fault is not None:
            raise fault
        await asyncio.Event().wait()

    async with scene(keep=keep) as table:
        dialog = await table.answered()
        dialog.request("BYE")
        await table.peer.expect_status(200)
        await drained(table)


@skipping
async def test_hang_up_while_the_answer_is_being_kept() -> None:
    is_answered = False

    async def keep() -> None:
        if is_answered:
            table.leg.hang_up()

    async with scene(keep=keep) as table:
        invite = await table.invited()
        is_answered = True
        table.peer.respond(invite, 200, body=ANSWER)
        await drained(table, "ACK", "BYE")
        assert await table.event() == HungUp(by_peer=False, q850=16)


@skipping
async def test_responses_of_another_call_are_not_ours() -> None:
    async with scene() as table:
        invite = await table.invited()
        other = type(invite)(invite.method, invite.uri, invite.headers.copy())
        other.headers.set("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKguessed")
        table.peer.respond(other, 200, [SDP])
        await asyncio.sleep(1)
        assert not table.leg.answered
        assert "ACK" not in table.peer.requests()
        assert PHONE in table.peer.destinations

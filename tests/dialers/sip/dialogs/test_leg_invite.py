"""How a leg begins: what the peer may say to its INVITE, and what must be left of it."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ringback.dialers.sip.dialogs.leg_events import Failed, Failure, HungUp, LegAnswered, LegEvent, LegProgress
from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import Request
from ringback.dialers.sip.transport.faults import FaultKind
from tests.world.sip_peer import ANSWER, OFFER, PHONE, SDP, Dialog, Scene, SlowLookup, scene
from tests.world.skipping_loop import skipping

if TYPE_CHECKING:
    from ringback.dialers.sip.transport.destination import Destination

CREDENTIALS = SipCredentials("ringback", "secret")
EARLY = ANSWER.replace(b"4000", b"5000")


def failure(event: LegEvent) -> Failure:
    assert isinstance(event, Failed), event
    return event.failure


async def drained(table: Scene, *methods: str) -> None:
    """See the leg closed, after exactly these requests, and nothing left."""
    for method in methods:
        request = await table.peer.expect(method)
        if method != "ACK":
            table.peer.respond(request, 200)
    await asyncio.wait_for(table.leg.closed(), 0.1)
    assert await table.is_empty_in_the_end()


@skipping
async def test_a_phone_that_rings_and_answers() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 100)
        table.peer.respond(invite, 180)
        assert await table.event() == LegProgress(180)
        assert table.leg.rang
        table.peer.respond(invite, 200, body=ANSWER)
        ack = await table.peer.expect("ACK")
        assert await table.event() == LegAnswered(ANSWER)
        assert table.leg.answered
        assert ack.uri == "sip:phone@192.0.2.9"
        assert ack.headers.get("CSeq") == "1 ACK"
        assert ack.body == b""
        table.leg.hang_up(q850=31, reason="the other side has left")
        bye = await table.peer.expect("BYE")
        assert bye.headers.get("Reason") == 'Q.850;cause=31;text="the other side has left"'
        table.peer.respond(bye, 200)
        assert await table.event() == HungUp(by_peer=False, q850=31, reason="the other side has left")
        await asyncio.wait_for(table.leg.closed(), 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_what_an_invite_says() -> None:
    async with scene(routes=("<sip:192.0.2.5;lr>",), headers=(("Subject", "Call me, please"),)) as table:
        invite = await table.invited()
        assert invite.uri == "sip:+41781234577@192.0.2.9"
        assert [(name, value) for name, value in invite.headers.items() if name not in ("Via", "From")] == [
            ("Route", "<sip:192.0.2.5;lr>"),
            ("Max-Forwards", "70"),
            ("To", "<sip:+41781234577@192.0.2.9>"),
            ("Call-ID", "call-1"),
            ("CSeq", "1 INVITE"),
            ("Contact", "<sip:ringback@192.0.2.1:5060>"),
            ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY"),
            ("Subject", "Call me, please"),
            ("Content-Type", "application/sdp"),
            ("User-Agent", "ringback"),
            ("Content-Length", str(len(invite.body))),
        ]
        assert table.peer.destinations[0].address == "192.0.2.5"


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (486, [], Failure(reason="Busy Here")),
        (603, [("Reason", "SIP;cause=603, Q.850;cause=21")], Failure(reason="Decline", q850=21)),
        (503, [("Retry-After", "120 (x)")], Failure(reason="Service Unavailable", retry_after_s=120)),
        (488, [("Warning", '304 sbc "no codec"')], Failure(reason="Not Acceptable Here", warning="no codec")),
        (
            302,
            [("Contact", "<sip:elsewhere@198.51.100.1>, sip:+41900@x")],
            Failure(reason="Moved Temporarily", contacts=("sip:elsewhere@198.51.100.1", "sip:+41900@x")),
        ),
        (422, [("Min-SE", "90")], Failure(reason="Session Interval Too Small")),
        (401, [("WWW-Authenticate", 'Digest realm="r", nonce="n"')], Failure(reason="Unauthorized")),
        (421, [("Require", "100rel, precondition")], Failure(reason="Extension Required")),
        (699, [], Failure(reason="Busy Everywhere")),
    ],
)
@skipping
async def test_a_refusal_is_reported_with_what_it_says(
    status: int, headers: list[tuple[str, str]], expected: Failure
) -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180)
        table.peer.respond(invite, status, headers)
        await table.peer.expect("ACK")
        await table.event()
        expected = replace(expected, status=status, rang=True)
        assert failure(await table.event()) == expected
        assert await table.event() == Failed(expected)  # for ever
        await drained(table)
        assert table.peer.requests() == ["INVITE", "ACK"]


@skipping
async def test_a_dead_host_is_known_after_32_s() -> None:
    async with scene(ring_timeout_s=60) as table:
        await table.leg.invite(OFFER)
        assert failure(await table.event()) == Failure(
            fault=FaultKind.TIMEOUT, fault_text="no response to INVITE within 32 s"
        )
        assert asyncio.get_running_loop().time() == 32
        await asyncio.wait_for(table.leg.closed(), 0.1)


@skipping
async def test_a_host_that_may_not_be_reached_gets_nothing() -> None:
    async with scene(judge=lambda address: f"private: {address}") as table:
        await table.leg.invite(OFFER)
        expected = Failure(fault=FaultKind.FORBIDDEN, fault_text="private: 192.0.2.9")
        assert failure(await table.event()) == expected
        await drained(table)
        assert table.air.log == []


@pytest.mark.parametrize(
    ("provisional", "rang"), [([100], False), ([100, 180], True), ([100, 183], False), ([], False)]
)
@skipping
async def test_the_ring_timeout_is_reported_at_its_time_and_what_is_left_ends(
    provisional: list[int], rang: bool
) -> None:
    async with scene(ring_timeout_s=10) as table:
        invite = await table.invited()
        for status in provisional:
            table.peer.respond(invite, status)
        event = await table.event()
        while isinstance(event, LegProgress):
            event = await table.event()
        assert asyncio.get_running_loop().time() == 10
        assert failure(event) == Failure(ring_timed_out=True, rang=rang)
        if provisional:
            cancel = await table.peer.expect("CANCEL")
            table.peer.respond(cancel, 200)
            await asyncio.sleep(30)  # as a proxy was seen to do
            assert not table.leg._line.closed.is_set()
            table.peer.respond(invite, 487)
            await table.peer.expect("ACK")
            await asyncio.wait_for(table.leg.closed(), 0.1)
        assert await table.is_empty_in_the_end()


@skipping
async def test_a_183_with_sdp_is_a_network_that_rings_in_band() -> None:
    async with scene(ring_timeout_s=10) as table:
        table.peer.respond(await table.invited(), 183, body=EARLY)
        assert await table.event() == LegProgress(183, EARLY)
        assert failure(await table.event()) == Failure(ring_timed_out=True, rang=True)


@pytest.mark.parametrize(
    ("early", "final", "expected"),
    [
        (EARLY, ANSWER, ANSWER),
        (EARLY, b"", EARLY),
        (b"", ANSWER, ANSWER),
        (b"", b"", None),
    ],
)
@skipping
async def test_the_answer_is_that_of_the_2xx_or_else_of_the_183(
    early: bytes, final: bytes, expected: bytes | None
) -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 183, body=early)
        table.peer.respond(invite, 183, body=b"v=0 of another phone", tag="other")
        table.peer.respond(invite, 180)  # without SDP, which takes nothing back
        table.peer.respond(invite, 200, body=final)
        events = [await table.event() for _ in range(4)]
        assert events == [
            LegProgress(183, early or None),
            LegProgress(183, b"v=0 of another phone"),
            LegProgress(180),
            LegAnswered(expected),
        ]


@skipping
async def test_a_2xx_that_crosses_the_cancel_is_acknowledged_and_ended() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180)
        await table.event()
        table.leg.hang_up()
        await table.peer.expect("CANCEL")
        table.peer.respond(invite, 200, body=ANSWER)
        assert await table.event() == HungUp(by_peer=False, q850=16)
        await drained(table, "ACK", "BYE")
        assert not table.leg.answered


@skipping
async def test_hang_up_before_any_response_cancels_at_the_first() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.leg.hang_up()
        table.leg.hang_up()
        await asyncio.sleep(5)
        assert set(table.peer.requests()) == {"INVITE"}
        table.peer.respond(invite, 100)
        cancel = await table.peer.expect("CANCEL")
        assert cancel.headers.get("Via") == invite.headers.get("Via")
        table.peer.respond(cancel, 200)
        table.peer.respond(invite, 487)
        await drained(table, "ACK")


@skipping
async def test_hang_up_before_the_invite_leaves_sends_none() -> None:
    async with scene() as table:
        table.leg.hang_up()
        await table.leg.invite(OFFER)
        await drained(table)
        assert table.air.log == []


@pytest.mark.parametrize("is_hung_up", [False, True])
@skipping
async def test_hang_up_while_the_address_is_looked_up_sends_nothing(is_hung_up: bool) -> None:
    async with scene(uri="sip:phone@slow.example", ring_timeout_s=60, lookup=SlowLookup()) as table:
        inviting = asyncio.ensure_future(table.leg.invite(OFFER))
        await asyncio.sleep(1)
        if is_hung_up:
            table.leg.hang_up()
            await asyncio.wait_for(inviting, 0.1)
            await drained(table)
            assert table.air.log == []
        else:
            await inviting
            await table.peer.expect("INVITE")


@skipping
async def test_a_ring_timeout_while_the_address_is_looked_up() -> None:
    async with scene(uri="sip:phone@slow.example", ring_timeout_s=2, lookup=SlowLookup()) as table:
        await table.leg.invite(OFFER)
        assert failure(await table.event()) == Failure(ring_timed_out=True)
        await drained(table)
        assert table.air.log == []


@skipping
async def test_a_peer_that_answers_the_cancel_and_never_the_invite() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180)
        await table.event()
        hung_up_at = asyncio.get_running_loop().time()
        table.leg.hang_up()
        table.peer.respond(await table.peer.expect("CANCEL"), 200)
        await table.leg.closed()
        assert asyncio.get_running_loop().time() - hung_up_at == 32
        assert await table.is_empty_in_the_end()


@skipping
async def test_a_peer_that_says_nothing_any_more_keeps_a_leg_from_nothing() -> None:
    async with scene() as table:
        table.peer.respond(await table.invited(), 180)
        await table.event()
        table.leg.hang_up()
        await table.leg.closed()
        assert asyncio.get_running_loop().time() <= 32.1
        assert "BYE" not in table.peer.requests()


@pytest.mark.parametrize("is_hung_up", [False, True])
@skipping
async def test_of_a_fork_the_first_answer_wins_and_each_other_is_ended(is_hung_up: bool) -> None:
    async with scene() as table:
        invite = await table.invited()
        if is_hung_up:
            table.leg.hang_up()
        for tag in ("one", "two", "three"):
            table.peer.respond(invite, 200, body=ANSWER, tag=tag, contact=f"<sip:{tag}@192.0.2.9>")
        ends: dict[str, list[str]] = {}
        for _ in range(6 if is_hung_up else 5):
            request = await table.peer.message()
            assert isinstance(request, Request)
            ends.setdefault(request.uri, []).append(request.method)
            if request.method == "BYE":
                table.peer.respond(request, 200)
        ended = ["ACK", "BYE"]
        assert ends == {
            "sip:one@192.0.2.9": ended if is_hung_up else ["ACK"],
            "sip:two@192.0.2.9": ended,
            "sip:three@192.0.2.9": ended,
        }
        if is_hung_up:
            await drained(table)
        else:
            assert await table.event() == LegAnswered(ANSWER)
            table.leg.hang_up()
            await drained(table, "BYE")


@skipping
async def test_each_answer_of_a_fork_that_comes_again_gets_its_own_ack_again() -> None:
    async with scene() as table:
        invite = await table.invited()
        for tag in ("one", "two", "one", "two"):
            table.peer.respond(invite, 200, body=ANSWER, tag=tag, contact=f"<sip:{tag}@192.0.2.9>")
            await asyncio.sleep(0.1)
        acks = [line.split(b" ")[1] for _, line in table.air.log if line.startswith(b"ACK")]
        assert acks == [b"sip:one@192.0.2.9", b"sip:two@192.0.2.9"] * 2


@skipping
async def test_an_answer_after_a_refusal_of_another_fork_is_ended() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 486, tag="one")
        await table.peer.expect("ACK")
        assert failure(await table.event()).status == 486
        table.peer.respond(invite, 200, body=ANSWER, tag="two")
        await drained(table, "ACK", "BYE")


@skipping
async def test_a_flood_of_answers_is_not_answered_without_end() -> None:
    async with scene() as table:
        invite = await table.invited()
        for number in range(500):
            table.peer.respond(invite, 180, tag=f"t{number}")
        for number in range(500):
            table.peer.respond(invite, 200, body=ANSWER, tag=f"t{number}")
        table.leg.hang_up()
        await table.leg.closed()
        acks = [data for _, data in table.air.log if data.startswith(b"ACK")]
        assert len(acks) == 32


@skipping
async def test_a_bye_of_an_early_dialog_ends_it() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180)
        await table.event()
        Dialog(table.peer, invite, "theirs").request("BYE")
        await table.peer.expect_status(200)
        cancel = await table.peer.expect("CANCEL")
        table.peer.respond(cancel, 200)
        table.peer.respond(invite, 487)
        assert failure(await table.event()) == Failure(status=487, reason="Request Terminated", rang=True)
        await drained(table, "ACK")


@skipping
async def test_a_flood_of_byes_is_not_kept() -> None:
    async with scene() as table:
        invite = await table.invited()
        for number in range(100):
            Dialog(table.peer, invite, f"t{number}").request("BYE")
            await table.peer.expect_status(200)
        assert table.leg._invitation is not None
        assert len(table.leg._invitation._left) == 32


@skipping
async def test_a_fault_of_ours_ends_the_leg_for_all_who_wait(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as table:
        invite = await table.invited()
        table.leg._invitation._provisional = None  # type: ignore[union-attr, method-assign]
        table.peer.respond(invite, 180)
        assert await table.event() == HungUp(by_peer=False, reason="a step of the call failed")
        await table.peer.expect("CANCEL")
        assert [record.message for record in caplog.records] == ["a step of a call failed"]
        await table.leg.closed()


@skipping
async def test_a_bye_of_one_early_dialog_leaves_the_others() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 180, tag="one")
        table.peer.respond(invite, 180, tag="two")
        await table.event()
        await table.event()
        Dialog(table.peer, invite, "one").request("BYE")
        await table.peer.expect_status(200)
        table.peer.respond(invite, 200, body=ANSWER, tag="two")
        await table.peer.expect("ACK")
        assert await table.event() == LegAnswered(ANSWER)


@skipping
async def test_a_bye_that_overtakes_the_2xx_is_told_after_it() -> None:
    async with scene() as table:
        invite = await table.invited()
        Dialog(table.peer, invite, "theirs").request("BYE", [("Reason", "Q.850;cause=16")])
        table.peer.respond(invite, 200, body=ANSWER)
        await table.peer.expect_status(200)
        assert await table.event() == LegAnswered(ANSWER)
        assert await table.event() == HungUp(by_peer=True, q850=16)
        await drained(table, "ACK")


@skipping
async def test_a_2xx_without_a_tag_or_a_contact_is_a_call_all_the_same() -> None:
    async with scene() as table:
        invite = await table.invited()
        table.peer.respond(invite, 200, body=ANSWER, tag="", contact=None)
        ack = await table.peer.expect("ACK")
        assert ack.uri == invite.uri
        await table.event()
        Dialog(table.peer, invite, "").request("BYE")
        await table.peer.expect_status(200)
        assert await table.event() == HungUp(by_peer=True)
        await drained(table)


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

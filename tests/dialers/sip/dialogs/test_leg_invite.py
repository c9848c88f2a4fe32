"""How a leg begins: what the peer may say to its INVITE, and what must be left of it."""

import asyncio
from dataclasses import replace

import pytest

from ringback.dialers.sip.dialogs.leg_events import Failed, Failure, HungUp, LegAnswered, LegProgress
from ringback.dialers.sip.messages.message import Request
from ringback.dialers.sip.transport.faults import FaultKind
from tests.world.sip_leg import EARLY, drained, failure
from tests.world.sip_peer import ANSWER, OFFER, Dialog, SlowLookup, scene
from tests.world.skipping_loop import skipping


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

"""Our re-INVITEs: their answers, glare, refusals, and ends that cross them."""

import asyncio
from itertools import pairwise

import pytest

from ringback.dialers.sip.dialogs.leg_events import (
    Failure,
    HungUp,
)
from ringback.dialers.sip.transport.faults import FaultKind
from tests.world.sip_leg import GONE_STATUSES, HELD, ended, now, offered
from tests.world.sip_peer import ANSWER, OFFER, scene
from tests.world.skipping_loop import skipping


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

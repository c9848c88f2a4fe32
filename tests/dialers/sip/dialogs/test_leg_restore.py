"""A process dies, and the next one has what was kept of a leg: in each phase it goes on, or ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from ringback.dialers.sip.dialogs.dialogs import Dialogs
from ringback.dialers.sip.dialogs.leg import Leg
from ringback.dialers.sip.dialogs.leg_events import Failed, Failure, HungUp, LegAnswered, LegProgress, Offered
from ringback.dialers.sip.dialogs.leg_state import LegState
from ringback.dialers.sip.messages.digest import SipCredentials
from tests.world.sip_peer import ANSWER, OFFER, Air, Dialog, Peer, Scene, SlowLookup, endpoint_on, scene
from tests.world.skipping_loop import skipping

CREDENTIALS = SipCredentials("ringback", "secret")


@asynccontextmanager
async def successor(table: Scene, state: LegState) -> AsyncIterator[Scene]:
    """Begin a process at the same address after the first one was killed, with what it has kept."""
    await table.endpoint.stop()
    kept = msgspec.json.decode(msgspec.json.encode(state), type=LegState)
    endpoint = endpoint_on(air := Air())
    dialogs = Dialogs(endpoint)
    leg = Leg.restore(endpoint, dialogs, kept, CREDENTIALS)
    yield Scene(air, Peer(air), endpoint, dialogs, leg)
    await endpoint.stop()


async def nothing_is_left(table: Scene) -> bool:
    await asyncio.wait_for(table.leg.closed(), 0.1)
    return await table.is_empty_in_the_end()


@skipping
async def test_what_is_kept_is_small_and_has_no_secret() -> None:
    async with scene(credentials=CREDENTIALS, routes=("<sip:192.0.2.5;lr>",)) as table:
        invite = await table.invited()
        pending = msgspec.json.encode(table.leg.state())
        assert len(pending) < 700
        table.peer.respond(invite, 200, body=ANSWER)
        await table.event()
        established = msgspec.json.encode(table.leg.state())
        assert len(established) < 400
        assert b"secret" not in pending + established


@pytest.mark.parametrize("before", [True, False])
@skipping
async def test_a_leg_that_was_not_called_or_is_over_is_nothing(before: bool) -> None:
    async with scene() as table:
        if not before:
            table.peer.respond(await table.invited(), 486)
            await table.event()
            await table.leg.closed()
        async with successor(table, table.leg.state()) as later:
            event = await later.event()
            assert isinstance(event, HungUp)
            assert await nothing_is_left(later)
            assert later.air.log == []


@pytest.mark.parametrize("status", [None, 100, 180])
@skipping
async def test_a_pending_invite_is_cancelled(status: int | None) -> None:
    async with scene() as table:
        invite = await table.invited()
        if status:
            table.peer.respond(invite, status)
            await asyncio.sleep(0.1)
        async with successor(table, table.leg.state()) as later:
            later.leg.hang_up()
            cancel = await later.peer.expect("CANCEL")
            for name in ("Via", "From", "To", "Call-ID"):
                assert cancel.headers.get(name) == invite.headers.get(name)
            assert cancel.uri == invite.uri
            later.peer.respond(cancel, 200)
            later.peer.respond(invite, 487)
            ack = await later.peer.expect("ACK")
            assert ack.headers.get("Via") == invite.headers.get("Via")
            assert await nothing_is_left(later)


@skipping
async def test_an_invite_that_was_kept_before_it_left_is_cancelled() -> None:
    """The branch is known, and where it goes to is found out again."""
    states: list[LegState] = []

    async def keep() -> None:
        states.append(table.leg.state())

    async with scene(keep=keep, routes=("<sip:192.0.2.5;lr>",)) as table:
        invite = await table.invited()
        async with successor(table, states[0]) as later:
            later.leg.hang_up()
            cancel = await later.peer.expect("CANCEL")
            assert cancel.headers.get("Via") == invite.headers.get("Via")
            assert cancel.headers.get("Route") == "<sip:192.0.2.5;lr>"
            assert later.peer.destinations == table.peer.destinations
            later.peer.respond(cancel, 200)
            later.peer.respond(invite, 487)
            await later.peer.expect("ACK")
            assert await nothing_is_left(later)


@pytest.mark.parametrize("is_sent", [False, True])
@skipping
async def test_a_leg_that_was_just_restored_has_the_same_state(is_sent: bool) -> None:
    """The successor may be killed, too."""
    states: list[LegState] = []

    async def keep() -> None:
        states.append(table.leg.state())

    async with scene(keep=keep) as table:
        await table.invited()
        state = table.leg.state() if is_sent else states[0]
        async with successor(table, state) as later:
            assert later.leg.state() == state


@skipping
async def test_an_invite_that_never_left_is_over_after_its_cancel() -> None:
    states: list[LegState] = []

    async def keep() -> None:
        states.append(table.leg.state())

    async with scene(keep=keep) as table:
        await table.invited()
        async with successor(table, states[0]) as later:
            later.leg.hang_up()
            later.peer.respond(await later.peer.expect("CANCEL"), 481)
            await asyncio.wait_for(later.leg.closed(), 32.1)
            assert await later.is_empty_in_the_end()


@skipping
async def test_an_answer_that_crosses_the_successors_cancel_is_ended() -> None:
    async with scene() as table:
        invite = await table.invited()
        async with successor(table, table.leg.state()) as later:
            later.leg.hang_up()
            await later.peer.expect("CANCEL")
            later.peer.respond(invite, 200, body=ANSWER)
            await later.peer.expect("ACK")
            later.peer.respond(await later.peer.expect("BYE"), 200)
            assert await nothing_is_left(later)


@skipping
async def test_an_answer_that_the_first_process_had_not_kept_comes_again_to_the_next() -> None:
    async def keep() -> None:
        if table.leg.state().dialog is not None:
            await asyncio.Event().wait()  # killed here
        states.append(table.leg.state())

    states: list[LegState] = []
    async with scene(keep=keep) as table:
        invite = await table.invited()
        table.peer.respond(invite, 200, body=ANSWER)
        await asyncio.sleep(1)
        assert table.peer.requests() == ["INVITE"]
        async with successor(table, states[-1]) as later:
            await asyncio.sleep(0.1)
            later.peer.respond(invite, 200, body=ANSWER)
            await later.peer.expect("ACK")
            assert await later.event() == LegAnswered(ANSWER)
            later.leg.hang_up()
            later.peer.respond(await later.peer.expect("BYE"), 200)
            assert await nothing_is_left(later)


@skipping
async def test_an_invite_that_goes_on_is_told_as_ever() -> None:
    async with scene() as table:
        invite = await table.invited()
        async with successor(table, table.leg.state()) as later:
            later.peer.respond(invite, 180)
            assert await later.event() == LegProgress(180)
            later.peer.respond(invite, 486)
            assert await later.event() == Failed(Failure(status=486, reason="Busy Here", rang=True))
            await later.peer.expect("ACK")
            assert await nothing_is_left(later)


@skipping
async def test_a_challenge_to_an_invite_of_an_earlier_process_is_its_end() -> None:
    """It is not sent again: its session description is not kept."""
    async with scene() as table:
        invite = await table.invited()
        async with successor(table, table.leg.state()) as later:
            later.peer.respond(invite, 401, [("WWW-Authenticate", 'Digest realm="r", nonce="n"')])
            await later.peer.expect("ACK")
            assert await later.event() == Failed(Failure(status=401, reason="Unauthorized"))
            assert await nothing_is_left(later)


@skipping
async def test_an_answered_call_goes_on() -> None:
    async with scene(credentials=CREDENTIALS) as table:
        dialog = await table.answered()
        probe = asyncio.ensure_future(table.leg.probe())
        state = table.leg.state()
        table.peer.respond(await table.peer.expect("OPTIONS"), 200)
        await probe
        async with successor(table, state) as later:
            assert later.leg.answered
            assert later.leg.origin == (("1", 1))
            number = await probed(later)
            assert number > 1000  # the one that was kept, and what was sent since
            later_dialog = Dialog(later.peer, dialog.invite, "theirs")
            request = later_dialog.offer(ANSWER)
            event = await later.event()
            assert isinstance(event, Offered)
            later.leg.answer(event, OFFER)
            later_dialog.ack(request, await later.peer.expect_status(200))
            later_dialog.request("BYE")
            await later.peer.expect_status(200)
            assert await later.event() == HungUp(by_peer=True)
            assert await nothing_is_left(later)


async def probed(table: Scene) -> int:
    probe = asyncio.ensure_future(table.leg.probe())
    options = await table.peer.expect("OPTIONS")
    table.peer.respond(options, 200)
    assert await probe
    return int((options.headers.get("CSeq") or "").partition(" ")[0])


@skipping
async def test_an_answered_call_is_ended_even_if_the_peer_has_ended_it_meanwhile() -> None:
    async with scene() as table:
        await table.answered()
        async with successor(table, table.leg.state()) as later:
            later.leg.hang_up()
            later.peer.respond(await later.peer.expect("BYE"), 481)
            assert await nothing_is_left(later)


@skipping
async def test_a_process_that_lets_go_sends_nothing_more() -> None:
    async with scene() as table:
        dialog = await table.answered()
        answer = asyncio.ensure_future(table.leg.reinvite(OFFER))
        await table.peer.expect("INVITE")
        table.leg.forget()
        sent = len(table.air.log)
        await asyncio.sleep(0)
        assert await asyncio.wait_for(answer, 0.1) == Failure(status=481, reason="Call/Transaction Does Not Exist")
        table.leg.hang_up()
        await table.leg.closed()
        assert "BYE" not in table.peer.requests()
        assert len(table.air.log) == sent
        dialog.request("BYE")
        await table.peer.expect_status(481)


@pytest.mark.parametrize("after_s", [0.0, 1.0])
@skipping
async def test_a_process_that_lets_go_of_an_invite_sends_none(after_s: float) -> None:
    async with scene(uri="sip:phone@slow.example", lookup=SlowLookup()) as table:
        inviting = asyncio.ensure_future(table.leg.invite(OFFER))
        await asyncio.sleep(after_s)
        table.leg.forget()
        await asyncio.wait_for(inviting, 0.1)
        await asyncio.sleep(20)
        assert table.air.log == []


@skipping
async def test_after_a_start_requests_wait_for_their_dialog() -> None:
    async with scene() as table:
        dialog = await table.answered()
        state = table.leg.state()
        await table.endpoint.stop()
        endpoint = endpoint_on(air := Air())
        dialogs = Dialogs(endpoint, restoring=True)
        peer = Peer(air)
        Dialog(peer, dialog.invite, "theirs", seq=5).request("BYE")
        unknown = Dialog(peer, dialog.invite, "theirs")
        unknown.invite = type(dialog.invite)("INVITE", "", dialog.invite.headers.copy())
        unknown.invite.headers.set("Call-ID", "of nobody")
        unknown.request("BYE")
        await asyncio.sleep(1)
        assert air.log == []
        leg = Leg.restore(endpoint, dialogs, state)
        await peer.expect_status(200)
        assert await leg.next_event() == HungUp(by_peer=True)
        dialogs.restored()
        await peer.expect_status(481)
        unknown.request("OPTIONS")
        await peer.expect_status(481)
        await endpoint.stop()

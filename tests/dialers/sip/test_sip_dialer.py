"""The SIP dialer on real sockets: an agent's phone, a target's phone, and the dialer between them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace as changed

from ringback.dialers.sip.calls.outcome import CallSide
from ringback.dialers.sip.calls.record import CallRecord
from ringback.dialers.sip.messages.message import NameAddr
from ringback.dialers.sip.messages.sdp import SessionDescription, direction
from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.sip_dialer import SipDialer
from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointSettings
from ringback.dialers.sip.transport.destination import Transport
from ringback.domain.callback import Callback
from ringback.domain.outcome import Outcome
from ringback.domain.service import FirstLeg, Service
from ringback.ports.dialer import HandedOver, NotDialled, OutcomeReport
from tests.world.samples import SERVICE, connect, dial, new, offer
from tests.world.sip_endpoints import Recorded, endpoint
from tests.world.sip_phone import Phone, PhoneCall, phone
from tests.world.sip_script import ScriptedCall, sdp

if TYPE_CHECKING:
    from ringback.dialers.sip.calls.bridge import Result

AGENT_SDP = sdp(4000, direction="inactive")
TARGET_SDP = sdp(5000, address="198.51.100.1")
SETTINGS = SipSettings(listen=("127.0.0.1", 0), calls_per_second=1000)


@dataclass
class World:
    agent: Phone
    target: Phone
    endpoint: Endpoint
    dialer: SipDialer
    service: Service
    callback: Callback

    def place(self, call: ScriptedCall | None = None) -> "asyncio.Task[Result]":
        return asyncio.create_task(self.dialer.place(self.callback, self.service, call or ScriptedCall(self.callback)))

    async def talks(self) -> tuple["asyncio.Task[Result]", ScriptedCall, PhoneCall, PhoneCall]:
        """Bring a call to where both sides talk."""
        call = ScriptedCall(self.callback)
        placed = self.place(call)
        agent = await self.agent.answered()
        target = await self.target.answered()
        await within(agent.reinvited.wait())
        await until_kept_joined(call)
        return placed, call, agent, target


async def within(waiting: Any) -> Any:
    async with asyncio.timeout(10):
        return await waiting


async def until_kept_joined(call: ScriptedCall) -> None:
    await call.until_kept(lambda body: CallRecord.decode(body).joined)


@asynccontextmanager
async def world(settings: SipSettings = SETTINGS, **service: Any) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(phone("agent", AGENT_SDP))
        target = await stack.enter_async_context(phone("target", TARGET_SDP))
        started, _ = await stack.enter_async_context(endpoint())
        served = changed(SERVICE, agent_address=agent.uri, **service)
        callback = offer(new(service=served, target=target.uri))
        yield World(agent, target, started, SipDialer(settings, started), served, callback)


async def report_of(placed: "asyncio.Task[Result]") -> OutcomeReport:
    ended = await within(placed)
    assert isinstance(ended, OutcomeReport)
    return ended


async def test_a_call_from_the_first_invite_to_the_last_bye() -> None:
    async with world() as it:
        placed, call, agent, target = await it.talks()
        assert call.told == ["dialing", "ringing", "connected"]
        assert call.call_ids == (agent.request.headers.get("Call-ID"), target.request.headers.get("Call-ID"))
        offers = [SessionDescription.parse(body) for body in agent.offers]
        assert [(direction(offer), offer.address(offer.media[0])) for offer in offers] == [
            ("inactive", "127.0.0.1"),
            ("sendrecv", "198.51.100.1"),
        ]
        [offered] = [SessionDescription.parse(body) for body in target.offers]
        assert (direction(offered), offered.media[0].port) == ("sendrecv", 4000)
        assert (await target.hang_up()).status == 200
        report = await report_of(placed)
        assert (report.outcome, report.sip_status, report.detail) == (Outcome.ANSWERED, 200, "target: hung up")
        await within(agent.ended.wait())


@pytest.mark.parametrize("by_agent", [True, False])
async def test_hold_reaches_the_other_phone(by_agent: bool) -> None:
    async with world() as it:
        placed, _, agent, target = await it.talks()
        one, other = (agent, target) if by_agent else (target, agent)
        other.sdp = sdp(5000, direction="recvonly")
        response = await one.request_in_dialog("INVITE", sdp(4000, direction="sendonly"))
        assert response.status == 200
        assert direction(SessionDescription.parse(response.body)) == "recvonly"
        assert direction(SessionDescription.parse(other.offers[-1])) == "sendonly"
        await one.hang_up()
        await report_of(placed)


async def test_a_number_in_the_words_of_a_peer_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It may be written as it is dialled: 0445556677 for +41445556677."""
    caplog.set_level("DEBUG")
    async with world() as it:
        it.callback = changed(it.callback, dial_target=it.target.uri.replace("target@", "+41445556677@"))
        placed = it.place()
        await it.agent.answered()
        (await it.target.call()).respond(403, headers=[("Warning", '399 sbc "0445556677 is barred"')])
        report = await report_of(placed)
    assert report.outcome is Outcome.NOT_AUTHORIZED
    assert "0445556677 is barred" in report.detail
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "0********* is barred" in told
    assert "the network refuses calls of this dialer: target: 403 Forbidden" in told
    assert "445556677" not in told


async def test_the_agents_invite_says_what_the_callback_is_about() -> None:
    async with world() as it:
        request = changed(
            it.callback.request, context_url="https://crm.example/a b", description="Grüße", external_task_id="T-1"
        )
        it.callback = changed(it.callback, request=request)
        placed = it.place()
        agent = await it.agent.call()
        headers = agent.request.headers
        assert headers.get("Call-Info") == "<https://crm.example/a%20b>;purpose=info"
        assert headers.get("Subject") == "Grüße"
        content, _, encoding = (headers.get("User-to-User") or "").partition(";")
        assert encoding == "encoding=hex"
        assert bytes.fromhex(content)[1:].decode() == f"callback_id={it.callback.callback_id};external_task_id=T-1"
        assert NameAddr.parse(headers.get("From") or "").display == "target@127.0.0.1"
        agent.respond(486)
        assert await within(placed) == NotDialled("agent: 486 Busy Here", agents_unavailable=True)


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "q850"),
    [
        (486, [], Outcome.BUSY, 0),
        (603, [], Outcome.DECLINED, 0),
        (404, [], Outcome.INVALID_NUMBER, 0),
        (403, [], Outcome.NOT_AUTHORIZED, 0),
        (500, [("Reason", 'Q.850;cause=1;text="Unallocated"')], Outcome.INVALID_NUMBER, 1),
        (480, [("Reason", "Q.850;cause=19")], Outcome.NO_ANSWER, 19),
        (302, [("Contact", "<sip:b@other.example>")], Outcome.UNREACHABLE, 0),
        (407, [("Proxy-Authenticate", 'Digest realm="a", nonce="b"')], Outcome.NOT_AUTHORIZED, 0),
    ],
)
async def test_a_refusal_of_the_target_frees_the_agent(
    status: int, headers: list[tuple[str, str]], outcome: Outcome, q850: int
) -> None:
    async with world() as it:
        placed = it.place()
        agent = await it.agent.answered()
        (await it.target.call()).respond(status, headers=headers)
        report = await report_of(placed)
        assert (report.outcome, report.sip_status, report.q850_cause) == (outcome, status, q850)
        await within(agent.ended.wait())


async def test_the_agent_hangs_up_while_the_target_rings() -> None:
    async with world() as it:
        placed = it.place()
        agent = await it.agent.answered()
        target = await it.target.call()
        target.respond(180)
        await agent.hang_up()
        await within(target.invite.cancelled.wait())
        assert (await report_of(placed)).outcome is Outcome.ABANDONED


async def test_the_target_rings_too_long() -> None:
    async with world(ring_timeout=timedelta(milliseconds=200)) as it:
        placed = it.place()
        agent = await it.agent.answered()
        target = await it.target.call()
        target.respond(180)
        report = await report_of(placed)
        assert (report.outcome, report.detail) == (
            Outcome.NO_ANSWER,
            "target: rang, and was not answered within 0.2 s",
        )
        assert target.invite.cancelled.is_set()
        await within(agent.ended.wait())


async def test_nobody_is_at_the_port_of_the_target() -> None:
    async with world() as it:
        it.callback = changed(it.callback, dial_target="sip:nobody@127.0.0.1:1")
        placed = it.place()
        agent = await it.agent.answered()
        assert (await report_of(placed)).outcome is Outcome.UNREACHABLE
        await within(agent.ended.wait())


async def test_an_address_that_the_dial_rules_refuse_gets_no_packet() -> None:
    async with world() as it:
        call = ScriptedCall(it.callback)
        call.judge_address = lambda address: f"sip.deny_hosts: {address} is denied"  # type: ignore[method-assign]
        placed = it.place(call)
        await it.agent.answered()
        report = await report_of(placed)
        assert report.outcome is Outcome.BLOCKED
        assert "sip.deny_hosts" in report.detail
        assert it.target.methods == []


async def test_a_cancel_while_the_agent_rings() -> None:
    async with world() as it:
        call = ScriptedCall(it.callback)
        placed = it.place(call)
        agent = await it.agent.call()
        agent.respond(180)
        call.hang_up.set()
        assert isinstance(await within(placed), NotDialled)
        assert agent.invite.cancelled.is_set()
        assert it.target.methods == []


async def test_the_target_first() -> None:
    async with world(first_leg=FirstLeg.TARGET) as it:
        call = ScriptedCall(it.callback)
        placed = it.place(call)
        target = await it.target.answered()
        agent = await it.agent.answered()
        await until_kept_joined(call)
        assert target.reinvited.is_set()
        assert call.told == ["dialing", "ringing", "connected"]
        await agent.hang_up()
        assert (await report_of(placed)).outcome is Outcome.ANSWERED
        await within(target.ended.wait())


@pytest.mark.parametrize("answers", [True, False])
async def test_refer_leaves_the_call_to_the_agents_phone(answers: bool) -> None:
    async with world(replace(SETTINGS, method="refer")) as it:
        call = ScriptedCall(it.callback)
        placed = it.place(call)
        agent = await it.agent.answered()
        await it.agent.requested("REFER")
        final = "SIP/2.0 200 OK" if answers else "SIP/2.0 486 Busy Here"
        for state, line in [("active", "SIP/2.0 100 Trying"), ("active", "SIP/2.0 180 Ringing"), ("terminated", final)]:
            headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag")]
            response = await agent.notify(line.encode(), headers)
            assert response.status == 200
        report = await report_of(placed)
        assert report.outcome is (Outcome.ANSWERED if answers else Outcome.BUSY)
        assert call.told == ["dialing", "ringing", *(["connected"] if answers else [])]
        await within(agent.ended.wait())
        assert it.target.methods == []


# --- The end of a server, and the beginning of the next one --------------------------------------------------------


async def next_process(it: World, *, same_port: bool = True) -> tuple[Endpoint, SipDialer]:
    """Let the process die, and start another one."""
    port = it.endpoint.port if same_port else 0
    await it.endpoint.stop()
    settings = EndpointSettings(host="127.0.0.1", port=port, transports=frozenset({Transport.UDP, Transport.TCP}))
    started = await Endpoint.start(settings, trace=Recorded())
    return started, SipDialer(SETTINGS, started)


@pytest.mark.parametrize("by_agent", [True, False])
@pytest.mark.parametrize("same_port", [True, False])
async def test_another_process_goes_on_with_the_conversation(by_agent: bool, same_port: bool) -> None:
    async with world() as it:
        placed, call, agent, target = await it.talks()
        agent.reinvited.clear()
        endpoint, dialer = await next_process(it, same_port=same_port)
        try:
            connected = connect(dial(it.callback))
            resumed = asyncio.create_task(dialer.resume(connected, it.service, ScriptedCall(connected), call.kept[-1]))
            if not same_port:  # where it is now, both are told
                await within(asyncio.gather(agent.reinvited.wait(), target.reinvited.wait()))
            one, other = (agent, target) if by_agent else (target, agent)
            await within(one.hang_up())
            ended = await within(resumed)
            assert isinstance(ended, OutcomeReport)
            assert ended.outcome is Outcome.ANSWERED
            await within(other.ended.wait())
        finally:
            placed.cancel()
            await endpoint.stop()


@pytest.mark.parametrize("same_port", [True, False])
async def test_another_process_ends_what_had_not_connected(same_port: bool) -> None:
    async with world() as it:
        call = ScriptedCall(it.callback)
        placed = it.place(call)
        agent = await it.agent.answered()
        target = await it.target.call()
        target.respond(180)
        await call.until_kept(lambda body: CallRecord.decode(body).target is not None)
        endpoint, dialer = await next_process(it, same_port=same_port)
        try:
            dialing = dial(it.callback)
            ended = await within(dialer.resume(dialing, it.service, ScriptedCall(dialing), call.kept[-1]))
            assert isinstance(ended, OutcomeReport)
            assert ended.outcome is Outcome.INTERRUPTED
            await within(asyncio.gather(agent.ended.wait(), target.invite.cancelled.wait()))
        finally:
            placed.cancel()
            await endpoint.stop()


@pytest.mark.parametrize("same_port", [True, False])
async def test_another_process_ends_the_ringing_of_the_agent(same_port: bool) -> None:
    async with world() as it:
        call = ScriptedCall(it.callback)
        placed = it.place(call)
        agent = await it.agent.call()
        agent.respond(180)
        endpoint, dialer = await next_process(it, same_port=same_port)
        try:
            await within(dialer.resume(None, None, ScriptedCall(it.callback), call.kept[-1]))
            await within(agent.invite.cancelled.wait())
        finally:
            placed.cancel()
            await endpoint.stop()


@pytest.mark.parametrize("state", [dial, connect])
async def test_a_target_that_was_not_joined_to_the_agent_is_called_again(state: Callable[[Callback], Callback]) -> None:
    """It has answered, and nobody was there: that it was reached does not keep the promise."""
    async with world(first_leg=FirstLeg.TARGET) as it:
        call = ScriptedCall(it.callback)
        placed = it.place(call)
        target = await it.target.answered()
        agent = await it.agent.call()
        agent.respond(180)
        await call.until_kept(lambda body: CallRecord.decode(body).agent is not None)
        endpoint, dialer = await next_process(it)
        try:
            resumed = ScriptedCall(it.callback)
            ended = await within(dialer.resume(state(dial(it.callback)), it.service, resumed, call.kept[-1]))
            assert isinstance(ended, OutcomeReport)
            assert ended.outcome is Outcome.ABANDONED
            assert resumed.told == (["connected"] if state is dial else [])
            await within(asyncio.gather(target.ended.wait(), agent.invite.cancelled.wait()))
        finally:
            placed.cancel()
            await endpoint.stop()


@pytest.mark.parametrize("side", CallSide)
async def test_one_leg_that_cannot_be_read_keeps_the_other_from_nothing(side: CallSide) -> None:
    async with world() as it:
        placed, call, agent, target = await it.talks()
        endpoint, dialer = await next_process(it)
        try:
            record = msgspec.json.decode(call.kept[-1])
            record[side]["leg"]["dialog"]["local"] = "<"
            connected = connect(dial(it.callback))
            await within(dialer.resume(connected, it.service, ScriptedCall(connected), msgspec.json.encode(record)))
            await within((target if side is CallSide.AGENT else agent).ended.wait())
        finally:
            placed.cancel()
            await endpoint.stop()


async def test_what_cannot_be_read_is_interrupted() -> None:
    async with world() as it:
        ended = await it.dialer.resume(None, None, ScriptedCall(it.callback), b"{}")
        assert ended == OutcomeReport(outcome=Outcome.INTERRUPTED, detail="what was kept of the call cannot be read")


async def test_a_server_that_stops_hands_conversations_over() -> None:
    async with world(replace(SETTINGS, drain_timeout=timedelta(0))) as it:
        placed, _, agent, target = await it.talks()
        it.dialer.drain()
        assert await within(placed) == HandedOver()
        assert not agent.ended.is_set()
        assert not target.ended.is_set()


async def test_a_hang_up_waits_for_the_process_that_a_call_is_handed_over_to() -> None:
    """With 481 from the old one, the phone would not repeat its BYE, and the other side be left in the call."""
    async with world(replace(SETTINGS, drain_timeout=timedelta(0))) as it:
        placed, call, agent, target = await it.talks()
        it.dialer.drain()
        assert await within(placed) == HandedOver()
        hanging_up = asyncio.create_task(target.hang_up())
        await asyncio.wait({hanging_up}, timeout=0.1)
        endpoint, dialer = await next_process(it)
        try:
            connected = connect(dial(it.callback))
            resumed = asyncio.create_task(dialer.resume(connected, it.service, ScriptedCall(connected), call.kept[-1]))
            assert (await within(hanging_up)).status == 200
            await within(agent.ended.wait())
            await within(resumed)
        finally:
            await endpoint.stop()


@pytest.mark.parametrize("answers", [True, False])
async def test_a_server_that_stops_gives_a_target_up(answers: bool) -> None:
    """One that has answered, and waits for an agent, is called again."""
    async with world(replace(SETTINGS, drain_timeout=timedelta(0)), first_leg=FirstLeg.TARGET) as it:
        placed = it.place()
        if answers:
            await it.target.answered()
            await it.agent.call()
        else:
            (await it.target.call()).respond(180)
        it.dialer.drain()
        assert (await report_of(placed)).outcome is (Outcome.ABANDONED if answers else Outcome.INTERRUPTED)


async def test_a_server_that_stops_places_no_call() -> None:
    async with world() as it:
        it.dialer.drain()
        assert await within(it.place()) == NotDialled("the server stops")
        assert it.agent.methods == []


async def test_a_call_that_another_process_has_is_left_alone() -> None:
    async with world() as it:
        placed, call, agent, target = await it.talks()
        call.superseded = True
        placed.cancel()
        await asyncio.wait({placed})
        await it.dialer.stop(1)
        assert not agent.ended.is_set()
        assert not target.ended.is_set()


async def test_a_cancelled_call_is_hung_up() -> None:
    async with world() as it:
        placed, _, agent, target = await it.talks()
        placed.cancel()
        await within(asyncio.gather(agent.ended.wait(), target.ended.wait()))


async def test_a_number_without_a_proxy_is_refused_before_anybody_is_called() -> None:
    async with world() as it:
        it.callback = changed(it.callback, dial_target="tel:+41785556677")
        call = ScriptedCall(it.callback)
        report = await report_of(it.place(call))
        assert report.outcome is Outcome.NETWORK_FAILURE
        assert "sip.proxy" in report.detail
        assert call.told == ["dialing"]
        assert it.agent.methods == []


async def test_calls_begin_at_the_pace_that_is_set() -> None:
    async with world(replace(SETTINGS, calls_per_second=0.001)) as it:
        first, second = it.place(), it.place()
        (await it.agent.call()).respond(486)
        await within(first)
        it.dialer.drain()
        assert await within(second) == NotDialled("the server stops")
        assert it.agent.methods == ["INVITE"]

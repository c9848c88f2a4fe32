"""A leg and a phone on real sockets."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ringback.dialers.sip.dialogs.dialogs import Dialogs
from ringback.dialers.sip.dialogs.leg import Leg
from ringback.dialers.sip.dialogs.leg_events import HungUp, LegAnswered, LegProgress, Offered
from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointSettings
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.tls import TlsFiles
from tests.world.certificates import Authority
from tests.world.sip_endpoints import Recorded, endpoint
from tests.world.sip_peer import ANSWER, OFFER, plan
from tests.world.sip_phone import Phone

TIMEOUT_S = 10


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    cert, key = authority.issue("localhost", addresses=["127.0.0.1"]).write(tmp_path)
    return TlsFiles(ca=tmp_path / "ca.pem", cert=cert, key=key)


@pytest.mark.parametrize("transport", list(Transport))
async def test_a_call_in_which_both_sides_do_all_they_can(transport: Transport, tls: TlsFiles) -> None:
    async with (
        asyncio.timeout(TIMEOUT_S),
        endpoint(transports=[transport], tls=tls) as (ours, trace),
        endpoint(transports=[transport], tls=tls) as (theirs, _),
    ):
        phone = Phone(theirs, "phone", ANSWER)
        dialogs = Dialogs(ours)
        leg = Leg(ours, dialogs, plan(uri=phone.uri))
        await leg.invite(OFFER)
        call = await phone.call()
        call.respond(180)
        assert await leg.next_event() == LegProgress(180)
        await call.answer()
        assert await leg.next_event() == LegAnswered(ANSWER)
        assert await leg.reinvite(OFFER) == ANSWER
        assert await leg.probe()
        held = asyncio.ensure_future(call.request_in_dialog("INVITE", ANSWER))
        offered = await leg.next_event()
        assert isinstance(offered, Offered)
        assert leg.answer(offered, OFFER)
        assert (await held).body == OFFER
        assert await leg.refer("sip:target@192.0.2.77") is None
        assert (await call.hang_up()).status == 200
        assert await leg.next_event() == HungUp(by_peer=True)
        await leg.closed()
        assert {destination.rpartition("=")[2] for _, destination, _ in trace.messages} == {transport}


@pytest.mark.parametrize("rings", [True, False])
async def test_another_process_at_the_same_address_ends_what_was_kept(rings: bool) -> None:
    async with asyncio.timeout(TIMEOUT_S), AsyncExitStack() as stack:
        theirs, _ = await stack.enter_async_context(endpoint(transports=[Transport.UDP]))
        phone = Phone(theirs, "phone", ANSWER)
        settings = EndpointSettings(host="127.0.0.1", port=0, transports=frozenset({Transport.UDP}))
        first = await Endpoint.start(settings, trace=Recorded())
        leg = Leg(first, Dialogs(first), plan(uri=phone.uri))
        await leg.invite(OFFER)
        call = await phone.call()
        call.respond(180)
        await leg.next_event()
        if not rings:
            await call.answer()
            await leg.next_event()
        state, port = leg.state(), first.port
        await first.stop()
        second = await Endpoint.start(
            EndpointSettings(host="127.0.0.1", port=port, transports=settings.transports), trace=Recorded()
        )
        stack.push_async_callback(second.stop)
        restored = Leg.restore(second, Dialogs(second), state)
        restored.hang_up()
        await restored.closed()
        if rings:
            await call.invite.cancelled.wait()
        else:
            await call.ended.wait()

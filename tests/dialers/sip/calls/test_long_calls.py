"""What happens to a call because time passes: the longest duration, and a phone that dies without a word."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace as changed

from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.sip_dialer import SipDialer
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport
from tests.world.samples import SERVICE, new, offer
from tests.world.sip_network import SipNetwork
from tests.world.sip_phone import Phone, PhoneCall
from tests.world.sip_script import ScriptedCall, sdp
from tests.world.skipping_loop import run_skipping

if TYPE_CHECKING:
    from ringback.dialers.sip.transactions.endpoint import Endpoint

HOSTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


@dataclass
class Talk:
    """A call in which both talk, on a network in memory."""

    network: SipNetwork
    agent: PhoneCall
    target: PhoneCall
    placed: "asyncio.Task[object]"
    begun: float
    detail: str = ""

    async def ended_after(self) -> float:
        """Return after how many seconds the call was reported to have ended."""
        report = await self.placed
        assert isinstance(report, OutcomeReport)
        assert report.outcome is Outcome.ANSWERED
        self.detail = report.detail
        return asyncio.get_running_loop().time() - self.begun


def talking(scenario: Callable[[Talk], Awaitable[None]], *, longest: timedelta) -> None:
    async def play() -> None:
        network = SipNetwork(is_silent=True)
        endpoints: list[Endpoint] = [network.endpoint(host) for host in HOSTS]
        agent, target = Phone(endpoints[1], "agent", sdp(4000)), Phone(endpoints[2], "target", sdp(5000))
        dialer = SipDialer(SipSettings(), endpoints[0])
        service = changed(SERVICE, agent_address=agent.uri, max_call_duration=longest)
        callback = offer(new(service=service, target=target.uri))
        call = ScriptedCall(callback)
        placed: asyncio.Task[object] = asyncio.create_task(dialer.place(callback, service, call))
        talk = Talk(network, await agent.answered(), await target.answered(), placed, asyncio.get_running_loop().time())
        await scenario(talk)
        for endpoint in endpoints:
            await endpoint.stop()

    run_skipping(play())


def test_no_call_lasts_longer_than_it_may() -> None:
    async def scenario(talk: Talk) -> None:
        assert 600 <= await talk.ended_after() < 610
        assert talk.agent.ended.is_set()
        assert talk.target.ended.is_set()
        assert "longest" in talk.detail

    talking(scenario, longest=timedelta(minutes=10))


def test_a_phone_that_died_is_found_and_the_other_one_is_hung_up() -> None:
    async def scenario(talk: Talk) -> None:
        talk.network.close(HOSTS[1])
        # The test in the dialog, after five minutes, waits for a response for 32 s.
        assert 300 <= await talk.ended_after() < 340
        assert talk.target.ended.is_set()
        assert talk.detail == "agent: was lost"

    talking(scenario, longest=timedelta(hours=1))


def test_phones_that_live_are_left_alone() -> None:
    async def scenario(talk: Talk) -> None:
        await asyncio.sleep(3000)
        assert not talk.placed.done()
        await talk.target.hang_up()
        assert 3000 <= await talk.ended_after() < 3010

    talking(scenario, longest=timedelta(hours=1))

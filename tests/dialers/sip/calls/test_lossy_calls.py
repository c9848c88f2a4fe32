"""Whole calls over a network that loses a fifth of all datagrams: each ends, and on no phone a call is left."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace as changed

from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.sip_dialer import SipDialer
from ringback.domain.outcome import Outcome
from ringback.domain.service import FirstLeg
from ringback.ports.dialer import NotDialled, OutcomeReport
from tests.world.samples import SERVICE, new, offer
from tests.world.sip_network import SipNetwork, Weather
from tests.world.sip_phone import Phone, PhoneCall
from tests.world.sip_script import ScriptedCall, sdp
from tests.world.skipping_loop import run_skipping

CALLS = 40
# Timers of the last transaction, and of what absorbs its repetitions.
LONGEST_S = 120


@dataclass
class People:
    """Who takes the calls of a phone, each time in another way."""

    phone: Phone
    random: Random
    hangs_up: bool

    async def run(self) -> None:
        async with asyncio.TaskGroup() as calls:
            while True:
                calls.create_task(self.take(await self.phone.next_call()))

    async def take(self, call: PhoneCall) -> None:
        call.respond(180)
        await asyncio.sleep(self.random.choice([0, 0.1, 2, 10, 60]))
        if self.random.random() < 0.2:
            call.respond(self.random.choice([486, 603, 503, 404]))
            return
        call.respond(200, call.sdp)
        if await call.invite.acknowledged() is None:
            return
        call.acknowledged.set()
        await asyncio.sleep(self.random.choice([0, 0.5, 30]))
        if self.random.random() < 0.5 and not call.ended.is_set():
            await call.request_in_dialog("INVITE", call.sdp)
        if self.hangs_up and not call.ended.is_set():
            await call.hang_up()


@pytest.mark.long
@pytest.mark.parametrize("first", FirstLeg)
@pytest.mark.parametrize("seed", range(3))
def test_no_call_is_left_behind(seed: int, first: FirstLeg) -> None:
    async def scenario() -> None:
        random = Random(seed)
        network = SipNetwork(Weather(lost=0.2, doubled=0.1, jitter_s=0.3), random)
        endpoints = [network.endpoint(f"10.0.0.{number}") for number in (1, 2, 3)]
        agent, target = Phone(endpoints[1], "agent", sdp(4000)), Phone(endpoints[2], "target", sdp(5000))
        people = [People(agent, random, hangs_up=False), People(target, random, hangs_up=True)]
        takers = [asyncio.create_task(each.run()) for each in people]
        dialer = SipDialer(SipSettings(calls_per_second=1000), endpoints[0])
        service = changed(SERVICE, agent_address=agent.uri, first_leg=first, max_call_duration=timedelta(minutes=10))

        async def place() -> tuple[ScriptedCall, object]:
            callback = offer(new(service=service, target=target.uri))
            call = ScriptedCall(callback)
            if random.random() < 0.2:
                asyncio.get_running_loop().call_later(random.random() * 20, call.hang_up.set)
            return call, await dialer.place(callback, service, call)

        ends = await asyncio.gather(*(place() for _ in range(CALLS)))
        await asyncio.sleep(LONGEST_S)
        for call, ended in ends:
            assert isinstance(ended, OutcomeReport | NotDialled)
            assert ("dialing" in call.told) == isinstance(ended, OutcomeReport)
        outcomes = {ended.outcome for _, ended in ends if isinstance(ended, OutcomeReport)}
        assert {Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER} & outcomes
        for phone in (agent, target):
            left = [call for call in phone.calls.values() if call.acknowledged.is_set() and not call.ended.is_set()]
            assert left == []
        assert all(endpoint.is_idle for endpoint in endpoints)
        for taker in takers:
            taker.cancel()
        await asyncio.gather(*takers, return_exceptions=True)
        for endpoint in endpoints:
            await endpoint.stop()

    run_skipping(scenario())

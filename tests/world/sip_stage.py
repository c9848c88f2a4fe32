"""One call between two scripted peers, which the test plays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from ringback.dialers.sip.calls.bridge import Bridge, CallPlan, Result
from ringback.dialers.sip.calls.inbox import Inbox, Signal
from ringback.dialers.sip.calls.legs import Legs
from ringback.dialers.sip.calls.media import MediaExchange
from ringback.dialers.sip.calls.outcome import CallSide
from ringback.dialers.sip.calls.record import Keeper
from ringback.dialers.sip.dialogs.leg_events import LegPlan
from ringback.dialers.sip.messages.message import NameAddr
from ringback.dialers.sip.messages.sdp import Origin
from ringback.ports.dialer import NotDialled, OutcomeReport
from tests.world.sip_script import ScriptedCall, ScriptedLeg, sdp, settle, until

AGENT, TARGET = CallSide.AGENT, CallSide.TARGET
# 2 is what the agent moves to.
AGENT_SDP, AGENT_SDP_2 = sdp(4000, direction="inactive"), sdp(4002)
TARGET_SDP, TARGET_SDP_2 = sdp(5000, address="198.51.100.1"), sdp(5002, address="198.51.100.1")


def leg_plan(side: CallSide) -> LegPlan:
    uri = f"sip:{side}@example.com"
    return LegPlan(
        uri=uri,
        from_=NameAddr("", "sip:ringback@example.com"),
        to=NameAddr("", uri),
        user="ringback",
        call_id=f"{side}-call",
        ring_timeout_s=30,
    )


PLAN = CallPlan(
    agent=leg_plan(AGENT),
    target=leg_plan(TARGET),
    first=AGENT,
    codecs=("PCMA", "telephone-event"),
    early_media=True,
    max_duration_s=3600,
    probe_interval_s=300,
)
TARGET_FIRST = replace(PLAN, first=TARGET)


class Stage:
    """One call, with the test in the place of both peers and of the runner."""

    def __init__(self, plan: CallPlan, kind: type[Bridge] = Bridge) -> None:
        self.plan = plan
        self.call = ScriptedCall()
        self.inbox = Inbox()
        self.inbox.watch(self.call.hang_up, Signal.HANG_UP)
        keeper = Keeper(self.call, "sip:ringback@192.0.2.9")
        media = MediaExchange(Origin("ringback", 1, 1, "192.0.2.9"), Origin("ringback", 2, 1, "192.0.2.9"))
        keeper.legs = self.legs = Legs(self.inbox, media, keeper.keep)
        self.by_side: dict[CallSide, ScriptedLeg] = {}
        bridge = kind(plan, self.call, self.legs, keeper, self._open, lambda: 1_000_000.0)
        self.result = asyncio.ensure_future(bridge.run())

    def _open(self, plan: LegPlan) -> ScriptedLeg:
        leg = ScriptedLeg(plan)
        self.by_side[AGENT if plan.call_id == self.plan.agent.call_id else TARGET] = leg
        return leg

    @property
    def agent(self) -> ScriptedLeg:
        return self.by_side[AGENT]

    @property
    def target(self) -> ScriptedLeg:
        return self.by_side[TARGET]

    async def called(self, side: CallSide) -> ScriptedLeg:
        await until(lambda: side in self.by_side and "INVITE" in self.by_side[side].did)
        return self.by_side[side]

    async def agent_answers(self) -> None:
        (await self.called(AGENT)).answers_with(AGENT_SDP)

    async def talks(self) -> None:
        """Bring a call, whose agent is called first, to where both talk."""
        await self.agent_answers()
        (await self.called(TARGET)).rings()
        self.target.answers_with(TARGET_SDP)
        self.agent.says.put_nowait(sdp(4000))
        await until(lambda: self.legs.joined)
        await settle()

    async def ended(self) -> Result:
        async with asyncio.timeout(5):
            return await self.result

    async def report(self) -> OutcomeReport:
        ended = await self.ended()
        assert isinstance(ended, OutcomeReport)
        return ended

    async def not_dialled(self) -> NotDialled:
        ended = await self.ended()
        assert isinstance(ended, NotDialled)
        assert self.call.told == []
        assert TARGET not in self.by_side
        return ended


@asynccontextmanager
async def staged(plan: CallPlan = PLAN, kind: type[Bridge] = Bridge) -> AsyncIterator[Stage]:
    stage = Stage(plan, kind)
    try:
        yield stage
    finally:
        stage.result.cancel()
        stage.inbox.close()
        await asyncio.gather(stage.result, return_exceptions=True)

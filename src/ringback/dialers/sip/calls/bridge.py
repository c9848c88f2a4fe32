"""One call of two legs, and the direct connection of their media: early offers everywhere.

The side that is called first gets an offer of held media; its answer is the offer to the second side, and that one's
answer is offered to the first in a re-INVITE. So every INVITE has an offer, as many trunks require, and nothing waits
for a person with an unacknowledged 200, as it would in flow I of RFC 3725.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ringback.dialers.sip.calls.conversation import Conversation
from ringback.dialers.sip.calls.inbox import CallLeg, Inbox, LegHappening, Signal
from ringback.dialers.sip.calls.legs import Legs
from ringback.dialers.sip.calls.outcome import (
    CANCELLED,
    OK,
    CallSide,
    detail_of,
    logged_detail_of,
    outcome_of,
    report_of,
    text,
)
from ringback.dialers.sip.calls.record import Keeper
from ringback.dialers.sip.dialogs.leg_events import (
    Acknowledged,
    Failed,
    Failure,
    HungUp,
    LegAnswered,
    LegPlan,
    LegProgress,
    Offered,
)
from ringback.domain.masking import mask_numbers
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import Call, HandedOver, NotDialled, OutcomeReport

_log = logging.getLogger(__name__)

Result = OutcomeReport | NotDialled | HandedOver

WITHDRAWN: Final = "the callback was cancelled, or may not be dialled any more"
STOPPED: Final = "the server stops"
_NO_MEDIA: Final = "answered without media that can be used"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """What both legs are called with, and how long what may last."""

    agent: LegPlan
    target: LegPlan
    # The side that is called first.
    first: CallSide
    codecs: tuple[str, ...]
    early_media: bool
    max_duration_s: float
    probe_interval_s: float

    def of(self, side: CallSide) -> LegPlan:
        return self.agent if side is CallSide.AGENT else self.target


class Bridge:
    """A call from its first INVITE to its end. `run()` returns how it ended."""

    def __init__(
        self,
        plan: CallPlan,
        call: Call,
        legs: Legs,
        keeper: Keeper,
        open_leg: Callable[[LegPlan], CallLeg],
        now: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._call = call
        self._inbox: Inbox = legs.inbox
        self._legs = legs
        self._keeper = keeper
        self._open_leg = open_leg
        self._now = now
        # DIALING was reported: the end is an outcome from then on.
        self._dialling = False
        self._rang = False

    async def run(self) -> Result:
        """Raise what `call` raises. What is left on the network is the caller's to end."""
        first = self._plan.first
        if first is CallSide.TARGET:
            await self._begin_dialling()
        ended = await self._reach(first, self._legs.media.held_offer(first, self._plan.codecs))
        if ended is not None:
            return ended
        if first is CallSide.AGENT:
            if CallSide.AGENT in self._inbox.ended:
                return NotDialled(f"{CallSide.AGENT}: hung up at once", agents_unavailable=True)
            if Signal.DRAIN in self._inbox.signals:
                return NotDialled(STOPPED)
            await self._begin_dialling()
        if first in self._inbox.ended:
            return self._over(Outcome.ABANDONED, f"{first}: hung up before the {first.other} was called")
        return await self._go_on(first.other)

    @property
    def _call_ids(self) -> tuple[str, ...]:
        """The Call-IDs that are on the network, or soon will be."""
        return (self._plan.agent.call_id, self._plan.target.call_id)

    async def _begin_dialling(self) -> None:
        await self._call.dialing(self._call_ids)
        self._dialling = True

    async def _go_on(self, second: CallSide) -> Result:
        """Call the second side, and let both talk."""
        ended = await self._reach(second, self._legs.media.offer(second))
        if ended is not None:
            return ended
        conversation = Conversation(
            self._legs,
            max_duration_s=self._plan.max_duration_s,
            probe_interval_s=self._plan.probe_interval_s,
        )
        return await conversation.run()

    async def _reach(self, side: CallSide, offer: bytes) -> Result | None:
        """Call one side, while the other one, if it was called before, waits. Return None once it has answered."""
        plan = self._plan.of(side)
        if plan.credentials is not None:
            self._keeper.trusted.add(side)
        leg = self._open_leg(replace(plan, keep=self._keeper.keep))
        self._legs.open(side, leg)
        self._inbox.do(leg.invite(offer))
        while True:
            match await self._inbox.next():
                case LegHappening(of, LegAnswered(sdp=sdp)) if of is side:
                    return await self._answered(side, sdp)
                case LegHappening(of, Failed(failure)) if of is side:
                    return self._not_reached(side, failure)
                case LegHappening(of, LegProgress(sdp=sdp)) if of is side:
                    await self._progress(side, sdp)
                case LegHappening(of, HungUp(by_peer=by_peer)):
                    how = "hung up" if by_peer else "was lost"
                    return self._over(Outcome.ABANDONED, f"{of}: {how} while the {of.other} was called")
                case LegHappening(of, Offered() as offered):
                    self._legs.answer(of, offered)
                case LegHappening(of, Acknowledged(sdp=sdp)):
                    self._legs.learn(of, sdp)
                case Signal() as signal if ended := self._stopped_by(signal):
                    return ended

    async def _progress(self, side: CallSide, sdp: bytes | None) -> None:
        if side is CallSide.TARGET and self._legs.by_side[side].rang and not self._rang:
            self._rang = True
            await self._call.ringing()
        # Of a forked call only the first of its early media is heard.
        is_first = self._legs.media.of(side).received is None
        if is_first and self._legs.learn(side, sdp) and self._plan.early_media and self._legs.answered:
            self._legs.join()

    async def _answered(self, side: CallSide, sdp: bytes | None) -> Result | None:
        if side is CallSide.TARGET:
            self._keeper.connected_at = self._now()
            await self._call.connected()
        self._legs.answered.add(side)
        if not self._legs.learn(side, sdp) or self._legs.media.of(side).is_refused:
            return self._over(Outcome.ABANDONED, f"{side}: {_NO_MEDIA}", agents_unavailable=True)
        return None

    def _not_reached(self, side: CallSide, failure: Failure) -> Result:
        if outcome_of(failure) is Outcome.NOT_AUTHORIZED:
            _log.warning("the network refuses calls of this dialer: %s", logged_detail_of(side, failure))
        if side is CallSide.TARGET:
            return report_of(failure, ring_timeout_s=self._plan.target.ring_timeout_s)
        detail = detail_of(side, failure, ring_timeout_s=self._plan.agent.ring_timeout_s)
        return self._over(Outcome.ABANDONED, detail, agents_unavailable=True)

    def _stopped_by(self, signal: Signal) -> Result | None:
        answered = CallSide.TARGET in self._legs.answered
        if signal is Signal.HANG_UP:
            return self._over(Outcome.ABANDONED if answered else Outcome.NO_ANSWER, WITHDRAWN)
        if signal is Signal.DRAINED or (signal is Signal.DRAIN and not self._dialling):
            return self._over(Outcome.ABANDONED if answered else Outcome.INTERRUPTED, STOPPED)
        return None

    def _over(self, outcome: Outcome, detail: str, *, agents_unavailable: bool = False) -> OutcomeReport | NotDialled:
        """Return the end of the call: an outcome of the attempt, where there is one."""
        if not self._dialling:
            # It is shown to all, and logged.
            return NotDialled(text(mask_numbers(detail)), agents_unavailable=agents_unavailable)
        return OutcomeReport(outcome=outcome, sip_status=self._target_status(), detail=text(detail))

    def _target_status(self) -> int:
        """Return the status that the target's leg ends with when it is given up."""
        if CallSide.TARGET in self._legs.answered:
            return OK
        return CANCELLED if CallSide.TARGET in self._legs.by_side else 0

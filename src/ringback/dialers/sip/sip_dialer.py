"""The SIP dialer: places the calls of callbacks over one endpoint, and goes on with those of an earlier process."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from ringback.application.token_bucket import TokenBucket
from ringback.dialers.sip.calls.bridge import STOPPED, WITHDRAWN, Bridge, CallPlan, Result
from ringback.dialers.sip.calls.conversation import Conversation
from ringback.dialers.sip.calls.identity import USER, Identities, NoRoute
from ringback.dialers.sip.calls.inbox import Inbox, Signal
from ringback.dialers.sip.calls.legs import Legs
from ringback.dialers.sip.calls.media import MediaExchange
from ringback.dialers.sip.calls.outcome import CallSide, answered_report, text, unserved_report
from ringback.dialers.sip.calls.record import CallRecord, Keeper
from ringback.dialers.sip.calls.refer import Referral
from ringback.dialers.sip.dialogs.dialogs import Dialogs
from ringback.dialers.sip.dialogs.leg import Leg
from ringback.dialers.sip.dialogs.leg_events import LegPlan
from ringback.dialers.sip.messages.sdp import Origin
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transport.destination import Transport
from ringback.domain.callback import Callback, State
from ringback.domain.masked_callback import without_numbers
from ringback.domain.masking import mask_numbers
from ringback.domain.outcome import Outcome
from ringback.domain.service import FirstLeg, Service
from ringback.ports.dialer import Call, HandedOver, NotDialled, OutcomeReport

_log = logging.getLogger(__name__)

# A process that is killed right after the end of a call cannot repeat a BYE that was lost. So the end is reported when
# the peers have confirmed it, or after this long.
_CLOSING_S: Final = 2.0
# What it may take to hand calls over, when the time for them to end is over.
_HANDOVER_S: Final = 2.0
# How long requests of dialogs that are not restored yet wait for that.
_RESTORING_S: Final = 5.0
_CUT_OFF: Final = "the server was stopped while the call was set up"


class SipDialer:
    """A `Dialer`. `drain()` ends what has not connected, and hands over what has."""

    name: Final = "sip"

    def __init__(self, settings: SipSettings, endpoint: Endpoint, *, now: Callable[[], float] = time.time) -> None:
        """`now` is in seconds since 1970."""
        self._settings = settings
        self._endpoint = endpoint
        self._now = now
        self._identities = Identities(settings, endpoint.sent_by)
        self._contact = endpoint.contact(USER, Transport(settings.transport))
        self._dialogs = Dialogs(endpoint, restoring=True)
        loop = asyncio.get_running_loop()
        loop.call_later(_RESTORING_S, self._dialogs.restored)
        self._pace = TokenBucket(settings.calls_per_second, loop.time())
        self._turn = asyncio.Lock()
        self._draining = asyncio.Event()
        self._drained = asyncio.Event()
        self._closing: set[asyncio.Future[list[None]]] = set()

    @property
    def owner(self) -> str:
        return f"{self._endpoint.sent_by};{self._settings.transport}"

    @property
    def drain_timeout_s(self) -> float:
        return self._settings.drain_timeout.total_seconds() + _HANDOVER_S

    async def place(self, callback: Callback, service: Service, call: Call) -> Result:
        try:
            agent = self._identities.agent(callback, service)
        except NoRoute as fault:
            return NotDialled(str(fault), agents_unavailable=True)
        try:
            target = self._identities.target(callback, service, call.judge_address)
        except NoRoute as fault:
            await call.dialing()
            return OutcomeReport(outcome=Outcome.NETWORK_FAILURE, detail=text(str(fault)))
        if not await self._wait_for_turn(call):
            return NotDialled(STOPPED if self._draining.is_set() else WITHDRAWN)
        keeper = Keeper(call, self._contact)
        legs = self._legs(call, keeper, self._origin(), self._origin())
        plan = CallPlan(
            agent=agent,
            target=target,
            first=CallSide.TARGET if service.first_leg is FirstLeg.TARGET else CallSide.AGENT,
            codecs=self._settings.codecs,
            early_media=self._settings.early_media,
            max_duration_s=self._max_duration_s(service),
            probe_interval_s=self._settings.probe_interval.total_seconds(),
        )
        # Who calls the target itself cannot be referred to it.
        refers = self._settings.method == "refer" and plan.first is CallSide.AGENT
        kind = Referral if refers else Bridge
        bridge = kind(plan, call, legs, keeper, self._open_leg, self._now)
        return await self._carry_out(callback, call, legs, keeper, bridge.run())

    async def resume(
        self, callback: Callback | None, service: Service | None, call: Call, body: bytes
    ) -> OutcomeReport | HandedOver:
        callback_id = "" if callback is None else callback.callback_id
        try:
            record = CallRecord.decode(body)
        except ValueError as fault:
            _log.error("the call of callback %s cannot be taken over: %s", callback_id, fault)
            return _interrupted("what was kept of the call cannot be read")
        keeper = Keeper(call, self._contact)
        keeper.connected_at = record.connected_at
        legs = self._legs(call, keeper, self._origin(), self._origin())
        legs.joined = record.joined
        for side in CallSide:
            try:
                self._restore(side, record, call, legs, keeper)
            except ValueError as fault:  # the other one is still to be ended
                _log.error("the %s's leg of callback %s cannot be taken over: %s", side, callback_id, fault)
        going_on = self._go_on(callback, service, call, legs, record)
        ended = await self._carry_out(callback, call, legs, keeper, going_on)
        assert not isinstance(ended, NotDialled)
        return ended

    def _restore(self, side: CallSide, record: CallRecord, call: Call, legs: Legs, keeper: Keeper) -> None:
        """Go on with one leg of a record, if it has it. Raise `ValueError` for one that is malformed."""
        if (kept := record.of(side)) is None:
            return
        credentials = None
        if kept.trusted:
            keeper.trusted.add(side)
            credentials = self._identities.credentials
        judge = self._identities.judge(side, call.judge_address)
        leg = Leg.restore(self._endpoint, self._dialogs, kept.leg, credentials, judge)
        legs.open(side, leg)
        if leg.answered:
            legs.answered.add(side)
        legs.media.restore(side, kept.leg.origin, record.sent(side))

    async def _go_on(
        self, callback: Callback | None, service: Service | None, call: Call, legs: Legs, record: CallRecord
    ) -> OutcomeReport | HandedOver:
        state = None if callback is None else callback.state
        has_target = CallSide.TARGET in legs.answered
        if state is State.DIALING and has_target:
            await call.connected()
        if not record.joined or len(legs.answered) < len(CallSide) or record.connected_at is None:
            return unserved_report(_CUT_OFF) if has_target else _interrupted(_CUT_OFF)
        if state is State.CANCELLING:
            return answered_report("the callback was cancelled; the target had answered first")
        if record.contact != self._contact:
            legs.refresh()
        conversation = Conversation(
            legs,
            max_duration_s=self._max_duration_s(service) - (self._now() - record.connected_at),
            probe_interval_s=self._settings.probe_interval.total_seconds(),
        )
        legs.probe()  # one side may have hung up while no server was there to be told
        return await conversation.run()

    def drain(self) -> None:
        if not self._draining.is_set():
            self._draining.set()
            timeout_s = self._settings.drain_timeout.total_seconds()
            asyncio.get_running_loop().call_later(timeout_s, self._drained.set)

    async def stop(self, timeout_s: float) -> None:
        """Wait until the peers have confirmed the end of all calls that have ended."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=timeout_s)

    # --- One call -------------------------------------------------------------------------------------------------

    async def _wait_for_turn(self, call: Call) -> bool:
        """Wait until one more call may begin; return False when it is not to begin any more."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            while not call.hang_up.is_set() and not self._draining.is_set():
                if not (wait_s := self._pace.take(1, loop.time())):
                    return True
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._draining.wait(), wait_s)
        return False

    async def _carry_out(
        self, callback: Callback | None, call: Call, legs: Legs, keeper: Keeper, work: Awaitable[Result]
    ) -> Result:
        """Wait until a call ends, and leave nothing of it behind."""
        ended: Result | None = None
        try:
            ended = await work
            if isinstance(ended, HandedOver):
                await keeper.keep()
        finally:
            legs.inbox.close()
            if call.superseded or isinstance(ended, HandedOver):
                if isinstance(ended, HandedOver):
                    self._dialogs.hold()
                legs.forget()
            else:
                legs.hang_up()
                await self._close(legs)
        _tell(callback, legs, ended)
        return ended

    async def _close(self, legs: Legs) -> None:
        closed = asyncio.gather(*(leg.closed() for leg in legs.by_side.values()))
        self._closing.add(closed)
        closed.add_done_callback(self._closing.discard)
        await asyncio.wait({closed}, timeout=_CLOSING_S)

    def _legs(self, call: Call, keeper: Keeper, agent: Origin, target: Origin) -> Legs:
        inbox = Inbox()
        inbox.watch(call.hang_up, Signal.HANG_UP)
        inbox.watch(self._draining, Signal.DRAIN)
        inbox.watch(self._drained, Signal.DRAINED)
        keeper.legs = legs = Legs(inbox, MediaExchange(agent, target), keeper.keep)
        return legs

    def _open_leg(self, plan: LegPlan) -> Leg:
        return Leg(self._endpoint, self._dialogs, plan)

    def _origin(self) -> Origin:
        host = Uri.parse(self._contact).host.strip("[]")
        return Origin(USER, secrets.randbits(32), 1, host)

    def _max_duration_s(self, service: Service | None) -> float:
        own = None if service is None else service.max_call_duration
        return (own or self._settings.max_call_duration).total_seconds()


def _interrupted(detail: str) -> OutcomeReport:
    return OutcomeReport(outcome=Outcome.INTERRUPTED, detail=detail)


def _tell(callback: Callback | None, legs: Legs, ended: Result) -> None:
    match ended:
        case OutcomeReport(outcome=outcome, detail=detail):
            what = f"{outcome} ({detail})" if detail else str(outcome)
        case NotDialled(reason=reason):
            what = f"not dialled ({reason})"
        case HandedOver():
            what = "handed over"
    call_ids = ", ".join(f"{side} {leg.call_id}" for side, leg in legs.by_side.items())
    # A peer may have its own way to write the target's number.
    callback_id, hide = ("", mask_numbers) if callback is None else (callback.callback_id, without_numbers(callback))
    _log.info("call of callback %s: %s; Call-IDs: %s", callback_id, hide(what), call_ids or "none")

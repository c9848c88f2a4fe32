"""A call whose two legs are answered, until one side ends it."""

import logging
from typing import Final

from ringback.dialers.sip.calls.inbox import Joined, LegHappening, Signal
from ringback.dialers.sip.calls.legs import Legs
from ringback.dialers.sip.calls.outcome import (
    CallSide,
    answered_report,
    cause_of,
    detail_of,
    logged_detail_of,
    unserved_report,
)
from ringback.dialers.sip.dialogs.leg_events import Acknowledged, Dtmf, Failure, HungUp, Offered
from ringback.ports.dialer import HandedOver, OutcomeReport

_log = logging.getLogger(__name__)

_TOO_LONG: Final = "ended at the longest duration that is allowed"
_CANCELLED: Final = "the callback was cancelled; the target had answered first"


class Conversation:
    """From the answer of the second leg on, or from where another process left it."""

    def __init__(self, legs: Legs, *, max_duration_s: float, probe_interval_s: float) -> None:
        self._inbox = legs.inbox
        self._legs = legs
        self._max_duration_s = max_duration_s
        self._probe_interval_s = probe_interval_s

    async def run(self) -> OutcomeReport | HandedOver:
        self._inbox.put_later(self._max_duration_s, Signal.TOO_LONG)
        self._inbox.put_later(self._probe_interval_s, Signal.PROBE)
        if not self._legs.joined:
            self._legs.join()
        while True:
            ended = self._react(await self._inbox.next())
            if ended is not None:
                return ended

    def _react(self, happening: LegHappening | Signal | Joined) -> OutcomeReport | HandedOver | None:
        match happening:
            case LegHappening(side, HungUp() as end):
                return self._hung_up(side, end)
            case LegHappening(side, Offered() as offered):
                self._legs.forward(side, offered)
            case LegHappening(side, Acknowledged(sdp=sdp)):
                self._legs.acknowledged(side, sdp)
            case LegHappening(side, Dtmf() as dtmf):
                self._legs.digits(side, dtmf)
            case Joined(failed):
                return self._on_joined(failed)
            case Signal() as signal:
                return self._on_signal(signal)
        return None

    def _on_joined(self, failed: tuple[CallSide, Failure] | None) -> OutcomeReport | None:
        if failed is None:
            return None
        side, failure = failed
        if self._legs.joined:
            # They go on talking as before, or hang up.
            _log.info("%s refused the other side's media: %s", side, logged_detail_of(side, failure))
            return None
        return unserved_report(detail_of(side, failure))

    def _on_signal(self, signal: Signal) -> OutcomeReport | HandedOver | None:
        match signal:
            case Signal.HANG_UP:
                return answered_report(_CANCELLED)
            case Signal.TOO_LONG:
                return answered_report(_TOO_LONG)
            case Signal.DRAINED:
                return HandedOver()
            case Signal.PROBE:
                self._legs.probe()
                self._inbox.put_later(self._probe_interval_s, Signal.PROBE)
        return None

    def _hung_up(self, side: CallSide, end: HungUp) -> OutcomeReport:
        if (other := self._legs.by_side.get(side.other)) is not None:
            other.hang_up(q850=cause_of(end.q850), reason=end.reason)
        how = "hung up" if end.by_peer else "was lost"
        if side is CallSide.AGENT and not self._legs.joined:
            return unserved_report(f"{side}: {how} before the target was connected")
        return answered_report(f"{side}: {how}", q850=end.q850)

"""A call that the agent's phone or PBX makes itself: REFER (RFC 3515), and its progress by NOTIFY (RFC 3420).

The target's leg is the PBX's: early media, hold and the end of the call are, too. What is seen here are the status
lines and headers of its responses, so far as the PBX tells them.
"""

import re
from typing import Final

from ringback.dialers.sip.calls.bridge import Bridge, Result
from ringback.dialers.sip.calls.inbox import LegHappening, Signal
from ringback.dialers.sip.calls.outcome import CallSide, answered_report, detail_of, report_of
from ringback.dialers.sip.dialogs.failure import failure_of
from ringback.dialers.sip.dialogs.leg_events import Acknowledged, HungUp, Notified, Offered
from ringback.dialers.sip.messages.message import END_OF_HEADERS, Headers, MalformedMessage, Response, read_headers
from ringback.domain.outcome import Outcome

_STATUS_LINE: Final = re.compile(rb"SIP/2\.0 +([1-6][0-9]{2})(?: +([^\r\n]*))?", re.IGNORECASE)
# After the target's ring timeout the PBX has this long to say how it ended.
_GRACE_S: Final = 5.0
_RINGING: Final = 180
# These mean that the agent's dialog is gone.
_GONE: Final = frozenset({408, 481})
# The target's phone may still ring, which nobody but the agent's phone can end: INTERRUPTED keeps it from other calls.
_SILENT: Final = "the agent's phone did not tell what became of the target's"
_MOVED: Final = "the agent's phone ended the call before it told what became of the target's"


class Referral(Bridge):
    """Once the agent has answered, it is referred to the target."""

    @property
    def _call_ids(self) -> tuple[str, ...]:
        """The other dialog is the PBX's, with a Call-ID of its own."""
        return (self._plan.agent.call_id,)

    async def _go_on(self, second: CallSide) -> Result:
        agent = self._legs.by_side[second.other]
        if refused := await agent.refer(self._plan.target.uri):
            gone = refused.status in _GONE or refused.fault is not None
            outcome = Outcome.ABANDONED if gone else Outcome.NETWORK_FAILURE
            return self._over(outcome, f"REFER was refused, {detail_of(CallSide.AGENT, refused)}")
        self._inbox.put_later(self._plan.target.ring_timeout_s + _GRACE_S, Signal.TOO_LONG)
        while True:
            match await self._inbox.next():
                case LegHappening(event=Notified(state, sipfrag)):
                    if ended := await self._notified(state, sipfrag):
                        return ended
                case LegHappening(event=HungUp()):
                    return self._over(Outcome.INTERRUPTED, _MOVED)
                case LegHappening(side, Offered() as offered):
                    self._legs.answer(side, offered)
                case LegHappening(side, Acknowledged(sdp=sdp)):
                    self._legs.learn(side, sdp)
                case Signal.TOO_LONG:
                    return self._over(Outcome.INTERRUPTED, _SILENT)
                case Signal() as signal if ended := self._stopped_by(signal):
                    return ended

    async def _notified(self, state: str, sipfrag: bytes) -> Result | None:
        response = _response(sipfrag)
        status = 0 if response is None else response.status
        if status == _RINGING and not self._rang:
            self._rang = True
            await self._call.ringing()
        if 200 <= status < 300:
            await self._call.connected()
            return answered_report("the agent's phone or PBX has connected the target, and has the call since")
        if response is not None and status >= 300:
            return report_of(failure_of(response, rang=self._rang))
        if state == "terminated":  # without a final response, as RFC 3515 section 2.4.7 allows
            return self._over(Outcome.INTERRUPTED, _MOVED)
        return None


def _response(sipfrag: bytes) -> Response | None:
    """Return the response that the peer tells of (RFC 3420): its status line, and what is there of the headers."""
    line = _STATUS_LINE.match(sipfrag.lstrip())
    if line is None:
        return None
    try:
        headers = read_headers(END_OF_HEADERS.split(sipfrag.lstrip()[line.end() :], 1)[0])
    except MalformedMessage:
        headers = Headers()
    return Response(int(line[1]), (line[2] or b"").decode("utf-8", "replace"), headers)

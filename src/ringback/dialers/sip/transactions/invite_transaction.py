"""INVITE transactions: RFC 3261 sections 17.1.1 and 17.2.1 with RFC 6026. Pure, as those of `transaction`."""

from ringback.dialers.sip.messages.message import Headers, Request, Response, cseq, response_to, to
from ringback.dialers.sip.transactions.transaction import (
    Actions,
    DeliverMessage,
    EndTransaction,
    RepeatAck,
    Schedule,
    SendCancel,
    SendMessage,
    Timers,
    TransactionFault,
    TransactionState,
    no_response,
)
from ringback.dialers.sip.transport.faults import FaultKind

# A response that comes within this time makes a 100 needless (section 17.2.1).
_TRYING_AFTER_S = 0.2
# Nothing rings for longer: an INVITE that its user has let go of is not kept for ever. Its user cancels it long before.
_LONGEST_RINGING_S = 3600.0
# As long as a proxy waits at least for an INVITE that rings (timer C).
_LONGEST_INVITE_S = 180.0


class InviteClient:
    """The client transaction of an INVITE.

    The ACK of a refusal is sent here. That of a 2xx goes to another place: here it is only said when to repeat it.
    """

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        self.request = request
        self.state = TransactionState.TRYING
        self._timers = timers
        self._reliable = reliable
        self._schedule = Schedule()
        self._is_cancelled = False
        self._accepted_tags: set[str] = set()

    @property
    def wake_at(self) -> float | None:
        return self._schedule.wake_at

    @property
    def is_waiting(self) -> bool:
        """Whether an error of the transport matters: once the peer has responded, it proves nothing."""
        return self.state is TransactionState.TRYING

    def start(self, now: float) -> Actions:
        self._schedule.ends_at = now + self._timers.give_up_s  # timer B
        if not self._reliable:
            self._schedule.repeat(now, self._timers.t1, self._timers.give_up_s)  # timer A
        return [SendMessage(self.request)]

    def resume(self, now: float) -> Actions:
        """Go on with an INVITE that an earlier process sent: it is not sent again, and may be cancelled at once."""
        self.state = TransactionState.PROCEEDING
        self._schedule.end(now + _LONGEST_RINGING_S)
        return []

    def cancel(self, now: float) -> Actions:
        """Send a CANCEL as soon as there is a provisional response (section 9.1); nothing after a final one."""
        if self._is_cancelled or self.state not in (TransactionState.TRYING, TransactionState.PROCEEDING):
            return []
        self._is_cancelled = True
        return self._send_cancel(now) if self.state is TransactionState.PROCEEDING else []

    def receive(self, response: Response, now: float) -> Actions:
        if self.state is TransactionState.TERMINATED:
            return []
        if response.status < 200:
            return self._provisional(response, now)
        return self._accepted(response, now) if response.status < 300 else self._refused(response, now)

    def fail(self, kind: FaultKind, text: str) -> Actions:
        """Take an error of the transport."""
        if not self.is_waiting:
            return []
        return [TransactionFault(kind, text), *self._terminate()]

    def wake(self, now: float) -> Actions:
        if not self._schedule.has_ended(now):
            return [SendMessage(self.request)] if self._schedule.take_repetition(now) else []
        if self.state is TransactionState.TRYING:
            text = no_response(self.request, self._timers)
        elif self.state is TransactionState.PROCEEDING:
            text = self._no_final_response()
        else:
            return self._terminate()
        return [TransactionFault(FaultKind.TIMEOUT, text), *self._terminate()]

    def _no_final_response(self) -> str:
        if self._is_cancelled:
            return f"no final response to INVITE within {self._timers.give_up_s:g} s of its CANCEL"
        return f"no final response to INVITE within {_LONGEST_RINGING_S:g} s"

    def _provisional(self, response: Response, now: float) -> Actions:
        if self.state is TransactionState.TRYING:
            self.state = TransactionState.PROCEEDING
            self._schedule.end(now + _LONGEST_RINGING_S)
            cancel = self._send_cancel(now) if self._is_cancelled else []
            return [DeliverMessage(response), *cancel]
        return [DeliverMessage(response)] if self.state is TransactionState.PROCEEDING else []

    def _accepted(self, response: Response, now: float) -> Actions:
        """Deliver the first 2xx of each fork, also one that crosses a refusal (section 16.7, step 5)."""
        if self.state is not TransactionState.ACCEPTED:
            self.state = TransactionState.ACCEPTED
            self._schedule.end(now + self._timers.give_up_s)  # timer M
        tag = to(response).tag
        if tag in self._accepted_tags:
            return [RepeatAck(tag)]
        self._accepted_tags.add(tag)
        return [DeliverMessage(response)]

    def _refused(self, response: Response, now: float) -> Actions:
        if self.state is TransactionState.ACCEPTED:
            return []
        ack = SendMessage(acknowledgement(self.request, response))
        if self.state is TransactionState.COMPLETED:
            return [ack]
        self.state = TransactionState.COMPLETED
        # Timer D is 0 on a reliable transport. But a 2xx of another fork may cross the refusal, on any transport.
        self._schedule.end(now + self._timers.give_up_s)
        return [ack, DeliverMessage(response)]

    def _send_cancel(self, now: float) -> Actions:
        self._schedule.end(now + self._timers.give_up_s)
        return [SendCancel()]

    def _terminate(self) -> Actions:
        self.state = TransactionState.TERMINATED
        self._schedule.stop()
        return [EndTransaction()]


class InviteServer:
    """The server transaction of an INVITE. A 2xx is repeated until its ACK comes (section 13.3.1.4)."""

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        self.request = request
        self.state = TransactionState.PROCEEDING
        self._timers = timers
        self._reliable = reliable
        self._response: Response | None = None
        self._is_acknowledged = False
        self._schedule = Schedule()

    @property
    def wake_at(self) -> float | None:
        return self._schedule.wake_at

    def start(self, now: float) -> Actions:
        self._schedule.repeat(now, _TRYING_AFTER_S, _LONGEST_INVITE_S)
        self._schedule.ends_at = now + _LONGEST_INVITE_S
        return []

    @property
    def is_pending(self) -> bool:
        """Whether there is no final response yet."""
        return self.state is TransactionState.PROCEEDING

    def receive(self) -> Actions:
        """Take a repetition of the INVITE. A 2xx is repeated by its own timer."""
        if self._response is None or self.state not in (TransactionState.PROCEEDING, TransactionState.COMPLETED):
            return []
        return [SendMessage(self._response)]

    def respond(self, response: Response, now: float) -> Actions:
        if self.state is not TransactionState.PROCEEDING:
            return []
        self._response = response
        if response.status < 200:
            self._schedule.stop_repeating()
            return [SendMessage(response)]
        self.state = TransactionState.ACCEPTED if response.status < 300 else TransactionState.COMPLETED
        self._schedule.end(now + self._timers.give_up_s)  # timer L, or H
        if self.state is TransactionState.ACCEPTED or not self._reliable:
            self._schedule.repeat(now, self._timers.t1, self._timers.t2)  # the 2xx, or timer G
        return [SendMessage(response)]

    def respond_once(self, response: Response, now: float) -> Actions:
        """Respond and forget the request, unless the client has had a response and so does not repeat it."""
        if self._response is not None:
            return self.respond(response, now)
        return [SendMessage(response), *self._terminate()]

    def acknowledge(self, ack: Request, now: float) -> Actions:
        if self.state is TransactionState.ACCEPTED:
            self._schedule.stop_repeating()
            if self._is_acknowledged:
                return []
            self._is_acknowledged = True
            return [DeliverMessage(ack)]
        if self.state is not TransactionState.COMPLETED:
            return []
        if self._reliable:
            return self._terminate()
        self.state = TransactionState.CONFIRMED
        self._schedule.end(now + self._timers.t4)  # timer I
        return []

    def wake(self, now: float) -> Actions:
        if self._schedule.has_ended(now):
            return self._end(now)
        if not self._schedule.take_repetition(now):
            return []
        if self._response is None:
            return self.respond(response_to(self.request, 100), now)
        return [SendMessage(self._response)]

    def _end(self, now: float) -> Actions:
        if self.state is TransactionState.PROCEEDING:
            return self.respond(response_to(self.request, 500), now)
        if self.state is TransactionState.ACCEPTED and not self._is_acknowledged:
            text = f"no ACK of the {self._status} within {self._timers.give_up_s:g} s"
            return [TransactionFault(FaultKind.TIMEOUT, text), *self._terminate()]
        return self._terminate()

    @property
    def _status(self) -> int:
        return 0 if self._response is None else self._response.status

    def _terminate(self) -> Actions:
        self.state = TransactionState.TERMINATED
        self._schedule.stop()
        return [EndTransaction()]


def acknowledgement(invite: Request, response: Response) -> Request:
    """Return the ACK of a refusal, which is part of the INVITE's transaction (section 17.1.1.3)."""
    ack = _of_the_same_branch(invite, "ACK")
    ack.headers.set("To", response.headers.get("To") or "")
    return ack


def cancellation(invite: Request) -> Request:
    """Return the CANCEL of an INVITE (section 9.1)."""
    return _of_the_same_branch(invite, "CANCEL")


def _of_the_same_branch(invite: Request, method: str) -> Request:
    headers = Headers([("Via", invite.headers.lines("Via")[0])])
    for route in invite.headers.lines("Route"):
        headers.add("Route", route)
    headers.add("Max-Forwards", "70")
    for name in ("From", "To", "Call-ID"):
        headers.add(name, invite.headers.get(name) or "")
    headers.add("CSeq", f"{cseq(invite).number} {method}")
    return Request(method, invite.uri, headers)

"""Transactions of RFC 3261 section 17 other than INVITE, and what all transactions have in common.

A transaction does no I/O: each step takes what happened and the time, and returns what is to be done. `wake_at` is
when the next timer fires. So each race is a row of a table.
"""

from dataclasses import dataclass
from enum import Enum, auto

from ringback.dialers.sip.messages.message import Message, Request, Response
from ringback.dialers.sip.transport.faults import FaultKind


@dataclass(frozen=True, slots=True)
class Timers:
    """The three values of section 17.1.1.1 from which all timers are derived."""

    t1: float = 0.5
    """The estimate of the time of a round trip."""
    t2: float = 4.0
    """The longest interval between two transmissions of what is not an INVITE."""
    t4: float = 5.0
    """How long a message may stay in the network."""

    @property
    def give_up_s(self) -> float:
        """How long a transaction waits in vain: timers B, D, F, H, J, L and M."""
        return 64 * self.t1


class TransactionState(Enum):
    TRYING = auto()
    """The request has no response yet. Section 17.1.1 calls it *Calling* for an INVITE."""
    PROCEEDING = auto()
    """There was a provisional response."""
    ACCEPTED = auto()
    """An INVITE had a 2xx (RFC 6026): more of them are expected."""
    COMPLETED = auto()
    """There was a final response: repetitions are answered."""
    CONFIRMED = auto()
    """The refusal of an INVITE was acknowledged: repetitions of the ACK are absorbed."""
    TERMINATED = auto()


@dataclass(frozen=True, slots=True)
class SendMessage:
    """The message goes out, to where the transaction goes."""

    message: Message


@dataclass(frozen=True, slots=True)
class DeliverMessage:
    """The message is new to the user of the transaction: a response, or the ACK of a 2xx."""

    message: Message


@dataclass(frozen=True, slots=True)
class RepeatAck:
    """A 2xx came once more: its ACK was lost, and is sent again if there is one yet."""

    to_tag: str


@dataclass(frozen=True, slots=True)
class SendCancel:
    """A CANCEL goes out now, as a transaction of its own."""


@dataclass(frozen=True, slots=True)
class TransactionFault:
    """The transaction has failed."""

    kind: FaultKind
    text: str


@dataclass(frozen=True, slots=True)
class EndTransaction:
    """Nothing is left to do: the transaction is forgotten."""


Action = SendMessage | DeliverMessage | RepeatAck | SendCancel | TransactionFault | EndTransaction
Actions = list[Action]


class Schedule:
    """The timers of one transaction: what is sent again at growing intervals, and when all is over."""

    __slots__ = ("_ceiling_s", "_interval_s", "ends_at", "repeats_at")

    def __init__(self) -> None:
        self.repeats_at: float | None = None
        self.ends_at: float | None = None
        self._interval_s = 0.0
        self._ceiling_s = 0.0

    def repeat(self, now: float, interval_s: float, ceiling_s: float) -> None:
        """Begin to repeat after `interval_s`, which doubles up to `ceiling_s`."""
        self._interval_s, self._ceiling_s = interval_s, ceiling_s
        self.repeats_at = now + interval_s

    def repeat_at_ceiling(self) -> None:
        """Let all intervals from the next one on be the longest: timer E while *Proceeding* (section 17.1.2.2)."""
        self._interval_s = self._ceiling_s

    def stop_repeating(self) -> None:
        self.repeats_at = None

    def stop(self) -> None:
        self.repeats_at = self.ends_at = None

    def end(self, at: float) -> None:
        """End at this time and repeat nothing more."""
        self.repeats_at, self.ends_at = None, at

    def has_ended(self, now: float) -> bool:
        return self.ends_at is not None and now >= self.ends_at

    def take_repetition(self, now: float) -> bool:
        """Return whether something is to be sent again now. After a stall it is sent once, not once per interval."""
        if self.repeats_at is None or now < self.repeats_at:
            return False
        self._interval_s = min(2 * self._interval_s, self._ceiling_s)
        self.repeats_at = now + self._interval_s
        return True

    @property
    def wake_at(self) -> float | None:
        if self.repeats_at is None or self.ends_at is None:
            return self.ends_at if self.repeats_at is None else self.repeats_at
        return min(self.repeats_at, self.ends_at)


class PlainClient:
    """A client transaction of any method but INVITE and ACK (section 17.1.2)."""

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        self.request = request
        self.state = TransactionState.TRYING
        self._timers = timers
        self._reliable = reliable
        self._schedule = Schedule()

    @property
    def wake_at(self) -> float | None:
        return self._schedule.wake_at

    @property
    def is_waiting(self) -> bool:
        """Whether an error of the transport matters."""
        return self.state in (TransactionState.TRYING, TransactionState.PROCEEDING)

    def start(self, now: float) -> Actions:
        self._schedule.ends_at = now + self._timers.give_up_s  # timer F
        if not self._reliable:
            self._schedule.repeat(now, self._timers.t1, self._timers.t2)  # timer E
        return [SendMessage(self.request)]

    def receive(self, response: Response, now: float) -> Actions:
        if not self.is_waiting:
            return []
        if response.status < 200:
            self.state = TransactionState.PROCEEDING
            self._schedule.repeat_at_ceiling()
            return [DeliverMessage(response)]
        if self._reliable:
            return [DeliverMessage(response), *self._terminate()]
        self.state = TransactionState.COMPLETED
        self._schedule.end(now + self._timers.t4)  # timer K
        return [DeliverMessage(response)]

    def fail(self, kind: FaultKind, text: str) -> Actions:
        """End without a response."""
        if not self.is_waiting:
            return []
        return [TransactionFault(kind, text), *self._terminate()]

    def wake(self, now: float) -> Actions:
        if self._schedule.has_ended(now):
            if self.state is TransactionState.COMPLETED:
                return self._terminate()
            return self.fail(FaultKind.TIMEOUT, no_response(self.request, self._timers))
        return [SendMessage(self.request)] if self._schedule.take_repetition(now) else []

    def _terminate(self) -> Actions:
        self.state = TransactionState.TERMINATED
        self._schedule.stop()
        return [EndTransaction()]


class PlainServer:
    """A server transaction of any method but INVITE and ACK (section 17.2.2)."""

    def __init__(self, timers: Timers, *, reliable: bool) -> None:
        self.state = TransactionState.TRYING
        self._timers = timers
        self._reliable = reliable
        self._response: Response | None = None
        self._schedule = Schedule()

    @property
    def wake_at(self) -> float | None:
        return self._schedule.wake_at

    def start(self, now: float) -> Actions:
        # The client has given up by then, and must not be told so (RFC 4320 section 4.2).
        self._schedule.ends_at = now + self._timers.give_up_s
        return []

    def receive(self) -> Actions:
        """Take a repetition of the request."""
        return [] if self._response is None else [SendMessage(self._response)]

    def respond(self, response: Response, now: float) -> Actions:
        if self.state in (TransactionState.COMPLETED, TransactionState.TERMINATED):
            return []
        self._response = response
        if response.status < 200:
            self.state = TransactionState.PROCEEDING
            return [SendMessage(response)]
        if self._reliable:
            return [SendMessage(response), *self._terminate()]
        self.state = TransactionState.COMPLETED
        self._schedule.end(now + self._timers.give_up_s)  # timer J
        return [SendMessage(response)]

    def respond_once(self, response: Response, now: float) -> Actions:
        """Respond and forget the request, unless the client has had a response and so does not repeat it."""
        if self._response is not None:
            return self.respond(response, now)
        return [SendMessage(response), *self._terminate()]

    def wake(self, now: float) -> Actions:
        return self._terminate() if self._schedule.has_ended(now) else []

    def _terminate(self) -> Actions:
        self.state = TransactionState.TERMINATED
        self._schedule.stop()
        return [EndTransaction()]


def no_response(request: Request, timers: Timers) -> str:
    return f"no response to {request.method} within {timers.give_up_s:g} s"

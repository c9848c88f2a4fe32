"""What can happen to a callback. What becomes of it then, `lifecycle.py` says."""

from dataclasses import dataclass
from datetime import datetime

from ringback.domain.callback import Lease
from ringback.domain.outcome import Outcome
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a callback, at a time that is passed in."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BecameDue(Event):
    """The next attempt's time has come and the service is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningMoved(Event):
    """The service is closed, or its hours were changed: no attempt before `next_attempt_time`."""

    next_attempt_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescheduled(Event):
    """The caller asks for another time, and perhaps another priority or target."""

    request: CallbackRequest
    dial_target: str
    due_date: datetime
    next_attempt_time: datetime
    expire_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased(Event):
    """A dialer got the exclusive right to the next attempt."""

    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReleased(Event):
    """The dialer gave the lease back unused: the agent declined, or the dialer stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLapsed(Event):
    """The dialer was not heard of until the lease's end."""

    service: Service


@dataclass(frozen=True, slots=True, kw_only=True)
class DialingStarted(Event):
    """The dialer is about to place the call: the point of no return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing(Event):
    """The target's phone rings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Event):
    """The target answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """The dialer tells how the attempt ended."""

    outcome: Outcome
    service: Service
    sip_status: int = 0
    q850_cause: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Event):
    """The caller does not want the call any more."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireTimePassed(Event):
    """`expire_time` has come before anybody was dialled."""

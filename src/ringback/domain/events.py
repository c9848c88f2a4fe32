"""What can happen to a callback. The effects are defined in `lifecycle.py`."""

from datetime import datetime

from msgspec import Struct

from ringback.domain.callback import Lease
from ringback.domain.dial_rules import NO_RULES, DialRules
from ringback.domain.outcome import Outcome
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """Something that happened to a callback, at a time that is passed in."""

    at: datetime
    # What the clock shows, where that is earlier than `at`, as recorded times go forward: what is planned goes by it.
    clock: datetime | None = None

    @property
    def now(self) -> datetime:
        return self.clock or self.at


class BecameDue(Event, frozen=True, kw_only=True, gc=False):
    """The next attempt's time has come and the service is open."""


class OpeningMoved(Event, frozen=True, kw_only=True, gc=False):
    """The service is closed, or its hours were changed: no attempt before `next_attempt_time`."""

    next_attempt_time: datetime


class Replanned(Event, frozen=True, kw_only=True, gc=False):
    """The caller changes whom, when or how often to dial, and perhaps texts, too."""

    request: CallbackRequest
    dial_target: str
    replaced_target: str
    max_attempts: int
    due_date: datetime
    ready_time: datetime
    next_attempt_time: datetime
    expire_time: datetime
    # Not another time: a callback that is QUEUED stays so.
    keeps_place: bool


class Redescribed(Event, frozen=True, kw_only=True, gc=False):
    """The caller changes only what an agent reads, and what filters use."""

    request: CallbackRequest


class Leased(Event, frozen=True, kw_only=True, gc=False):
    """A dialer got the exclusive right to the next attempt."""

    lease: Lease


class LeaseReleased(Event, frozen=True, kw_only=True, gc=False):
    """The dialer returned the lease unused: the agent declined, no agent answers, or the dialer stops."""

    # No agent of the service answered.
    agents_unavailable: bool = False


class OfferWithdrawn(Event, frozen=True, kw_only=True, gc=False):
    """The service was closed or paused between the lease and DIALING: no call may be placed."""


class Blocked(Event, frozen=True, kw_only=True, gc=False):
    """The target may not be dialled, by a rule that has changed since it was accepted."""

    # The name of the rule, and why.
    detail: str


class LeaseLapsed(Event, frozen=True, kw_only=True, gc=False):
    """The dialer gave no sign of life until the lease ended."""

    service: Service
    # The server's.
    rules: DialRules = NO_RULES


class LeaseTaken(Event, frozen=True, kw_only=True, gc=False):
    """Another process of a built-in dialer goes on with the call, since the one that began it is gone."""

    # A new one, for the same attempt.
    lease: Lease


class DialingStarted(Event, frozen=True, kw_only=True, gc=False):
    """The dialer is about to place the call: the point of no return."""

    call_ids: tuple[str, ...] = ()


class Ringing(Event, frozen=True, kw_only=True, gc=False):
    """The target's phone rings."""

    call_ids: tuple[str, ...] = ()


class Answered(Event, frozen=True, kw_only=True, gc=False):
    """The target answered."""

    call_ids: tuple[str, ...] = ()


class AttemptEnded(Event, frozen=True, kw_only=True, gc=False):
    """The dialer reports how the attempt ended."""

    outcome: Outcome
    service: Service
    # The server's.
    rules: DialRules = NO_RULES
    sip_status: int = 0
    q850_cause: int = 0
    detail: str = ""
    agent: str = ""
    disposition: str = ""
    call_ids: tuple[str, ...] = ()


class CancelRequested(Event, frozen=True, kw_only=True, gc=False):
    """The caller does not want the call any more."""

    reason: str = ""


class ExpireTimePassed(Event, frozen=True, kw_only=True, gc=False):
    """`expire_time` has passed before the next attempt began."""

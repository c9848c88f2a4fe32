"""A callback: one promise to phone a target, and everything that has happened to it so far."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from ringback.domain.defaults import written
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest


class State(StrEnum):
    """The state of a callback in its life cycle."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    OFFERED = "OFFERED"
    DIALING = "DIALING"
    CONNECTED = "CONNECTED"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED})
# With a dialer: these count against the service's capacity.
IN_PROGRESS = frozenset({State.OFFERED, State.DIALING, State.CONNECTED, State.CANCELLING})
# No phone rings, and none will before the callback is offered again.
WAITING = frozenset({State.SCHEDULED, State.QUEUED})


class Attempt(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One dial-out. `fencing_token` identifies the lease it was made under."""

    number: int
    dialer_id: str
    fencing_token: int
    start_time: datetime
    ring_time: datetime | None = None
    answer_time: datetime | None = None
    end_time: datetime | None = None
    outcome: Outcome | None = None
    sip_status: int = 0
    q850_cause: int = 0
    detail: str = ""
    # Closed by the server because the lease lapsed, not by a report of the dialer.
    lapsed: bool = False


class Lease(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A dialer's exclusive right, until `expire_time`, to carry out one attempt."""

    token: str
    dialer_id: str
    # The request id of the poll that got the lease; "" for none.
    request_id: str = ""
    fencing_token: int
    # How long the lease lasts from a sign of life on.
    duration: timedelta
    expire_time: datetime


class Callback(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A callback as a value: every change makes a new one with the next `revision` (see `lifecycle.after`)."""

    callback_id: str
    service_id: str
    # The request in force: as sent, except for what a reschedule has replaced.
    request: CallbackRequest
    # The request as first sent, when a reschedule has replaced something since; a repeated create is compared to it.
    first_request: CallbackRequest | None = None
    request_id: str = ""
    dial_target: str
    max_attempts: int
    state: State
    revision: int = written(1)
    create_time: datetime
    update_time: datetime
    # When to try first, or first again after a reschedule.
    due_date: datetime
    # When this attempt became, or becomes, due: its place in the queue, first in first out.
    ready_time: datetime
    # `ready_time` moved to the service's next opening; None once an attempt has begun or the callback has ended.
    next_attempt_time: datetime | None = None
    expire_time: datetime
    queue_time: datetime | None = None
    end_time: datetime | None = None
    cancel_time: datetime | None = None
    cancel_reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    lease: Lease | None = None
    # How many leases were granted; every lease gets the next number.
    fencing_token: int = 0

    @property
    def priority(self) -> Priority:
        return Priority(self.request.priority)

    @property
    def sent_request(self) -> CallbackRequest:
        """The request as first sent."""
        return self.first_request or self.request

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL

    @property
    def etag(self) -> str:
        return str(self.revision)

"""A callback: one promise to phone a target, and everything that has happened to it so far."""

from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from ringback.domain.defaults import written
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.retry_delay import RetryDelayReason
from ringback.domain.target import phone_of


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
    agent: str = ""
    disposition: str = ""
    # Of its legs, in the order in which they were reported.
    call_ids: tuple[str, ...] = ()
    # Since when it was OFFERED. Version 0.1 did not keep it.
    offer_time: datetime | None = None
    # Of the attempt that was to follow, as it was decided when this one ended; None when none was to.
    retry_delay: timedelta | None = None
    retry_delay_reason: RetryDelayReason | None = None
    # Closed by the server because the lease lapsed, not by a report of the dialer.
    lapsed: bool = False
    # That of the lease.
    identity: str = ""


# No dialer gets a lease that ends later than this from now, by whatever clock.
LONGEST_LEASE = timedelta(minutes=10)


class Lease(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A dialer's exclusive right, until `expire_time`, to carry out one attempt."""

    token: str
    dialer_id: str
    # The request id of the poll that got the lease; "" for none.
    request_id: str = ""
    # The identity of its dialer; "" without identities, and for a dialer of this server's own.
    identity: str = ""
    fencing_token: int
    # How long the lease lasts from a sign of life on.
    duration: timedelta
    expire_time: datetime
    # How long its dialer lets the phone ring: the service's when it was granted. Version 0.1 did not keep it.
    ring_timeout: timedelta | None = None
    # Since when the callback is OFFERED, where a later version of it than the first under this lease tells it no more.
    offer_time: datetime | None = None


class Callback(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A callback as a value: every change makes a new one with the next `revision` (see `lifecycle.after`)."""

    callback_id: str
    service_id: str
    # The request in force: as sent, except for what updates have replaced.
    request: CallbackRequest
    # The request as first sent, when an update has replaced something since; a repeated create is compared to it.
    first_request: CallbackRequest | None = None
    request_id: str = ""
    # The identity that created it, within which the request id is unique; "" without identities.
    identity: str = ""
    dial_target: str
    # The canonical form of the request's target while its alternative target is dialled instead; "" otherwise. Kept,
    # since a national number is one of the region that the service had when it was given.
    replaced_target: str = ""
    max_attempts: int
    state: State
    revision: int = written(1)
    create_time: datetime
    update_time: datetime
    # When to try first, or first again after an update of it.
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
    # The request was updated since the lease was granted: its dialer has an older one.
    redescribed: bool = False
    # Only in the version that the loss of a dialer led to: its phone may still ring, and is kept from every callback.
    phone_kept_until: datetime | None = None
    # Only in the version that a lease was given back to: when no agent of the service answered.
    agents_failed_at: datetime | None = None
    # `traceparent` of W3C Trace Context: the trace of its creation, which its attempts belong to. None: no trace.
    trace_parent: str | None = None

    @property
    def phone(self) -> str:
        """The phone that rings, the same for all spellings of the target."""
        return dialled_phone(self.dial_target)

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
    def erased(self) -> bool:
        """Whether only this is left of it in the log; see `erasure.erased`."""
        return self.dial_target == ""

    @property
    def etag(self) -> str:
        return str(self.revision)


# Each write of a callback needs it.
@lru_cache(maxsize=4096)
def dialled_phone(dial_target: str) -> str:
    """Return the phone of a target that was accepted, by this version or an earlier one."""
    try:
        return phone_of(dial_target)
    except ValueError:  # what is refused now has no other spelling
        return dial_target


# --- How much a response can hold --------------------------------------------------------------------------------

# gRPC clients receive messages of up to 4 MiB by default; what is left is for the frames of a response.
MAX_RESPONSE_BYTES = 4 * 1024 * 1024 - 512 * 1024
# A character takes up to four bytes in UTF-8.
_BYTES_PER_CHARACTER = 4
# What a callback takes without its texts: ids, numbers, times, and URIs of up to 255 ASCII characters, which are
# not counted. The same for a label and for an attempt.
_CALLBACK_BYTES, _LABEL_BYTES, _ATTEMPT_BYTES = 2048, 8, 256
# A Call-ID has no character outside ASCII.
_CALL_ID_BYTES = 4
MAX_WEIGHT = 512 * 1024
"""More than the largest callback: texts of 23 KiB, and 101 attempts with texts of 3.8 KiB."""


def weight(callback: Callback) -> int:
    """Return an upper bound of the bytes that the callback takes in a message, without encoding it."""
    request = callback.request
    characters = (
        len(request.context_url)
        + len(request.supervisor)
        + len(request.description)
        + len(request.external_task_id)
        + len(request.caller_id)
        + len(callback.cancel_reason)
    )
    for key, value in request.labels.items():
        characters += len(key) + len(value) + _LABEL_BYTES // _BYTES_PER_CHARACTER
    call_ids = 0
    for attempt in callback.attempts:
        characters += len(attempt.detail) + len(attempt.agent) + len(attempt.disposition)
        if attempt.call_ids:
            call_ids += sum(map(len, attempt.call_ids)) + _CALL_ID_BYTES * len(attempt.call_ids)
    attempts = _ATTEMPT_BYTES * len(callback.attempts) + call_ids
    return _CALLBACK_BYTES + attempts + _BYTES_PER_CHARACTER * characters

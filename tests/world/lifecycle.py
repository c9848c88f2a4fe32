"""Events for a callback in any state, and a callback in each."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from msgspec.structs import replace

from ringback.domain.callback import Callback, Lease, State
from ringback.domain.events import (
    Answered,
    AttemptEnded,
    BecameDue,
    Blocked,
    CancelRequested,
    DialingStarted,
    Event,
    ExpireTimePassed,
    Leased,
    LeaseLapsed,
    LeaseTaken,
    OpeningMoved,
    Redescribed,
    Replanned,
)
from ringback.domain.lifecycle import TRANSITIONS, after
from ringback.domain.outcome import Outcome
from ringback.domain.planning import plan
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service
from tests.world.checked_request import checked

S = State
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SERVICE = Service(
    service_id="6f1c3c1e-0f5b-4a60-8f3e-6a0d3c2b1a00",
    sip_address="sip:support@example.com",
    ring_timeout=timedelta(seconds=45),
    create_time=NOW,
    update_time=NOW,
)
EVENTS = tuple(dict.fromkeys(kind for _, kind in TRANSITIONS))
# Both for a call that was answered and for one that was not.
RETRIED = Outcome.MACHINE


def planned(
    *, due_in: timedelta = HOUR, max_retries: int = 3, expire_in: timedelta = 7 * DAY, between_s: int = 600
) -> Callback:
    request = CallbackRequest(
        target="tel:+41785556677",
        seconds_between_retries=between_s,
        service_id=SERVICE.service_id,
        priority=Priority.NORMAL,
        due_date=NOW + due_in,
        expire_time=NOW + expire_in,
        max_retries=max_retries,
    )
    return plan(checked(request), service=SERVICE, callback_id="c-1", now=NOW)


def event_of(kind: type[Event], callback: Callback, at: datetime, **changes: Any) -> Event:
    """Return an event of this kind, as the use cases would make it for this callback."""
    return kind(at=at, **{**details_of(kind, callback, at), **changes})


def details_of(kind: type[Event], callback: Callback, at: datetime) -> dict[str, Any]:
    if kind is OpeningMoved:
        return {"next_attempt_time": at + HOUR}
    if kind is Redescribed:
        return {"request": replace(callback.request, description="urgent")}
    if kind is Replanned:
        return {
            "request": replace(callback.request, priority=Priority.HIGH),
            "dial_target": callback.dial_target,
            "replaced_target": "",
            "max_attempts": callback.max_attempts,
            "due_date": at + HOUR,
            "ready_time": at + HOUR,
            "next_attempt_time": at + 2 * HOUR,
            "expire_time": at + DAY,
            "keeps_place": False,
        }
    if kind in (Leased, LeaseTaken):
        number = callback.fencing_token + 1
        lease = Lease(
            token=f"lease-{number}",
            dialer_id="d-1",
            fencing_token=number,
            duration=30 * SECOND,
            expire_time=at + 30 * SECOND,
        )
        return {"lease": lease}
    if kind is Blocked:
        return {"detail": "phone.deny: begins with a prefix that is denied"}
    if kind is AttemptEnded:
        return {"outcome": RETRIED, "service": SERVICE}
    return {"service": SERVICE} if kind is LeaseLapsed else {}


def walked(callback: Callback, *kinds: type[Event]) -> Callback:
    """Return the callback after these events, a second apart."""
    for kind in kinds:
        callback = after(callback, event_of(kind, callback, callback.update_time + SECOND))
    return callback


def name(value: Any) -> str:
    return str(getattr(value, "name", None) or value.__name__)


# How to get to a state that is not terminal.
WAYS: Mapping[State, Sequence[type[Event]]] = {
    S.SCHEDULED: (),
    S.QUEUED: (BecameDue,),
    S.OFFERED: (BecameDue, Leased),
    S.DIALING: (BecameDue, Leased, DialingStarted),
    S.CONNECTED: (BecameDue, Leased, DialingStarted, Answered),
    S.CANCELLING: (BecameDue, Leased, DialingStarted, CancelRequested),
}


def in_state(state: State, callback: Callback | None = None) -> Callback:
    start = callback or planned()
    if state in WAYS:
        return walked(start, *WAYS[state])
    if state is S.COMPLETED:
        connected = walked(start, *WAYS[S.CONNECTED])
        return after(connected, event_of(AttemptEnded, connected, NOW + HOUR, outcome=Outcome.ANSWERED))
    if state is S.FAILED:
        dialing = walked(start, *WAYS[S.DIALING])
        return after(dialing, event_of(AttemptEnded, dialing, NOW + HOUR, outcome=Outcome.INVALID_NUMBER))
    return walked(start, CancelRequested if state is S.CANCELLED else ExpireTimePassed)


def all_that_may_happen(callback: Callback) -> Iterator[Event]:
    """Yield every kind of event, and every outcome, at a time that makes no difference and at one after the expiry."""
    for kind, at in product(EVENTS, (callback.update_time + SECOND, callback.expire_time + SECOND)):
        variants: Sequence[dict[str, Any]] = [{}]
        if kind is AttemptEnded:
            variants = [{"outcome": outcome} for outcome in Outcome]
        if kind is Replanned:
            variants = [{"keeps_place": False}, {"keeps_place": True}]
        yield from (event_of(kind, callback, at, **variant) for variant in variants)


def callbacks_in(state: State) -> Iterator[Callback]:
    """Yield callbacks in this state, with a first and with a last permitted attempt."""
    for max_retries in (0, 3):
        yield in_state(state, planned(max_retries=max_retries))

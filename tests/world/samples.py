"""Callbacks for tests, in every state, made by the domain itself. Each has an id larger than those before it."""

from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any, Final

from msgspec.structs import replace

from ringback.domain.callback import Callback, Lease
from ringback.domain.events import Answered, AttemptEnded, CancelRequested, DialingStarted, Event, Leased, Ringing
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.domain.planning import plan
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service
from ringback.ports.values import Change
from tests.world.checked_request import checked

NOW: Final = datetime(2026, 3, 2, 9, 30, 0, 123456, UTC)
SERVICE: Final = Service(
    service_id="00000000-0000-4000-8000-000000000001",
    sip_address="sip:support@example.com",
    create_time=NOW,
    update_time=NOW,
)
OTHER_SERVICE: Final = replace(
    SERVICE, service_id="00000000-0000-4000-8000-000000000002", sip_address="sip:sales@example.com"
)

_numbers = count(1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


LEASE: Final = seconds(30)


def new(
    *,
    service: Service = SERVICE,
    request_id: str = "",
    identity: str = "",
    now: datetime = NOW,
    priority: Priority = Priority.NORMAL,
    **fields: Any,
) -> Callback:
    """Return a callback as its request makes it: QUEUED, or SCHEDULED when `due_date` lies ahead of `now`."""
    number = next(_numbers)
    request = {
        "target": f"sip:{number}@example.com",
        "seconds_between_retries": 60,
        "service_id": service.service_id,
        "priority": priority.value,
    }
    return plan(
        checked(CallbackRequest(**(request | fields))),  # type: ignore[arg-type]
        service=service,
        callback_id=f"callback-{number:09}",
        request_id=request_id,
        identity=identity,
        now=now,
    )


def offer(
    callback: Callback,
    *,
    dialer_id: str = "dialer",
    request_id: str = "",
    at: datetime = NOW,
    duration: timedelta = LEASE,
    ring_timeout: timedelta | None = SERVICE.ring_timeout,
) -> Callback:
    number = callback.fencing_token + 1
    lease = Lease(
        token=f"token-{number}",
        dialer_id=dialer_id,
        request_id=request_id,
        fencing_token=number,
        duration=duration,
        expire_time=at + duration,
        ring_timeout=ring_timeout,
    )
    return after(callback, Leased(at=at, lease=lease))


def ending(outcome: Outcome, at: datetime = NOW) -> Event:
    return AttemptEnded(at=at, outcome=outcome, service=SERVICE, sip_status=486, q850_cause=17, detail="busy")


def dial(callback: Callback, at: datetime = NOW) -> Callback:
    return after(callback, DialingStarted(at=at))


def connect(callback: Callback, at: datetime = NOW) -> Callback:
    return after(dial(callback, at), Answered(at=at))


def cancel(callback: Callback, at: datetime = NOW) -> Callback:
    return after(callback, CancelRequested(at=at, reason="no longer needed"))


def changes(*versions: Callback) -> list[Change]:
    """Return one callback's changes from the first version to the last."""
    return [Change(before, next_) for before, next_ in pairwise(versions)]


def every_state() -> list[Callback]:
    """Return one callback in each state, and one that waits for a retry."""
    waiting, tried = new(due_date=NOW + seconds(3600)), dial(offer(new()))
    failed = dial(offer(new(max_retries=0)))
    return [
        waiting,
        new(),
        offer(new(), request_id="poll-1"),
        after(dial(offer(new())), Ringing(at=NOW)),
        connect(offer(new())),
        cancel(dial(offer(new()))),
        after(connect(offer(new())), ending(Outcome.ANSWERED)),
        after(failed, ending(Outcome.BUSY)),
        cancel(new()),
        replace(cancel(new()), state=tried.state.EXPIRED),
        after(tried, ending(Outcome.NO_ANSWER)),
    ]

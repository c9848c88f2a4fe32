"""The plan of a new or a rescheduled callback: due date, opening and expiry."""

from datetime import datetime

from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.errors import Fault, IllegalTransition, InvalidRequest
from ringback.domain.events import Rescheduled
from ringback.domain.request import CheckedRequest
from ringback.domain.retry import least_delay
from ringback.domain.service import Service
from ringback.domain.target import Target


def plan(
    checked: CheckedRequest, *, service: Service, callback_id: str, request_id: str = "", now: datetime
) -> Callback:
    """Return the new callback of a request: QUEUED when it is due at once, SCHEDULED otherwise."""
    request = checked.request
    due = max(request.due_date or now, now)
    expire = request.expire_time or due + service.max_queue_time
    opening = min(service.first_opening(due, otherwise=expire), expire)
    is_due = opening <= now
    retries = service.default_max_retries if request.max_retries is None else request.max_retries
    return Callback(
        callback_id=callback_id,
        service_id=service.service_id,
        request=request,
        request_id=request_id,
        dial_target=checked.target.uri,
        max_attempts=1 + retries,
        state=State.QUEUED if is_due else State.SCHEDULED,
        create_time=now,
        update_time=now,
        due_date=due,
        ready_time=due,
        next_attempt_time=opening,
        expire_time=expire,
        queue_time=now if is_due else None,
    )


def replan(
    callback: Callback,
    *,
    due_date: datetime,
    priority: int | None,
    target: Target | None,
    service: Service,
    now: datetime,
) -> Rescheduled:
    """Return the event of a reschedule whose fields are valid in themselves.

    A reschedule cannot shorten the minimum delay after an unsuccessful attempt: a due date within that delay is
    moved to its end.

    Raise `InvalidRequest` when the new due date is not before the expiry that was requested.
    """
    request = replace(callback.request, due_date=due_date)
    if priority is not None:
        request = replace(request, priority=priority)
    if target is not None:
        # From now on this target is dialled: an alternative target would replace it again.
        request = replace(request, target=target.text, alternative_target="")
    due = max(due_date, now, _end_of_retry_delay(callback, service) or now)
    expire = request.expire_time or due + service.max_queue_time
    if expire <= due:
        raise InvalidRequest([Fault("due_date", f"is not before the expire_time {expire.isoformat()}")])
    return Rescheduled(
        at=now,
        request=request,
        dial_target=callback.dial_target if target is None else target.uri,
        due_date=due,
        next_attempt_time=min(service.first_opening(due, otherwise=expire), expire),
        expire_time=expire,
    )


def _end_of_retry_delay(callback: Callback, service: Service) -> datetime | None:
    """Return the earliest time for an attempt after the last one; None when there was none yet."""
    if not callback.attempts:
        return None
    last = callback.attempts[-1]
    if last.end_time is None or last.outcome is None:
        raise IllegalTransition(f"a reschedule while attempt {last.number} of {callback.callback_id} is open")
    return last.end_time + least_delay(
        last.outcome, seconds_between_retries=callback.request.seconds_between_retries or 0, service=service
    )

"""The plan of a callback, new or updated: what is dialled, due date, opening and expiry."""

from collections.abc import Collection
from datetime import datetime

from ringback.domain.callback import Callback, State
from ringback.domain.dial_rules import NO_RULES, DialRules, Judge, judge_nothing
from ringback.domain.dial_times import first_dial_time
from ringback.domain.errors import IllegalTransition
from ringback.domain.events import Replanned
from ringback.domain.faults import Faults
from ringback.domain.request import CallbackRequest, CheckedRequest, read_target
from ringback.domain.retry import least_delay
from ringback.domain.service import Service
from ringback.domain.target import InvalidTarget, Target
from ringback.domain.update import RequestUpdate


def plan(
    checked: CheckedRequest,
    *,
    service: Service,
    rules: DialRules = NO_RULES,
    callback_id: str,
    request_id: str = "",
    identity: str = "",
    trace_parent: str | None = None,
    now: datetime,
) -> Callback:
    """Return the new callback of a request: QUEUED when it is due at once, SCHEDULED otherwise."""
    request = checked.request
    due = max(request.due_date or now, now)
    expire = request.expire_time or due + service.max_queue_time
    opening = min(first_dial_time(service, checked.target.uri, due, expire, rules), expire)
    is_due = opening <= now
    return Callback(
        callback_id=callback_id,
        service_id=service.service_id,
        request=request,
        request_id=request_id,
        identity=identity,
        dial_target=checked.target.uri,
        replaced_target="" if checked.replaced is None else checked.replaced.uri,
        max_attempts=_max_attempts(request, service),
        state=State.QUEUED if is_due else State.SCHEDULED,
        create_time=now,
        update_time=now,
        due_date=due,
        ready_time=due,
        next_attempt_time=opening,
        expire_time=expire,
        queue_time=now if is_due else None,
        trace_parent=trace_parent,
    )


def replan(
    callback: Callback,
    update: RequestUpdate,
    *,
    service: Service,
    now: datetime,
    rules: DialRules = NO_RULES,
    judge: Judge = judge_nothing,
) -> Replanned:
    """Return the event of an update whose values are valid in themselves.

    `rules` are the server's; another target than before is judged.

    An update cannot shorten the minimum delay after an unsuccessful attempt, and the callback keeps its place unless
    it gets another time. Raise `InvalidRequest` when an expiry would come before the next attempt, or no further
    attempt would be allowed.
    """
    request = update.applied_to(callback.request)
    ready = _ready_time(callback, request, update.names, service, now, rules)
    due = ready if "due_date" in update.names else callback.due_date
    expire = callback.expire_time
    if "due_date" in update.names or "expire_time" in update.names:
        expire = request.expire_time or due + service.max_queue_time
    faults = Faults().under("callback_request")
    if "expire_time" in update.names and expire <= now:
        faults.add("expire_time", f"is in the past: {expire.isoformat()}")  # worked out again, when it is unset
    elif expire <= ready:
        _add_late_attempt(update.names, ready, expire, faults)
    max_attempts = callback.max_attempts
    if "max_retries" in update.names:
        max_attempts = _max_attempts(request, service)
        if max_attempts <= len(callback.attempts):
            faults.add("max_retries", f"is less than the number of attempts made: {len(callback.attempts)}")
    dial_target, replaced_target = _targets(callback, update, service, faults)
    if update.changes_target and dial_target:
        faults.add_broken(update.name_of_dialled, judge(dial_target))
    faults.refuse()
    opening = callback.next_attempt_time
    keeps_place = "due_date" not in update.names and ready == callback.ready_time
    # Without an opening, a callback waits until it expires. It may be quiet for one target and not for another.
    if opening is None or not keeps_place or opening == callback.expire_time or dial_target != callback.dial_target:
        opening = first_dial_time(service, dial_target, ready, expire, rules)
    return Replanned(
        at=now,
        request=request,
        dial_target=dial_target,
        replaced_target=replaced_target,
        max_attempts=max_attempts,
        due_date=due,
        ready_time=ready,
        next_attempt_time=min(opening, expire),
        expire_time=expire,
        keeps_place=keeps_place,
    )


def _ready_time(
    callback: Callback,
    request: CallbackRequest,
    names: Collection[str],
    service: Service,
    now: datetime,
    rules: DialRules,
) -> datetime:
    """Return when the next attempt is due: not before the minimum delay after the last one is over."""
    earliest = _end_of_retry_delay(callback, request, service, rules, now)
    if "due_date" in names:
        return max(request.due_date or now, now, earliest or now)
    ready = callback.ready_time
    if earliest is None or "seconds_between_retries" not in names:
        return ready
    waits_for_retry = ready == _end_of_retry_delay(callback, callback.request, service, rules)
    if waits_for_retry and callback.state is State.SCHEDULED:
        return max(earliest, now)
    return max(ready, earliest)


def _add_late_attempt(names: Collection[str], ready: datetime, expire: datetime, faults: Faults) -> None:
    if "expire_time" in names and "due_date" not in names:
        faults.add("expire_time", f"is not after the next attempt, which is due at {ready.isoformat()}")
        return
    name = "due_date" if "due_date" in names else "seconds_between_retries"
    faults.add(name, f"takes the next attempt to {ready.isoformat()}, not before the expire_time {expire.isoformat()}")


def _targets(callback: Callback, update: RequestUpdate, service: Service, faults: Faults) -> tuple[str, str]:
    """Return what is dialled, and the target that it replaces or ""."""
    if not update.changes_target:
        return callback.dial_target, callback.replaced_target
    given = update.request
    target = _canonical(given, "target", service, faults) if "target" in update.names else _own_target(callback, faults)
    if not given.alternative_target or "alternative_target" not in update.names:
        return target, ""
    return _canonical(given, "alternative_target", service, faults), target


def _canonical(given: CallbackRequest, name: str, service: Service, faults: Faults) -> str:
    """Return the canonical form of a target. The region may have changed since it was checked: that is a fault."""
    target = read_target(getattr(given, name), name, faults, service.default_region)
    return "" if target is None else target.uri


def _own_target(callback: Callback, faults: Faults) -> str:
    """Return the canonical form of the callback's target, whatever is dialled instead of it."""
    if not callback.request.alternative_target:
        return callback.dial_target
    try:
        # Version 0.1 did not keep it, and took no national numbers.
        return callback.replaced_target or Target.parse(callback.request.target).uri
    except InvalidTarget as refusal:
        faults.add("target", f"{refusal}: give another one, too")
        return ""


def _max_attempts(request: CallbackRequest, service: Service) -> int:
    return 1 + (service.default_max_retries if request.max_retries is None else request.max_retries)


def _end_of_retry_delay(
    callback: Callback, request: CallbackRequest, service: Service, rules: DialRules, now: datetime | None = None
) -> datetime | None:
    """Return the earliest time for an attempt after the last one, by this request; None when there was none yet.

    Where the clock was set back since, the last one ended `now` at the latest.
    """
    if not callback.attempts:
        return None
    last = callback.attempts[-1]
    if last.end_time is None or last.outcome is None:
        raise IllegalTransition(f"a new plan while attempt {last.number} of {callback.callback_id} is open")
    delay = least_delay(
        last.outcome, seconds_between_retries=request.seconds_between_retries or 0, service=service, rules=rules
    )
    return min(last.end_time, now or last.end_time) + delay.duration

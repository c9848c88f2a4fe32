"""What stored times mean after the clock was set back: some of them lie further ahead than they ever could.

No server saw by how much, so each time is judged by itself, and doing so again changes nothing.
"""

from datetime import datetime
from typing import Final

from ringback.domain.callback import LONGEST_LEASE, Callback, Lease, State
from ringback.domain.dial_rules import NO_RULES, DialRules
from ringback.domain.dial_times import first_dial_time
from ringback.domain.events import Replanned
from ringback.domain.retry import least_delay
from ringback.domain.service import LONGEST_RING_TIMEOUT, Service

# A phone is kept for no longer: a lost dialer's ring has ended by then.
LONGEST_KEPT_PHONE: Final = LONGEST_RING_TIMEOUT


def lease_end(lease: Lease, now: datetime) -> datetime:
    """Return when a lease ends. One that outlives every lease that could be granted now begins anew instead."""
    return now + lease.duration if lease.expire_time > now + LONGEST_LEASE else lease.expire_time


def ready_time(callback: Callback, service: Service, now: datetime, rules: DialRules = NO_RULES) -> datetime:
    """Return when the next attempt of a waiting callback is due.

    What is QUEUED is due. A retry waits for no longer than its delay from now on, and what was to be called at once is.
    A time that the caller has requested stays: it is one of the clock as it is.
    """
    ready, requested = callback.ready_time, callback.request.due_date
    if ready <= now or callback.update_time <= now:
        return ready
    if callback.state is State.QUEUED:
        return now
    if callback.state is not State.SCHEDULED or ready == requested:
        return ready
    if not callback.attempts:
        return max(now, requested or now)
    last = callback.attempts[-1]
    if last.end_time is None or last.end_time <= now or last.outcome is None:
        return ready
    seconds = callback.request.seconds_between_retries or 0
    delay = least_delay(last.outcome, seconds_between_retries=seconds, service=service, rules=rules)
    return min(ready, now + delay.duration)


def correction(callback: Callback, service: Service, now: datetime, rules: DialRules = NO_RULES) -> Replanned | None:
    """Return the event that plans a waiting callback by the clock as it is; None where it is planned so."""
    ready = ready_time(callback, service, now, rules)
    if ready == callback.ready_time:
        return None
    opening = ready
    if callback.state is State.SCHEDULED:
        opening = first_dial_time(service, callback.dial_target, ready, callback.expire_time, rules)
    return Replanned(
        at=now,
        request=callback.request,
        dial_target=callback.dial_target,
        replaced_target=callback.replaced_target,
        max_attempts=callback.max_attempts,
        due_date=min(callback.due_date, ready),
        ready_time=ready,
        next_attempt_time=min(opening, callback.expire_time),
        expire_time=callback.expire_time,
        keeps_place=True,
    )

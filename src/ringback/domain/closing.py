"""What it means for callbacks that their service is closed, or dials nothing for another reason.

A service that closes takes what waits to its next opening. What is OFFERED goes back to its place when DIALING is
reported, and calls in progress go on. Quiet hours, of the server's rules or of the service's own, are the same for the
targets for which it is quiet.
"""

from collections.abc import Sequence
from datetime import datetime

from ringback.domain.callback import WAITING, Callback, State
from ringback.domain.dial_rules import NO_RULES, Broken, DialRules
from ringback.domain.dial_times import first_dial_time, is_quiet
from ringback.domain.events import Blocked, DialingStarted, Event, ExpireTimePassed, OfferWithdrawn, OpeningMoved
from ringback.domain.service import Service


def attempt_time(callback: Callback, service: Service, at: datetime, rules: DialRules = NO_RULES) -> datetime:
    """Return the first moment from `at` on at which the next attempt of a callback can begin.

    That of a callback for which it would be too late is its expiry.
    """
    # What was due once stays so, also when the clock is set back.
    earliest = max(callback.ready_time, at) if callback.state is State.SCHEDULED else at
    opening = first_dial_time(service, callback.dial_target, earliest, callback.expire_time, rules)
    return min(opening, max(callback.expire_time, at))


def correction(callback: Callback, service: Service, at: datetime, rules: DialRules = NO_RULES) -> OpeningMoved | None:
    """Return the event that moves a waiting callback to where it belongs by these settings; None where it is there.

    It is elsewhere when the hours were changed since it was planned, or were out of date then. A machine that lacks
    the time zone leaves it where another one has put it.
    """
    if callback.state not in WAITING or service.opening_hours.lacks_zone:
        return None
    planned = callback.next_attempt_time if callback.state is State.SCHEDULED else None
    right = attempt_time(callback, service, at, rules)
    if right == planned or max(planned or at, right) <= at:
        return None
    return OpeningMoved(at=at, next_attempt_time=right)


def steps_back(callback: Callback, event: Event, service: Service, rules: DialRules = NO_RULES) -> Sequence[Event]:
    """Return the events that end a lease with this one: what was OFFERED goes back to its place.

    That is in the queue or, while the service is closed, before its next opening.
    """
    opening = attempt_time(callback, service, event.at, rules)
    if callback.state is not State.OFFERED or opening <= event.at:
        return (event,)
    return event, OpeningMoved(at=event.at, next_attempt_time=opening)


def steps_to_dialing(
    callback: Callback,
    service: Service,
    event: DialingStarted,
    rules: DialRules = NO_RULES,
    broken: Broken | None = None,
) -> Sequence[Event]:
    """Return the events of a DIALING report. Only one that leads to DIALING lets the dialer place the call.

    `rules` are the server's, and `broken` is the dial rule that the target breaks by now.
    """
    at = event.at
    if callback.state is not State.OFFERED:
        return (event,)
    if callback.expire_time <= at:  # the scheduler is late
        return (ExpireTimePassed(at=at),)
    if broken is not None:
        return (Blocked(at=at, detail=str(broken)),)
    if not service.may_dial(at) or is_quiet(service, callback.dial_target, at, rules):
        return steps_back(callback, OfferWithdrawn(at=at), service, rules)
    return (event,)

"""What it means for callbacks that their service is closed, or dials nothing for another reason.

A service that closes takes what waits to its next opening. What is OFFERED goes back to its place when DIALING is
reported, and calls in progress go on.
"""

from collections.abc import Sequence
from datetime import datetime

from ringback.domain.callback import WAITING, Callback, State
from ringback.domain.events import DialingStarted, Event, ExpireTimePassed, OfferWithdrawn, OpeningMoved
from ringback.domain.service import Service


def attempt_time(callback: Callback, service: Service, at: datetime) -> datetime:
    """Return the first moment from `at` on at which the next attempt of a callback can begin.

    That of a callback for which it would be too late is its expiry.
    """
    # What was due once stays so, also when the clock is set back.
    earliest = max(callback.ready_time, at) if callback.state is State.SCHEDULED else at
    opening = service.first_opening(earliest, otherwise=callback.expire_time)
    return min(opening, max(callback.expire_time, at))


def correction(callback: Callback, service: Service, at: datetime) -> OpeningMoved | None:
    """Return the event that moves a waiting callback to where it belongs by these settings; None where it is there.

    It is elsewhere when the hours were changed since it was planned, or were out of date then. A machine that lacks
    the time zone leaves it where another one has put it.
    """
    at = max(at, callback.update_time)
    if callback.state not in WAITING or service.opening_hours.lacks_zone:
        return None
    planned = callback.next_attempt_time if callback.state is State.SCHEDULED else None
    right = attempt_time(callback, service, at)
    if right == planned or max(planned or at, right) <= at:
        return None
    return OpeningMoved(at=at, next_attempt_time=right)


def steps_back(callback: Callback, event: Event, service: Service) -> Sequence[Event]:
    """Return the events that end a lease with this one: what was OFFERED goes back to its place.

    That is in the queue or, while the service is closed, before its next opening.
    """
    opening = attempt_time(callback, service, event.at)
    if callback.state is not State.OFFERED or opening <= event.at:
        return (event,)
    return event, OpeningMoved(at=event.at, next_attempt_time=opening)


def steps_to_dialing(callback: Callback, service: Service, at: datetime) -> Sequence[Event]:
    """Return the events of a DIALING report. Only one that leads to DIALING lets the dialer place the call."""
    if callback.state is not State.OFFERED:
        return (DialingStarted(at=at),)
    if callback.expire_time <= at:  # the scheduler is late
        return (ExpireTimePassed(at=at),)
    if not service.may_dial(at):
        return steps_back(callback, OfferWithdrawn(at=at), service)
    return (DialingStarted(at=at),)

"""When a target may be dialled: while its service is open, and it is not quiet."""

from collections.abc import Sequence
from datetime import datetime

from ringback.domain.dial_rules import NO_RULES, DialRules, waking_hours
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.quiet_hours import first_open
from ringback.domain.service import Service


def first_dial_time(
    service: Service, dial_target: str, at: datetime, otherwise: datetime, rules: DialRules = NO_RULES
) -> datetime:
    """Return the first moment from `at` on at which the target may be dialled; `otherwise` when there is none soon.

    `rules` are the server's. What `Service.first_opening` says of a machine that lacks the time zone holds here, too.
    """
    quiet = _waking_hours(service, dial_target, rules)
    if not quiet or service.opening_hours.lacks_zone:
        return service.first_opening(at, otherwise)
    return first_open((service.opening_hours, *quiet), at) or otherwise


def is_quiet(service: Service, dial_target: str, at: datetime, rules: DialRules) -> bool:
    """Return whether the target may not be called at this time of day."""
    return not all(hours.is_open(at) for hours in _waking_hours(service, dial_target, rules))


def quiet_until(service: Service, dial_target: str, at: datetime, rules: DialRules) -> datetime | None:
    """Return the first moment from `at` on that is not quiet; None when there is none within a year."""
    hours = _waking_hours(service, dial_target, rules)
    return first_open(hours, at) if hours else at


def _waking_hours(service: Service, dial_target: str, rules: DialRules) -> Sequence[OpeningHours]:
    if rules.quiet_hours is None and service.dial_rules.quiet_hours is None:
        return ()
    both = (rules, service.dial_rules)
    return waking_hours(both, dial_target, service.default_region, service.opening_hours.time_zone)

"""Quiet hours: a time of day in which no dial-out begins, in the zone of the number that is called or in a fixed one.

They are closed hours of one target. So they are `OpeningHours` that are open for the rest of each day, and clocks that
change are treated as there.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import phonenumbers
from msgspec import Struct

from ringback.domain.opening_hours import HORIZON, MINUTES_PER_DAY, OpeningHours, OpeningPeriod, parse_minute
from ringback.domain.time_zone import check_zone, zone_named

TARGET: Final = "target"
"""In place of a zone: that of the number that is called."""

_UNKNOWN_ZONE: Final = "Etc/Unknown"


class QuietHours(Struct, frozen=True, omit_defaults=True):
    """From one time of day to another one, which is on the next day when it is not later."""

    from_minute: int
    """Minutes since midnight, 0 to 1439."""
    to_minute: int
    """Minutes since midnight, 1 to 1440 (24:00), another time than `from_minute`."""
    zone: str = TARGET
    """A name of the IANA database, or `TARGET`."""

    def waking_hours(self, number: str, otherwise: str) -> Sequence[OpeningHours]:
        """Return hours that are all open when it is not quiet for the number.

        `number` is "+" and digits, or "" where there is none. `otherwise` is the zone where no other is known.
        """
        zones = _zones_of(number) if self.zone == TARGET else (self.zone,)
        known = [zone for zone in zones if zone_named(zone) is not None]
        return [_waking_hours(self.from_minute, self.to_minute, zone) for zone in known or [otherwise]]


def parse_quiet_hours(start: str, end: str, zone: str) -> QuietHours:
    """Read quiet hours of a day, such as from 21:00 to 08:00. Raise `ValueError`."""
    from_minute, to_minute = parse_quiet_minute(start), parse_minute(end)
    if from_minute % MINUTES_PER_DAY == to_minute % MINUTES_PER_DAY:
        raise ValueError("begin and end at the same time")
    return QuietHours(from_minute, to_minute or MINUTES_PER_DAY, parse_quiet_zone(zone))


def parse_quiet_minute(text: str) -> int:
    """Read a time at which quiet hours begin. Raise `ValueError`."""
    return parse_minute(text) % MINUTES_PER_DAY


def parse_quiet_zone(text: str) -> str:
    """Read the zone of quiet hours; an empty one is that of the target. Raise `ValueError`."""
    if text in ("", TARGET):
        return TARGET
    try:
        check_zone(text)
    except ValueError as fault:
        raise ValueError(f'{fault}; or "{TARGET}", for the zone of the number') from None
    return text


def first_open(hours: Sequence[OpeningHours], at: datetime) -> datetime | None:
    """Return the first moment from `at` on at which all of these are open; None when there is none within a year."""
    last = at + HORIZON
    while at <= last:
        openings = [each.next_open(at) for each in hours]
        if None in openings:
            return None
        latest = max(opening for opening in openings if opening is not None)
        if latest == at:
            return at
        at = latest
    return None


@lru_cache(maxsize=4096)
def _zones_of(number: str) -> Sequence[str]:
    """Return the zones in which a number may be; a mobile or one that is not valid has all zones of its country."""
    if not number:
        return ()
    # It loads a table of prefixes, which a server without quiet hours does not need.
    from phonenumbers import timezone  # noqa: PLC0415

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ()
    zones = timezone.time_zones_for_number(parsed)
    if _UNKNOWN_ZONE in zones:  # it is not valid, perhaps since its range is new: by its first digits
        zones = timezone.time_zones_for_geographical_number(parsed)
    return tuple(zone for zone in zones if zone != _UNKNOWN_ZONE)


@lru_cache(maxsize=1024)
def _waking_hours(from_minute: int, to_minute: int, zone: str) -> OpeningHours:
    """Return the hours of every day that are not quiet, in a zone."""
    # Hours that begin in the evening and end in the morning leave one period of a day, others two.
    spans = [(to_minute, from_minute)] if to_minute <= from_minute else [(0, from_minute), (to_minute, MINUTES_PER_DAY)]
    periods = [
        OpeningPeriod(day, start, end) for day in range(1, 8) for start, end in spans if start < end <= MINUTES_PER_DAY
    ]
    return OpeningHours(time_zone=zone, periods=tuple(periods))

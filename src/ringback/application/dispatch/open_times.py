"""When services open and close next: looked up once until then, since a year may have to be searched for it."""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from ringback.domain.service import Service

# What does not change within the horizon is looked up again after this: the horizon moves.
_LONGEST: Final = timedelta(hours=1)


class Opening(Struct, frozen=True):
    """Whether a service is open, and when that changes; None: not within 366 days, or it cannot be known."""

    is_open: bool
    changes_at: datetime | None

    @property
    def next_open(self) -> datetime | None:
        return None if self.is_open else self.changes_at

    @property
    def next_close(self) -> datetime | None:
        return self.changes_at if self.is_open else None


class _KnownOpening(Struct, frozen=True):
    service: Service
    opening: Opening
    begin: datetime
    end: datetime


class OpenTimes:
    """The openings of all services that were looked at."""

    def __init__(self) -> None:
        self._known: dict[str, _KnownOpening] = {}

    def at(self, service: Service, now: datetime) -> Opening:
        known = self._known.get(service.service_id)
        if known is None or known.service is not service or not known.begin <= now < known.end:
            opening = _opening(service, now)
            # Where the data of its time zone are missing, they may come at any moment.
            longest = timedelta(0) if service.opening_hours.lacks_zone else _LONGEST
            end = min(opening.changes_at or now + longest, now + longest)
            known = self._known[service.service_id] = _KnownOpening(service, opening, now, end)
        return known.opening

    def forget(self, service_id: str) -> None:
        self._known.pop(service_id, None)


def _opening(service: Service, now: datetime) -> Opening:
    hours = service.opening_hours
    if hours.is_open(now):
        return Opening(True, hours.next_close(now))
    return Opening(False, hours.next_open(now))

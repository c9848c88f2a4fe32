"""An outage of the database, as far as leases go: none could be extended meanwhile, and each gets the time to be.

Else the end of an outage would be a race between the scheduler, which closes what has lapsed, and every dialer that is
in a call and tries again. A pause of the process is one, too.
"""

from datetime import datetime, timedelta
from typing import Final

# A dialer that extends its leases in thirds of the default duration has done so by then.
GRACE: Final = timedelta(seconds=10)


class DatabaseOutage:
    """The last one that this server has noticed."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._grace_end: datetime | None = None

    def note(self, now: datetime, *, is_healthy: bool) -> None:
        """Note whether the database takes writes."""
        if not is_healthy:
            self._began = now if self._began is None else min(self._began, now)
            self._grace_end = None
        elif self._began is not None and self._grace_end is None:
            self._grace_end = now + GRACE

    def lapse_time(self, now: datetime) -> datetime:
        """Return the time by which leases count as over: until all could be extended, that of its beginning."""
        if self._grace_end is not None and now >= self._grace_end:
            self._began = self._grace_end = None
        return now if self._began is None else min(now, self._began)

"""The rest of a service whose agents do not answer: for a growing time none of its callbacks is handed to a dialer.

Without it, the callback that was just given back would be the next one again, and the agents' phones would never stop
ringing.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

FIRST_REST: Final = timedelta(seconds=1)
LONGEST_REST: Final = timedelta(seconds=60)


class Rest(Struct, frozen=True):
    """A rest, which may be over: how long it was decides how long the next one is."""

    until: datetime
    length: timedelta

    def holds(self, at: datetime) -> bool:
        """Return whether it is not over. Nothing rests so long as it seems to after the clock was set back."""
        return timedelta(0) < self.until - at <= 2 * LONGEST_REST


def after_failure(rest: Rest | None, at: datetime) -> Rest:
    """Return the rest of a service after its agents did not answer; the very same while it holds.

    Calls that were under way when it began, to the same agents, do not make it longer. `rest` is the last one since an
    agent has answered, or None.
    """
    if rest is None:
        return Rest(at + FIRST_REST, FIRST_REST)
    if rest.holds(at):
        return rest
    length = min(2 * rest.length, LONGEST_REST)
    return Rest(at + length, length)

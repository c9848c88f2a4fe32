"""Where time comes from."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The one place where time comes from."""

    def now(self) -> datetime:
        """The wall-clock time in UTC, with microseconds. It may jump in both directions."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps."""
        ...

"""Where time comes from."""

from datetime import datetime
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """The one place where time comes from."""

    def now(self) -> datetime:
        """The wall-clock time in UTC, with microseconds. It may jump in both directions."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never jumps."""
        ...


@runtime_checkable
class SharedTime(Protocol):
    """A store whose database tells the time, the same for all servers that share it."""

    async def read_clock(self) -> datetime:
        """Raises `StorageUnavailable`."""
        ...

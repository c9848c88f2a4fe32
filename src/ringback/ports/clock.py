"""The source of time."""

from datetime import datetime
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC, with microseconds. It may jump in both directions."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since some fixed moment; they never jump."""
        ...


@runtime_checkable
class SharedTime(Protocol):
    """A store whose database provides the time, the same for all servers that share it."""

    async def read_clock(self) -> datetime:
        """Return the time of the database. Raise `StorageUnavailable`."""
        ...

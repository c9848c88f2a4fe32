"""The clocks: that of this machine, and that of a database which servers share."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from ringback.domain.errors import StorageUnavailable

_READ_INTERVAL_S = 1.0
# A read that took longer is too inexact, unless the difference is larger still.
_QUICK_S = 0.05


def machine_boot() -> str:
    """Return what tells the boots of machines apart, within which monotonic times can be compared; "" if unknown."""
    try:
        # A container may have a monotonic clock of its own, which goes with its time namespace.
        namespace = Path("/proc/self/ns/time").stat().st_ino
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {namespace}"
    except OSError:
        return ""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class SharedClock:
    """The clock of the database, advanced between two reads of it by this machine's monotonic clock.

    Servers that share a database judge the ends of each other's leases, and when something is due: they have to
    agree on the time, whatever the clocks of their machines show.
    """

    def __init__(self, read: Callable[[], Awaitable[datetime]]) -> None:
        self._read = read
        self._offset_s = 0.0

    async def start(self) -> None:
        """Read the database's clock for the first time. Raise `StorageUnavailable`."""
        self._offset_s, _ = await self._measure()

    async def run(self) -> None:
        """Follow the database's clock until cancelled; while the database is unreachable, time goes on without it."""
        while True:
            await asyncio.sleep(_READ_INTERVAL_S)
            await self.follow()

    async def follow(self) -> None:
        """Read the database's clock once."""
        try:
            offset_s, took_s = await self._measure()
        except StorageUnavailable:  # logged wherever the database is needed for more than the time
            return
        if took_s < _QUICK_S or abs(offset_s - self._offset_s) > took_s:
            self._offset_s = offset_s

    async def _measure(self) -> tuple[float, float]:
        """Return how far the database's clock is ahead of our monotonic one, and how long reading it took."""
        before = self.monotonic()
        read = await self._read()
        after = self.monotonic()
        return read.timestamp() - (before + after) / 2, after - before

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._offset_s + self.monotonic(), UTC)

    def monotonic(self) -> float:
        # Goes on while the machine is suspended, where the system has such a clock: waking up is no jump in time.
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

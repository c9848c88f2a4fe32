"""Pauses of this process: it was stopped (SIGSTOP, a frozen container), and nobody could extend a lease meanwhile.

A pulse tells that the process runs, whatever its loops wait for. Whoever is about to judge leases looks at it first: a
pause is seen then, wherever the process stood when it was stopped.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ringback.ports.clock import Clock

_PULSE_S: Final = 1.0
# A process that runs is never so late, however busy it is. What goes on as usual after a false alarm is only later.
_PAUSED_S: Final = 3.0


class ProcessPauses:
    """When this process was last known to run."""

    def __init__(self, clock: Clock, on_pause: Callable[[datetime], None]) -> None:
        """`on_pause` is called after a pause, with when it began."""
        self._clock = clock
        self._on_pause = on_pause
        # By the wall clock and by the monotonic one; None before the first look.
        self._alive: tuple[datetime, float] | None = None

    def look(self) -> None:
        """Note that the process runs, and whether it was paused since it was last known to."""
        now = self._clock.now(), self._clock.monotonic()
        before, self._alive = self._alive, now
        if before is not None and now[1] - before[1] > _PAUSED_S:
            self._on_pause(before[0])

    async def run(self) -> None:
        """Look all the time, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_PULSE_S)

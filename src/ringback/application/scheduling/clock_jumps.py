"""Jumps of the wall clock: leases and kept phones move with it, since no time has passed for dialers and their phones.

Otherwise a jump ahead would make a live dialer count as lost, and its target would be dialled a second time. A jump is
noticed up to a second late, and until the leases are moved, everything goes on by the time from before it.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from ringback.domain.errors import StorageUnavailable
from ringback.ports.clock import Clock
from ringback.ports.store import Coordination

_log = logging.getLogger(__name__)

# A larger difference between the wall clock and the monotonic one than this is a jump.
_JUMP_S = 2.0


class ClockJumps:
    """The clock of the server: it takes part in a jump of the wall clock when the leases are moved, not before."""

    def __init__(self, store: Coordination, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._offset_s = _offset_s(clock)
        # How many jumps of the clock the leases have been moved for, as far as is known here.
        self._jumps = 0
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each jump: what waits for a moment has to wait for another one."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Read how many jumps there have been before. Raise `StorageUnavailable`."""
        self._offset_s = _offset_s(self._clock)  # a shared clock did not know the time before it was started
        self._jumps = await self._store.clock_jumps()

    def now(self) -> datetime:
        now = self._clock.now()
        jump_s = self._jump_at(now)
        return now - timedelta(seconds=jump_s) if jump_s else now

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def jump_s(self) -> float:
        """Return by how much the wall clock is ahead of this one; 0 for slow corrections of a time service."""
        return self._jump_at(self._clock.now())

    def _jump_at(self, now: datetime) -> float:
        offset_s = now.timestamp() - self._clock.monotonic()
        jump_s = offset_s - self._offset_s
        if abs(jump_s) >= _JUMP_S:
            return jump_s
        self._offset_s = offset_s
        return 0.0

    async def follow(self) -> None:
        """Move the ends of all leases if the clock has jumped. Raise `StorageUnavailable`."""
        if jump_s := self.jump_s():
            moved = await self._shift(jump_s)
            what = "another server has moved the leases" if moved is None else f"{moved} leases were moved with it"
            _log.warning("the clock jumped by %.1f s: %s", jump_s, what)
            for listener in self._listeners:
                listener()
            self._jumps = await self._store.clock_jumps()

    async def _shift(self, jump_s: float) -> int | None:
        # What is submitted from here on goes by the new time, and is written after the shift.
        self._offset_s += jump_s
        try:
            return await self._store.shift_leases(timedelta(seconds=jump_s), self._jumps)
        except StorageUnavailable:
            self._offset_s -= jump_s
            raise


def _offset_s(clock: Clock) -> float:
    """Return how far the wall clock is ahead of the monotonic one; constant, but for jumps and slow corrections."""
    return clock.now().timestamp() - clock.monotonic()

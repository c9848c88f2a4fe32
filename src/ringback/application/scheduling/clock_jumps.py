"""Jumps of the wall clock: leases move with it, since no time has passed for the dialers that hold them.

Otherwise a jump ahead would make a live dialer count as lost, and its target would be dialled a second time.
"""

import logging
from datetime import timedelta

from ringback.ports.clock import Clock
from ringback.ports.store import Coordination

_log = logging.getLogger(__name__)

# A larger difference between the wall clock and the monotonic one than this is a jump.
_JUMP_S = 2.0


class ClockJumps:
    """A detector of clock jumps, which moves the leases once for all servers."""

    def __init__(self, store: Coordination, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._offset_s = _offset_s(clock)
        # How many jumps of the clock the leases have been moved for, as far as is known here.
        self._jumps = 0

    async def start(self) -> None:
        """Read how many jumps there have been before. Raise `StorageUnavailable`."""
        self._offset_s = _offset_s(self._clock)  # a shared clock did not know the time before it was started
        self._jumps = await self._store.clock_jumps()

    def jump_s(self) -> float:
        """Return by how much the clock has jumped since the last check; 0 for slow corrections of a time service."""
        offset_s = _offset_s(self._clock)
        jump_s = offset_s - self._offset_s
        if abs(jump_s) >= _JUMP_S:
            return jump_s
        self._offset_s = offset_s
        return 0.0

    async def follow(self) -> None:
        """Move the ends of all leases if the clock has jumped. Raise `StorageUnavailable`."""
        if jump_s := self.jump_s():
            moved = await self._store.shift_leases(timedelta(seconds=jump_s), self._jumps)
            self._jumps = await self._store.clock_jumps()
            self._offset_s += jump_s
            what = "another server has moved the leases" if moved is None else f"{moved} leases were moved with it"
            _log.warning("the clock jumped by %.1f s: %s", jump_s, what)


def _offset_s(clock: Clock) -> float:
    """Return how far the wall clock is ahead of the monotonic one; constant, but for jumps and slow corrections."""
    return clock.now().timestamp() - clock.monotonic()

"""Jumps of the wall clock: leases and kept phones move with it, since no time has passed for dialers and their phones.

Otherwise a jump ahead would make a live dialer count as lost, and its target would be dialled a second time. A jump is
noticed up to a second late, and until the leases are moved, everything goes on by the time from before it.

The clock may be set while no server runs. A server that is started again in the same boot of its machine sees it by
the monotonic clock, and moves the leases all the same. After a boot nobody knows by how much the clock was set: what
lies further ahead than it ever could is then cut short (`domain/clock_set_back.py`).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ringback.domain.callback import LONGEST_LEASE
from ringback.domain.clock_set_back import LONGEST_KEPT_PHONE, lease_end
from ringback.domain.errors import StorageUnavailable
from ringback.ports.calls import KEPT_FOR
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import ClockMark, Extension

_log = logging.getLogger(__name__)

# A larger difference between the wall clock and the monotonic one than this is a jump.
_JUMP_S = 2.0
# So far may a time service take the clock before it is noted again.
_MARK_S: Final = 1.0
# How many leases are cut short at once.
_BATCH: Final = 500


class ClockJumps:
    """The clock of the server: it takes part in a jump of the wall clock when the leases are moved, not before."""

    def __init__(self, store: Store, clock: Clock, boot: str = "") -> None:
        """`boot` is that of the machine, within which its monotonic times can be compared; "" if unknown."""
        self._store = store
        self._clock = clock
        self._boot = boot
        self._offset_s = _offset_s(clock)
        # How many jumps of the clock the leases have been moved for, as far as is known here.
        self._jumps = 0
        self._mark: ClockMark | None = None
        self._is_bounded = False
        self._listeners: list[Callable[[], None]] = []
        self._set_back_listeners: list[Callable[[], None]] = []
        self._ahead_listeners: list[Callable[[datetime], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each jump: what waits for a moment has to wait for another one."""
        self._listeners.append(listener)

    def listen_set_back(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each jump back, also one that no server saw: some times may lie too far ahead."""
        self._set_back_listeners.append(listener)

    def listen_ahead(self, listener: Callable[[datetime], None]) -> None:
        """Call `listener` after each jump ahead, with what time it would be without."""
        self._ahead_listeners.append(listener)

    async def start(self) -> None:
        """Read how many jumps there have been before, and how the clock went then. Raise `StorageUnavailable`."""
        self._offset_s = _offset_s(self._clock)  # a shared clock did not know the time before it was started
        self._jumps = await self._store.clock_jumps()
        mark = await self._store.clock_mark()
        # Another server, or an earlier one, may have moved the leases since then: for the same jump.
        if mark is not None and mark.boot == self._boot and mark.jumps == self._jumps:
            self._mark = mark
            self._offset_s = mark.ahead.total_seconds()

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
            self._jumps += 1
            what = "another server has moved the leases" if moved is None else f"{moved} leases were moved with it"
            _log.warning("the clock jumped by %.1f s: %s", jump_s, what)
            for listener in (*self._listeners, *(self._set_back_listeners if jump_s < 0 else ())):
                listener()
            if jump_s > 0:
                for ahead_listener in self._ahead_listeners:
                    ahead_listener(self.now() - timedelta(seconds=jump_s))
            if moved is None:
                # What was written here since the other server moved them, went by the time from before the jump.
                self._is_bounded = False
                self._jumps = await self._store.clock_jumps()
        if not self._is_bounded:
            await self._bound()
            if await self._is_behind():
                for listener in self._set_back_listeners:
                    listener()
            self._is_bounded = True
        await self._note()

    async def _shift(self, jump_s: float) -> int | None:
        # What is submitted from here on goes by the new time, and is written after the shift.
        self._offset_s += jump_s
        mark = self._mark_after(self._jumps + 1) if self._boot else None
        try:
            moved = await self._store.shift_leases(timedelta(seconds=jump_s), self._jumps, mark)
        except StorageUnavailable:
            self._offset_s -= jump_s
            raise
        if moved is not None:
            self._mark = mark
        return moved

    async def _bound(self) -> None:
        """Cut short what outlives all that could be granted now: the clock was set back, unseen by this server."""
        cut = 0
        while found := await self._store.outlasting((now := self.now()) + LONGEST_LEASE, _BATCH):
            ends = [
                Extension(each.callback_id, each.lease.fencing_token, lease_end(each.lease, now))
                for each in found
                if each.lease is not None
            ]
            cut += sum(await self._store.extend(ends))
        await self._store.bound_keeping(now + LONGEST_KEPT_PHONE, now + KEPT_FOR)
        if cut:
            _log.warning("the clock was set back unseen: %d leases were cut short", cut)

    async def _is_behind(self) -> bool:
        """Return whether the newest change is of a later time than it is now."""
        newest = (await self._store.history()).newest
        events = await self._store.events(newest - 1, 1) if newest else []
        return any((each.callback.update_time - self.now()).total_seconds() >= _JUMP_S for each in events)

    async def _note(self) -> None:
        """Note how the clock goes, where that is not what is noted."""
        mark = self._mark_after(self._jumps)
        known = self._mark
        if self._boot and (
            known is None or known.jumps != mark.jumps or abs((known.ahead - mark.ahead).total_seconds()) >= _MARK_S
        ):
            await self._store.mark_clock(mark)
            self._mark = mark

    def _mark_after(self, jumps: int) -> ClockMark:
        return ClockMark(self._boot, timedelta(seconds=self._offset_s), jumps)


def _offset_s(clock: Clock) -> float:
    """Return how far the wall clock is ahead of the monotonic one; constant, but for jumps and slow corrections."""
    return clock.now().timestamp() - clock.monotonic()

"""Waiting for the next time that something happens, or for some time to be over: cheap for thousands at once."""

import asyncio
import math

# What a wait may take longer than asked for.
TICK_S = 0.1


class Wakeup:
    """Wakes all who wait when it rings, and each when its time is over.

    One timer does for all of them. With a timer for each wait, as `asyncio.timeout` takes it, a sixth of the time in
    which one event goes to a thousand watchers went into timers.
    """

    def __init__(self) -> None:
        # Whom to wake, and when at the latest, by the clock of the event loop.
        self._waiting: dict[asyncio.Future[None], float] = {}
        self._ticking = False

    async def wait(self, timeout_s: float = math.inf) -> None:
        """Return when it rings, or when the time is over."""
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        self._waiting[waiting] = loop.time() + timeout_s
        if not self._ticking:
            self._ticking = True
            loop.call_later(TICK_S, self._tick, loop)
        try:
            await waiting
        finally:
            self._waiting.pop(waiting, None)

    def wake(self) -> None:
        self._wake_up(math.inf)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wake_up(loop.time())
        self._ticking = bool(self._waiting)
        if self._ticking:
            loop.call_later(TICK_S, self._tick, loop)

    def _wake_up(self, now: float) -> None:
        for waiting in [waiting for waiting, until in self._waiting.items() if until <= now]:
            del self._waiting[waiting]
            if not waiting.done():  # it may have been cancelled just now
                waiting.set_result(None)

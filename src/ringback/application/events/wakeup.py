"""A wait for the next wakeup or for a timeout, cheap for thousands of waiters at once."""

import asyncio
import math

# How much longer than its timeout a wait may take.
TICK_S = 0.1


class Wakeup:
    """A signal that wakes all waiters, and a timeout for each of them.

    One timer serves all of them. With a timer for each wait, as `asyncio.timeout` uses, a sixth of the time in which
    one event goes to a thousand watchers was spent on timers.
    """

    def __init__(self) -> None:
        # The waiters, and when each is woken at the latest, by the clock of the event loop.
        self._waiting: dict[asyncio.Future[None], float] = {}
        self._ticking = False

    async def wait(self, timeout_s: float = math.inf) -> None:
        """Wait for the next `wake`, or until the timeout is over."""
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

"""How much of the event loop goes into what HTTP clients send, before any of it is a call that has its turn.

To read a frame of nine bytes takes as long as one of sixteen thousand, and nobody needs credentials to send one. So
clients wait here for one another, and all of them for the rest of the server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeVar

T = TypeVar("T")

# Others get so many times as long as what was sent has taken.
_OTHERS: Final = 3
# So long it may take at once, after a while in which little was sent: one request after the other never waits.
_BURST_S: Final = 0.005


class ReadingPace:
    """That of all connections. They go on one after the other, in the order in which they have begun to wait."""

    def __init__(
        self,
        monotonic: Callable[[], float] = perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._monotonic: Final = monotonic
        self._sleep: Final = sleep
        self._first: Final = asyncio.Lock()
        # When what was charged so far is paid off.
        self._paid_at_s = 0.0

    def charge(self, spent_s: float) -> None:
        """Note that something has taken so long."""
        earliest_s = self._monotonic() - _BURST_S * _OTHERS
        self._paid_at_s = max(self._paid_at_s, earliest_s) + spent_s * _OTHERS

    async def wait(self) -> None:
        """Return when it is time to go on."""
        async with self._first:
            if (wait_s := self._paid_at_s - self._monotonic()) > 0:
                await self._sleep(wait_s)


class Timed(Awaitable[T]):
    """Work whose steps are told how long they take. The time for which it waits does not count."""

    def __init__(self, work: Coroutine[Any, Any, T], note: Callable[[float], None]) -> None:
        self._work: Final = work
        self._note: Final = note

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[], Any] = partial(self._work.send, None)
        while True:
            begun_s = perf_counter()
            try:
                awaited = step()
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self._note(perf_counter() - begun_s)
            try:
                yield awaited
            except BaseException as thrown:  # noqa: BLE001 - it is for the work
                step = partial(self._work.throw, thrown)
            else:
                step = partial(self._work.send, None)

"""A number that grows with commits, and the tasks that wait for it: the end of the event log, for one."""

import asyncio

from ringback.domain.errors import StorageUnavailable


class Watermark:
    def __init__(self, value: int) -> None:
        self._value = value
        self._end: Exception | None = None
        self._grown = asyncio.Event()

    @property
    def value(self) -> int:
        return self._value

    async def wait(self, beyond: int) -> None:
        """Return when the number is above `beyond`. Raise why it will grow no more, if so."""
        while self._value <= beyond:
            if self._end is not None:
                raise self._end
            await self._grown.wait()

    def advance(self, value: int) -> None:
        if value > self._value:
            self._value = value
            self._wake()

    def end(self, reason: Exception | None = None) -> None:
        """Let it grow no more; the first reason stands, which is that the database is closed unless given."""
        if self._end is None:
            self._end = StorageUnavailable("the database is closed") if reason is None else reason
        self._wake()

    def _wake(self) -> None:
        # Wakes all tasks that wait now; later ones wait for the next event.
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

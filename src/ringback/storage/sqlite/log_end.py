"""The end of the event log, and who waits for it to grow."""

import asyncio

from ringback.domain.errors import StorageUnavailable


class LogEnd:
    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._ended = False
        self._grown = asyncio.Event()

    async def wait(self, after: int) -> None:
        """Return when there is an entry above `after`. Raises `StorageUnavailable` when there will be no more."""
        while self._newest <= after:
            if self._ended:
                raise StorageUnavailable("the database is closed")
            await self._grown.wait()

    def advance(self, newest: int) -> None:
        if newest > self._newest:
            self._newest = newest
            self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        # All who wait now, and none who comes later: those wait for the next one.
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

"""The newest part of the event log, in memory: whatever follows the log in this process reads it here."""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence

from ringback.domain.errors import StorageUnavailable
from ringback.ports import LoggedEvent, Store

_log = logging.getLogger(__name__)

TAIL_LENGTH = 10_000
_READ_LIMIT = 1_000
_RETRY_S = 0.5


class Tail:
    """Reads the event log as it grows, keeps its newest part, and tells those who listen."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: list[LoggedEvent] = []
        self._numbers: list[int] = []
        self._newest = 0
        # `_events` holds every event above this number.
        self._complete_after = 0
        self._grown = asyncio.Event()
        self._listeners: list[Callable[[Sequence[LoggedEvent]], None]] = []
        self.closing = False

    @property
    def newest(self) -> int:
        return self._newest

    def listen(self, listener: Callable[[Sequence[LoggedEvent]], None]) -> None:
        """Call `listener` with all committed events from now on, in order."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Take the present end of the log as the beginning. Raises `StorageUnavailable`."""
        self._newest = self._complete_after = (await self._store.history()).newest

    async def run(self) -> None:
        """Follow the log until cancelled, whatever happens to the database meanwhile."""
        while True:
            try:
                await self._store.wait_for_events(self._newest)
                events = await self._store.events(self._newest, _READ_LIMIT)
            except StorageUnavailable as fault:
                _log.warning("cannot read the event log, trying again: %s", fault)
                await asyncio.sleep(_RETRY_S)
                continue
            if events:
                self._append(events)

    def close(self) -> None:
        """End all waiting: the streams send their last token."""
        self.closing = True
        self._wake()

    async def wait_beyond(self, number: int, timeout_s: float) -> None:
        """Return when there are events above `number`, the time is over, or the server drains."""
        grown = self._grown
        if self._newest > number or self.closing:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await grown.wait()
        except TimeoutError:
            return

    async def catch_up(self) -> None:
        """Return when everything that is committed now has been seen, and told to those who listen."""
        newest = (await self._store.history()).newest
        while self._newest < newest and not self.closing:
            await self._grown.wait()

    def recent(self, number: int, limit: int) -> Sequence[LoggedEvent] | None:
        """The events above `number`, in order; None when memory does not reach that far back."""
        if number < self._complete_after:
            return None
        start = bisect_right(self._numbers, number)
        return self._events[start : start + limit]

    def _append(self, events: Sequence[LoggedEvent]) -> None:
        self._events.extend(events)
        self._numbers.extend(event.number for event in events)
        self._newest = events[-1].number
        if len(self._events) > 2 * TAIL_LENGTH:  # trimmed by halves: an amortised cost, without a ring's index sums
            surplus = len(self._events) - TAIL_LENGTH
            self._complete_after = self._numbers[surplus - 1]
            del self._events[:surplus]
            del self._numbers[:surplus]
        for listener in self._listeners:
            listener(events)
        self._wake()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

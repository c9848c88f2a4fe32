"""The newest part of the event log, in memory: all that follow the log in this process read it here."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing

from ringback.application.events.recent_events import RecentEvents
from ringback.application.events.wakeup import Wakeup
from ringback.application.outage import OutageLog
from ringback.domain.errors import StorageUnavailable
from ringback.ports.store import EventLog
from ringback.ports.values import EventKind, LoggedEvent

_log = logging.getLogger(__name__)

TAIL_LENGTH = 10_000
_RETRY_S = 0.5


class EventFeed:
    """A reader of the event log, which keeps the newest part of it and calls the listeners."""

    def __init__(self, store: EventLog) -> None:
        self._store = store
        self._recent = RecentEvents(0, TAIL_LENGTH)
        self._wakeup = Wakeup()
        self._listeners: list[Callable[[Sequence[LoggedEvent]], None]] = []
        self._outage = OutageLog()
        self.closing = False

    @property
    def newest(self) -> int:
        return self._recent.newest

    @property
    def kept_after(self) -> int:
        """The number above which every event is in memory."""
        return self._recent.complete_after

    def listen(self, listener: Callable[[Sequence[LoggedEvent]], None]) -> None:
        """Call `listener` with all committed events from now on, in order."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Take the current end of the log as the beginning. Raise `StorageUnavailable`."""
        self._recent.restart((await self._store.history()).newest)

    async def run(self) -> None:
        """Follow the log until cancelled, whatever happens to the database meanwhile."""
        while True:
            try:
                async with aclosing(self._store.follow(self.newest)) as batches:
                    async for events in batches:
                        self._outage.end()
                        self._append(events)
            except StorageUnavailable as fault:
                _log.log(self._outage.level(), "cannot read the event log, trying again: %s", fault)
                await asyncio.sleep(_RETRY_S)

    def close(self) -> None:
        """End all waits, so that the streams send their last token."""
        self.closing = True
        self._wakeup.wake()

    async def wait_beyond(self, number: int, timeout_s: float) -> None:
        """Wait until there are events above `number`, the time is over, or the server drains."""
        if self.newest <= number and not self.closing:
            await self._wakeup.wait(timeout_s)

    async def catch_up(self) -> None:
        """Wait until everything that is committed now has been read, and passed to the listeners."""
        newest = (await self._store.history()).newest
        while self.newest < newest and not self.closing:
            await self._wakeup.wait()

    def recent(self, number: int, limit: int) -> Sequence[LoggedEvent] | None:
        """Return up to `limit` events above `number`, in order; None when memory does not reach that far back."""
        return self._recent.after(number, limit)

    def _append(self, events: Sequence[LoggedEvent]) -> None:
        self._recent.append(events)
        if callback_ids := erased_in(events):
            self._recent.redact(callback_ids)
        for listener in self._listeners:
            listener(events)
        self._wakeup.wake()


def erased_in(events: Sequence[LoggedEvent]) -> Collection[str]:
    """Return the ids of the callbacks that were erased with these events."""
    return {e.callback.callback_id for e in events if e.kind is EventKind.PURGED and e.callback.erased}

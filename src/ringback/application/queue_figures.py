"""How long each queue is: kept as the log grows, so that neither GetQueue nor a scrape of metrics counts rows.

Counted once in the database, in the background, and from then on by the event log, whichever server writes to it. When
events are missing (deleted before this server has read them, or the database is an earlier state of itself), it is
counted again.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from ringback.application.events.feed import EventFeed
from ringback.application.events.wakeup import Wakeup
from ringback.application.outage import OutageLog
from ringback.application.queue_counts import EventsMissed, QueueCounts, ServiceFigures
from ringback.domain.errors import StorageUnavailable
from ringback.domain.priority import Priority
from ringback.ports.store import Store
from ringback.ports.values import LoggedEvent

_log = logging.getLogger(__name__)

# As long as any other read may take.
_PATIENCE_S: Final = 3.0
_RETRY_S: Final = 0.5
_READ_LIMIT: Final = 1_000
# Lines that one statement looks up: other reads come in between.
_LOOK_UP: Final = 500


class QueueFigures:
    """The figures of all queues, as of the newest event that this server has read."""

    def __init__(self, store: Store, feed: EventFeed) -> None:
        self._store = store
        self._feed = feed
        self._counts: QueueCounts | None = None
        self._is_new_count = True
        # Set while they have to be counted: at first, and when they are wrong.
        self._to_count = asyncio.Event()
        self._to_count.set()
        self._outage = OutageLog()
        self._grown = Wakeup()
        self._closing = False
        feed.listen(self._on_events)

    @property
    def counted(self) -> bool:
        """Return whether there are figures yet."""
        return self._counts is not None

    def of(self, service_id: str) -> ServiceFigures:
        return ServiceFigures() if self._counts is None else self._counts.of(service_id)

    def touched(self, service_id: str) -> int:
        """Return a number that is another one once anything of the service has changed; 0 before it is counted."""
        return 0 if self._counts is None else self._counts.touched(service_id)

    def all(self) -> Mapping[str, ServiceFigures]:
        """Return those of each service that has something open; none before they are counted."""
        return {} if self._counts is None else self._counts.all()

    def take_changed(self) -> Collection[str] | None:
        """Return the services whose figures may have changed since this was called last; None: all. For one caller."""
        if self._counts is None:
            return ()
        changed, self._counts.changed = self._counts.changed, set()
        if self._is_new_count:
            self._is_new_count = False
            return None
        return changed

    async def catch_up(self) -> None:
        """Wait until everything that is committed now is counted, by whichever server. Raise `StorageUnavailable`."""
        counts, number = self._counts, self._number
        newest = (await self._store.history()).newest
        if newest < number and counts is self._counts:
            self._count_again(f"the log ends at {newest}, and event {number} was read")
        elif self._counts is not None and self._number < newest <= self._feed.newest:
            self._count_again(f"event {newest} is not the one that was read")
        await self._reach(newest)

    async def oldest(self, service_ids: Collection[str] | None = None) -> Mapping[str, Mapping[Priority, datetime]]:
        """Return when the first of each line of these services, or of all, became due. Raise `StorageUnavailable`.

        Most of it is in memory; an index has the rest.
        """
        if self._counts is None:
            return {}
        looked_up: dict[tuple[str, Priority], datetime] = {}
        names = self._counts.unknown(service_ids)
        for start in range(0, len(names), _LOOK_UP):
            portion = names[start : start + _LOOK_UP]
            found = await self._store.line_heads(portion)
            await self._reach(found.number)  # what is not in a line any more is not counted either
            self._counts.note(portion, found)
            looked_up.update(found.oldest)
        oldest = self._counts.oldest(service_ids)
        for service_id, priority in self._counts.unknown(service_ids):  # changed meanwhile
            if (at := looked_up.get((service_id, priority))) is not None:
                oldest.setdefault(service_id, {})[priority] = at
        return oldest

    def close(self) -> None:
        """End all waits, and those to come."""
        self._closing = True
        self._grown.wake()

    async def run(self) -> None:
        """Count whenever it has to be, until cancelled."""
        while True:
            await self._to_count.wait()
            try:
                await self.count()
                self._outage.end()
            except StorageUnavailable as fault:
                _log.log(self._outage.level(), "cannot count the queues, trying again: %s", fault)
                await asyncio.sleep(_RETRY_S)

    async def count(self) -> None:
        """Count what is open, and what the feed has read meanwhile. Raise `StorageUnavailable`."""
        counts = QueueCounts(await self._store.open_by_service())
        try:
            # Not what the feed has in memory, which an earlier state of the database does not have.
            while counts.number < self._feed.newest:
                events = await self._store.events(counts.number, _READ_LIMIT)
                if not events:
                    break
                counts.fold(events)
        except EventsMissed as missed:
            raise StorageUnavailable(f"the log was purged while the queues were counted: {missed}") from missed
        # From here on there is no wait: `_on_events` goes on after the last of the events above.
        self._counts, self._is_new_count = counts, True
        self._to_count.clear()
        self._grown.wake()

    @property
    def _number(self) -> int:
        return 0 if self._counts is None else self._counts.number

    async def _reach(self, number: int) -> None:
        """Wait until event `number` is counted."""
        loop = asyncio.get_running_loop()
        end, begun_at = loop.time() + _PATIENCE_S, self._number
        while self._to_count.is_set() or self._number < number:
            if self._closing:
                raise StorageUnavailable("the server stops")
            if loop.time() >= end:
                if self._to_count.is_set():
                    raise StorageUnavailable("the queues are still being counted")
                if self._number == begun_at:
                    self._count_again(f"event {number} is there, and was not read")
                raise StorageUnavailable("this server lags behind the event log")
            await self._grown.wait(end - loop.time())

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        if self._counts is None or self._to_count.is_set():
            return
        try:
            self._counts.fold(events)
        except EventsMissed as missed:
            self._count_again(str(missed))
        self._grown.wake()

    def _count_again(self, why: str) -> None:
        _log.warning("the queues are counted again: %s", why)
        self._to_count.set()

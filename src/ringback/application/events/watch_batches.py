"""The event log as the watchers with one filter see it, in batches that are made once for all of them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from weakref import WeakValueDictionary

from ringback.application.events.feed import EventFeed
from ringback.application.events.tokens import ResumeToken, Tokens
from ringback.domain.callback import MAX_RESPONSE_BYTES, MAX_WEIGHT, Callback, State, weight
from ringback.domain.filter import CallbackFilter
from ringback.ports.store import Store
from ringback.ports.values import EventKind, LoggedEvent

MAX_EVENTS_PER_BATCH = 100
# So many events are read at a time. Batches end where the numbers reach a multiple of it, so that watchers that
# began at different events reach the same one, and share batches from there.
STRIDE = 1_000


class EventType(IntEnum):
    """What an event means for a watcher. The numbers are those of the wire."""

    SNAPSHOT = 1
    CREATED = 2
    UPDATED = 3
    REMOVED = 4


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change as one watcher sees it."""

    type: EventType
    callback: Callback
    previous_state: State | None
    time: datetime
    # The identity that requested it, for those who may see it.
    identity: str = ""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class WatchBatch:
    """The content of one response; all watchers that are sent the same share one object.

    `resume_token` covers it and everything before, up to event `number` of the log.
    """

    events: Sequence[WatchEvent]
    number: int
    resume_token: str
    snapshot_started: bool = False
    snapshot_complete: bool = False
    # The batch from here stays the same, however the log grows.
    settled: bool = True


class HistoryGone(Exception):  # noqa: N818 - expected: the log does not grow for ever
    """Some of the events were deleted before they were read."""


class WatchBatches:
    """The batches for one filter.

    The end of a batch depends on its beginning and on the end of the log: watchers at the same position, far behind
    or up to date, get the same object. It lives while one of them uses it, and a while longer in `recent`.
    """

    def __init__(self, store: Store, feed: EventFeed, wanted: CallbackFilter, recent: deque[WatchBatch]) -> None:
        self.filter = wanted
        self.tokens = Tokens(store.database_id, wanted)
        self._store = store
        self._feed = feed
        self._recent = recent
        self._made: WeakValueDictionary[int, WatchBatch] = WeakValueDictionary()
        self._reading = asyncio.Lock()

    async def after(self, number: int) -> WatchBatch | None:
        """Return the batch after event `number`; None when nothing has happened since.

        The batch has no events when the filter excludes all that were read. Raise `HistoryGone`,
        `StorageUnavailable`.
        """
        if number >= self._feed.newest:
            return None
        if batch := self._shared(number):
            return batch
        if recent := self._feed.recent(number, STRIDE):
            return self._make(number, recent)
        async with self._reading:  # of all that lag behind at the same position, one reads the database
            if batch := self._shared(number):
                return batch
            logged = await self.read(number)
            return self._make(number, logged) if logged else None

    async def read(self, number: int) -> Sequence[LoggedEvent]:
        """Return the next events as they are in the log. Raise as `after` does."""
        recent = self._feed.recent(number, STRIDE)
        if recent is not None:
            return recent
        logged = await self._store.events(number, STRIDE)
        if (await self._store.history()).oldest > number:
            raise HistoryGone
        return logged

    def forget(self) -> None:
        """Make no watcher share a batch that was made before now."""
        self._made.clear()

    def _shared(self, number: int) -> WatchBatch | None:
        batch = self._made.get(number)
        return batch if batch is not None and (batch.settled or batch.number >= self._feed.newest) else None

    def _make(self, number: int, logged: Sequence[LoggedEvent]) -> WatchBatch:
        told = Told()
        border = (logged[0].number + STRIDE - 1) // STRIDE * STRIDE
        for entry in logged:
            number_seen = entry.number
            if event := as_seen(entry, self.filter):
                told.add_if_room(event)
            settled = told.full or number_seen >= border
            if settled:
                break
        batch = WatchBatch(
            told.events, number_seen, self.tokens.write_resume(ResumeToken(number_seen)), settled=settled
        )
        self._made[number] = batch
        self._recent.append(batch)
        return batch


class Told:
    """The events of one batch, no more than a response may hold."""

    def __init__(self) -> None:
        self.events: list[WatchEvent] = []
        self._room = MAX_RESPONSE_BYTES

    @property
    def full(self) -> bool:
        return len(self.events) >= MAX_EVENTS_PER_BATCH or self._room < MAX_WEIGHT

    def add_if_room(self, event: WatchEvent) -> bool:
        if self.full:
            return False
        self.events.append(event)
        self._room -= weight(event.callback)
        return True


def as_seen(entry: LoggedEvent, wanted: CallbackFilter) -> WatchEvent | None:
    """Return what a logged event means to a watcher with this filter; None when it means nothing."""
    callback, previous = entry.callback, entry.previous
    if entry.kind is EventKind.PURGED and callback.erased:
        matched = wanted.may_have_matched(callback)
    else:
        matched = previous is not None and wanted.matches(previous)
    matches = entry.kind is not EventKind.PURGED and wanted.matches(callback)
    if matches:
        type_ = EventType.CREATED if entry.kind is EventKind.CREATED else EventType.UPDATED
    elif matched:
        type_ = EventType.REMOVED
    else:
        return None
    view = wanted.view
    return WatchEvent(
        type_,
        view.shown(callback),
        previous.state if previous else None,
        callback.update_time,
        entry.identity if view.shows_identities else "",
    )

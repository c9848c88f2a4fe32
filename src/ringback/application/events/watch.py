"""Watches of callbacks: a cursor in the event log for each watcher.

The contract: a watcher sees every committed change of the callbacks that match its filter, in commit order, once
per stream, and nothing else. There is no queue per watcher: a slow one is a cursor that lags behind, first within
the tail that is kept in memory, then in the database. Only a cursor older than the kept history cannot go on.
What is sent to many of them is made once (`watch_batches.py`).
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from weakref import WeakValueDictionary

from ringback.application.access import Caller
from ringback.application.directory import Directory
from ringback.application.events.feed import EventFeed, erased_in
from ringback.application.events.tokens import ResumeToken
from ringback.application.events.watch_batches import (
    MAX_EVENTS_PER_BATCH,
    EventType,
    HistoryGone,
    Told,
    WatchBatch,
    WatchBatches,
    WatchEvent,
    as_seen,
)
from ringback.application.narrowing import selected_by
from ringback.domain.callback import Callback
from ringback.domain.errors import ResumeTokenExpired, ResumeTokenInvalid
from ringback.domain.filter import CallbackFilter
from ringback.domain.view import View
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import LoggedEvent, Snapshot

STREAM_AGE = timedelta(minutes=30)
STREAM_AGE_SPREAD = 0.1
# Batches that are kept for watchers that have not reached them yet: typically 5 MB, when all are full.
_RECENT_BATCHES = 64


class WatchLag(NamedTuple):
    """How the watches of a server keep up: what the slowest of them has not taken yet."""

    watches: int
    events: int
    # Since the first of these events; at least, when it is in memory no more.
    seconds: float


class Watches:
    """The use case behind WatchCallbacks."""

    def __init__(self, store: Store, feed: EventFeed, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._feed = feed
        self._clock = clock
        self._batches: WeakValueDictionary[CallbackFilter, WatchBatches] = WeakValueDictionary()
        self._recent: deque[WatchBatch] = deque(maxlen=_RECENT_BATCHES)
        self._open: set[_Cursor] = set()
        feed.listen(self._on_events)

    async def watch(
        self,
        caller: Caller,
        wanted: CallbackFilter,
        resume_token: str,
        *,
        begin: datetime | None = None,
        snapshot_when_needed: bool,
        heartbeat_s: float,
    ) -> AsyncGenerator[WatchBatch, None]:
        """Yield the batches for one watcher: the first at once, an empty one after each `heartbeat_s` without any.

        End on drain, after half an hour, and when an address that the caller's grants name has become that of another
        service. Raise `NotAllowed`, `ResumeTokenInvalid`, `ResumeTokenExpired` (unless a
        snapshot may be sent instead), `StorageUnavailable`.
        """
        wanted = await selected_by(caller, wanted, self._directory)
        granted = _GrantedServices(self._directory, wanted.view)
        cursor = _Cursor(self._store, self._batches_for(wanted), snapshot_when_needed=snapshot_when_needed)
        self._open.add(cursor)
        try:
            yield await cursor.begin(resume_token, begin)
            age = STREAM_AGE.total_seconds() * random.uniform(1 - STREAM_AGE_SPREAD, 1 + STREAM_AGE_SPREAD)  # noqa: S311
            end = self._clock.monotonic() + age
            silent_until = self._clock.monotonic() + heartbeat_s
            while not self._feed.closing and self._clock.monotonic() < end and granted.are_the_same():
                batch = await cursor.advance()
                if not granted.are_the_same():
                    return  # without the batch, and so without a token after it
                patience_s = min(silent_until, end) - self._clock.monotonic()
                if batch is None and patience_s > 0:
                    await self._feed.wait_beyond(cursor.number, patience_s)
                else:
                    yield batch or cursor.heartbeat()
                    silent_until = self._clock.monotonic() + heartbeat_s
            yield cursor.heartbeat()
        finally:
            self._open.discard(cursor)

    def lag(self) -> WatchLag:
        """Return how many watches are open, and how far the slowest of them is behind."""
        newest = self._feed.newest
        # One that has not begun yet has no position.
        behind = min((cursor.number for cursor in self._open if cursor.number), default=newest)
        if behind >= newest:
            return WatchLag(len(self._open), 0, 0.0)
        # Of what has left the memory it is not known when it was committed: it is older than what is there.
        oldest = self._feed.recent(behind, 1) or self._feed.recent(self._feed.kept_after, 1)
        age_s = (self._clock.now() - oldest[0].callback.update_time).total_seconds() if oldest else 0.0
        return WatchLag(len(self._open), newest - behind, max(age_s, 0.0))

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        """Keep no batch that has what was erased."""
        if erased_in(events):
            self._recent.clear()
            for batches in self._batches.values():
                batches.forget()

    def _batches_for(self, wanted: CallbackFilter) -> WatchBatches:
        batches = self._batches.get(wanted)
        if batches is None:
            batches = self._batches[wanted] = WatchBatches(self._store, self._feed, wanted, self._recent)
        return batches


class _GrantedServices:
    """The services of a view: those that it names by address may become others."""

    def __init__(self, directory: Directory, view: View) -> None:
        self._directory = directory
        self._view = view
        self._seen = directory.changes

    def are_the_same(self) -> bool:
        if self._seen == self._directory.changes:
            return True
        self._seen = self._directory.changes
        return not self._view.names_services or self._directory.resolve_known(self._view) == self._view


class _Cursor:
    """The position of one watcher in the log, and in its snapshot while that is being sent.

    During a snapshot the watcher knows the callbacks with ids up to a boundary, as they were after event `number`.
    Each step first brings those up to date, then adds the next page: so a snapshot is never older than what was
    sent before it, needs no long transaction, and can be resumed at each boundary.
    """

    def __init__(self, store: Store, batches: WatchBatches, *, snapshot_when_needed: bool) -> None:
        self._store = store
        self._batches = batches
        self._snapshot_when_needed = snapshot_when_needed
        self._position = ResumeToken(0)
        # The next page of the snapshot, while older events are sent before it.
        self._page: Snapshot | None = None

    @property
    def number(self) -> int:
        return self._position.number

    async def begin(self, resume_token: str, time: datetime | None) -> WatchBatch:
        history = await self._store.history()
        if not resume_token and time is not None:
            self._position = ResumeToken(await self._store.number_before(time))
            return await self.advance() or self.heartbeat()
        if not resume_token:
            if self._snapshot_when_needed:
                return self._start_snapshot(history.newest)
            self._position = ResumeToken(history.newest)
            return self.heartbeat()
        position = self._batches.tokens.read_resume(resume_token)
        if position.number > history.newest:
            # From a later state that was lost, for instance because the database was restored from a backup.
            raise ResumeTokenInvalid("resume_token is ahead of this database")
        if position.number < history.oldest:
            return self._lost_history(history.newest)
        self._position = position
        return await self.advance() or self.heartbeat()

    async def advance(self) -> WatchBatch | None:
        """Return the next batch that is to be sent; None when the watcher is up to date.

        Events that the filter excludes move the cursor silently, in steps that let other tasks run in between.
        """
        try:
            if self._position.snapshot_after is not None:
                return await self._advance_snapshot(self._position.snapshot_after)
            while batch := await self._batches.after(self.number):
                self._position = ResumeToken(batch.number)
                if batch.events:
                    return batch
                await asyncio.sleep(0)
        except HistoryGone:
            return self._lost_history((await self._store.history()).newest)
        return None

    def heartbeat(self) -> WatchBatch:
        return self._batch([])

    def _batch(self, events: Sequence[WatchEvent], *, started: bool = False, complete: bool = False) -> WatchBatch:
        """Return a batch for this watcher alone."""
        token = self._batches.tokens.write_resume(self._position)
        return WatchBatch(events, self.number, token, snapshot_started=started, snapshot_complete=complete)

    def _start_snapshot(self, number: int) -> WatchBatch:
        self._position = ResumeToken(number, snapshot_after="")
        self._page = None
        return self._batch([], started=True)

    def _lost_history(self, newest: int) -> WatchBatch:
        if not self._snapshot_when_needed:
            raise ResumeTokenExpired("the events after this resume_token are no longer kept")
        return self._start_snapshot(newest)

    async def _advance_snapshot(self, boundary: str) -> WatchBatch:
        """Return what happened to the known callbacks until a page was read, then as much of the page as fits."""
        told = Told()
        page = self._page or await self._store.snapshot(self._batches.filter, boundary, MAX_EVENTS_PER_BATCH)
        while self.number < page.number and not told.full:
            logged = await self._batches.read(self.number)
            self._position = ResumeToken(self._tell(logged, told, page.number, boundary), boundary)
        if self.number < page.number:
            self._page = page
            return self._batch(told.events)
        self._page = None
        wanted = self._batches.filter
        last, complete = boundary, not page.more
        for callback in page.callbacks:
            selected = not wanted.may_be_hidden or wanted.matches(callback)
            if selected and not told.add_if_room(_as_snapshot(wanted.view.shown(callback))):
                complete = False
                break
            last = callback.callback_id
        self._position = ResumeToken(page.number, None if complete else last)
        return self._batch(told.events, complete=complete)

    def _tell(self, logged: Sequence[LoggedEvent], told: Told, until: int, known_up_to: str) -> int:
        """Add as many of the events as fit; return the number up to which all were processed."""
        number = self.number
        for entry in logged:
            if told.full:
                return number
            if entry.number > until:
                return until
            number = entry.number
            if entry.callback.callback_id > known_up_to:
                continue  # a later page of the snapshot has it
            if event := as_seen(entry, self._batches.filter):
                told.add_if_room(event)
        # Without any event up to there, the numbers up to there were never used.
        return number if logged else until


def _as_snapshot(callback: Callback) -> WatchEvent:
    return WatchEvent(EventType.SNAPSHOT, callback, None, callback.update_time)

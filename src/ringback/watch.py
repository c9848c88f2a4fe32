"""Watching callbacks: a cursor in the event log for each watcher.

The contract: a watcher sees every committed change of the callbacks that match its filter, in commit order, once
per stream, and nothing else. There is no queue per watcher: a slow one is a cursor that lags behind, first within
the tail that is kept in memory, then in the database. Only a cursor older than the kept history cannot go on.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from ringback.domain.callback import Callback, State
from ringback.domain.errors import QuotaExceeded, ResumeTokenExpired, ResumeTokenInvalid
from ringback.domain.filter import CallbackFilter
from ringback.ports import Clock, EventKind, LoggedEvent, Snapshot, Store
from ringback.tail import Tail
from ringback.tokens import ResumeToken, Tokens

MAX_EVENTS_PER_BATCH = 100
# With the longest texts an attempt takes about 2 KiB: this keeps a batch below gRPC's usual limit of 4 MiB.
MAX_ATTEMPTS_PER_BATCH = 500
STREAM_AGE = timedelta(minutes=30)
STREAM_AGE_SPREAD = 0.1
MAX_WATCHERS = 10_000
_READ_LIMIT = 1_000


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


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes into one response; `resume_token` covers it and everything scanned before."""

    events: Sequence[WatchEvent]
    resume_token: str
    snapshot_started: bool = False
    snapshot_complete: bool = False


class Watches:
    """The use case behind WatchCallbacks."""

    def __init__(self, store: Store, tail: Tail, clock: Clock, max_watchers: int = MAX_WATCHERS) -> None:
        self._store = store
        self._tail = tail
        self._clock = clock
        self._max_watchers = max_watchers
        self._open = 0

    async def watch(
        self, wanted: CallbackFilter, resume_token: str, *, snapshot_when_needed: bool, heartbeat_s: float
    ) -> AsyncGenerator[Batch, None]:
        """The batches for one watcher: the first at once, an empty one whenever `heartbeat_s` passed in silence.

        Ends on drain and after half an hour. Raises `ResumeTokenInvalid`, `ResumeTokenExpired` (unless a snapshot
        may be sent instead), `QuotaExceeded`, `StorageUnavailable`.
        """
        if self._open >= self._max_watchers:
            raise QuotaExceeded("watches", self._max_watchers)
        self._open += 1
        try:
            cursor = _Cursor(self._store, self._tail, wanted, snapshot_when_needed=snapshot_when_needed)
            yield await cursor.begin(resume_token)
            async for batch in self._follow(cursor, heartbeat_s):
                yield batch
        finally:
            self._open -= 1

    async def _follow(self, cursor: "_Cursor", heartbeat_s: float) -> AsyncGenerator[Batch, None]:
        age = STREAM_AGE.total_seconds() * random.uniform(1 - STREAM_AGE_SPREAD, 1 + STREAM_AGE_SPREAD)  # noqa: S311
        end = self._clock.monotonic() + age
        silent_since = self._clock.monotonic()
        while not self._tail.closing and self._clock.monotonic() < end:
            batch = await cursor.advance()
            now = self._clock.monotonic()
            if batch is None:
                wait_s = min(silent_since + heartbeat_s, end) - now
                if wait_s > 0:
                    await self._tail.wait_beyond(cursor.number, wait_s)
                    continue
                batch = cursor.heartbeat()
            yield batch
            silent_since = self._clock.monotonic()
        yield cursor.heartbeat()


class _Cursor:
    """Where one watcher stands in the log, and in its snapshot while that is going on.

    During a snapshot the watcher knows the callbacks with ids up to a boundary, as they were after event `number`.
    Each step first brings those up to date, then adds the next page: so a snapshot is never older than what was
    sent before it, needs no long transaction, and can be resumed at each boundary.
    """

    def __init__(self, store: Store, tail: Tail, wanted: CallbackFilter, *, snapshot_when_needed: bool) -> None:
        self._store = store
        self._tail = tail
        self._filter = wanted
        self._snapshot_when_needed = snapshot_when_needed
        self._tokens = Tokens(store.database_id, wanted)
        self._position = ResumeToken(0)
        # The next page of the snapshot, while older events are sent before it.
        self._page: Snapshot | None = None

    @property
    def number(self) -> int:
        return self._position.number

    async def begin(self, resume_token: str) -> Batch:
        history = await self._store.history()
        if not resume_token:
            if self._snapshot_when_needed:
                return self._start_snapshot(history.newest)
            self._position = ResumeToken(history.newest)
            return self.heartbeat()
        position = self._tokens.read_resume(resume_token)
        if position.number > history.newest:
            # Of a future that was lost, for instance with a database restored from a backup.
            raise ResumeTokenInvalid("resume_token is ahead of this database")
        if position.number < history.oldest:
            return self._lost_history(history.newest)
        self._position = position
        return await self.advance() or self.heartbeat()

    async def advance(self) -> Batch | None:
        """The next batch that has something to tell; None when the watcher is up to date.

        Events that the filter leaves out move the cursor silently, in steps that leave the event loop to others.
        """
        if self._position.snapshot_after is not None:
            return await self._advance_snapshot(self._position.snapshot_after)
        while True:
            logged = await self._events()
            if logged is None:
                return self._lost_history((await self._store.history()).newest)
            if not logged:
                return None
            told = _Told()
            self._position = ResumeToken(self._tell(logged, told))
            if told.events:
                return Batch(told.events, self._token())
            await asyncio.sleep(0)

    def heartbeat(self) -> Batch:
        return Batch((), self._token())

    def _token(self) -> str:
        return self._tokens.write_resume(self._position)

    def _start_snapshot(self, number: int) -> Batch:
        self._position = ResumeToken(number, snapshot_after="")
        self._page = None
        return Batch((), self._token(), snapshot_started=True)

    def _lost_history(self, newest: int) -> Batch:
        if not self._snapshot_when_needed:
            raise ResumeTokenExpired("the events after this resume_token are no longer kept")
        return self._start_snapshot(newest)

    async def _advance_snapshot(self, boundary: str) -> Batch:
        """First what happened to the known callbacks until a page was read, then of the page what there is room for."""
        told = _Told()
        page = self._page or await self._store.snapshot(self._filter, boundary, MAX_EVENTS_PER_BATCH)
        while self.number < page.number and not told.full:
            logged = await self._events()
            if logged is None:
                return self._lost_history(page.number)
            self._position = ResumeToken(self._tell(logged, told, page.number, boundary), boundary)
        if self.number < page.number:
            self._page = page
            return Batch(told.events, self._token())
        self._page = None
        fitting = [callback for callback in page.callbacks if told.add_if_room(_as_snapshot(callback))]
        complete = not page.more and len(fitting) == len(page.callbacks)
        last = fitting[-1].callback_id if fitting else boundary
        self._position = ResumeToken(page.number, None if complete else last)
        return Batch(told.events, self._token(), snapshot_complete=complete)

    async def _events(self) -> Sequence[LoggedEvent] | None:
        """The next events of the log; None when some of them were forgotten before they were read."""
        recent = self._tail.recent(self.number, _READ_LIMIT)
        if recent is not None:
            return recent
        logged = await self._store.events(self.number, _READ_LIMIT)
        forgotten = (await self._store.history()).oldest > self.number
        return None if forgotten else logged

    def _tell(
        self, logged: Sequence[LoggedEvent], told: "_Told", until: int | None = None, known_up_to: str | None = None
    ) -> int:
        """Tell as many of the events as there is room for; answers the number up to which all were looked at."""
        number = self.number
        for entry in logged:
            if told.full:
                return number
            if until is not None and entry.number > until:
                return until
            number = entry.number
            if known_up_to is not None and entry.callback.callback_id > known_up_to:
                continue  # a later page of the snapshot has it
            if event := _as_seen(entry, self._filter):
                told.add_if_room(event)
        # Without any event up to there, the numbers up to there were never used.
        return number if logged or until is None else until


class _Told:
    """The events of one batch, no more than a response may hold."""

    def __init__(self) -> None:
        self.events: list[WatchEvent] = []
        self._attempts = 0

    @property
    def full(self) -> bool:
        return len(self.events) >= MAX_EVENTS_PER_BATCH or self._attempts >= MAX_ATTEMPTS_PER_BATCH

    def add_if_room(self, event: WatchEvent) -> bool:
        if self.full:
            return False
        self.events.append(event)
        self._attempts += len(event.callback.attempts)
        return True


def _as_snapshot(callback: Callback) -> WatchEvent:
    return WatchEvent(EventType.SNAPSHOT, callback, None, callback.update_time)


def _as_seen(entry: LoggedEvent, wanted: CallbackFilter) -> WatchEvent | None:
    """What a logged event means to a watcher with this filter; None when it means nothing."""
    callback, previous = entry.callback, entry.previous
    matched = previous is not None and wanted.matches(previous)
    matches = entry.kind is not EventKind.PURGED and wanted.matches(callback)
    if matches:
        type_ = EventType.CREATED if entry.kind is EventKind.CREATED else EventType.UPDATED
    elif matched:
        type_ = EventType.REMOVED
    else:
        return None
    return WatchEvent(type_, callback, previous.state if previous else None, callback.update_time)

"""Watches of queues: all of them at first, and then those that have changed, at most once a second.

One look a second serves all watchers, and without a watcher there is none. A watch begins with a look of its own, so
that it has all that was committed before, which it shares with those that begin at the same time. A watcher has no
queue: it gets the latest picture of what has changed since the one that it has, however late it comes for it.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.application.dispatch.queue_board import QueueBoard
from ringback.application.dispatch.queue_view import QueueView
from ringback.application.events.wakeup import Wakeup
from ringback.application.events.watch import STREAM_AGE, STREAM_AGE_SPREAD
from ringback.domain.errors import StorageUnavailable
from ringback.domain.service import Service
from ringback.domain.view import View
from ringback.ports.clock import Clock

INTERVAL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class QueueBatch:
    """What a watcher is sent at a time."""

    queues: Sequence[QueueView] = ()
    services: Sequence[Service] = ()
    removed: Sequence[str] = ()
    # It has all queues.
    complete: bool = False
    # Whether the watcher may see who has paused a service.
    shows_identities: bool = False


class QueueWatches:
    """The use case behind WatchQueues."""

    def __init__(self, board: QueueBoard, directory: Directory, clock: Clock) -> None:
        self._board = board
        self._directory = directory
        self._clock = clock
        self._watchers = 0
        self._is_watched = asyncio.Event()
        self._wakeup = Wakeup()
        # The look up to which the watchers have been woken.
        self._told = 0
        # How often a look has failed, and why the last one did.
        self._failures = 0
        self._fault = ""
        self._closing = False

    async def watch(
        self, caller: Caller, service_ids: Collection[str], *, heartbeat_s: float
    ) -> AsyncGenerator[QueueBatch, None]:
        """Yield batches for one watcher: all queues at once, and an empty one after each `heartbeat_s` without any.

        `service_ids` are those that it wants; none: all that it may read. End on drain, and after half an hour. Raise
        `NotAllowed`, and `StorageUnavailable`, also when a later look at the queues fails.
        """
        cursor = _Watcher(self._board, caller.view_of(Right.READ_SERVICES), frozenset(service_ids))
        self._watchers += 1
        self._is_watched.set()
        try:
            await self._directory.refresh()
            await self._board.look()
            failures = self._failures
            age = STREAM_AGE.total_seconds() * random.uniform(1 - STREAM_AGE_SPREAD, 1 + STREAM_AGE_SPREAD)  # noqa: S311
            end = self._clock.monotonic() + age
            silent_until = self._clock.monotonic() + heartbeat_s
            while not self._closing and self._clock.monotonic() < end:
                if self._failures != failures:
                    raise StorageUnavailable(self._fault)
                if (batch := cursor.advance()) is not None:
                    yield batch
                    silent_until = self._clock.monotonic() + heartbeat_s
                patience_s = min(silent_until, end) - self._clock.monotonic()
                if patience_s <= 0:
                    yield cursor.heartbeat()
                    silent_until = self._clock.monotonic() + heartbeat_s
                elif not self._closing and not cursor.is_behind and self._failures == failures:
                    await self._wakeup.wait(patience_s)
            yield cursor.heartbeat()
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._is_watched.clear()

    async def run(self) -> None:
        """Look once a second while somebody watches, until cancelled."""
        while True:
            await self._is_watched.wait()
            await self.look()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Look for what has changed, and wake the watchers."""
        try:
            await self._board.look()
        except StorageUnavailable as fault:
            self._failures += 1
            self._fault = str(fault)
            self._wakeup.wake()
        else:
            # Something new may also have been found for a watcher that has just come.
            if self._board.number != self._told:
                self._told = self._board.number
                self._wakeup.wake()

    def close(self) -> None:
        """End all watches, each with a last batch."""
        self._closing = True
        self._wakeup.wake()


class _Watcher:
    """What one watcher has been sent."""

    def __init__(self, board: QueueBoard, view: View, wanted: Collection[str]) -> None:
        self._board = board
        self._view = view
        self._wanted = wanted
        self._known: set[str] = set()
        # The look up to which it has been sent everything; -1: nothing yet.
        self._number = -1

    @property
    def is_behind(self) -> bool:
        return self._number != self._board.number

    def heartbeat(self) -> QueueBatch:
        return self._batch()

    def advance(self) -> QueueBatch | None:
        """Return what is to be sent; None when nothing is new."""
        if not self.is_behind:
            return None
        visible = {
            service_id: picture
            for service_id, picture in self._board.pictures.items()
            if (not self._wanted or service_id in self._wanted) and self._view.has_service(picture.service)
        }
        new, is_first, before = visible.keys() - self._known, self._number < 0, self._number
        removed = sorted(self._known - visible.keys())
        queues = [p.view for i, p in visible.items() if p.view_changed > before or i in new]
        services = [p.service for i, p in visible.items() if p.service_changed > before or i in new]
        self._known = set(visible)
        self._number = self._board.number
        if is_first or queues or services or removed:
            return self._batch(queues, services, removed, complete=is_first)
        return None

    def _batch(
        self,
        queues: Sequence[QueueView] = (),
        services: Sequence[Service] = (),
        removed: Sequence[str] = (),
        *,
        complete: bool = False,
    ) -> QueueBatch:
        return QueueBatch(queues, services, removed, complete, self._view.shows_identities)

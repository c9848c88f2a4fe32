"""The end of the event log as it grows, and its followers."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

from ringback.ports.values import LoggedEvent
from ringback.storage.watermark import Watermark

# A follower that lags further behind reads from the database: memory stays bounded.
_MAX_HANDED: Final = 1_000
_READ_LIMIT: Final = 1_000

ReadEvents = Callable[[int, int], Awaitable[Sequence[LoggedEvent]]]


class LogTail:
    """The newest number of the log, and its followers.

    The adapter reports each commit, and passes its events as well. So a follower that keeps up does not read what this
    process has just written, unless another one has written before it.
    """

    def __init__(self, newest: int, read: ReadEvents) -> None:
        """`read(after, limit)` returns events from the database, in order."""
        self._end = Watermark(newest)
        self._read = read
        self._followers: set[_Follower] = set()

    def advance(self, newest: int, events: Sequence[LoggedEvent] = ()) -> None:
        """Report a commit that has brought the log to `newest`; `events` are those in memory."""
        for follower in self._followers:
            follower.hand(events)
        self._end.advance(newest)

    def end(self, reason: Exception | None = None) -> None:
        """Let followers raise the reason, or else `StorageUnavailable`: the log will grow no more."""
        self._end.end(reason)

    async def follow(self, after: int) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        """Return the events above `after` as they are committed, in order, in batches of at least one.

        Raise `StorageUnavailable` when the database is away; to continue, call it again with the last number.
        """
        follower = _Follower()
        self._followers.add(follower)
        try:
            while True:
                await self._end.wait(after)
                newest = self._end.value
                events = follower.take(after) or await self._read(after, _READ_LIMIT)
                if events:
                    after = events[-1].number
                    yield events
                else:  # purged before they were read
                    await self._end.wait(newest)
        finally:
            self._followers.discard(follower)


class _Follower:
    """The events that were passed to a follower and not taken yet."""

    def __init__(self) -> None:
        self._events: deque[LoggedEvent] = deque(maxlen=_MAX_HANDED)

    def hand(self, events: Sequence[LoggedEvent]) -> None:
        self._events.extend(events)

    def take(self, after: int) -> Sequence[LoggedEvent]:
        """Return the events that follow `after` without a gap; none when the database has to be read."""
        events = [event for event in self._events if event.number > after]
        self._events.clear()
        for place, event in enumerate(events):
            if event.number != after + 1 + place:
                return events[:place]
        return events

"""The newest part of the event log, in memory."""

from bisect import bisect_right
from collections.abc import Collection, Sequence

from msgspec.structs import replace

from ringback.domain.erasure import erased
from ringback.ports.values import LoggedEvent


class RecentEvents:
    """The newest events, without a gap: `length` of them or up to twice as many."""

    def __init__(self, newest: int, length: int) -> None:
        """Begin without events, and with `newest` as the end of the log."""
        self._newest = newest
        self._length = length
        self._events: list[LoggedEvent] = []
        self._numbers: list[int] = []
        # Every event above this number is here.
        self._complete_after = newest

    @property
    def newest(self) -> int:
        return self._newest

    @property
    def complete_after(self) -> int:
        return self._complete_after

    def append(self, events: Sequence[LoggedEvent]) -> None:
        """Add the events that come next in the log, at least one."""
        self._events.extend(events)
        self._numbers.extend(event.number for event in events)
        self._newest = events[-1].number
        if len(self._events) > 2 * self._length:  # by halves: an amortised cost, without a ring's index arithmetic
            surplus = len(self._events) - self._length
            self._complete_after = self._numbers[surplus - 1]
            del self._events[:surplus]
            del self._numbers[:surplus]

    def redact(self, callback_ids: Collection[str]) -> None:
        """Leave of these callbacks, which were erased, no more than the log has."""
        for place, event in enumerate(self._events):
            if event.callback.callback_id in callback_ids:
                previous = None if event.previous is None else erased(event.previous)
                self._events[place] = replace(event, callback=erased(event.callback), previous=previous)

    def restart(self, newest: int) -> None:
        """Begin again without events, after `newest`: those before it are not known."""
        self._newest = self._complete_after = newest
        self._events.clear()
        self._numbers.clear()

    def after(self, number: int, limit: int) -> Sequence[LoggedEvent] | None:
        """Return up to `limit` events above `number`, in order; None when memory does not reach that far back."""
        if number < self._complete_after:
            return None
        start = bisect_right(self._numbers, number)
        return self._events[start : start + limit]

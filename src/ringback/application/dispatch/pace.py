"""How fast the calls of each service begin: the basis of estimates."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ringback.application.events.feed import EventFeed
from ringback.domain.callback import State
from ringback.ports.values import LoggedEvent

# The estimate rests on the calls that began within this time, at most so many of them.
ESTIMATE_SPAN: Final = timedelta(minutes=15)
_ESTIMATE_CALLS: Final = 1_000
MIN_CALLS: Final = 3


class Pace:
    """When the latest calls of each service began."""

    def __init__(self, feed: EventFeed) -> None:
        self._begun: dict[str, deque[datetime]] = {}
        feed.listen(self._on_events)

    def recent(self, service_id: str, now: datetime) -> Sequence[datetime]:
        begun = self._begun.get(service_id)
        if begun is None:
            return ()
        while begun and begun[0] < now - ESTIMATE_SPAN:
            begun.popleft()
        return begun

    def per_call(self, service_id: str, now: datetime) -> timedelta | None:
        """Return the time from one call to the next; None when too few have begun to tell."""
        begun = self.recent(service_id, now)
        return (now - begun[0]) / len(begun) if len(begun) >= MIN_CALLS else None

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            callback, previous = event.callback, event.previous
            if callback.state is State.DIALING and previous is not None and previous.state is State.OFFERED:
                begun = self._begun.setdefault(callback.service_id, deque(maxlen=_ESTIMATE_CALLS))
                begun.append(callback.update_time)

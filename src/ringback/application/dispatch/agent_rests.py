"""Which services rest because their agents do not answer.

Each server works it out from the event log, and so all of them grant nothing to a service that rests. It is not stored:
a server that starts, or that lost the log, begins without, and at worst the agents' phones ring once more.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from ringback.application.events.feed import EventFeed
from ringback.domain.agents_rest import Rest, after_failure
from ringback.domain.callback import State
from ringback.ports.values import LoggedEvent


class AgentRests:
    """The rests of all services, as the log tells them."""

    def __init__(self, feed: EventFeed) -> None:
        self._rests: dict[str, Rest] = {}
        self._listeners: list[Callable[[str], None]] = []
        feed.listen(self._on_events)

    def until(self, service_id: str, now: datetime) -> datetime | None:
        """Return when the rest of a service ends; None when it does not rest."""
        rest = self._rests.get(service_id)
        return rest.until if rest is not None and rest.holds(now) else None

    def resting(self, now: datetime) -> Collection[str]:
        """Return the ids of the services that rest."""
        return {service_id for service_id, rest in self._rests.items() if rest.holds(now)}

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the id of each service whose agents answer again."""
        self._listeners.append(listener)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            callback, previous = event.callback, event.previous
            service_id = callback.service_id
            if callback.agents_failed_at is not None:
                self._rests[service_id] = after_failure(self._rests.get(service_id), callback.agents_failed_at)
            elif callback.state is State.DIALING and previous is not None and previous.state is State.OFFERED:
                self._end(service_id)

    def _end(self, service_id: str) -> None:
        if self._rests.pop(service_id, None) is not None:
            for listener in self._listeners:
                listener(service_id)

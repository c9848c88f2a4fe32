"""Which services may have something to grant, so that a poll asks the store for no others.

A service becomes ready by an event of one of its callbacks, by a change of itself, or at a time: no event tells when
its agents' rest is over, or a phone is kept no longer.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from ringback.application.directory import Directory
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.application.events.feed import EventFeed
from ringback.domain.callback import IN_PROGRESS, State
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.ports.values import LoggedEvent

_RETRY_S: Final = 1.0


class Readiness:
    """The services that are ready, the one served longest ago first; checked once there is a poll for them."""

    def __init__(self, directory: Directory, clock: Clock, feed: EventFeed, rests: AgentRests) -> None:
        self._directory = directory
        self._clock = clock
        self._rests = rests
        # Set when polls should be served.
        self.woken = asyncio.Event()
        self._ready: dict[str, None] = {}
        # Those that are so since this round began, when the polls that have waited longest were perhaps served already.
        self._next: dict[str, None] = {}
        # Services with a callback that only waits for another call to the same phone to end.
        self._held: set[str] = set()
        # For each service that rests, or with a callback whose phone is kept: the timer for the end of that.
        self._timers: dict[str, asyncio.TimerHandle] = {}
        directory.listen(self._on_service)
        rests.listen(self.add)
        feed.listen(self._on_events)

    @property
    def services(self) -> Collection[str]:
        """The ids of those that are ready in this round, in order."""
        return self._ready.keys()

    def begin_round(self, service_ids: Iterable[str] = ()) -> None:
        """Let all services that are ready by now, and these, count: polls are served the longest waiting first."""
        self._ready |= self._next | dict.fromkeys(service_ids)
        self._next = {}

    def add(self, service_id: str) -> None:
        """Make a service ready from the next round on."""
        self._next[service_id] = None
        self.woken.set()

    def add_all(self) -> None:
        """Look at all services again: the clock has jumped, and timers are wrong now."""
        for service in self._directory.all():
            self.add(service.service_id)

    def add_later(self, service_id: str) -> None:
        """Make a service ready in a second, when no event tells that it is."""
        asyncio.get_running_loop().call_later(_RETRY_S, self.add, service_id)

    def keep(self, service_id: str) -> None:
        """Let a service be ready in this round, still: there may be more, or something for others."""
        self._ready[service_id] = None

    def retry(self, service_id: str) -> None:
        """Keep a service whose queue could not be read, or granted from; polls are served again in a second."""
        self.keep(service_id)
        asyncio.get_running_loop().call_later(_RETRY_S, self.woken.set)

    def take(self, service_id: str) -> None:
        """Let a service not be ready any more. To be called before its queue is read: what comes later tells anew."""
        self._ready.pop(service_id, None)

    def hold(self, service_id: str) -> None:
        """Make the service ready at the end of any call, until `release`: one may be to the phone of its callback."""
        self._held.add(service_id)

    def release(self, service_id: str) -> None:
        self._held.discard(service_id)

    def is_resting(self, service_id: str) -> bool:
        """Return whether the service rests, and make it ready at the end of that."""
        end = self._rests.until(service_id, self._clock.now())
        if end is not None:
            self.look_again(service_id, end)
        return end is not None

    def look_again(self, service_id: str, at: datetime | None) -> None:
        """Make the service ready at that time, and at no other that was given before."""
        if (timer := self._timers.pop(service_id, None)) is not None:
            timer.cancel()
        if at is not None:
            delay_s = (at - self._clock.now()).total_seconds()
            self._timers[service_id] = asyncio.get_running_loop().call_later(delay_s, self.add, service_id)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            state, previous = event.callback.state, event.previous
            freed = previous is not None and previous.state in IN_PROGRESS and state not in IN_PROGRESS
            if freed:
                self._next.update(dict.fromkeys(self._held))
                self._held.clear()
            # A callback that has left the head of a line without a grant may have been skipped, with others behind it.
            left = previous is not None and previous.state is State.QUEUED and state is not State.OFFERED
            if freed or left or state is State.QUEUED:
                self.add(event.callback.service_id)

    def _on_service(self, service: Service) -> None:
        self.add(service.service_id)

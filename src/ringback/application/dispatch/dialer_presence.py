"""Which services dialers poll for, on any server: this tells an idle queue from one without a dialer."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

from ringback.domain.errors import StorageUnavailable
from ringback.ports.clock import Clock
from ringback.ports.store import Coordination
from ringback.ports.values import ALL_SERVICES

# A dialer that is busy does not poll: it counts for this long after its last poll.
SEEN_FOR = timedelta(seconds=60)
_NOTE_INTERVAL_S = 10.0


class DialerPresence:
    """The polls of this server, which are shared with the other servers."""

    def __init__(self, store: Coordination, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # Until when each service counts as polled for.
        self._polled: dict[str, datetime] = {}
        self._news = asyncio.Event()

    def ask(self, service_ids: frozenset[str] | None, wait_s: float) -> None:
        """Note that a dialer polls for callbacks of these services (None: all), and waits `wait_s` seconds for them."""
        until = self._clock.now() + timedelta(seconds=wait_s) + SEEN_FOR
        for service_id in (ALL_SERVICES,) if service_ids is None else service_ids:
            if service_id not in self._polled:
                self._news.set()
            self._polled[service_id] = max(until, self._polled.get(service_id, until))

    async def has_dialer(self, service_id: str) -> bool:
        """Return whether some dialer polls for callbacks of this service, or did within the last minute."""
        now = self._clock.now()
        if any(self._polled.get(polled, now) > now for polled in (ALL_SERVICES, service_id)):
            return True
        return await self._store.is_asked_for(service_id, now)

    async def polled_for(self) -> Collection[str]:
        """Return the ids of all services for which `has_dialer` is true, or `ALL_SERVICES`. Raise as it does."""
        now = self._clock.now()
        return {polled for polled, until in self._polled.items() if until > now} | {*await self._store.asked_for(now)}

    async def run(self) -> None:
        """Keep the other servers informed, until cancelled: what is new at once, the rest every ten seconds."""
        while True:
            now = self._clock.now()
            self._polled = {service_id: until for service_id, until in self._polled.items() if until > now}
            self._news.clear()
            try:
                if self._polled:
                    await self._store.note_asked_for(self._polled, now)
            except StorageUnavailable:  # waiting callbacks are affected more, which is logged elsewhere
                pass
            try:
                async with asyncio.timeout(_NOTE_INTERVAL_S):
                    await self._news.wait()
            except TimeoutError:
                continue

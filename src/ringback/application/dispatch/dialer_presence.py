"""Which services some dialer asks for, here or on another server: what tells an idle queue from a forgotten one."""

import asyncio
from datetime import datetime, timedelta

from ringback.domain.errors import StorageUnavailable
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import ALL_SERVICES

# A dialer that is busy does not ask: it counts for this long after its last poll.
SEEN_FOR = timedelta(seconds=60)
_NOTE_INTERVAL_S = 10.0


class DialerPresence:
    """Remembers the polls of this server, and tells the other servers of them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # Until when each service counts as asked for.
        self._asked: dict[str, datetime] = {}
        self._news = asyncio.Event()

    def ask(self, service_ids: frozenset[str], wait_s: float) -> None:
        """A dialer asks for callbacks of these services (none: all), and waits for them."""
        until = self._clock.now() + timedelta(seconds=wait_s) + SEEN_FOR
        for service_id in service_ids or (ALL_SERVICES,):
            if service_id not in self._asked:
                self._news.set()
            self._asked[service_id] = max(until, self._asked.get(service_id, until))

    async def has_dialer(self, service_id: str) -> bool:
        """Whether some dialer asks for callbacks of this service, or did within the last minute."""
        now = self._clock.now()
        if any(self._asked.get(asked, now) > now for asked in (ALL_SERVICES, service_id)):
            return True
        return await self._store.is_asked_for(service_id, now)

    async def run(self) -> None:
        """Keep the other servers informed, until cancelled: what is new at once, the rest every ten seconds."""
        while True:
            now = self._clock.now()
            self._asked = {service_id: until for service_id, until in self._asked.items() if until > now}
            self._news.clear()
            try:
                if self._asked:
                    await self._store.note_asked_for(self._asked, now)
            except StorageUnavailable:  # whoever waits to be dialled has worse news of it
                pass
            try:
                async with asyncio.timeout(_NOTE_INTERVAL_S):
                    await self._news.wait()
            except TimeoutError:
                continue

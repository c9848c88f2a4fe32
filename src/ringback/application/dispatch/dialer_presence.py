"""Which services dialers poll for, on any server: this tells an idle queue from one without a dialer."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta

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
        # Until when each service counts as polled for, by the monotonic clock: dialers know nothing of a jump.
        self._polled: dict[str, float] = {}
        self._news = asyncio.Event()

    def ask(self, service_ids: frozenset[str] | None, wait_s: float) -> None:
        """Note that a dialer polls for callbacks of these services (None: all), and waits `wait_s` seconds for them."""
        until_s = self._clock.monotonic() + wait_s + SEEN_FOR.total_seconds()
        for service_id in (ALL_SERVICES,) if service_ids is None else service_ids:
            if service_id not in self._polled:
                self._news.set()
            self._polled[service_id] = max(until_s, self._polled.get(service_id, until_s))

    async def has_dialer(self, service_id: str) -> bool:
        """Return whether some dialer polls for callbacks of this service, or did within the last minute."""
        if not {ALL_SERVICES, service_id}.isdisjoint(self._here()):
            return True
        return await self._store.is_asked_for(service_id, self._clock.now())

    async def polled_for(self) -> Collection[str]:
        """Return the ids of all services for which `has_dialer` is true, or `ALL_SERVICES`. Raise as it does."""
        return {*self._here(), *await self._store.asked_for(self._clock.now())}

    def _here(self) -> Mapping[str, float]:
        """Return what dialers poll for on this server."""
        now_s = self._clock.monotonic()
        return {service_id: until_s for service_id, until_s in self._polled.items() if until_s > now_s}

    async def run(self) -> None:
        """Keep the other servers informed, until cancelled: what is new at once, the rest every ten seconds."""
        while True:
            self._polled = dict(self._here())
            self._news.clear()
            try:
                if self._polled:
                    now, now_s = self._clock.now(), self._clock.monotonic()
                    left = {service_id: until_s - now_s for service_id, until_s in self._polled.items()}
                    until = {service_id: now + timedelta(seconds=left_s) for service_id, left_s in left.items()}
                    await self._store.note_asked_for(until, now)
            except StorageUnavailable:  # waiting callbacks are affected more, which is logged elsewhere
                pass
            try:
                async with asyncio.timeout(_NOTE_INTERVAL_S):
                    await self._news.wait()
            except TimeoutError:
                continue

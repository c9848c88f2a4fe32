"""Which services dialers poll for, on any server: this tells an idle queue from one without a dialer."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from ringback.application.events.feed import EventFeed
from ringback.domain.errors import StorageUnavailable
from ringback.ports.clock import Clock
from ringback.ports.store import Coordination
from ringback.ports.values import ALL_SERVICES, LoggedEvent

# A dialer that has lost its connection does not poll: it counts for this long after its last poll.
SEEN_FOR = timedelta(seconds=60)
_NOTE_INTERVAL_S = 10.0


class DialerPresence:
    """The polls of this server, which are shared with the other servers.

    A dialer that has as many calls as it can carry out does not poll until one ends, however long that takes. It is
    there as long as it has leases, for what it polled for last: those of one that is lost lapse.
    """

    def __init__(self, store: Coordination, clock: Clock, feed: EventFeed) -> None:
        self._store = store
        self._clock = clock
        self._dialers: dict[str, _Dialer] = {}
        # What the other servers know.
        self._noted: Collection[str] = ()
        self._leases = _OpenLeases()
        self._news = asyncio.Event()
        feed.listen(self._leases.fold)

    def ask(self, dialer_id: str, service_ids: frozenset[str] | None, wait_s: float) -> None:
        """Note that a dialer polls for callbacks of these services (None: all), and waits `wait_s` seconds for them."""
        until_s = self._clock.monotonic() + wait_s + SEEN_FOR.total_seconds()
        dialer = self._dialers.setdefault(dialer_id, _Dialer())
        dialer.last = frozenset({ALL_SERVICES}) if service_ids is None else service_ids
        for service_id in dialer.last:
            dialer.until_s[service_id] = max(until_s, dialer.until_s.get(service_id, until_s))
        if not dialer.last <= set(self._noted):
            self._news.set()

    async def has_dialer(self, service_id: str) -> bool:
        """Return whether some dialer polls for callbacks of this service, did within the last minute, or is busy."""
        if not {ALL_SERVICES, service_id}.isdisjoint(self._here()):
            return True
        return await self._store.is_asked_for(service_id, self._clock.now())

    async def polled_for(self) -> Collection[str]:
        """Return the ids of all services for which `has_dialer` is true, or `ALL_SERVICES`. Raise as it does."""
        return {*self._here(), *await self._store.asked_for(self._clock.now())}

    def _here(self) -> Mapping[str, float]:
        """Return what dialers poll for on this server, and until when that counts."""
        here: dict[str, float] = {}
        for dialer_id, dialer in self._dialers.items():
            for service_id, until_s in self._current(dialer_id, dialer):
                here[service_id] = max(until_s, here.get(service_id, until_s))
        return here

    def _current(self, dialer_id: str, dialer: "_Dialer") -> Iterator[tuple[str, float]]:
        now_s = self._clock.monotonic()
        if self._leases.has(dialer_id):
            later_s = now_s + SEEN_FOR.total_seconds()
            yield from ((service_id, later_s) for service_id in dialer.last)
        yield from ((service_id, until_s) for service_id, until_s in dialer.until_s.items() if until_s > now_s)

    def _forget_gone(self) -> None:
        for dialer_id, dialer in list(self._dialers.items()):
            current = dict(self._current(dialer_id, dialer))
            if current:
                dialer.until_s = {
                    service_id: max(s, dialer.until_s.get(service_id, s)) for service_id, s in current.items()
                }
            else:
                del self._dialers[dialer_id]

    async def run(self) -> None:
        """Keep the other servers informed, until cancelled: what is new at once, the rest every ten seconds."""
        while True:
            self._forget_gone()
            here = self._here()
            self._noted = here.keys()
            self._news.clear()
            try:
                if here:
                    now, now_s = self._clock.now(), self._clock.monotonic()
                    until = {
                        service_id: now + timedelta(seconds=until_s - now_s) for service_id, until_s in here.items()
                    }
                    await self._store.note_asked_for(until, now)
            except StorageUnavailable:  # waiting callbacks are affected more, which is logged elsewhere
                pass
            try:
                async with asyncio.timeout(_NOTE_INTERVAL_S):
                    await self._news.wait()
            except TimeoutError:
                continue


class _Dialer(Struct):
    """Until when each service counts as polled for, by the monotonic clock: dialers know nothing of a jump."""

    until_s: dict[str, float] = {}
    # What it polled for last.
    last: frozenset[str] = frozenset()


class _OpenLeases:
    """Which dialers have leases, on any server, as the event log tells."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._number = 0

    def has(self, dialer_id: str) -> bool:
        return self._counts[dialer_id] > 0

    def fold(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            if self._number and event.number != self._number + 1:  # ends of leases may have been missed
                self._holders.clear()
                self._counts.clear()
            self._number = event.number
            callback = event.callback
            holder = self._holders.pop(callback.callback_id, None)
            if holder is not None:
                self._counts -= Counter({holder: 1})
            if callback.lease is not None:
                self._holders[callback.callback_id] = callback.lease.dialer_id
                self._counts[callback.lease.dialer_id] += 1

"""Which dialers poll for which services, on any server: this tells an idle queue from one without a dialer."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Final

from msgspec import Struct

from ringback.application.events.feed import EventFeed
from ringback.domain.errors import StorageUnavailable
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.ports.store import Coordination
from ringback.ports.values import ALL_SERVICES, Demand, LoggedEvent

# A dialer that has lost its connection does not poll: it counts for this long after its last poll.
SEEN_FOR = timedelta(seconds=60)
_NOTE_INTERVAL_S = 10.0
# Dialers give themselves their names, so there is no end of them: other servers hear of so many.
_MOST_NOTED: Final = 10_000
# Of so many services it is remembered when somebody polled for them last.
_MOST_SEEN: Final = 20_000


class DialerCount(Struct, frozen=True):
    """How many dialers there are for a service, and since when there is none, at the earliest since the start."""

    dialers: int
    # None while there is one.
    missing_since: datetime | None


class Dialers:
    """The dialers of all services at one moment."""

    def __init__(
        self, names: Mapping[str, Collection[str]], holders: Mapping[str, Collection[str]], missing: "_Missing"
    ) -> None:
        self._names = names
        self._holders = holders
        self._missing = missing
        self._of_all = set(names.get(ALL_SERVICES, ()))

    def of(self, service: Service) -> DialerCount:
        service_id = service.service_id
        own, holders = self._names.get(service_id), self._holders.get(service_id)
        names = {*self._of_all, *(own or ()), *(holders or ())} if own or holders else self._of_all
        # One without a name is of a server that does not tell names: it may be one that is known by its name as well.
        count = len(names - {""}) or len(names)
        return DialerCount(count, None if count else self._missing.since(service))


class DialerPresence:
    """The polls of this server, which are shared with the other servers.

    A dialer that has as many calls as it can carry out does not poll until one ends, however long that takes. It is
    there as long as it has leases, for what it polled for last: those of one that is lost lapse.
    """

    def __init__(self, store: Coordination, clock: Clock, feed: EventFeed) -> None:
        self._store = store
        self._clock = clock
        self._dialers: dict[str, _Dialer] = {}
        # What the other servers have been told.
        self._noted: Collection[str] = ()
        self._missing = _Missing(clock)
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

    async def attendances(self) -> Dialers:
        """Return which dialers poll, did within the last minute, or are busy. Raise `StorageUnavailable`."""
        names: defaultdict[str, set[str]] = defaultdict(set)
        for dialer_id, service_id, until_s in self._here():
            names[service_id].add(dialer_id)
            self._missing.see(service_id, until_s)
        now, now_s = self._clock.now(), self._clock.monotonic()
        for each in await self._store.demand(now):
            names[each.service_id].add(each.dialer_id)
            self._missing.see(each.service_id, now_s + (each.until - now).total_seconds())
        return Dialers(names, self._leases.holders, self._missing)

    async def polled_for(self) -> Collection[str]:
        """Return the ids of all services that dialers poll for, or `ALL_SERVICES`. Raise `StorageUnavailable`."""
        demand = await self._store.demand(self._clock.now())
        return {*(service_id for _, service_id, _ in self._here()), *(each.service_id for each in demand)}

    def _here(self) -> Iterator[tuple[str, str, float]]:
        """Return which dialers poll for what on this server, and until when that counts."""
        for dialer_id, dialer in self._dialers.items():
            for service_id, until_s in self._current(dialer_id, dialer):
                yield dialer_id, service_id, until_s

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
            self._news.clear()
            with suppress(StorageUnavailable):  # waiting callbacks are affected more, which is logged elsewhere
                await self._share()
            try:
                async with asyncio.timeout(_NOTE_INTERVAL_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _share(self) -> None:
        """Note what is here, and see who is elsewhere: what ends there before the next look has been seen."""
        await self.attendances()
        self._forget_gone()
        now, now_s = self._clock.now(), self._clock.monotonic()
        until: dict[tuple[str, str], float] = {}
        for dialer_id, service_id, until_s in self._here():
            until[service_id, dialer_id] = max(until_s, until.get((service_id, dialer_id), until_s))
        self._noted = {service_id for service_id, _ in until}
        if until:
            demand = [
                Demand(service_id, dialer_id, now + timedelta(seconds=until_s - now_s))
                for (service_id, dialer_id), until_s in islice(until.items(), _MOST_NOTED)
            ]
            await self._store.note_demand(demand, now)


class _Dialer(Struct):
    """Until when each service counts as polled for, by the monotonic clock: dialers know nothing of a jump."""

    until_s: dict[str, float] = {}
    # What it polled for last.
    last: frozenset[str] = frozenset()


class _Missing:
    """Since when services have been without a dialer, as far as this process has seen it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start_s = clock.monotonic()
        # By the monotonic clock: when somebody polled for it last.
        self._seen_s: dict[str, float] = {}
        # What was told before: the same as long as there is nobody, to the microsecond.
        self._since: dict[str, datetime] = {}

    def see(self, service_id: str, until_s: float) -> None:
        """Note that a dialer counts until then."""
        seen_s = until_s - SEEN_FOR.total_seconds()
        if seen_s > self._seen_s.get(service_id, self._start_s):
            if len(self._seen_s) >= _MOST_SEEN:  # a poll may name services that do not exist
                self._seen_s = dict(sorted(self._seen_s.items(), key=itemgetter(1))[_MOST_SEEN // 2 :])
            self._seen_s[service_id] = seen_s
            if service_id == ALL_SERVICES:
                self._since.clear()
            else:
                self._since.pop(service_id, None)

    def since(self, service: Service) -> datetime:
        service_id = service.service_id
        if service_id not in self._since:
            now, now_s = self._clock.now(), self._clock.monotonic()
            seen_s = max(self._seen_s.get(name, self._start_s) for name in (ALL_SERVICES, service_id))
            since = now - timedelta(seconds=max(now_s - seen_s, 0))
            self._since[service_id] = max(since, min(service.create_time, now))
        return self._since[service_id]


class _OpenLeases:
    """Which dialers have leases, on any server, as the event log tells."""

    def __init__(self) -> None:
        self._leases: dict[str, tuple[str, str]] = {}
        self._counts: Counter[str] = Counter()
        # By service: how many leases of its callbacks each dialer has.
        self.holders: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._number = 0

    def has(self, dialer_id: str) -> bool:
        return self._counts[dialer_id] > 0

    def fold(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            if self._number and event.number != self._number + 1:  # ends of leases may have been missed
                self._leases.clear()
                self._counts.clear()
                self.holders.clear()
            self._number = event.number
            callback = event.callback
            if (held := self._leases.pop(callback.callback_id, None)) is not None:
                self._take(*held)
            if callback.lease is not None:
                dialer_id, service_id = callback.lease.dialer_id, callback.service_id
                self._leases[callback.callback_id] = dialer_id, service_id
                self._counts[dialer_id] += 1
                self.holders[service_id][dialer_id] += 1

    def _take(self, dialer_id: str, service_id: str) -> None:
        for counts in (self._counts, holders := self.holders[service_id]):
            counts[dialer_id] -= 1
            if not counts[dialer_id]:
                del counts[dialer_id]
        if not holders:
            del self.holders[service_id]

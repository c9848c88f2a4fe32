"""What happens because time passes: callbacks become due, leases lapse, callbacks expire, history is deleted.

The truth is in the store: a pass reads from it what is due *now*, so a restart needs nothing else. `loop.py`
decides when the next pass is made.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import islice, pairwise
from typing import Final, NamedTuple

from msgspec.structs import replace

from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.optimistic import apply_each
from ringback.application.scheduling.database_outage import DatabaseOutage
from ringback.domain import clock_set_back
from ringback.domain.callback import IN_PROGRESS, WAITING, Callback, State
from ringback.domain.closing import attempt_time, correction, steps_back
from ringback.domain.errors import ServiceNotFound
from ringback.domain.events import BecameDue, ExpireTimePassed, LeaseLapsed, OpeningMoved
from ringback.domain.filter import CallbackFilter
from ringback.domain.lifecycle import after, versions
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.quiet_hours import QuietHours
from ringback.domain.service import Service
from ringback.ports.store import Store
from ringback.ports.values import Agenda, Change, Retention

_log = logging.getLogger(__name__)

# How many callbacks one transaction takes: large enough to be cheap, small enough not to hold up others' writes.
BATCH = 500
# So many that are due may be leased by the write that queues them, one service after the other; more are queued first.
_FEW: Final = 20
PURGE_INTERVAL = timedelta(minutes=1)
_PAUSE = timedelta(seconds=1)

TakeDue = Callable[[Sequence[Change]], Awaitable[Sequence[Change]]]
# Reads what is to be done.
_Look = Callable[[], Awaitable[Agenda]]


class Work(StrEnum):
    """What a pass does."""

    DUE = "due"
    LAPSED = "lapsed"
    EXPIRED = "expired"
    CLOSED = "closed"
    REPLANNED = "replanned"
    PURGED = "purged"


class Scheduler:
    """The work of a pass, which is one call of `run_once(now)`."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        retention: Retention,
        policy: DialPolicy,
        take_due: TakeDue,
    ) -> None:
        """`take_due` stores those changes to QUEUED that lead to a lease at once; it returns all that it has stored."""
        self._store = store
        self._take_due = take_due
        self._directory = directory
        self._policy = policy
        self._retention = retention
        self._outage = DatabaseOutage()
        self._next_purge: datetime | None = None
        # When each service that has opening hours will next be closed.
        self._closings: dict[str, datetime] = {}
        # Services whose settings have changed since the last pass.
        self._changed: set[str] = set()
        # The hours by which the waiting callbacks of each service were planned, as far as is known.
        self._planned_by: dict[str, _Hours] = {}
        # Services whose SCHEDULED callbacks are being planned anew, and how far that has come.
        self._replanned: dict[str, _Replanned] = {}
        # How far the waiting callbacks have been looked at, by id, since the clock was set back; None: it was not.
        self._set_back_after: str | None = None
        # Callbacks that some server has planned by settings that were out of date.
        self._misplaced: set[str] = set()
        # How many steps of callbacks were stored, or rows deleted, by what for.
        self.moved: Final[Counter[Work]] = Counter()

    # --- One pass ----------------------------------------------------------------------------------------------

    async def run_once(self, now: datetime) -> datetime:
        """Do everything that is due at `now`, and return when the next pass is due."""
        await self.look_for_outage(now)
        lapse_time = self._outage.lapse_time(now)
        look = partial(self._store.agenda, now, lapse_time, BATCH)
        agenda = await self._end_what_is_over(look, now)
        moved = self.moved.total()
        await self._follow_changes(now)
        await self._follow_clock(now)
        if self.moved.total() != moved:
            agenda = await look()
        agenda = await self._queue_what_is_due(agenda, look, now)
        moved = self.moved.total()
        await self._close(now)
        await self._replan_some(now)
        next_purge = await self._purge(now)
        if self.moved.total() != moved:
            agenda = await look()
        times = [next_purge, *self._closings.values()]
        if self._replanned or self._set_back_after is not None:
            times.append(now)
        # After an outage it may be the end of a lease that does not count yet.
        soonest = now if lapse_time == now else now + _PAUSE
        if agenda.has_work:
            times.append(soonest)
        if agenda.next_time is not None:
            times.append(max(agenda.next_time, soonest))
        return min(times)

    async def _end_what_is_over(self, look: _Look, now: datetime) -> Agenda:
        """Close the leases that have lapsed and end what has expired; return what is to be done then."""
        while (agenda := await look()).lapsed or agenda.expired:
            lapsed = await self._apply(Work.LAPSED, agenda.lapsed, lambda c: self._lapse(c, now))
            expired = await self._apply(Work.EXPIRED, agenda.expired, lambda c: [after(c, ExpireTimePassed(at=now))])
            if not lapsed and not expired:  # the same ones would be found again
                break
        return agenda

    async def _queue_what_is_due(self, agenda: Agenda, look: _Look, now: datetime) -> Agenda:
        """Promote what is due, and return what is to be done then."""
        while due := agenda.due:
            stored = await self._queue(due, now)
            if sum(change.before.state is State.SCHEDULED for change in stored) == len(due) < BATCH:
                times = [at for change in stored for at in _times_of_interest(change.after)]
                return replace(agenda, due=(), next_time=min(filter(None, [agenda.next_time, *times]), default=None))
            agenda = await look()
            if not stored:
                break
        return agenda

    async def _queue(self, due: Sequence[Callback], now: datetime) -> Sequence[Change]:
        """Promote them, and return what was stored, together with the leases that were granted by the same write."""
        changes = await self._decide(due, lambda c: self._promote(c, now))
        to_queue = [change for change in changes if change.after.state is State.QUEUED]
        taken = await self._take_due(to_queue) if len(due) <= _FEW else ()
        taken_ids = {change.before.callback_id for change in taken}
        self.moved[Work.DUE] += sum(change.before.state is State.SCHEDULED for change in taken)
        rest = [change for change in changes if change.before.callback_id not in taken_ids]
        return [*taken, *await self._store_each(Work.DUE, rest)]

    def note_outage(self, now: datetime) -> None:
        """Note that the database was away at this time, or that leases could not be extended rightly since then."""
        self._outage.note(now, is_healthy=False)

    async def look_for_outage(self, now: datetime) -> None:
        """Note whether the database takes writes. To be called often: leases are judged by when one began."""
        self._outage.note(now, is_healthy=await self._store.probe())

    async def release_orphans(self, dialer_id: str, now: datetime, but: Collection[str] = ()) -> int:
        """Close the leases of a dialer that is known to be gone, before they lapse; return how many there were.

        `but` are the callbacks whose calls another dialer of this name goes on with.
        """
        held = [callback for callback in await self._store.held_by(dialer_id) if callback.callback_id not in but]
        # Another identity's dialer may have the same name.
        orphans = [callback for callback in held if callback.lease is not None and callback.lease.identity == ""]
        await self._learn(orphans)
        closed = await self._apply(Work.LAPSED, orphans, lambda c: self._lapse(c, now)) if orphans else ()
        return len({change.before.callback_id for change in closed})

    async def _settle(
        self,
        work: Work,
        find: Callable[[int], Awaitable[Sequence[Callback]]],
        decide: Callable[[Callback], Sequence[Callback]],
    ) -> None:
        """Store the versions that `decide` makes of all callbacks found, a transaction for each batch."""
        while found := await find(BATCH):
            # Where nothing changes, the same ones would be found again.
            if not await self._apply(work, found, decide) or len(found) < BATCH:
                return

    async def _apply(
        self, work: Work, found: Sequence[Callback], decide: Callable[[Callback], Sequence[Callback]]
    ) -> Sequence[Change]:
        """Store the versions that `decide` makes of each, and return what was stored."""
        return await self._store_each(work, await self._decide(found, decide))

    async def _decide(
        self, found: Sequence[Callback], decide: Callable[[Callback], Sequence[Callback]]
    ) -> Sequence[Change]:
        await self._learn(found)
        changes: list[Change] = []
        for callback in found:
            with suppress(ServiceNotFound):  # cancelled since it was read, and the service deleted
                changes += [Change(*step) for step in pairwise([callback, *decide(callback)])]
        return changes

    async def _store_each(self, work: Work, changes: Sequence[Change]) -> Sequence[Change]:
        stored = await apply_each(self._store, changes)
        self.moved[work] += len(stored)
        if work is Work.LAPSED:
            _tell_lost(stored)
        return stored

    async def _learn(self, callbacks: Sequence[Callback]) -> None:
        """Load the services of these callbacks, also when another server has just created one."""
        for service_id in {callback.service_id for callback in callbacks}:
            with suppress(ServiceNotFound):
                await self._directory.get(service_id)

    def _service_of(self, callback: Callback) -> Service:
        service = self._directory.find(callback.service_id)
        if service is None:
            raise ServiceNotFound("service_id", callback.service_id)
        return service

    def _lapse(self, callback: Callback, now: datetime) -> Sequence[Callback]:
        service = self._service_of(callback)
        rules = self._policy.rules
        lapsed = LeaseLapsed(at=now, service=service, rules=rules)
        return versions(callback, steps_back(callback, lapsed, service, rules))

    def _promote(self, callback: Callback, now: datetime) -> Sequence[Callback]:
        opening = attempt_time(callback, self._service_of(callback), now, self._policy.rules)
        event = BecameDue(at=now) if opening <= now else OpeningMoved(at=now, next_attempt_time=opening)
        return [after(callback, event)]

    def _place(self, callback: Callback, now: datetime) -> Sequence[Callback]:
        """Move a waiting callback to where it belongs by the settings as they are now."""
        event = correction(callback, self._service_of(callback), now, self._policy.rules)
        return () if event is None else [after(callback, event)]

    # --- What the next pass checks besides ------------------------------------------------------------------------

    def note_service(self, service: Service) -> None:
        """Let the next pass apply the settings of this service."""
        self._changed.add(service.service_id)

    def note_all_services(self) -> None:
        """Handle every service as if it had just changed: possibly no server has applied its last change."""
        self._planned_by.clear()
        self._replanned.clear()
        self._misplaced.clear()
        self._changed = {service.service_id for service in self._directory.all()}

    def note_callback(self, callback: Callback, now: datetime) -> Sequence[datetime]:
        """Return the times at which a pass has something to do because of a callback that was just committed."""
        times = list(_times_of_interest(callback))
        service = self._directory.find(callback.service_id)
        rules = self._policy.rules
        if service is not None and correction(callback, service, now, rules) is not None:
            self._misplaced.add(callback.callback_id)
            times.append(now)
        return times

    # --- A clock that was set back -----------------------------------------------------------------------------

    def note_set_back(self) -> None:
        """Let the next passes plan what waits by the clock as it is."""
        self._set_back_after = ""

    async def _follow_clock(self, now: datetime) -> None:
        """Look at one batch of the callbacks that wait, so that other work comes in between."""
        if (after_id := self._set_back_after) is None:
            return
        found = await self._store.snapshot(CallbackFilter(states=tuple(sorted(WAITING))), after_id, BATCH)
        await self._apply(Work.REPLANNED, found.callbacks, lambda c: self._correct(c, now))
        if self._set_back_after == after_id:  # else the clock was set back once more
            self._set_back_after = found.callbacks[-1].callback_id if found.more else None

    def _correct(self, callback: Callback, now: datetime) -> Sequence[Callback]:
        event = clock_set_back.correction(callback, self._service_of(callback), now, self._policy.rules)
        return () if event is None else [after(callback, event)]

    # --- Opening hours -----------------------------------------------------------------------------------------

    async def _follow_changes(self, now: datetime) -> None:
        """Begin to plan anew what waits for services whose hours have changed, and what was planned by old settings."""
        while self._changed:
            service = self._directory.find(self._changed.pop())
            if service is None:
                continue
            hours = _Hours(service.opening_hours, service.dial_rules.quiet_hours, self._policy.rules.quiet_hours)
            # Where the zone is lacking, nothing can be planned: it stays as the machines that have it have planned it.
            if not hours.opening.lacks_zone and hours != self._planned_by.get(service.service_id):
                self._planned_by[service.service_id] = hours
                self._replanned[service.service_id] = _Replanned(hours)
                self._closings[service.service_id] = now
            else:
                self._plan_closing(service, now)
        while some := list(islice(self._misplaced, BATCH)):
            await self._apply(Work.REPLANNED, await self._store.get_many(some), lambda c: self._place(c, now))
            self._misplaced.difference_update(some)

    async def _close(self, now: datetime) -> None:
        """Move the queued callbacks of services that have closed to the next opening."""
        for service_id in [s for s, closing in self._closings.items() if closing <= now]:
            service = self._directory.find(service_id)
            if service is None:
                del self._closings[service_id]
                continue
            if not service.opening_hours.is_open(now):
                await self._empty_queue(service_id, now)
            self._plan_closing(service, now)

    async def _empty_queue(self, service_id: str, now: datetime) -> None:
        await self._settle(
            Work.CLOSED, lambda limit: self._store.queued(service_id, limit), lambda c: self._place(c, now)
        )

    def _plan_closing(self, service: Service, now: datetime) -> None:
        hours = service.opening_hours
        opening = hours.next_open(now)
        closing = hours.next_close(opening) if opening is not None else None
        if closing is None:
            self._closings.pop(service.service_id, None)
        else:
            self._closings[service.service_id] = closing

    async def _replan_some(self, now: datetime) -> None:
        """Plan one batch of SCHEDULED callbacks of each service anew, so that other work comes in between."""
        for service_id, progress in list(self._replanned.items()):
            # Of a service that may always dial, only those that wait for an opening can be wrong.
            find = self._store.moved_by_hours if progress.hours.are_always else self._store.scheduled
            found = await find(service_id, progress.after_id, BATCH)
            await self._apply(Work.REPLANNED, found, lambda c: self._place(c, now))
            if len(found) < BATCH:
                self._replanned.pop(service_id, None)
            else:
                progress.after_id = found[-1].callback_id

    # --- Retention ---------------------------------------------------------------------------------------------

    async def _purge(self, now: datetime) -> datetime:
        """Delete what need not be kept, one batch per pass, so that other work comes in between."""
        if self._next_purge is None or now >= self._next_purge or self._next_purge > now + PURGE_INTERVAL:
            purged = await self._store.purge(now, self._retention_now(), BATCH)
            self.moved[Work.PURGED] += purged
            self._next_purge = now if purged >= BATCH else now + PURGE_INTERVAL
        return self._next_purge

    def _retention_now(self) -> Retention:
        own = {s.service_id: s.keep_ended for s in self._directory.all() if s.keep_ended is not None}
        return replace(self._retention, of_services=own)


class _Hours(NamedTuple):
    """When calls of a service may begin."""

    opening: OpeningHours
    # Of the service, and of the server's rules.
    quiet: QuietHours | None
    quiet_everywhere: QuietHours | None

    @property
    def are_always(self) -> bool:
        return self.opening.is_always_open and self.quiet is None and self.quiet_everywhere is None


@dataclass(slots=True)
class _Replanned:
    """How far the SCHEDULED callbacks of a service have been planned anew, by id."""

    hours: "_Hours"
    after_id: str = ""


def _tell_lost(stored: Sequence[Change]) -> None:
    """Log which dialers were lost. Of what was decided, and then not stored, nobody must read."""
    last = {change.before.callback_id: change.after for change in stored}
    for before in (change.before for change in stored):
        if before.lease is not None:
            _log.warning(
                "dialer %s was lost with callback %s: %s becomes %s",
                before.lease.dialer_id,
                before.callback_id,
                before.state.name,
                last[before.callback_id].state.name,
            )


def _times_of_interest(callback: Callback) -> Iterator[datetime]:
    if callback.state is State.SCHEDULED and callback.next_attempt_time is not None:
        yield callback.next_attempt_time
    if callback.state in WAITING or callback.state is State.OFFERED:
        yield callback.expire_time
    if callback.state in IN_PROGRESS and callback.lease is not None:
        yield callback.lease.expire_time

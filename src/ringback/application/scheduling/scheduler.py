"""What happens because time passes: callbacks become due, leases lapse, promises expire, history is forgotten.

The truth is in the store: a pass asks it what is due *now*, so a restart needs nothing else. Between passes one
timer runs, for the earliest thing there is; its cost does not depend on how many callbacks wait.

Of many servers on one database, one makes the passes (`leading.py`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from ringback.application.directory import Directory
from ringback.application.events.feed import EventFeed
from ringback.application.optimistic import apply_each
from ringback.application.scheduling.leader_election import LeaderElection
from ringback.domain.callback import IN_PROGRESS, WAITING, Callback, State
from ringback.domain.errors import ServiceNotFound, StorageUnavailable
from ringback.domain.events import BecameDue, Event, ExpireTimePassed, LeaseLapsed, OpeningMoved
from ringback.domain.lifecycle import after
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import Change, LoggedEvent, Retention

_log = logging.getLogger(__name__)

# How many callbacks one transaction takes: large enough to be cheap, small enough not to hold up others' writes.
BATCH = 500
PURGE_INTERVAL = timedelta(minutes=1)
# The wall clock is compared with the monotonic one this often; a larger difference than this is a jump.
_CLOCK_CHECK_S = 1.0
_JUMP_S = 2.0
_RETRY_S = 1.0
_NOW, _FAR = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Scheduler:
    """`run_once(now)` is one pass; `run()` makes a pass whenever the next thing is due."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        tail: EventFeed,
        leading: LeaderElection,
        retention: Retention,
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._election = leading
        self._retention = retention
        self._next_purge: datetime | None = None
        # When each service that has opening hours will next be closed.
        self._closings: dict[str, datetime] = {}
        # Services whose settings have changed since the last pass.
        self._changed: dict[str, Service] = {}
        # When the next pass begins, as far as is known.
        self._wake_time = _FAR
        self._woken = asyncio.Event()
        self._clock_offset_s = _offset_s(clock)
        # How many jumps of the clock the leases have been moved with, as far as is known here.
        self._jumps = 0
        leading.listen(self._on_lead)
        directory.listen(self._on_service)
        tail.listen(self._on_events)

    # --- One pass ----------------------------------------------------------------------------------------------

    async def run_once(self, now: datetime) -> datetime:
        """Do everything that is due at `now`, and answer when the next thing will be."""
        await self._settle(lambda limit: self._store.lapsed(now, limit), lambda c: self._lapse(c, now))
        await self._settle(lambda limit: self._store.expired(now, limit), lambda c: after(c, ExpireTimePassed(at=now)))
        await self._follow_changes(now)
        await self._settle(lambda limit: self._store.due(now, limit), lambda c: self._promote(c, now))
        await self._close(now)
        next_purge = await self._purge(now)
        times = [next_purge, *self._closings.values()]
        if (next_time := await self._store.next_time()) is not None:
            times.append(next_time)
        return min(times)

    async def release_orphans(self, dialer_id: str, now: datetime) -> int:
        """Close the leases of a dialer that is known to be gone, without waiting for them to lapse."""
        orphans = await self._store.held_by(dialer_id)
        await self._learn(orphans)
        if orphans:
            await apply_each(self._store, [Change(c, self._lapse(c, now)) for c in orphans])
        return len(orphans)

    async def _settle(
        self, find: Callable[[int], Awaitable[Sequence[Callback]]], step: Callable[[Callback], Callback]
    ) -> None:
        """Take the step with all that are found, a transaction at a time."""
        while found := await find(BATCH):
            await self._learn(found)
            changes = []
            for callback in found:
                with suppress(ServiceNotFound):  # cancelled since it was read, and the service deleted
                    changes.append(Change(callback, step(callback)))
            await apply_each(self._store, changes)
            if len(found) < BATCH:
                return

    async def _learn(self, callbacks: Sequence[Callback]) -> None:
        """Have the services of these at hand, also when another server has just made one."""
        for service_id in {callback.service_id for callback in callbacks}:
            with suppress(ServiceNotFound):
                await self._directory.get(service_id)

    def _service_of(self, callback: Callback) -> Service:
        service = self._directory.find(callback.service_id)
        if service is None:
            raise ServiceNotFound("service_id", callback.service_id)
        return service

    def _lapse(self, callback: Callback, now: datetime) -> Callback:
        service = self._service_of(callback)
        lapsed = after(callback, LeaseLapsed(at=now, service=service))
        _log.warning(
            "dialer %s was lost with callback %s: %s becomes %s",
            callback.lease.dialer_id if callback.lease else "?",
            callback.callback_id,
            callback.state.name,
            lapsed.state.name,
        )
        return lapsed

    def _promote(self, callback: Callback, now: datetime) -> Callback:
        opening = self._opening(callback, now)
        event: Event = BecameDue(at=now) if opening <= now else OpeningMoved(at=now, next_attempt_time=opening)
        return after(callback, event)

    def _opening(self, callback: Callback, at: datetime) -> datetime:
        """The first moment from `at` on at which the service dials; its expiry settles what comes too late."""
        return self._service_of(callback).first_opening(at, otherwise=max(at, callback.expire_time))

    # --- Opening hours -----------------------------------------------------------------------------------------

    async def _close(self, now: datetime) -> None:
        """Take the queued callbacks of services that have closed to their next opening."""
        for service_id in [s for s, closing in self._closings.items() if closing <= now]:
            del self._closings[service_id]
            if (service := self._directory.find(service_id)) is not None:
                await self._empty_queue(service_id, now)
                self._plan_closing(service, now)

    async def _empty_queue(self, service_id: str, now: datetime) -> None:
        await self._settle(
            lambda limit: self._store.queued(service_id, limit),
            lambda c: after(c, OpeningMoved(at=now, next_attempt_time=self._opening(c, now))),
        )

    async def _follow_changes(self, now: datetime) -> None:
        """Let changed opening hours move those who wait for an opening."""
        while self._changed:
            service_id, service = self._changed.popitem()
            self._plan_closing(service, now)
            after_id = ""
            while waiting := await self._store.moved_by_hours(service_id, after_id, BATCH):
                moved = [Change(c, self._move(c, now)) for c in waiting]
                await apply_each(self._store, [change for change in moved if change.after is not change.before])
                after_id = waiting[-1].callback_id

    def _move(self, callback: Callback, now: datetime) -> Callback:
        opening = self._opening(callback, max(callback.ready_time, now))
        if opening == callback.next_attempt_time:
            return callback
        return after(callback, OpeningMoved(at=now, next_attempt_time=opening))

    def _plan_closing(self, service: Service, now: datetime) -> None:
        hours = service.opening_hours
        opening = hours.next_open(now)
        closing = hours.next_close(opening) if opening is not None else None
        if closing is None:
            self._closings.pop(service.service_id, None)
        else:
            self._closings[service.service_id] = closing

    # --- Forgetting --------------------------------------------------------------------------------------------

    async def _purge(self, now: datetime) -> datetime:
        """Forget what need not be kept, a batch a pass, so that other work comes in between."""
        if self._next_purge is None or now >= self._next_purge or self._next_purge > now + PURGE_INTERVAL:
            more = await self._store.purge(now, self._retention, BATCH) >= BATCH
            self._next_purge = now if more else now + PURGE_INTERVAL
        return self._next_purge

    # --- The loop ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Learn what has happened before. Raises `StorageUnavailable`."""
        self._clock_offset_s = _offset_s(self._clock)  # a shared clock did not know the time before it was started
        self._jumps = await self._store.clock_jumps()

    async def run(self) -> None:
        """While this server leads, make a pass whenever something is due, until cancelled.

        Storage faults are waited out.
        """
        while True:
            self._wake_time = _FAR  # what is committed during the pass may lower it
            try:
                await self._follow_jump()
                if self._election.leads:
                    self._wake_at(await self.run_once(self._clock.now()))
            except StorageUnavailable as fault:
                _log.warning("the scheduler cannot reach the database, trying again: %s", fault)
                await asyncio.sleep(_RETRY_S)
                continue
            await self._sleep()

    async def _sleep(self) -> None:
        """Return at the wake time, wherever it is moved to meanwhile, or when the clock has jumped."""
        while not self._jump_s():
            self._woken.clear()
            remaining_s = (self._wake_time - self._clock.now()).total_seconds()
            if remaining_s <= 0:
                return
            try:
                async with asyncio.timeout(min(remaining_s, _CLOCK_CHECK_S)):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _on_lead(self) -> None:
        """Look at every service as if it had just been changed: nobody may have followed its last change."""
        self._changed = {service.service_id: service for service in self._directory.all()}
        self._wake_at(_NOW)

    def _wake_at(self, moment: datetime) -> None:
        if moment < self._wake_time:
            self._wake_time = moment
            self._woken.set()

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        """Wake earlier when something that was just committed is due before anything known."""
        for event in events:
            service = self._closed_service(event.callback)
            if service is not None:  # given back to a queue that has closed meanwhile
                self._closings[service.service_id] = event.callback.update_time
                self._wake_at(event.callback.update_time)
            for moment in _times_of_interest(event.callback):
                self._wake_at(moment)

    def _closed_service(self, callback: Callback) -> Service | None:
        if callback.state is not State.QUEUED or callback.service_id not in self._closings:
            return None
        service = self._directory.find(callback.service_id)
        return None if service is None or service.opening_hours.is_open(callback.update_time) else service

    def _on_service(self, service: Service) -> None:
        self._changed[service.service_id] = service
        self._wake_at(_NOW)

    # --- Clock jumps -------------------------------------------------------------------------------------------

    def _jump_s(self) -> float:
        """By how much the clock has jumped since the last look; 0 for the slow corrections of a time service."""
        offset_s = _offset_s(self._clock)
        jump_s = offset_s - self._clock_offset_s
        if abs(jump_s) >= _JUMP_S:
            return jump_s
        self._clock_offset_s = offset_s
        return 0.0

    async def _follow_jump(self) -> None:
        """Move the ends of all leases with the clock: the dialers that hold them have not aged.

        Otherwise a jump ahead would call a living dialer lost, and its target would be dialled a second time.
        """
        if jump_s := self._jump_s():
            moved = await self._store.shift_leases(timedelta(seconds=jump_s), self._jumps)
            self._jumps = await self._store.clock_jumps()
            self._clock_offset_s += jump_s
            what = "another server has moved the leases" if moved is None else f"{moved} leases were moved with it"
            _log.warning("the clock jumped by %.1f s: %s", jump_s, what)


def _offset_s(clock: Clock) -> float:
    """How far the wall clock is ahead of the monotonic one; constant, but for jumps and slow corrections."""
    return clock.now().timestamp() - clock.monotonic()


def _times_of_interest(callback: Callback) -> Iterable[datetime]:
    if callback.state is State.SCHEDULED and callback.next_attempt_time is not None:
        yield callback.next_attempt_time
    if callback.state in WAITING or callback.state is State.OFFERED:
        yield callback.expire_time
    if callback.state in IN_PROGRESS and callback.lease is not None:
        yield callback.lease.expire_time

"""What happens because time passes: callbacks become due, leases lapse, callbacks expire, history is deleted.

The truth is in the store: a pass reads from it what is due *now*, so a restart needs nothing else. `loop.py`
decides when the next pass is made.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from ringback.application.directory import Directory
from ringback.application.optimistic import apply_each
from ringback.domain.callback import IN_PROGRESS, WAITING, Callback, State
from ringback.domain.errors import ServiceNotFound
from ringback.domain.events import BecameDue, Event, ExpireTimePassed, LeaseLapsed, OpeningMoved
from ringback.domain.lifecycle import after
from ringback.domain.service import Service
from ringback.ports.store import Store
from ringback.ports.values import Change, Retention

_log = logging.getLogger(__name__)

# How many callbacks one transaction takes: large enough to be cheap, small enough not to hold up others' writes.
BATCH = 500
PURGE_INTERVAL = timedelta(minutes=1)


class Scheduler:
    """The work of a pass, which is one call of `run_once(now)`."""

    def __init__(self, store: Store, directory: Directory, retention: Retention) -> None:
        self._store = store
        self._directory = directory
        self._retention = retention
        self._next_purge: datetime | None = None
        # When each service that has opening hours will next be closed.
        self._closings: dict[str, datetime] = {}
        # Services whose settings have changed since the last pass.
        self._changed: dict[str, Service] = {}

    # --- One pass ----------------------------------------------------------------------------------------------

    async def run_once(self, now: datetime) -> datetime:
        """Do everything that is due at `now`, and return when the next pass is due."""
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
        """Close the leases of a dialer that is known to be gone, before they lapse; return how many there were."""
        orphans = await self._store.held_by(dialer_id)
        await self._learn(orphans)
        if orphans:
            await apply_each(self._store, [Change(c, self._lapse(c, now)) for c in orphans])
        return len(orphans)

    async def _settle(
        self, find: Callable[[int], Awaitable[Sequence[Callback]]], step: Callable[[Callback], Callback]
    ) -> None:
        """Take the step with all callbacks found, a transaction for each batch."""
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
        """Load the services of these callbacks, also when another server has just created one."""
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
        """Return the first moment from `at` on that is open; a callback for which that is too late will expire."""
        return self._service_of(callback).first_opening(at, otherwise=max(at, callback.expire_time))

    # --- What the next pass checks besides ------------------------------------------------------------------------

    def note_service(self, service: Service) -> None:
        """Let the next pass apply the settings of this service."""
        self._changed[service.service_id] = service

    def note_all_services(self) -> None:
        """Handle every service as if it had just changed: possibly no server has applied its last change."""
        self._changed = {service.service_id: service for service in self._directory.all()}

    def note_callback(self, callback: Callback) -> Sequence[datetime]:
        """Return the times at which a pass has something to do because of a callback that was just committed."""
        times = list(_times_of_interest(callback))
        service = self._closed_service(callback)
        if service is not None:  # requeued after the service has closed
            self._closings[service.service_id] = callback.update_time
            times.append(callback.update_time)
        return times

    def _closed_service(self, callback: Callback) -> Service | None:
        if callback.state is not State.QUEUED or callback.service_id not in self._closings:
            return None
        service = self._directory.find(callback.service_id)
        return None if service is None or service.opening_hours.is_open(callback.update_time) else service

    # --- Opening hours -----------------------------------------------------------------------------------------

    async def _close(self, now: datetime) -> None:
        """Move the queued callbacks of services that have closed to the next opening."""
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
        """Let changed opening hours move the callbacks that wait for an opening."""
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

    # --- Retention ---------------------------------------------------------------------------------------------

    async def _purge(self, now: datetime) -> datetime:
        """Delete what need not be kept, one batch per pass, so that other work comes in between."""
        if self._next_purge is None or now >= self._next_purge or self._next_purge > now + PURGE_INTERVAL:
            more = await self._store.purge(now, self._retention, BATCH) >= BATCH
            self._next_purge = now if more else now + PURGE_INTERVAL
        return self._next_purge


def _times_of_interest(callback: Callback) -> Iterator[datetime]:
    if callback.state is State.SCHEDULED and callback.next_attempt_time is not None:
        yield callback.next_attempt_time
    if callback.state in WAITING or callback.state is State.OFFERED:
        yield callback.expire_time
    if callback.state in IN_PROGRESS and callback.lease is not None:
        yield callback.lease.expire_time

"""Assignment: which callbacks are next, by priority and capacity, and which poll gets them.

One exchange with the store: read the queue (`Store.queue`), draw in priority order, write the leases together
with the service's turn. The turn's revision makes two grants of one service exclude each other, on this server
and on all others, so capacity and order hold however many dialers poll at once. The service's own revision keeps a
service that was just paused or closed from a grant.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from ringback.application.access import Caller, Right
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.application.dispatch.arrivals import Arrivals
from ringback.application.dispatch.barring import barred
from ringback.application.dispatch.dialer_presence import DialerPresence
from ringback.application.dispatch.lease_request import LeaseRequest, check_repeated, lease_to
from ringback.application.dispatch.readiness import Readiness
from ringback.application.events.feed import EventFeed
from ringback.application.optimistic import apply_each
from ringback.application.outage import OutageLog
from ringback.application.recent_dials import SPAN, RecentDials
from ringback.domain.assignment import draw
from ringback.domain.callback import MAX_RESPONSE_BYTES, MAX_WEIGHT, Callback, State, weight
from ringback.domain.errors import StorageUnavailable
from ringback.domain.events import LeaseReleased
from ringback.domain.lifecycle import after
from ringback.domain.queue import Queue, Turn, joined
from ringback.ports.clock import Clock
from ringback.ports.errors import PhoneInUse, RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change

_log = logging.getLogger(__name__)

# How many callbacks of each level are taken out of a queue at once that may not be dialled.
_BARRING_DEPTH = 100


class Assigner:
    """The grants of leases to the polls of all dialers, the longest waiting first."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        feed: EventFeed,
        presence: DialerPresence,
        policy: DialPolicy,
        rests: AgentRests,
        recent_dials: RecentDials,
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._feed = feed
        self._presence = presence
        self._policy = policy
        self._rests = rests
        self._recent_dials = recent_dials
        self._polls: list[_Poll] = []
        # The poll for which leases are being written.
        self._serving: _Poll | None = None
        self._returns: set[asyncio.Task[None]] = set()
        self._readiness = Readiness(directory, clock, feed, rests)
        # What is due, and was brought here because a poll waits for it.
        self._arrivals = Arrivals()
        # Services that had no free slot when that was last looked at.
        self._full: set[str] = set()
        self._outage = OutageLog()
        self._runs = False
        self._closing = False
        policy.listen(self.look_at_all)

    async def lease(self, caller: Caller, request: LeaseRequest) -> Sequence[Callback]:
        """Wait for callbacks to dial, at most `wait_s` seconds, and return the leased ones; none when the time is over.

        A repeated `request_id` returns the leases of the first request that are still open. A caller that is
        cancelled while it waits leaves nothing behind: what it was just granted is released at once.

        Raise `NotAllowed`, `RequestIdReused`, as far as open leases show that the first request was another one, and
        `StorageUnavailable`.
        """
        # What is granted may change while the poll waits, so it is looked up anew when leases are granted.
        view = caller.view_of(Right.DIAL)
        await self._directory.resolve(view)
        request = replace(request, identity=caller.identity, view=view)
        self._presence.ask(request.dialer_id, self._services_of(request), request.wait_s)
        if request.request_id and (open_leases := await self._granted_before(request)):
            check_repeated(request, open_leases)
            return open_leases
        if request.wait_s == 0:
            await self._feed.catch_up()  # there is no later moment at which to notice what was just committed
        if self._closing:
            return ()
        poll = _Poll(request, asyncio.get_running_loop().create_future())
        self._polls.append(poll)
        self._readiness.woken.set()
        try:
            # Unlike an await of the future itself, this does not cancel it when the caller is cancelled.
            await asyncio.wait([poll.leased], timeout=request.wait_s or None)
            self._withdraw(poll)
            await asyncio.wait([poll.leased])
        except asyncio.CancelledError:
            self._withdraw(poll)
            poll.leased.add_done_callback(self._take_back)
            raise
        return poll.leased.result()

    def _services_of(self, request: LeaseRequest) -> frozenset[str] | None:
        """Return the services that the poll waits for, as they are known here; None for all."""
        if not request.view.names_services:
            return request.service_ids
        return frozenset(s.service_id for s in self._directory.all() if request.may_have(s))

    async def _granted_before(self, request: LeaseRequest) -> Sequence[Callback]:
        """Return the open leases of an earlier request with this id; a poll that still waits gives way to this one."""
        for poll in [p for p in self._polls if p.request.same_call(request)]:
            self._withdraw(poll)
            await asyncio.wait([poll.leased])
        leased = await self._store.leased_for(request.dialer_id, request.request_id)
        return [c for c in leased if self._may_have_again(request, c)]

    def _may_have_again(self, request: LeaseRequest, leased: Callback) -> bool:
        """Return whether it is the caller's. With the grant for its service only a call in progress is left to it."""
        if leased.lease is None or leased.lease.identity != request.identity:
            return False
        service = self._directory.find(leased.service_id)
        return leased.state is not State.OFFERED or (service is not None and request.view.has_service(service))

    def _withdraw(self, poll: "_Poll") -> None:
        """End a poll. When leases are just being written for it, it returns those."""
        if poll in self._polls:
            self._polls.remove(poll)
        if poll is not self._serving and not poll.leased.done():
            poll.leased.set_result(())

    def _take_back(self, leased: "asyncio.Future[Sequence[Callback]]") -> None:
        if leased.exception() is None and leased.result():
            task = asyncio.create_task(self._requeue(leased.result()))
            self._returns.add(task)
            task.add_done_callback(self._returns.discard)

    async def _requeue(self, leased: Sequence[Callback]) -> None:
        """Release what a client was granted after it had gone; leases that cannot be released lapse."""
        now = self._clock.now()
        try:
            # One whose service has closed meanwhile is moved on by the scheduler.
            await apply_each(self._store, [Change(c, after(c, LeaseReleased(at=now))) for c in leased])
        except StorageUnavailable as fault:
            _log.warning("leases of a client that has gone are left to lapse: %s", fault)

    @property
    def open_polls(self) -> int:
        """How many polls wait for callbacks."""
        return len(self._polls)

    async def start(self) -> None:
        self._readiness.begin_round(await self._store.queued_services())

    def look_at_all(self) -> None:
        """Look again for which services there is something to grant: times or rules are others now."""
        self._readiness.add_all()

    def close(self) -> None:
        """End all polls, and those to come, with no leases."""
        self._closing = True
        for poll in list(self._polls):
            self._withdraw(poll)

    async def run(self) -> None:
        """Serve polls, the longest waiting first, whenever there is something to grant; until cancelled."""
        self._runs = True
        try:
            while True:
                await self._readiness.woken.wait()
                self._readiness.woken.clear()
                with self._arrivals.round() as service_ids:
                    self._readiness.begin_round(service_ids)
                    await self._serve_polls()
        finally:
            self._runs = False
            self._arrivals.close()

    async def _serve_polls(self) -> None:
        for poll in list(self._polls):
            if poll.leased.done():
                continue  # ended already, or withdrawn while another one was served
            self._serving = poll
            try:
                granted = await self._serve(poll.request)
            except StorageUnavailable as fault:
                self._fail(poll, fault)
                continue
            finally:
                self._serving = None
            if granted or poll.request.wait_s == 0 or poll not in self._polls:
                poll.leased.set_result(granted)

    async def take_due(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Store changes that take callbacks to the queue together with the leases of those that are next.

        Only where a poll waits for them, and all of a service's or none. Return what was stored, leases included.
        """
        services = dict.fromkeys(change.before.service_id for change in changes)
        awaited = [service_id for service_id in services if self._awaits(service_id)]
        if awaited:
            self._readiness.woken.set()
        return await self._arrivals.offer(changes, awaited)

    def _awaits(self, service_id: str) -> bool:
        """Return whether a callback that joins the queue of this service would probably be leased at once."""
        service = self._directory.find(service_id)
        return (
            self._runs
            and service is not None
            and service_id not in self._full
            and self._rests.until(service_id, self._clock.now()) is None
            and any(poll.request.may_have(service) and not poll.leased.done() for poll in self._polls)
        )

    def _fail(self, poll: "_Poll", fault: StorageUnavailable) -> None:
        """Fail a poll. Leases may have been written for it all the same: a repetition gets those, and no others."""
        if poll in self._polls:
            self._polls.remove(poll)
        poll.leased.set_exception(fault)

    async def _serve(self, request: LeaseRequest) -> Sequence[Callback]:
        granted: list[Callback] = []
        room = MAX_RESPONSE_BYTES
        for service_id in [s for s in self._readiness.services if request.may_have(self._directory.find(s))]:
            try:
                drawn = await self._grant(service_id, request, request.max_leases - len(granted), room)
            except StorageUnavailable as fault:
                _log.log(self._outage.level(), "cannot grant leases, trying again: %s", fault)
                self._readiness.retry(service_id)
                if not granted:
                    raise
                break
            if drawn:
                self._outage.end()
            granted += drawn
            room -= sum(map(weight, drawn))
            if len(granted) == request.max_leases or room < MAX_WEIGHT:
                break
        return granted

    async def _grant(self, service_id: str, request: LeaseRequest, count: int, room: int) -> Sequence[Callback]:
        """Lease up to `count` callbacks of one service."""
        refused: set[str] = set()
        passed_over: set[str] = set()
        depth = count
        while (queue := await self._read(service_id, request, depth + len(passed_over))) is not None:
            now = self._clock.now()
            if arrived := self._arrivals.of(service_id):
                queue = self._joined(queue, [change.after for change in arrived], now)
            drawn, credits_ = draw(queue, count, now, room, passed_over)
            if not drawn:
                break
            if barred(self._policy, queue, drawn, now):
                if arrived:
                    self._arrivals.end(service_id)
                    continue
                # Rarely one alone: all that are read go at once, and more are read the next time.
                depth = _BARRING_DEPTH
                await self._take_out(barred(self._policy, queue, chain(*queue.heads.values()), now))
                continue
            changes = [
                Change(c, lease_to(c, request, queue.service, now), settings=queue.service, identity=request.identity)
                for c in drawn
            ]
            stored = [*arrived, *changes]
            try:
                await self._store.apply(stored, Turn(service_id, credits_, queue.turn.revision + 1))
            except PhoneInUse as taken:
                self._arrivals.end(service_id)
                # The next read tells so, too, unless the row is from a version that would take it for another phone.
                passed_over |= refused & taken.callback_ids
                refused |= taken.callback_ids
                if passed_over:
                    self._readiness.add_later(service_id)
                continue
            except RevisionConflict:
                self._arrivals.end(service_id)
                continue
            self._arrivals.end(service_id, stored)
            self._readiness.keep(service_id)  # there may be more, or a callback that is held now
            return [c.after for c in changes]
        return ()

    def _joined(self, queue: Queue, arriving: Sequence[Callback], now: datetime) -> Queue:
        # Another server may have dialled one of them just now: DIALING is judged by what is stored.
        dialled = {c.callback_id: self._recent_dials.begun(c.phone, now - SPAN) for c in arriving}
        return joined(queue, arriving, dialled)

    async def _read(self, service_id: str, request: LeaseRequest, depth: int) -> Queue | None:
        """Return the queue of a service, as deep as this; None when there is nothing to grant to this poll."""
        self._readiness.take(service_id)
        if self._readiness.is_resting(service_id):
            return None
        self._readiness.hold(service_id)
        queue = await self._store.queue(service_id, depth, self._clock.now())
        if queue is None or not queue.held:
            self._readiness.release(service_id)
        self._full.discard(service_id)
        if queue is None:
            return None
        if queue.in_progress >= queue.service.capacity:
            self._full.add(service_id)
        if not request.may_have(queue.service):
            self._readiness.keep(service_id)  # for others
            return None
        if any(c.agents_failed_at is not None for c in chain(*queue.heads.values())):
            await self._feed.catch_up()  # it was given back last, so the rest may not have been heard of yet
        if self._readiness.is_resting(service_id):
            return None
        self._readiness.look_again(service_id, queue.held_until)
        return queue

    async def _take_out(self, changes: Sequence[Change]) -> None:
        """Store what takes callbacks out of the queue, unless one of them has changed: the next read tells more."""
        with suppress(RevisionConflict):
            await self._store.apply(changes)


@dataclass(slots=True, eq=False)
class _Poll:
    request: LeaseRequest
    leased: asyncio.Future[Sequence[Callback]]

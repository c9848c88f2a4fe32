"""How queues look, for GetQueue and WatchQueues."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Final

from ringback.application.access import Caller, Right
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory, not_granted
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.application.dispatch.dialer_presence import DialerCount, DialerPresence, Dialers
from ringback.application.dispatch.open_times import Opening, OpenTimes
from ringback.application.dispatch.pace import ESTIMATE_SPAN, MIN_CALLS, Pace
from ringback.application.dispatch.queue_line import Line
from ringback.application.dispatch.queue_outlook import QueueOutlook, QueueOutlooks
from ringback.application.dispatch.queue_position import SILENT_AGENTS, Positions, QueuePosition, closed, spoken
from ringback.application.events.feed import EventFeed
from ringback.application.queue_figures import QueueFigures
from ringback.domain.callback import IN_PROGRESS, Callback, State
from ringback.domain.errors import Fault, InvalidRequest, ServiceNotFound, StorageUnavailable
from ringback.domain.priority import Priority
from ringback.domain.queue import Turn
from ringback.domain.queue_state import QueueState, queue_state
from ringback.domain.request import ServiceName
from ringback.domain.service import Halt, Service
from ringback.ports.clock import Clock
from ringback.ports.store import Store

COUNT_INTERVAL_S: Final = 1.0
# What is counted anew in the background takes at most one part in so many of the time.
_SHARE: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class QueueView:
    """The state of a queue at one moment."""

    service: Service
    state: QueueState
    waiting: Mapping[Priority, int]
    # Since when the first of each level is due.
    oldest: Mapping[Priority, datetime]
    in_progress: Mapping[State, int]
    scheduled: int
    capacity: int
    estimated_wait: timedelta | None
    estimate_basis: str
    # No callback is handed out until then; None when the service does not rest.
    agents_rest_until: datetime | None
    # None also when it is not known since when its calls are stopped.
    halt: Halt | None
    attendance: DialerCount
    opening: Opening
    outlook: QueueOutlook
    standing: QueuePosition | None = None


def is_news(view: QueueView, before: QueueView) -> bool:
    """Return whether a client that has the view of before is to be told of this one.

    Settings are told on their own, and what an estimate rests on changes all the time.
    """
    if any(getattr(view, name) != getattr(before, name) for name in _TOLD):
        return True
    new, old = view.estimated_wait, before.estimated_wait
    if new is None or old is None:
        return new is not old
    return abs(new - old) > old / 10


_TOLD: Final = [
    each.name for each in fields(QueueView) if each.name not in {"service", "estimated_wait", "estimate_basis"}
]


class QueueViews:
    """The use case behind GetQueue."""

    def __init__(
        self,
        store: Store,
        figures: QueueFigures,
        directory: Directory,
        presence: DialerPresence,
        clock: Clock,
        feed: EventFeed,
        policy: DialPolicy,
        rests: AgentRests,
    ) -> None:
        self._store = store
        self._figures = figures
        self._directory = directory
        self._presence = presence
        self._clock = clock
        self._pace = Pace(feed)
        self._rests = rests
        self._open_times = OpenTimes()
        self._outlooks = QueueOutlooks(store, clock)
        self._positions = Positions(store, directory, policy)

    async def look(self, caller: Caller, service: Service, callback: Callback | None) -> QueueView:
        """Return the queue of a service and, if a callback of it is given, the position of that.

        Raise `NotAllowed`, `ServiceNotFound`, and `InvalidRequest` when the callback is of another service.
        """
        if not caller.view_of(Right.READ_SERVICES).has_service(service):
            raise not_granted(ServiceName("service_id", service.service_id))
        if callback is not None and callback.service_id != service.service_id:
            raise InvalidRequest([Fault("callback_key", f"is of another service: {callback.service_id}")])
        await self._figures.catch_up()
        attendances = await self._presence.attendances()
        looks = await self.look_at([service], attendances)
        if not looks:
            raise ServiceNotFound("service_id", service.service_id)
        [(line, view)] = looks
        if callback is None:
            return view
        standing = await self._positions.of(caller, callback, line, view.attendance, self._clock.now())
        return replace(view, standing=standing)

    async def look_at(self, services: Sequence[Service], attendances: Dialers) -> Sequence[tuple[Line, QueueView]]:
        """Return the lines and the views of those of these services that exist, from what is counted already.

        Raise `StorageUnavailable`.
        """
        service_ids = [service.service_id for service in services]
        turns = await self._store.turns(service_ids)
        oldest = await self._figures.oldest(service_ids)
        now = self._clock.now()
        lines = [self._line(service, turn, now) for service in services if (turn := turns.get(service.service_id))]
        numbers = [(line, self._figures.touched(line.service.service_id)) for line in lines]
        outlooks = await self._outlooks.look(numbers, now)
        return [
            (
                line,
                self._view(
                    line,
                    oldest.get(line.service.service_id, {}),
                    self._attendance(line, attendances),
                    outlooks[line.service.service_id],
                    now,
                ),
            )
            for line in lines
        ]

    async def run(self) -> None:
        """Keep what takes long to count a few seconds old at most, while somebody looks at it, until cancelled."""
        while True:
            begun_s = self._clock.monotonic()
            with suppress(StorageUnavailable):  # those that look are told
                await self.count_anew()
            taken_s = self._clock.monotonic() - begun_s
            await asyncio.sleep(max(COUNT_INTERVAL_S, taken_s * (_SHARE - 1)))

    async def count_anew(self) -> None:
        """Count what took long, and was counted some seconds ago. Raise `StorageUnavailable`."""
        for service_id in self._outlooks.aging():
            service = self._directory.find(service_id)
            turn = (await self._store.turns([service_id])).get(service_id)
            if service is None or turn is None:
                self._outlooks.forget(service_id)
                continue
            now = self._clock.now()
            await self._outlooks.count_anew(self._line(service, turn, now), self._figures.touched(service_id), now)

    def basis(self, service: Service, attendances: Dialers, now: datetime) -> tuple[object, ...]:
        """Return what a view of the service follows from, but for what only time brings."""
        service_id = service.service_id
        return (
            service,
            self._figures.touched(service_id),
            attendances.of(service),
            self._rests.until(service_id, now),
            self._open_times.at(service, now),
        )

    def has_open(self, service: Service) -> bool:
        """Return whether something is open for the service, so that time alone may change its view."""
        return bool((figures := self._figures.of(service.service_id)).counts) or figures.scheduled > 0

    def forget(self, service_ids: Collection[str]) -> None:
        """Forget what is kept about services that were deleted."""
        for service_id in service_ids:
            self._open_times.forget(service_id)
            self._outlooks.forget(service_id)

    def _line(self, service: Service, turn: Turn, now: datetime) -> Line:
        service_id = service.service_id
        figures = self._figures.of(service_id)
        is_open = self._open_times.at(service, now).is_open
        rest_ends = self._rests.until(service_id, now)
        may_dial = is_open and service.capacity > 0 and rest_ends is None
        return Line(
            service=service,
            turn=turn,
            figures=figures,
            waiting=figures.waiting,
            in_progress=figures.in_progress,
            is_open=is_open,
            rest_ends=rest_ends,
            per_call=self._pace.per_call(service_id, now) if may_dial else None,
        )

    def _attendance(self, line: Line, attendances: Dialers) -> DialerCount:
        attendance = attendances.of(line.service)
        if attendance.dialers == 0 and line.in_progress:
            return DialerCount(1, None)  # it has been at work since before this server was started
        return attendance

    def _view(
        self,
        line: Line,
        oldest: Mapping[Priority, datetime],
        attendance: DialerCount,
        outlook: QueueOutlook,
        now: datetime,
    ) -> QueueView:
        service = line.service
        opening = self._open_times.at(service, now)
        wait, basis = self._estimate(line, now)
        counts = line.figures.counts.items()
        return QueueView(
            service=service,
            state=queue_state(
                service,
                has_dialer=attendance.dialers > 0,
                rests=line.rest_ends is not None,
                expiring=outlook.expiring,
                is_open=opening.is_open,
            ),
            waiting=line.waiting,
            oldest=oldest,
            in_progress={
                state: sum(count for (_, its), count in counts if its is state)
                for state in State
                if state in IN_PROGRESS
            },
            scheduled=line.figures.scheduled,
            capacity=service.max_concurrent_calls,
            estimated_wait=wait,
            estimate_basis=basis,
            agents_rest_until=line.rest_ends,
            halt=service.halt,
            attendance=attendance,
            opening=opening,
            outlook=outlook,
        )

    def _estimate(self, line: Line, now: datetime) -> tuple[timedelta | None, str]:
        """Return how long a new callback of normal priority would wait, and how that was estimated."""
        service = line.service
        if not line.is_open:
            return None, closed(service)
        if service.capacity == 0:
            return None, "the service is paused"
        if line.rest_ends is not None:
            return None, SILENT_AGENTS
        if not line.waiting and line.in_progress < service.capacity:
            return timedelta(0), "nobody is waiting and a call may begin"
        begun = self._pace.recent(service.service_id, now)
        if line.per_call is None or len(begun) < MIN_CALLS:
            return None, f"{len(begun)} calls began in the last {spoken(ESTIMATE_SPAN)}: too few to tell"
        position = 1 + sum(line.before(Priority.NORMAL, line.waiting.get(Priority.NORMAL, 0)).values())
        basis = (
            f"{len(begun)} calls began in the last {spoken(now - begun[0])}; {position} more begin up to and "
            f"including the new one's"
        )
        return line.per_call * position, basis

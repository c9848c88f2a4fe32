"""The state of a queue, the position of a callback in it, and why it has not been dialled yet (GetQueue)."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from ringback.application.access import Caller, Right
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory, not_granted
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.application.dispatch.dialer_presence import DialerPresence
from ringback.application.events.feed import EventFeed
from ringback.application.queue_figures import QueueFigures
from ringback.domain.callback import Callback, State
from ringback.domain.dial_times import quiet_until
from ringback.domain.errors import Fault, InvalidRequest, ServiceNotFound
from ringback.domain.opening_hours import HORIZON
from ringback.domain.priority import Priority, turns_until
from ringback.domain.queue import Turn
from ringback.domain.request import ServiceName
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import LoggedEvent

# Positions are counted by simulating the coming grants; farther back than this they are of no use.
MAX_POSITION = 10_000
# The estimate rests on the calls that began within this time, at most so many of them.
ESTIMATE_SPAN = timedelta(minutes=15)
_ESTIMATE_CALLS = 1_000
_MIN_CALLS = 3
_SILENT_AGENTS = "the agents do not answer"


class WaitingReason(IntEnum):
    """Why a callback has not been dialled yet. The numbers are those of the wire."""

    NOT_DUE = 1
    CLOSED = 2
    PAUSED = 3
    NO_CAPACITY = 4
    NO_DIALER = 5
    TARGET_IN_CALL = 6
    BEHIND_OTHERS = 7
    AGENTS_DO_NOT_ANSWER = 8


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The position of one callback; no reason when it does not wait."""

    position: int
    reason: WaitingReason | None
    explanation: str


@dataclass(frozen=True, slots=True)
class _QueueState:
    """How many wait for one service, and whose turn it is."""

    turn: Turn
    waiting: Mapping[Priority, int]
    in_progress: int


@dataclass(frozen=True, slots=True)
class QueueView:
    """The state of a queue at one moment."""

    service: Service
    waiting: Mapping[Priority, int]
    oldest: datetime | None
    in_progress: int
    estimated_wait: timedelta | None
    estimate_basis: str
    standing: QueuePosition | None
    # No callback is handed out until then; None when the service does not rest.
    agents_rest_until: datetime | None


class Pace:
    """When the latest calls of each service began: the basis of estimates."""

    def __init__(self, feed: EventFeed) -> None:
        self._begun: dict[str, deque[datetime]] = {}
        feed.listen(self._on_events)

    def recent(self, service_id: str, now: datetime) -> Sequence[datetime]:
        begun = self._begun.get(service_id, deque())
        while begun and begun[0] < now - ESTIMATE_SPAN:
            begun.popleft()
        return begun

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        for event in events:
            callback, previous = event.callback, event.previous
            if callback.state is State.DIALING and previous is not None and previous.state is State.OFFERED:
                begun = self._begun.setdefault(callback.service_id, deque(maxlen=_ESTIMATE_CALLS))
                begun.append(callback.update_time)


class QueueViews:
    """The use case behind GetQueue."""

    def __init__(
        self,
        store: Store,
        figures: QueueFigures,
        directory: Directory,
        presence: DialerPresence,
        clock: Clock,
        pace: Pace,
        policy: DialPolicy,
        rests: AgentRests,
    ) -> None:
        self._store = store
        self._figures = figures
        self._directory = directory
        self._presence = presence
        self._clock = clock
        self._pace = pace
        self._policy = policy
        self._rests = rests

    async def look(self, caller: Caller, service: Service, callback: Callback | None) -> QueueView:
        """Return the queue of a service and, if a callback of it is given, the position of that.

        Raise `NotAllowed`, `ServiceNotFound`, and `InvalidRequest` when the callback is of another service.
        """
        if not caller.view_of(Right.READ_SERVICES).has_service(service):
            raise not_granted(ServiceName("service_id", service.service_id))
        if callback is not None and callback.service_id != service.service_id:
            raise InvalidRequest([Fault("callback_key", f"is of another service: {callback.service_id}")])
        service_id = service.service_id
        turn = await self._store.turn(service_id)
        if turn is None:
            raise ServiceNotFound("service_id", service_id)
        await self._figures.catch_up()
        oldest = (await self._figures.oldest([service_id])).get(service_id, {})
        figures = self._figures.of(service_id)
        line = _QueueState(turn, figures.waiting, figures.in_progress)
        now = self._clock.now()
        wait, basis = self._estimate(service, line, now)
        standing = await self._standing(caller, service, line, callback, now) if callback is not None else None
        rest_ends = self._rests.until(service.service_id, now)
        return QueueView(
            service=service,
            waiting=line.waiting,
            oldest=min(oldest.values(), default=None),
            in_progress=line.in_progress,
            estimated_wait=wait,
            estimate_basis=basis,
            standing=standing,
            agents_rest_until=rest_ends,
        )

    def _estimate(self, service: Service, line: _QueueState, now: datetime) -> tuple[timedelta | None, str]:
        """Return how long a new callback of normal priority would wait, and how that was estimated."""
        if not service.opening_hours.is_open(now):
            return None, _closed(service)
        if service.capacity == 0:
            return None, "the service is paused"
        if self._rests.until(service.service_id, now) is not None:
            return None, _SILENT_AGENTS
        normal = line.waiting.get(Priority.NORMAL, 0)
        if not line.waiting and line.in_progress < service.capacity:
            return timedelta(0), "nobody is waiting and a call may begin"
        begun = self._pace.recent(service.service_id, now)
        if len(begun) < _MIN_CALLS:
            return None, f"{len(begun)} calls began in the last {_spoken(ESTIMATE_SPAN)}: too few to tell"
        counts = {**line.waiting, Priority.NORMAL: normal + 1}
        position = self._turns(service, line, counts, Priority.NORMAL, normal)
        per_call = (now - begun[0]) / len(begun)
        basis = (
            f"{len(begun)} calls began in the last {_spoken(now - begun[0])}; {position} more begin up to and "
            f"including the new one's"
        )
        return per_call * position, basis

    async def _standing(
        self, caller: Caller, service: Service, line: _QueueState, callback: Callback, now: datetime
    ) -> QueuePosition:
        if callback.state is State.SCHEDULED:
            return self._not_queued(service, callback, now)
        if callback.state is not State.QUEUED:
            return QueuePosition(0, None, f"it is {callback.state.name}")
        ahead = await self._store.ahead(callback, MAX_POSITION)
        counts = {**line.waiting}
        counts[callback.priority] = max(counts.get(callback.priority, 0), ahead + 1)
        position = self._turns(service, line, counts, callback.priority, ahead)
        held_up = _held_up(service, line, position, now) or self._quiet(service, callback, now)
        if held_up is None:
            held_up = await self._why(caller, service, callback, position, now)
        reason, explanation = held_up
        return QueuePosition(position, reason, explanation)

    def _not_queued(self, service: Service, callback: Callback, now: datetime) -> QueuePosition:
        if callback.ready_time > now:
            what = f"attempt {len(callback.attempts) + 1} is due" if callback.attempts else "it is due"
            return QueuePosition(0, WaitingReason.NOT_DUE, f"{what} at {_stamp(callback.ready_time)}")
        if not service.opening_hours.is_open(now):
            return QueuePosition(0, WaitingReason.CLOSED, _closed_until(service, now))
        if (quiet := self._quiet(service, callback, now)) is not None:
            return QueuePosition(0, *quiet)
        moment = callback.next_attempt_time or callback.ready_time
        return QueuePosition(0, WaitingReason.NOT_DUE, f"it is about to be queued, due since {_stamp(moment)}")

    def _quiet(self, service: Service, callback: Callback, now: datetime) -> tuple[WaitingReason, str] | None:
        """Return that it is quiet for the target; None when it is not. To the callback its service is as if closed."""
        end = quiet_until(service, callback.dial_target, now, self._policy.rules)
        if end == now:
            return None
        if end is None:
            return WaitingReason.CLOSED, f"it is quiet for its target, at all times of the next {HORIZON.days} days"
        return WaitingReason.CLOSED, f"it is quiet for its target until {_stamp(end)}"

    def _turns(
        self, service: Service, line: _QueueState, counts: Mapping[Priority, int], level: Priority, ahead: int
    ) -> int:
        return turns_until(counts, line.turn.credits, service.priority_weights, level, ahead, MAX_POSITION)

    async def _why(
        self, caller: Caller, service: Service, callback: Callback, position: int, now: datetime
    ) -> tuple[WaitingReason, str]:
        """Return why it is not dialled although its service may begin a call."""
        if not await self._presence.has_dialer(service.service_id):
            return WaitingReason.NO_DIALER, "no dialer asks for callbacks of this service"
        if (rest_ends := self._rests.until(service.service_id, now)) is not None:
            why = f"{_SILENT_AGENTS}; they are called again at {_stamp(rest_ends)}"
            return WaitingReason.AGENTS_DO_NOT_ANSWER, why
        use = await self._store.phone_use(callback.phone, now)
        if use.caller is not None:
            other = await self._store.get(use.caller)
            view = await self._directory.resolve(caller.view_of(Right.READ_CALLBACKS))
            because = use.caller if other is not None and view.contains(other) else "another callback"
            return WaitingReason.TARGET_IN_CALL, f"its target is in a call because of {because}"
        if use.kept_until is not None:
            why = f"its target is kept until {_stamp(use.kept_until)}, because the dialer of a call to it was lost"
            return WaitingReason.TARGET_IN_CALL, why
        return WaitingReason.BEHIND_OTHERS, f"it is number {position} in line"


def _held_up(service: Service, line: _QueueState, position: int, now: datetime) -> tuple[WaitingReason, str] | None:
    """Return why the service begins no call at all; None when it may."""
    if not service.opening_hours.is_open(now):
        return WaitingReason.CLOSED, _closed_until(service, now)
    if service.capacity == 0:
        settings = "paused" if service.paused else "set to 0 concurrent calls"
        return WaitingReason.PAUSED, f"the service is {settings}"
    if line.in_progress >= service.capacity:
        calls = f"{line.in_progress} of {service.capacity} calls are in progress"
        return WaitingReason.NO_CAPACITY, f"{calls}; it is number {position} in line"
    return None


def _closed(service: Service) -> str:
    hours = service.opening_hours
    if hours.lacks_zone:
        return f"the service is closed: this server has no data of its time zone {hours.time_zone}"
    return "the service is closed"


def _closed_until(service: Service, now: datetime) -> str:
    opening = service.opening_hours.next_open(now)
    if service.opening_hours.lacks_zone:
        return _closed(service)
    if opening is None:
        return f"the service is closed, and does not open within {HORIZON.days} days"
    return f"the service is closed until {_stamp(opening)}"


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _spoken(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"

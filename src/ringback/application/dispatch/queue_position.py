"""Where one callback stands in its queue, and why it has not been dialled yet: in words, for people.

The texts say what is known at that moment. Times in them are in UTC, as RFC 3339 has them, so that a client can show
them in its own zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from ringback.application.access import Caller, Right
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.dispatch.dialer_presence import DialerCount
from ringback.application.dispatch.queue_line import MAX_POSITION, Line
from ringback.domain.callback import Callback, State
from ringback.domain.dial_times import quiet_until
from ringback.domain.opening_hours import HORIZON
from ringback.domain.priority import Priority
from ringback.domain.service import Service
from ringback.ports.store import Store

SILENT_AGENTS = "the agents do not answer"


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


class Positions:
    """Positions of callbacks, each found when it is requested."""

    def __init__(self, store: Store, directory: Directory, policy: DialPolicy) -> None:
        self._store = store
        self._directory = directory
        self._policy = policy

    async def of(
        self, caller: Caller, callback: Callback, line: Line, attendance: DialerCount, now: datetime
    ) -> QueuePosition:
        """Return the position as this caller may see it. Raise `StorageUnavailable`."""
        if callback.state is State.SCHEDULED:
            reason, text = self._not_queued(line, callback, now)
            return QueuePosition(0, reason, f"{text} {_waiting(line)}")
        if callback.state is not State.QUEUED:
            return QueuePosition(0, None, f"It is {callback.state.name}.")
        ahead = await self._store.ahead(callback, MAX_POSITION)
        before = line.before(callback.priority, ahead)
        position = 1 + sum(before.values())
        shows_identities = caller.view_of(Right.READ_SERVICES).shows_identities
        found = _held_up(line, before, now, shows_identities=shows_identities) or self._quiet(
            line.service, callback, now
        )
        if found is None:
            found = await self._why(caller, callback, line, attendance, before, now)
        reason, text = found
        return QueuePosition(position, reason, f"{_place(position, line)} {text}")

    def _not_queued(self, line: Line, callback: Callback, now: datetime) -> tuple[WaitingReason, str]:
        if callback.ready_time > now:
            return WaitingReason.NOT_DUE, f"{_what_is_due(callback)} at {_stamp(callback.ready_time)}."
        if not line.is_open:
            since = f"It has been due since {_stamp(callback.ready_time)}."
            return WaitingReason.CLOSED, f"{_closed_until(line.service, now)} {since}"
        if (quiet := self._quiet(line.service, callback, now)) is not None:
            return quiet
        moment = callback.next_attempt_time or callback.ready_time
        return WaitingReason.NOT_DUE, f"It is about to be queued, due since {_stamp(moment)}."

    def _quiet(self, service: Service, callback: Callback, now: datetime) -> tuple[WaitingReason, str] | None:
        """Return that it is quiet for the target; None when it is not. To the callback its service is as if closed."""
        end = quiet_until(service, callback.dial_target, now, self._policy.rules)
        if end == now:
            return None
        if end is None:
            return WaitingReason.CLOSED, f"It is quiet for its target, at all times of the next {HORIZON.days} days."
        return WaitingReason.CLOSED, f"It is quiet for its target until {_stamp(end)}."

    async def _why(
        self,
        caller: Caller,
        callback: Callback,
        line: Line,
        attendance: DialerCount,
        before: Mapping[Priority, int],
        now: datetime,
    ) -> tuple[WaitingReason, str]:
        """Return why it is not dialled although its service may begin a call."""
        if attendance.missing_since is not None:
            since = _stamp(attendance.missing_since)
            return WaitingReason.NO_DIALER, f"No dialer polls for callbacks of this service, since {since}."
        if line.rest_ends is not None:
            why = f"The agents do not answer; they are called again at {_stamp(line.rest_ends)}."
            return WaitingReason.AGENTS_DO_NOT_ANSWER, why
        use = await self._store.phone_use(callback.phone, now)
        if use.caller is not None:
            other = await self._store.get(use.caller)
            view = await self._directory.resolve(caller.view_of(Right.READ_CALLBACKS))
            because = use.caller if other is not None and view.contains(other) else "another callback"
            return WaitingReason.TARGET_IN_CALL, f"Its target is in a call because of {because}."
        if use.kept_until is not None:
            why = f"Its target is kept until {_stamp(use.kept_until)}, because the dialer of a call to it was lost."
            return WaitingReason.TARGET_IN_CALL, why
        ahead = _sentence(_ahead(before)) if before else "It is next."
        return WaitingReason.BEHIND_OTHERS, _with_estimate(ahead, line, before)


def _held_up(
    line: Line, before: Mapping[Priority, int], now: datetime, *, shows_identities: bool
) -> tuple[WaitingReason, str] | None:
    """Return why the service begins no call at all; None when it may."""
    service = line.service
    if not line.is_open:
        return WaitingReason.CLOSED, _closed_until(service, now)
    if service.capacity == 0:
        return WaitingReason.PAUSED, _paused(service, shows_identities=shows_identities)
    if line.in_progress >= service.capacity:
        ahead = _ahead(before) if before else "it is next"
        return WaitingReason.NO_CAPACITY, _with_estimate(f"{_slots(line)}; {ahead}.", line, before)
    return None


# --- Sentences -------------------------------------------------------------------------------------------------------


def _place(position: int, line: Line) -> str:
    if position >= MAX_POSITION:
        return f"Position {position} or later of {max(line.total, position)}."
    # What has just been queued may not be counted yet.
    return f"Position {position} of {max(line.total, position)}."


def _waiting(line: Line) -> str:
    match line.total:
        case 0:
            return "Nobody waits in its queue."
        case 1:
            return "1 waits in its queue."
        case total:
            return f"{total} wait in its queue."


def _what_is_due(callback: Callback) -> str:
    if not callback.attempts:
        return "It is due"
    last = callback.attempts[-1]
    ended = "" if last.outcome is None else f", after {last.outcome.name},"
    return f"Attempt {len(callback.attempts) + 1}{ended} is due"


def _slots(line: Line) -> str:
    capacity, in_progress = line.service.capacity, line.in_progress
    if in_progress > capacity:
        return f"{in_progress} calls are in progress, and no more than {capacity} may be"
    return "The only slot is in use" if capacity == 1 else f"All {capacity} slots are in use"


def _ahead(before: Mapping[Priority, int]) -> str:
    """Return how many of which levels go first, such as "1 strict, 1 highest and 2 very high go first"."""
    *most, last = [f"{before[level]} {_spoken_level(level)}" for level in Priority if level in before]
    names = f"{', '.join(most)} and {last}" if most else last
    return f"{names} {'goes' if sum(before.values()) == 1 else 'go'} first"


def _spoken_level(level: Priority) -> str:
    return "strict" if level is Priority.STRICT_PRIORITY else level.name.lower().replace("_", " ")


def _with_estimate(text: str, line: Line, before: Mapping[Priority, int]) -> str:
    if line.per_call is None:
        return text
    return f"{text} About {spoken(line.per_call * (1 + sum(before.values())))}."


def _paused(service: Service, *, shows_identities: bool) -> str:
    what = "paused" if service.paused else "set to 0 concurrent calls"
    halt = service.halt
    since = "" if halt is None else f" since {_stamp(halt.halt_time)}"
    by = f", by {halt.identity}" if halt is not None and halt.identity and shows_identities else ""
    return f"The service is {what}{since}{by}."


def closed(service: Service) -> str:
    hours = service.opening_hours
    if hours.lacks_zone:
        return f"the service is closed: this server has no data of its time zone {hours.time_zone}"
    return "the service is closed"


def _closed_until(service: Service, now: datetime) -> str:
    opening = service.opening_hours.next_open(now)
    if service.opening_hours.lacks_zone:
        return _sentence(closed(service))
    if opening is None:
        return f"The service is closed, and does not open within {HORIZON.days} days."
    return f"The service is closed until {_stamp(opening)}."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def spoken(span: timedelta) -> str:
    """Return a span such as 45 s, 1 min 10 s, or 2 h 5 min."""
    seconds = round(span.total_seconds())
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    if minutes:
        return f"{minutes} min {seconds % 60} s" if seconds % 60 else f"{minutes} min"
    return f"{seconds} s"

"""An entry of the event log as a row of the table `event`. It can be read alone, whatever became of the callback."""

from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.ports.values import EventKind, LoggedEvent
from ringback.storage.body import read_callback, read_json, time_of, time_us, write_json
from ringback.storage.callback_row import Row, lease_expire_us

# In the order of the rows below. The database draws the number.
EVENT_COLUMNS: Final = (
    "kind",
    "callback_id",
    "event_us",
    "previous_state",
    "previous",
    "lease_expire_us",
    "body",
)


def created(callback: Callback, body: str) -> Row:
    at_us = time_us(callback.update_time)
    return EventKind.CREATED.value, callback.callback_id, at_us, None, None, lease_expire_us(callback), body


def updated(before: Callback, after: Callback, body: str) -> Row:
    return (
        EventKind.UPDATED.value,
        after.callback_id,
        time_us(after.update_time),
        before.state.name,
        _altered(before, after),
        lease_expire_us(after),
        body,
    )


def purged(now: datetime, callback_id: str, state: str, body: str) -> Row:
    return EventKind.PURGED.value, callback_id, time_us(now), state, None, None, body


def logged_event(
    number: int,
    kind: int,
    previous_state: str | None,
    previous: str | None,
    lease_expire_us: int | None,
    body: str,
) -> LoggedEvent:
    callback = read_callback(body, lease_expire_us)
    before = None if previous_state is None else _before(callback, previous_state, previous)
    return LoggedEvent(number, EventKind(kind), callback, before)


def _altered(before: Callback, after: Callback) -> str | None:
    """What a reschedule may alter of what filters look at; None when nothing was."""
    fields = _rescheduled_fields(before)
    return None if fields == _rescheduled_fields(after) else write_json(fields)


def _rescheduled_fields(callback: Callback) -> dict[str, Any]:
    return {
        "priority": callback.request.priority,
        "due_date": time_us(callback.due_date),
        "dial_target": callback.dial_target,
    }


def _before(callback: Callback, state: str, previous: str | None) -> Callback:
    """The callback with its state and what a reschedule altered set back.

    Good enough for filters, which look at nothing else that ever changes; in all else it is as it was after.
    """
    if previous is None:
        return replace(callback, state=State[state])
    fields = read_json(previous)
    return replace(
        callback,
        state=State[state],
        request=replace(callback.request, priority=fields["priority"]),
        due_date=time_of(fields["due_date"]),
        dial_target=fields["dial_target"],
    )

"""An entry of the event log as a row of the table `event`. It can be read alone, even when the callback is gone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from ringback.domain.callback import TERMINAL, Callback, State
from ringback.domain.erasure import erased
from ringback.ports.values import Change, EventKind, LoggedEvent
from ringback.storage.body import read_callback, read_json, time_of, time_us, write_callback, write_json
from ringback.storage.callback_row import Row, lease_expire_us

# In the order of the rows below. The database assigns the number.
EVENT_COLUMNS: Final = (
    "kind",
    "callback_id",
    "event_us",
    "previous_state",
    "previous",
    "lease_expire_us",
    "identity",
    "body",
)


class LogEntry(NamedTuple):
    """A row of the log, and the callbacks that it is made of, as far as they are in memory."""

    row: Row
    before: Callback | None = None
    after: Callback | None = None
    identity: str = ""


def logged(entries: Sequence[LogEntry], first: int) -> list[LoggedEvent]:
    """Return the events of the entries whose callbacks are in memory; `first` is the number of the first entry."""
    return [
        LoggedEvent(number, EventKind.UPDATED if before else EventKind.CREATED, after, before, identity)
        for number, (_, before, after, identity) in enumerate(entries, first)
        if after is not None
    ]


def created(callback: Callback, body: str) -> Row:
    at_us = time_us(callback.update_time)
    identity = callback.identity or None
    return EventKind.CREATED.value, callback.callback_id, at_us, None, None, lease_expire_us(callback), identity, body


def updated(change: Change, body: str) -> Row:
    before, after = change.before, change.after
    return (
        EventKind.UPDATED.value,
        after.callback_id,
        time_us(after.update_time),
        before.state.name,
        _altered(before, after),
        lease_expire_us(after),
        change.identity or None,
        body,
    )


def purged(now: datetime, callback_id: str, state: str, body: str, identity: str = "") -> Row:
    return EventKind.PURGED.value, callback_id, time_us(now), state, None, None, identity or None, body


def erased_row(callback: Callback, now: datetime, identity: str) -> Row:
    left = replace(erased(callback), update_time=now)
    return purged(now, callback.callback_id, callback.state.name, write_callback(left), identity)


def mark_of(entry: Row) -> tuple[str, int]:
    """Return what tells an entry from another one with its number: the callback, and the time."""
    return entry[1], entry[2]


def redacted(body: str, lease_expire_us: int | None, previous: str | None) -> tuple[str, str | None]:
    """Return what stays of the columns `body` and `previous` when the callback is erased; the lease does not."""
    callback = erased(read_callback(body, lease_expire_us))
    if previous is None:
        return write_callback(callback), None
    fields = read_json(previous) | {"dial_target": "", "supervisor": "", "labels": {}}
    return write_callback(callback), write_json(fields)


def logged_event(
    number: int,
    kind: int,
    previous_state: str | None,
    previous: str | None,
    lease_expire_us: int | None,
    identity: str | None,
    body: str,
) -> LoggedEvent:
    callback = read_callback(body, lease_expire_us)
    before = None if previous_state is None else _before(callback, previous_state, previous)
    return LoggedEvent(number, EventKind(kind), callback, before, identity or "")


def _altered(before: Callback, after: Callback) -> str | None:
    """Return the old values of what filters use and an update may alter; None when they are unchanged."""
    # As in nearly all versions: no update has replaced anything.
    if (before.request, before.due_date, before.dial_target) == (after.request, after.due_date, after.dial_target):
        return None
    old = _filtered(before)
    return None if old == _filtered(after) else write_json(old)


def _filtered(callback: Callback) -> dict[str, Any]:
    request = callback.request
    return {
        "priority": request.priority,
        "due_date": time_us(callback.due_date),
        "dial_target": callback.dial_target,
        "supervisor": request.supervisor,
        "labels": dict(request.labels),
    }


def _before(callback: Callback, state: str, previous: str | None) -> Callback:
    """Return the callback with its old state, and with the old values of what an update altered.

    Enough for filters, which use no other field that changes; all other fields have their new values.
    """
    # Filters look at the end, too: what was open had none.
    end_time = callback.end_time if State[state] in TERMINAL else None
    if previous is None:
        return replace(callback, state=State[state], end_time=end_time)
    fields = read_json(previous)
    request = callback.request
    return replace(
        callback,
        state=State[state],
        end_time=end_time,
        request=replace(
            request,
            priority=fields["priority"],
            # Version 0.1 could not change these, and did not write them.
            supervisor=fields.get("supervisor", request.supervisor),
            labels=fields.get("labels", request.labels),
        ),
        due_date=time_of(fields["due_date"]),
        dial_target=fields["dial_target"],
    )

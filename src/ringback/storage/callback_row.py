"""A callback as a row of the table `callback`: the columns that are searched for or checked, and the record."""

from typing import Any, Final

from ringback.domain.callback import Callback
from ringback.storage.body import time_us, write_callback

Row = tuple[Any, ...]

# In the order of `_columns`; `body` is last.
CALLBACK_COLUMNS: Final = (
    "callback_id",
    "service_id",
    "state",
    "revision",
    "priority",
    "caller_id",
    "external_task_id",
    "request_id",
    "dial_target",
    "supervisor",
    "due_us",
    "ready_us",
    "next_attempt_us",
    "expire_us",
    "end_us",
    "lease_expire_us",
    "lease_dialer",
    "lease_request",
    "lease_fencing",
    "body",
)


def row_of(callback: Callback) -> Row:
    return (*_columns(callback), write_callback(callback))


def changed_columns(before: Callback, row: Row) -> tuple[tuple[str, ...], Row]:
    """The names and the new values of the columns in which `row` differs; always with the body.

    A database renews every index that has a column of an UPDATE, whether its value is another or not.
    """
    changed = [i for i, (old, new) in enumerate(zip(_columns(before), row, strict=False)) if old != new]
    changed.append(len(CALLBACK_COLUMNS) - 1)
    return tuple([CALLBACK_COLUMNS[i] for i in changed]), tuple([row[i] for i in changed])


def lease_expire_us(callback: Callback) -> int | None:
    return None if callback.lease is None else time_us(callback.lease.expire_time)


def _columns(callback: Callback) -> Row:
    request, lease = callback.request, callback.lease
    next_attempt, end = callback.next_attempt_time, callback.end_time
    return (
        callback.callback_id,
        callback.service_id,
        callback.state.name,
        callback.revision,
        request.priority,
        request.caller_id,
        request.external_task_id or None,
        callback.request_id or None,
        callback.dial_target,
        request.supervisor or None,
        time_us(callback.due_date),
        time_us(callback.ready_time),
        None if next_attempt is None else time_us(next_attempt),
        time_us(callback.expire_time),
        None if end is None else time_us(end),
        lease_expire_us(callback),
        None if lease is None else lease.dialer_id,
        None if lease is None else lease.request_id,
        None if lease is None else lease.fencing_token,
    )

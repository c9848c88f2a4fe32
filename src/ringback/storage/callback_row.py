"""A callback as a row of the table `callback`: the columns that are searched for or checked, and the body."""

from collections.abc import Iterable
from itertools import compress
from operator import attrgetter, ne
from typing import Any, Final

from ringback.domain.callback import Callback, dialled_phone
from ringback.storage.body import read_callback, record_of, time_us, write_record

Row = tuple[Any, ...]

# In the order of `row_of` and `_values`; `body` is last.
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
    "phone",
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
    "identity",
    "body",
)


def row_of(callback: Callback) -> Row:
    record, request, lease = record_of(callback), callback.request, callback.lease
    return (
        callback.callback_id,
        callback.service_id,
        callback.state.value,
        callback.revision,
        request.priority,
        request.caller_id,
        request.external_task_id or None,
        callback.request_id or None,
        callback.dial_target,
        stored_phone(callback.dial_target),
        request.supervisor or None,
        record.due_date,
        record.ready_time,
        record.next_attempt_time,
        record.expire_time,
        record.end_time,
        *(_NO_LEASE if lease is None else (time_us(lease.expire_time), *_of_lease(lease)[1:])),
        callback.identity or None,
        write_record(record),
    )


def stored_phone(dial_target: str) -> str | None:
    """Return the phone for its column: NULL, which takes no space, where the phone is the target as it stands."""
    phone = dialled_phone(dial_target)
    return None if phone == dial_target else phone


def changed_columns(before: Callback, after: Callback, row: Row) -> tuple[tuple[str, ...], Row]:
    """Return the names and the new values of the columns that the change alters, always with the body.

    A database updates every index on a column that an UPDATE sets, even when its value stays the same.
    """
    altered = (*map(ne, _values(before), _values(after)), True)
    return tuple(compress(CALLBACK_COLUMNS, altered)), tuple(compress(row, altered))


def lease_expire_us(callback: Callback) -> int | None:
    return None if callback.lease is None else time_us(callback.lease.expire_time)


_before_lease: Final = attrgetter(
    *("callback_id", "service_id", "state", "revision"),
    *("request.priority", "request.caller_id", "request.external_task_id", "request_id"),
    *("dial_target", "dial_target"),  # the second one decides about the phone
    *("request.supervisor", "due_date", "ready_time", "next_attempt_time", "expire_time", "end_time"),
)
_of_lease: Final = attrgetter("expire_time", "dialer_id", "request_id", "fencing_token")
_NO_LEASE: Final = (None, None, None, None)


def _values(callback: Callback) -> Row:
    """Return the values of the domain that the columns are made of, in column order."""
    lease = callback.lease
    return *_before_lease(callback), *(_NO_LEASE if lease is None else _of_lease(lease)), callback.identity


def callbacks(rows: Iterable[tuple[Any, ...]]) -> list[Callback]:
    """Return the callbacks of rows, each a body and the end of its lease."""
    return [read_callback(*row) for row in rows]

"""A callback as a row of the table `callback`: the columns that are searched for or checked, and the body."""

from collections.abc import Iterable, Mapping
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
_BODY: Final = len(CALLBACK_COLUMNS) - 1
_NO_LEASE: Final[Mapping[str, Any]] = {}


def row_of(callback: Callback) -> Row:
    record = record_of(callback)
    request, lease = record["request"], record.get("lease", _NO_LEASE)
    return (
        callback.callback_id,
        callback.service_id,
        record["state"],
        callback.revision,
        callback.request.priority,
        callback.request.caller_id,
        request.get("external_task_id"),
        record.get("request_id"),
        callback.dial_target,
        stored_phone(callback.dial_target),
        request.get("supervisor"),
        record["due_date"],
        record["ready_time"],
        record.get("next_attempt_time"),
        record["expire_time"],
        record.get("end_time"),
        lease.get("expire_time"),
        None if callback.lease is None else callback.lease.dialer_id,
        None if callback.lease is None else callback.lease.request_id,
        lease.get("fencing_token"),
        record.get("identity"),
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
    pairs = zip(_values(before), _values(after), strict=True)
    changed = [place for place, (old, new) in enumerate(pairs) if old != new]
    changed.append(_BODY)
    return tuple([CALLBACK_COLUMNS[place] for place in changed]), tuple([row[place] for place in changed])


def lease_expire_us(callback: Callback) -> int | None:
    return None if callback.lease is None else time_us(callback.lease.expire_time)


def _values(callback: Callback) -> Row:
    """Return the values of the domain that the columns are made of, in column order."""
    request, lease = callback.request, callback.lease
    return (
        callback.callback_id,
        callback.service_id,
        callback.state,
        callback.revision,
        request.priority,
        request.caller_id,
        request.external_task_id,
        callback.request_id,
        callback.dial_target,
        callback.dial_target,  # decides about the phone
        request.supervisor,
        callback.due_date,
        callback.ready_time,
        callback.next_attempt_time,
        callback.expire_time,
        callback.end_time,
        None if lease is None else lease.expire_time,
        None if lease is None else lease.dialer_id,
        None if lease is None else lease.request_id,
        None if lease is None else lease.fencing_token,
        callback.identity,
    )


def callbacks(rows: Iterable[tuple[Any, ...]]) -> list[Callback]:
    """Return the callbacks of rows, each a body and the end of its lease."""
    return [read_callback(*row) for row in rows]

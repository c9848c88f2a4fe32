"""Callbacks and services as JSON, the same in every dialect, and back.

A body has the field names of the domain, omits empty defaults, and has times and durations as whole microseconds:
small, exact, and readable in a database shell. Defaults that mean something are written (`domain/defaults.py`):
another default in a later version must not change what is stored. How a field is written follows from its type, so a
new field of the domain is stored without a change here.

Every version so far has written this form, so servers of two versions can share a database while they are upgraded.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args, get_type_hints

from msgspec import convert, json, to_builtins

from ringback.domain.callback import Attempt, Callback, Lease
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Halt, RetryRule, Service

Record = dict[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Types that msgspec leaves as they are: they are converted to numbers, and back, here.
_TIMED: Final = (datetime, timedelta)
_encode: Final = json.Encoder().encode
_decode: Final = json.Decoder().decode


def duration_us(duration: timedelta) -> int:
    return (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds


def time_us(time: datetime) -> int:
    """Return the microseconds since 1970. Raise `TypeError` for a time without a zone."""
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def time_of(microseconds: int) -> datetime:
    return _EPOCH + timedelta(0, 0, microseconds)  # twice as fast as with a keyword


def times_of(microseconds: str) -> Sequence[datetime]:
    """Read times that a query has put together, with commas between."""
    return [time_of(int(one)) for one in microseconds.split(",")]


# --- Writing ---------------------------------------------------------------------------------------------------


def record_of(callback: Callback) -> Record:
    """Return what the body and the columns of a row are made of: each time is converted to a number once."""
    return _numbered(to_builtins(callback, builtin_types=_TIMED))


def write_record(record: Record) -> str:
    """Return the body. The end of a lease has its own column: extending it does not change the callback."""
    if lease := record.get("lease"):
        record = {**record, "lease": {name: part for name, part in lease.items() if name != "expire_time"}}
    return _encode(record).decode()


def write_callback(callback: Callback) -> str:
    return write_record(record_of(callback))


def write_service(service: Service) -> str:
    return _encode(_numbered(to_builtins(service, builtin_types=_TIMED))).decode()


def write_json(value: Any) -> str:
    return _encode(value).decode()


def _numbered(record: Record) -> Record:
    """Convert times and durations to numbers, in place, at any depth."""
    for name, part in record.items():
        kind = type(part)
        if kind is datetime:
            record[name] = time_us(part)
        elif kind is dict:
            _numbered(part)
        elif kind is timedelta:
            record[name] = duration_us(part)
        elif kind is tuple:
            for one in part:
                if type(one) is dict:
                    _numbered(one)
    return record


# --- Reading ---------------------------------------------------------------------------------------------------


def _names_of(wanted: type) -> Iterator[str]:
    """Return the names of all fields of this type, optional or not."""
    for struct in (Callback, CallbackRequest, Attempt, Lease, Service, RetryRule, Halt):
        for name, hint in get_type_hints(struct).items():
            if wanted in (hint, *get_args(hint)):
                yield name


_TIMES: Final = frozenset(_names_of(datetime))
_DURATIONS: Final = frozenset(_names_of(timedelta))


def read_callback(body: str, lease_expire_us: int | None) -> Callback:
    record = _timed(_decode(body))
    if lease_expire_us is not None:
        record["lease"]["expire_time"] = time_of(lease_expire_us)
    return convert(record, Callback, builtin_types=_TIMED)


def read_service(body: str) -> Service:
    return convert(_timed(_decode(body)), Service, builtin_types=_TIMED)


def read_json(text: str) -> Any:
    return _decode(text)


def _timed(record: Record) -> Record:
    """Convert numbers back to times and durations, in place, at any depth."""
    for name, part in record.items():
        kind = type(part)
        if kind is int:
            if name in _TIMES:
                record[name] = time_of(part)
            elif name in _DURATIONS:
                record[name] = timedelta(microseconds=part)
        elif kind is dict:
            _timed(part)
        elif kind is list:
            for one in part:
                if type(one) is dict:
                    _timed(one)
    return record

"""Callbacks and services as JSON, the same in every dialect, and back.

A body has the field names of the domain, omits empty defaults, and has times and durations as whole microseconds:
small, exact, and readable in a database shell. Defaults that mean something are written (`domain/defaults.py`):
another default in a later version must not change what is stored. How a field is written follows from its type, so a
new field of the domain is stored without a change here.

Every version so far has written this form, so servers of two versions can share a database while they are upgraded.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType, NoneType
from typing import Any, Final, get_args, get_type_hints

from msgspec import NODEFAULT, UNSET, Struct, convert, defstruct, json, structs, to_builtins
from msgspec import field as field_of

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


@lru_cache(maxsize=4096)  # a version of a callback has nearly all times of the one before
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


class Form:
    """How a struct is encoded: with the same fields, and times and durations as numbers.

    It takes a quarter of the time of a dictionary in which times are looked for. What columns need as well is in it.
    """

    def __init__(
        self,
        struct: type[Struct],
        *,
        without: Collection[str] = (),
        parts: Mapping[str, "Form"] = MappingProxyType({}),
    ) -> None:
        """`without` names fields that are not encoded, `parts` has the forms of those that are structs themselves."""
        fields, hints = structs.fields(struct), get_type_hints(struct)
        self._encoded: Final = defstruct(
            f"Encoded{struct.__name__}", [(each.name, Any, _default_of(each)) for each in fields], omit_defaults=True
        )
        self._times: Final = [place for place, each in enumerate(fields) if _is_of(datetime, hints[each.name])]
        self._durations: Final = [place for place, each in enumerate(fields) if _is_of(timedelta, hints[each.name])]
        self._without: Final = [place for place, each in enumerate(fields) if each.name in without]
        self._parts: Final = [(place, parts[each.name]) for place, each in enumerate(fields) if each.name in parts]

    def of(self, value: Struct) -> Any:
        values: list[Any] = list(structs.astuple(value))
        for place in self._times:
            if values[place] is not None:
                values[place] = time_us(values[place])
        for place in self._durations:
            if values[place] is not None:
                values[place] = duration_us(values[place])
        for place in self._without:
            values[place] = UNSET
        for place, form in self._parts:
            if (part := values[place]) is not None:
                values[place] = tuple(map(form.of, part)) if type(part) is tuple else form.of(part)
        return self._encoded(*values)


def _default_of(field: structs.FieldInfo) -> Any:
    """Return the same default, by which a field is left out; a field without one is never left out."""
    if field.required:
        return field_of(default_factory=NoneType)
    if field.default is NODEFAULT:
        return field_of(default_factory=field.default_factory)
    return field.default


def _is_of(wanted: type, hint: Any) -> bool:
    """Return whether it is the type of a field, optional or not."""
    return wanted in (hint, *get_args(hint))


_REQUEST: Final = Form(CallbackRequest)
_CALLBACK: Final = Form(
    Callback,
    parts={
        "request": _REQUEST,
        "first_request": _REQUEST,
        "attempts": Form(Attempt),
        # The end of a lease has its own column: extending it does not change the callback.
        "lease": Form(Lease, without=("expire_time",)),
    },
)


def record_of(callback: Callback) -> Any:
    """Return what the body is written of: the fields of the callback, with each time converted to a number once."""
    return _CALLBACK.of(callback)


def write_record(record: Any) -> str:
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
            if _is_of(wanted, hint):
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

"""Callbacks and services as JSON, the same in every dialect, and back.

A record has the names of the domain, leaves out what is empty by default, and writes times as whole
microseconds, so that it is small, exact and readable in a database shell. Defaults that mean something are
written: another default in a later version must not change what is stored. How a field is written follows from
its type, so one that the domain gets is stored without a change here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from ringback.domain.callback import Callback, Lease
from ringback.domain.service import Service

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REQUIRED: Final = object()
# Looking for cycles and escaping what is not ASCII cost time and space, and our records have no use for it.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
_decode = json.JSONDecoder().decode


def duration_us(duration: timedelta) -> int:
    return (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds


def time_us(time: datetime) -> int:
    """Count the microseconds since 1970. Raises `TypeError` for a time without a zone."""
    return duration_us(time - _EPOCH)


def time_of(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


# --- How values are written ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """How the values of one type are written in JSON, and read from it."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


_FORMS: Final = {
    datetime: _Form(time_us, time_of),
    timedelta: _Form(duration_us, lambda microseconds: timedelta(microseconds=microseconds)),
    date: _Form(date.isoformat, date.fromisoformat),
}


def _form_of(hint: Any) -> _Form | None:
    """Find the form of a type; None for one that is JSON already."""
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind is UnionType:  # of a type and None, which is JSON
        [part] = [part for part in parts if part is not NoneType]
        return _form_of(part)
    if kind in (tuple, frozenset):
        return _collection(kind, _form_of(parts[0]))
    if kind is Mapping:
        return _mapping(*map(_form_of, parts))
    if is_dataclass(kind):
        return _object(kind)
    if issubclass(kind, Enum):
        return _Form(attrgetter("name"), kind.__getitem__)
    return _FORMS.get(kind)


def _collection(kind: Callable[[list[Any]], Any], element: _Form | None) -> _Form:
    if element is None:
        return _Form(list, kind)
    write, read = element.write, element.read
    return _Form(lambda parts: [write(part) for part in parts], lambda parts: kind([read(part) for part in parts]))


def _mapping(key: _Form | None, value: _Form | None) -> _Form:
    if key is None or value is None:
        return _Form(dict, dict)
    return _Form(
        lambda mapping: {key.write(k): value.write(v) for k, v in mapping.items()},
        lambda record: {key.read(k): value.read(v) for k, v in record.items()},
    )


def _object(kind: Any) -> _Form:
    hints = get_type_hints(kind)
    forms = {field.name: form for field in fields(kind) if (form := _form_of(hints[field.name])) is not None}
    written = [
        (field.name, _default(field), forms[field.name].write if field.name in forms else None)
        for field in fields(kind)
        # The end of a lease has a column of its own: extending it is no change of the callback.
        if field.init and not (kind is Lease and field.name == "expire_time")
    ]
    parts_of = attrgetter(*(name for name, _, _ in written))

    def write(value: Any) -> dict[str, Any]:
        record = {}
        for (name, default, write_part), part in zip(written, parts_of(value), strict=True):
            if part or part != default:
                record[name] = part if write_part is None or part is None else write_part(part)
        return record

    def read(record: dict[str, Any]) -> Any:
        for name, form in forms.items():
            part = record.get(name)
            if part is not None:
                record[name] = form.read(part)  # in place: the record was decoded for this
        return kind(**record)

    return _Form(write, read)


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else _REQUIRED


# --- What is written -----------------------------------------------------------------------------------------

_CALLBACK: Final = _object(Callback)
_SERVICE: Final = _object(Service)


def write_callback(callback: Callback) -> str:
    """Write everything but the end of the lease."""
    return _encode(_CALLBACK.write(callback))


def read_callback(body: str, lease_expire_us: int | None) -> Callback:
    record = _decode(body)
    if lease_expire_us is not None:
        record["lease"]["expire_time"] = lease_expire_us
    callback: Callback = _CALLBACK.read(record)
    return callback


def write_service(service: Service) -> str:
    return _encode(_SERVICE.write(service))


def read_service(body: str) -> Service:
    service: Service = _SERVICE.read(_decode(body))
    return service


def write_json(value: Any) -> str:
    return _encode(value)


def read_json(text: str) -> Any:
    return _decode(text)

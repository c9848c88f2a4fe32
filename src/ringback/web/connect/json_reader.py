"""Messages of the contract from JSON, strictly, with the path of each fault.

The mapping is that of protobuf (ProtoJSON): names in lowerCamelCase or as in the protos, null for a field that is not
set, enums by name or number, 64-bit integers as numbers or strings, times and durations as strings. A field that is not
known is refused, and so is one that comes twice.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from ringback.domain.errors import UndecodableRequest
from ringback.domain.faults import Faults
from ringback.web.connect.json_text import JsonObject, read_json

_M = TypeVar("_M", bound=Message)
# Returns a value as the field takes it. Raise `_Wrong`.
_Scalar: TypeAlias = Callable[[object], Any]

# A response has the first twenty; the others need not be looked for.
_MAX_FAULTS: Final = 100
# Names that are not known are repeated in a refusal if they look like names.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DURATION: Final = re.compile(r"-?\d{1,12}(\.\d{1,9})?s", re.ASCII)
_INTEGER: Final = re.compile(r"-?\d{1,20}", re.ASCII)
_UPPER: Final = re.compile(r"[A-Z]", re.ASCII)


class _Wrong(Exception):  # noqa: N818 - it is a verdict on a value, and never leaves this module
    """Says what is wrong with a value."""


class _Field(Struct, frozen=True, eq=False):
    name: str
    read: Callable[[Message, object, Faults], None]
    # Of the fields of one group, only one may be set.
    oneof: str | None


def read_message(data: bytes | bytearray, message_class: type[_M]) -> _M:
    """Return the message that a JSON text has. Raise `InvalidRequest` with all faults, as far as they are read."""
    message = message_class()
    faults = Faults()
    value = read_json(data)
    if not isinstance(value, JsonObject):
        raise UndecodableRequest("is no JSON object")
    _fill(message, value, faults)
    faults.refuse()
    return message


def _fill(message: Message, pairs: JsonObject, faults: Faults) -> None:
    fields = _fields_of(message.DESCRIPTOR)
    seen: set[str] = set()
    groups: set[str] = set()
    for key, value in pairs:
        field = fields.get(key)
        if field is None:
            _add(faults, *_unknown(key))
        elif field.name in seen:
            _add(faults, field.name, "comes twice")
        else:
            seen.add(field.name)
            if value is None:  # as if it were not there
                continue
            if field.oneof is not None and field.oneof in groups:
                _add(faults, field.name, f"is one of the fields of {field.oneof}, and another one is set")
                continue
            if field.oneof is not None:
                groups.add(field.oneof)
            field.read(message, value, faults)


def _unknown(key: str) -> tuple[str, str]:
    if _NAME.fullmatch(key):
        return key, "is no field of this message"
    return "?", "is no field of this message"


def _add(faults: Faults, name: str, description: str) -> None:
    faults.add(name, description)
    if len(faults.violations) >= _MAX_FAULTS:
        faults.refuse()


@cache
def _fields_of(descriptor: Descriptor) -> Mapping[str, _Field]:
    """Return the fields of a message, by both of their names."""
    fields: dict[str, _Field] = {}
    for each in descriptor.fields:
        oneof = each.containing_oneof
        group = None if oneof is None or oneof.name.startswith("_") else oneof.name
        fields[each.name] = fields[each.json_name] = _Field(each.name, _reader_of(each), group)
    return fields


def _reader_of(field: FieldDescriptor) -> Callable[[Message, object, Faults], None]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_reader(field, field.message_type)
    if field.is_repeated:
        return _list_reader(field)
    if field.message_type is not None:
        return _message_reader(field, field.message_type)
    return _scalar_reader(field)


def _scalar_reader(field: FieldDescriptor) -> Callable[[Message, object, Faults], None]:
    name = field.name
    convert = _scalar_of(field)

    def read(message: Message, value: object, faults: Faults) -> None:
        try:
            setattr(message, name, convert(value))
        except _Wrong as wrong:
            _add(faults, name, str(wrong))

    return read


def _message_reader(field: FieldDescriptor, message_type: Descriptor) -> Callable[[Message, object, Faults], None]:
    name = field.name
    fill = _filler_of(message_type)

    def read(message: Message, value: object, faults: Faults) -> None:
        into = getattr(message, name)
        into.SetInParent()
        fill(into, value, name, faults)

    return read


def _list_reader(field: FieldDescriptor) -> Callable[[Message, object, Faults], None]:
    name = field.name
    fill = None if field.message_type is None else _filler_of(field.message_type)
    convert = _scalar_of(field) if fill is None else None

    def read(message: Message, value: object, faults: Faults) -> None:
        if not isinstance(value, list):
            _add(faults, name, "is no array")
            return
        items = getattr(message, name)
        for index, item in enumerate(value):
            if fill is not None:
                fill(items.add(), item, f"{name}[{index}]", faults)
            elif convert is not None:
                try:
                    items.append(convert(item))
                except _Wrong as wrong:
                    _add(faults, f"{name}[{index}]", str(wrong))

    return read


def _map_reader(field: FieldDescriptor, entry: Descriptor) -> Callable[[Message, object, Faults], None]:
    """Return the reader of a map from strings to scalars: the contract has no other one."""
    name = field.name
    convert = _scalar_of(entry.fields_by_name["value"])

    def read(message: Message, value: object, faults: Faults) -> None:
        if not isinstance(value, JsonObject):
            _add(faults, name, "is no object")
            return
        items = getattr(message, name)
        for key, item in value:
            try:
                text = _string(key)
            except _Wrong as wrong:
                _add(faults, name, f"has a key that {wrong}")
                continue
            if text in items:
                _add(faults, name, "has a key twice")
                continue
            try:
                items[text] = convert(item)
            except _Wrong as wrong:
                _add(faults, f"{name}[{text[:64]!r}]", str(wrong))

    return read


# --- Messages --------------------------------------------------------------------------------------------------


_Filler: TypeAlias = Callable[[Any, object, str, Faults], None]


def _filler_of(descriptor: Descriptor) -> _Filler:
    return _FROM_STRINGS.get(descriptor.full_name, _fill_object)


def _fill_object(message: Message, value: object, name: str, faults: Faults) -> None:
    if isinstance(value, JsonObject):
        _fill(message, value, faults.under(name))
    else:
        _add(faults, name, "is no object")


def _fill_time(message: Timestamp, value: object, name: str, faults: Faults) -> None:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            message.FromJsonString(value)
        except ValueError:
            pass
        else:
            return
    _add(faults, name, "is no time as 2026-01-31T12:00:00Z")


def _fill_duration(message: Duration, value: object, name: str, faults: Faults) -> None:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        try:
            message.FromJsonString(value)
        except ValueError:
            pass
        else:
            return
    _add(faults, name, "is no duration as 30s or 1.5s")


def _fill_mask(message: FieldMask, value: object, name: str, faults: Faults) -> None:
    if not isinstance(value, str):
        _add(faults, name, "is no string of paths with commas between them")
        return
    try:
        paths = [_string(path.strip()) for path in value.split(",") if path.strip()]
    except _Wrong as wrong:
        _add(faults, name, str(wrong))
        return
    message.paths.extend(_UPPER.sub(lambda letter: f"_{letter[0].lower()}", path) for path in paths)


_FROM_STRINGS: Final[Mapping[str, _Filler]] = {
    Timestamp.DESCRIPTOR.full_name: _fill_time,
    Duration.DESCRIPTOR.full_name: _fill_duration,
    FieldMask.DESCRIPTOR.full_name: _fill_mask,
}


# --- Scalars ---------------------------------------------------------------------------------------------------


def _scalar_of(field: FieldDescriptor) -> _Scalar:
    if field.enum_type is not None:
        return _enum(field.enum_type)
    return _SCALARS[field.type]


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _Wrong("is no string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Wrong("has half of a surrogate pair, which is no character") from None
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("is neither true nor false")
    return value


def _integer(bits: int, *, signed: bool) -> _Scalar:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)

    def convert(value: object) -> int:
        number: int
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            number = int(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, float) and (value.is_integer() or abs(value) > high):
            number = int(value) if abs(value) <= high else high + 1
        else:
            raise _Wrong("is no integer")
        if not low <= number <= high:
            raise _Wrong(f"is not between {low} and {high}")
        return number

    return convert


def _enum(enum: EnumDescriptor) -> _Scalar:
    by_name = {value.name: value.number for value in enum.values}
    number = _integer(32, signed=True)

    def convert(value: object) -> int:
        if not isinstance(value, str):
            return int(number(value))
        if value not in by_name:
            raise _Wrong(f"is no {enum.name}, such as {enum.values[-1].name}")
        return by_name[value]

    return convert


# Of all that protobuf has, what the contract has.
_SCALARS: Final[Mapping[int, _Scalar]] = {
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BOOL: _boolean,
    FieldDescriptor.TYPE_INT32: _integer(32, signed=True),
    FieldDescriptor.TYPE_INT64: _integer(64, signed=True),
    FieldDescriptor.TYPE_UINT32: _integer(32, signed=False),
    FieldDescriptor.TYPE_UINT64: _integer(64, signed=False),
}

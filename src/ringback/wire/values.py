"""Single values: times, durations, enums, ids and lists, wherever in a message they are."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.domain.callback import MAX_RESPONSE_BYTES
from ringback.domain.faults import Faults
from ringback.domain.request import parse_guid
from ringback.domain.target import InvalidTarget, normalise_sip

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# How long a stream may be silent.
DEFAULT_HEARTBEAT_S = 15.0
MIN_HEARTBEAT_S = 1.0
MAX_HEARTBEAT_S = 60.0

# The limits of timestamp.proto, 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, and of duration.proto.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_LONGEST_DURATION_S = 315_576_000_000
_NANOS_PER_SECOND = 1_000_000_000
_SECONDS_PER_DAY = 86_400

_Sent = TypeVar("_Sent")
_Read = TypeVar("_Read")
_Ordered = TypeVar("_Ordered", int, timedelta)
_Message = TypeVar("_Message", bound=Message)


@dataclass(frozen=True, slots=True)
class Range(Generic[_Ordered]):
    """The range of a value, both ends included, and its default when it is unset."""

    low: _Ordered
    high: _Ordered
    default: _Ordered

    def apply(self, value: _Ordered | None, name: str, faults: Faults) -> _Ordered:
        if value is None:
            return self.default
        if not self.low <= value <= self.high:
            faults.add(name, f"is not between {_spoken(self.low)} and {_spoken(self.high)}")
            return self.default
        return value


def _spoken(limit: int | timedelta) -> str:
    return f"{limit // timedelta(seconds=1)} s" if isinstance(limit, timedelta) else str(limit)


class Room:
    """The room that is left in a response: clients receive up to 4 MiB by default, and the rest is for frames."""

    def __init__(self, size: int = MAX_RESPONSE_BYTES) -> None:
        self._left = size

    def take(self, size: int) -> bool:
        """Take so many bytes, and return True; False, and take none, when there are not so many."""
        if size > self._left:
            return False
        self._left -= size
        return True


def only(message: _Message, names: Collection[str]) -> _Message:
    """Return a copy that has these fields, and no other."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field in message.DESCRIPTOR.fields:
        if field.name not in names:
            copy.ClearField(field.name)
    return copy


def read_time(message: Message, name: str, faults: Faults) -> datetime | None:
    """Read a time; return None when the field is unset. Nanoseconds below a microsecond are dropped."""
    if not message.HasField(name):
        return None
    sent: Timestamp = getattr(message, name)
    if not (_FIRST_SECOND <= sent.seconds <= _LAST_SECOND and 0 <= sent.nanos < _NANOS_PER_SECOND):
        faults.add(name, "is not a timestamp between the years 1 and 9999")
        return None
    return EPOCH + timedelta(0, sent.seconds, sent.nanos // 1000)  # quicker than by keywords


def write_time(time: datetime | None, into: Timestamp) -> None:
    """Set a time, or leave the field unset for None. In integers: quicker than `FromDatetime`."""
    if time is not None:
        since = time - EPOCH
        into.seconds = since.days * _SECONDS_PER_DAY + since.seconds
        into.nanos = since.microseconds * 1000


def read_duration(message: Message, name: str, faults: Faults) -> timedelta | None:
    """Read a duration; return None when the field is unset. Nanoseconds below a microsecond are dropped."""
    if not message.HasField(name):
        return None
    sent: Duration = getattr(message, name)
    has_two_signs = sent.seconds * sent.nanos < 0
    if abs(sent.seconds) > _LONGEST_DURATION_S or abs(sent.nanos) >= _NANOS_PER_SECOND or has_two_signs:
        faults.add(name, "is not a duration as google.protobuf.Duration describes it")
        return None
    return timedelta(seconds=sent.seconds, microseconds=sent.nanos // 1000)


def read_heartbeat_s(message: Message, faults: Faults) -> float:
    """Read how long a stream may be silent; what is too little or too much counts as the least or the most."""
    interval = read_duration(message, "heartbeat_interval", faults)
    seconds = DEFAULT_HEARTBEAT_S if interval is None else interval.total_seconds()
    return min(max(seconds, MIN_HEARTBEAT_S), MAX_HEARTBEAT_S)


def read_guid(text: str, name: str, faults: Faults) -> str:
    """Read an id, in lower case."""
    guid = parse_guid(text)
    if guid is None:
        faults.add(name, "is not a UUID such as 123e4567-e89b-12d3-a456-426614174000" if text else "is required")
        return ""
    return guid


def read_sip(text: str, name: str, faults: Faults) -> str:
    """Read a SIP address, in its canonical form."""
    try:
        return normalise_sip(text)
    except InvalidTarget as refusal:
        faults.add(name, str(refusal) if text else "is required")
        return ""


def read_list(
    limit: int,
    read: Callable[[_Sent, str, Faults], _Read],
    values: Sequence[_Sent],
    name: str,
    faults: Faults,
) -> tuple[_Read, ...]:
    """Read each value. More than `limit` are a fault, and the rest is not read: 4 MiB can hold millions."""
    if len(values) > limit:
        faults.add(name, f"has {len(values)} values; at most {limit} are allowed")
    return tuple(read(value, f"{name}[{index}]", faults) for index, value in enumerate(values[:limit]))

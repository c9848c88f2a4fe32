"""Values as they are written on the command line and in services files, and as they are on the wire."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar
from urllib.parse import unquote
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as directory

_WHOLE = re.compile(r"-?[0-9]{1,9}")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Longer than anything that the server takes, and short enough for every type of time.
_MAX_SPAN_S = 10 * 366 * 86400
_SPAN_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdw])")
_SPAN = re.compile(rf"(?:{_SPAN_PART.pattern})+")

_SWITCH: Mapping[str, bool] = MappingProxyType(
    dict.fromkeys(("true", "yes", "on", "1", "t", "y"), True)
    | dict.fromkeys(("false", "no", "off", "0", "f", "n"), False)
)

_Number = TypeVar("_Number", bound=int)


class EnumType(Protocol[_Number]):
    """What the generated enum classes have in common."""

    def keys(self) -> list[str]: ...
    def values(self) -> list[_Number]: ...


def parse_whole(text: str) -> int:
    """Read a whole number that fits on the wire; the server checks what is allowed. Raise `ValueError`."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no whole number up to 999999999")
    return int(text)


def parse_span(text: str) -> timedelta:
    """Read a length of time such as 90s, 1h30m or 7d. Raise `ValueError`."""
    if not _SPAN.fullmatch(text):
        raise ValueError(f"{text!r} is no length of time such as 30s, 10m, 2h or 7d")
    length_s = sum(float(number) * _UNITS_S[unit] for number, unit in _SPAN_PART.findall(text))
    if length_s > _MAX_SPAN_S:
        raise ValueError(f"{text} is longer than ten years")
    return timedelta(seconds=length_s)


def parse_switch(text: str) -> bool:
    """Read yes or no, in one of the forms that YAML and environments have. Raise `ValueError`."""
    try:
        return _SWITCH[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def format_span(span: timedelta) -> str:
    """Write a length of time as `parse_span` reads it."""
    rest_ms = span // timedelta(milliseconds=1)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest_ms = divmod(rest_ms, round(_UNITS_S[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_moment(text: str, now: datetime) -> datetime:
    """Read an RFC 3339 time, in local time when it names no offset, or one from now such as +10m.

    Raise `ValueError`.
    """
    if text.startswith("+"):
        return now + parse_span(text[1:])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a time such as 2030-01-31T14:00:00Z nor one from now such as +10m"
        ) from None


def parse_past(text: str, now: datetime) -> datetime:
    """Read a time as `parse_moment` does, or one before now such as -1h. Raise `ValueError`."""
    return now - parse_span(text[1:]) if text.startswith("-") else parse_moment(text, now)


def parse_key(text: str) -> cb.CallbackKey:
    """Read a callback id, or CALLER/EXTERNAL_ID as `format_key` writes it. Raise `ValueError`."""
    caller, slash, external_task_id = text.partition("/")
    if slash and external_task_id:
        caller_id = _unescaped(caller)
        return cb.CallbackKey(external_task=cb.ExternalTaskKey(caller_id=caller_id, external_task_id=external_task_id))
    if not is_guid(text):
        raise ValueError(f"{text!r} is neither a callback id nor CALLER/EXTERNAL_ID (/EXTERNAL_ID without a caller)")
    return cb.CallbackKey(callback_id=text)


def format_key(request: cb.CallbackRequest) -> str:
    """Return CALLER/EXTERNAL_ID; "" without an external id.

    The first slash ends the caller. Slashes and blanks in the caller are escaped as in a URL, and so is the percent
    sign, which no caller id contains. The external id stands as it is, slashes and percent signs included.
    """
    external_task_id = request.external_task_id
    return f"{request.caller_id.translate(_ESCAPES)}/{external_task_id}" if external_task_id else ""


_ESCAPES = str.maketrans({character: f"%{ord(character):02X}" for character in "%/ "})
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _unescaped(caller: str) -> str:
    try:
        if not _BROKEN_ESCAPE.search(caller):
            return unquote(caller, errors="strict")
    except UnicodeDecodeError:
        pass
    raise ValueError(f"the caller {caller!r} has a % that begins no escape such as %2F for a slash")


def is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


class Names(Generic[_Number]):
    """The values of an enum under shorter names: `very-high` for PRIORITY_VERY_HIGH."""

    def __init__(self, enum: EnumType[_Number], prefix: str) -> None:
        self._prefix = prefix
        pairs = zip(enum.keys(), enum.values(), strict=True)
        self._numbers = {_name(key, prefix): number for key, number in pairs if number != 0}
        self._names: dict[int, str] = {number: name for name, number in self._numbers.items()}

    def parse(self, text: str) -> _Number:
        """Read a name, in any case, with - or _, with or without the prefix. Raise `ValueError`."""
        name = _name(text.strip().upper().replace("-", "_"), self._prefix)
        if name not in self._numbers:
            raise ValueError(f"{text!r} is none of {self}")
        return self._numbers[name]

    def of(self, number: int) -> str:
        """Return the name of a value; of one that is newer than this program, its number."""
        return self._names.get(number, str(number)) if number else ""

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __str__(self) -> str:
        return ", ".join(self)


def _name(key: str, prefix: str) -> str:
    return key.removeprefix(prefix).lower().replace("_", "-")


PRIORITIES = Names(cb.Priority, "PRIORITY_")
STATES = Names(cb.CallbackState, "CALLBACK_STATE_")
OUTCOMES = Names(cb.CallOutcome, "CALL_OUTCOME_")
RETRY_DELAY_REASONS = Names(cb.RetryDelayReason, "RETRY_DELAY_REASON_")
DAYS = Names(directory.DayOfWeek, "DAY_OF_WEEK_")
FIRST_LEGS = Names(directory.FirstLeg, "FIRST_LEG_")
QUEUE_STATES = Names(directory.QueueState, "QUEUE_STATE_")
WAITING_REASONS = Names(directory.WaitingReason, "WAITING_REASON_")
TARGET_POLICIES = Names(directory.TargetPolicy, "TARGET_POLICY_")

WAITING = frozenset({cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_QUEUED})
# An ended callback never changes again.
ENDED = frozenset(
    {
        cb.CALLBACK_STATE_COMPLETED,
        cb.CALLBACK_STATE_FAILED,
        cb.CALLBACK_STATE_CANCELLED,
        cb.CALLBACK_STATE_EXPIRED,
    }
)
_STATE_GROUPS: Mapping[str, tuple[cb.CallbackState.ValueType, ...]] = MappingProxyType(
    {
        "open": tuple(state for state in cb.CallbackState.values() if state and state not in ENDED),
        "ended": tuple(sorted(ENDED)),
    }
)
# All that a state can be called where callbacks are chosen.
STATE_NAMES = (*STATES, *_STATE_GROUPS)


def parse_states(text: str) -> tuple[cb.CallbackState.ValueType, ...]:
    """Read the name of a state, `open` for all that have not ended, or `ended`. Raise `ValueError`."""
    group = _STATE_GROUPS.get(text.strip().lower())
    try:
        return group or (STATES.parse(text),)
    except ValueError as fault:
        raise ValueError(f"{fault}, open, ended") from None

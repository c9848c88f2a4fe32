"""Messages of every kind, made from their descriptors: right ones, nearly right ones, and absurd ones."""

import time
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.fuzz.dice import Dice
from tests.fuzz.known import LearntTexts

# Those that there are from the beginning.
SERVICES: Final = ("sip:support@cc.example", "sip:sales@cc.example")
# What makes sense in a text field of this name, so that some requests get past the first check.
_SENSIBLE: Final[dict[str, tuple[str, ...]]] = {
    "target": (*(f"tel:+417855566{number:02}" for number in range(30)), "sip:answer@sim.example"),
    "alternative_target": ("tel:+41443334455", "sip:answer@sim.example"),
    "dial_target": ("tel:+41785556677", "sip:answer@sim.example"),
    "service_sip": SERVICES,
    "service_sips": SERVICES,
    "sip_address": (*SERVICES, *(f"sip:new-{number}@cc.example" for number in range(20))),
    "incoming_service_sip_uri": ("sip:line@cc.example",),
    "agent_address": ("sip:agents@cc.example",),
    "caller_line_identity": ("tel:+41443334455",),
    "context_url": ("https://crm.example/case/1",),
    "time_zone": ("Europe/Zurich", "UTC"),
    "zone": ("Europe/Zurich", "target"),
    "default_region": ("CH", "DE"),
    "open_time": ("08:00", "09:30"),
    "close_time": ("12:00", "18:00"),
    "from": ("21:00",),
    "to": ("08:00",),
    "closed_dates": ("2030-12-25", "2031-01-01"),
    "deny": ("+4190",),
    "allow": ("+41",),
    "deny_kinds": ("premium_rate", "satellite"),
    "allow_hosts": ("sim.example",),
    "deny_hosts": ("bad.example",),
    "caller_id": ("crm", "fuzz"),
    "caller_ids": ("crm", "fuzz"),
    "external_task_id": tuple(f"task-{number}" for number in range(20)),
    "request_id": tuple(f"123e4567-e89b-12d3-a456-4266141740{number:02}" for number in range(20)),
    "dialer_id": ("dialer-1", "dialer-2"),
    "callback_id": ("123e4567-e89b-12d3-a456-426614174000",),
    "supervisor": ("sip:boss@cc.example", "boss"),
}
# Fields that as often as not stay away: with them hardly any request would find anything, or be the first of its id.
_RARE: Final = frozenset(
    {"etag", "request_id", "page_token", "resume_token", "filter", "service_ids", "service_sips", "priority_weights"}
)
_WORDS: Final = ("a", "note", "Support", "busy", "detail-1")
# Numbers that make sense, where a few do not; seconds of durations; seconds from now on.
_NUMBERS: Final[dict[str, int]] = {"sip_status": 486, "q850_cause": 17, "attempt": 1, "attempts_per_number_and_day": 3}
_SPANS_S: Final[dict[str, int]] = {
    "wait_duration": 0,
    "lease_duration": 60,
    "ring_timeout": 30,
    "max_queue_time": 3600,
    "max_call_duration": 3600,
    "keep_ended": 86_400,
}
_USUAL_SPAN_S: Final = 60
# Moments are of a whole hour, as some have to be.
_HOUR_S: Final = 3600
_MOMENTS_S: Final[dict[str, tuple[int, ...]]] = {
    "due_date": (-60, 0, 0, 7200),
    "expire_time": (86_400, 172_800),
    "begin_time": (-7200,),
    "end_time": (-3600,),
}
_USUAL_MOMENTS_S: Final = (-86_400, 0, 86_400)
# What an update may change, by the field that has the new values.
_CHANGEABLE: Final[dict[str, tuple[str, ...]]] = {
    "callback_request": ("priority", "due_date", "description", "labels", "max_retries", "supervisor", "context_url"),
    "service": ("display_name", "paused", "ring_timeout", "opening_hours", "dial_rules", "time_zone", "retry_rules"),
}
# Messages that are nothing without all of their fields.
_WHOLE: Final = frozenset({"ExternalTaskKey", "QuietHours", "OpeningPeriod"})
_ABSURD_S: Final = (0, -62_135_596_801, 253_402_300_800, 315_576_000_001, 2**63 - 1, -(2**63), 2**53, 86_400 * 400)
_NANOS: Final = (0, 1, 999_999_999, 1_000_000_000, -1, -999_999_999, 2**31 - 1, -(2**31))
_DEEPEST: Final = 6
_LABEL_KEYS: Final = ("team", "lang")
_LARGE: Final = (21, 101, 1001, 5000)


class Maker:
    """Makes the messages of one step, each field as sensible as the step is to be."""

    def __init__(self, dice: Dice, known: LearntTexts) -> None:
        self._dice = dice
        self._known = known
        # How many of the values are right, and how many of the fields are there.
        self._right = dice.choice((1.0, 1.0, 0.97, 0.9, 0.5, 0.0))
        self._present = dice.choice((0.2, 0.5, 0.5, 0.9, 1.0))

    def make(self, descriptor: Descriptor) -> Message:
        message = GetMessageClass(descriptor)()
        self._fill(message, 0)
        return message

    def _fill(self, message: Message, depth: int) -> None:
        descriptor: Any = message.DESCRIPTOR
        chosen = {oneof: self._dice.choice(oneof.fields) for oneof in descriptor.oneofs}
        for field in descriptor.fields:
            if field.containing_oneof is not None and chosen[field.containing_oneof] is not field:
                continue
            if depth < _DEEPEST and self._is_there(field):
                self._set(message, field, depth)

    def _is_there(self, field: Any) -> bool:
        if field.name in _RARE:
            return self._dice.chance(self._present / 4)
        # What holds what a request is about, or says whom: without it each refusal is the same.
        needed = field.containing_oneof is not None or field.name in (
            *("callback_request", "requests", "key", "service", "target", "priority", "seconds_between_retries"),
            *("sip_address", "lease_token", "lease_tokens", "dialer_id", "outcome", "progress", "wait_duration"),
        )
        needed = needed or field.containing_type.name in _WHOLE
        return self._dice.chance(0.97 if needed and self._right else self._present)

    def _set(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if field.is_repeated:
            count = self._count(field)
            values: Any = getattr(message, field.name)
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                for _ in range(min(count, 100)):
                    self._set_entry(values, field.message_type)
            elif field.message_type is not None:
                # The same ones again and again: to make thousands of messages takes long.
                made = [self._made(values.add(), depth) for _ in range(min(count, 5))]
                for _ in range(count - len(made)):
                    values.add().CopyFrom(self._dice.choice(made))
            else:
                drawn = [self._scalar(field) for _ in range(min(count, 8))]
                values.extend(drawn + self._dice.some(drawn, 0) + drawn[:1] * (count - len(drawn)))
        elif field.message_type is not None:
            value: Any = getattr(message, field.name)
            value.SetInParent()
            match field.message_type.full_name:
                case "google.protobuf.Timestamp":
                    self._set_time(value, int(time.time()), _MOMENTS_S.get(field.name, _USUAL_MOMENTS_S))
                case "google.protobuf.Duration":
                    self._set_time(value, 0, (_SPANS_S.get(field.name, _USUAL_SPAN_S),))
                case "google.protobuf.FieldMask":
                    value.paths.extend(self._paths(message.DESCRIPTOR))
                case _:
                    self._fill(value, depth + 1)
        else:
            setattr(message, field.name, self._scalar(field))

    def _made(self, message: Message, depth: int) -> Message:
        self._fill(message, depth + 1)
        return message

    def _set_entry(self, values: Any, entry: Descriptor) -> None:
        key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
        is_right = self._is_right()
        key = self._dice.choice(_LABEL_KEYS) if is_right else self._scalar(key_field)
        values[key] = self._dice.choice(_WORDS) if is_right else self._scalar(value_field)

    def _count(self, field: FieldDescriptor) -> int:
        if self._is_right():
            return self._dice.randint(1, 3)
        return self._dice.choice((0, 1, 2, 30, self._dice.choice(_LARGE) if self._dice.chance(0.2) else 3))

    def _is_right(self) -> bool:
        return self._dice.chance(self._right)

    def _scalar(self, field: FieldDescriptor) -> Any:
        match field.type:
            case FieldDescriptor.TYPE_STRING:
                return self._text(field.name)
            case FieldDescriptor.TYPE_BOOL:
                return self._dice.chance(0.3)
            case FieldDescriptor.TYPE_ENUM:
                return self._enum(field)
            case FieldDescriptor.TYPE_BYTES:
                return self._dice.randbytes(self._dice.randint(0, 40))
            case FieldDescriptor.TYPE_INT32 | FieldDescriptor.TYPE_INT64:
                if self._is_right():
                    return _NUMBERS.get(field.name) or self._dice.randint(0, 5)
                return self._dice.hostile_number(wide=field.type == FieldDescriptor.TYPE_INT64)
            case _:
                raise NotImplementedError(f"{field.full_name} is of a type that no request has had so far")

    def _text(self, name: str) -> str:
        if not self._is_right():
            return self._dice.hostile_text()
        known = self._known.of(name)
        if known and self._dice.chance(0.8):
            return self._dice.choice(known)
        return self._dice.choice(_SENSIBLE.get(name, _WORDS))

    def _enum(self, field: FieldDescriptor) -> int:
        assert field.enum_type is not None
        if not self._is_right():
            return self._dice.hostile_number()
        return self._dice.choice([value.number for value in field.enum_type.values if value.number])

    def _paths(self, request: Any) -> list[str]:
        """Return some fields of what the request changes."""
        paths = _CHANGEABLE["service" if "service" in request.fields_by_name else "callback_request"]
        count = self._dice.randint(1, 3)
        return [self._dice.choice(paths) if self._is_right() else self._dice.hostile_text() for _ in range(count)]

    def _set_time(self, message: Any, from_s: int, sensible_s: Sequence[int]) -> None:
        if self._is_right():
            message.seconds = from_s // _HOUR_S * _HOUR_S + self._dice.choice(sensible_s)
        else:
            message.seconds = self._dice.choice(_ABSURD_S)
            message.nanos = self._dice.choice(_NANOS)

"""Callback requests of the contract, read from JSON into the message of the RPC that creates them.

What is wrong in itself is a fault here; what a field may be, the handler checks as for gRPC. One that could not be read
is left out of the message, and has its fault already.
"""

from collections import Counter
from typing import Any, Final

from msgspec import Struct

from ringback.domain.faults import Faults
from ringback.domain.request import parse_guid
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.web.rest.contract import FIELD_OF, FIELDS, PRIORITIES, Field, FieldKind
from ringback.web.rest.dates import WANTED, read_date
from ringback.web.rest.strict_json import SENT, Members, NoNumber, Value, shown, text_fault, without_braces
from ringback.wire.values import write_time

_INT32: Final = 2**31
_OF_CASE: Final = {name.casefold(): name for name in FIELD_OF}


class ReadRequest(Struct, frozen=True):
    """A request as it was read, and its faults."""

    message: pb.CreateCallbackRequest
    faults: Faults
    # Given beside a ServiceId that is a GUID: it counts only if that is the id of no service.
    service_sip: str = ""


def read_create(members: Members) -> ReadRequest:
    faults = Faults(SENT)
    values = _named(members, faults)
    message = pb.CreateCallbackRequest()
    request = message.callback_request
    for field in FIELDS:
        value = values.get(field.name)
        if value is not None and field.name not in ("ServiceId", "ServiceSip"):
            _read(field, value, request, faults)
    service_id = without_braces(_text("ServiceId", values, faults))
    service_sip = _text("ServiceSip", values, faults)
    if not service_id or (service_sip and parse_guid(service_id) is None):
        if service_sip:
            request.service_sip = service_sip
        return ReadRequest(message, faults)
    # In its one form: a repetition that writes it in another way is the same request.
    request.service_id = parse_guid(service_id) or service_id
    return ReadRequest(message, faults, service_sip)


def _named(members: Members, faults: Faults) -> dict[str, Value]:
    """Return the fields that the contract has, by name; another name, and one that is there twice, is a fault."""
    counts = Counter(name for name, _ in members)
    for name, count in counts.items():
        if name not in FIELD_OF:
            meant = _OF_CASE.get(name.casefold())
            hint = f"; {meant} is meant" if meant else ""
            faults.add(shown(name), f"is no field of a callback request{hint}")
        if count > 1:
            faults.add(shown(name), "is given more than once")
    return {name: value for name, value in members if name in FIELD_OF and counts[name] == 1}


def _read(field: Field, value: Value, request: cb.CallbackRequest, faults: Faults) -> None:
    if field.kind is FieldKind.INTEGER:
        _read_integer(field, value, request, faults)
        return
    if not _is_text(field.name, value, faults):
        return
    if field.kind is FieldKind.PRIORITY:
        if value in PRIORITIES:
            request.priority = cb.Priority.ValueType(PRIORITIES[value])
        else:
            faults.add(field.name, f"is none of {', '.join(PRIORITIES)}")
    elif field.kind is FieldKind.DATE:
        if not value:  # as good as missing, as every optional text
            return
        date = read_date(value)
        if date is None:
            faults.add(field.name, WANTED)
        write_time(date, request.due_date)
    else:
        setattr(request, field.field, value)


def _read_integer(field: Field, value: Value, request: cb.CallbackRequest, faults: Faults) -> None:
    # In Python a bool is an int.
    if isinstance(value, bool) or not isinstance(value, int | NoNumber):
        faults.add(field.name, "is not an integer")
    elif isinstance(value, NoNumber) or not -_INT32 <= value < _INT32:
        faults.add(field.name, f"is not an integer between 0 and {field.limit}")
    else:
        setattr(request, field.field, value)


def _text(name: str, values: dict[str, Any], faults: Faults) -> str:
    value = values.get(name)
    return value if value is not None and _is_text(name, value, faults) else ""


def _is_text(name: str, value: Value, faults: Faults) -> bool:
    if not isinstance(value, str):
        faults.add(name, "is not a string")
        return False
    if fault := text_fault(value):
        faults.add(name, fault)
        return False
    return True

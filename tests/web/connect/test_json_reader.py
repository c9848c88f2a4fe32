"""JSON is read as protobuf writes it, and whatever else is sent is refused."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import MessageToDict, MessageToJson
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.errors import InvalidRequest
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.web.connect.json_reader import read_message

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INT32 = st.integers(-(2**31), 2**31 - 1)
# To the year 9999; nanoseconds as they come.
SECONDS = st.integers(-62_135_596_800, 253_402_300_799)
NANOS = st.integers(0, 999_999_999)


def _request_types() -> Iterator[type[Message]]:
    for module in (pb, dialer_pb, directory_pb):
        for name in module.DESCRIPTOR.message_types_by_name:
            if name.endswith("Request"):
                yield getattr(module, name)


REQUEST_TYPES = list(_request_types())


@st.composite
def callback_requests(draw: st.DrawFn) -> cb.CallbackRequest:
    request = cb.CallbackRequest(
        target=draw(TEXT),
        description=draw(TEXT),
        priority=draw(st.sampled_from(cb.Priority.values()) | INT32),  # type: ignore[arg-type]
        labels=draw(st.dictionaries(TEXT, TEXT, max_size=3)),
    )
    if (retries := draw(st.none() | INT32)) is not None:
        request.max_retries = retries
    if draw(st.booleans()):
        request.due_date.seconds, request.due_date.nanos = draw(SECONDS), draw(NANOS)
    setattr(request, draw(st.sampled_from(["service_id", "service_sip"])), draw(TEXT))
    return request


@given(st.lists(callback_requests(), max_size=3), st.booleans(), st.booleans())
def test_what_protobuf_writes_is_read(requests: list[cb.CallbackRequest], whole: bool, proto_names: bool) -> None:
    batch = pb.BatchCreateCallbacksRequest(include_callbacks=whole)
    for request in requests:
        batch.requests.add(callback_request=request)
    text = MessageToJson(batch, preserving_proto_field_name=proto_names)
    assert read_message(text.encode(), pb.BatchCreateCallbacksRequest) == batch


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-315_576_000_000, 315_576_000_000))
def test_integers_of_64_bits_and_durations(number: int, seconds: int) -> None:
    lease = dialer_pb.Lease(fencing_token=number)
    lease.time_to_live.seconds = seconds
    assert read_message(MessageToJson(lease).encode(), dialer_pb.Lease) == lease
    assert read_message(json.dumps({"fencingToken": number}).encode(), dialer_pb.Lease).fencing_token == number


NAMES = (
    *("callbackRequest", "filter", "keys", "labels", "dueDate", "updateMask", "service", "target", "key"),
    *("serviceIds", "heartbeatInterval", "requestId", "priority", "dialRules", "openingHours", "x"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["2026-01-31T12:00:00Z", "1s", "PRIORITY_HIGH", "a,b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)
BYTES = st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))


@given(st.sampled_from(REQUEST_TYPES), JSON.map(lambda value: json.dumps(value).encode()) | BYTES)
def test_whatever_is_sent_is_read_or_refused(message_class: type[Message], data: bytes) -> None:
    with suppress(InvalidRequest):
        message = read_message(data, message_class)
        assert message_class.FromString(message.SerializeToString()) == message


@pytest.mark.parametrize("message_class", REQUEST_TYPES, ids=lambda each: each.DESCRIPTOR.name)
def test_every_field_of_every_request_can_be_read(message_class: type[Message]) -> None:
    """A kind of field that is new in the contract has no reader yet."""
    value = _filled(message_class.DESCRIPTOR)  # type: ignore[arg-type] # of either implementation
    message = read_message(json.dumps(value).encode(), message_class)
    assert MessageToDict(message, always_print_fields_with_no_presence=False).keys() == {
        key for key, content in value.items() if content not in (0, "", [], {})
    }


def _filled(descriptor: Descriptor) -> dict[str, Any]:
    """Return a value for each field, and of a group for its first."""
    value: dict[str, Any] = {}
    groups: set[str] = set()
    for field in descriptor.fields:
        group = field.containing_oneof
        if group is not None and not group.name.startswith("_"):
            if group.name in groups:
                continue
            groups.add(group.name)
        value[field.json_name] = _value_of(field)
    return value


def _value_of(field: Any) -> Any:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return {"key": "value"}
    if kind is None:
        single: Any = {
            field.TYPE_STRING: "text",
            field.TYPE_BOOL: True,
            field.TYPE_INT32: 7,
            field.TYPE_INT64: "7",
            field.TYPE_ENUM: 1,
        }[field.type]
    elif kind.full_name == "google.protobuf.Timestamp":
        single = "2026-01-31T12:00:00Z"
    elif kind.full_name == "google.protobuf.Duration":
        single = "1.5s"
    elif kind.full_name == "google.protobuf.FieldMask":
        single = "dueDate,priority"
    else:
        single = _filled(kind)
    return [single] if field.is_repeated else single


@pytest.mark.parametrize("mask", ["dueDate,priority", "due_date, priority"])
def test_a_mask_has_names_of_both_kinds(mask: str) -> None:
    message = read_message(json.dumps({"updateMask": mask}).encode(), pb.UpdateCallbackRequest)
    assert list(message.update_mask.paths) == ["due_date", "priority"]


@pytest.mark.parametrize("value", [7, 7.0, "7"])
def test_an_integer_may_be_written_in_several_ways(value: Any) -> None:
    message = read_message(json.dumps({"pageSize": value}).encode(), pb.ListCallbacksRequest)
    assert message.page_size == 7


def test_no_more_than_some_faults_are_looked_for() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_message(json.dumps({"requests": [1] * 100_000}).encode(), pb.BatchCreateCallbacksRequest)
    assert len(refusal.value.violations) == 100

"""The scenarios and the drivers leave out nothing of the contract."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from ringback.v1 import callbacks_service_pb2, dialer_service_pb2, directory_service_pb2
from tests.conformance.matching import TIMES
from tests.conformance.messages import CREATE, STREAMS, Method, method
from tests.conformance.scenario import Step, load

ROOT: Final = Path(__file__).parents[2]
METHODS: Final[tuple[MethodDescriptor, ...]] = tuple(
    rpc
    for file in (callbacks_service_pb2, dialer_service_pb2, directory_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for rpc in service.methods
)
UNARY: Final = tuple(rpc for rpc in METHODS if not rpc.server_streaming)
# The drivers that cannot find an RPC by its name have a table of all of them: how an entry of it begins.
TABLES: Final = {
    "clients/go/internal/conformance/methods.go": "ringbackv1.{service}_{rpc}_FullMethodName:",
    "clients/rust/examples/conformance.rs": '"ringback.v1.{service}/{rpc}" =>',
}


@pytest.mark.parametrize("path", TABLES)
def test_every_rpc_is_in_the_table_of_each_driver(path: str) -> None:
    text = (ROOT / path).read_text()
    entries = [TABLES[path].format(service=rpc.containing_service.name, rpc=rpc.name) for rpc in UNARY]
    assert [entry for entry in entries if entry not in text] == []


def test_every_rpc_is_in_a_scenario() -> None:
    called = {rpc.path.replace("/", ".") for rpc, _ in _steps_with_rpc()}
    assert [rpc.full_name for rpc in METHODS if rpc.full_name not in called] == []


def test_every_field_of_a_request_is_sent_in_a_scenario() -> None:
    written = (
        _fields_in(rpc.request.DESCRIPTOR, step.subject if step.kind == "create" else step.request)
        for rpc, step in _steps_with_rpc()
    )
    assert _all_fields(rpc.input_type for rpc in METHODS) - set(chain.from_iterable(written)) == set()


def test_every_field_of_a_response_is_expected_in_a_scenario() -> None:
    written = (_fields_in(rpc.response.DESCRIPTOR, step.expect.response) for rpc, step in _steps_with_rpc())
    assert _all_fields(rpc.output_type for rpc in METHODS) - set(chain.from_iterable(written)) == set()


def _steps_with_rpc() -> Iterator[tuple[Method, Step]]:
    kinds: dict[str, Method] = {}
    for step in chain.from_iterable(scenario.steps for scenario in load()):
        match step.kind:
            case "call":
                yield method(step.subject), step
            case "create":
                yield CREATE, step
            case "stream" | "watch" | "queues":
                kinds[step.subject] = STREAMS[step.kind]
                yield STREAMS[step.kind], step
            case "receive":
                yield kinds[step.subject], step


def _fields_in(message: Any, json: Any) -> Iterator[str]:
    """Yield the full names of all fields that are written in proto JSON, also those of the messages in it."""
    if isinstance(json, list):
        for item in json:
            yield from _fields_in(message, item)
    elif isinstance(json, dict) and TIMES in json:
        yield from _fields_in(message, json["of"])
    elif isinstance(json, dict):
        for name in json.keys() & message.fields_by_name.keys():
            field = message.fields_by_name[name]
            yield field.full_name
            if kind := _message_in(field):
                yield from _fields_in(kind, json[name])


def _all_fields(messages: Iterable[Descriptor]) -> set[str]:
    """Return the full names of all fields of these messages, and of the messages in them."""
    found: set[str] = set()
    left = list(messages)
    while left:
        for field in left.pop().fields:
            kind = _message_in(field)
            if kind and field.full_name not in found:
                left.append(kind)
            found.add(field.full_name)
    return found


def _message_in(field: FieldDescriptor) -> Descriptor | None:
    """Return the message of the contract that a field has; None for a value, such as a time or a map."""
    kind = field.message_type
    return None if kind is None or kind.file.package != "ringback.v1" or kind.GetOptions().map_entry else kind

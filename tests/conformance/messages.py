"""Conversion between proto JSON, in which scenarios are written, and the serialized messages of the drivers."""

import base64
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

# Registers the types of details, which are read wherever a message has an `Any`.
from google.rpc import error_details_pb2  # noqa: F401

from ringback.v1 import callbacks_service_pb2, dialer_service_pb2, directory_service_pb2

Json = dict[str, Any]

_FILES: Final = (callbacks_service_pb2, dialer_service_pb2, directory_service_pb2)


class Method(NamedTuple):
    """One RPC, with its request and response messages."""

    path: str
    request: type[Message]
    response: type[Message]


@cache
def method(name: str) -> Method:
    """Find an RPC by a name such as "CallbacksService/GetCallback". Raise `KeyError`."""
    service_name, method_name = name.split("/")
    for file in _FILES:
        if service := file.DESCRIPTOR.services_by_name.get(service_name):
            rpc = service.methods_by_name[method_name]
            path = f"{service.full_name}/{method_name}"
            return Method(path, GetMessageClass(rpc.input_type), GetMessageClass(rpc.output_type))
    raise KeyError(name)


CREATE: Final = method("CallbacksService/CreateCallback")
WATCH: Final = method("CallbacksService/WatchCallbacks")
QUEUES: Final = method("DirectoryService/WatchQueues")
# What a step that opens a stream calls.
STREAMS: Final = {"stream": WATCH, "watch": WATCH, "queues": QUEUES}


ITEM_ERROR: Final[type[Message]] = callbacks_service_pb2.Error


def encode(message_class: type[Message], json: Json) -> str:
    """Serialize a message given as proto JSON. Raise `google.protobuf.json_format.ParseError`."""
    return base64.b64encode(ParseDict(json, message_class()).SerializeToString()).decode()


def decode(message_class: type[Message], serialized: str) -> Json:
    """Read a serialized message. Fields that have no presence are included also when they are zero."""
    message = message_class()
    message.ParseFromString(base64.b64decode(serialized, validate=True))
    json: Json = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return json

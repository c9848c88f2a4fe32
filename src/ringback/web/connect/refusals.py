"""Refusals as Connect and gRPC-Web have them: code, message and details are those of gRPC (`wire/errors.py`)."""

from typing import TYPE_CHECKING, Any, Final

import msgspec
from connectrpc.code import Code
from connectrpc.errors import ConnectError, ErrorDetail
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2
from grpc import StatusCode
from protobuf.wkt import Any as PackedMessage
from protobuf.wkt import Struct

from ringback.wire.errors import status_of

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as AnyMessage

# One name is spelled in two ways: CANCELLED in gRPC, "canceled" in Connect.
_BY_NUMBER: Final = {
    status.value[0]: Code(status.name.lower().replace("cancelled", "canceled"))
    for status in StatusCode
    if status is not StatusCode.OK
}
_NAMES: Final = {code: StatusCode[code.name.replace("CANCELED", "CANCELLED")].name for code in Code}


class _Detail(ErrorDetail):
    """A detail of a refusal, which Connect shows as JSON besides: that is what a person with curl reads.

    The package makes that JSON of a message of another protobuf than ours. It gets a `Struct` that has the same JSON.
    """

    def __init__(self, detail: "AnyMessage") -> None:
        super().__init__(PackedMessage(type_url=detail.type_url, value=detail.value))
        self._detail = detail

    def value(self, *_: object) -> Any:
        """Return the JSON of the detail, as a `Struct`."""
        message = getattr(error_details_pb2, self._detail.TypeName().rpartition(".")[2])()
        self._detail.Unpack(message)
        return Struct.from_json(msgspec.json.encode(MessageToDict(message)))


def refused(error: Exception) -> ConnectError:
    """Return an error as it is refused. One that no caller should see is INTERNAL, and logged."""
    status = status_of(error)
    return ConnectError(_BY_NUMBER[status.code], status.message, [_Detail(detail) for detail in status.details])


def name_of(error: Exception | None) -> str:
    """Return the name that gRPC has for the code with which a call ended."""
    if error is None:
        return StatusCode.OK.name
    return _NAMES[error.code] if isinstance(error, ConnectError) else StatusCode.UNKNOWN.name

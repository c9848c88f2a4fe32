"""What comes over gRPC for a request, which can be anything and nothing, and how it is refused."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from ringback.domain.errors import Fault, InvalidRequest, UndecodableRequest

_M = TypeVar("_M")

# Each method has its own type of context; what is used of it is the same in all.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

DETAILS_KEY: Final = "grpc-status-details-bin"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


async def first_of(context: Context) -> bytes | None:
    """Return the first request of a call; None when the client ends its requests without one."""
    received = await context.read()
    return None if received is grpc.aio.EOF else received


def decoded(parse: Callable[[bytes], _M], request: bytes | None) -> _M:
    """Return the message. Raise `InvalidRequest`."""
    if request is None:
        # Or its client has given it up, or gRPC has refused it: that is nothing for the log.
        raise InvalidRequest([Fault("request", "is missing, or is cut off")])
    try:
        return parse(request)
    except DecodeError:
        raise UndecodableRequest("its bytes are no message of this RPC") from None


def gone() -> asyncio.CancelledError:
    """Return what to raise when gRPC takes nothing more for a call: its core has ended it, and says so a bit later."""
    return asyncio.CancelledError()


async def refuse(context: Context, status: Status) -> NoReturn:
    """End a call with this status, by the exception of gRPC that does so.

    One that no status can follow any more is cancelled: the core of gRPC has ended it, as it does for frames
    that it cannot unpack, or its client does not read what is being written.
    """
    try:
        await context.abort(code_of(status), status.message, trailing_metadata(status))
    except grpc.aio.InternalError:
        raise gone() from None
    raise AssertionError("abort raises")


def code_of(status: Status) -> grpc.StatusCode:
    return _CODES[status.code]


def trailing_metadata(status: Status) -> tuple[tuple[str, bytes]]:
    """Return the metadata in which gRPC clients look for the details of a status."""
    return ((DETAILS_KEY, status.SerializeToString()),)

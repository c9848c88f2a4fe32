"""Why Ringback refused a call, or one item of a batch."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from ringback.client import backoff
from ringback.v1.callbacks_service_pb2 import Error
from ringback.v1.error_reason_pb2 import ERROR_REASON_UNSPECIFIED, ErrorReason

_DOMAIN: Final = "ringback.v1"
_DETAILS_KEY: Final = "grpc-status-details-bin"


class Violation(NamedTuple):
    """One fault of one field of a request."""

    field: str
    description: str


def reason_of(error: grpc.RpcError | Error) -> ErrorReason.ValueType:
    """Return why Ringback refused, such as `ERROR_REASON_CALLBACK_NOT_FOUND`.

    `error` is what a call has raised, or the error of one item of a batch.
    `ERROR_REASON_UNSPECIFIED` for an error that does not come from Ringback itself (no connection, a deadline, a
    proxy), and for a reason that is newer than these stubs.
    """
    for detail in _details_of(error):
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == _DOMAIN:
            with suppress(ValueError):  # newer than these stubs
                return ErrorReason.Value(f"ERROR_REASON_{info.reason}")
    return ERROR_REASON_UNSPECIFIED


def violations_of(error: grpc.RpcError | Error) -> tuple[Violation, ...]:
    """Return what is wrong with the request, field by field; empty unless the reason is INVALID_FIELD."""
    return tuple(
        Violation(violation.field, violation.description)
        for detail in _details_of(error)
        if detail.Unpack(bad_request := BadRequest())
        for violation in bad_request.field_violations
    )


def retry_after_s(error: grpc.RpcError) -> float | None:
    """Return how long a limit of the server lasts. None for every other error: RESOURCE_EXHAUSTED is also its code."""
    # Typed differently in grpc and in grpc.aio.
    code: Any = error.code()
    if code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return None
    for detail in _details_of(error):
        if detail.Unpack(info := RetryInfo()):
            # Not `ToTimedelta`, which refuses very long ones.
            return min(max(info.retry_delay.seconds + info.retry_delay.nanos / 1e9, 0.0), backoff.MAX_RETRY_AFTER_S)
    return None


def _details_of(error: grpc.RpcError | Error) -> Iterator[Any]:
    if isinstance(error, Error):
        yield from error.details
        return
    # Pairs in grpc and in grpc.aio, and typed differently in the two.
    metadata: Any = error.trailing_metadata()
    for key, value in metadata or ():
        if key == _DETAILS_KEY:
            yield from Status.FromString(value).details

"""The details of a `google.rpc.Status`."""

from collections.abc import Iterator
from typing import TypeVar

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status

_Detail = TypeVar("_Detail", bound=Message)


def details_of(status: Status) -> Iterator[Message]:
    kinds = (ErrorInfo, BadRequest, PreconditionFailure, QuotaFailure, ResourceInfo, RetryInfo)
    for packed in status.details:
        detail = next(kind for kind in kinds if packed.TypeName() == kind.DESCRIPTOR.full_name)()
        packed.Unpack(detail)
        yield detail


def detail_of(status: Status, kind: type[_Detail]) -> _Detail:
    return next(detail for detail in details_of(status) if isinstance(detail, kind))

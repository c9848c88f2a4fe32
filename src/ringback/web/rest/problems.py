"""Refusals as problem details (RFC 9457): the reasons of gRPC, the contract's names, and every violation."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from msgspec import Struct

from ringback.domain.errors import (
    CallbackAlreadyExists,
    DialRuleBroken,
    Fault,
    InvalidRequest,
    PageTokenInvalid,
    ServiceNotFound,
)
from ringback.domain.masking import mask_numbers
from ringback.web.rest.responses import Json, write_json
from ringback.web.rest.words import contract_name, in_contract_words
from ringback.wire.errors import status_of

MEDIA_TYPE: Final = "application/problem+json"
# What a reason means; the heading of each is its name.
TYPE_BASE: Final = "https://github.com/ringback/ringback/blob/main/docs/rest.md#"
# More than a body of `MAX_MEMBERS` can have with all that is missing in it.
MAX_VIOLATIONS: Final = 150
_MAX_TEXT: Final = 512

_STATUS: Final[Mapping[StatusCode, HTTPStatus]] = MappingProxyType(
    {
        StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
        StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
        StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
        StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
        StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
        StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
        StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
        StatusCode.ABORTED: HTTPStatus.CONFLICT,
        StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
        StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        StatusCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)
# Of what HTTP itself refuses. The names of RFC 9110, which versions of Python do not agree on.
HTTP_REASONS: Final[Mapping[HTTPStatus, str]] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "BAD_REQUEST",
        HTTPStatus.NOT_FOUND: "NOT_FOUND",
        HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
        HTTPStatus.NOT_ACCEPTABLE: "NOT_ACCEPTABLE",
        HTTPStatus.REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "CONTENT_TOO_LARGE",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
        HTTPStatus.MISDIRECTED_REQUEST: "MISDIRECTED_REQUEST",
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "REQUEST_HEADER_FIELDS_TOO_LARGE",
    }
)
_PHRASES: Final = {reason: status.phrase for status, reason in HTTP_REASONS.items()}
_CODES: Final = {code.value[0]: code for code in StatusCode}
# What a refusal says besides, by its name in the metadata of a gRPC status.
_MEMBERS: Final[Mapping[str, str]] = MappingProxyType(
    {"callback_id": "Id", "state": "State", "rule": "Rule", "quota": "Quota", "error_id": "ErrorId"}
)


class Problem(Struct, frozen=True):
    """One refusal, ready to be sent."""

    status: HTTPStatus
    reason: str
    detail: str
    violations: Sequence[Fault] = ()
    members: Mapping[str, str] = MappingProxyType({})
    headers: Mapping[str, str] = MappingProxyType({})
    # The name of the status that gRPC has for it.
    code: str = "INVALID_ARGUMENT"

    def body(self) -> bytes:
        document: dict[str, Json] = {
            "type": type_of(self.reason),
            "title": title_of(self.reason),
            "status": self.status.value,
            "detail": self.detail,
            "reason": self.reason,
            "violations": [
                {"field": violation.field, "description": violation.description} for violation in self.violations
            ],
        }
        return write_json(document | dict(self.members))


def type_of(reason: str) -> str:
    """Return the URI of a problem; what HTTP itself refuses has none of its own (RFC 9457 section 4.2.1)."""
    return "about:blank" if reason in _PHRASES else TYPE_BASE + reason.lower()


def title_of(reason: str) -> str:
    """Return the words for every problem of a reason."""
    return _PHRASES.get(reason) or reason.replace("_", " ").capitalize()


def problem_of(error: Exception) -> Problem:
    """Return the problem that an error is. One that no client may see is logged, and has an id only."""
    status = status_of(error)
    code = _CODES[status.code]
    info, retry = ErrorInfo(), RetryInfo()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(retry)
    http_status = _STATUS[code]
    violations = [_in_words(fault) for fault in _faults_of(error, info)]
    return Problem(
        status=http_status,
        reason=info.reason,
        detail=_detail(error, status, violations),
        violations=violations,
        members={member: info.metadata[name] for name, member in _MEMBERS.items() if name in info.metadata},
        headers=_headers(http_status, retry),
        code=code.name,
    )


def http_problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] = MappingProxyType({})) -> Problem:
    """Return a problem of HTTP itself, for which gRPC has no reason: its name is that of the status."""
    return Problem(status, HTTP_REASONS[status], detail, headers=headers)


def _faults_of(error: Exception, info: ErrorInfo) -> Sequence[Fault]:
    """Return what is wrong with which field. A body has room for more than the trailers of gRPC."""
    if isinstance(error, InvalidRequest | DialRuleBroken):
        return error.violations[:MAX_VIOLATIONS]
    if isinstance(error, ServiceNotFound):
        return [Fault(error.field, str(error))]
    if isinstance(error, PageTokenInvalid):
        return [Fault("page_token", str(error))]
    differing = info.metadata.get("differing_fields", "")
    return [Fault(field, "differs from the request that was there before") for field in differing.split(",") if field]


def _in_words(fault: Fault) -> Fault:
    description = _short(mask_numbers(fault.description[: 4 * _MAX_TEXT]))
    return Fault(contract_name(fault.field), in_contract_words(description))


def _detail(error: Exception, status: Status, violations: Sequence[Fault]) -> str:
    if isinstance(error, InvalidRequest | DialRuleBroken):
        # What a client calls a field can be anything, a number as well.
        return _short(mask_numbers("; ".join(f"{each.field}: {each.description}" for each in violations)))
    text = status.message
    if isinstance(error, CallbackAlreadyExists):
        # It ends with the fields, and those of one word are no names to `in_contract_words`.
        text = text.removesuffix(", ".join(error.differing_fields)) + ", ".join(each.field for each in violations)
    return in_contract_words(text)


def _short(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"


def _headers(status: HTTPStatus, retry: RetryInfo) -> Mapping[str, str]:
    if status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        delay: Any = retry.retry_delay
        return {"Retry-After": str(max(1, math.ceil(delay.seconds + delay.nanos / 1e9)))}
    return {}

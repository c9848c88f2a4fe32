"""What a caller gets when a request is refused: the one table from errors to gRPC statuses.

The contract is error_reason.proto: which code, metadata and details come with each reason. An error that is not in
the table is a bug, and is returned as INTERNAL with nothing but an id that finds it in the log.
"""

import logging
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
from grpc import StatusCode

from ringback.domain import errors
from ringback.domain.errors import (
    CallbackNotFound,
    DialRuleBroken,
    Fault,
    InvalidRequest,
    RateLimited,
    ServiceNotFound,
    StorageUnavailable,
)
from ringback.domain.key import ExternalTaskKey
from ringback.domain.masking import mask_numbers
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.error_reason_pb2 import ErrorReason

_log = logging.getLogger(__name__)

DOMAIN = "ringback.v1"

# Proxies and clients replace trailers over 8 KiB by an error of their own. On the wire the status grows by a
# third (base64), and its message is sent a second time, percent-encoded.
MAX_STATUS_BYTES = 4096
MAX_VIOLATIONS = 20
_MAX_MESSAGE_BYTES = 512
_MAX_METADATA_BYTES = 512
_MAX_FIELD_BYTES = 128
_MAX_DESCRIPTION_BYTES = 256
# What the message and the frames of all parts leave for violations. Each violation has three tags and lengths.
_MAX_VIOLATIONS_BYTES = 3072
_VIOLATION_FRAME_BYTES = 9

_RETRY_DELAY_S = 1


# --- The table ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rule:
    """The status of one class of errors. `reason` is the name of an ErrorReason without its prefix."""

    code: StatusCode
    reason: str
    metadata: Callable[[Any], Mapping[str, str]] = lambda _: {}
    details: Sequence[Callable[["_Refusal"], Message]] = ()


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One error as the caller gets it, cut to size."""

    rule: _Rule
    message: str
    metadata: Mapping[str, str]
    violations: Sequence[Fault] = ()
    retry_after_s: float = _RETRY_DELAY_S


def _attributes(*names: str) -> Callable[[Exception], Mapping[str, str]]:
    """Make metadata of attributes, under their own names. One that is empty is unknown, and left out."""

    def metadata(error: Exception) -> Mapping[str, str]:
        texts = {name: _text(getattr(error, name)) for name in names}
        return {name: text for name, text in texts.items() if text}

    return metadata


def _text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _callback_key(error: CallbackNotFound) -> Mapping[str, str]:
    if isinstance(error.key, ExternalTaskKey):
        return {"caller_id": error.key.caller_id, "external_task_id": error.key.external_task_id}
    return {"callback_id": error.key}


def _service_key(error: ServiceNotFound) -> Mapping[str, str]:
    return {error.field: error.key}


def _bad_request(refusal: _Refusal) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=violation.field, description=violation.description)
            for violation in refusal.violations
        ]
    )


def _field(name: str) -> Callable[[_Refusal], Message]:
    """Make a violation of one field out of a message that begins with its name, or says what is wrong as it is."""

    def violation(refusal: _Refusal) -> BadRequest:
        description = refusal.message.removeprefix(f"{name} ")
        return BadRequest(field_violations=[BadRequest.FieldViolation(field=name, description=description)])

    return violation


def _precondition(refusal: _Refusal) -> PreconditionFailure:
    violation = PreconditionFailure.Violation(
        type=refusal.rule.reason,
        subject=refusal.metadata.get("callback_id") or refusal.metadata.get("service_id", ""),
        description=refusal.message,
    )
    return PreconditionFailure(violations=[violation])


def _resource(type_name: str) -> Callable[[_Refusal], Message]:
    def info(refusal: _Refusal) -> ResourceInfo:
        name = "/".join(refusal.metadata.values())
        return ResourceInfo(resource_type=type_name, resource_name=name, description=refusal.message)

    return info


def _quota(refusal: _Refusal) -> QuotaFailure:
    violation = QuotaFailure.Violation(subject=refusal.metadata["quota"], description=refusal.message)
    return QuotaFailure(violations=[violation])


def _retry(refusal: _Refusal) -> RetryInfo:
    info = RetryInfo()
    # Up: a call that comes back after just that time is not to be refused again.
    info.retry_delay.FromMilliseconds(math.ceil(refusal.retry_after_s * 1000))
    return info


def _invalid(reason: str, *names: str) -> _Rule:
    return _Rule(StatusCode.INVALID_ARGUMENT, reason, _attributes(*names))


def _exists(reason: str, *names: str) -> _Rule:
    return _Rule(StatusCode.ALREADY_EXISTS, reason, _attributes(*names))


def _refused(reason: str, *names: str) -> _Rule:
    return _Rule(StatusCode.FAILED_PRECONDITION, reason, _attributes(*names), [_precondition])


_RULES: Final[Mapping[type[Exception], _Rule]] = {
    errors.InvalidRequest: _Rule(StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", details=[_bad_request]),
    errors.UndecodableRequest: _Rule(StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", details=[_bad_request]),
    errors.DialRuleBroken: _Rule(StatusCode.INVALID_ARGUMENT, "DIAL_RULE", _attributes("rule"), [_bad_request]),
    errors.CredentialsInvalid: _Rule(StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID"),
    errors.NotAllowed: _Rule(StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"),
    errors.PageTokenInvalid: _Rule(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", details=[_field("page_token")]),
    errors.ResumeTokenInvalid: _Rule(
        StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID", details=[_field("resume_token")]
    ),
    errors.ResumeTokenExpired: _Rule(StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED"),
    errors.RequestIdReused: _invalid("REQUEST_ID_REUSED", "callback_id", "differing_fields"),
    errors.CallbackNotFound: _Rule(
        StatusCode.NOT_FOUND, "CALLBACK_NOT_FOUND", _callback_key, [_resource("ringback.v1.Callback")]
    ),
    errors.ServiceNotFound: _Rule(
        StatusCode.NOT_FOUND, "SERVICE_NOT_FOUND", _service_key, [_resource("ringback.v1.Service")]
    ),
    errors.CallbackAlreadyExists: _exists("CALLBACK_ALREADY_EXISTS", "callback_id", "state", "differing_fields"),
    errors.TargetAlreadyPending: _exists("TARGET_ALREADY_PENDING", "callback_id", "state"),
    errors.ServiceAlreadyExists: _exists("SERVICE_ALREADY_EXISTS", "service_id", "field"),
    errors.CallbackEnded: _refused("CALLBACK_ENDED", "callback_id", "state"),
    errors.CallbackConnected: _refused("CALLBACK_CONNECTED", "callback_id", "state"),
    errors.CallbackInProgress: _refused("CALLBACK_IN_PROGRESS", "callback_id", "state"),
    errors.ServiceInUse: _refused("SERVICE_IN_USE", "service_id"),
    errors.EtagMismatch: _Rule(
        StatusCode.ABORTED, "ETAG_MISMATCH", _attributes("current_etag", "callback_id", "service_id")
    ),
    errors.LeaseSuperseded: _refused("LEASE_SUPERSEDED", "callback_id", "state"),
    errors.LeaseExpired: _refused("LEASE_EXPIRED", "callback_id", "state"),
    errors.AttemptNotStarted: _refused("ATTEMPT_NOT_STARTED", "callback_id", "state"),
    errors.OutcomeConflict: _refused("OUTCOME_CONFLICT", "callback_id", "state", "recorded_outcome"),
    errors.RateLimited: _Rule(
        StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", _attributes("subject", "limit"), details=[_retry]
    ),
    errors.QuotaExceeded: _Rule(
        StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", _attributes("quota", "limit"), [_quota, _retry]
    ),
    errors.ServerDraining: _Rule(StatusCode.UNAVAILABLE, "SERVER_DRAINING", details=[_retry]),
    errors.StorageUnavailable: _Rule(StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE", details=[_retry]),
}
_BUG: Final = _Rule(StatusCode.INTERNAL, "INTERNAL")


# --- Errors as messages -------------------------------------------------------------------------------------


def status_of(error: Exception) -> Status:
    """Return the status of an error, at most 4 KiB. An error that is not in the table is logged."""
    refusal = _refusal_of(error)
    rule = refusal.rule
    status = Status(code=_number(rule.code), message=refusal.message)
    info = ErrorInfo(reason=rule.reason, domain=DOMAIN, metadata=refusal.metadata)
    for detail in (info, *(describe(refusal) for describe in rule.details)):
        status.details.add().Pack(detail)
    return status


def to_error(error: Exception) -> pb.Error:
    """Return the status of an error as a message of the contract, for one item of a batch."""
    status = status_of(error)
    return pb.Error(code=status.code, message=status.message, details=status.details)


def reason_of(error: Exception) -> ErrorReason.ValueType:
    """Return the reason of an error, for a response that has it as data."""
    return ErrorReason.Value(f"ERROR_REASON_{_refusal_of(error).rule.reason}")


def reason_name(error: Exception | None) -> str:
    """Return the name of an error's reason, without its prefix, for logs and traces; "" for a bug, and for none."""
    rule = None if error is None else _RULES.get(type(error))
    return "" if rule is None else rule.reason


def _number(code: StatusCode) -> int:
    number: int = code.value[0]
    return number


def _refusal_of(error: Exception) -> _Refusal:
    rule = _RULES.get(type(error))
    if rule is None:
        error_id = secrets.token_hex(8)
        _log.error("internal error %s", error_id, exc_info=error)
        return _Refusal(_BUG, "internal error", {"error_id": error_id})
    metadata = {name: _cut(value, _MAX_METADATA_BYTES) for name, value in rule.metadata(error).items()}
    if isinstance(error, InvalidRequest | DialRuleBroken):
        listed = _fitting(error.violations)
        return _Refusal(rule, _summary(listed, len(error.violations)), metadata, listed)
    retry_after_s = error.retry_after_s if isinstance(error, RateLimited) else _RETRY_DELAY_S
    # Texts go to logs of clients: numbers are masked in them, and whole only in what names the thing asked for.
    text = _masked(error.told if isinstance(error, StorageUnavailable) else str(error), _MAX_MESSAGE_BYTES)
    return _Refusal(rule, text, metadata, retry_after_s=retry_after_s)


def _fitting(violations: Sequence[Fault]) -> Sequence[Fault]:
    """Return as many of the first violations, cut to size, as fit."""
    listed: list[Fault] = []
    room = _MAX_VIOLATIONS_BYTES
    for violation in violations[:MAX_VIOLATIONS]:
        field = _cut(violation.field, _MAX_FIELD_BYTES)
        description = _masked(violation.description, _MAX_DESCRIPTION_BYTES)
        room -= len(field.encode()) + len(description.encode()) + _VIOLATION_FRAME_BYTES
        if room < 0:
            break
        listed.append(Fault(field, description))
    return listed


def _summary(listed: Sequence[Fault], total: int) -> str:
    # A field can have a key of a map in its name, which the client has made up.
    text = mask_numbers("; ".join(f"{violation.field}: {violation.description}" for violation in listed))
    unlisted = total - len(listed)
    more = f"; and {unlisted} more" if unlisted else ""
    return _cut(text, _MAX_MESSAGE_BYTES - len(more)) + more


def _masked(text: str, max_bytes: int) -> str:
    """Mask and cut a text. It may be as long as a request: what is certainly cut off is not looked at."""
    return _cut(mask_numbers(text[: max_bytes * 4]), max_bytes)


def _cut(text: str, max_bytes: int) -> str:
    encoded = text[: max_bytes + 1].encode(errors="replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    return encoded[: max_bytes - len("…".encode())].decode(errors="ignore") + "…"

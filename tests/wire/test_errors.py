"""The error table against error_reason.proto, and how large an error may become."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import psycopg
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from grpc import StatusCode

from ringback.domain import errors
from ringback.domain.errors import Fault, InvalidRequest, RingbackError
from ringback.domain.key import ExternalTaskKey
from ringback.storage.postgres.connection import unavailable
from ringback.v1.error_reason_pb2 import ErrorReason
from ringback.wire.errors import MAX_STATUS_BYTES, status_of, to_error
from tests.world.statuses import detail_of, details_of

ID = "0190b2f4-7d1c-7a53-9d3e-1f2a3b4c5d6e"

# One for each reason: the error, its code, reason and metadata, and the details besides ErrorInfo.
CASES: Sequence[tuple[Exception, StatusCode, str, Mapping[str, str], Sequence[type[Message]]]] = [
    (
        InvalidRequest([Fault("page_size", "is negative")]),
        StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
        {},
        [BadRequest],
    ),
    (errors.UndecodableRequest("is no JSON"), StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", {}, [BadRequest]),
    (
        errors.DialRuleBroken([Fault("target", "is a premium-rate number")], "phone.deny_kinds"),
        StatusCode.INVALID_ARGUMENT,
        "DIAL_RULE",
        {"rule": "phone.deny_kinds"},
        [BadRequest],
    ),
    (errors.CredentialsInvalid(), StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID", {}, []),
    (errors.NotAllowed("not you"), StatusCode.PERMISSION_DENIED, "NOT_ALLOWED", {}, []),
    (errors.PageTokenInvalid("bad"), StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", {}, [BadRequest]),
    (errors.ResumeTokenInvalid("bad"), StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID", {}, [BadRequest]),
    (errors.ResumeTokenExpired("old"), StatusCode.OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED", {}, []),
    (
        errors.RequestIdReused(ID, ["target"]),
        StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        {"callback_id": ID, "differing_fields": "target"},
        [],
    ),
    (
        errors.RequestIdReused("", ["dialer_id"]),
        StatusCode.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        {"differing_fields": "dialer_id"},
        [],
    ),
    (errors.RequestIdReused("", ()), StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED", {}, []),
    (errors.CallbackAlreadyExists(), StatusCode.ALREADY_EXISTS, "CALLBACK_ALREADY_EXISTS", {}, []),
    (errors.TargetAlreadyPending(), StatusCode.ALREADY_EXISTS, "TARGET_ALREADY_PENDING", {}, []),
    (
        errors.CallbackNotFound(ID),
        StatusCode.NOT_FOUND,
        "CALLBACK_NOT_FOUND",
        {"callback_id": ID},
        [ResourceInfo],
    ),
    (
        errors.CallbackNotFound(ExternalTaskKey(caller_id="", external_task_id="t-1")),
        StatusCode.NOT_FOUND,
        "CALLBACK_NOT_FOUND",
        {"caller_id": "", "external_task_id": "t-1"},
        [ResourceInfo],
    ),
    (
        errors.ServiceNotFound("service_sip", "sip:sales@example.com"),
        StatusCode.NOT_FOUND,
        "SERVICE_NOT_FOUND",
        {"service_sip": "sip:sales@example.com"},
        [ResourceInfo],
    ),
    (
        errors.CallbackAlreadyExists(ID, "QUEUED", ["target", "priority"]),
        StatusCode.ALREADY_EXISTS,
        "CALLBACK_ALREADY_EXISTS",
        {"callback_id": ID, "state": "QUEUED", "differing_fields": "target,priority"},
        [],
    ),
    (
        errors.TargetAlreadyPending(ID, "DIALING"),
        StatusCode.ALREADY_EXISTS,
        "TARGET_ALREADY_PENDING",
        {"callback_id": ID, "state": "DIALING"},
        [],
    ),
    (
        errors.ServiceAlreadyExists(ID, "sip_address"),
        StatusCode.ALREADY_EXISTS,
        "SERVICE_ALREADY_EXISTS",
        {"service_id": ID, "field": "sip_address"},
        [],
    ),
    (
        errors.CallbackEnded(ID, "FAILED", "has ended"),
        StatusCode.FAILED_PRECONDITION,
        "CALLBACK_ENDED",
        {"callback_id": ID, "state": "FAILED"},
        [PreconditionFailure],
    ),
    (
        errors.CallbackConnected(ID, "CONNECTED", "has answered"),
        StatusCode.FAILED_PRECONDITION,
        "CALLBACK_CONNECTED",
        {"callback_id": ID, "state": "CONNECTED"},
        [PreconditionFailure],
    ),
    (
        errors.CallbackInProgress(ID, "OFFERED", "is with a dialer"),
        StatusCode.FAILED_PRECONDITION,
        "CALLBACK_IN_PROGRESS",
        {"callback_id": ID, "state": "OFFERED"},
        [PreconditionFailure],
    ),
    (
        errors.ServiceInUse(ID),
        StatusCode.FAILED_PRECONDITION,
        "SERVICE_IN_USE",
        {"service_id": ID},
        [PreconditionFailure],
    ),
    (
        errors.EtagMismatch("4", callback_id=ID),
        StatusCode.ABORTED,
        "ETAG_MISMATCH",
        {"current_etag": "4", "callback_id": ID},
        [],
    ),
    (
        errors.EtagMismatch("4", service_id=ID),
        StatusCode.ABORTED,
        "ETAG_MISMATCH",
        {"current_etag": "4", "service_id": ID},
        [],
    ),
    (
        errors.LeaseSuperseded(ID, "leased again", state="OFFERED"),
        StatusCode.FAILED_PRECONDITION,
        "LEASE_SUPERSEDED",
        {"callback_id": ID, "state": "OFFERED"},
        [PreconditionFailure],
    ),
    (
        errors.LeaseExpired("", "unknown token"),
        StatusCode.FAILED_PRECONDITION,
        "LEASE_EXPIRED",
        {},
        [PreconditionFailure],
    ),
    (
        errors.AttemptNotStarted(ID, "report DIALING first", state="OFFERED"),
        StatusCode.FAILED_PRECONDITION,
        "ATTEMPT_NOT_STARTED",
        {"callback_id": ID, "state": "OFFERED"},
        [PreconditionFailure],
    ),
    (
        errors.OutcomeConflict(ID, "was BUSY", state="FAILED", recorded_outcome="BUSY"),
        StatusCode.FAILED_PRECONDITION,
        "OUTCOME_CONFLICT",
        {"callback_id": ID, "state": "FAILED", "recorded_outcome": "BUSY"},
        [PreconditionFailure],
    ),
    (
        errors.RateLimited("creates per second", 200, 1.5),
        StatusCode.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        {"subject": "creates per second", "limit": "200"},
        [RetryInfo],
    ),
    (
        errors.QuotaExceeded("watches", 0),
        StatusCode.RESOURCE_EXHAUSTED,
        "QUOTA_EXCEEDED",
        {"quota": "watches", "limit": "0"},
        [QuotaFailure, RetryInfo],
    ),
    (errors.ServerDraining(), StatusCode.UNAVAILABLE, "SERVER_DRAINING", {}, [RetryInfo]),
    (errors.StorageUnavailable("full"), StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE", {}, [RetryInfo]),
]

# What nothing raises yet: the server neither limits rates nor asks for credentials.
NOT_BUILT = {"UNSPECIFIED"}


def concrete(kind: type[RingbackError]) -> Iterator[type[RingbackError]]:
    if not kind.__subclasses__():
        yield kind
    for child in kind.__subclasses__():
        yield from concrete(child)


@pytest.mark.parametrize(("error", "code", "reason", "metadata", "details"), CASES, ids=[case[2] for case in CASES])
class TestTable:
    def test_status(
        self,
        error: Exception,
        code: StatusCode,
        reason: str,
        metadata: Mapping[str, str],
        details: Sequence[type[Message]],
    ) -> None:
        status = status_of(error)
        assert (status.code, status.message) == (code.value[0], str(error))
        info, *others = details_of(status)
        assert info == ErrorInfo(domain="ringback.v1", reason=reason, metadata=metadata)
        assert [type(other) for other in others] == details

    def test_error_of_a_batch_item(
        self,
        error: Exception,
        code: StatusCode,
        reason: str,
        metadata: Mapping[str, str],
        details: Sequence[type[Message]],
    ) -> None:
        """It has the bytes of the status of a single call."""
        assert to_error(error).SerializeToString() == status_of(error).SerializeToString()


def test_every_error_has_a_case() -> None:
    assert {type(case[0]) for case in CASES} == {InvalidRequest, *concrete(RingbackError)}


def test_every_reason_is_used() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}  # noqa: SIM118 - no mapping
    assert {case[2] for case in CASES} | {"INTERNAL"} == names - NOT_BUILT


def test_details_say_what_the_message_is_about() -> None:
    failure = detail_of(status_of(errors.CallbackEnded(ID, "FAILED", "has ended")), PreconditionFailure)
    assert failure.violations == [
        PreconditionFailure.Violation(type="CALLBACK_ENDED", subject=ID, description="has ended")
    ]
    in_use = detail_of(status_of(errors.ServiceInUse(ID)), PreconditionFailure)
    assert in_use.violations[0].subject == ID
    key = ExternalTaskKey(caller_id="crm", external_task_id="t-1")
    resource = detail_of(status_of(errors.CallbackNotFound(key)), ResourceInfo)
    assert (resource.resource_type, resource.resource_name) == ("ringback.v1.Callback", "crm/t-1")
    quota = detail_of(status_of(errors.QuotaExceeded("watches", 10)), QuotaFailure)
    assert quota.violations[0].subject == "watches"
    assert detail_of(status_of(errors.ServerDraining()), RetryInfo).retry_delay.seconds == 1
    limited = detail_of(status_of(errors.RateLimited("creates per second", 200, 1.5)), RetryInfo)
    assert limited.retry_delay.ToTimedelta() == timedelta(seconds=1.5)


@pytest.mark.parametrize(
    ("error", "field"), [(errors.PageTokenInvalid, "page_token"), (errors.ResumeTokenInvalid, "resume_token")]
)
def test_a_fault_of_a_token_names_its_field(error: type[Exception], field: str) -> None:
    [violation] = detail_of(status_of(error(f"{field} is malformed")), BadRequest).field_violations
    assert (violation.field, violation.description) == (field, "is malformed")


@pytest.mark.parametrize("bug", [KeyError("secret"), errors.IllegalTransition("secret")])
def test_a_bug_tells_the_client_an_id_and_the_log_the_rest(bug: Exception, caplog: pytest.LogCaptureFixture) -> None:
    status = status_of(bug)
    info = detail_of(status, ErrorInfo)
    assert (status.code, status.message, info.reason) == (13, "internal error", "INTERNAL")
    assert b"secret" not in status.SerializeToString()
    [record] = caplog.records
    assert info.metadata["error_id"] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is bug
    assert info.metadata["error_id"] != detail_of(status_of(bug), ErrorInfo).metadata["error_id"]


def test_callers_are_not_told_where_the_database_is() -> None:
    lost = 'connection to server at "10.1.2.3", port 5432 failed: FATAL: role "ringback_rw" may not log in'
    for error in (psycopg.OperationalError(lost), OSError(lost), None):
        refusal = unavailable(error)
        assert str(error or "") in str(refusal)
        assert status_of(refusal).message == "the database did not take the request"


# --- Size ------------------------------------------------------------------------------------------------------


def test_few_violations_are_all_told_in_full() -> None:
    violations = [Fault(f"callback_request.field_{i}", f"is bad in way {i}") for i in range(20)]
    status = status_of(InvalidRequest(violations))
    told = detail_of(status, BadRequest).field_violations
    assert [(v.field, v.description) for v in told] == [(v.field, v.description) for v in violations]
    assert status.message.startswith("callback_request.field_0: is bad in way 0; callback_request.field_1")


def test_a_number_in_the_name_of_a_field_is_masked_in_the_message() -> None:
    status = status_of(errors.InvalidRequest([Fault("labels['+41785556677']", "is too long")]))
    assert status.message == "labels['+41 78 *** ** 77']: is too long"
    assert detail_of(status, BadRequest).field_violations[0].field == "labels['+41785556677']"


@pytest.mark.parametrize(
    "violation",
    [
        Fault("f", "d"),
        Fault("field" * 1000, "description" * 1000),
        Fault("ф" * 1000, "📞" * 1000),
        Fault("", "\udcff" * 1000),
    ],
)
def test_many_violations_are_cut_to_size_and_the_rest_is_counted(violation: Fault) -> None:
    error = InvalidRequest([violation] * 1000)
    status = status_of(error)
    told = detail_of(status, BadRequest).field_violations
    assert 7 <= len(told) <= 20
    assert status.message.endswith(f"; and {1000 - len(told)} more")
    assert status.ByteSize() <= MAX_STATUS_BYTES


@pytest.mark.parametrize("text", ["x" * 10_000, "📞" * 10_000])
def test_no_error_is_larger_than_the_cap(text: str) -> None:
    huge: Sequence[Exception] = [
        errors.CallbackNotFound(ExternalTaskKey(caller_id=text, external_task_id=text)),
        errors.ServiceNotFound("service_sip", text),
        errors.CallbackAlreadyExists(text, text, [text, text]),
        errors.OutcomeConflict(text, text, state=text, recorded_outcome=text),
        errors.EtagMismatch(text, callback_id=text, service_id=text),
        errors.StorageUnavailable(text),
    ]
    for error in huge:
        assert status_of(error).ByteSize() <= MAX_STATUS_BYTES

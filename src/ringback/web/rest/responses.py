"""Answers of the contract: one table of the members of each, which are written by it and described by it."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from google.protobuf.message import Message
from msgspec import Struct

from ringback.domain.outcome import Outcome
from ringback.domain.retry_delay import RetryDelayReason
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.web.rest.contract import EXAMPLE_SERVICE_ID, EXAMPLE_SERVICE_SIP, PRIORITIES, PRIORITY_WORDS, STATES
from ringback.web.rest.dates import write_date
from ringback.wire.values import EPOCH

Json: TypeAlias = Any
MemberKind: TypeAlias = Literal["text", "integer", "date", "guid", "attempts"]

OUTCOMES: Final = tuple(outcome.name for outcome in Outcome)
RETRY_DELAY_REASONS: Final = tuple(reason.name for reason in RetryDelayReason)


class Member(Struct, frozen=True):
    """One member of an answer."""

    name: str
    kind: MemberKind
    value: Callable[[Any], Json]
    meaning: str
    example: Json
    # It may be null.
    optional: bool = False
    # All texts that it can be, if they are few.
    words: Sequence[str] = ()


def write_json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def callback_answer(callback: cb.Callback) -> Json:
    return _answer(CALLBACK_MEMBERS, callback)


def service_answer(service: directory_pb.Service) -> Json:
    return _answer(SERVICE_MEMBERS, service)


def _answer(members: Sequence[Member], message: Message) -> Json:
    return {member.name: member.value(message) for member in members}


# --- How members are read of messages ------------------------------------------------------------------------------


def _attribute(name: str) -> Callable[[Any], Json]:
    return lambda message: getattr(message, name)


def _asked(name: str) -> Callable[[cb.Callback], Json]:
    """Return what the request says; None when it does not."""
    return lambda callback: getattr(callback.callback_request, name) or None


def _asked_number(name: str) -> Callable[[cb.Callback], Json]:
    def value(callback: cb.Callback) -> Json:
        request: Any = callback.callback_request
        return getattr(request, name) if request.HasField(name) else None

    return value


def _text(name: str) -> Callable[[Any], Json]:
    return lambda message: getattr(message, name) or None


def _date(name: str) -> Callable[[Any], Json]:
    return lambda message: _time(message, name)


def _time(message: Any, name: str) -> str | None:
    if not message.HasField(name):
        return None
    sent = getattr(message, name)
    return write_date(EPOCH + timedelta(seconds=sent.seconds, microseconds=sent.nanos // 1000))


def _outcome(attempt: cb.Attempt) -> str | None:
    return cb.CallOutcome.Name(attempt.outcome).removeprefix("CALL_OUTCOME_") if attempt.outcome else None


def _retry_delay(attempt: cb.Attempt) -> int | None:
    """Return whole seconds, none too few."""
    return math.ceil(attempt.retry_delay.ToTimedelta().total_seconds()) if attempt.HasField("retry_delay") else None


def _retry_delay_reason(attempt: cb.Attempt) -> str | None:
    reason = attempt.retry_delay_reason
    return cb.RetryDelayReason.Name(reason).removeprefix("RETRY_DELAY_REASON_") if reason else None


# --- The tables ----------------------------------------------------------------------------------------------------

_ATTEMPT_DATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "RingTime": "When the phone began to ring.",
        "AnswerTime": "When the target answered.",
        "EndTime": "When it was over.",
    }
)
_T: Final = "2026-12-24T08:30:00Z"
_FIELD: Final = {"RingTime": "ring_time", "AnswerTime": "answer_time", "EndTime": "end_time"}
ATTEMPT_MEMBERS: Final = (
    Member("Number", "integer", _attribute("number"), "1 for the first one.", 1),
    Member("StartTime", "date", _date("start_time"), "When the dial-out began.", "2026-12-24T08:30:00Z"),
    *(
        Member(name, "date", _date(_FIELD[name]), meaning, "2026-12-24T08:30:20Z", optional=True)
        for name, meaning in _ATTEMPT_DATES.items()
    ),
    Member("Outcome", "text", _outcome, "How it ended.", "NO_ANSWER", optional=True, words=OUTCOMES),
    Member("OfferTime", "date", _date("offer_time"), "When it was handed to the dialer.", _T, optional=True),
    Member(
        "RetryDelaySeconds",
        "integer",
        _retry_delay,
        "How long after its end the next may begin at the earliest.",
        600,
        optional=True,
    ),
    Member(
        "RetryDelayReason",
        "text",
        _retry_delay_reason,
        "What decided that.",
        "REQUEST",
        optional=True,
        words=RETRY_DELAY_REASONS,
    ),
    Member("Detail", "text", _text("detail"), "What the dialer says of it.", "rang for 20 s", optional=True),
    Member("Agent", "text", _text("agent"), "Who spoke with the target.", "agent-7", optional=True),
    Member("Disposition", "text", _text("disposition"), "What came of it.", "sold", optional=True),
)

CALLBACK_MEMBERS: Final = (
    Member("Id", "guid", _attribute("callback_id"), "Names the callback.", "0193f0c2-7f5e-7a33-8a5b-1c2d3e4f5061"),
    Member(
        "State",
        "text",
        lambda callback: cb.CallbackState.Name(callback.state).removeprefix("CALLBACK_STATE_"),
        "How far it is.",
        "SCHEDULED",
        words=STATES,
    ),
    Member("AttemptCount", "integer", _attribute("attempt_count"), "How many dial-outs have begun.", 0),
    Member(
        "NextAttemptTime",
        "date",
        _date("next_attempt_time"),
        "When the next one may begin, at the earliest.",
        _T,
        optional=True,
    ),
    Member(
        "DueDate",
        "date",
        lambda callback: _time(callback.callback_request, "due_date"),
        "As it was requested.",
        _T,
        optional=True,
    ),
    Member("Target", "text", lambda callback: callback.callback_request.target, "As requested.", "tel: +41785556677"),
    Member("AlternativeTarget", "text", _asked("alternative_target"), "As requested.", None, optional=True),
    Member("DialTarget", "text", _attribute("dial_target"), "What is dialled.", "tel:+41785556677"),
    Member("MaxRetries", "integer", _asked_number("max_retries"), "As requested.", 3, optional=True),
    Member(
        "SecondsBetweenRetries",
        "integer",
        _asked_number("seconds_between_retries"),
        "As requested.",
        600,
        optional=True,
    ),
    Member(
        "ServiceId",
        "guid",
        _attribute("service_id"),
        "The service, however the request named it.",
        EXAMPLE_SERVICE_ID,
    ),
    Member("ServiceSip", "text", _asked("service_sip"), "As requested, where it counted.", None, optional=True),
    Member("IncomingServiceSipUri", "text", _asked("incoming_service_sip_uri"), "As requested.", None, optional=True),
    Member(
        "Priority",
        "text",
        lambda callback: PRIORITY_WORDS[callback.callback_request.priority],
        "As requested.",
        "Normal",
        words=tuple(PRIORITIES),
    ),
    Member("ContextUrl", "text", _asked("context_url"), "As requested.", None, optional=True),
    Member("Supervisor", "text", _asked("supervisor"), "As requested.", None, optional=True),
    Member("Description", "text", _asked("description"), "As requested.", "Order 4711", optional=True),
    Member("ExternalTaskId", "text", _asked("external_task_id"), "As requested.", "task-4711", optional=True),
    Member("CallerId", "text", _asked("caller_id"), "As requested, or that of the credentials.", "crm", optional=True),
    Member("CreateTime", "date", _date("create_time"), "When it was accepted.", _T),
    Member("UpdateTime", "date", _date("update_time"), "When it last changed.", _T),
    Member("ExpireTime", "date", _date("expire_time"), "When it is given up.", _T, optional=True),
    Member("EndTime", "date", _date("end_time"), "When it ended.", None, optional=True),
    Member("CancelTime", "date", _date("cancel_time"), "When it was cancelled.", None, optional=True),
    Member("CancelReason", "text", _text("cancel_reason"), "The reason that was given.", None, optional=True),
    Member(
        "Attempts",
        "attempts",
        lambda callback: [_answer(ATTEMPT_MEMBERS, attempt) for attempt in callback.attempts],
        "Every dial-out so far, the first one first.",
        [],
    ),
)
SERVICE_MEMBERS: Final = (
    Member("ServiceId", "guid", _attribute("service_id"), "Names the service.", EXAMPLE_SERVICE_ID),
    Member("ServiceSip", "text", _attribute("sip_address"), "Its SIP address.", EXAMPLE_SERVICE_SIP),
    Member("DisplayName", "text", _attribute("display_name"), "Its name for people; may be empty.", "Support"),
)

"""What a caller requests, and every rule that it has to meet."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct, field

from ringback.domain.faults import Faults
from ringback.domain.priority import Priority
from ringback.domain.target import InvalidTarget, Target, normalise_sip

MAX_RETRIES = 100
MAX_SECONDS_BETWEEN_RETRIES = 7 * 24 * 3600
MAX_URL_LENGTH = 2048
MAX_SUPERVISOR_LENGTH = 128
MAX_DESCRIPTION_LENGTH = 150
MAX_EXTERNAL_TASK_ID_LENGTH = 128
MAX_CALLER_ID_LENGTH = 64
_TEXTS = (
    ("supervisor", MAX_SUPERVISOR_LENGTH),
    ("description", MAX_DESCRIPTION_LENGTH),
    ("external_task_id", MAX_EXTERNAL_TASK_ID_LENGTH),
)
MAX_LABELS = 16
MAX_LABEL_KEY_LENGTH = 63
MAX_LABEL_VALUE_LENGTH = 128
MAX_DUE_AHEAD = timedelta(days=366)
# A callback can outlive its due date by as long again: the largest `max_queue_time` of a service.
MAX_EXPIRE_AHEAD = 2 * MAX_DUE_AHEAD

_CALLER_ID = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
# The form of most URLs; any other is parsed.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(/[!-~]*)?")
# C0, DEL and C1: they would garble logs and agents' screens.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class CallbackRequest(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The request exactly as it was sent; two requests are the same when all fields are equal."""

    target: str = ""
    alternative_target: str = ""
    max_retries: int | None = None
    seconds_between_retries: int | None = None
    service_id: str | None = None
    service_sip: str | None = None
    incoming_service_sip_uri: str = ""
    priority: int = 0
    context_url: str = ""
    due_date: datetime | None = None
    supervisor: str = ""
    description: str = ""
    external_task_id: str = ""
    caller_id: str = ""
    expire_time: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def differing_fields(self, other: "CallbackRequest") -> tuple[str, ...]:
        """Return the names of the fields that differ in `other`."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) != getattr(other, name))


def parse_guid(text: str) -> str | None:
    """Return the canonical form of a GUID (RFC 9562, lower case), or None when `text` is not one."""
    return str(UUID(text)) if _GUID.fullmatch(text) else None


class ServiceName(Struct, frozen=True):
    """How a request names its service: by id in lower case, or by SIP address in canonical form."""

    field: Literal["service_id", "service_sip"]
    key: str


class CheckedRequest(Struct, frozen=True, kw_only=True):
    """A valid request, and what was read of it during the check, so that nothing is read twice."""

    request: CallbackRequest
    service: ServiceName
    # What is dialled: the alternative target replaces the target, it is not a fall-back.
    target: Target


def check(request: CallbackRequest, now: datetime, faults: Faults) -> CheckedRequest | None:
    """Add all faults of the request, in the order of its fields; return None when there is one."""
    if not request.target:
        faults.add("target", "is required")
    target = read_target(request.target, "target", faults)
    alternative = read_target(request.alternative_target, "alternative_target", faults)
    faults.extend(_check_retries(request))
    service = _check_service(request, faults)
    if request.incoming_service_sip_uri:
        faults.extend(sip_violation("incoming_service_sip_uri", request.incoming_service_sip_uri))
    faults.extend(priority_violation("priority", request.priority))
    faults.extend(_check_url("context_url", request.context_url))
    faults.extend(due_violation("due_date", request.due_date, now))
    for name, max_length in _TEXTS:
        if text := getattr(request, name):
            faults.extend(text_violation(name, text, max_length))
    faults.extend(caller_violation("caller_id", request.caller_id))
    faults.extend(_check_expire_time(request, now))
    faults.extend(_check_labels(request.labels))
    chosen = alternative or target
    if faults.violations or chosen is None or service is None:
        return None
    return CheckedRequest(request=request, service=service, target=chosen)


def read_target(text: str, name: str, faults: Faults) -> Target | None:
    """Read the target in the field `name`; return None for an empty text, and for one that is no target."""
    if text:
        try:
            return Target.parse(text)
        except InvalidTarget as refusal:
            faults.add(name, str(refusal))
    return None


def sip_violation(name: str, uri: str) -> Iterator[tuple[str, str]]:
    try:
        normalise_sip(uri)
    except InvalidTarget as refusal:
        yield name, str(refusal)


def priority_violation(name: str, priority: int) -> Iterator[tuple[str, str]]:
    if priority == 0:
        yield name, "is required"
    elif not Priority.STRICT_PRIORITY <= priority <= Priority.NOTHING_ELSE:
        yield name, f"{priority} is not a known priority"


def due_violation(name: str, due_date: datetime | None, now: datetime) -> Iterator[tuple[str, str]]:
    if due_date is not None and due_date > now + MAX_DUE_AHEAD:
        yield name, f"is more than {MAX_DUE_AHEAD.days} days ahead"


def text_violation(name: str, text: str, max_length: int) -> Iterator[tuple[str, str]]:
    if len(text) > max_length:
        yield name, f"has {len(text)} characters; at most {max_length} are allowed"
    if _CONTROL.search(text):
        yield name, "contains a control character"


def caller_violation(name: str, caller_id: str) -> Iterator[tuple[str, str]]:
    yield from text_violation(name, caller_id, MAX_CALLER_ID_LENGTH)
    if caller_id and not _CALLER_ID.fullmatch(caller_id):
        yield name, "may contain letters, digits, '.', '_' and '-' only"


def _check_retries(request: CallbackRequest) -> Iterator[tuple[str, str]]:
    if request.max_retries is not None and not 0 <= request.max_retries <= MAX_RETRIES:
        yield "max_retries", f"{request.max_retries} is not between 0 and {MAX_RETRIES}"
    seconds = request.seconds_between_retries
    if seconds is None:
        yield "seconds_between_retries", "is required (0 is a value)"
    elif not 0 <= seconds <= MAX_SECONDS_BETWEEN_RETRIES:
        yield "seconds_between_retries", f"{seconds} is not between 0 and {MAX_SECONDS_BETWEEN_RETRIES}"


def _check_service(request: CallbackRequest, faults: Faults) -> ServiceName | None:
    if request.service_id is not None:
        if _GUID.fullmatch(request.service_id):
            return ServiceName("service_id", request.service_id.lower())
        faults.add("service_id", "is not a GUID such as 123e4567-e89b-12d3-a456-426614174000")
    elif request.service_sip is not None:
        try:
            return ServiceName("service_sip", normalise_sip(request.service_sip))
        except InvalidTarget as refusal:
            faults.add("service_sip", str(refusal))
    else:
        faults.add("service", "is required: set service_id or service_sip")
    return None


def _check_url(name: str, url: str) -> Iterator[tuple[str, str]]:
    if not url or (len(url) <= MAX_URL_LENGTH and _PLAIN_URL.fullmatch(url)):
        return
    yield from text_violation(name, url, MAX_URL_LENGTH)
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or " " in url:
        yield name, "is not an https: or http: URL"


def _check_expire_time(request: CallbackRequest, now: datetime) -> Iterator[tuple[str, str]]:
    expire_time = request.expire_time
    if expire_time is None:
        return
    if expire_time <= now:
        yield "expire_time", "is in the past"
    elif request.due_date is not None and expire_time <= request.due_date:
        yield "expire_time", "is not after due_date"
    elif expire_time > now + MAX_EXPIRE_AHEAD:
        yield "expire_time", f"is more than {MAX_EXPIRE_AHEAD.days} days ahead"


def _check_labels(labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if len(labels) > MAX_LABELS:
        yield "labels", f"has {len(labels)} pairs; at most {MAX_LABELS} are allowed"
        return  # a message can hold hundreds of thousands: too many to check each
    for key in sorted(labels):
        if not key:
            yield "labels", "has an empty key"
        yield from text_violation(f"labels[{key[:MAX_LABEL_KEY_LENGTH]!r}].key", key, MAX_LABEL_KEY_LENGTH)
        yield from text_violation(f"labels[{key[:MAX_LABEL_KEY_LENGTH]!r}]", labels[key], MAX_LABEL_VALUE_LENGTH)

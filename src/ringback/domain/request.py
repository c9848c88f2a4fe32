"""What a caller asks for, and every rule it has to meet."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from ringback.domain.errors import Fault
from ringback.domain.priority import Priority
from ringback.domain.target import InvalidTarget, normalise, normalise_sip

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
# A promise can outlive its due date by as long again: the largest `max_queue_time` of a service.
MAX_EXPIRE_AHEAD = 2 * MAX_DUE_AHEAD

_CALLER_ID = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
# What most URLs look like; any other is looked at more closely.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(/[!-~]*)?")
# C0, DEL and C1: they would garble logs and agents' screens.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequest:
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
        """The names of the fields in which `other` asks for something else."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name))

    @property
    def chosen_target(self) -> str:
        """What to dial, as sent: the alternative target replaces the target, it is no fall-back."""
        return self.alternative_target or self.target


def parse_guid(text: str) -> str | None:
    """The canonical form of a GUID (RFC 9562, lower case), or None when `text` is not one."""
    return str(UUID(text)) if _GUID.fullmatch(text) else None


def violations(request: CallbackRequest, now: datetime, path: str = "callback_request") -> list[Fault]:
    """Everything that is wrong with the request, in the order of its fields; empty when nothing is."""
    return [Fault(f"{path}.{name}", text) for name, text in _check(request, now)]


def _check(request: CallbackRequest, now: datetime) -> Iterator[tuple[str, str]]:
    if not request.target:
        yield "target", "is required"
    for name in ("target", "alternative_target"):
        yield from target_violation(name, getattr(request, name))
    yield from _check_retries(request)
    yield from _check_service(request)
    if request.incoming_service_sip_uri:
        yield from sip_violation("incoming_service_sip_uri", request.incoming_service_sip_uri)
    yield from priority_violation("priority", request.priority)
    yield from _check_url("context_url", request.context_url)
    yield from due_violation("due_date", request.due_date, now)
    for name, max_length in _TEXTS:
        if text := getattr(request, name):
            yield from text_violation(name, text, max_length)
    yield from caller_violation("caller_id", request.caller_id)
    yield from _check_expire_time(request, now)
    yield from _check_labels(request.labels)


def target_violation(name: str, target: str) -> Iterator[tuple[str, str]]:
    if target:
        try:
            normalise(target)
        except InvalidTarget as refusal:
            yield name, str(refusal)


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


def _check_service(request: CallbackRequest) -> Iterator[tuple[str, str]]:
    if request.service_id is not None:
        if not _GUID.fullmatch(request.service_id):
            yield "service_id", "is not a GUID such as 123e4567-e89b-12d3-a456-426614174000"
    elif request.service_sip is not None:
        yield from sip_violation("service_sip", request.service_sip)
    else:
        yield "service", "is required: set service_id or service_sip"


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
        return  # a message holds hundreds of thousands: not worth a look at each
    for key in sorted(labels):
        if not key:
            yield "labels", "has an empty key"
        yield from text_violation(f"labels[{key[:MAX_LABEL_KEY_LENGTH]!r}].key", key, MAX_LABEL_KEY_LENGTH)
        yield from text_violation(f"labels[{key[:MAX_LABEL_KEY_LENGTH]!r}]", labels[key], MAX_LABEL_VALUE_LENGTH)

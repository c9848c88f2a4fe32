"""What a caller requests, and every rule that it has to meet."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, Self, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct, field

from ringback.domain.control_characters import CONTROL, control_in_uri, is_plain, unseen_in
from ringback.domain.dial_rules import Judge, judge_nothing
from ringback.domain.faults import Faults
from ringback.domain.priority import Priority
from ringback.domain.target import InvalidTarget, Target, normalise_sip

MAX_RETRIES = 100
MAX_SECONDS_BETWEEN_RETRIES = 7 * 24 * 3600
MAX_URL_LENGTH = 2048
MAX_SUPERVISOR_LENGTH = 128
MAX_DESCRIPTION_LENGTH = 150
MAX_EXTERNAL_TASK_ID_LENGTH = 128
MAX_CALLER_ID_LENGTH = 128
MAX_DIALER_ID_LENGTH = 64
MAX_LABELS = 16
MAX_LABEL_KEY_LENGTH = 63
MAX_LABEL_VALUE_LENGTH = 128
MAX_DUE_AHEAD = timedelta(days=366)
# A callback can outlive its due date by as long again: the largest `max_queue_time` of a service.
MAX_EXPIRE_AHEAD = 2 * MAX_DUE_AHEAD

_CALLER_ID = re.compile(r"[A-Za-z0-9 +._@/-]+", re.ASCII)
_DIALER_ID = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_NO_URL = "is not an https: or http: URL"
# The form of most URLs; any other is parsed, such as one with an escape.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(/[!-$&-~]*)?")


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

    @classmethod
    def of(cls, request: CallbackRequest, faults: Faults) -> Self | None:
        """Read the name of the service that the request is for; return None for one that cannot be read."""
        if request.service_id is not None:
            if _GUID.fullmatch(request.service_id):
                return cls("service_id", request.service_id.lower())
            faults.add("service_id", "is not a GUID such as 123e4567-e89b-12d3-a456-426614174000")
        elif request.service_sip is not None:
            try:
                return cls("service_sip", normalise_sip(request.service_sip))
            except InvalidTarget as refusal:
                faults.add("service_sip", str(refusal))
        else:
            faults.add("service", "is required: set service_id or service_sip")
        return None


class CheckedRequest(Struct, frozen=True, kw_only=True):
    """A valid request, and what was read of it during the check, so that nothing is read twice."""

    request: CallbackRequest
    service: ServiceName
    # What is dialled: the alternative target replaces the target, it is not a fall-back.
    target: Target
    replaced: Target | None = None


def check(
    request: CallbackRequest,
    now: datetime,
    faults: Faults,
    *,
    service: ServiceName | None = None,
    region: str = "",
    judge: Judge = judge_nothing,
) -> CheckedRequest | None:
    """Add all faults of the request, in the order of its fields; return None when there is one.

    `service` is given when it has been read already, and `region` is the default region of that service. What would be
    dialled is judged.
    """
    service = service or ServiceName.of(request, Faults())
    if not request.target:
        faults.add("target", "is required")
    target = read_target(request.target, "target", faults, region)
    alternative = read_target(request.alternative_target, "alternative_target", faults, region)
    chosen = alternative if request.alternative_target else target
    if chosen is not None:
        faults.add_broken("alternative_target" if alternative else "target", judge(chosen.uri))
    for rule in _FIELD_RULES if service is not None else _RULES.values():
        if violations := rule(request, now):
            faults.extend(violations)
    if faults.violations or chosen is None or service is None:
        return None
    return CheckedRequest(request=request, service=service, target=chosen, replaced=target if alternative else None)


def check_field(name: str, request: CallbackRequest, now: datetime, faults: Faults) -> None:
    """Add all faults of one field, which is none of the targets."""
    if violations := _RULES[name](request, now):
        faults.extend(violations)


def read_target(text: str, name: str, faults: Faults, region: str = "") -> Target | None:
    """Read the target in the field `name`; return None for an empty text, and for one that is no target."""
    if text:
        try:
            return Target.parse(text, region)
        except InvalidTarget as refusal:
            faults.add(name, str(refusal))
    return None


# Fields and what is wrong with them. Nearly always there is nothing, so these are no generators, which cost more.
Violations: TypeAlias = Sequence[tuple[str, str]]


def sip_violation(name: str, uri: str) -> Violations:
    try:
        normalise_sip(uri)
    except InvalidTarget as refusal:
        return ((name, str(refusal)),)
    return ()


def priority_violation(name: str, priority: int) -> Violations:
    if Priority.STRICT_PRIORITY <= priority <= Priority.NOTHING_ELSE:
        return ()
    return ((name, f"{priority} is not a known priority" if priority else "is required"),)


def due_violation(name: str, due_date: datetime | None, now: datetime) -> Violations:
    if due_date is None or due_date <= now + MAX_DUE_AHEAD:
        return ()
    return ((name, f"is more than {MAX_DUE_AHEAD.days} days ahead"),)


def text_violation(name: str, text: str, max_length: int, *, is_id: bool = False) -> Violations:
    if len(text) <= max_length and is_plain(text):
        return ()
    violations = _length_violation(name, text, max_length)
    if CONTROL.search(text):
        return *violations, (name, "contains a control character")
    if (unseen := unseen_in(text, is_id=is_id)) is not None:
        return *violations, (name, unseen)
    return violations


def caller_violation(name: str, caller_id: str) -> Violations:
    if not caller_id or (len(caller_id) <= MAX_CALLER_ID_LENGTH and _CALLER_ID.fullmatch(caller_id)):
        return ()
    violations = text_violation(name, caller_id, MAX_CALLER_ID_LENGTH)
    if _CALLER_ID.fullmatch(caller_id):
        return violations
    return *violations, (name, "may contain letters A-Z and a-z, digits, blanks and + . - _ @ / only")


def dialer_violation(name: str, dialer_id: str) -> Violations:
    violations = text_violation(name, dialer_id, MAX_DIALER_ID_LENGTH)
    if not dialer_id or _DIALER_ID.fullmatch(dialer_id):
        return violations
    return *violations, (name, "may contain letters A-Z and a-z, digits and . - _ only")


# --- The rule of each field --------------------------------------------------------------------------------------


def _check_max_retries(request: CallbackRequest, _: datetime) -> Violations:
    retries = request.max_retries
    if retries is None or 0 <= retries <= MAX_RETRIES:
        return ()
    return (("max_retries", f"{retries} is not between 0 and {MAX_RETRIES}"),)


def _check_seconds(request: CallbackRequest, _: datetime) -> Violations:
    seconds = request.seconds_between_retries
    if seconds is None:
        return (("seconds_between_retries", "is required (0 is a value)"),)
    if 0 <= seconds <= MAX_SECONDS_BETWEEN_RETRIES:
        return ()
    return (("seconds_between_retries", f"{seconds} is not between 0 and {MAX_SECONDS_BETWEEN_RETRIES}"),)


def _check_service(request: CallbackRequest, _: datetime) -> Violations:
    faults = Faults()
    ServiceName.of(request, faults)
    return [(fault.field, fault.description) for fault in faults.violations]


def _check_incoming(request: CallbackRequest, _: datetime) -> Violations:
    uri = request.incoming_service_sip_uri
    return sip_violation("incoming_service_sip_uri", uri) if uri else ()


def _length_violation(name: str, text: str, max_length: int) -> Violations:
    if len(text) <= max_length:
        return ()
    return ((name, f"has {len(text)} characters; at most {max_length} are allowed"),)


def _check_url(request: CallbackRequest, _: datetime) -> Violations:
    name, url = "context_url", request.context_url
    if not url or (len(url) <= MAX_URL_LENGTH and _PLAIN_URL.fullmatch(url)):
        return ()
    violations = [*_length_violation(name, url, MAX_URL_LENGTH)]
    if control := control_in_uri(url):
        violations.append((name, control))
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return [*violations, (name, _NO_URL)]
    if not good or " " in url:
        violations.append((name, _NO_URL))
    elif "@" in parts.netloc:
        violations.append((name, "has a user or a password in it"))
    return violations


def _check_expire_time(request: CallbackRequest, now: datetime) -> Violations:
    expire_time = request.expire_time
    if expire_time is None:
        return ()
    if expire_time <= now:
        return (("expire_time", "is in the past"),)
    if request.due_date is not None and expire_time <= request.due_date:
        return (("expire_time", "is not after due_date"),)
    if expire_time > now + MAX_EXPIRE_AHEAD:
        return (("expire_time", f"is more than {MAX_EXPIRE_AHEAD.days} days ahead"),)
    return ()


def _check_labels(request: CallbackRequest, _: datetime) -> Violations:
    labels = request.labels
    if not labels:
        return ()
    if len(labels) > MAX_LABELS:  # a message can hold hundreds of thousands: too many to check each
        return (("labels", f"has {len(labels)} pairs; at most {MAX_LABELS} are allowed"),)
    violations: list[tuple[str, str]] = []
    for key in sorted(labels):
        if not key:
            violations.append(("labels", "has an empty key"))
        violations += text_violation(
            f"labels[{key[:MAX_LABEL_KEY_LENGTH]!r}].key", key, MAX_LABEL_KEY_LENGTH, is_id=True
        )
        violations += text_violation(f"labels[{key[:MAX_LABEL_KEY_LENGTH]!r}]", labels[key], MAX_LABEL_VALUE_LENGTH)
    return violations


def _text_of(name: str, max_length: int, *, is_id: bool = False) -> "_Rule":
    def rule(request: CallbackRequest, _: datetime) -> Violations:
        text = getattr(request, name)
        return text_violation(name, text, max_length, is_id=is_id) if text else ()

    return rule


_Rule = Callable[[CallbackRequest, datetime], Violations]
# In the order of the fields.
_RULES: Final[Mapping[str, _Rule]] = {
    "max_retries": _check_max_retries,
    "seconds_between_retries": _check_seconds,
    "service": _check_service,
    "incoming_service_sip_uri": _check_incoming,
    "priority": lambda request, _: priority_violation("priority", request.priority),
    "context_url": _check_url,
    "due_date": lambda request, now: due_violation("due_date", request.due_date, now),
    "supervisor": _text_of("supervisor", MAX_SUPERVISOR_LENGTH),
    "description": _text_of("description", MAX_DESCRIPTION_LENGTH),
    "external_task_id": _text_of("external_task_id", MAX_EXTERNAL_TASK_ID_LENGTH, is_id=True),
    "caller_id": lambda request, _: caller_violation("caller_id", request.caller_id),
    "expire_time": _check_expire_time,
    "labels": _check_labels,
}
# Those of single fields. The service is none: it has faults when it could not be read.
_FIELD_RULES: Final = tuple(rule for name, rule in _RULES.items() if name != "service")

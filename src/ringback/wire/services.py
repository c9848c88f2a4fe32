"""Services: read whole, or merged field by field into the current one, and written."""

from datetime import timedelta
from enum import Enum
from typing import Final, TypeVar

from google.protobuf.message import Message
from msgspec.structs import replace

from ringback.domain import opening_hours
from ringback.domain.dial_rules import NO_RULES
from ringback.domain.faults import Faults
from ringback.domain.numbering import is_region
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod, format_minute, parse_date, parse_minute
from ringback.domain.outcome import Outcome
from ringback.domain.priority import WEIGHTED
from ringback.domain.request import MAX_RETRIES, MAX_SECONDS_BETWEEN_RETRIES, read_target, text_violation
from ringback.domain.service import (
    DEFAULT_MAX_CONCURRENT_CALLS,
    DEFAULT_MAX_QUEUE_TIME,
    DEFAULT_MAX_RETRIES,
    DEFAULT_PRIORITY_WEIGHTS,
    DEFAULT_RING_TIMEOUT,
    LONGEST_RING_TIMEOUT,
    MAX_CONCURRENT_CALLS,
    FirstLeg,
    RetryRule,
    Service,
    TargetPolicy,
)
from ringback.v1 import callback_pb2
from ringback.v1 import directory_service_pb2 as pb
from ringback.wire.dial_rules import read_dial_rules, write_dial_rules
from ringback.wire.enums import FIRST_LEGS, OUTCOMES, TARGET_POLICIES, WireEnum
from ringback.wire.values import (
    EPOCH,
    Range,
    only,
    read_duration,
    read_guid,
    read_list,
    read_sip,
    write_time,
)

MAX_DISPLAY_NAME_LENGTH = 128
MAX_RETRY_RULES = len(Outcome) - 1  # one for each but ANSWERED
MAX_MASK_PATHS = 100
DEFAULT_TIME_ZONE = "UTC"

_CONCURRENT_CALLS = Range(0, MAX_CONCURRENT_CALLS, DEFAULT_MAX_CONCURRENT_CALLS)
_RETRIES = Range(0, MAX_RETRIES, DEFAULT_MAX_RETRIES)
_RING_TIMEOUT = Range(timedelta(seconds=1), LONGEST_RING_TIMEOUT, DEFAULT_RING_TIMEOUT)
_QUEUE_TIME = Range(timedelta(minutes=1), timedelta(days=366), DEFAULT_MAX_QUEUE_TIME)
_CALL_DURATION = Range(timedelta(seconds=10), timedelta(hours=24), timedelta(seconds=10))
_KEEP_ENDED = Range(timedelta(hours=1), timedelta(days=3660), timedelta(hours=1))
_MIN_DELAY = Range(timedelta(0), timedelta(seconds=MAX_SECONDS_BETWEEN_RETRIES), timedelta(0))
# A round of grants is simulated whenever the last empty level fills: it must not be long.
_WEIGHT = Range(1, 100, 1)

_ALL_FIELDS = "*"
_FIXED: Final = frozenset({"service_id", "create_time", "update_time", "etag"})
_SETTINGS: Final = frozenset(field.name for field in pb.Service.DESCRIPTOR.fields) - _FIXED

_Choice = TypeVar("_Choice", bound=Enum)


# --- From the wire ------------------------------------------------------------------------------------------


def read_service(message: pb.Service, faults: Faults, stored_zone: str | None = None) -> Service:
    """Read a service and fill in its defaults. A time zone is no fault when it is the one that is stored already.

    The result is a draft: `Directory.create` gives it an id if it has none, its times and its revision.
    """
    return Service(
        service_id=read_guid(message.service_id, "service_id", faults) if message.service_id else "",
        sip_address=read_sip(message.sip_address, "sip_address", faults),
        display_name=_read_display_name(message, faults),
        max_concurrent_calls=_read_number(message, "max_concurrent_calls", _CONCURRENT_CALLS, faults),
        paused=message.paused,
        default_max_retries=_read_number(message, "default_max_retries", _RETRIES, faults),
        ring_timeout=_read_span(message, "ring_timeout", _RING_TIMEOUT, faults),
        max_queue_time=_read_span(message, "max_queue_time", _QUEUE_TIME, faults),
        opening_hours=_read_opening_hours(message, faults, stored_zone),
        retry_rules=_read_retry_rules(message, faults),
        first_leg=_read_choice(FIRST_LEGS, FirstLeg.AGENT, message.first_leg, "first_leg", faults),
        priority_weights=_read_weights(message, faults),
        same_target_policy=_read_choice(
            TARGET_POLICIES, TargetPolicy.ALLOW, message.same_target_policy, "same_target_policy", faults
        ),
        caller_line_identity=_read_address(message, "caller_line_identity", faults),
        caller_line_restricted=message.caller_line_restricted,
        agent_address=_read_address(message, "agent_address", faults),
        max_call_duration=_read_optional_span(message, "max_call_duration", _CALL_DURATION, faults),
        default_region=_read_default_region(message, faults),
        dial_rules=read_dial_rules(message.dial_rules, faults.under("dial_rules")),
        keep_ended=_read_optional_span(message, "keep_ended", _KEEP_ENDED, faults),
        create_time=EPOCH,
        update_time=EPOCH,
    )


def merge_service(request: pb.UpdateServiceRequest, current: Service, faults: Faults) -> Service:
    """Return the current service with the settings that `update_mask` names; id, times and revision stay.

    An empty mask is a fault, as the proto says. By AIP-134 it would mean "all fields that are populated", but
    then no service could ever be resumed: `paused` = false looks like unset.
    """
    merged = pb.Service()
    write_service(current, merged)
    _overwrite(merged, request.service, _read_mask(request, faults))
    return replace(
        read_service(merged, faults.under("service"), current.opening_hours.time_zone),
        create_time=current.create_time,
        update_time=current.update_time,
        revision=current.revision,
    )


def _overwrite(target: Message, source: Message, names: frozenset[str]) -> None:
    """Set the named fields to what they are in `source`, also where they are unset there."""
    for name in names:
        target.ClearField(name)
    target.MergeFrom(only(source, names))


def _read_mask(request: pb.UpdateServiceRequest, faults: Faults) -> frozenset[str]:
    paths = request.update_mask.paths
    if not paths:
        faults.add("update_mask", 'is required: name the fields to change, or "*" for all')
    named = frozenset(read_list(MAX_MASK_PATHS, _read_mask_path, paths, "update_mask", faults))
    return _SETTINGS if _ALL_FIELDS in named else named & _SETTINGS


def _read_mask_path(path: str, _: str, faults: Faults) -> str:
    if path in _FIXED:
        faults.add("update_mask", f"{path} can't be changed")
    elif path != _ALL_FIELDS and path not in _SETTINGS:
        faults.add("update_mask", f"Service has no field {path!r}")
    return path


def _read_address(message: pb.Service, name: str, faults: Faults) -> str:
    region = _read_default_region(message, Faults())  # its faults are those of its own field
    address = read_target(getattr(message, name), name, faults, region)
    return "" if address is None else address.uri


def _read_default_region(message: pb.Service, faults: Faults) -> str:
    sent = message.default_region
    # Other letters have capitals of two letters, or in ASCII: that of "ß" is "SS", which is South Sudan.
    region = sent.upper() if sent.isascii() else ""
    if sent and not is_region(region):
        faults.add("default_region", "is not a region of ISO 3166 with telephone numbers, such as CH")
        return ""
    return region


def _read_optional_span(message: pb.Service, name: str, limits: Range[timedelta], faults: Faults) -> timedelta | None:
    span = read_duration(message, name, faults)
    return None if span is None else limits.apply(span, name, faults)


def _read_display_name(message: pb.Service, faults: Faults) -> str:
    faults.extend(text_violation("display_name", message.display_name, MAX_DISPLAY_NAME_LENGTH))
    return message.display_name


def _read_number(message: Message, name: str, limits: Range[int], faults: Faults) -> int:
    return limits.apply(getattr(message, name) if message.HasField(name) else None, name, faults)


def _read_span(message: Message, name: str, limits: Range[timedelta], faults: Faults) -> timedelta:
    return limits.apply(read_duration(message, name, faults), name, faults)


def _read_choice(kind: WireEnum[_Choice], default: _Choice, number: int, name: str, faults: Faults) -> _Choice:
    return kind.read(number, name, faults) if number else default


def _read_opening_hours(message: pb.Service, faults: Faults, stored_zone: str | None) -> OpeningHours:
    time_zone = message.time_zone or DEFAULT_TIME_ZONE
    periods = [(sent.day_of_week, sent.open_time, sent.close_time) for sent in message.opening_hours]
    violations = opening_hours.check(time_zone, periods, message.closed_dates, path="", stored_zone=stored_zone)
    if violations:
        for violation in violations:
            # On the wire the three are fields of the service, and the periods have another name.
            name = violation.field.removeprefix(".").replace("periods", "opening_hours", 1)
            faults.add(name, violation.description)
        return OpeningHours()
    return OpeningHours(
        time_zone=time_zone,
        periods=tuple(
            OpeningPeriod(day, parse_minute(open_time), parse_minute(close_time))
            for day, open_time, close_time in periods
        ),
        closed_dates=frozenset(parse_date(sent) for sent in message.closed_dates),
    )


def _read_retry_rules(message: pb.Service, faults: Faults) -> dict[Outcome, RetryRule]:
    rules: dict[Outcome, RetryRule] = {}

    def read(sent: pb.RetryRule, name: str, faults: Faults) -> None:
        within = faults.under(name)
        outcome = OUTCOMES.read(sent.outcome, "outcome", within)
        if outcome in rules:
            within.add("outcome", f"{outcome.name} has a rule already")
        rules[outcome] = _read_retry_rule(sent, within)

    read_list(MAX_RETRY_RULES, read, message.retry_rules, "retry_rules", faults)
    return rules


def _read_retry_rule(sent: pb.RetryRule, faults: Faults) -> RetryRule:
    if sent.outcome == callback_pb2.CALL_OUTCOME_ANSWERED:
        faults.add("outcome", "ANSWERED is never retried")
    return RetryRule(
        retry=sent.retry if sent.HasField("retry") else None,
        min_delay=_read_span(sent, "min_delay", _MIN_DELAY, faults),
        max_retries=(_read_number(sent, "max_retries", _RETRIES, faults) if sent.HasField("max_retries") else None),
    )


def _read_weights(message: pb.Service, faults: Faults) -> tuple[int, ...]:
    count = len(message.priority_weights)
    if count == 0:
        return DEFAULT_PRIORITY_WEIGHTS
    if count != len(WEIGHTED):
        faults.add("priority_weights", f"has {count} values; it needs exactly {len(WEIGHTED)}")
        return DEFAULT_PRIORITY_WEIGHTS
    return read_list(count, _WEIGHT.apply, message.priority_weights, "priority_weights", faults)


# --- Onto the wire ------------------------------------------------------------------------------------------


def write_service(service: Service, message: pb.Service) -> None:
    message.service_id = service.service_id
    message.sip_address = service.sip_address
    message.display_name = service.display_name
    message.max_concurrent_calls = service.max_concurrent_calls
    message.paused = service.paused
    message.default_max_retries = service.default_max_retries
    message.ring_timeout.FromTimedelta(service.ring_timeout)
    message.max_queue_time.FromTimedelta(service.max_queue_time)
    _write_opening_hours(service.opening_hours, message)
    for outcome, rule in service.retry_rules.items():
        _write_retry_rule(outcome, rule, message.retry_rules.add())
    message.first_leg = FIRST_LEGS.number(service.first_leg)
    message.priority_weights.extend(service.priority_weights)
    message.same_target_policy = TARGET_POLICIES.number(service.same_target_policy)
    message.caller_line_identity = service.caller_line_identity
    message.caller_line_restricted = service.caller_line_restricted
    message.agent_address = service.agent_address
    if service.max_call_duration is not None:
        message.max_call_duration.FromTimedelta(service.max_call_duration)
    message.default_region = service.default_region
    if service.dial_rules != NO_RULES:
        write_dial_rules(service.dial_rules, message.dial_rules)
    if service.keep_ended is not None:
        message.keep_ended.FromTimedelta(service.keep_ended)
    write_time(service.create_time, message.create_time)
    write_time(service.update_time, message.update_time)
    message.etag = service.etag


def _write_opening_hours(hours: OpeningHours, message: pb.Service) -> None:
    message.time_zone = hours.time_zone
    for period in hours.periods:
        message.opening_hours.add(
            day_of_week=pb.DayOfWeek.ValueType(period.day_of_week),
            open_time=format_minute(period.open_minute),
            close_time=format_minute(period.close_minute),
        )
    message.closed_dates.extend(date.isoformat() for date in sorted(hours.closed_dates))


def _write_retry_rule(outcome: Outcome, rule: RetryRule, message: pb.RetryRule) -> None:
    message.outcome = OUTCOMES.number(outcome)
    if rule.retry is not None:
        message.retry = rule.retry
    message.min_delay.FromTimedelta(rule.min_delay)
    if rule.max_retries is not None:
        message.max_retries = rule.max_retries

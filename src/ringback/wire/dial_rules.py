"""Dial rules of a service: read with all their faults, and written."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from ringback.domain.dial_rules import (
    EVERY_NUMBER,
    MAX_ATTEMPTS_PER_DAY,
    MAX_PATTERNS,
    NO_RULES,
    DialRules,
    PhoneRules,
    SipRules,
    parse_kind,
    parse_prefix,
)
from ringback.domain.faults import Faults
from ringback.domain.number_kinds import NumberKind
from ringback.domain.opening_hours import format_minute, parse_minute
from ringback.domain.quiet_hours import (
    QuietHours,
    parse_quiet_hours,
    parse_quiet_minute,
    parse_quiet_zone,
)
from ringback.domain.sip_hosts import EVERY_HOST, parse_denied, parse_pattern
from ringback.v1 import directory_service_pb2 as pb
from ringback.wire.values import Range, read_list

_T = TypeVar("_T")

_ATTEMPTS = Range(1, MAX_ATTEMPTS_PER_DAY, 1)


def read_dial_rules(message: pb.DialRules, faults: Faults) -> DialRules:
    """Read the rules of a service. What is unset denies nothing."""
    phone, sip = message.phone, message.sip
    within_phone, within_sip = faults.under("phone"), faults.under("sip")
    attempts = None
    if message.HasField("attempts_per_number_and_day"):
        sent = message.attempts_per_number_and_day
        attempts = _ATTEMPTS.apply(sent, "attempts_per_number_and_day", faults)
    rules = DialRules(
        phone=PhoneRules(
            allow=_read(parse_prefix, phone.allow, "allow", within_phone) or (EVERY_NUMBER,),
            deny=_read(parse_prefix, phone.deny, "deny", within_phone),
            deny_kinds=frozenset(_read(parse_kind, phone.deny_kinds, "deny_kinds", within_phone)),
        ),
        sip=SipRules(
            allow_hosts=_read(parse_pattern, sip.allow_hosts, "allow_hosts", within_sip) or (EVERY_HOST,),
            deny_hosts=_read(parse_denied, sip.deny_hosts, "deny_hosts", within_sip),
        ),
        attempts_per_number_and_day=attempts,
        quiet_hours=_read_quiet_hours(message, faults),
    )
    return NO_RULES if rules == NO_RULES else rules


def _read(parse: Callable[[str], _T], texts: Sequence[str], name: str, faults: Faults) -> tuple[_T, ...]:
    """Return what can be read of a list of texts; the others are faults."""

    def read_one(text: str, place: str, within: Faults) -> _T | None:
        try:
            return parse(text)
        except ValueError as fault:
            within.add(place, str(fault))
            return None

    found = read_list(MAX_PATTERNS, read_one, texts, name, faults)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _read_quiet_hours(message: pb.DialRules, faults: Faults) -> QuietHours | None:
    if not message.HasField("quiet_hours"):
        return None
    sent = message.quiet_hours
    start, end = getattr(sent, "from"), sent.to  # a word of Python
    within = faults.under("quiet_hours")
    before = len(within.violations)
    for name, text, parse in (
        ("from", start, parse_quiet_minute),
        ("to", end, parse_minute),
        ("zone", sent.zone, parse_quiet_zone),
    ):
        try:
            parse(text)
        except ValueError as fault:
            within.add(name, str(fault) if text else "is required")
    if len(within.violations) > before:
        return None
    try:
        return parse_quiet_hours(start, end, sent.zone)
    except ValueError as fault:
        within.add("to", str(fault))
        return None


# --- Onto the wire ---------------------------------------------------------------------------------------------------


def write_dial_rules(rules: DialRules, message: pb.DialRules) -> None:
    """Write the rules of a service. What denies nothing is left unset."""
    phone, sip = rules.phone, rules.sip
    if phone.allow != (EVERY_NUMBER,):
        message.phone.allow.extend(phone.allow)
    if phone.deny:
        message.phone.deny.extend(phone.deny)
    if phone.deny_kinds:
        message.phone.deny_kinds.extend(kind.value for kind in NumberKind if kind in phone.deny_kinds)
    if sip.allow_hosts != (EVERY_HOST,):
        message.sip.allow_hosts.extend(sip.allow_hosts)
    if sip.deny_hosts:
        message.sip.deny_hosts.extend(sip.deny_hosts)
    if rules.attempts_per_number_and_day is not None:
        message.attempts_per_number_and_day = rules.attempts_per_number_and_day
    if (quiet := rules.quiet_hours) is not None:
        setattr(message.quiet_hours, "from", format_minute(quiet.from_minute))
        message.quiet_hours.to = format_minute(quiet.to_minute)
        message.quiet_hours.zone = quiet.zone

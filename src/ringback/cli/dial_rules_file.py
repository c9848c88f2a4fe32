"""Dial rules as YAML: the file of `serve --dial-rules`.

phone:
  deny: ["+4190"]
sip:
  allow_hosts: ["*.example.com", "203.0.113.0/24"]
attempts_per_number_and_day: 20
quiet_hours: {from: "21:00", to: "08:00", zone: target}

What the file leaves out is as in the default rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from msgspec.structs import replace

from ringback.cli.access_file.keys import Key, Keys, Section
from ringback.cli.values import parse_whole
from ringback.cli.yaml_file import FaultyFileError, Place
from ringback.domain.dial_rules import (
    DEFAULT_RULES,
    MAX_ATTEMPTS_PER_DAY,
    MAX_PATTERNS,
    DialRules,
    PhoneRules,
    SipRules,
    parse_kind,
    parse_prefix,
)
from ringback.domain.number_kinds import NumberKind
from ringback.domain.opening_hours import parse_minute
from ringback.domain.outcome import Outcome
from ringback.domain.quiet_hours import (
    QuietHours,
    parse_quiet_hours,
    parse_quiet_minute,
    parse_quiet_zone,
)
from ringback.domain.request import MAX_SECONDS_BETWEEN_RETRIES
from ringback.domain.sip_hosts import parse_denied, parse_pattern

_T = TypeVar("_T")

OFF: Final = "off"


def _list_of(parse: Callable[[str], _T], *, may_be_empty: bool) -> Callable[[Place], tuple[_T, ...]]:
    def read(place: Place) -> tuple[_T, ...]:
        items = place.items()
        if place.is_list and not items and not may_be_empty:
            place.fail("is empty, which would allow nothing; leave it out to allow everything")
        if len(items) > MAX_PATTERNS:
            place.fail(f"has {len(items)} items; at most {MAX_PATTERNS} are allowed")
        found = [item.read(parse, None) for item in items[:MAX_PATTERNS]]
        return tuple(dict.fromkeys(one for one in found if one is not None))

    return read


def _read_kinds(place: Place) -> frozenset[NumberKind]:
    return frozenset(_list_of(parse_kind, may_be_empty=True)(place))


_PHONE: Final[Keys] = MappingProxyType(
    {
        "allow": Key(
            read=_list_of(parse_prefix, may_be_empty=False),
            form="prefixes",
            help='Numbers that may be dialled: "+" is every number. The longest match of allow and deny decides.',
        ),
        "deny": Key(
            read=_list_of(parse_prefix, may_be_empty=True), form="prefixes", help="Numbers that may not be dialled."
        ),
        "deny_kinds": Key(read=_read_kinds, form="kinds", help="Kinds of numbers that may not be dialled."),
    }
)
_SIP: Final[Keys] = MappingProxyType(
    {
        "allow_hosts": Key(
            read=_list_of(parse_pattern, may_be_empty=False),
            form="hosts",
            help='Host names, "*.suffix", networks, or "*". A network or an address comes before deny_hosts.',
        ),
        "deny_hosts": Key(
            read=_list_of(parse_denied, may_be_empty=True),
            form="hosts",
            help="The same, and the words loopback, private and link_local.",
        ),
    }
)
_QUIET: Final[Keys] = MappingProxyType(
    {
        "from": Key(read=Place.text, form="HH:MM", help="when they begin", required=True),
        "to": Key(read=Place.text, form="HH:MM", help="when they end", required=True),
        "zone": Key(read=Place.text, form="target|ZONE", help="of which zone: that of the number, or a fixed one"),
    }
)


def _read_phone(place: Place) -> Mapping[str, object]:
    return Section(place, _PHONE).values


def _read_sip(place: Place) -> Mapping[str, object]:
    return Section(place, _SIP).values


def _read_attempts(place: Place) -> int | None:
    def parse(text: str) -> int | None:
        if text == OFF:
            return None
        number = parse_whole(text)
        if not 1 <= number <= MAX_ATTEMPTS_PER_DAY:
            raise ValueError(f"{text} is not between 1 and {MAX_ATTEMPTS_PER_DAY}; {OFF} is for any number")
        return number

    return place.read(parse, None)


def _read_quiet_hours(place: Place) -> QuietHours | None:
    section = Section(place, _QUIET)
    before = len(place.faults)
    for name, parse in (("from", parse_quiet_minute), ("to", parse_minute), ("zone", parse_quiet_zone)):
        if name in section.values:
            section.places[name].read(parse, None)
    if len(place.faults) > before or not {"from", "to"} <= section.values.keys():
        return None
    try:
        return parse_quiet_hours(section.values["from"], section.values["to"], section.get("zone", ""))
    except ValueError as fault:
        place.fail(str(fault))
        return None


def _read_pauses(place: Place) -> Mapping[Outcome, int]:
    pauses: dict[Outcome, int] = {}
    for name, value in place.entries():
        outcome = Outcome.__members__.get(name.upper().replace("-", "_"))
        if outcome is None or outcome is Outcome.ANSWERED:
            value.fail_as_unknown(name, [one.name for one in Outcome if one is not Outcome.ANSWERED])
        else:
            pauses[outcome] = value.read(_parse_seconds, 0)
    return pauses


def _parse_seconds(text: str) -> int:
    seconds = parse_whole(text)
    if not 0 <= seconds <= MAX_SECONDS_BETWEEN_RETRIES:
        raise ValueError(f"{text} is not between 0 and {MAX_SECONDS_BETWEEN_RETRIES}")
    return seconds


_KEYS: Final[Keys] = MappingProxyType(
    {
        "phone": Key(read=_read_phone, form="phone rules", help="Rules for telephone numbers."),
        "sip": Key(read=_read_sip, form="sip rules", help="Rules for the hosts of SIP URIs."),
        "attempts_per_number_and_day": Key(
            read=_read_attempts, form="a number, or off", help="Dial-outs to a number within a day, of all callbacks."
        ),
        "quiet_hours": Key(read=_read_quiet_hours, form="quiet hours", help="When nobody is called."),
        "min_seconds_between_retries": Key(
            read=_read_pauses, form="seconds by outcome", help="The least pause after an attempt with this outcome."
        ),
    }
)


def _read_rules(place: Place) -> DialRules:
    section = Section(place, _KEYS)
    if place.faults:
        return DEFAULT_RULES
    given = dict(section.values)
    phone: PhoneRules = replace(DEFAULT_RULES.phone, **given.pop("phone", {}))
    sip: SipRules = replace(DEFAULT_RULES.sip, **given.pop("sip", {}))
    return replace(DEFAULT_RULES, phone=phone, sip=sip, **given)


@dataclass(frozen=True, slots=True)
class DialRulesFile:
    """A file of dial rules that has no faults."""

    path: Path
    rules: DialRules


def load_rules(path: Path) -> DialRulesFile:
    """Read the server's dial rules. Raise `FaultyFileError`."""
    root = Place.load(path)
    if root is None:
        raise FaultyFileError([f'{path}:1: is empty; rules are expected, such as phone: {{deny: ["+4190"]}}'])
    rules = _read_rules(root)
    if root.faults:
        raise FaultyFileError(root.faults)
    return DialRulesFile(path, rules)

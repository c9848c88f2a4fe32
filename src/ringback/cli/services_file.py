"""Services files: the directory of services as a YAML file, to be kept under version control.

    - sip_address: sip:support@cc.example
      ring_timeout: 30s
      opening_hours:
        mon-fri: 08:00-12:00, 13:00-18:00
      retry_rules:
        busy: {min_delay: 2m, max_retries: 5}

The settings are those of `Service` in directory_service.proto. A file is read whole, and every fault in it is
reported with its line, before anything is done with it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.duration_pb2 import Duration

from ringback.cli.values import DAYS, FIRST_LEGS, OUTCOMES, TARGET_POLICIES, Names, parse_span
from ringback.cli.yaml_file import FaultyFileError, Place
from ringback.v1 import directory_service_pb2 as pb

_NEVER: tuple[tuple[str, str], ...] = ()
_HOURS = re.compile(r"\s*(\d\d?:\d\d)\s*-\s*(\d\d?:\d\d)\s*")


class ServicesFileError(FaultyFileError):
    """A services file that cannot be used; `str()` lists all its faults, one on each line."""


class WantedService(NamedTuple):
    """One service of a file, and the names of the settings that the file gives."""

    service: pb.Service
    named: tuple[str, ...]


# Returns the faults that a service has as a whole: the name of a setting, and what is wrong with it.
Check: TypeAlias = Callable[[pb.Service], Iterable[tuple[str, str]]]


def load(path: Path, check: Check | None = None) -> list[WantedService]:
    """Read a services file, and check each service that can be read. Raise `ServicesFileError`."""
    try:
        return _read_root(Place.load(path), check)
    except FaultyFileError as fault:
        raise ServicesFileError(fault.faults, readable=fault.readable) from None


def parse(text: str, file: str) -> list[WantedService]:
    """Read the text of a services file; its faults name `file`. Raise `ServicesFileError`."""
    try:
        return _read_root(Place.root(text, file), None)
    except FaultyFileError as fault:
        raise ServicesFileError(fault.faults, readable=fault.readable) from None


def _read_root(root: Place | None, check: Check | None) -> list[WantedService]:
    if root is None:
        return []
    wanted = read_services(root, check)
    if root.faults:
        raise FaultyFileError(root.faults)
    return wanted


def read_services(place: Place, check: Check | None = None) -> list[WantedService]:
    """Read a list of services that stands in a file; its faults are added to those of the place."""
    return [_read_service(item, check) for item in place.items()]


def _read_service(place: Place, check: Check | None) -> WantedService:
    entries = list(place.entries())
    places, settings = dict(entries), _read_settings(entries, _SETTINGS)
    if not places.keys() & {"service_id", "sip_address"}:
        place.fail("needs a sip_address or a service_id")
    service = pb.Service(**settings)
    for field, fault in check(service) if check else ():
        name = re.split(r"[.[]", field)[0]
        places.get(name, place).fail(fault if field in places else f"{field}: {fault}")
    return WantedService(service, tuple(settings))


def _read_settings(
    entries: Iterable[tuple[str, Place]], readers: Mapping[str, Callable[[Place], Any]]
) -> dict[str, Any]:
    """Read the settings that have no faults of their own."""
    settings = {}
    for name, value in entries:
        before = len(value.faults)
        if reader := readers.get(name):
            read = reader(value)
            if len(value.faults) == before:
                settings[name] = read
        else:
            value.fail_as_unknown(name, readers)
    return settings


# --- Settings ------------------------------------------------------------------------------------------------


def _span(place: Place) -> Duration:
    span = Duration()
    span.FromTimedelta(place.read(parse_span, timedelta()))
    return span


def _name_of(names: Names[Any]) -> Callable[[Place], Any]:
    return lambda place: place.read(names.parse, 0)


def _texts(place: Place) -> list[str]:
    return [item.text() for item in place.items()]


def _wholes(place: Place) -> list[int]:
    return [item.whole() for item in place.items()]


def _opening_hours(place: Place) -> list[pb.OpeningPeriod]:
    """Read `mon-fri: 08:00-12:00, 13:00-18:00`, as a mapping or as a list of such."""
    weeks = place.items() if place.is_list else [place]
    return [
        pb.OpeningPeriod(day_of_week=day, open_time=open_time, close_time=close_time)
        for week in weeks
        for days, hours in week.entries()
        for day in _days(days, hours)
        for open_time, close_time in _hours(hours)
    ]


def _days(text: str, place: Place) -> list[pb.DayOfWeek.ValueType]:
    try:
        return [day for part in text.split(",") for day in _parse_days(part)]
    except ValueError as fault:
        place.fail(str(fault))
        return []


def _parse_days(text: str) -> list[pb.DayOfWeek.ValueType]:
    """Read `mon`, or `fri-mon`, which goes over the end of the week."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    week = [*_SHORT_DAYS.values()]
    start, end = (week.index(_parse_day(day)) for day in (first, last if dash else first))
    return week[start : end + 1] if start <= end else week[start:] + week[: end + 1]


def _parse_day(text: str) -> pb.DayOfWeek.ValueType:
    return _SHORT_DAYS[text.lower()] if text.lower() in _SHORT_DAYS else DAYS.parse(text)


_SHORT_DAYS: Mapping[str, pb.DayOfWeek.ValueType] = MappingProxyType(
    {DAYS.of(number)[:3]: number for number in pb.DayOfWeek.values() if number}
)


def _hours(place: Place) -> Iterator[tuple[str, str]]:
    parts = place.items() if place.is_list else [place]
    for part in parts:
        yield from part.read(_parse_hours, _NEVER)


def _parse_hours(text: str) -> tuple[tuple[str, str], ...]:
    """Read `8:00-12:00, 13:00-18:00`."""
    found = [_HOURS.fullmatch(part) for part in text.split(",")]
    hours = tuple((match[1].zfill(5), match[2].zfill(5)) for match in found if match)
    if len(hours) < len(found):
        raise ValueError(f"{text!r} is not like 08:00-12:00, 13:00-18:00")
    return hours


def _retry_rules(place: Place) -> list[pb.RetryRule]:
    return [_retry_rule(name, rule) for name, rule in place.entries()]


def _retry_rule(name: str, place: Place) -> pb.RetryRule:
    settings = _read_settings(place.entries(), _RETRY_SETTINGS)
    try:
        return pb.RetryRule(outcome=OUTCOMES.parse(name), **settings)
    except ValueError as fault:
        place.fail(str(fault))
        return pb.RetryRule()


# What the texts mean, the server says.
_PHONE_RULES: Mapping[str, Callable[[Place], Any]] = MappingProxyType(
    {"allow": _texts, "deny": _texts, "deny_kinds": _texts}
)
_SIP_RULES: Mapping[str, Callable[[Place], Any]] = MappingProxyType({"allow_hosts": _texts, "deny_hosts": _texts})
_QUIET_HOURS: Mapping[str, Callable[[Place], Any]] = MappingProxyType(
    {"from": Place.text, "to": Place.text, "zone": Place.text}
)
_DIAL_RULES: Mapping[str, Callable[[Place], Any]] = MappingProxyType(
    {
        "phone": lambda place: pb.PhoneRules(**_read_settings(place.entries(), _PHONE_RULES)),
        "sip": lambda place: pb.SipRules(**_read_settings(place.entries(), _SIP_RULES)),
        "attempts_per_number_and_day": Place.whole,
        "quiet_hours": lambda place: pb.QuietHours(**_read_settings(place.entries(), _QUIET_HOURS)),
    }
)


def _dial_rules(place: Place) -> pb.DialRules:
    return pb.DialRules(**_read_settings(place.entries(), _DIAL_RULES))


_RETRY_SETTINGS: Mapping[str, Callable[[Place], Any]] = MappingProxyType(
    {"retry": Place.switch, "min_delay": _span, "max_retries": Place.whole}
)

_SETTINGS: Mapping[str, Callable[[Place], Any]] = MappingProxyType(
    {
        "service_id": Place.text,
        "sip_address": Place.text,
        "display_name": Place.text,
        "max_concurrent_calls": Place.whole,
        "paused": Place.switch,
        "default_max_retries": Place.whole,
        "ring_timeout": _span,
        "max_queue_time": _span,
        "time_zone": Place.text,
        "opening_hours": _opening_hours,
        "closed_dates": _texts,
        "retry_rules": _retry_rules,
        "first_leg": _name_of(FIRST_LEGS),
        "priority_weights": _wholes,
        "same_target_policy": _name_of(TARGET_POLICIES),
        "agent_address": Place.text,
        "max_call_duration": _span,
        "caller_line_identity": Place.text,
        "caller_line_restricted": Place.switch,
        "default_region": Place.text,
        "dial_rules": _dial_rules,
        "keep_ended": _span,
    }
)

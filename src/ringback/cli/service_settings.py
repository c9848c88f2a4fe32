"""The settings of a service as a services file has them."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from ringback.cli.values import DAYS, FIRST_LEGS, OUTCOMES, TARGET_POLICIES, format_span
from ringback.v1 import directory_service_pb2 as pb

_UNSET_BY_DEFAULT = ("agent_address", "caller_line_identity", "caller_line_restricted", "default_region")


def settings_of(service: pb.Service) -> dict[str, Any]:
    """Return all settings under their names, each as a services file takes it."""
    return {
        "service_id": service.service_id,
        "sip_address": service.sip_address,
        "display_name": service.display_name,
        "max_concurrent_calls": service.max_concurrent_calls,
        "paused": service.paused,
        "default_max_retries": service.default_max_retries,
        "ring_timeout": span_text(service.ring_timeout),
        "max_queue_time": span_text(service.max_queue_time),
        "time_zone": service.time_zone,
        "opening_hours": dict(_hours(service.opening_hours)),
        "closed_dates": list(service.closed_dates),
        "retry_rules": {OUTCOMES.of(rule.outcome): _rule(rule) for rule in service.retry_rules},
        "first_leg": FIRST_LEGS.of(service.first_leg),
        "priority_weights": list(service.priority_weights),
        "same_target_policy": TARGET_POLICIES.of(service.same_target_policy),
        **_special(service),
    }


def _special(service: pb.Service) -> dict[str, Any]:
    """Return those that are no settings of most services."""
    settings = {name: value for name in _UNSET_BY_DEFAULT if (value := getattr(service, name))}
    if service.HasField("max_call_duration"):
        settings["max_call_duration"] = span_text(service.max_call_duration)
    if service.HasField("dial_rules"):
        settings["dial_rules"] = MessageToDict(service.dial_rules, preserving_proto_field_name=True)
    if service.HasField("keep_ended"):
        settings["keep_ended"] = span_text(service.keep_ended)
    return settings


def _hours(periods: Iterable[pb.OpeningPeriod]) -> Iterator[tuple[str, str]]:
    by_day = sorted(periods, key=lambda period: period.day_of_week)
    for day, hours in groupby(by_day, key=lambda period: period.day_of_week):
        yield DAYS.of(day), ", ".join(f"{period.open_time}-{period.close_time}" for period in hours)


def _rule(rule: pb.RetryRule) -> dict[str, Any]:
    settings: dict[str, Any] = {"min_delay": span_text(rule.min_delay)}
    for name in ("retry", "max_retries"):
        if rule.HasField(name):
            settings[name] = getattr(rule, name)
    return settings


def span_text(duration: Duration) -> str:
    return format_span(duration.ToTimedelta())

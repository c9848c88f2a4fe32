"""Records: every value of the domain, exactly, and readable by every later version."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from ringback.domain.callback import Attempt, Callback, Lease
from ringback.domain.dial_rules import DialRules
from ringback.domain.lifecycle import after
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Halt, RetryRule, Service
from ringback.storage.body import read_callback, read_service, time_of, time_us, write_callback, write_service
from ringback.storage.callback_row import lease_expire_us
from tests.world.samples import NOW, SERVICE, connect, dial, ending, new, offer

TIMES = st.datetimes(timezones=st.just(UTC))
# JSON numbers that other languages read back exactly, and timedelta can hold.
DURATIONS = st.integers(0, 2**53).map(lambda number: timedelta(microseconds=number))
LABELS = st.dictionaries(st.text(), st.text())
INFERRED: dict[Any, Any] = {
    datetime: TIMES,
    datetime | None: st.none() | TIMES,
    timedelta: DURATIONS,
    timedelta | None: st.none() | DURATIONS,
    Mapping[Outcome, int]: st.dictionaries(st.sampled_from(Outcome), st.integers(0, 604_800)),
    Mapping[str, str]: LABELS,
}


def any_of(kind: type[Struct], **explicit: Any) -> st.SearchStrategy[Any]:
    """Draw values of a struct with every field set, also those with a default."""
    hints = get_type_hints(kind)
    inferred = {name: INFERRED.get(hints[name], ...) for name in kind.__struct_fields__}
    return st.builds(kind, **(inferred | explicit))


REQUESTS = any_of(CallbackRequest)
CALLBACKS = any_of(
    Callback,
    request=REQUESTS,
    first_request=st.none() | REQUESTS,
    attempts=st.lists(any_of(Attempt), max_size=3).map(tuple),
    lease=st.none() | any_of(Lease),
)
PERIODS = st.builds(OpeningPeriod, st.integers(1, 7), st.integers(0, 719), st.integers(720, 1440))
SERVICES = any_of(
    Service,
    opening_hours=st.builds(
        OpeningHours,
        time_zone=st.sampled_from(["UTC", "Europe/Zurich"]),
        periods=st.lists(PERIODS, max_size=3).map(tuple),
        closed_dates=st.frozensets(st.dates()),
    ),
    retry_rules=st.dictionaries(st.sampled_from(Outcome), any_of(RetryRule)),
    dial_rules=any_of(DialRules),
    pause=st.none() | any_of(Halt),
    zero_capacity=st.none() | any_of(Halt),
)


@given(callback=CALLBACKS)
def test_a_callback_is_read_as_it_was_written(callback: Callback) -> None:
    assert read_callback(write_callback(callback), lease_expire_us(callback)) == callback


@given(service=SERVICES)
def test_a_service_is_read_as_it_was_written(service: Service) -> None:
    assert read_service(write_service(service)) == service


def test_the_end_of_a_lease_is_kept_apart() -> None:
    """Otherwise extending a lease would have to write the whole callback."""
    offered = offer(new())
    assert offered.lease is not None
    assert str(time_us(offered.lease.expire_time)) not in write_callback(offered)


def test_what_is_on_disk_is_read_for_ever() -> None:
    """A change that fails here needs a migration."""
    sample = connect(offer(new(target="tel:+41785556677", caller_id="crm", labels={"größe": "1"}), ring_timeout=None))
    text = """{
        "callback_id": "callback-1",
        "service_id": "00000000-0000-4000-8000-000000000001",
        "request": {
            "target": "tel:+41785556677",
            "seconds_between_retries": 60,
            "service_id": "00000000-0000-4000-8000-000000000001",
            "priority": 5,
            "caller_id": "crm",
            "labels": {"größe": "1"}
        },
        "dial_target": "tel:+41785556677",
        "max_attempts": 4,
        "state": "CONNECTED",
        "revision": 4,
        "create_time": 1772443800123456,
        "update_time": 1772443800123456,
        "due_date": 1772443800123456,
        "ready_time": 1772443800123456,
        "next_attempt_time": null,
        "expire_time": 1773048600123456,
        "queue_time": 1772443800123456,
        "attempts": [
            {
                "number": 1,
                "dialer_id": "dialer",
                "fencing_token": 1,
                "start_time": 1772443800123456,
                "answer_time": 1772443800123456
            }
        ],
        "lease": {"token": "token-1", "dialer_id": "dialer", "fencing_token": 1, "duration": 30000000},
        "fencing_token": 1
    }"""
    [attempt] = sample.attempts
    # Which this version keeps, and the first did not.
    sample = replace(sample, callback_id="callback-1", attempts=(replace(attempt, offer_time=None),))
    assert read_callback(text, 1772443830123456) == sample


def test_an_attempt_of_the_first_version_is_written_as_it_was() -> None:
    body = write_callback(after(dial(offer(new())), ending(Outcome.BUSY)))
    record = json.loads(body)
    for name in ("offer_time", "retry_delay", "retry_delay_reason"):
        del record["attempts"][0][name]
    old = json.dumps(record, separators=(",", ":"))
    assert write_callback(read_callback(old, None)) == old
    assert len(body) - len(old) < 100


def test_what_is_empty_takes_no_space() -> None:
    record = json.loads(write_callback(new()))
    assert "supervisor" not in record["request"]
    assert not {"end_time", "attempts", "lease", "cancel_reason", "agents_failed_at"} & set(record)
    [attempt] = json.loads(write_callback(connect(offer(new()))))["attempts"]
    assert not {"call_ids", "retry_delay", "retry_delay_reason"} & set(attempt)
    service = json.loads(write_service(SERVICE))
    assert not {"agent_address", "max_call_duration", "caller_line_restricted"} & set(service)


def test_defaults_that_mean_something_are_written() -> None:
    """Another default in a later version must not change existing services."""
    record = json.loads(write_service(SERVICE))
    assert record["max_concurrent_calls"] == SERVICE.max_concurrent_calls
    assert record["first_leg"] == "AGENT"


# --- Times ---------------------------------------------------------------------------------------------------


@given(moment=TIMES)
def test_times_are_exact(moment: datetime) -> None:
    assert time_of(time_us(moment)) == moment


def test_a_time_is_the_same_in_every_zone() -> None:
    assert time_us(NOW.astimezone(timezone(timedelta(hours=9)))) == time_us(NOW)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        time_us(NOW.replace(tzinfo=None))

"""Enums, times and durations between the wire and the domain."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from ringback.application.events.watch_batches import EventType
from ringback.domain.callback import State
from ringback.domain.errors import Fault
from ringback.domain.faults import Faults
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.service import FirstLeg, TargetPolicy
from ringback.v1 import callback_pb2 as pb
from ringback.v1 import callbacks_service_pb2 as service_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.wire.callbacks import read_request
from ringback.wire.enums import FIRST_LEGS, OUTCOMES, PRIORITIES, STATES, TARGET_POLICIES
from ringback.wire.values import read_duration, read_time
from tests.world.wire import fields

# --- Enums -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number", "wire", "prefix"),
    [
        (State, STATES.number, pb.CallbackState.items(), "CALLBACK_STATE_"),
        (Priority, PRIORITIES.number, pb.Priority.items(), "PRIORITY_"),
        (Priority, int, pb.Priority.items(), "PRIORITY_"),
        (Outcome, OUTCOMES.number, pb.CallOutcome.items(), "CALL_OUTCOME_"),
        (FirstLeg, FIRST_LEGS.number, directory_pb.FirstLeg.items(), "FIRST_LEG_"),
        (TargetPolicy, TARGET_POLICIES.number, directory_pb.TargetPolicy.items(), "TARGET_POLICY_"),
        (EventType, int, service_pb.CallbackEventType.items(), "CALLBACK_EVENT_TYPE_"),
    ],
)
def test_enums_have_the_names_and_numbers_of_the_wire(
    kind: type[Enum], number: Callable[[Enum], int], wire: list[tuple[str, int]], prefix: str
) -> None:
    assert [(f"{prefix}{member.name}", number(member)) for member in kind] == wire[1:]
    assert wire[0] == (f"{prefix}UNSPECIFIED", 0)


@given(number=st.integers(-(2**31), 2**31 - 1))
def test_any_number_of_an_open_enum_is_read_or_refused(number: int) -> None:
    faults = Faults()
    state = STATES.read(number, "states[0]", faults)
    if number in pb.CallbackState.values()[1:]:
        assert (STATES.number(state), faults.violations) == (number, [])
    else:
        description = f"{number} is not a known value" if number else "is unspecified"
        assert faults.violations == [Fault("states[0]", description)]


def test_days_of_the_week_have_the_numbers_of_iso_8601() -> None:
    days = directory_pb.DayOfWeek.items()[1:]
    assert [number for _, number in days] == [1, 2, 3, 4, 5, 6, 7]
    monday = date(2026, 3, 2)
    for name, number in days:
        day = monday + timedelta(days=number - 1)
        assert (name, day.isoweekday()) == (f"DAY_OF_WEEK_{day:%A}".upper(), number)


# --- Times and durations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Timestamp(), datetime(1970, 1, 1, tzinfo=UTC)),
        (Timestamp(seconds=-62_135_596_800), datetime(1, 1, 1, tzinfo=UTC)),
        (
            Timestamp(seconds=253_402_300_799, nanos=999_999_999),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        ),
        (Timestamp(seconds=-1, nanos=1_999), datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_exactly_and_what_is_below_a_microsecond_is_dropped(sent: Timestamp, expected: datetime) -> None:
    faults = Faults()
    assert read_time(pb.CallbackRequest(due_date=sent), "due_date", faults) == expected
    assert fields(faults) == []


@pytest.mark.parametrize(
    "sent",
    [
        Timestamp(seconds=-62_135_596_801),
        Timestamp(seconds=253_402_300_800),
        Timestamp(seconds=2**63 - 1),
        Timestamp(seconds=-(2**63), nanos=-(2**31)),
        Timestamp(nanos=-1),
        Timestamp(nanos=1_000_000_000),
    ],
)
def test_what_is_no_time_is_a_fault_of_its_field(sent: Timestamp) -> None:
    faults = Faults()
    message = pb.CallbackRequest(due_date=sent, expire_time=sent)
    request = read_request(message, faults.under("callback_request"))
    assert (request.due_date, request.expire_time) == (None, None)
    assert fields(faults) == ["callback_request.due_date", "callback_request.expire_time"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Duration(), timedelta(0)),
        (Duration(seconds=1, nanos=1_999), timedelta(seconds=1, microseconds=1)),
        (Duration(seconds=-1, nanos=-500_000_000), timedelta(seconds=-1.5)),
        (Duration(seconds=315_576_000_000), timedelta(seconds=315_576_000_000)),
    ],
)
def test_durations(sent: Duration, expected: timedelta) -> None:
    faults = Faults()
    assert read_duration(directory_pb.Service(ring_timeout=sent), "ring_timeout", faults) == expected
    assert fields(faults) == []


@pytest.mark.parametrize(
    "sent",
    [
        Duration(seconds=315_576_000_001),
        Duration(seconds=-(2**63)),
        Duration(seconds=2**63 - 1, nanos=2**31 - 1),
        Duration(nanos=1_000_000_000),
        Duration(seconds=1, nanos=-1),
        Duration(seconds=-1, nanos=1),
    ],
)
def test_what_is_no_duration_is_a_fault(sent: Duration) -> None:
    faults = Faults()
    assert read_duration(directory_pb.Service(ring_timeout=sent), "ring_timeout", faults) is None
    assert fields(faults) == ["ring_timeout"]

"""What a closed or paused service means for its callbacks, as a table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.closing import attempt_time, correction, steps_back, steps_to_dialing
from ringback.domain.events import DialingStarted, Leased, LeaseLapsed, LeaseReleased, OfferWithdrawn
from ringback.domain.lifecycle import after, versions
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.service import Service
from tests.world.lifecycle import DAY, HOUR, NOW, SECOND, SERVICE, in_state, planned, walked

# NOW is a Monday, at noon.
CLOSED = replace(SERVICE, opening_hours=OpeningHours("UTC", (OpeningPeriod(2, 8 * 60, 18 * 60),)))
OPENING = datetime(2026, 3, 3, 8, tzinfo=UTC)
NO_ZONE = replace(SERVICE, opening_hours=OpeningHours("Mars/Olympus"))
PAUSED, NO_CALLS = replace(SERVICE, paused=True), replace(SERVICE, max_concurrent_calls=0)
OFFERED = walked(planned(due_in=-HOUR), Leased)
AT = OFFERED.update_time + SECOND


@pytest.mark.parametrize(
    ("service", "state", "next_attempt"),
    [
        (SERVICE, State.DIALING, None),
        (PAUSED, State.QUEUED, OFFERED.next_attempt_time),
        (NO_CALLS, State.QUEUED, OFFERED.next_attempt_time),
        (CLOSED, State.SCHEDULED, OPENING),
        (replace(CLOSED, paused=True), State.SCHEDULED, OPENING),
        (NO_ZONE, State.QUEUED, OFFERED.next_attempt_time),
    ],
    ids=["open", "paused", "no calls", "closed", "closed and paused", "no zone"],
)
def test_a_report_of_dialing(service: Service, state: State, next_attempt: datetime | None) -> None:
    result = versions(OFFERED, steps_to_dialing(OFFERED, service, DialingStarted(at=AT)))[-1]
    assert (result.state, result.next_attempt_time) == (state, next_attempt)
    assert (len(result.attempts), result.lease is None) == ((1, False) if state is State.DIALING else (0, True))
    assert result.ready_time == OFFERED.ready_time


def test_a_report_of_dialing_after_the_expiry() -> None:
    at = OFFERED.expire_time
    for event, state in ((DialingStarted(at=at - SECOND), State.DIALING), (DialingStarted(at=at), State.EXPIRED)):
        assert versions(OFFERED, steps_to_dialing(OFFERED, SERVICE, event))[-1].state is state


@pytest.mark.parametrize("state", [State.DIALING, State.CONNECTED, State.CANCELLING])
@pytest.mark.parametrize(
    "service", [PAUSED, NO_CALLS, CLOSED, NO_ZONE], ids=["paused", "no calls", "closed", "no zone"]
)
def test_a_repetition_is_accepted_whatever_has_become_of_the_service(state: State, service: Service) -> None:
    callback = in_state(state)
    [event] = steps_to_dialing(callback, service, DialingStarted(at=callback.expire_time + DAY))
    assert isinstance(event, DialingStarted)
    assert after(callback, event) is callback


@pytest.mark.parametrize(
    "event",
    [LeaseReleased(at=AT), LeaseLapsed(at=AT, service=CLOSED), OfferWithdrawn(at=AT)],
    ids=["released", "lapsed", "withdrawn"],
)
def test_what_comes_back_waits_for_the_opening(event: Any) -> None:
    queued, scheduled = versions(OFFERED, steps_back(OFFERED, event, CLOSED))
    assert (queued.state, scheduled.state, scheduled.next_attempt_time) == (State.QUEUED, State.SCHEDULED, OPENING)
    [queued] = versions(OFFERED, steps_back(OFFERED, event, SERVICE))
    assert (queued.state, queued.ready_time) == (State.QUEUED, OFFERED.ready_time)


HOURS = st.builds(
    OpeningHours,
    st.sampled_from(["UTC", "Asia/Kolkata", "Mars/Olympus"]),
    st.sampled_from([(), (OpeningPeriod(1, 0, 60),), (OpeningPeriod(2, 600, 1440), OpeningPeriod(3, 0, 300))]),
)
WAITING = st.builds(
    lambda due_h, lasts_h: planned(due_in=due_h * HOUR, expire_in=(max(due_h, 0) + lasts_h) * HOUR),
    st.integers(-20, 200),
    st.integers(1, 300),
)


@given(callback=WAITING, hours=HOURS, later=st.timedeltas(timedelta(0), timedelta(days=10)))
def test_a_correction_takes_a_callback_to_where_it_belongs_and_no_further(
    callback: Callback, hours: OpeningHours, later: timedelta
) -> None:
    service, at = replace(SERVICE, opening_hours=hours), callback.update_time + later
    event = correction(callback, service, at)
    if hours.lacks_zone:
        assert event is None
        return
    moved = callback if event is None else after(callback, event)
    assert correction(moved, service, at) is None
    right = attempt_time(callback, service, at)
    assert at <= right
    assert right == max(callback.expire_time, at) or hours.is_open(right)
    if moved.state is State.SCHEDULED and right > at:
        assert moved.next_attempt_time == right


def test_a_clock_that_is_set_back_takes_nothing_out_of_the_queue() -> None:
    queued = planned(due_in=-HOUR)
    assert queued.ready_time == NOW
    for callback in (queued, OFFERED):
        assert attempt_time(callback, SERVICE, NOW - HOUR) == NOW - HOUR
    assert [e.at for e in steps_back(OFFERED, LeaseReleased(at=NOW - HOUR), SERVICE)] == [NOW - HOUR]


@pytest.mark.parametrize("state", State)
def test_only_what_waits_is_corrected(state: State) -> None:
    callback = in_state(state)
    corrected = correction(callback, CLOSED, callback.update_time)
    assert (corrected is not None) is (state in (State.SCHEDULED, State.QUEUED))

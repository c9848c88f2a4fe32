"""What lies further ahead than it ever could, because the clock was set back, is cut short, and nothing else is."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import LONGEST_LEASE, Callback, Lease, State
from ringback.domain.clock_set_back import correction, lease_end
from ringback.domain.events import AttemptEnded
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from tests.world.samples import NOW, SERVICE, dial, new, offer, seconds

DURATIONS = st.timedeltas(seconds(5), LONGEST_LEASE)
STEPS = st.timedeltas(timedelta(0), 4000 * LONGEST_LEASE)


def lease(duration: timedelta, left: timedelta) -> Lease:
    return Lease(token="t", dialer_id="d", fencing_token=1, duration=duration, expire_time=NOW + left)


@given(
    DURATIONS, DURATIONS, st.timedeltas(timedelta(0), LONGEST_LEASE), st.timedeltas(timedelta(0), 4000 * LONGEST_LEASE)
)
def test_no_lease_outlives_the_longest_one(
    granted: timedelta, extended: timedelta, passed: timedelta, back: timedelta
) -> None:
    """However its dialer has extended it, and whenever the clock is set back by whatever."""
    held = lease(granted, extended)
    now = NOW + passed - back
    end = lease_end(held, now)
    assert end <= now + LONGEST_LEASE
    assert end in (held.expire_time, now + granted)
    assert lease_end(replace(held, expire_time=end), now) == end


@given(DURATIONS, DURATIONS, STEPS)
def test_a_lease_that_can_be_is_left_alone(granted: timedelta, extended: timedelta, passed: timedelta) -> None:
    held = lease(granted, extended)
    assert lease_end(held, NOW + passed) == held.expire_time


# --- What waits ------------------------------------------------------------------------------------------------


def failed(due_date: datetime | None = None, at: datetime = NOW) -> Callback:
    """Return a callback that waits for its retry, a minute after a dial-out that failed at that time."""
    callback = dial(offer(replace(new(), state=State.QUEUED), at=at), at=at)
    callback = replace(callback, request=replace(callback.request, due_date=due_date))
    return after(callback, AttemptEnded(at=at, outcome=Outcome.BUSY, service=SERVICE))


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)))
def test_a_retry_waits_for_its_delay_from_now_on(back: timedelta) -> None:
    callback = failed()
    delay = callback.ready_time - NOW
    event = correction(callback, SERVICE, NOW - back)
    assert event is not None
    corrected = after(callback, event)
    assert corrected.ready_time == corrected.next_attempt_time == NOW - back + delay
    assert corrected.state is State.SCHEDULED
    assert correction(corrected, SERVICE, NOW - back) is None
    assert correction(corrected, SERVICE, NOW - back + delay / 2) is None
    assert correction(corrected, SERVICE, NOW - back + delay) is None


@given(st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_what_was_planned_before_now_stays(passed: timedelta) -> None:
    assert correction(failed(), SERVICE, NOW + passed) is None


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)))
def test_a_requested_time_is_one_of_the_clock_as_it_is(back: timedelta) -> None:
    due = NOW + timedelta(hours=1)
    callback = replace(new(), state=State.SCHEDULED, due_date=due, ready_time=due, next_attempt_time=due)
    callback = replace(callback, request=replace(callback.request, due_date=due))
    assert correction(callback, SERVICE, NOW - back) is None


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)))
def test_what_is_queued_is_due_and_stays_queued(back: timedelta) -> None:
    callback = replace(new(), state=State.QUEUED)
    event = correction(callback, SERVICE, NOW - back)
    assert event is not None
    corrected = after(callback, event)
    assert (corrected.state, corrected.ready_time) == (State.QUEUED, NOW - back)

"""What lies further ahead than it ever could, because the clock was set back, is cut short, and nothing else is."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import LONGEST_LEASE, Lease
from ringback.domain.clock_set_back import lease_end
from tests.world.samples import NOW, seconds

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

"""The rest of a service whose agents do not answer: one second, and twice as long each time, up to a minute."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.agents_rest import Rest, after_failure
from tests.world.lifecycle import HOUR, NOW, SECOND

MOMENT = timedelta(microseconds=1)
# How long after the one before it each failure comes.
GAPS = st.lists(st.timedeltas(min_value=timedelta(0), max_value=3 * HOUR), min_size=1, max_size=30)


def rests_after(gaps: list[timedelta]) -> list[Rest]:
    rests, rest, at = [], None, NOW
    for gap in gaps:
        at += gap
        rest = after_failure(rest, at)
        rests.append(rest)
    return rests


def test_each_failure_after_a_rest_doubles_it_up_to_a_minute() -> None:
    rest, lengths = None, []
    for _ in range(9):
        rest = after_failure(rest, NOW if rest is None else rest.until)
        lengths.append(rest.length // SECOND)
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_rest_holds_until_its_end() -> None:
    rest = after_failure(None, NOW)
    assert rest == Rest(NOW + SECOND, SECOND)
    assert rest.holds(NOW)
    assert rest.holds(NOW + SECOND - MOMENT)
    assert not rest.holds(NOW + SECOND)


@given(GAPS)
def test_the_lengths_are_those_powers_of_two_in_order(gaps: list[timedelta]) -> None:
    lengths = [rest.length // SECOND for rest in rests_after(gaps)]
    assert lengths[0] == 1
    for shorter, longer in pairwise(lengths):
        assert longer in (shorter, min(2 * shorter, 60))
    assert set(lengths) <= {1, 2, 4, 8, 16, 32, 60}


@given(GAPS)
def test_a_failure_within_a_rest_changes_nothing_and_one_after_it_begins_the_next(gaps: list[timedelta]) -> None:
    at = NOW + gaps[0]
    for (before, rest), gap in zip(pairwise(rests_after(gaps)), gaps[1:], strict=True):
        at += gap
        if at < before.until:
            assert rest is before
        else:
            assert rest.until - at == rest.length == min(2 * before.length, 60 * SECOND)


@given(GAPS, st.timedeltas(min_value=2 * HOUR, max_value=24 * HOUR))
def test_nothing_rests_for_as_long_as_a_clock_was_set_back(gaps: list[timedelta], back: timedelta) -> None:
    rest = rests_after(gaps)[-1]
    at = rest.until - rest.length - back
    assert not rest.holds(at)
    assert after_failure(rest, at).holds(at)

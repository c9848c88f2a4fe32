"""The token bucket: bursts up to its size, its rate in the long run, and delays that are true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.application.token_bucket import TokenBucket

RATES = st.floats(min_value=0.01, max_value=10_000)
TAKES = st.lists(st.tuples(st.floats(min_value=0, max_value=5), st.integers(min_value=1, max_value=1000)), max_size=50)


@given(RATES, TAKES)
def test_in_the_long_run_no_more_is_taken_than_the_rate_allows(rate: float, takes: list[tuple[float, int]]) -> None:
    """Beyond what the bucket holds and has been filled with, there is at most the debt of one large take."""
    bucket = TokenBucket(rate, 0.0)
    now, taken, largest = 0.0, 0, 0
    for pause, tokens in takes:
        now += pause
        if bucket.take(tokens, now) == 0:
            taken += tokens
            largest = max(largest, tokens)
            assert taken <= bucket.size + rate * now + largest + 1e-6 * rate


@given(RATES, TAKES)
def test_after_the_delay_it_is_let_in_and_not_before(rate: float, takes: list[tuple[float, int]]) -> None:
    bucket = TokenBucket(rate, 0.0)
    now = 0.0
    for pause, tokens in takes:
        now += pause
        delay = bucket.take(tokens, now)
        if delay > 0:
            assert bucket.take(tokens, now + delay * 0.99) > 0
            now += delay
            assert bucket.take(tokens, now) == 0


def test_a_bucket_holds_a_second_and_at_least_one() -> None:
    assert [TokenBucket(rate, 0.0).size for rate in (0.1, 1, 200)] == [1, 1, 200]


def test_a_batch_larger_than_the_bucket_is_let_in_when_it_is_full_and_paid_off() -> None:
    bucket = TokenBucket(10, 0.0)
    assert bucket.take(1000, 0.0) == 0
    assert bucket.take(1, 0.0) == pytest.approx(99.1)
    assert bucket.take(1000, 99.0) == pytest.approx(1.0)
    assert bucket.take(1000, 100.0) == 0


def test_a_clock_that_goes_back_fills_nothing() -> None:
    bucket = TokenBucket(1, 100.0)
    assert bucket.take(1, 100.0) == 0
    assert bucket.take(1, 50.0) == pytest.approx(1)


def test_a_full_bucket_is_as_a_new_one() -> None:
    bucket = TokenBucket(1, 0.0)
    assert bucket.is_full(0.0)
    bucket.take(1, 0.0)
    assert not bucket.is_full(0.9)
    assert bucket.is_full(1.0)

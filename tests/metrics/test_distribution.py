"""A distribution is what a histogram of Prometheus is made of."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.metrics.distribution import Distribution

BOUNDS = (0.1, 1.0, 10.0)


@given(st.lists(st.floats(0, 100)))
def test_each_bound_has_all_that_is_not_above_it(values: list[float]) -> None:
    distribution = Distribution(BOUNDS)
    for value in values:
        distribution.observe(value)
    expected = [(bound, sum(value <= bound for value in values)) for bound in (*BOUNDS, float("inf"))]
    assert list(distribution.up_to()) == expected
    assert distribution.count == len(values)
    assert distribution.sum == sum(values)


def test_a_value_that_is_a_bound_is_not_above_it() -> None:
    distribution = Distribution(BOUNDS)
    distribution.observe(1.0)
    assert list(distribution.up_to()) == [(0.1, 0), (1.0, 1), (10.0, 1), (float("inf"), 1)]

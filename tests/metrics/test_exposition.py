"""What is written is what prometheus-client would write, to the byte."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest as text
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics

from ringback.metrics.exposition import END, Format, chosen, written
from ringback.metrics.families import number

NUMBERS = st.floats(allow_nan=True) | st.integers(0, 2**53)
LABELS = st.text(max_size=8) | st.sampled_from(['"', "\\", "\n", 'a"b\\c\nd'])


class One:
    """A registry of one family."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        yield self._family


def _assert_same(family: Family) -> None:
    assert written(family, Format.TEXT) == text(One(family)).decode()
    theirs = open_metrics(One(family))  # type: ignore[no-untyped-call]
    assert written(family, Format.OPEN_METRICS) + END == theirs.decode()


@given(st.text(max_size=20), st.lists(st.tuples(LABELS, LABELS, NUMBERS), max_size=5))
def test_gauges_and_counters(help_: str, samples: list[tuple[str, str, float]]) -> None:
    for make in (GaugeMetricFamily, CounterMetricFamily):
        family = make("ringback_things", help_, labels=("kind", "at"))
        for one, other, value in samples:
            family.add_metric((one, other), value)
        _assert_same(family)


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3), LABELS)
def test_histograms(counts: list[int], label: str) -> None:
    family = HistogramMetricFamily("ringback_seconds", "How long.", labels=("kind",))
    buckets = [(number(le), count) for le, count in zip((0.001, 2.5, float("inf")), counts, strict=True)]
    family.add_metric((label,), buckets, sum_value=1.25)
    _assert_same(family)


# As Prometheus 2.42 and 3.5 send it, and others.
OF_PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
OF_PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (OF_PROMETHEUS_2, Format.OPEN_METRICS),
        (OF_PROMETHEUS_3, Format.OPEN_METRICS),
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/plain", Format.TEXT),
        ("text/html", Format.TEXT),
        ("application/openmetrics-text", Format.OPEN_METRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", Format.OPEN_METRICS),
        ("application/openmetrics-text;version=2.0.0, text/plain", Format.TEXT),
        ("application/openmetrics-text;q=0", Format.TEXT),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.7", Format.TEXT),
        ("application/openmetrics-text;q=none", Format.TEXT),
        (";;q=,,", Format.TEXT),
    ],
)
def test_the_format_is_the_one_that_is_preferred(accept: str, expected: Format) -> None:
    assert chosen(accept) is expected


@given(st.text())
def test_no_header_is_too_strange(accept: str) -> None:
    assert chosen(accept) in Format

"""The objects of prometheus-client, made of what is counted here."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.utils import floatToGoString

from ringback.metrics.catalogue import Metric, MetricType
from ringback.metrics.distribution import Distribution

Labels: TypeAlias = tuple[str, ...]


def values(metric: Metric, samples: Iterable[tuple[Labels, float]]) -> Family:
    """Return the family of a counter or a gauge: the value for each set of labels."""
    make = CounterMetricFamily if metric.type is MetricType.COUNTER else GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def value(metric: Metric, number: float) -> Family:
    """Return the family of a counter or a gauge without labels."""
    return values(metric, [((), number)])


def distributions(metric: Metric, samples: Iterable[tuple[Labels, Distribution]]) -> Family:
    """Return the family of a histogram."""
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, distribution in samples:
        buckets: Sequence[tuple[str, float]] = [(number(le), n) for le, n in distribution.up_to()]
        family.add_metric(labels, buckets, sum_value=distribution.sum)
    return family


def distribution(metric: Metric, sample: Distribution) -> Family:
    """Return the family of a histogram without labels."""
    return distributions(metric, [((), sample)])


def number(value: float) -> str:
    """Return a number as Prometheus writes it."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]

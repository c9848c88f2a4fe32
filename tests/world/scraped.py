"""The samples of a scrape, read as Prometheus' own library reads them."""

from collections.abc import Iterable, Mapping

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from ringback.metrics.exposition import Format, written


class Scraped:
    """What a text in the format of Prometheus has."""

    def __init__(self, text: str) -> None:
        self._values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in self._values, f"{key} is there twice"
                self._values[key] = sample.value

    @classmethod
    def of(cls, families: Iterable[Family]) -> "Scraped":
        return cls("".join(written(family, Format.TEXT) for family in families))

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self._values}

    def all_of(self, name: str) -> Mapping[frozenset[tuple[str, str]], float]:
        return {labels: value for (found, labels), value in self._values.items() if found == name}

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one value with exactly these labels, None when there is none."""
        return self._values.get((name, frozenset(labels.items())))

"""How transactions went."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import Metric as Family

from ringback.metrics import catalogue
from ringback.metrics.distribution import Distribution
from ringback.metrics.families import distribution, values

BOUNDS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS_OPERATIONS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class CommitFigures:
    """A listener of the store's transactions."""

    def __init__(self) -> None:
        self._failed = 0
        self._durations: Final = Distribution(BOUNDS_S)
        self._sizes: Final = Distribution(BOUNDS_OPERATIONS)

    def tell(self, operations: int, seconds: float, durable: bool) -> None:
        if not durable:
            self._failed += 1
            return
        self._durations.observe(seconds)
        self._sizes.observe(operations)

    def collect(self) -> Iterator[Family]:
        yield values(catalogue.COMMITS, [(("ok",), self._sizes.count), (("failed",), self._failed)])
        yield distribution(catalogue.COMMIT_DURATION, self._durations)
        yield distribution(catalogue.COMMIT_SIZE, self._sizes)

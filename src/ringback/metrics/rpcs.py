"""How many RPCs there were, how they ended, and how long they took."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import Metric as Family

from ringback.application.access import RIGHTS, Caller
from ringback.metrics import catalogue
from ringback.metrics.distribution import Distribution
from ringback.metrics.families import distributions, values
from ringback.metrics.service_labels import OTHER

# From what is answered from memory to the longest that a client waits.
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# They wait for something to happen, so their time says nothing about the server.
_LONG: Final = frozenset({"WatchCallbacks", "WatchQueues", "LeaseCallbacks"})


class _Series:
    """The calls of one name, edge and status."""

    __slots__ = ("count", "durations")

    def __init__(self, durations: Distribution | None) -> None:
        self.count = 0
        # Shared by all statuses; None for what waits.
        self.durations = durations


class RpcFigures:
    """An observer of the entry: it is told of every call that has ended."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._durations: dict[tuple[str, str], Distribution] = {}

    def on_end(self, rpc: str, edge: str, code: str, caller: Caller | None, duration_s: float) -> None:  # noqa: ARG002
        series = self._series.get((rpc, edge, code)) or self._series_of(rpc, edge, code)
        series.count += 1
        if series.durations is not None:
            series.durations.observe(duration_s)

    def _series_of(self, rpc: str, edge: str, code: str) -> _Series:
        if rpc not in RIGHTS:  # whatever a client has made up
            rpc = OTHER
        durations = None if rpc in _LONG else self._durations.setdefault((rpc, edge), Distribution(BOUNDS_S))
        return self._series.setdefault((rpc, edge, code), _Series(durations))

    def collect(self) -> Iterator[Family]:
        yield values(catalogue.RPCS, [(labels, series.count) for labels, series in self._series.items()])
        yield distributions(catalogue.RPC_DURATION, self._durations.items())

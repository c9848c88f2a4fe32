"""How late the event loop is: what blocks it, or a machine that is too small, shows here first."""

import asyncio
from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import Metric as Family

from ringback.metrics import catalogue
from ringback.metrics.distribution import Distribution
from ringback.metrics.families import distribution

BOUNDS_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_INTERVAL_S: Final = 0.25


class EventLoopDelay:
    """A timer that looks how late it is."""

    def __init__(self) -> None:
        self._delays: Final = Distribution(BOUNDS_S)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + _INTERVAL_S
            await asyncio.sleep(_INTERVAL_S)
            self._delays.observe(max(loop.time() - due_s, 0.0))

    def collect(self) -> Iterator[Family]:
        yield distribution(catalogue.LOOP_DELAY, self._delays)

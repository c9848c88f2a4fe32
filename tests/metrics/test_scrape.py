"""A scrape is made once for all who come within a second, and lets other tasks run meanwhile."""

import asyncio
import gzip
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from ringback.metrics.exposition import Format
from ringback.metrics.scrape import KEPT_S, Scrape


class Counting:
    """A collector that tells how often it was read."""

    def __init__(self) -> None:
        self.reads = 0
        self.now_s = 0.0
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        self.scrape = Scrape(registry, self._prepare, lambda: self.now_s)

    async def _prepare(self) -> None:
        self.reads += 1
        await asyncio.sleep(0)

    def collect(self) -> Iterator[Family]:
        for name in ("ringback_one", "ringback_two"):
            family = GaugeMetricFamily(name, "A number.")
            family.add_metric((), self.reads)
            yield family


async def test_a_hundred_at_once_cost_one() -> None:
    counting = Counting()
    texts = await asyncio.gather(*(counting.scrape.read(Format.TEXT) for _ in range(100)))
    assert counting.reads == 1
    assert len(set(texts)) == 1


async def test_a_second_later_it_is_another_one() -> None:
    counting = Counting()
    first = await counting.scrape.read(Format.TEXT)
    counting.now_s = KEPT_S
    assert await counting.scrape.read(Format.TEXT) is first
    counting.now_s += 0.001
    assert b"ringback_one 2.0" in await counting.scrape.read(Format.TEXT)


async def test_compressed_it_is_the_same() -> None:
    counting = Counting()
    plain = await counting.scrape.read(Format.OPEN_METRICS)
    assert gzip.decompress(await counting.scrape.read(Format.OPEN_METRICS, compressed=True)) == plain
    assert plain.endswith(b"# EOF\n")
    assert counting.reads == 1


async def test_one_who_gives_up_does_no_harm_to_the_others() -> None:
    counting = Counting()
    gone = asyncio.create_task(counting.scrape.read(Format.TEXT))
    await asyncio.sleep(0)
    other = asyncio.create_task(counting.scrape.read(Format.TEXT))
    gone.cancel()
    assert b"ringback_two" in await other


async def test_other_tasks_run_between_two_families() -> None:
    counting = Counting()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(turn())
    await counting.scrape.read(Format.TEXT)
    other.cancel()
    assert turns >= 3

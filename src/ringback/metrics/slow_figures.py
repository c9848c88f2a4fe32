"""What takes too long to look up at a scrape: the size of the database, and the connections to it."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final

from prometheus_client.metrics_core import Metric as Family

from ringback.domain.errors import StorageUnavailable
from ringback.metrics import catalogue
from ringback.metrics.families import value, values
from ringback.ports.store import Store
from ringback.ports.values import StoreSize

_INTERVAL_S: Final = 10.0


class SlowFigures:
    """Looks every ten seconds, and keeps what it saw."""

    def __init__(self, store: Store, connections: Mapping[str, Callable[[], Collection[str]]]) -> None:
        """`connections` are those that are open, by edge."""
        self._store = store
        self._connections = connections
        self._size: StoreSize | None = None
        self._open: dict[str, int] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_INTERVAL_S)

    async def look(self) -> None:
        # While the database is away, its last size is as good as any.
        with suppress(StorageUnavailable):
            self._size = await self._store.size()
        for edge, of_edge in self._connections.items():
            # It looks at all files that are open.
            self._open[edge] = len(await asyncio.to_thread(of_edge))

    def collect(self) -> Iterator[Family]:
        yield values(catalogue.CONNECTIONS, [((edge,), count) for edge, count in self._open.items()])
        if self._size is not None:
            yield from _space(self._size)


def _space(size: StoreSize) -> Iterator[Family]:
    yield value(catalogue.DATABASE_SIZE, size.database)
    if size.write_ahead_log is not None:
        yield value(catalogue.DATABASE_WAL, size.write_ahead_log)
    if size.free is not None:
        yield value(catalogue.DATABASE_FREE, size.free)

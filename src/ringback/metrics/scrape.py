"""A scrape: all families written out, without blocking the event loop for long, and not more often than it is worth."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry

from ringback.metrics.exposition import END, Format, written

# For so long a scrape is given to everybody who comes: a hundred that scrape cost as much as one.
KEPT_S: Final = 1.0
# Twice as large as with the highest level, in a fraction of the time.
_LEVEL: Final = 1


class _Written:
    """A scrape in one format, compressed once it is needed so."""

    def __init__(self, text: bytes, made_at_s: float) -> None:
        self.text: Final = text
        self.made_at_s: Final = made_at_s
        self._compressed: bytes | None = None

    async def compressed(self) -> bytes:
        if self._compressed is None:
            self._compressed = await asyncio.to_thread(gzip.compress, self.text, _LEVEL)
        return self._compressed


class Scrape:
    """What is in a registry, as text."""

    def __init__(
        self, registry: CollectorRegistry, prepare: Callable[[], Awaitable[None]], monotonic: Callable[[], float]
    ) -> None:
        """`prepare` comes before the registry is read."""
        self._registry = registry
        self._prepare = prepare
        self._monotonic = monotonic
        self._kept: dict[Format, _Written] = {}
        self._locks: Mapping[Format, asyncio.Lock] = {each: asyncio.Lock() for each in Format}

    async def read(self, format_: Format, *, compressed: bool = False) -> bytes:
        """Return all metrics as they were within the last second."""
        async with self._locks[format_]:
            kept = self._kept.get(format_)
            if kept is None or self._monotonic() - kept.made_at_s > KEPT_S:
                kept = self._kept[format_] = _Written(await self.write(format_), self._monotonic())
            return await kept.compressed() if compressed else kept.text

    async def write(self, format_: Format) -> bytes:
        """Return all metrics as they are now."""
        await self._prepare()
        parts = []
        for family in self._registry.collect():
            parts.append(written(family, format_))
            await asyncio.sleep(0)
        if format_ is Format.OPEN_METRICS:
            parts.append(END)
        return "".join(parts).encode()

"""What it costs that many callbacks wait, on SQLite."""

import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from bench.growth import disk, startup
from bench.growth.operations import Subject
from bench.growth.page import show
from bench.part import Course, Measured, Part, Scale
from bench.processes import BUILD
from bench.sqlite_backlog import SqliteBacklog


class _Extent(NamedTuple):
    """How much is measured."""

    sizes: Sequence[int]
    # Rounds of each operation, and operations in a round.
    rounds: int
    samples: int
    starts: int
    # Of 100 creates, for what is on the disk.
    batches: int


_EXTENTS: Final = {
    Scale.SHORT: _Extent((10_000, 50_000), rounds=4, samples=30, starts=3, batches=50),
    Scale.FULL: _Extent((10_000, 100_000, 1_000_000, 10_000_000), rounds=9, samples=40, starts=5, batches=500),
}
# Warms up what is warm in a server that has run for a while; not counted.
_WARM_UP: Final = 1


class _Database(NamedTuple):
    path: Path
    backlog: SqliteBacklog


async def measure(course: Course) -> Measured:
    """Measure with the sizes in turn everywhere, so that whatever else the machine does meets all of them."""
    extent = _EXTENTS[course.scale]
    async with _filled(extent.sizes) as databases:
        return {
            "sizes": extent.sizes,
            "disk": await disk.measure(databases[0].path.with_name("disk.db"), extent.batches),
            **await _operate(databases, extent),
            "starts": [await _start(databases) for _ in range(extent.starts)],
        }


@asynccontextmanager
async def _filled(sizes: Sequence[int]) -> AsyncIterator[Sequence[_Database]]:
    """Fill one database for each size; remove them after the block."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=BUILD, prefix="growth-") as folder:
        databases = [_Database(Path(folder) / f"{size}.db", SqliteBacklog(size)) for size in sizes]
        for path, backlog in databases:
            begun = time.perf_counter()
            await backlog.fill(path)
            print(f"{backlog.count:,} waiting: filled in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        yield databases


async def _start(databases: Sequence[_Database]) -> dict[str, Any]:
    return {
        **await startup.imports(),
        "servers": [await startup.start(path, backlog) for path, backlog in databases],
    }


async def _operate(databases: Sequence[_Database], extent: _Extent) -> dict[str, Any]:
    """Return what each operation took, by name, for each round and size; and how large the servers are then."""
    async with AsyncExitStack() as stack:
        subjects = [await stack.enter_async_context(Subject.on(*database)) for database in databases]
        names = list(subjects[0].operations)
        rounds: dict[str, list[Any]] = {name: [] for name in names}
        for _ in range(_WARM_UP + extent.rounds):
            for name in random.sample(names, len(names)):
                rounds[name].append([await _measure(name, subject, extent.samples) for subject in subjects])
        resident = [subject.resident_bytes() for subject in subjects]
    return {
        "operations": {name: measured[_WARM_UP:] for name, measured in rounds.items()},
        "resident_bytes": resident,
    }


async def _measure(name: str, subject: Subject, samples: int) -> dict[str, float]:
    """Return the operation's median latency, and what it takes of the server on average."""
    await subject.prepare(samples)
    operation = subject.operations[name]
    cpu_s, disk_bytes = subject.cpu_s(), subject.disk_bytes()
    taken_ms = [await _timed_ms(operation) for _ in range(samples)]
    return {
        "median_us": statistics.median(taken_ms) * 1000,
        "cpu_us": (subject.cpu_s() - cpu_s) / samples * 1e6,
        "disk_bytes": (subject.disk_bytes() - disk_bytes) / samples,
    }


async def _timed_ms(operation: Any) -> float:
    begun = time.perf_counter()
    await operation()
    return (time.perf_counter() - begun) * 1000


PART: Final = Part("growth", "With ten million waiting", measure, show)

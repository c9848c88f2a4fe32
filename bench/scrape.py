"""What metrics cost: a scrape beside a million callbacks that wait for a thousand services, and what each call adds.

    python -m bench.scrape                            print the table
    python -m bench.scrape --write docs/metrics.md    put it into the page

The server is one on SQLite, in this process. Each scrape is made anew. All times are of the processor, so that what
else runs on the machine counts for little; that of the event loop is the longest in which no other task ran.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from bench.backlog import SERVICES
from bench.scaling.__main__ import put
from bench.sqlite_backlog import SqliteBacklog
from bench.tables import table
from ringback.app import App
from ringback.application.directory import Directory
from ringback.config import Listen, Settings
from ringback.metrics.commits import CommitFigures
from ringback.metrics.exposition import Format
from ringback.metrics.promises import PromiseFigures
from ringback.metrics.rpcs import RpcFigures
from ringback.metrics.scrape import Scrape
from ringback.metrics.service_labels import ServiceLabels
from tests.world.samples import new

_SCRAPES: Final = 100
_NAMES: Final = {Format.TEXT: "text", Format.OPEN_METRICS: "OpenMetrics"}
_CALLS: Final = 200_000
_THRESHOLDS: Final = (10_000, 20, 10)


async def main() -> None:
    parser = argparse.ArgumentParser(description="What a scrape and its figures cost.")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="callbacks that are open")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into FILE")
    options = parser.parse_args()
    rows: list[Sequence[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "ringback.db"
        await SqliteBacklog(options.waiting).fill(database)
        async with _served(database) as app:
            assert app.edges.http is not None
            for format_ in Format:
                rows += await _scrapes(app.edges.http.metrics.scrape, format_)
            rows += _calls(app.use_cases.directory)
    shown = table((f"{options.waiting:,} callbacks open, {SERVICES:,} services", "median", "99 %"), rows)
    print(shown)
    if options.write is not None:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(put(page, {"cost": shown}), encoding="utf-8")


@asynccontextmanager
async def _served(database: Path) -> AsyncIterator[App]:
    any_port = Listen("127.0.0.1", 0)
    settings = Settings(listen=any_port, http=any_port, database=database, dialer="none", lame_duck=timedelta(0))
    async with await App.start(settings) as app:
        await app.use_cases.queue_figures.catch_up()
        gc.freeze()  # as a server does (cli/serve.py)
        gc.set_threshold(*_THRESHOLDS)
        yield app


async def _scrapes(scrape: Scrape, format_: Format) -> Sequence[Sequence[object]]:
    times, holds = list[float](), list[float]()
    text = await scrape.read(format_)
    for _ in range(_SCRAPES):
        begun = time.process_time()
        await scrape.write(format_)
        times.append(time.process_time() - begun)
    for _ in range(_SCRAPES):
        other = asyncio.create_task(_longest_hold())
        await asyncio.sleep(0)
        await scrape.write(format_)
        other.cancel()
        holds.append(await other)
    what = f"a scrape as {_NAMES[format_]}, {len(text.splitlines()):,} lines"
    return [_row(what, times, "ms", 1e3), _row("event loop held up by it, at most", holds, "ms", 1e3)]


async def _longest_hold() -> float:
    longest, last = 0.0, time.thread_time()
    try:
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now
    except asyncio.CancelledError:
        return longest


def _calls(directory: Directory) -> Sequence[Sequence[object]]:
    rpcs, commits, promises = RpcFigures(), CommitFigures(), PromiseFigures(ServiceLabels(directory))
    callback = new()
    return [
        _timed("what an RPC adds", lambda: rpcs.on_end("CreateCallback", "grpc", "OK", None, 0.002)),
        _timed("what a change of a callback adds", lambda: promises.tell(None, callback)),
        _timed("what a commit adds", lambda: commits.tell(3, 0.002, durable=True)),
    ]


def _timed(what: str, call: Callable[[], None]) -> Sequence[object]:
    rounds = list[float]()
    for _ in range(_SCRAPES):
        begun = time.process_time()
        for _ in range(_CALLS // _SCRAPES):
            call()
        rounds.append((time.process_time() - begun) / (_CALLS // _SCRAPES))
    return _row(what, rounds, "µs", 1e6)


def _row(what: str, seconds: Sequence[float], unit: str, factor: float) -> Sequence[object]:
    ordered = sorted(seconds)
    median, most = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return what, f"{median * factor:.1f} {unit}", f"{most * factor:.1f} {unit}"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Procrastinate with asyncio, as its documentation recommends. ../README.md tells what each command does."""

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from procrastinate import App, PsycopgConnector

PRIORITIES = 9
# Enough for a hundred at a time, with one that listens.
CONNECTIONS = 20
app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS))
started: list[float] = []
late: list[float] = []
all_started = asyncio.Event()


@app.task(name="nothing")
async def nothing() -> None:
    started.append(time.perf_counter())


@app.task(name="punctual")
async def punctual(due: float, count: int) -> None:
    late.append(time.time() - due)
    if len(late) == count:
        all_started.set()


async def enqueue(options: argparse.Namespace) -> object:
    await _enqueue(50, options.in_flight)
    begun = time.perf_counter()
    took = await _enqueue(options.count, options.in_flight)
    return {"seconds": time.perf_counter() - begun, "latencies_ms": percentiles(took)}


async def _enqueue(count: int, in_flight: int) -> list[float]:
    took: list[float] = []
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            begun = time.perf_counter()
            in_an_hour = datetime.now(UTC) + timedelta(hours=1)
            await nothing.configure(priority=number % PRIORITIES, schedule_at=in_an_hour).defer_async()
            took.append(time.perf_counter() - begun)

    await asyncio.gather(*(client() for _ in range(in_flight)))
    return took


async def run(options: argparse.Namespace) -> object:
    for priority in range(PRIORITIES):
        jobs: list[dict[str, Any]] = [{} for _ in range(priority, options.count, PRIORITIES)]
        await nothing.configure(priority=priority).batch_defer_async(*jobs)
    await app.run_worker_async(concurrency=options.concurrency, wait=False)
    ended = time.perf_counter()
    if len(started) != options.count:
        raise RuntimeError(f"{len(started)} jobs of {options.count} were run")
    return {"seconds": ended - started[0]}


async def latency(options: argparse.Namespace) -> object:
    polling = {"fetch_job_polling_interval": options.poll_ms / 1000} if options.poll_ms else {}
    async with worker(concurrency=options.concurrency, **polling):
        due = time.time() + 1
        for _ in range(options.count):
            at = datetime.fromtimestamp(due, UTC)
            await punctual.configure(schedule_at=at).defer_async(due=due, count=options.count)
            due += random.uniform(0.02, 0.08)  # noqa: S311 - not a secret
        await all_started.wait()
    return {"latencies_ms": percentiles(late)}


@asynccontextmanager
async def worker(**settings: float) -> AsyncIterator[None]:
    working = asyncio.create_task(app.run_worker_async(install_signal_handlers=False, **settings))
    yield
    working.cancel()
    await asyncio.wait([working])


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {f"p{share}": ordered[share * len(ordered) // 100] * 1000 for share in (50, 99)}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["enqueue", "run", "latency"])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=1, help="jobs at a time")
    parser.add_argument("--poll-ms", type=int, help="instead of the default, 5 s")
    options = parser.parse_args()
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        print(json.dumps(await {"enqueue": enqueue, "run": run, "latency": latency}[options.work](options)))


asyncio.run(main())

"""Huey on SQLite, as its documentation recommends. ../README.md tells what each command does."""

import argparse
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from huey import SqliteHuey

# Any number is a priority; the highest comes first.
PRIORITIES = 9
# WAL is its default; `fsync` makes each commit wait for the disk.
huey = SqliteHuey(filename=f"{os.environ['FOLDER']}/huey.db", fsync=True)
started: list[float] = []
late: list[float] = []
all_done = threading.Event()


@huey.task()
def job(due: float, count: int) -> None:
    started.append(time.perf_counter())
    late.append(time.time() - due)
    if len(late) == count:
        all_done.set()


def enqueue(options: argparse.Namespace) -> object:
    with ThreadPoolExecutor(options.in_flight) as clients:
        _enqueue(clients, 50, options.in_flight)
        begun = time.perf_counter()
        took = _enqueue(clients, options.count, options.in_flight)
        return {"seconds": time.perf_counter() - begun, "latencies_ms": percentiles(took)}


def _enqueue(clients: ThreadPoolExecutor, count: int, in_flight: int) -> list[float]:
    took: list[float] = []
    numbers = iter(range(count))

    def client(_: int) -> None:
        for number in numbers:
            begun = time.perf_counter()
            job.schedule((0, count), delay=timedelta(hours=1), priority=number % PRIORITIES)
            took.append(time.perf_counter() - begun)

    list(clients.map(client, range(in_flight)))
    return took


def run(options: argparse.Namespace) -> object:
    for number in range(options.count):
        huey.enqueue(job.s(0, options.count, priority=number % PRIORITIES))
    with working():
        all_done.wait()
        # A job has left the queue for good when it starts: nothing is recorded after it.
        return {"seconds": time.perf_counter() - started[0]}


def latency(options: argparse.Namespace) -> object:
    with working():
        due = time.time() + 1
        for _ in range(options.count):
            job.schedule((due, options.count), eta=datetime.fromtimestamp(due, UTC))
            due += random.uniform(0.02, 0.08)  # noqa: S311 - no secret
        all_done.wait()
    return {"latencies_ms": percentiles(late)}


@contextmanager
def working() -> Iterator[None]:
    consumer = huey.create_consumer(periodic=False)
    consumer.start()
    yield
    consumer.stop(graceful=True)


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {f"p{share}": ordered[share * len(ordered) // 100] * 1000 for share in (50, 99)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["enqueue", "run", "latency"])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--in-flight", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps({"enqueue": enqueue, "run": run, "latency": latency}[options.work](options)))


main()

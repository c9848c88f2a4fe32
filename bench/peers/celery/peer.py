"""Celery on Redis, as its documentation recommends. ../README.md tells what each command does."""

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from celery import Celery
from redis import Redis

# A list of Redis for each; 0 comes first.
PRIORITIES = 9
STEPS = {"priority_steps": list(range(PRIORITIES)), "queue_order_strategy": "priority"}
# When a job was due and when it started. Its process tells it in a file that all of them append to.
START = struct.Struct("dd")
STARTS = "RINGBACK_BENCH_STARTS"
URL = os.environ["REDIS_URL"]

app = Celery("peer", broker=URL)
# A job is redelivered unless it ends within the visibility timeout: longer than any wait for a due time.
app.conf.broker_transport_options = {"visibility_timeout": 43_200, **STEPS}
# Acknowledged when it has ended, not before it begins, lest a crash loses it.
app.conf.task_acks_late = True
app.conf.task_ignore_result = True
# What is recommended for many short jobs: as many wait in the worker for each of its processes.
app.conf.worker_prefetch_multiplier = 64


@app.task
def job(due: float) -> None:
    file = os.open(os.environ[STARTS], os.O_WRONLY | os.O_APPEND)
    os.write(file, START.pack(due, time.time()))
    os.close(file)


def enqueue(options: argparse.Namespace) -> object:
    app.conf.broker_pool_limit = options.in_flight
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
            job.apply_async((0,), countdown=3600, priority=number % PRIORITIES)
            took.append(time.perf_counter() - begun)

    list(clients.map(client, range(in_flight)))
    return took


def run(options: argparse.Namespace) -> object:
    for number in range(options.count):
        job.apply_async((0,), priority=number % PRIORITIES)
    redis = Redis.from_url(URL)
    with working(options) as starts:
        while starts.stat().st_size < options.count * START.size or redis.exists("unacked"):
            time.sleep(0.005)
        ended = time.time()
        return {"seconds": ended - min(started for _, started in START.iter_unpack(starts.read_bytes()))}


def latency(options: argparse.Namespace) -> object:
    with working(options) as starts:
        job.delay(0)  # the worker waits when it has run this one
        while not starts.stat().st_size:
            time.sleep(0.05)
        due = time.time() + 1
        for _ in range(options.count):
            job.apply_async((due,), eta=datetime.fromtimestamp(due, UTC))
            due += random.uniform(0.02, 0.08)  # noqa: S311 - no secret
        while starts.stat().st_size <= options.count * START.size:
            time.sleep(0.05)
        late = [started - due for due, started in START.iter_unpack(starts.read_bytes()) if due]
    return {"latencies_ms": percentiles(late)}


@contextmanager
def working(options: argparse.Namespace) -> Iterator[Path]:
    """Run a worker as long as the block; yield the file of its starts."""
    command = [sys.executable, "-m", "celery", "--app", "peer", "--quiet", "worker", "--loglevel", "error"]
    command += ["--pool", options.pool]
    with TemporaryDirectory() as folder:
        starts = Path(folder) / "starts"
        starts.touch()
        worker = subprocess.Popen(command, cwd=Path(__file__).parent, env={**os.environ, STARTS: str(starts)})  # noqa: S603 - ours
        try:
            yield starts
        finally:
            worker.terminate()
            worker.wait()


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {f"p{share}": ordered[share * len(ordered) // 100] * 1000 for share in (50, 99)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["enqueue", "run", "latency"])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument(
        "--prefetch", type=int, default=4, help="jobs that wait in the worker for each of its processes"
    )
    parser.add_argument("--pool", default="prefork", help="prefork (a process per core), threads or solo")
    options = parser.parse_args()
    print(json.dumps({"enqueue": enqueue, "run": run, "latency": latency}[options.work](options)))


if __name__ == "__main__":
    main()

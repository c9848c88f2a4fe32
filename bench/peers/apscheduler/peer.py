"""APScheduler 3 on SQLite, as its documentation recommends. ../README.md tells what each command does."""

import argparse
import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_REMOVED
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, event

started: list[float] = []
late: list[float] = []


def job(due: float) -> None:
    started.append(time.perf_counter())
    late.append(time.time() - due)


def add(scheduler: BackgroundScheduler, due: float) -> None:
    # Without a grace time of its own, a job that is a second late would not run at all.
    scheduler.add_job(job, "date", run_date=datetime.fromtimestamp(due, UTC), args=[due], misfire_grace_time=None)


def enqueue(scheduler: BackgroundScheduler, options: argparse.Namespace) -> object:
    with ThreadPoolExecutor(options.in_flight) as clients:
        _enqueue(scheduler, clients, 50, options.in_flight)
        begun = time.perf_counter()
        took = _enqueue(scheduler, clients, options.count, options.in_flight)
        return {"seconds": time.perf_counter() - begun, "latencies_ms": percentiles(took)}


def _enqueue(scheduler: BackgroundScheduler, clients: ThreadPoolExecutor, count: int, in_flight: int) -> list[float]:
    took: list[float] = []
    numbers = iter(range(count))

    def client(_: int) -> None:
        for _number in numbers:
            begun = time.perf_counter()
            add(scheduler, time.time() + 3600)
            took.append(time.perf_counter() - begun)

    list(clients.map(client, range(in_flight)))
    return took


def run(scheduler: BackgroundScheduler, options: argparse.Namespace) -> object:
    scheduler.pause()
    done = awaited(scheduler, options.count)
    for _ in range(options.count):
        add(scheduler, time.time())
    scheduler.resume()
    done.wait()
    return {"seconds": time.perf_counter() - started[0]}


def latency(scheduler: BackgroundScheduler, options: argparse.Namespace) -> object:
    done = awaited(scheduler, options.count)
    due = time.time() + 1
    for _ in range(options.count):
        add(scheduler, due)
        due += random.uniform(0.02, 0.08)  # noqa: S311 - no secret
    done.wait()
    return {"latencies_ms": percentiles(late)}


def awaited(scheduler: BackgroundScheduler, count: int) -> threading.Event:
    """Return an event that is set when so many jobs have ended and have left the store, in this order or the other."""
    seen: list[object] = []
    done = threading.Event()

    def see(what: object) -> None:
        seen.append(what)
        if len(seen) == 2 * count:
            done.set()

    scheduler.add_listener(see, EVENT_JOB_EXECUTED | EVENT_JOB_REMOVED)
    return done


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {f"p{share}": ordered[share * len(ordered) // 100] * 1000 for share in (50, 99)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["enqueue", "run", "latency"])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--in-flight", type=int, default=1)
    options = parser.parse_args()
    engine = create_engine(f"sqlite:///{os.environ['FOLDER']}/jobs.db")

    @event.listens_for(engine, "connect")
    def flush_each_commit(connection: Any, _: object) -> None:
        connection.executescript("PRAGMA journal_mode = wal; PRAGMA synchronous = full")

    scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(engine=engine)}, timezone=UTC)
    scheduler.start()
    print(json.dumps({"enqueue": enqueue, "run": run, "latency": latency}[options.work](scheduler, options)))
    scheduler.shutdown()


if __name__ == "__main__":
    main()

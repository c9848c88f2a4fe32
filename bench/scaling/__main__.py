"""What one Ringback server carries, what several do on one PostgreSQL, and what each thing costs when millions wait.

    python -m bench.scaling                                     all of it
    python -m bench.scaling throughput grants --rounds 5        a part
    python -m bench.scaling --write docs/scaling.md             put the tables into the file
    python -m bench.scaling growth --sizes 10000 1000000        without the quarter of an hour that ten million take

In the file, each table stands between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`. See README.md.
"""

import argparse
import asyncio
import math
import os
import platform
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.processes import durable_cluster
from bench.scaling import grants, growth, queue, serial, throughput
from bench.tables import table, whole

Tables = dict[str, str]


async def measure_throughput(options: argparse.Namespace) -> Tables:
    with durable_cluster() as cluster:
        await throughput.creates(cluster, throughput.SETUPS[1])  # the first of all is the slowest
        creates = await throughput.rounds(cluster, throughput.creates, options.rounds)
        lives = await throughput.rounds(cluster, throughput.lives, options.rounds)
    return {"creates": _results(creates), "lives": _results(lives)}


def _results(results: Sequence[tuple[throughput.Setup, throughput.Result]]) -> str:
    return table(
        ["", "per s here", "server CPU, µs", "PostgreSQL CPU, µs", "events per commit", "bytes written"],
        [
            [
                setup.name,
                whole(result.per_s),
                whole(result.server_us),
                whole(result.postgres_us) if setup.servers else "",
                f"{result.batch:.1f}" if setup.servers else "",
                whole(result.written_bytes),
            ]
            for setup, result in results
        ],
    )


async def measure_following(options: argparse.Namespace) -> Tables:
    with durable_cluster() as cluster:
        measured = [await throughput.following(cluster) for _ in range(options.rounds)]
    return {"following": _following(throughput.middle(measured))}


def _following(following: throughput.Following) -> str:
    return table(
        ["a server that nobody asks", ""],
        [
            ["CPU per event that another one commits", f"{following.event_us:.0f} µs"],
            ["CPU when nothing happens, per second", f"{following.idle_us / 1000:.1f} ms"],
            ["the same, of PostgreSQL", f"{following.idle_postgres_us / 1000:.1f} ms"],
            ["**on the disk of PostgreSQL**", ""],
            ["a callback that waits, with its indexes", f"{whole(following.callback_bytes)} bytes"],
            ["its row alone", f"{whole(following.row_bytes)} bytes"],
            ["an event", f"{whole(following.event_bytes)} bytes"],
        ],
    )


async def measure_serial(_: argparse.Namespace) -> Tables:
    with durable_cluster() as cluster:
        held = await serial.measure(cluster)
    rows = []
    for batch, seconds in held:
        limits = [whole(batch / (seconds + flush_s)) for flush_s in (0, 0.001, 0.005)]
        rows.append([batch, whole(seconds * 1e6), *limits])
    slower = ["and a flush 1 ms longer", "and a flush 5 ms longer"]
    return {
        "serial": table(
            ["events in a commit", "the log is locked, µs, lower quartile", "events/s at most", *slower], rows
        )
    }


async def measure_grants(options: argparse.Namespace) -> Tables:
    measured: dict[tuple[int, int, int], list[grants.Contest]] = {}
    with durable_cluster() as cluster:
        for _ in range(options.rounds):
            for contest in grants.contests():
                measured.setdefault(contest, []).append(await grants.measure(cluster, *contest))
    rows = [
        [
            f"{servers} server{'s' * (servers > 1)}, {services} service{'s' * (services > 1)}, {most} at a time",
            whole(middle.leases_per_s),
            f"{middle.repeats_per_grant:.2f}",
            whole(middle.server_us),
            whole(middle.postgres_us),
        ]
        for (servers, services, most), contests in measured.items()
        for middle in [grants.median(contests)]
    ]
    return {"grants": table(["", "leases/s here", "repeats per grant", "server CPU, µs", "PostgreSQL CPU, µs"], rows)}


async def measure_growth(options: argparse.Namespace) -> Tables:
    operations, scans = await growth.measure(options.sizes, tell)
    sizes = [f"{size:,}" for size in options.sizes]
    times = [[op.name, *(_microseconds(s) for s in op.seconds), _ratio(op.seconds)] for op in operations]
    written = [[op.name, *map(whole, op.wal_bytes)] for op in operations if max(op.wal_bytes) > growth.A_PAGE]
    scanned = ", ".join(sorted(set(scans))) or "none"
    return {
        "growth": table(["µs, median", *sizes, "last ÷ first"], times)
        + f"\n\nQuestions that read a whole table: {scanned}.",
        "wal": table(["bytes of WAL, right after a checkpoint", *sizes], written),
    }


async def measure_queue(options: argparse.Namespace) -> Tables:
    looked = await queue.measure(options.sizes, tell)
    rows = [
        [name, *(f"{one.taken[name].median:.1f} / {one.taken[name].p99:.1f}" for one in looked)]
        for name in looked[0].taken
    ]
    rows.append(["from the start until the queues are counted", *(whole(one.counted_ms) for one in looked)])
    heads = [f"{one.store}, {one.size:,}" for one in looked]
    return {"queue": table(["ms, median / 99 %", *heads], rows)}


def _microseconds(seconds: float) -> str:
    return whole(seconds * 1e6) if math.isfinite(seconds) else "given up"


def _ratio(seconds: Sequence[float]) -> str:
    return f"{seconds[-1] / seconds[0]:.2f}" if math.isfinite(seconds[-1]) else ""


PARTS: Final[dict[str, Callable[[argparse.Namespace], Awaitable[Tables]]]] = {
    "throughput": measure_throughput,
    "following": measure_following,
    "serial": measure_serial,
    "grants": measure_grants,
    "growth": measure_growth,
    "queue": measure_queue,
}


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def put(text: str, tables: Tables) -> str:
    """Return the text with the tables in it. Raise `ValueError` when there is no place for one."""
    for name, shown in tables.items():
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->\n"
        before, found, rest = text.partition(begin)
        _, also_found, after = rest.partition(end)
        if not found or not also_found:
            raise ValueError(f"there is no line {begin.strip()} with a line {end.strip()} after it")
        text = f"{before}{begin}{shown}\n{end}{after}"
    return text


def where() -> Iterator[str]:
    yield f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    yield f"load of {os.getloadavg()[0]:.1f} before"


async def main() -> None:
    parser = argparse.ArgumentParser(description="What servers carry, and what millions of callbacks cost.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="of all but growth, queue and serial; the median counts")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000], help="of growth and queue"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into FILE")
    options = parser.parse_args()
    if (measuring := asyncio.current_task()) is not None:  # nothing shall be left running
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, measuring.cancel)
    tell("; ".join(where()))
    for part in options.parts or PARTS:
        tables = await PARTS[part](options)
        for name, shown in tables.items():
            print(f"\n{name}\n\n{shown}")
        if options.write is not None:
            options.write.write_text(put(options.write.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())

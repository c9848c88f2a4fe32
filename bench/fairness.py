"""How much one caller's flood slows another caller down: the same creates alone and beside it, in one run.

    python -m bench.fairness                  each kind of flood
    python -m bench.fairness --rounds 5 one   one of them, several times

Server, flood and the other caller are processes of their own. Each round compares what the other caller begins while
the flood is under way with the same caller alone, a moment before.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from bench.processes import CLIENT, ServerProcess, add_service, load_client, serving
from bench.rounds import Aim, Spread
from bench.tables import table
from ringback.v1 import callback_pb2 as cb
from ringback.v1.callbacks_service_pb2 import CreateCallbackRequest

SLOWER: Final = Aim(most=3)
_ALONE_S: Final = 1.5
_CREATE: Final = "/ringback.v1.CallbacksService/CreateCallback"
_DUE_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Flood:
    """What the flood is, and the flags for the program that sends it."""

    says: str
    flags: Sequence[str]


FLOODS: Final[Mapping[str, Flood]] = {
    "one": Flood("40,000 creates at once", ("-count", "40000", "-in-flight", "40000")),
    "window": Flood("40,000 creates, 1000 at a time", ("-count", "40000", "-in-flight", "1000")),
    "many": Flood(
        "40,000 creates at once, on 50 connections", ("-count", "40000", "-in-flight", "40000", "-connections", "50")
    ),
    "batches": Flood("40 batches of 1000 creates at once", ("-count", "40", "-in-flight", "40", "-batch", "1000")),
    "reads": Flood("40,000 reads at once", ("-count", "40000", "-in-flight", "40000", "-reads")),
}


@dataclass(frozen=True, slots=True)
class Round:
    """The times of the other caller's creates in milliseconds, alone and beside the flood, and how the flood went."""

    alone: Sequence[float]
    beside: Sequence[float]
    failed: int
    flood_s: float
    refused: Mapping[str, int]


# --- The other caller ---------------------------------------------------------------------------------------------


async def send(address: str, service_id: str) -> None:
    """Send one create after the other until a line comes; print when each began and ended, and how many failed."""
    stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    times: list[tuple[float, float]] = []
    failed = 0
    async with grpc.aio.insecure_channel(address) as channel:
        create: Any = channel.unary_unary(_CREATE)
        await create(_request("first", service_id))
        print("ready", flush=True)
        while not stop.done():
            request = _request(f"{len(times)}-{time.time_ns()}", service_id)
            begun = time.time()
            try:
                await create(request)
            except grpc.RpcError:
                failed += 1
            times.append((begun, time.time()))
    print(json.dumps([times, failed]), flush=True)


def _request(name: str, service_id: str) -> bytes:
    request = cb.CallbackRequest(
        target=f"sip:answer@{name}.example",
        service_id=service_id,
        seconds_between_retries=60,
        priority=cb.PRIORITY_NORMAL,
        context_url=f"https://crm.example/cases/{name}",
        description="Wants to know where the order is",
        external_task_id=name,
        caller_id="calm",
    )
    request.due_date.FromMicroseconds(int((time.time() + _DUE_S) * 1e6))
    return CreateCallbackRequest(callback_request=request).SerializeToString()


# --- Measuring ----------------------------------------------------------------------------------------------------


class _Caller:
    """The process of the other caller."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def run(cls, *where: str) -> AsyncIterator["_Caller"]:
        """Run it as long as the block; it is sending when the block begins."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.fairness", "--send", *where),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**26,
        )
        try:
            assert process.stdout is not None
            if not await process.stdout.readline():
                raise RuntimeError("the other caller has failed")
            yield cls(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def stop(self) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        return json.loads(await self._process.stdout.readline())


async def measure(name: str, *options: str) -> Round:
    """Run a server with these options, one caller alone, and then that caller beside a flood."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'ringback.db'}"
        limits = _usual_limits(Path(folder))
        async with serving(1, database, "--dialer", "none", "--limits", limits, *options) as [server]:
            return await _measure_on(server, name)


def _usual_limits(folder: Path) -> str:
    """Write a limits file with what is the default, and return its path."""
    file = folder / "limits.yaml"
    file.write_text("default: {watches: 1000}\n")
    return str(file)


async def _measure_on(server: ServerProcess, name: str) -> Round:
    service_id = await add_service(server)
    async with _Caller.run(server.address, service_id) as caller:
        await asyncio.sleep(_ALONE_S)
        flood = await load_client("flood", "-address", server.address, "-service", service_id, *FLOODS[name].flags)
        times, failed = await caller.stop()
    begun, ended = flood["begun"], flood["ended"]
    return Round(
        alone=[(end - start) * 1e3 for start, end in times if end < begun],
        beside=[(end - start) * 1e3 for start, end in times if begun <= start < ended],
        failed=failed,
        flood_s=ended - begun,
        refused=flood["refused"],
    )


# --- Showing ------------------------------------------------------------------------------------------------------

_HEAD: Final = ("beside", "p50 alone, ms", "p50", "p99 alone", "p99", "longest", "failed", "flood, s", "÷ alone", "")


def show(name: str, rounds: Sequence[Round]) -> Sequence[object]:
    slower = Spread.of_ratio([_at(one.beside, 0.5) for one in rounds], [_at(one.alone, 0.5) for one in rounds])
    return [
        FLOODS[name].says,
        *(
            f"{statistics.median(_at(times, share) for times in some):.2f}"
            for share in (0.5, 0.99)
            for some in ([one.alone for one in rounds], [one.beside for one in rounds])
        ),
        f"{max(max(one.beside) for one in rounds):.0f}",
        sum(one.failed for one in rounds),
        f"{statistics.median(one.flood_s for one in rounds):.1f}{_refusals(rounds)}",
        slower.show(),
        SLOWER.judge(slower),
    ]


def _at(values: Sequence[float], share: float) -> float:
    """Return the time that a call takes which comes at any moment, but for the longest ones.

    So each counts by its time: of a caller that sends one after the other, calls that hang are few.
    """
    room = sum(values) * share
    for value in sorted(values):
        room -= value
        if room <= 0:
            return value
    raise AssertionError("there are no calls")


def _refusals(rounds: Sequence[Round]) -> str:
    """Return which calls of the flood were not OK. That a callback was not found is what reads are for."""
    codes = sum((Counter(one.refused) for one in rounds), Counter[str]())
    return "".join(f", {count} × {code}" for code, count in codes.items() if code != "NotFound")  # noqa: RUF001


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description="One caller beside another's flood.")
    parser.add_argument("floods", nargs="*", metavar="FLOOD", help=f"of {', '.join(FLOODS)}; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.floods) - set(FLOODS):
        parser.error(f"no flood {', '.join(sorted(unknown))}; there are {', '.join(FLOODS)}")
    if options.send:
        asyncio.run(send(*options.send))
        return
    if not CLIENT.exists():
        parser.error("there is no Go to build the client with")
    names = options.floods or FLOODS
    rows = [show(name, [asyncio.run(measure(name)) for _ in range(options.rounds)]) for name in names]
    print(table(_HEAD, rows))


if __name__ == "__main__":
    main()

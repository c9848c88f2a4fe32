"""Creates and batches of them, by all contestants under the same loads, in turns."""

import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from bench.checkout import Checkout
from bench.contestants import Contestant, a_commit_each, as_users_run_it, bare_echo, open_to_everybody
from bench.part import Course, Measured, Scale
from bench.processes import BUILD, CLIENT, Meter, load_client

# Ringback as users run it, and as it is without identities and HTTP. Before: as users run it, too, with the code of
# another checkout.
Who = Literal["echo", "ringback", "open", "before", "naive"]

SLOW_DISK: Final = BUILD / "slow_disk.so"
IN_FLIGHT: Final = (1, 16, 64, 256)
# In milliseconds by which each flush takes longer; with so many calls in flight.
SLOWER_FLUSHES: Final = (1, 5)
SLOW_IN_FLIGHT: Final = 64
BATCH: Final = 100
BATCHES_IN_FLIGHT: Final = (1, 16)
# Of the echo in which figures are counted that have none of their own.
ECHO_IN_FLIGHT: Final = 64


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant under one load; times are per call, `per_s` counts callbacks."""

    who: Who
    flush_ms: int
    in_flight: int
    batch: int
    per_s: float
    p50_us: float
    p99_us: float
    cpu_us: float


Rounds = Sequence[Sequence[Run]]


def pick(rounds: Rounds, who: Who, in_flight: int, flush_ms: int = 0, batch: int = 0) -> Sequence[Run]:
    """Return of each round the one run of this contestant under this load."""
    wanted = (who, in_flight, flush_ms, batch)
    return [run for runs in rounds for run in runs if (run.who, run.in_flight, run.flush_ms, run.batch) == wanted]


def rounds_of(measured: Measured) -> Rounds:
    return [[Run(**run) for run in runs] for runs in measured["rounds"]]


async def measure(course: Course) -> Measured:
    if not CLIENT.exists():
        return {"missing": "no Go to build the client with"}
    rounds, seconds = (2, 0.5) if course.scale is Scale.SHORT else (5, 2.0)
    return {
        "seconds": seconds,
        "slow_disk": SLOW_DISK.exists(),
        "before": course.before.commit if course.before else None,
        "rounds": [[asdict(run) for run in await _round(number, seconds, course.before)] for number in range(rounds)],
    }


async def _round(number: int, seconds: float, before: Checkout | None) -> Sequence[Run]:
    runs: list[Run] = []
    ours: Sequence[Who] = ("ringback", "before") if before else ("ringback",)
    async with contest(("echo", *ours, "open", "naive"), before) as entrants:
        # The one that begins changes.
        in_turns = list(entrants.values())[:: 1 if number % 2 else -1]
        for in_flight in IN_FLIGHT:
            runs += [await one.run(in_flight, seconds) for one in in_turns]
        for in_flight in BATCHES_IN_FLIGHT:
            runs += [await entrants[who].run(in_flight, seconds, BATCH) for who in ours]
    for flush_ms in SLOWER_FLUSHES if SLOW_DISK.exists() else ():
        async with contest((*ours, "naive"), before, flush_ms) as entrants:
            runs += [await one.run(SLOW_IN_FLIGHT, seconds) for one in entrants.values()]
    return runs


class Entrant:
    """A contestant that creates, and what has come of it."""

    def __init__(self, who: Who, contestant: Contestant, file: Path | None = None, flush_ms: int = 0) -> None:
        self.server = contestant.server
        self._who = who
        self._contestant = contestant
        self._file = file
        self._flush_ms = flush_ms
        self._meter = Meter([contestant.server], None)
        self._acknowledged = 0

    async def run(self, in_flight: int, seconds: float, batch: int = 0) -> Run:
        before = self._meter.read()
        load = await load_client(
            "load",
            *(*self._contestant.flags, "-due", "1h"),
            *("-in-flight", str(in_flight), "-batch", str(batch), "-duration", f"{seconds}s"),
        )
        spent = self._meter.read() - before
        self._acknowledged += load["callbacks"]
        return Run(
            who=self._who,
            flush_ms=self._flush_ms,
            in_flight=in_flight,
            batch=batch,
            per_s=load["callbacks"] / (load["ended"] - load["begun"]),
            p50_us=load["p50_us"],
            p99_us=load["p99_us"],
            cpu_us=spent.servers_s / load["count"] * 1e6,
        )

    def check(self) -> None:
        """Raise `RuntimeError` unless what was acknowledged is what is stored."""
        if self._file is None:
            return
        with sqlite3.connect(f"file:{self._file}?mode=ro", uri=True) as database:
            (stored,) = database.execute("SELECT count(*) FROM callback").fetchone()
        if stored != self._acknowledged:
            raise RuntimeError(f"{self._who}: {self._acknowledged} were acknowledged, {stored} are stored")


@asynccontextmanager
async def contest(
    who: Sequence[Who], before: Checkout | None = None, flush_ms: int = 0
) -> AsyncIterator[Mapping[Who, Entrant]]:
    """Run all of these, warm, on empty databases; check at the end that what was acknowledged is stored."""
    entrants: dict[Who, Entrant] = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD)))
        for one in who:
            file = folder / f"{one}.db"
            contestant = await stack.enter_async_context(_start(one, file, before, flush_ms))
            entrants[one] = Entrant(one, contestant, None if one == "echo" else file, flush_ms)
        for entrant in entrants.values():
            await entrant.run(SLOW_IN_FLIGHT, seconds=0.3)
        yield entrants
        for entrant in entrants.values():
            entrant.check()


def _start(who: Who, file: Path, before: Checkout | None, flush_ms: int) -> AbstractAsyncContextManager[Contestant]:
    disk = {"LD_PRELOAD": str(SLOW_DISK), "SLOW_DISK_US": str(flush_ms * 1000)} if flush_ms else {}
    match who:
        case "echo":
            return bare_echo()
        case "ringback":
            return as_users_run_it(file, environment=disk)
        case "open":
            return open_to_everybody(file)
        case "naive":
            return a_commit_each(file, environment=disk)
        case "before":
            assert before is not None
            return as_users_run_it(file, environment=disk, python=before.python)

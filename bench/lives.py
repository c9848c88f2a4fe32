"""Whole lives over gRPC, from the create to COMPLETED: how many a second, and how soon after the due date."""

import asyncio
import sqlite3
import statistics
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from bench.part import Measured, Part, Plots, Scale
from bench.plots import LIMIT, OURS, figure, label
from bench.processes import BUILD, CLIENT, Meter, ServerProcess, add_service, load_client, serving
from bench.rounds import Aim, Spread
from bench.sqlite_backlog import SqliteBacklog
from bench.tables import table, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where others wait: nowhere, or in the same table.
Where = Literal["alone", "among others"]
_WAITING: Final[Mapping[Where, bool]] = {"alone": False, "among others": True}

SHARES: Final = (10, 50, 90)
LEAD: Final = "1s"
CREATES_IN_FLIGHT: Final = "32"

PER_S: Final = Aim(least=1000)
P99_MS: Final = {10: Aim(most=5), 50: Aim(most=20)}
OF_ALONE: Final = Aim(most=1.3)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    others: int
    rounds: int
    lives: int
    # For each latency.
    seconds: float


EXTENTS: Final = {
    Scale.SHORT: Extent(others=50_000, rounds=2, lives=600, seconds=1.5),
    Scale.FULL: Extent(others=1_000_000, rounds=3, lives=5_000, seconds=10),
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """The rate of lives that are created before, or meanwhile."""

    where: Where
    created_meanwhile: bool
    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Delay:
    """From the due date to the arrival of the lease, at a share of what the server can sustain."""

    where: Where
    percent: int
    leases: int
    earliest_us: float
    p50_us: float
    p99_us: float


# --- Measuring -------------------------------------------------------------------------------------------------


async def measure(scale: Scale) -> Measured:
    if not CLIENT.exists():
        return {"missing": "no Go to build the client with"}
    extent = EXTENTS[scale]
    async with _tables(extent.others) as tables:
        throughputs = [
            [
                await one.throughput(extent.lives, created_meanwhile=meanwhile)
                for meanwhile in (False, True)
                for one in tables
            ]
            for _ in range(extent.rounds)
        ]
        sustained = statistics.median(one.per_s for one in _throughputs_of(throughputs, "alone", meanwhile=True))
        delays = [
            [await one.delay(percent, sustained, extent.seconds) for percent in SHARES for one in tables]
            for _ in range(extent.rounds)
        ]
    return {
        **asdict(extent),
        "sustained": sustained,
        "throughputs": [[asdict(one) for one in in_round] for in_round in throughputs],
        "delays": [[asdict(one) for one in in_round] for in_round in delays],
    }


class _Table:
    """A server, and callbacks that live on it."""

    def __init__(self, where: Where, server: ServerProcess, service_id: str) -> None:
        self._where = where
        self._service_id = service_id
        self._meter = Meter([server], None)
        self._reached = ("-address", server.address, "-service", service_id)
        self.lives = 0

    async def throughput(self, lives: int, *, created_meanwhile: bool) -> Throughput:
        if not created_meanwhile:
            await self._create("-batch", "100", "-count", str(lives // 100), "-duration", "5m")
        before = self._meter.read()
        async with asyncio.TaskGroup() as at_work:
            tasks = [at_work.create_task(self._dial(lives))]
            if created_meanwhile:
                creating = self._create("-in-flight", CREATES_IN_FLIGHT, "-count", str(lives), "-duration", "5m")
                tasks.append(at_work.create_task(creating))
        spent, measured = self._meter.read() - before, [task.result() for task in tasks]
        return Throughput(
            where=self._where,
            created_meanwhile=created_meanwhile,
            per_s=lives / (max(one["ended"] for one in measured) - min(one["begun"] for one in measured)),
            cpu_us=spent.servers_s / lives * 1e6,
        )

    async def delay(self, percent: int, sustained: float, seconds: float) -> Delay:
        rate = sustained * percent / 100
        async with asyncio.TaskGroup() as at_work:
            at_work.create_task(self._create("-rate", str(rate), "-duration", f"{seconds}s", "-due", LEAD))
            dialling = at_work.create_task(self._dial(int(rate * seconds)))
        dialled = dialling.result()
        return Delay(
            where=self._where,
            percent=percent,
            leases=dialled["count"],
            earliest_us=dialled["min_us"],
            p50_us=dialled["p50_us"],
            p99_us=dialled["p99_us"],
        )

    async def _create(self, *flags: str) -> Mapping[str, Any]:
        return await load_client("load", *self._reached, *flags)

    async def _dial(self, lives: int) -> Mapping[str, Any]:
        self.lives += lives
        return await load_client("dial", *self._reached, "-count", str(lives))


@asynccontextmanager
async def _tables(others: int) -> AsyncIterator[Sequence[_Table]]:
    """Run two servers, one without others that wait and one with; check at the end that all lives ended well."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD)))
        files: Mapping[Where, Path] = {"alone": folder / "alone.db", "among others": folder / "others.db"}
        await SqliteBacklog(others).fill(files["among others"])
        tables: dict[Where, _Table] = {}
        for where, file in files.items():
            [server] = await stack.enter_async_context(serving(1, f"sqlite:///{file}", "--dialer", "none"))
            tables[where] = _Table(where, server, await add_service(server))
            await tables[where].throughput(200, created_meanwhile=True)  # to warm up
        yield list(tables.values())
        for where, file in files.items():
            _check(file, tables[where].lives)


def _check(file: Path, lives: int) -> None:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        (completed,) = database.execute("SELECT count(*) FROM callback WHERE state = 'COMPLETED'").fetchone()
    if completed != lives:
        raise RuntimeError(f"{file.name}: {lives} lives were led, {completed} callbacks are completed")


# --- Showing ---------------------------------------------------------------------------------------------------


def show(measured: Measured, plots: Plots) -> str:
    if "missing" in measured:
        return f"Not measured: {measured['missing']}."
    throughputs = [[Throughput(**one) for one in in_round] for in_round in measured["throughputs"]]
    delays = [[Delay(**one) for one in in_round] for in_round in measured["delays"]]
    others, earliest_us = whole(measured["others"]), min(one.earliest_us for in_round in delays for one in in_round)
    early = "**Some were leased early.**" if earliest_us < 0 else "None was early"
    return f"""
A dialer over gRPC leases, reports DIALING, CONNECTED and ANSWERED for each call, and has all targets answer at once.
With the create that makes five durable changes for each life, six where it waits for its due date. Medians of
{measured["rounds"]} rounds, and in brackets the lowest and the highest.

{_throughputs(throughputs, measured["others"])}

From the due date to the arrival of the lease, while lives are created and led at random moments: at shares of the
{whole(measured["sustained"])} lives/s of the second line, alone and among {others} others that wait in the same tables.
{early}: the first lease arrived {earliest_us:,.0f} µs after its due date.

{plots.add("lives", _plot(delays, others), "Time from due date to lease, by load, alone and among others")}

{_delays(delays)}
"""


def _throughputs(rounds: Sequence[Sequence[Throughput]], others: int) -> str:
    rows = []
    for where, waiting in _WAITING.items():
        for meanwhile in (False, True):
            runs = _throughputs_of(rounds, where, meanwhile=meanwhile)
            per_s = Spread.of([one.per_s for one in runs])
            cpu = whole(statistics.median(one.cpu_us for one in runs))
            created = "created meanwhile" if meanwhile else "created before"
            rows.append([created, whole(others * waiting), per_s.show(0), PER_S.show(), PER_S.judge(per_s), cpu])
    return table(["", "others waiting", "lives/s", "aim", "", "server CPU per life, µs"], rows)


def _throughputs_of(rounds: Sequence[Sequence[Throughput]], where: Where, *, meanwhile: bool) -> Sequence[Throughput]:
    wanted = (where, meanwhile)
    return [one for in_round in rounds for one in in_round if (one.where, one.created_meanwhile) == wanted]


def _delays(rounds: Sequence[Sequence[Delay]]) -> str:
    rows = []
    for percent in SHARES:
        alone, among = (_delays_of(rounds, where, percent) for where in _WAITING)
        p50s = [Spread.of([one.p50_us / 1000 for one in runs]) for runs in (alone, among)]
        p99s = [Spread.of([one.p99_us / 1000 for one in runs]) for runs in (alone, among)]
        times = Spread.of_ratio([one.p99_us for one in among], [one.p99_us for one in alone])
        shown = [f"{percent} %", *(spread.show(1) for spread in (*p50s, *p99s))]
        if aim := P99_MS.get(percent):
            rows.append([*shown, aim.show(), aim.judge(p99s[1]), times.show(), OF_ALONE.show(), OF_ALONE.judge(times)])
        else:
            rows.append([*shown, "", "", times.show(), "", ""])
    head = ["p50 alone", "p50 among others", "p99 alone", "p99 among others", "aim", "", "p99 ÷ alone", "aim", ""]
    return table(["ms, by load", *head], rows)


def _delays_of(rounds: Sequence[Sequence[Delay]], where: Where, percent: int) -> Sequence[Delay]:
    return [one for in_round in rounds for one in in_round if (one.where, one.percent) == (where, percent)]


def _plot(rounds: Sequence[Sequence[Delay]], others: str) -> "Figure":
    drawn, axes = figure("From due date to lease, ms")
    places = range(len(SHARES))
    lines: Sequence[tuple[Where, str, str, float]] = [
        ("among others", f"{others} others waiting", OURS, 0.95),
        ("alone", "alone", LIMIT, 0.87),
    ]
    for where, name, colour, height in lines:
        axes.text(0.02, height, name, transform=axes.transAxes, color=colour, weight="bold")
        for quantile in ("p50", "p99"):
            runs = [_delays_of(rounds, where, percent) for percent in SHARES]
            medians = [statistics.median(getattr(one, f"{quantile}_us") / 1000 for one in some) for some in runs]
            axes.plot(places, medians, "o-" if quantile == "p99" else "o--", color=colour)
            if where == "among others":
                label(axes, quantile, places[-1], medians[-1], colour)
    axes.set_xticks(places, [f"{percent} % of the load" for percent in SHARES])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.12, y=0.25)
    return drawn


PART: Final = Part("lives", "Whole lives, and how soon after the due date", measure, show)

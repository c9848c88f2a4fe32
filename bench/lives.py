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

from bench.checkout import Checkout
from bench.contest import ECHO_IN_FLIGHT, Entrant
from bench.contestants import Contestant, as_users_run_it, bare_echo
from bench.part import Course, Measured, Part, Plots, Scale
from bench.plots import LIMIT, OURS, figure, label
from bench.processes import BUILD, CLIENT, Meter, load_client
from bench.rounds import Aim, Spread, judged
from bench.sqlite_backlog import SqliteBacklog
from bench.tables import table, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where others wait: nowhere, or in the same table. Before: nowhere, with the code of another checkout.
Where = Literal["alone", "among others", "before"]
_OURS: Final[Sequence[Where]] = ("alone", "among others")

SHARES: Final = (10, 50, 90)
LEAD: Final = "1s"
CREATES_IN_FLIGHT: Final = "32"
# A poll leases so many at most, of which reports go together; and lines, so that four polls can lease so many each.
TOGETHER: Final = 100
_LINES: Final = 4 * TOGETHER

# By whether reports go together.
ECHOES: Final = {False: Aim(most=5.5), True: Aim(most=2.5)}
OF_BEFORE: Final = Aim(least=2)
P99_MS: Final = {10: Aim(most=5)}
OF_ALONE: Final = {10: Aim(most=1.3)}


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    others: int
    rounds: int
    lives: int
    # For each latency, and for the echo.
    seconds: float
    echo_s: float


EXTENTS: Final = {
    Scale.SHORT: Extent(others=50_000, rounds=2, lives=600, seconds=1.5, echo_s=0.5),
    Scale.FULL: Extent(others=1_000_000, rounds=3, lives=5_000, seconds=10, echo_s=1),
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """The rate of lives that are created before, or meanwhile, and whose reports go one by one, or together."""

    where: Where
    created_meanwhile: bool
    together: bool
    per_s: float
    cpu_us: float
    # Of an echo just before.
    echo_us: float


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


async def measure(course: Course) -> Measured:
    if not CLIENT.exists():
        return {"missing": "no Go to build the client with"}
    extent = EXTENTS[course.scale]
    async with _tables(extent.others, course.before) as tables, bare_echo() as echoing:
        echo = Entrant("echo", echoing)
        throughputs = [await _throughputs(tables, echo, extent) for _ in range(extent.rounds)]
        sustained = statistics.median(one.per_s for one in _of(throughputs, "alone", meanwhile=True))
        delays = [
            [await one.delay(percent, sustained, extent.seconds) for percent in SHARES for one in tables]
            for _ in range(extent.rounds)
        ]
    return {
        **asdict(extent),
        "before": course.before.commit if course.before else None,
        "sustained": sustained,
        "throughputs": [[asdict(one) for one in in_round] for in_round in throughputs],
        "delays": [[asdict(one) for one in in_round] for in_round in delays],
    }


async def _throughputs(tables: Sequence["_Table"], echo: Entrant, extent: Extent) -> Sequence[Throughput]:
    """Measure all in turns, each after an echo of its own."""
    return [
        await one.throughput(
            extent.lives,
            (await echo.run(ECHO_IN_FLIGHT, extent.echo_s)).cpu_us,
            created_meanwhile=meanwhile,
            together=together,
        )
        for meanwhile in (False, True)
        for together in (False, True)
        for one in tables
        if not (together and one.where == "before")
    ]


class _Table:
    """A server, and callbacks that live on it."""

    def __init__(self, where: Where, contestant: Contestant) -> None:
        self.where = where
        self._contestant = contestant
        self._meter = Meter([contestant.server], None)
        self.lives = 0

    async def throughput(self, lives: int, echo_us: float, *, created_meanwhile: bool, together: bool) -> Throughput:
        if not created_meanwhile:
            await self._create("-batch", "100", "-count", str(lives // 100), "-duration", "5m")
        before = self._meter.read()
        async with asyncio.TaskGroup() as at_work:
            tasks = [at_work.create_task(self._dial(lives, together=together))]
            if created_meanwhile:
                creating = self._create("-in-flight", CREATES_IN_FLIGHT, "-count", str(lives), "-duration", "5m")
                tasks.append(at_work.create_task(creating))
        spent, measured = self._meter.read() - before, [task.result() for task in tasks]
        return Throughput(
            where=self.where,
            created_meanwhile=created_meanwhile,
            together=together,
            per_s=lives / (max(one["ended"] for one in measured) - min(one["begun"] for one in measured)),
            cpu_us=spent.servers_s / lives * 1e6,
            echo_us=echo_us,
        )

    async def delay(self, percent: int, sustained: float, seconds: float) -> Delay:
        rate = sustained * percent / 100
        async with asyncio.TaskGroup() as at_work:
            at_work.create_task(self._create("-rate", str(rate), "-duration", f"{seconds}s", "-due", LEAD))
            dialling = at_work.create_task(self._dial(int(rate * seconds)))
        dialled = dialling.result()
        return Delay(
            where=self.where,
            percent=percent,
            leases=dialled["count"],
            earliest_us=dialled["min_us"],
            p50_us=dialled["p50_us"],
            p99_us=dialled["p99_us"],
        )

    async def _create(self, *flags: str) -> Mapping[str, Any]:
        return await load_client("load", *self._contestant.flags, *flags)

    async def _dial(self, lives: int, *, together: bool = False) -> Mapping[str, Any]:
        self.lives += lives
        how = ("-together", "-lines", str(_LINES)) if together else ()
        return await load_client("dial", *self._contestant.flags, "-count", str(lives), *how)


@asynccontextmanager
async def _tables(others: int, before: Checkout | None) -> AsyncIterator[Sequence[_Table]]:
    """Run servers as users do, without others that wait and with them; check at the end that all lives ended well."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD)))
        files: dict[Where, Path] = {where: folder / f"{where}.db" for where in _OURS}
        servers = {where: as_users_run_it(file) for where, file in files.items()}
        if before is not None:
            files["before"] = folder / "before.db"
            servers["before"] = as_users_run_it(files["before"], python=before.python)
        await SqliteBacklog(others).fill(files["among others"])
        tables = [_Table(where, await stack.enter_async_context(server)) for where, server in servers.items()]
        for one in tables:
            await one.throughput(200, 0, created_meanwhile=True, together=False)  # to warm up
        yield tables
        for one in tables:
            _check(files[one.where], one.lives)


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
    before = f"*Before* is the code of `{measured['before']}`, alone and one by one. " if measured["before"] else ""
    return f"""
A dialer over gRPC leases, reports DIALING, CONNECTED and ANSWERED for each call, and has all targets answer at once.
With the create that makes five durable changes for each life, six where it waits for its due date. Reports go one by
one, each in a call of its own, or together, those of up to {TOGETHER} leases in a call of `ReportAttempts`. The server
is as users run it, with identities and its HTTP port; its CPU is counted in echoes, measured just before with
{ECHO_IN_FLIGHT} in flight. {before}Medians of {measured["rounds"]} rounds, and in brackets the lowest and the highest.

{_lives(throughputs, measured["others"])}

From the due date to the arrival of the lease, while lives are created and led at random moments, with reports one by
one: at shares of {whole(measured["sustained"])} lives/s, the rate of those that are created meanwhile and lived so
alone. Here they are alone, and among {others} others that wait in the same tables.
{early}: the first lease arrived {earliest_us:,.0f} µs after its due date.

{plots.add("lives", _plot(delays, others), "Time from due date to lease, by load, alone and among others")}

{_delays(delays)}
"""


def _lives(rounds: Sequence[Sequence[Throughput]], others: int) -> str:
    rows = []
    for meanwhile in (False, True):
        before = _of(rounds, "before", meanwhile=meanwhile)
        for together in (False, True):
            for where in _OURS:
                runs = _of(rounds, where, meanwhile=meanwhile, together=together)
                rows.append(
                    [
                        "created meanwhile" if meanwhile else "created before",
                        "together" if together else "one by one",
                        whole(others) if where == "among others" else 0,
                        Spread.of([one.per_s for one in runs]).show(0),
                        *_against_before(runs, before),
                        whole(statistics.median(one.cpu_us for one in runs)),
                        *_in_echoes(runs, None if meanwhile else ECHOES[together]),
                    ]
                )
    head = ["reports", "others waiting", "lives/s", "÷ before", "aim", ""]
    cpu = ["server CPU per life, µs", "÷ echo", "aim", ""]
    return table(["", *head, *cpu], rows)


def _against_before(runs: Sequence[Throughput], before: Sequence[Throughput]) -> Sequence[str]:
    if not before:
        return "", "", ""
    times = Spread.of_ratio([one.per_s for one in runs], [one.per_s for one in before])
    return times.show(), OF_BEFORE.show(), OF_BEFORE.judge(times)


def _in_echoes(runs: Sequence[Throughput], aim: Aim | None) -> Sequence[str]:
    echoes = Spread.of([one.cpu_us / one.echo_us for one in runs])
    return echoes.show(), *judged(aim, echoes)


def _of(
    rounds: Sequence[Sequence[Throughput]], where: Where, *, meanwhile: bool, together: bool = False
) -> Sequence[Throughput]:
    wanted = (where, meanwhile, together)
    return [
        one for in_round in rounds for one in in_round if (one.where, one.created_meanwhile, one.together) == wanted
    ]


def _delays(rounds: Sequence[Sequence[Delay]]) -> str:
    rows = []
    for percent in SHARES:
        alone, among, before = (_delays_of(rounds, where, percent) for where in (*_OURS, "before"))
        p50s = [Spread.of([one.p50_us / 1000 for one in runs]) for runs in (alone, among)]
        p99s = [Spread.of([one.p99_us / 1000 for one in runs]) for runs in (alone, among)]
        times = Spread.of_ratio([one.p99_us for one in among], [one.p99_us for one in alone])
        rows.append(
            [
                f"{percent} %",
                *(spread.show(1) for spread in p50s),
                *(spread.show(1) for spread in p99s),
                *judged(P99_MS.get(percent), p99s[1]),
                times.show(),
                *judged(OF_ALONE.get(percent), times),
                Spread.of([one.p99_us / 1000 for one in before]).show(1) if before else "",
            ]
        )
    head = ["p50 alone", "p50 among others", "p99 alone", "p99 among others", "aim", "", "p99 ÷ alone", "aim", ""]
    return table(["ms, by load", *head, "p99 before"], rows)


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

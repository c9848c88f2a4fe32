"""CreateCallback, durable, against a bare echo of the same message and against one commit per request; and batches."""

import hashlib
import secrets
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from bench.part import Measured, Part, Plots, Scale
from bench.plots import LIMIT, OTHER, OURS, figure, label
from bench.processes import BUILD, CLIENT, Meter, ServerProcess, add_service, listening, load_client, serving
from bench.rounds import Aim, Spread
from bench.tables import table, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Locked: Ringback with an access file, and a bearer token in each call.
Who = Literal["echo", "ringback", "locked", "naive"]

SLOW_DISK: Final = BUILD / "slow_disk.so"
IN_FLIGHT: Final = (1, 16, 64, 256)
# In milliseconds by which each flush takes longer; with so many calls in flight.
SLOWER_FLUSHES: Final = (1, 5)
SLOW_IN_FLIGHT: Final = 64
BATCH: Final = 100
BATCHES_IN_FLIGHT: Final = (1, 16)

OF_THE_ECHO: Final = {1: Aim(least=0.5), 16: Aim(least=0.6), 64: Aim(least=0.75), 256: Aim(least=0.85)}
OF_THE_OPEN_ONE: Final = Aim(least=0.97)
OF_ITS_P99: Final = Aim(most=1.6)
OF_NAIVE: Final = {0: Aim(least=3.5), 1: Aim(least=10), 5: Aim(least=25)}
BATCHED_PER_S: Final = Aim(least=20_000)


_ACCESS: Final = """
identities:
  bench:
    tokens_sha256: ["{caller}"]
    grants: [{{role: caller, caller_ids: [crm], services: ["*"]}}]
  ops:
    tokens_sha256: ["{operator}"]
    grants: [{{role: operator}}]
"""


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


# --- Measuring -------------------------------------------------------------------------------------------------


async def measure(scale: Scale) -> Measured:
    if not CLIENT.exists():
        return {"missing": "no Go to build the client with"}
    rounds, seconds = (2, 0.5) if scale is Scale.SHORT else (5, 2.0)
    return {
        "seconds": seconds,
        "slow_disk": SLOW_DISK.exists(),
        "rounds": [[asdict(run) for run in await _round(seconds)] for _ in range(rounds)],
    }


async def _round(seconds: float) -> Sequence[Run]:
    runs: list[Run] = []
    async with _contestants(0) as contestants:
        for in_flight in IN_FLIGHT:
            runs += [await one.run(in_flight, seconds) for one in contestants.values()]
        runs += [await contestants["ringback"].run(in_flight, seconds, BATCH) for in_flight in BATCHES_IN_FLIGHT]
    for flush_ms in SLOWER_FLUSHES if SLOW_DISK.exists() else ():
        async with _contestants(flush_ms) as contestants:
            runs += [await contestants[who].run(SLOW_IN_FLIGHT, seconds) for who in ("ringback", "naive")]
    return runs


class _Contestant:
    """A server that can create, and the requests to it."""

    def __init__(self, who: Who, server: ServerProcess, service_id: str, flush_ms: int, token: str = "") -> None:
        self._who = who
        self._token = token
        self._server = server
        self._service_id = service_id
        self._flush_ms = flush_ms
        self._meter = Meter([server], None)
        self.acknowledged = 0

    async def run(self, in_flight: int, seconds: float, batch: int = 0) -> Run:
        before = self._meter.read()
        load = await load_client(
            "load",
            *("-address", self._server.address, "-service", self._service_id, "-due", "1h", "-token", self._token),
            *("-in-flight", str(in_flight), "-batch", str(batch), "-duration", f"{seconds}s"),
        )
        spent = self._meter.read() - before
        self.acknowledged += load["callbacks"]
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


@asynccontextmanager
async def _contestants(flush_ms: int) -> AsyncIterator[Mapping[Who, _Contestant]]:
    """Run all of them, warm, on empty databases; check at the end that what was acknowledged is stored."""
    disk = {"LD_PRELOAD": str(SLOW_DISK), "SLOW_DISK_US": str(flush_ms * 1000)} if flush_ms else {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD)))
        files: Mapping[Who, Path] = {who: folder / f"{who}.db" for who in ("ringback", "locked", "naive")}
        [ringback] = await stack.enter_async_context(
            serving(1, f"sqlite:///{files['ringback']}", "--dialer", "none", environment=disk)
        )
        service_id = await add_service(ringback)
        token, operator = (secrets.token_urlsafe(32) for _ in range(2))
        access = folder / "access.yaml"
        access.write_text(_ACCESS.format(caller=_hash_of(token), operator=_hash_of(operator)))
        access.chmod(0o600)
        [locked] = await stack.enter_async_context(
            serving(
                1,
                f"sqlite:///{files['locked']}",
                *("--dialer", "none", "--access", str(access)),
                environment=disk,
            )
        )
        locked_service = await add_service(locked, operator)
        naive = await stack.enter_async_context(listening("bench.naive", str(files["naive"]), environment=disk))
        echo = await stack.enter_async_context(listening("bench.echo"))
        servers: Mapping[Who, ServerProcess] = {"echo": echo, "ringback": ringback, "naive": naive}
        contestants = {who: _Contestant(who, server, service_id, flush_ms) for who, server in servers.items()}
        contestants["locked"] = _Contestant("locked", locked, locked_service, flush_ms, token)
        for one in contestants.values():
            await one.run(SLOW_IN_FLIGHT, seconds=0.3)
        yield contestants
        for who, file in files.items():
            _check(file, contestants[who].acknowledged)


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _check(file: Path, acknowledged: int) -> None:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        (stored,) = database.execute("SELECT count(*) FROM callback").fetchone()
    if stored != acknowledged:
        raise RuntimeError(f"{file.name}: {acknowledged} were acknowledged, {stored} are stored")


# --- Showing ---------------------------------------------------------------------------------------------------


def show(measured: Measured, plots: Plots) -> str:
    if "missing" in measured:
        return f"Not measured: {measured['missing']}."
    rounds = [[Run(**run) for run in runs] for runs in measured["rounds"]]
    picture = plots.add(
        "creates", _plot(rounds), "Creates per second by calls in flight: echo, Ringback, a commit each"
    )
    how = "this one with each flush delayed" if measured["slow_disk"] else "not measured: no C compiler"
    return f"""
Medians of {len(rounds)} rounds, {measured["seconds"]:g} s for each figure, and in brackets the lowest and the highest.
*Echo* answers the same message and does nothing else, on the same event loop with the same options: what gRPC takes.

{picture}

{_against_the_echo(rounds)}

With an access file, each call with a bearer token that is checked, and the caller's rights with it:

{_against_the_open_one(rounds)}

Time from the call to its answer, and CPU time of the server per call:

{_latency(rounds)}

*Naive* is a server with a transaction for each request; reading, checking, tables and indexes are the same. A slower
disk is {how}.

{_against_naive(rounds)}

`BatchCreateCallbacks` with {BATCH} in a call:

{_batches(rounds)}
"""


def _against_the_echo(rounds: Rounds) -> str:
    rows = []
    for in_flight, aim in OF_THE_ECHO.items():
        echo, ours = _per_s(rounds, "echo", in_flight), _per_s(rounds, "ringback", in_flight)
        share = Spread.of_ratio(ours, echo)
        rows.append([in_flight, *map(_median, (echo, ours)), share.show(), aim.show(), aim.judge(share)])
    return table(["in flight", "echo, per s", "Ringback, per s", "÷ echo", "aim", ""], rows)


def _against_the_open_one(rounds: Rounds) -> str:
    if not any(run.who == "locked" for run in chain(*rounds)):
        return "Not measured: the figures are older than this comparison."
    rows = []
    for in_flight in IN_FLIGHT:
        unlocked, locked = (_per_s(rounds, who, in_flight) for who in ("ringback", "locked"))
        share = Spread.of_ratio(locked, unlocked)
        medians = map(_median, (unlocked, locked))
        rows.append([in_flight, *medians, share.show(), OF_THE_OPEN_ONE.show(), OF_THE_OPEN_ONE.judge(share)])
    head = ["open to everybody, per s", "with identities, per s", "÷ open", "aim", ""]
    return table(["in flight", *head], rows)


def _latency(rounds: Rounds) -> str:
    rows = []
    for in_flight in IN_FLIGHT:
        echo, ours = (_pick(rounds, who, in_flight) for who in ("echo", "ringback"))
        p99 = Spread.of_ratio([run.p99_us for run in ours], [run.p99_us for run in echo])
        cpu = Spread.of_ratio([run.cpu_us for run in ours], [run.cpu_us for run in echo])
        rows.append(
            [
                in_flight,
                *(_median([run.p50_us for run in runs]) for runs in (echo, ours)),
                *(_median([run.p99_us for run in runs]) for runs in (echo, ours)),
                *(p99.show(), OF_ITS_P99.judge(p99)),
                *(_median([run.cpu_us for run in runs]) for runs in (echo, ours)),
                cpu.show(),
            ]
        )
    aim = f"aim {OF_ITS_P99.show()}"
    head = ["p50 echo", "Ringback", "p99 echo", "Ringback", "÷ echo", aim, "server CPU echo", "Ringback", "÷ echo"]
    return table(["µs, by calls in flight", *head], rows)


def _against_naive(rounds: Rounds) -> str:
    rows = []
    loads = sorted({(run.flush_ms, run.in_flight) for runs in rounds for run in runs if run.who == "naive"})
    for flush_ms, in_flight in loads:
        naive, ours = (_per_s(rounds, who, in_flight, flush_ms) for who in ("naive", "ringback"))
        times = Spread.of_ratio(ours, naive)
        aim = OF_NAIVE[flush_ms] if in_flight == SLOW_IN_FLIGHT else None
        judged = [aim.show(), aim.judge(times)] if aim else ["", ""]
        disk = f"flush + {flush_ms} ms" if flush_ms else "as it is"
        rows.append([disk, in_flight, _median(naive), _median(ours), times.show(1), *judged])
    return table(["disk", "in flight", "naive, per s", "Ringback, per s", "÷ naive", "aim", ""], rows)


def _batches(rounds: Rounds) -> str:
    rows = []
    for in_flight in BATCHES_IN_FLIGHT:
        runs = _pick(rounds, "ringback", in_flight, batch=BATCH)
        per_s = Spread.of([run.per_s for run in runs])
        milliseconds = [Spread.of([value / 1000 for value in values]).show(1) for values in _latencies(runs)]
        cpu = _median([run.cpu_us / BATCH for run in runs])
        rows.append([in_flight, per_s.show(0), BATCHED_PER_S.show(), BATCHED_PER_S.judge(per_s), *milliseconds, cpu])
    head = ["callbacks/s", "aim", "", "p50, ms", "p99, ms", "server CPU per callback, µs"]
    return table(["calls in flight", *head], rows)


def _plot(rounds: Rounds) -> "Figure":
    drawn, axes = figure("Creates per second, by calls in flight")
    places = range(len(IN_FLIGHT))
    lines: Sequence[tuple[Who, str, str]] = [
        ("echo", "echo, not stored", LIMIT),
        ("ringback", "Ringback", OURS),
        ("naive", "a commit each", OTHER),
    ]
    for who, name, colour in lines:
        spreads = [Spread.of(_per_s(rounds, who, in_flight)) for in_flight in IN_FLIGHT]
        medians = [spread.median for spread in spreads]
        axes.plot(places, medians, "o-", color=colour)
        axes.fill_between(places, [s.low for s in spreads], [s.high for s in spreads], color=colour, alpha=0.15, lw=0)
        label(axes, name, places[-1], medians[-1], colour)
    axes.set_xticks(places, [str(in_flight) for in_flight in IN_FLIGHT])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.22)
    return drawn


def _pick(rounds: Rounds, who: Who, in_flight: int, flush_ms: int = 0, batch: int = 0) -> Sequence[Run]:
    """Return of each round the one run of this contestant under this load."""
    wanted = (who, in_flight, flush_ms, batch)
    return [run for runs in rounds for run in runs if (run.who, run.in_flight, run.flush_ms, run.batch) == wanted]


def _per_s(rounds: Rounds, who: Who, in_flight: int, flush_ms: int = 0) -> Sequence[float]:
    return [run.per_s for run in _pick(rounds, who, in_flight, flush_ms)]


def _latencies(runs: Sequence[Run]) -> tuple[Sequence[float], Sequence[float]]:
    return [run.p50_us for run in runs], [run.p99_us for run in runs]


def _median(values: Sequence[float]) -> str:
    return whole(Spread.of(values).median)


PART: Final = Part("creates", "Creating", measure, show)

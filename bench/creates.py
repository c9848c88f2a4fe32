"""CreateCallback, durable, against a bare echo of the same message and against one commit per request; and batches."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from bench.contest import (
    BATCH,
    BATCHES_IN_FLIGHT,
    ECHO_IN_FLIGHT,
    IN_FLIGHT,
    Rounds,
    Run,
    Who,
    measure,
    pick,
    rounds_of,
)
from bench.part import Measured, Part, Plots
from bench.plots import LIMIT, OTHER, OURS, figure, label
from bench.rounds import Aim, Spread, judged
from bench.tables import table, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OF_THE_ECHO: Final = {1: Aim(least=0.5), 16: Aim(least=0.5), 64: Aim(least=0.67), 256: Aim(least=0.7)}
ECHOES_OF_CPU: Final = {64: Aim(most=1.5)}
OF_THE_OPEN_ONE: Final = Aim(least=0.97)
OF_BEFORE: Final = Aim(most=1)
OF_NAIVE: Final = {1: Aim(least=10), 5: Aim(least=25)}
ECHOES_IN_A_BATCH: Final = Aim(most=0.25)


def show(measured: Measured, plots: Plots) -> str:
    if "missing" in measured:
        return f"Not measured: {measured['missing']}."
    rounds = rounds_of(measured)
    picture = plots.add(
        "creates", _plot(rounds), "Creates per second by calls in flight: echo, Ringback, a commit each"
    )
    how = "this one with each flush delayed" if measured["slow_disk"] else "not measured: no C compiler"
    return f"""
Medians of {len(rounds)} rounds, {measured["seconds"]:g} s for each figure, and in brackets the lowest and the highest.
Ringback is as users run it: with identities, so each call brings a token and is held to a caller's rights, and with its
HTTP port. *Echo* answers the same message and does nothing else, on the same event loop with the same options: what
gRPC takes.

{picture}

{_against_the_echo(rounds)}

Time from the call to its answer, and CPU time of the server per call:

{_costs(rounds)}

`BatchCreateCallbacks` with {BATCH} in a call; its CPU is counted in echoes with {ECHO_IN_FLIGHT} in flight:

{_batches(rounds)}

{_against_before(rounds, measured["before"])}

What identities and the HTTP port take of it:

{_against_the_open_one(rounds)}

*Naive* is a server with a transaction for each request, without identities and HTTP; reading, checking, tables and
indexes are the same. A slower disk is {how}.

{_against_naive(rounds)}
"""


def _against_the_echo(rounds: Rounds) -> str:
    rows = []
    for in_flight, aim in OF_THE_ECHO.items():
        echo, ours = _per_s(rounds, "echo", in_flight), _per_s(rounds, "ringback", in_flight)
        share = Spread.of_ratio(ours, echo)
        rows.append([in_flight, *map(_median, (echo, ours)), share.show(), aim.show(), aim.judge(share)])
    return table(["in flight", "echo, per s", "Ringback, per s", "÷ echo", "aim", ""], rows)


def _against_the_open_one(rounds: Rounds) -> str:
    rows = []
    for in_flight in IN_FLIGHT:
        unlocked, ours = (_per_s(rounds, who, in_flight) for who in ("open", "ringback"))
        share = Spread.of_ratio(ours, unlocked)
        medians = map(_median, (unlocked, ours))
        rows.append([in_flight, *medians, share.show(), OF_THE_OPEN_ONE.show(), OF_THE_OPEN_ONE.judge(share)])
    head = ["without both, per s", "with both, per s", "÷ without", "aim", ""]
    return table(["in flight", *head], rows)


def _costs(rounds: Rounds) -> str:
    rows = []
    for in_flight in IN_FLIGHT:
        echo, ours = (pick(rounds, who, in_flight) for who in ("echo", "ringback"))
        cpu = _ratio(ours, echo, "cpu_us")
        rows.append(
            [
                in_flight,
                *(_median([run.p50_us for run in runs]) for runs in (echo, ours)),
                *(_median([run.p99_us for run in runs]) for runs in (echo, ours)),
                *(_median([run.cpu_us for run in runs]) for runs in (echo, ours)),
                *(cpu.show(), *judged(ECHOES_OF_CPU.get(in_flight), cpu)),
            ]
        )
    head = ["p50 echo", "Ringback", "p99 echo", "Ringback", "server CPU echo", "Ringback", "÷ echo", "aim", ""]
    return table(["µs, by calls in flight", *head], rows)


def _against_before(rounds: Rounds, commit: str | None) -> str:
    if commit is None:
        return "Not compared with the code of another checkout."
    rows = []
    loads = {(run.flush_ms, run.batch, run.in_flight) for run in chain(*rounds) if run.who == "before"}
    for flush_ms, batch, in_flight in sorted(loads):
        before, ours = (pick(rounds, who, in_flight, flush_ms, batch) for who in ("before", "ringback"))
        per_s, p50, p99, cpu = (_ratio(ours, before, name) for name in ("per_s", "p50_us", "p99_us", "cpu_us"))
        times = chain(*([spread.show(), OF_BEFORE.judge(spread)] for spread in (p50, p99)))
        what = f"{in_flight} batches" if batch else str(in_flight)
        rows.append([what, _disk(flush_ms), per_s.show(), *times, cpu.show()])
    aim = f"aim {OF_BEFORE.show()}"
    head = ["in flight", "disk", "per s ÷ before", "p50 ÷ before", aim, "p99 ÷ before", aim, "server CPU ÷ before"]
    return f"The same beside the code of `{commit}`:\n\n{table(head, rows)}"


def _against_naive(rounds: Rounds) -> str:
    rows = []
    for flush_ms, in_flight in sorted({(run.flush_ms, run.in_flight) for run in chain(*rounds) if run.who == "naive"}):
        naive, ours = (_per_s(rounds, who, in_flight, flush_ms) for who in ("naive", "ringback"))
        times = Spread.of_ratio(ours, naive)
        shown = [_disk(flush_ms), in_flight, _median(naive), _median(ours), times.show(1)]
        rows.append([*shown, *judged(OF_NAIVE.get(flush_ms), times)])
    return table(["disk", "in flight", "naive, per s", "Ringback, per s", "÷ naive", "aim", ""], rows)


def _batches(rounds: Rounds) -> str:
    rows = []
    echo = [run.cpu_us for run in pick(rounds, "echo", ECHO_IN_FLIGHT)]
    for in_flight in BATCHES_IN_FLIGHT:
        runs = pick(rounds, "ringback", in_flight, batch=BATCH)
        per_s = Spread.of([run.per_s for run in runs])
        times = ([run.p50_us for run in runs], [run.p99_us for run in runs])
        milliseconds = [Spread.of([time / 1000 for time in some]).show(1) for some in times]
        cpu = [run.cpu_us / BATCH for run in runs]
        echoes = Spread.of_ratio(cpu, echo)
        rows.append(
            [in_flight, per_s.show(0), *milliseconds, _median(cpu), echoes.show(), *judged(ECHOES_IN_A_BATCH, echoes)]
        )
    head = ["callbacks/s", "p50, ms", "p99, ms", "server CPU per callback, µs", "÷ echo", "aim", ""]
    return table(["calls in flight", *head], rows)


def _ratio(runs: Sequence[Run], others: Sequence[Run], name: str) -> Spread:
    return Spread.of_ratio([getattr(run, name) for run in runs], [getattr(run, name) for run in others])


def _disk(flush_ms: int) -> str:
    return f"flush + {flush_ms} ms" if flush_ms else "as it is"


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


def _per_s(rounds: Rounds, who: Who, in_flight: int, flush_ms: int = 0) -> Sequence[float]:
    return [run.per_s for run in pick(rounds, who, in_flight, flush_ms)]


def _median(values: Sequence[float]) -> str:
    return whole(Spread.of(values).median)


PART: Final = Part("creates", "Creating", measure, show)

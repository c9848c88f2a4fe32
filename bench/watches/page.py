"""The chapter about watching."""

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bench.part import Measured, Plots
from bench.plots import LIMIT, OURS, figure, label
from bench.rounds import Aim, Spread
from bench.tables import table, whole
from bench.watches.figures import Backlog, Encodes, Round, Single

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_S: Final = Aim(least=500_000)
P99_MS: Final = Aim(most=60)
IDLE_KB: Final = Aim(most=30)
OF_UNDISTURBED: Final = Aim(least=0.95)
ENCODES: Final = Aim(most=1)
# For so many watchers the first two aims are meant.
MANY: Final = 100


def show(measured: Measured, plots: Plots) -> str:
    if "missing" in measured:
        return f"Not measured: {measured['missing']}."
    rounds = [
        Round([Backlog(**b) for b in one["backlogs"]], [Single(**s) for s in one["singles"]], one["idle_kb"])
        for one in measured["measured"]
    ]
    counts = measured["watchers"]
    picture = plots.add("watches", _plot(rounds, counts), "Events delivered per second, by watchers")
    return f"""
All watch everything, {measured["per_connection"]} streams on a connection. The client checks that all got the same
events in the same order. Medians of {len(rounds)} rounds, and in brackets the lowest and the highest.

All begin {whole(measured["backlog"])} events ago; counted from the first call to the last event of the last watcher:

{picture}

{_backlogs(rounds, counts)}

{measured["single"]} events, each with a pause after it: from the event's own time, which is just before the commit, to
its arrival at each watcher.

{_singles(rounds, counts)}

{_idle_and_stalled(rounds, max(counts), **measured["stalled"])}

Watchers with the same filter who stand at the same place are sent the same bytes. Counted exactly:

{_encoded([Encodes(**one) for one in measured["encodes"]])}
"""


def _backlogs(rounds: Sequence[Round], counts: Sequence[int]) -> str:
    rows = []
    for watchers in counts:
        runs = _undisturbed(rounds, watchers)
        per_s = Spread.of([run.per_s for run in runs])
        judged = [PER_S.show(), PER_S.judge(per_s)] if watchers >= MANY else ["", ""]
        cpu = statistics.median(run.cpu_us for run in runs)
        rows.append([whole(watchers), per_s.show(0), *judged, f"{cpu:.2f}"])
    return table(["watchers", "events delivered per s", "aim", "", "server CPU per event delivered, µs"], rows)


def _undisturbed(rounds: Sequence[Round], watchers: int) -> Sequence[Backlog]:
    return [run for one in rounds for run in one.backlogs if (run.watchers, run.stalled) == (watchers, 0)]


def _singles(rounds: Sequence[Round], counts: Sequence[int]) -> str:
    rows = []
    for watchers in counts:
        runs = [run for one in rounds for run in one.singles if run.watchers == watchers]
        p50, p99, most = (
            Spread.of([getattr(run, name) / 1000 for run in runs]) for name in ("p50_us", "p99_us", "max_us")
        )
        judged = [P99_MS.show(), P99_MS.judge(p99)] if watchers >= MANY else ["", ""]
        cpu = statistics.median(run.cpu_us for run in runs)
        rows.append([whole(watchers), p50.show(1), p99.show(1), *judged, most.show(1), whole(cpu)])
    head = ["watchers", "p50, ms", "p99, ms", "aim", "", "slowest, ms", "server CPU per delivery, with the create, µs"]
    return table(head, rows)


def _idle_and_stalled(rounds: Sequence[Round], watchers: int, *, count: int, beside: int) -> str:
    idle_kb = Spread.of([one.idle_kb for one in rounds])
    runs = [run for one in rounds for run in one.backlogs if run.watchers == beside]
    # In turns: each run with stalled ones follows one without.
    disturbed, undisturbed = [run for run in runs if run.stalled], [run for run in runs if not run.stalled]
    share = Spread.of_ratio([run.per_s for run in disturbed], [run.per_s for run in undisturbed])
    cpu = Spread.of_ratio([run.cpu_us for run in disturbed], [run.cpu_us for run in undisturbed])
    stalled = f"{beside} watchers with {count} more that do not read ÷ without"
    return table(
        ["", "measured", "aim", ""],
        [
            [
                f"memory of the server per idle watcher, of {watchers:,}, KiB",
                *(idle_kb.show(1), IDLE_KB.show(), IDLE_KB.judge(idle_kb)),
            ],
            [f"events per s of {stalled}", share.show(), OF_UNDISTURBED.show(), OF_UNDISTURBED.judge(share)],
            [f"server CPU per event of {stalled}", cpu.show(), "", ""],
        ],
    )


def _encoded(counted: Sequence[Encodes]) -> str:
    rows = []
    for one in counted:
        per_event = Spread.of([one.encodes / one.events])
        numbers = map(whole, (one.watchers, one.events, one.watchers * one.events, one.encodes))
        rows.append([one.what, *numbers, f"{per_event.median:g}", ENCODES.show(), ENCODES.judge(per_event)])
    return table(["", "watchers", "events", "delivered", "encodes", "encodes per event", "aim", ""], rows)


def _plot(rounds: Sequence[Round], counts: Sequence[int]) -> "Figure":
    drawn, axes = figure("Events delivered per second, by watchers")
    spreads = [Spread.of([run.per_s for run in _undisturbed(rounds, watchers)]) for watchers in counts]
    places = range(len(counts))
    aimed = [PER_S.least or 0 for watchers in counts if watchers >= MANY]
    axes.plot(places[-len(aimed) :], aimed, "--", color=LIMIT)
    label(axes, "aim", places[-1], aimed[-1], LIMIT)
    axes.plot(places, [spread.median for spread in spreads], "o-", color=OURS)
    axes.fill_between(places, [s.low for s in spreads], [s.high for s in spreads], color=OURS, alpha=0.15, lw=0)
    label(axes, "Ringback", places[-1], spreads[-1].median, OURS)
    axes.set_xticks(places, [f"{watchers:,}" for watchers in counts])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.18)
    return drawn

"""The chapter of the page: what was measured, who is ahead, and what each contestant gives up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Final

from bench.part import Measured, Plots
from bench.peers.peer import Peer, Work, contestants
from bench.peers.standings import Entry, Figure, Standing, p50_ms, p99_ms, per_s, standings
from bench.plots import OTHER, OURS, figure
from bench.rounds import Spread
from bench.tables import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_HEAD: Final = """
Medians of {rounds}, with the lowest and the highest in brackets. In each round every contestant does each work once, in
a process of its own and set up as its own documentation recommends, on infrastructure that is empty and flushes each
commit to the disk. What runs on PostgreSQL is held against Ringback on PostgreSQL, all else against Ringback on SQLite.
The others are libraries in the caller's process, some with a broker; Ringback is asked over gRPC, and what its server
and its client take is in its figures.
"""
# Closer than this is called level.
_LEVEL: Final = 1.05


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    figure: Figure
    digits: int

    def of(self, entry: Entry) -> str:
        return _shown(entry.spread(self.figure), self.digits)


@dataclass(frozen=True, slots=True)
class _Section:
    """How one work is shown."""

    title: str
    says: str
    compared: _Column
    others: Sequence[_Column] = ()
    higher_is_better: bool = True


_SECTIONS: Final[Mapping[Work, _Section]] = {
    Work.ENQUEUE: _Section(
        "A delayed job with a priority, durably acknowledged",
        "One client asks for jobs that are due in an hour, so many at a time.",
        _Column("per s", per_s, 0),
        [_Column("p99, ms", p99_ms, 1)],
    ),
    Work.RUN: _Section(
        "Running what is due",
        "Jobs of all priorities wait, are due, and do nothing. From the start of the first until all are durably done.",
        _Column("per s", per_s, 0),
    ),
    Work.LATENCY: _Section(
        "From due to started",
        "A worker waits, and jobs fall due one after the other, 20 to 80 ms apart.",
        _Column("p50, ms", p50_ms, 1),
        [_Column("p99, ms", p99_ms, 1)],
        higher_is_better=False,
    ),
}


def show(measured: Measured, plots: Plots) -> str:
    peers = contestants()
    entries = [Entry(**entry) for entry in measured["entries"]]
    absent = [[peer.title, f"not measured: {why}"] for peer in peers if (why := measured["absent"].get(peer.name))]
    count = max((len(entry.rounds) for entry in entries), default=0)
    rounds = "one round" if count == 1 else f"{count} rounds"
    chapter = [_HEAD.format(rounds=rounds).strip()]
    for work, section in _SECTIONS.items():
        stand = standings(entries, peers, work)
        picture = plots.add(f"peers-{work.value}", _plot(section, stand), f"{section.title}: each contestant")
        parts = [
            f"### {section.title}",
            section.says,
            picture,
            _table(section, stand, absent),
            _verdict(section, stand),
        ]
        chapter += parts
    chapter += [
        "### What each promises, and what it gives up",
        _promises([peer for peer in peers if peer.name in {entry.peer for entry in entries}]),
    ]
    return "\n\n".join(chapter)


def _table(section: _Section, stand: Sequence[Standing], absent: Sequence[Sequence[str]]) -> str:
    heads = [section.compared.head, "÷ Ringback", *(other.head for other in section.others)]
    loads = [entry.in_flight for entry in stand[0].entries] if stand else []
    columns = [head if load is None else f"{load} at a time: {head}" for load in loads for head in heads]
    rows = []
    for standing in stand:
        row = [_named(standing, stand)]
        for entry, ratio in zip(standing.entries, standing.ratios(section.compared.figure), strict=True):
            compared = "" if standing.is_ringback else _shown(ratio, 2)
            row += [section.compared.of(entry), compared, *(other.of(entry) for other in section.others)]
        rows.append(row)
    rows += [[*why, *[""] * (len(columns) - 1)] for why in absent]
    return table(["", *columns], rows)


def _named(standing: Standing, stand: Sequence[Standing]) -> str:
    """Return the name, with the number of jobs where it is not that of the others."""
    jobs, usual = standing.entries[0].jobs, max(other.entries[0].jobs for other in stand)
    return standing.name if jobs == usual else f"{standing.name} ({jobs:,} of {usual:,} jobs)"


def _shown(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return "failed"
    return spread.show(digits) if spread.low < spread.high else f"{spread.median:,.{digits}f}"


def _verdict(section: _Section, stand: Sequence[Standing]) -> str:
    """Return which contestants Ringback is ahead of, and for each of the others why not."""
    ahead, rest = [], []
    for standing in stand:
        rest += [f"- {standing.name}: {failure}." for entry in standing.entries for failure in entry.failures]
        ratios = [] if standing.is_ringback else standing.ratios(section.compared.figure)
        times = {
            entry.in_flight: 1 / ratio.median if section.higher_is_better else ratio.median
            for entry, ratio in zip(standing.entries, ratios, strict=False)
            if ratio is not None
        }
        if times and min(times.values()) >= _LEVEL:
            ahead.append(f"{standing.name} ({' and '.join(f'{one:.1f} times' for one in times.values())})")
        elif times:
            why = f" Why: {standing.setup.ahead}." if min(times.values()) <= 1 / _LEVEL else ""
            says = ", ".join(_against(one) + (f" with {load} at a time" if load else "") for load, one in times.items())
            rest.append(f"- {standing.name}: **{says}**.{why}")
    return "\n".join([f"Ringback is **ahead** of {'; '.join(ahead)}.\n"] * bool(ahead) + rest)


def _against(times: float) -> str:
    if times >= _LEVEL:
        return f"{times:.1f} times ahead"
    return f"{1 / times:.1f} times behind" if times <= 1 / _LEVEL else "abreast"


def _promises(peers: Sequence[Peer]) -> str:
    lines = []
    for peer in peers:
        gives_up = f" Gives up: {'; '.join(peer.gives_up)}." if peer.gives_up else ""
        lines.append(f"- **{peer.title}**: {peer.durability}.{gives_up}")
    return "\n".join(lines)


def _plot(section: _Section, stand: Sequence[Standing]) -> "Drawing":
    """Draw the figure that is compared, under the highest load; logarithmic, since there are worlds between them."""
    compared = section.compared
    bars = [(standing, spread) for standing in stand if (spread := standing.entries[-1].spread(compared.figure))]
    at_a_time = f", {load} at a time" if stand and (load := stand[0].entries[-1].in_flight) else ""
    drawn, axes = figure(f"{section.title}{at_a_time}", width=10, height=1.2 + 0.5 * len(bars))
    for place, (standing, spread) in enumerate(reversed(bars)):
        colour = OURS if standing.peer.name.startswith("ringback") else OTHER
        axes.barh(place, spread.median, color=colour)
        axes.plot([spread.low, spread.high], [place, place], color="black", linewidth=1)
        says = f"{spread.median:,.{compared.digits}f}"
        axes.annotate(says, (spread.high, place), xytext=(6, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(bars)), [fill(standing.name, 48) for standing, _ in reversed(bars)], fontsize=10)
    axes.set_xscale("log")
    axes.set_xlabel(f"{compared.head} (logarithmic), {'more' if section.higher_is_better else 'less'} is better")
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.2, y=0.02)
    return drawn

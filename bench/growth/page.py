"""The chapter about growth, drawn from what was measured."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bench.growth.operations import BATCH
from bench.part import Measured, Plots
from bench.plots import LIMIT, OURS, figure
from bench.rounds import Aim, Spread
from bench.tables import table, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OF_THE_SMALLEST: Final = Aim(most=1.5)
_BATCH_OF_THE_SMALLEST: Final = Aim(most=2)
_PAGE: Final = 4096
_RESIDENT_BYTES: Final = Aim(most=20)
# This many more callbacks show whether each takes memory: two servers differ by a megabyte by chance.
_ENOUGH: Final = 1_000_000
# To the first durable create, by how many wait.
_STARTED_MS: Final = {1_000_000: Aim(most=500), 10_000_000: Aim(most=1000)}
# What each part of the file is there for.
_FOR: Final[Mapping[str, str]] = {
    "callback": "the callback as JSON, and the columns that are searched for or checked",
    "event": "the entry of the log: the callback as it was then, for watchers; forgotten after a day",
    "event_by_callback": "the history of a callback; forgotten with the log",
    "sqlite_autoindex_callback_1": "finding a callback by its id; the order of all lists",
    "callback_by_task": "creating twice makes one; finding a callback by its caller's own id",
    "callback_open_by_target": "one open callback per target, where a service wants that; lists by target",
    "callback_to_come": "what of a service is due within the hour; only those that are not due yet",
    "callback_queue_end": "what expires before its turn; only those in a queue",
    "callback_by_service": "lists by service and state; how many calls are in progress",
    "callback_by_state": "lists by state",
    "callback_by_caller": "lists by caller",
    "callback_by_due": "lists by due date",
    "callback_queue": "whose turn it is; only those in a queue",
    "callback_to_queue": "who is due next; only those that are not due yet",
    "callback_to_expire": "whose promise expires next",
}


def show(measured: Measured, plots: Plots) -> str:
    sizes: Sequence[int] = measured["sizes"]
    rounds = len(next(iter(measured["operations"].values())))
    says = f"CPU of the server per operation with {sizes[-1]:,} waiting, divided by that with {sizes[0]:,}"
    picture = plots.add("growth", _plot(measured), says)
    return f"""
A server on SQLite for each size, all of them running, asked in turns. Half of all wait for one service, which is the
one that leases are asked for; the others for 999 small ones. Half are in their queues, the others due within a month.
A quarter has the large service and one state. Medians of {rounds} rounds, each of which gives the
median latency and the mean CPU time of the server; in brackets the lowest and the highest. What is got and cancelled is
drawn from all that wait, so it has to be read from the disk as far as the kernel does not keep the database in memory.

{picture}

CPU time of the server per operation:

{_growth(measured, "cpu_us")}

Time from the call to its answer:

{_growth(measured, "median_us")}

Read from the disk, in pages of 4 KiB per operation:

{_disk_reads(measured)}

### From the start of the process

Each time the kernel first drops what it keeps of the database file; what the disk of a virtual machine keeps, it does
not know, and Python's own files stay in memory. {_imports(measured)}

{_starts(measured)}

### Memory

{_memory(measured)}

### On the disk

{_disk(measured["disk"])}
"""


def _growth(measured: Measured, kind: str) -> str:
    sizes = measured["sizes"]
    rows = []
    for name, rounds in measured["operations"].items():
        columns = [[sizes_of[place][kind] for sizes_of in rounds] for place in range(len(sizes))]
        aim = _BATCH_OF_THE_SMALLEST if f"{BATCH}" in name else _OF_THE_SMALLEST
        times = Spread.of_ratio(columns[-1], columns[0])
        rows.append([name, *(_median(column) for column in columns), times.show(), aim.show(), aim.judge(times)])
    return table(["µs", *_heads(sizes), "last ÷ first", "aim", ""], rows)


def _disk_reads(measured: Measured) -> str:
    rows = []
    for name, rounds in measured["operations"].items():
        columns = zip(*rounds, strict=True)
        pages = [Spread.of([one["disk_bytes"] / _PAGE for one in column]).median for column in columns]
        rows.append([name, *(f"{number:.1f}" for number in pages)])
    return table(["", *_heads(measured["sizes"])], rows)


def _imports(measured: Measured) -> str:
    python, read = (Spread.of([run[what] for run in measured["starts"]]) for what in ("python_ms", "imports_ms"))
    return f"Of this, {python.show(0)} ms are the start of Python, and {read.show(0)} ms what the server imports."


def _starts(measured: Measured) -> str:
    rows = []
    for place, size in enumerate(measured["sizes"]):
        runs = [run["servers"][place] for run in measured["starts"]]
        listening, created, leased = (
            Spread.of([run[what] for run in runs]) for what in ("listening_ms", "created_ms", "leased_ms")
        )
        aim = _STARTED_MS.get(size)
        judged = [aim.show(), aim.judge(created)] if aim else ["", ""]
        rows.append([f"{size:,}", listening.show(0), created.show(0), *judged, leased.show(0)])
    return table(["ms, by how many wait", "listening", "first durable create", "aim", "", "first lease"], rows)


def _memory(measured: Measured) -> str:
    sizes, resident = measured["sizes"], measured["resident_bytes"]
    megabytes = ", ".join(f"{held / 1e6:.1f} MB with {size:,}" for size, held in zip(sizes, resident, strict=True))
    more = sizes[-1] - sizes[0]
    if more < _ENOUGH:
        return f"After all this, the servers hold {megabytes}: by chance, with so few more."
    per_callback = Spread.of([(resident[-1] - resident[0]) / more])
    judged = f"aim {_RESIDENT_BYTES.show()}: {_RESIDENT_BYTES.judge(per_callback)}"
    return f"After all this, the servers hold {megabytes}: {per_callback.median:.1f} bytes for each more ({judged})."


def _disk(disk: Mapping[str, Any]) -> str:
    of = dict(disk["of"])
    file, request = of.pop(""), disk["request"]
    said = (
        f"{whole(file)} bytes for a callback whose request has {whole(request)}, in a database that a server has "
        f"filled with {whole(disk['callbacks'])} of them"
    )
    if not of:
        return f"{said}. By table and index: not measured, this SQLite has no dbstat."
    parts = sorted(((size, name) for name, size in of.items() if size >= 1), reverse=True)
    rows = [[f"`{name}`: {_FOR.get(name, '')}", whole(size)] for size, name in parts]
    waiting = file - of.get("event", 0)
    return f"{said}; {whole(waiting)} without the log.\n\n{table(['bytes per callback', ''], rows)}"


def _plot(measured: Measured) -> "Figure":
    operations = measured["operations"]
    drawn, axes = figure(
        f"CPU with {_short(measured['sizes'][-1])} waiting ÷ with {_short(measured['sizes'][0])}",
        height=0.5 + 0.4 * len(operations),
    )
    names = list(reversed(operations))
    spreads = [
        Spread.of_ratio([r[-1]["cpu_us"] for r in operations[name]], [r[0]["cpu_us"] for r in operations[name]])
        for name in names
    ]
    axes.barh(names, [spread.median for spread in spreads], color=OURS)
    for place, spread in enumerate(spreads):
        axes.annotate(
            f"{spread.median:.2f}", (spread.median, place), xytext=(5, 0), textcoords="offset points", va="center"
        )
    for times in (1, _OF_THE_SMALLEST.most or 0):
        axes.axvline(times, color=LIMIT, linestyle="--", linewidth=1.5)
    axes.grid(visible=False)
    axes.set_xlim(0, max(2, 1.15 * max(spread.median for spread in spreads)))
    return drawn


def _heads(sizes: Sequence[int]) -> Sequence[str]:
    return [f"{size:,}" for size in sizes]


def _short(size: int) -> str:
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1000} k"


def _median(values: Sequence[float]) -> str:
    return whole(Spread.of(values).median)

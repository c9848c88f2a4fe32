"""docs/performance.md: the figures of the last run of each part, and what they say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.part import Part, Plots

DOCS: Final = Path(__file__).parents[1] / "docs"
FIGURES: Final = DOCS / "performance" / "figures.json"

_HEAD: Final = """\
<!-- Made by `make bench` from performance/figures.json. Do not edit. -->
# How fast Ringback is

Every figure is measured side by side with what it is compared to, in turns, in one run; medians count, and the spread
(the lowest and the highest round) is shown. Clients, servers and databases are processes of their own on one machine
and share its cores, so figures per second say little elsewhere: the ratios do. `bench/README.md` tells how each is
measured, and how to measure them yourself.
"""


def write_page(docs: Path, parts: Sequence[Part], figures: Mapping[str, Any]) -> None:
    folder = docs / "performance"
    folder.mkdir(exist_ok=True)
    plots = Plots(folder, folder.name)
    chapters = [_chapter(part, figures[part.name], plots) for part in parts if part.name in figures]
    (docs / "performance.md").write_text("\n".join([_HEAD, *chapters]))


def _chapter(part: Part, figures: Mapping[str, Any], plots: Plots) -> str:
    where = f"*{figures['machine']}; {figures['scale']} run.*"
    return f"## {part.title}\n\n{part.show(figures['measured'], plots).strip()}\n\n{where}\n"

"""The common look of the page's pictures."""

from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# What it is about, what it is held against, and what else there is.
OURS: Final = "#0b6bcb"
LIMIT: Final = "#6e7781"
OTHER: Final = "#c4622d"

mpl.rcParams.update(
    {
        "font.size": 12,
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": LIMIT,
        "axes.titlelocation": "left",
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": "#d8dee4",
        "lines.linewidth": 2.5,
        "lines.markersize": 7,
        # The same figures make the same file.
        "svg.hashsalt": "ringback",
        "svg.fonttype": "none",
    }
)


def figure(title: str, *, width: float = 8.0, height: float = 4.2) -> tuple[Figure, Axes]:
    """Return an empty plot; its size is in inches."""
    made = Figure(figsize=(width, height), layout="constrained")
    axes = made.add_subplot()
    axes.set_title(title)
    return made, axes


def label(axes: Axes, text: str, x: float, y: float, colour: str) -> None:
    """Write what a line is, to the right of its last point."""
    axes.annotate(text, (x, y), xytext=(8, 0), textcoords="offset points", color=colour, va="center", weight="bold")

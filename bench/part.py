"""What a part of the bench is: a thing that is measured, and how the page shows it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.checkout import Checkout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What was measured, as it stands in the JSON file: figures, and nothing that is said about them.
Measured = Mapping[str, Any]


class Scale(Enum):
    """How much is measured: for a look, or for the page that is published."""

    SHORT = "short"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Course:
    """What a part is to measure."""

    scale: Scale
    # Is measured beside this code, where a part compares both.
    before: Checkout | None = None


class Plots:
    """Where the pictures of the page go."""

    def __init__(self, folder: Path, link: str) -> None:
        """Keep the folder; `link` is the folder as seen from the page."""
        self._folder = folder
        self._link = link

    def add(self, name: str, figure: "Figure", says: str) -> str:
        """Save the picture, and return the Markdown that shows it; `says` is the text for readers who do not see it."""
        figure.savefig(self._folder / f"{name}.svg", metadata={"Date": None})
        return f"![{says}]({self._link}/{name}.svg)"


@dataclass(frozen=True, slots=True)
class Part:
    """One chapter of the page."""

    name: str
    title: str
    measure: Callable[[Course], Awaitable[Measured]]
    # Draws all it says from the figures, so that the page never says what was not measured.
    show: Callable[[Measured, Plots], str]

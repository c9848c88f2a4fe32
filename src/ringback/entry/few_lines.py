"""A line of the log for what clients can bring about as often as they like: few are told, and the rest is counted."""

import asyncio
from collections.abc import Callable
from typing import Final

_INTERVAL_S: Final = 60.0


class FewLines:
    """The first is told at once. Those that follow within a minute are counted, and told as a number at its end."""

    def __init__(self, tell_rest: Callable[[int], None], interval_s: float = _INTERVAL_S) -> None:
        """`tell_rest` logs how many were left out."""
        self._tell_rest: Final = tell_rest
        self._interval_s: Final = interval_s
        self._left_out = 0
        # Runs while what comes is counted.
        self._counting: asyncio.TimerHandle | None = None

    def is_told(self) -> bool:
        """Return whether this one is to be told; else it is counted."""
        if self._counting is not None:
            self._left_out += 1
            return False
        self._begin()
        return True

    def _begin(self) -> None:
        self._counting = asyncio.get_running_loop().call_later(self._interval_s, self._end)

    def _end(self) -> None:
        self._counting = None
        if self._left_out:
            self._begin()
            self._tell()

    def close(self) -> None:
        """Tell what has not been told yet: the server stops."""
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None
        self._tell()

    def _tell(self) -> None:
        count, self._left_out = self._left_out, 0
        if count:
            self._tell_rest(count)

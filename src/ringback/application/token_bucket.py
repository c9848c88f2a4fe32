"""A token bucket: how much is taken in the long run is bounded, and what comes in bursts is let in up to a size."""

from typing import Final

# Times are rounded: what is missing only by that is there.
_ROUNDING: Final = 1e-6


class TokenBucket:
    """A bucket that fills with `rate` tokens a second, up to those of one second, and at least one.

    More than it ever holds can be taken when it is full. The bucket is in debt then, and has to fill up again first.
    """

    def __init__(self, rate: float, now: float) -> None:
        self.rate: Final = rate
        self.size: Final = max(rate, 1.0)
        self._level = self.size
        self._filled = now

    def take(self, tokens: int, now: float) -> float:
        """Take the tokens and return 0; or else take nothing, and return after how many seconds they can be had."""
        self._level = min(self.size, self._level + max(now - self._filled, 0.0) * self.rate)
        self._filled = now
        missing = min(tokens, self.size) - self._level
        if missing > _ROUNDING:
            return missing / self.rate
        self._level -= tokens
        return 0.0

    def is_full(self, now: float) -> bool:
        """Return whether it is as if nothing had ever been taken."""
        return self._level + (now - self._filled) * self.rate >= self.size

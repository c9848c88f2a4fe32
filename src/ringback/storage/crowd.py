"""When to flush: at once, or when more of those are back who were just answered.

A transaction costs as much CPU as some creates, however few are in it. While the event loop is busy with answers and
the requests that follow them, it pays to wait until most of them are back. While the disk is busy it does not: they
come during the flush, and the next one must not begin late.
"""

from typing import Final, NamedTuple, Self

# Among so many rows the cost of their transaction is lost.
_PLENTY_ROWS: Final = 64
# Of those who were there at the last flush so many are waited for. The rest come during the next one, or not at all.
_SHARE: Final = 0.8
# What the event loop takes for each of them at least, from its answer to its next request. A flush that takes as long
# as that for all of them is what they wait for: there is nothing to be gained beside it.
_RETURN_S: Final = 0.000_06
# Who is not back by then does not come back. It counts from the beginning of the last flush.
_LATE_S: Final = 0.000_2
_PATIENCE_S: Final = 0.005
# While several wait, and there is nobody to wait for, flushes still begin so far apart.
_SPACING_S: Final = 0.001
# Of a flush that took longer, in what the disk is taken to need. On a busy machine most flushes wait for a core, or for
# the interpreter, as well; what the disk needs shows in the shortest ones.
_WEIGHT: Final = 1 / 64

AT_ONCE: Final = 0.0


class Crowd(NamedTuple):
    """Those who write, as they were seen at the last flush. Times are of one clock, in seconds."""

    # Those whose requests were flushed, and those who were waiting when it was over.
    writers: int = 0
    begun: float = 0.0
    # What the disk needs for a flush.
    flush_s: float = 0.0

    def flushed(self, begun: float, took_s: float, written: int, waiting: int) -> Self:
        """Return the crowd after a flush for so many writers, when so many others have come meanwhile."""
        longer_s = max(took_s - self.flush_s, 0.0)
        return type(self)(written + waiting, begun, min(took_s, self.flush_s + _WEIGHT * longer_s))

    def flush_at(self, waiting: int, rows: int) -> float:
        """Return until when to wait for more, when so many writers are waiting, with so many rows together."""
        if rows >= _PLENTY_ROWS:
            return AT_ONCE
        if self.flush_s < _RETURN_S * self.writers:
            is_back = waiting >= int(_SHARE * self.writers)
            return AT_ONCE if is_back else self.begun + min(_LATE_S * self.writers, _PATIENCE_S)
        return AT_ONCE if waiting == 1 else self.begun + _SPACING_S

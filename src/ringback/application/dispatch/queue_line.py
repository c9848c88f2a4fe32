"""The line of one service as it is read for a look at it: who waits, whose turn it is, and how fast it moves."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from ringback.application.queue_counts import ServiceFigures
from ringback.domain.priority import Priority, granted_before
from ringback.domain.queue import Turn
from ringback.domain.service import Service

# Positions are counted by simulating the coming grants; farther back than this they are of no use.
MAX_POSITION: Final = 10_000


class Line(Struct, frozen=True):
    """What a look at a queue of a service is made of."""

    service: Service
    turn: Turn
    figures: ServiceFigures
    waiting: Mapping[Priority, int]
    in_progress: int
    is_open: bool
    rest_ends: datetime | None
    # The time from one call to the next; None when no call may begin, or too few have begun to tell.
    per_call: timedelta | None

    def before(self, level: Priority, ahead: int) -> Mapping[Priority, int]:
        """Return how many of each level go before one that has so many of its own level before it."""
        counts = {**self.waiting, level: max(self.waiting.get(level, 0), ahead + 1)}
        credits_, weights = self.turn.credits, self.service.priority_weights
        return granted_before(counts, credits_, weights, level, ahead, MAX_POSITION - 1)

    @property
    def total(self) -> int:
        return sum(self.waiting.values())

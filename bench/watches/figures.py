"""What was measured of watchers."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backlog:
    """All watchers begin so many events ago; what those get that read. CPU time is per event and watcher."""

    watchers: int
    stalled: int
    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Single:
    """One event at a time for all watchers; CPU time is per event and watcher."""

    watchers: int
    p50_us: float
    p99_us: float
    max_us: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Encodes:
    """How often callbacks were encoded for some watchers with the same filter."""

    what: str
    watchers: int
    events: int
    encodes: int


@dataclass(frozen=True, slots=True)
class Round:
    """Everything once."""

    backlogs: Sequence[Backlog]
    singles: Sequence[Single]
    idle_kb: float

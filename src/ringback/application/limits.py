"""How much a caller may do at a time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one identity, or of one address where there are no identities. None: there is no limit."""

    # CreateCallback counts one, BatchCreateCallbacks counts its items.
    creates_per_s: float | None = None
    # Callbacks that have not ended.
    open_callbacks: int | None = None
    # What waits on the server, whatever else is configured: each holds memory.
    watches: int | None = 1_000
    polls: int | None = 200
    connections: int | None = None

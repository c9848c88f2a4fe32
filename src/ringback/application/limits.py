"""How much a caller may do at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRules:
    """The limits of all callers."""

    # Of an identity that has none of its own, and of each address where there are no identities.
    default: Limits = field(default_factory=Limits)
    # By name. What an identity does not say for itself has been filled in from the default.
    identities: Mapping[str, Limits] = field(default_factory=dict)

    def of(self, identity: str) -> Limits:
        return self.identities.get(identity, self.default)

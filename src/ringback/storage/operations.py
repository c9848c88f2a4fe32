"""What operations of the writer are handed in, the same for every dialect, and the limits of what is read."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ringback.domain.callback import Callback
from ringback.domain.queue import Turn
from ringback.ports.values import Change, Retention

# A page ends early at about this size, so that no answer outgrows a message (4 MiB in gRPC).
PAGE_BYTES: Final = 2 * 1024 * 1024
# A list that finds next to nothing among millions is refused rather than let hold up the others.
READ_LIMIT_S: Final = 3.0
# Connections that read. Lists and counts have some of their own: a long one holds up others, never the scheduler or
# a dialer.
SEEKERS: Final = 2
LISTERS: Final = 2


class Creation(NamedTuple):
    """What one call creates, and the ids of those that must be alone."""

    new: Sequence[Callback]
    alone: Collection[str]


class Changes(NamedTuple):
    """All or none of them."""

    changes: Sequence[Change]
    turn: Turn | None


class Shift(NamedTuple):
    """A jump of the clock that leases are moved with, and how many jumps the caller knows of."""

    by: timedelta
    jumps: int


class Purge(NamedTuple):
    """What need not be kept at this time, up to `limit` rows of each kind."""

    now: datetime
    retention: Retention
    limit: int


class ServiceRevision(NamedTuple):
    """A service as it was read."""

    service_id: str
    revision: int


class Term(NamedTuple):
    """For how long a server leads."""

    server: str
    now: datetime
    until: datetime


class Demand(NamedTuple):
    """Until when dialers of one server ask for which services."""

    until: Mapping[str, datetime]
    now: datetime

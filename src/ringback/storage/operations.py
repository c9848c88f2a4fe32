"""The arguments of the writer's operations, the same for every dialect, and the limits of reads."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ringback.domain.callback import Callback, weight
from ringback.domain.queue import Turn
from ringback.domain.service import Service
from ringback.ports.calls import CallKey, KeptCall
from ringback.ports.values import Change, ClockMark, Demand, Retention

# A page ends early at about this size, so that no response outgrows a message (4 MiB in gRPC).
PAGE_BYTES: Final = 2 * 1024 * 1024
# A list that finds next to nothing among millions of rows is refused, so that it does not hold up others.
READ_LIMIT_S: Final = 3.0
# A count of everything that is open, which is made when a server starts: nothing else waits for it.
COUNT_LIMIT_S: Final = 300.0
# How long it is kept when a phone was dialled: a limit counts those of a day, of whatever time zone.
DIALLED_KEPT: Final = timedelta(hours=48)
# A call that no process has gone on with for so long is none any more.
LEFT_CALLS_KEPT: Final = timedelta(hours=24)
# A page of a row in a table, and one of an index.
_ROW_BYTES: Final = 8 * 1024
# A callback is in the log as well.
_COPIES: Final = 2
# Reading connections. Lists and counts have their own: a long one holds up others, never the scheduler or a dialer.
SEEKERS: Final = 2
LISTERS: Final = 2


class Creation(NamedTuple):
    """The callbacks of one create call, the ids of those that must be alone at their target, and by which settings."""

    new: Sequence[Callback]
    alone: Collection[str]
    settings: Collection[Service]


class Changes(NamedTuple):
    """The changes of one call: all are written, or none."""

    changes: Sequence[Change]
    turn: Turn | None


class ManyChanges(NamedTuple):
    """The changes of many calls in one request: those of each are written, or refused, for themselves."""

    calls: Sequence[Changes]


class Shift(NamedTuple):
    """A jump of the clock to move the leases by, how many jumps the caller knows of, and what it notes with it."""

    by: timedelta
    jumps: int
    mark: ClockMark | None


class KeepingBounds(NamedTuple):
    """The latest times until which phones, and calls, can be kept."""

    phones: datetime
    calls: datetime


class Purge(NamedTuple):
    """A purge of what need not be kept at this time, up to `limit` rows of each kind."""

    now: datetime
    retention: Retention
    limit: int


class Erasing(NamedTuple):
    """Callbacks to be erased, and who requests it."""

    callbacks: Sequence[Callback]
    now: datetime
    identity: str


class Forgetting(NamedTuple):
    """A call of this owner that is kept no longer; or still, but without an owner from a time on."""

    key: CallKey
    owner: str
    left_at: datetime | None = None


class Renewal(NamedTuple):
    """A sign of life of the owner of calls."""

    owner: str
    until: datetime


class Taking(NamedTuple):
    """A call that gets another owner, and what becomes of its callback."""

    before: KeptCall
    after: KeptCall
    changes: Sequence[Change]


def bytes_of(request: object, rows: int) -> int:
    """Return how much a request that touches so many rows writes: rather more than less."""
    callbacks: Sequence[Callback] = ()
    if isinstance(request, Creation):
        callbacks = request.new
    elif isinstance(request, Changes | Taking):
        callbacks = [change.after for change in request.changes]
    elif isinstance(request, ManyChanges):
        callbacks = [change.after for call in request.calls for change in call.changes]
    elif isinstance(request, Erasing):
        callbacks = request.callbacks
    return rows * _ROW_BYTES + _COPIES * sum(map(weight, callbacks))


class ServiceRevision(NamedTuple):
    """A service at the revision that was read."""

    service_id: str
    revision: int


class Term(NamedTuple):
    """The term of the leading server."""

    server: str
    now: datetime
    until: datetime


class Noting(NamedTuple):
    """The services that dialers of one server poll for."""

    demand: Sequence[Demand]
    now: datetime

"""What a store takes and returns, besides the values of the domain."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from msgspec import Struct

from ringback.domain.callback import Callback, State
from ringback.domain.priority import Priority
from ringback.domain.service import Service

# In place of a service's id: any service with something to do.
ALL_SERVICES: Final = ""
# No dialer is noted for longer than this at a time: what seems to be was noted before the clock was set back.
LONGEST_DEMAND: Final = timedelta(minutes=3)


class EventKind(IntEnum):
    """The kinds of entries of the event log."""

    CREATED = 1
    UPDATED = 2
    # The ended callback is no longer kept.
    PURGED = 3


class DialOuts(Struct, frozen=True, gc=False):
    """How many dial-outs to one number began after a time."""

    since: datetime
    count: int


class Change(Struct, frozen=True, gc=False):
    """One step of one callback, as computed from what was read."""

    before: Callback
    after: Callback
    # Stored only while the service has no other open callback to the target.
    alone: bool = False
    # The service by whose settings this was decided: stored only while they are still the same.
    settings: Service | None = None
    # The dial-outs to its number by which this was decided: stored only while there are no more of them.
    dial_outs: DialOuts | None = None
    # The identity that requested it, for the log; "" for what the server does by itself.
    identity: str = ""


class Agenda(Struct, frozen=True):
    """What is to be done because time has passed, of each kind the earliest first."""

    # In progress, with a lease that has ended.
    lapsed: Sequence[Callback]
    # SCHEDULED, QUEUED or OFFERED with an `expire_time` that has come.
    expired: Sequence[Callback]
    # SCHEDULED with a `next_attempt_time` that has come.
    due: Sequence[Callback]
    # When there will next be something; None when nothing waits for a time.
    next_time: datetime | None

    @property
    def has_work(self) -> bool:
        return bool(self.lapsed or self.expired or self.due)


class LoggedEvent(Struct, frozen=True, gc=False):
    """One committed change. `number` grows in commit order; numbers may be missing, never reused."""

    number: int
    kind: EventKind
    callback: Callback
    # The callback as it was before, for filters; None when it was created.
    previous: Callback | None
    # The identity that requested it; "" for what the server did by itself.
    identity: str = ""


class EventPage(Struct, frozen=True):
    """Events of one callback, in order."""

    events: Sequence[LoggedEvent]
    # There are more of them beyond the last one.
    more: bool


class History(Struct, frozen=True):
    """The span of the event log: everything after `oldest` up to `newest` can be read."""

    oldest: int
    newest: int


class ClockMark(Struct, frozen=True):
    """By how much a wall clock was ahead of the monotonic one, in the boot of a machine that this one counts from."""

    boot: str
    ahead: timedelta
    # For how many jumps of the clock the leases had been moved by then.
    jumps: int


class OpenCounts(Struct, frozen=True):
    """How many callbacks of each identity were open after event `number`."""

    number: int
    counts: Mapping[str, int]


class LevelCount(Struct, frozen=True, gc=False):
    """How many callbacks of a service are in a state, by level but for SCHEDULED: no index has the level of those."""

    service_id: str
    state: State
    priority: Priority | None
    count: int
    # When the one that has waited longest became due, for QUEUED.
    oldest: datetime | None


class OpenByService(Struct, frozen=True):
    """What was open after event `number`. What has none is left out."""

    number: int
    counts: Sequence[LevelCount]


# One level of the queue of a service.
LineName = tuple[str, Priority]


class LineHeads(Struct, frozen=True):
    """When the first of each line became due, after event `number`. A line without callbacks is left out."""

    number: int
    oldest: Mapping[LineName, datetime]


class Outlook(Struct, frozen=True):
    """What time will bring to one service."""

    # How many of its callbacks are SCHEDULED to be due by a given time, up to a limit.
    due: int
    # When the first of those that are QUEUED expires; None without any.
    first_expiry: datetime | None


class Demand(Struct, frozen=True):
    """A dialer counts as polling for callbacks of a service, or of `ALL_SERVICES`, until then."""

    service_id: str
    # "": it is not known which one.
    dialer_id: str
    until: datetime


class Services(Struct, frozen=True):
    """All services, by id, and a number that grows with every change of one."""

    version: int
    services: Sequence[Service]


class StoreSize(Struct, frozen=True):
    """The space that a database takes, in bytes. None: it cannot be known from here."""

    database: int
    # What is written ahead of the database itself.
    write_ahead_log: int | None = None
    # What is left on its disk.
    free: int | None = None


class Snapshot(Struct, frozen=True):
    """Callbacks as they were after event `number`."""

    number: int
    callbacks: Sequence[Callback]
    # More callbacks match beyond the last one.
    more: bool


class StateCount(Struct, frozen=True):
    """How many of the matching callbacks are in one state."""

    count: int = 0
    # There may be more.
    at_least: bool = False


class CallbackSearch(Struct, frozen=True):
    """A part of a search among all callbacks, and the id after which the next part begins; None at the end."""

    found: Sequence[Callback]
    next_id: str | None


class EventSearch(Struct, frozen=True):
    """A part of a search in the event log, and the number after which the next part begins; None at the end."""

    found: Sequence[LoggedEvent]
    next_number: int | None


class PhoneUse(Struct, frozen=True):
    """What keeps callbacks from a phone: both None when nothing does."""

    # The id of the callback in progress that calls it.
    caller: str | None
    # It may still ring until then, since a dialer was lost.
    kept_until: datetime | None


class Extension(Struct, frozen=True):
    """A lease that shall last until `expire_time`."""

    callback_id: str
    fencing_token: int
    expire_time: datetime


class Retention(Struct, frozen=True):
    """How long ended callbacks and events are kept. An event is deleted when it is older *and* beyond the count."""

    ended_callbacks: timedelta = timedelta(days=30)
    # Of services that have another retention time: theirs, by id.
    of_services: Mapping[str, timedelta] = {}
    events: timedelta = timedelta(hours=24)
    min_events: int = 100_000

    def of(self, service_id: str) -> timedelta:
        """Return how long ended callbacks of this service are kept."""
        return self.of_services.get(service_id, self.ended_callbacks)

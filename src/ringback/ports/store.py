"""The truth, as the use cases see it: one protocol per role, and `Store`, which is all of them.

- A store knows values, revisions and order; it knows no rules.
- A write is durable when it returns: it survives a power cut. Each write is all or nothing.
- A write and its event-log entries are one transaction, and entries are numbered in commit order.
- Reads see everything whose write has returned, and nothing uncommitted.
- A cancelled caller leaves nothing half-done: the write happens whole, or not at all.
- Every method raises `StorageUnavailable` when the database is away, locked or full; a write may then have
  happened, which is why creating is idempotent and changes compare revisions.

One suite proves this contract against every adapter (`tests/storage/`).
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ringback.domain.callback import Callback
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.domain.queue import Line, Queue, Turn
from ringback.domain.service import Service
from ringback.ports.values import Change, Extension, History, LoggedEvent, Retention, Services, Snapshot


class CallbackStore(Protocol):
    """The callbacks themselves: found by name or filter, created once, changed by compare and swap."""

    async def create(self, new: Sequence[Callback], alone: Collection[str] = ()) -> Sequence[Callback | None]:
        """Store each, unless one with its id, its external task id or its request id is there already.

        One whose id is in `alone` is stored only while its service has no other open callback to its target.
        Answers, in the order given, None for each that was stored, and the one already there for each that was
        not (also when it is an earlier one of the same call). Logged as CREATED. Raises `UnknownService`.
        """
        ...

    async def create_one(self, new: Callback, *, alone: bool = False) -> Callback | None:
        """Store one callback as `create` does, with the same result: None, or the callback that is there already."""
        ...

    async def apply(self, changes: Sequence[Change], turn: Turn | None = None) -> None:
        """Replace each `before` by its `after`, and the turn of a service, all or none. Logged as UPDATED.

        Raises `RevisionConflict` when one of them is not as it was read: the revision or the lease's end differs,
        `turn.revision` is not the one after the stored turn, or two callbacks to one target would be in
        progress at once.
        """
        ...

    async def get(self, key: Key) -> Callback | None: ...

    async def get_by_request_id(self, request_id: str) -> Callback | None: ...

    async def get_many(self, callback_ids: Sequence[str]) -> list[Callback]:
        """Those that exist, in no particular order."""
        ...

    async def list(self, wanted: CallbackFilter, before_id: str, limit: int) -> Snapshot:
        """Matching callbacks with an id smaller than `before_id` ("" for the end), newest (largest) id first.

        A page ends early, with `more` set, at about 2 MiB.
        """
        ...

    async def snapshot(self, wanted: CallbackFilter, after_id: str, limit: int) -> Snapshot:
        """Matching callbacks with an id larger than `after_id`, smallest first; ends early like `list`."""
        ...


class QueueStore(Protocol):
    """What waits for a dialer, and what dialers hold. An index answers each question, however many are waiting."""

    async def queue(self, service_id: str, depth: int) -> Queue | None:
        """What there is to grant: per level up to `depth` callbacks by (`ready_time`, id); None: no such service.

        Callbacks whose target is in a call already are passed over.
        """
        ...

    async def line(self, service_id: str) -> Line | None:
        """How many are QUEUED, per level that has any; None: no such service. Looks at each of them once."""
        ...

    async def ahead(self, callback: Callback) -> int:
        """How many QUEUED callbacks of its service and level come before it. Looks at each of them once."""
        ...

    async def queued_services(self) -> Sequence[str]:
        """The ids of the services that have QUEUED callbacks."""
        ...

    async def leased_for(self, dialer_id: str, request_id: str) -> Sequence[Callback]:
        """In progress with a lease that this dialer got for this request."""
        ...

    async def extend(self, extensions: Sequence[Extension]) -> list[bool]:
        """Move the end of each lease that is still held; tells for each whether it is. Not logged."""
        ...


class ScheduleStore(Protocol):
    """What happens because time passes. An index answers each question, however many are waiting."""

    async def due(self, now: datetime, limit: int) -> Sequence[Callback]:
        """SCHEDULED with `next_attempt_time` <= now, earliest first."""
        ...

    async def expired(self, now: datetime, limit: int) -> Sequence[Callback]:
        """SCHEDULED, QUEUED or OFFERED with `expire_time` <= now, earliest first."""
        ...

    async def lapsed(self, now: datetime, limit: int) -> Sequence[Callback]:
        """In progress with a lease that ended by `now`, earliest first."""
        ...

    async def held_by(self, dialer_id: str) -> Sequence[Callback]:
        """In progress with a lease of this dialer."""
        ...

    async def next_time(self) -> datetime | None:
        """When `due`, `expired` or `lapsed` will next have an answer; None when nothing is waiting for a time."""
        ...

    async def queued(self, service_id: str, limit: int) -> Sequence[Callback]:
        """QUEUED callbacks of a service, of whichever level, first in first out within it."""
        ...

    async def moved_by_hours(self, service_id: str, after_id: str, limit: int) -> Sequence[Callback]:
        """SCHEDULED callbacks of a service that wait for its opening (`next_attempt_time` > `ready_time`), by id."""
        ...

    async def purge(self, now: datetime, retention: Retention, limit: int) -> int:
        """Forget ended callbacks (logged as PURGED) and events that need not be kept, up to `limit` of each.

        Answers how many rows went; fewer than `limit` of both means that nothing is left to forget for now.
        """
        ...


class ServiceStore(Protocol):
    """The services on whose behalf calls are made."""

    async def put_service(self, service: Service) -> None:
        """Store a service: a new one when its revision is 1, else the successor of the stored revision.

        Raises `RevisionConflict` when it is not the successor, `DuplicateService` when another has its address
        (or, for a new one, its id).
        """
        ...

    async def delete_service(self, service_id: str, revision: int) -> bool:
        """Remove the service at this revision; False when it has callbacks that have not ended.

        Its ended callbacks stay. Raises `RevisionConflict` when it is not at this revision.
        """
        ...

    async def services(self) -> Services: ...

    async def services_version(self) -> int: ...

    async def wait_for_services(self, version: int) -> None:
        """Return when the services may have changed since `version`; at once when they have."""
        ...


class EventLog(Protocol):
    """Every committed change, in commit order, as far as it is kept."""

    async def history(self) -> History: ...

    async def events(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        """The events with a number above `after`, in order; ends early like `list`."""
        ...

    def follow(self, after: int) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        """Return the events with a number above `after` as they are committed, in order, in batches of at least one.

        It goes on until it is closed, and keeps a bounded number of events for a follower that is slow. Raise
        `StorageUnavailable` when the database is away or closed; a follower goes on by calling it again.
        """
        ...


class Coordination(Protocol):
    """What servers on one database have to agree about."""

    async def lead(self, server: str, now: datetime, until: datetime) -> bool:
        """Whether `server` is the one that does the work of the scheduler, now and until that time.

        So is the first that asks, for as long as it asks again in time; then the next. Asking with `until` = `now`
        gives it up. It only spares the others that work: whoever does it compares revisions.
        """
        ...

    async def clock_jumps(self) -> int:
        """How many jumps of the clock the leases have been moved with."""
        ...

    async def shift_leases(self, by: timedelta, jumps: int) -> int | None:
        """Move the end of every lease, because the clock jumped; answers how many. Not logged.

        `jumps` is how many jumps the caller knows of. None, and nothing is moved, when there were more: another
        server has seen this jump, too, and was first.
        """
        ...

    async def note_asked_for(self, until: Mapping[str, datetime], now: datetime) -> None:
        """Until when dialers of this server ask for which services (`ALL_SERVICES`: all); forgets what is over.

        Other servers get to know it. It need not survive a restart of the last one.
        """
        ...

    async def is_asked_for(self, service_id: str, now: datetime) -> bool:
        """Whether some server has noted a dialer that asks for this service, or for all."""
        ...


class Store(CallbackStore, QueueStore, ScheduleStore, ServiceStore, EventLog, Coordination, Protocol):
    """One database in all its roles."""

    @property
    def database_id(self) -> str:
        """16 hexadecimal digits, drawn when the database was made. Tokens are bound to it."""
        ...

    async def probe(self) -> bool:
        """Whether the database takes writes: as the last one showed or, when it failed, as another one shows."""
        ...

    async def close(self) -> None:
        """Let writes under way finish, then release everything. May be called twice."""
        ...

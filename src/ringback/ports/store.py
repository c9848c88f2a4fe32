"""The store, which holds the truth: one protocol per role, and `Store`, which is all of them.

- A store knows values, revisions and order; it knows no rules.
- A write is durable when it returns: it survives a power cut. Each write is all or nothing.
- A write and its event-log entries are one transaction, and entries are numbered in commit order.
- Reads see everything whose write has returned, and nothing uncommitted.
- When the caller is cancelled, the write happens completely or not at all.
- Every method raises `StorageUnavailable` when the database is unreachable, locked or full; a write may then have
  happened, which is why creation is idempotent and changes compare revisions.

One suite proves this contract against every adapter (`tests/storage/`).
"""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ringback.domain.callback import Callback, State
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import Key
from ringback.domain.priority import Priority
from ringback.domain.queue import Queue, Turn
from ringback.domain.service import Service
from ringback.ports.calls import CallStore
from ringback.ports.outcomes import OutcomeStore
from ringback.ports.values import (
    Agenda,
    CallbackSearch,
    Change,
    ClockMark,
    Demand,
    EventPage,
    EventSearch,
    Extension,
    History,
    LineHeads,
    LineName,
    LoggedEvent,
    OpenByService,
    OpenCounts,
    Outlook,
    PhoneUse,
    Retention,
    Services,
    Snapshot,
    StateCount,
    StoreSize,
)


class CallbackStore(Protocol):
    """The callbacks themselves: found by key or filter, created once, changed by compare and swap."""

    async def create(
        self, new: Sequence[Callback], alone: Collection[str] = (), settings: Collection[Service] = ()
    ) -> Sequence[Callback | None]:
        """Store each callback, unless one with its id or external task id exists, or its request id of its identity.

        A callback whose id is in `alone` is stored only while its service has no other open callback to its target.
        Return, in the order given, None for each that was stored, and the existing one for each that was not (also
        when it is an earlier one of the same call). Logged as CREATED. Raise `UnknownService`, and `RevisionConflict`
        when one of the services by whose `settings` they were planned has been changed.
        """
        ...

    async def create_one(
        self, new: Callback, *, alone: bool = False, settings: Service | None = None
    ) -> Callback | None:
        """Store one callback as `create` does, with the same result: None, or the callback that is there already."""
        ...

    async def apply(self, changes: Sequence[Change], turn: Turn | None = None) -> None:
        """Replace each `before` by its `after`, and the turn of a service, all or none. Logged as UPDATED.

        A phone is kept from then on for as long as an `after` says (`phone_kept_until`), whatever becomes of it. With
        each that becomes DIALING it is noted that its phone is dialled, for two days, whatever becomes of it.

        Raise `RevisionConflict` when one of them is not as it was read: the revision or the lease's end differs,
        `turn.revision` is not the one after the stored turn, the service whose settings counted has been changed, or
        there are more dial-outs to its number than those by which it was decided.
        Raise `PhoneInUse`, which is one, when two callbacks to one phone would be in progress at once, or one would be
        leased whose phone is still kept when the lease begins. Raise `TargetTaken` when one that must be alone at its
        target is not.
        """
        ...

    async def apply_many(self, groups: Sequence[Sequence[Change]]) -> Sequence[Exception | None]:
        """Replace as `apply` does, each group for itself; return for each None, or why nothing of it was stored.

        All that was stored is durable then. Why not is a `RevisionConflict` or a `TargetTaken`.
        """
        ...

    async def get(self, key: Key) -> Callback | None: ...

    async def get_by_request_id(self, identity: str, request_id: str) -> Callback | None:
        """Return the callback that this identity created with this request id."""
        ...

    async def get_many(self, callback_ids: Sequence[str]) -> list[Callback]:
        """Return those that exist, in no particular order."""
        ...

    async def list(self, wanted: CallbackFilter, before_id: str, limit: int) -> Snapshot:
        """Return matching callbacks with an id below `before_id` ("" for the end), newest (largest) id first.

        A page ends early, with `more` set, at about 2 MiB.
        """
        ...

    async def snapshot(self, wanted: CallbackFilter, after_id: str, limit: int) -> Snapshot:
        """Return matching callbacks with an id above `after_id`, smallest first; ends early like `list`."""
        ...

    async def count(self, wanted: CallbackFilter) -> Mapping[State, StateCount]:
        """Return how many callbacks match, for each state, as of one moment.

        Exact while one of the filter's fields selects no more than 10,000; otherwise of each state up to 10,000, and of
        what has to be looked at row by row as many as are found in bounded time.
        """
        ...


class QueueStore(Protocol):
    """What waits for a dialer, and what dialers hold. An index serves each query, however many are waiting."""

    async def queue(self, service_id: str, depth: int, now: datetime) -> Queue | None:
        """Return what can be granted: per level up to `depth` callbacks by (`ready_time`, id); None: no such service.

        Callbacks whose phone is in a call already, or kept beyond `now`, are skipped. Of the others it is told when
        their phones were dialled of late.
        """
        ...

    async def phone_use(self, phone: str, now: datetime) -> PhoneUse:
        """Return what keeps a callback to this phone from being granted at this time."""
        ...

    async def dialled(self, since: datetime, limit: int) -> Sequence[tuple[str, datetime]]:
        """Return which numbers were dialled after that time, and when: up to `limit` of the latest, in order.

        A number is that of a phone without its extension.
        """
        ...

    async def dialled_of(self, number: str, since: datetime) -> Sequence[datetime]:
        """Return when this number was dialled after that time, in no particular order."""
        ...

    async def turns(self, service_ids: Sequence[str]) -> Mapping[str, Turn]:
        """Return the turns of those of these services that exist."""
        ...

    async def outlooks(self, service_ids: Sequence[str], until: datetime, limit: int) -> Mapping[str, Outlook]:
        """Return what is due by then, counted up to a limit, and the first expiry, of each of these services."""
        ...

    async def late(
        self,
        service_id: str,
        turns: Mapping[Priority, Sequence[int]],
        begin: datetime,
        per_turn: timedelta,
        last_turn: int,
        limit: int,
    ) -> int:
        """Return how many QUEUED callbacks of a service expire before their turn, up to `limit`.

        A turn comes as many times `per_turn` after `begin`. `turns` has those of the first of each level, in order; of
        all others it is the last one.
        """
        ...

    async def line_heads(self, names: Sequence[LineName]) -> LineHeads:
        """Return when the first of each of these lines, at least one, became due."""
        ...

    async def ahead(self, callback: Callback, limit: int) -> int:
        """Return how many QUEUED callbacks of its service and level come before it, up to `limit`."""
        ...

    async def queued_services(self) -> Sequence[str]:
        """Return the ids of the services that have QUEUED callbacks."""
        ...

    async def leased_for(self, dialer_id: str, request_id: str) -> Sequence[Callback]:
        """Return the callbacks in progress with a lease that a dialer of this name got for this request."""
        ...

    async def extend(self, extensions: Sequence[Extension]) -> list[bool]:
        """Move the end of each lease that is still held; return for each whether it is. Not logged."""
        ...


class ScheduleStore(Protocol):
    """What is due because time passes. An index serves each query, however many are waiting."""

    async def agenda(self, now: datetime, lapse_time: datetime, limit: int) -> Agenda:
        """Return what is to be done at `now`, up to `limit` of each kind.

        Leases are judged by `lapse_time`: those have lapsed that ended by then.
        """
        ...

    async def outlasting(self, end: datetime, limit: int) -> Sequence[Callback]:
        """Return callbacks in progress with a lease that ends after `end`."""
        ...

    async def held_by(self, dialer_id: str) -> Sequence[Callback]:
        """Return the callbacks in progress with a lease of a dialer of this name."""
        ...

    async def queued(self, service_id: str, limit: int) -> Sequence[Callback]:
        """Return QUEUED callbacks of a service, of any level, first in first out within each."""
        ...

    async def scheduled(self, service_id: str, after_id: str, limit: int) -> Sequence[Callback]:
        """Return SCHEDULED callbacks of a service with an id above `after_id`, by id."""
        ...

    async def moved_by_hours(self, service_id: str, after_id: str, limit: int) -> Sequence[Callback]:
        """Return SCHEDULED callbacks that wait for an opening (`next_attempt_time` > `ready_time`), by id."""
        ...

    async def purge(self, now: datetime, retention: Retention, limit: int) -> int:
        """Delete ended callbacks (logged as PURGED) and events that need not be kept, up to `limit` of each.

        So are the rows of phones that are kept no longer, or were dialled more than two days ago, of calls that
        nobody went on with for a day, and of outcomes in half hours that ended 15 days ago. Return how many rows
        were deleted; fewer than `limit` of all means that nothing is left to delete for now.
        """
        ...


class ServiceStore(Protocol):
    """The services on whose behalf calls are made."""

    async def put_service(self, service: Service) -> None:
        """Store a service: a new one when its revision is 1, else the successor of the stored revision.

        Raise `RevisionConflict` when it is not the successor, `DuplicateService` when another has its address
        (or, for a new one, its id).
        """
        ...

    async def delete_service(self, service_id: str, revision: int) -> bool:
        """Remove the service at this revision; return False when it has callbacks that have not ended.

        Its ended callbacks stay. Raise `RevisionConflict` when it is not at this revision.
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

    async def open_by_identity(self) -> OpenCounts:
        """Count what is open. Takes seconds with millions, on a connection of its own, and holds up nothing else."""
        ...

    async def open_by_service(self) -> OpenByService:
        """Count what is open, as `open_by_identity` does."""
        ...

    async def events(self, after: int, limit: int) -> Sequence[LoggedEvent]:
        """Return the events with a number above `after`, in order; ends early like `list`."""
        ...

    async def events_of(self, callback_id: str, after: int, limit: int) -> EventPage:
        """Return the events of one callback with a number above `after`, in order; ends early like `list`."""
        ...

    async def number_before(self, time: datetime) -> int:
        """Return the number after which the events since this time begin, as far as they are kept.

        Where the clock was set back, some of them may come before, or earlier ones after.
        """
        ...

    def follow(self, after: int) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        """Return the events with a number above `after` as they are committed, in order, in batches of at least one.

        It goes on until it is closed, and keeps a bounded number of events for a follower that is slow. Raise
        `StorageUnavailable` when the database is away or closed; a follower goes on by calling it again.
        """
        ...


class ErasureStore(Protocol):
    """Everything that is kept about one phone: searched for, and deleted for good.

    A search looks at everything, and so takes long; each of its parts is short.
    """

    async def search_callbacks(self, trace: str, after_id: str, limit: int) -> CallbackSearch:
        """Look at the next `limit` callbacks by id; return those whose text has the trace, or an escape.

        `trace` is in lower case and without separators, which are not looked at (`erasure.trace_of`).
        """
        ...

    async def search_events(self, trace: str, after: int, limit: int) -> EventSearch:
        """Look at the next `limit` events as `search_callbacks` looks at callbacks."""
        ...

    async def event_owners(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return the numbers of the next events, each with the id of its callback."""
        ...

    async def redact(self, numbers: Sequence[int]) -> None:
        """Leave in these events only what stays of a callback that is erased (`erasure.erased`)."""
        ...

    async def erase(self, callbacks: Sequence[Callback], now: datetime, identity: str) -> int:
        """Delete those of the callbacks that are stored, at these revisions; return how many.

        Each of them, stored or not, is logged as PURGED with what stays of it, and the identity that requested it.
        With it goes what is kept of its calls.
        Raise `RevisionConflict`.
        """
        ...

    async def forget_phone(self, phone: str) -> None:
        """Delete what is kept about the phone itself.

        What was deleted before is in no file of the database when it returns, as far as the adapter has files.
        """
        ...


class Coordination(Protocol):
    """What servers on one database have to agree on."""

    async def lead(self, server: str, now: datetime, until: datetime) -> bool:
        """Return whether `server` is the one that does the work of the scheduler, now and until that time.

        The first that requests it is, for as long as it renews in time; then the next. A request with `until` = `now`
        gives it up. This only saves the others that work: a server that does it compares revisions.
        """
        ...

    async def clock_jumps(self) -> int:
        """Return how many jumps of the clock the leases have been moved for."""
        ...

    async def shift_leases(self, by: timedelta, jumps: int, mark: ClockMark | None = None) -> int | None:
        """Move the end of every lease, because the clock jumped; return how many. Not logged.

        The ends of kept phones and calls move with them. What is submitted before this call is written before it, and
        moved, too; what is submitted after it is written after it.

        `jumps` is how many jumps the caller knows of. Return None, and move nothing, when there were more: another
        server has seen this jump, too, and was first. Otherwise `mark` is noted with it, as by `mark_clock`: a server
        that is killed right afterwards leaves no jump behind which the next one could not see.
        """
        ...

    async def clock_mark(self) -> ClockMark | None:
        """Return what was noted about a clock last; None when nothing was."""
        ...

    async def mark_clock(self, mark: ClockMark) -> None:
        """Note how a clock goes, for a server that is started later. What was noted before is gone."""
        ...

    async def bound_keeping(self, phones: datetime, calls: datetime) -> None:
        """Keep no phone, and no call, for longer than until these times."""
        ...

    async def note_demand(self, demand: Sequence[Demand], now: datetime) -> None:
        """Store which dialers of this server poll for which services, and delete what is over.

        Other servers can read it. It need not survive a restart of the last one. What ends later than `LONGEST_DEMAND`
        from now counts for nothing, neither here nor when it is read.
        """
        ...

    async def demand(self, now: datetime) -> Sequence[Demand]:
        """Return what all servers have noted so, and is not over."""
        ...


class Store(
    CallbackStore,
    QueueStore,
    ScheduleStore,
    OutcomeStore,
    ServiceStore,
    EventLog,
    ErasureStore,
    Coordination,
    CallStore,
    Protocol,
):
    """One database in all its roles."""

    @property
    def database_id(self) -> str:
        """16 hexadecimal digits, drawn when the database was created. Tokens are bound to it."""
        ...

    def listen(self, listener: Callable[[Callback | None, Callback], None]) -> None:
        """Call `listener` with each callback that this store creates or changes, before and after, once it is durable.

        What other servers write is not among them; the log has it.
        """
        ...

    def listen_commits(self, listener: Callable[[int, float, bool], None]) -> None:
        """Call `listener` after each transaction of this store.

        It gets the number of operations, how many seconds they took until they were durable, and whether they are.
        """
        ...

    @property
    def healthy(self) -> bool:
        """Whether the database can be used: no write was refused without one that is no smaller being taken since."""
        ...

    async def size(self) -> StoreSize:
        """Return how much space the database takes. Raise `StorageUnavailable`. This may take as long as a query."""
        ...

    async def probe(self) -> bool:
        """Return whether the database takes small writes, such as those that extend leases.

        While it is healthy it does; otherwise one is made to see.
        """
        ...

    async def check_health(self) -> None:
        """Look whether the database answers and, if it was not healthy, whether it is now. Takes seconds if it hangs.

        To be called once a second: without it nothing becomes healthy again.
        """
        ...

    def listen_health(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` with whether the database is healthy at the moment at which that changes."""
        ...

    def listen_death(self, listener: Callable[[], None]) -> None:
        """Call `listener` when nothing can be written any more because of a bug."""
        ...

    async def close(self) -> None:
        """Let writes under way finish, then release everything. May be called twice."""
        ...

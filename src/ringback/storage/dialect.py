"""The interface of a dialect of SQL: its statements, reads and writes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ringback.domain.callback import Callback, State
from ringback.domain.filter import CallbackFilter
from ringback.domain.queue import Queue
from ringback.ports.calls import KeptCall
from ringback.ports.values import History, LineHeads, LineName, LoggedEvent, Services, Snapshot, StateCount
from ringback.storage.list_plan import ListPage

R = TypeVar("R")
# A connection that reads, and an operation that the writer writes.
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)
Op = TypeVar("Op")

Rows = list[tuple[Any, ...]]


class Pool(Protocol[C_co]):
    """A few connections that read."""

    async def read(self, query: Callable[[C_co], Awaitable[R]]) -> R:
        """Run a query on one of them. Raise `StorageUnavailable`."""
        ...


class Pools(NamedTuple, Generic[C]):
    """The connections that read: for what an index answers, for lists, and for counts of everything."""

    seekers: Pool[C]
    listers: Pool[C]
    counters: Pool[C]


class Ask(Protocol[C_contra]):
    """The function that runs one statement."""

    async def __call__(self, connection: C_contra, statement: str, /, *values: object) -> Rows:
        """Return the rows of a statement, which sees one snapshot of the database."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """Statements that take the same values, and return the same rows, in every dialect.

    Unless noted otherwise, a row is a body and the end of its lease. Times are in microseconds.
    """

    # Takes an id; an external task's caller and id; a request id and an identity.
    get: str
    get_by_task: str
    get_by_request: str
    # Takes the time, the one by which leases are judged, and a limit. A row is a kind of work, a body and the end of
    # its lease; the one without a kind has the next time, or NULL.
    agenda: str
    # Takes a time and a limit.
    outlasting: str
    # Take a service, the id after which to begin, and a limit.
    scheduled: str
    moved_by_hours: str
    # Takes a dialer.
    held_by: str
    # Returns ids of services.
    queued_services: str
    # Takes a service and a limit.
    queued: str
    # Takes a phone and the time; returns an id, or NULL, and a time, or NULL.
    phone_use: str
    # Takes a time and a limit; returns phones and times after it, the latest first.
    dialled: str
    # Takes a number and a time; returns times after it.
    dialled_of: str
    # Takes ids of services, as JSON; returns each with its credits and the revision of its turn.
    turns: str
    # Takes a time, a limit, and ids of services, as JSON; returns each with a count and a time, or NULL.
    outlooks: str
    # Takes a service, a time, a limit, and depths by level, as JSON; returns NULL with the count of those that expire
    # before then, and each level with the times at which the first of it expire, with commas between; NULL without any.
    line_ends: str
    # Takes the service, the priority, the time and the id of a callback, and a limit; returns a count.
    ahead: str
    # Returns the number of the newest event, with each identity and the count of its open callbacks; NULL without any.
    open_by_identity: str
    # Returns the number of the newest event, with services, states, levels, counts and times; NULL without any.
    open_by_service: str
    # Returns a count.
    clock_jumps: str
    # Returns the columns of a `ClockMark`; NULL without one.
    clock_mark: str
    # Take the id, or the number, after which to begin, a limit, and a trace. A row is the id, or the number, of what
    # was looked at; the rest is NULL without the trace. The events have the columns of `events`.
    search_callbacks: str
    search_events: str
    # Takes the number after which to begin, and a limit; returns numbers and ids.
    event_owners: str
    # Takes an id, the number after which to begin, and a limit. A row is how many there are within the limit, then the
    # columns of `events`; without what is beyond the size of a page. In no particular order.
    events_of: str
    # Takes the number after which to look; returns the next number, and its time.
    event_time: str
    # Takes services as JSON, each with the callers that count or null, two times and a limit; returns services, times,
    # results and counts, in this order.
    outcomes: str
    # Take a dialer, and an owner or a time and a limit. A row is a kept call.
    calls_of: str
    calls_left: str


class Reads(Protocol[C_contra]):
    """Queries that each dialect writes in its own way. A module has them as its functions."""

    async def get_many(self, connection: C_contra, callback_ids: Sequence[str]) -> list[Callback]: ...

    async def leased_for(self, connection: C_contra, dialer_id: str, request_id: str) -> list[Callback]: ...

    async def queue(self, connection: C_contra, service_id: str, depth: int, now: datetime) -> Queue | None: ...

    async def line_heads(self, connection: C_contra, names: Sequence[LineName]) -> LineHeads: ...

    async def calls_of_callbacks(self, connection: C_contra, callback_ids: Sequence[str]) -> list[KeptCall]: ...

    async def services(self, connection: C_contra) -> Services: ...

    async def history(self, connection: C_contra) -> History: ...

    async def events(self, connection: C_contra, after: int, limit: int) -> list[LoggedEvent]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations(Generic[Op]):
    """The operations of the writer. `operations.py` has the arguments of each."""

    create: Op
    apply: Op
    apply_many: Op
    extend: Op
    shift_leases: Op
    mark_clock: Op
    bound_keeping: Op
    purge: Op
    redact: Op
    erase: Op
    forget_phone: Op
    keep_call: Op
    keep_again: Op
    forget_call: Op
    renew_calls: Op
    take_call: Op
    probe: Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(Generic[C, Op]):
    """Everything that differs between the adapters in what they share."""

    ask: Ask[C]
    statements: Statements
    reads: Reads[C]
    page: Callable[[C, ListPage], Awaitable[Snapshot]]
    count: Callable[[C, CallbackFilter], Awaitable[Mapping[State, StateCount]]]
    operations: Operations[Op]

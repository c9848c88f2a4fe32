"""One transaction of the writing connection: locks first, then what is to be written, the event log last.

Statements go out without waiting for each other's answers (pipeline mode), so that a transaction takes three round
trips, however much is in it, and the last of them is all that other servers may have to wait for.

Locks are taken in the same order by every server, so that none waits for another in a circle: polls, services,
callbacks, turns, each by id; what is written; the end of the log. What comes in another order after all (two names
of two callbacks, say) is undone by PostgreSQL, and done again alone.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar

import psycopg

from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.storage.callback_row import Row
from ringback.storage.event_row import EVENT_COLUMNS
from ringback.storage.postgres.connection import Connection
from ringback.storage.postgres.labels import recordset, rows_json

T = TypeVar("T")
R = TypeVar("R")

# Below the limit for a write (see store.py): whoever waits for a lock gets to know what it is.
LOCK_TIMEOUT: Final = "3s"
# A server that is suspended or cut off in mid-transaction holds up all others for so long.
IDLE_TIMEOUT: Final = "3s"

# Whoever else may be on this connection, with a pooler between, has other settings: these end with the transaction.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_SETTINGS: Final = f"""
    SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true),
           set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT}', true)
"""
# A service that is created for is not deleted meanwhile; many servers may create at the same time. When callbacks
# have to be alone at their target, nobody else may.
_LOCK_SERVICES: Final = """
    SELECT service_id FROM service WHERE service_id = ANY($1) ORDER BY service_id FOR KEY SHARE
"""
_LOCK_SERVICES_ALONE: Final = _LOCK_SERVICES.replace("FOR KEY SHARE", "FOR UPDATE")
_LOCK_CALLBACKS: Final = """
    SELECT callback_id, revision, lease_expire_us, lease_fencing FROM callback
     WHERE callback_id = ANY($1) ORDER BY callback_id FOR UPDATE
"""
_LOCK_TURNS: Final = """
    SELECT service_id, revision FROM service_turn WHERE service_id = ANY($1) ORDER BY service_id FOR UPDATE
"""
# Held while leases are written for a poll, so that whoever hears of the same poll again can wait for them.
_LOCK_POLLS: Final = "SELECT pg_advisory_xact_lock(poll) FROM unnest($1) AS poll ORDER BY poll"
AWAIT_POLL: Final = "SELECT pg_advisory_xact_lock_shared($1)"
_CALLS: Final = "SELECT dial_target, callback_id FROM callback WHERE dial_target = ANY($1) AND lease_dialer IS NOT NULL"

# The order of the numbers is the order of the commits, as every reader sees it: PostgreSQL lets go of this lock
# after the commit is visible to all, and the highest number is read, by a statement of its own, after the lock is had.
_LOCK_LOG: Final = "SELECT lock FROM log_end FOR UPDATE"
NEWEST_EVENT: Final = "coalesce((SELECT max(number) FROM event), (SELECT number FROM log_start))"
_EVENT_LIST: Final = ", ".join(EVENT_COLUMNS)
_APPEND: Final = f"""
    WITH appended AS (
        INSERT INTO event (number, {_EVENT_LIST})
        SELECT {NEWEST_EVENT} + place, {_EVENT_LIST}
          FROM ROWS FROM ({recordset(EVENT_COLUMNS)}) WITH ORDINALITY AS entry ({_EVENT_LIST}, place)
        RETURNING number
    )
    SELECT max(number) FROM appended
"""  # noqa: S608 - SQL of ours


@dataclass(frozen=True, slots=True)
class Locks:
    """What a request needs to be held while it is looked at and written."""

    services: Collection[str] = ()
    alone: bool = False
    callbacks: Collection[str] = ()
    turns: Collection[str] = ()
    # See `poll_lock`.
    polls: Collection[int] = ()
    # Not locked, but looked at: who is in a call to them.
    targets: Collection[str] = ()

    @staticmethod
    def together(parts: Iterable["Locks"]) -> "Locks":
        parts = list(parts)
        return Locks(
            services={service_id for part in parts for service_id in part.services},
            alone=any(part.alone for part in parts),
            callbacks={callback_id for part in parts for callback_id in part.callbacks},
            turns={service_id for part in parts for service_id in part.turns},
            polls={poll for part in parts for poll in part.polls},
            targets={target for part in parts for target in part.targets},
        )


def poll_lock(dialer_id: str, request_id: str) -> int:
    """The key of the lock for one poll. Two polls that share one wait for each other, and no more."""
    digest = hashlib.blake2b(f"{dialer_id} {request_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


class Held(NamedTuple):
    """What a locked callback is compared by."""

    revision: int
    lease_expire_us: int | None
    lease_fencing: int | None


@dataclass(slots=True)
class Transaction:
    """What is locked, as it is at this point of the transaction, and what is to be logged at its end."""

    connection: Connection
    pipeline: psycopg.AsyncPipeline
    services: set[str] = field(default_factory=set)
    callbacks: dict[str, Held] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    in_call: dict[str, str | None] = field(default_factory=dict)
    entries: list[Row] = field(default_factory=list)
    # The version of all services, when it has changed.
    services_version: int = 0

    async def send(self, statement: str, *values: object) -> psycopg.AsyncCursor[tuple[Any, ...]]:
        """Have it run; an error comes up later. The rows are for those who ask the cursor."""
        return await self.connection.execute(statement, values)

    async def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that it answers: a round trip."""
        cursor = await self.send(statement, *values)
        await self._catch_up()
        return await cursor.fetchall()

    async def _catch_up(self) -> None:
        """Wait for all answers. While we think about them, the database has to know that it waits for us.

        Without that (the driver's own way), it would not notice that a server is hanging in its transaction.
        """
        await self.pipeline.sync()

    async def begin(self, locks: Locks) -> None:
        await self.send(_BEGIN)
        await self.send(_SETTINGS)
        if locks.polls:
            await self.send(_LOCK_POLLS, list(locks.polls))
        lock_services = _LOCK_SERVICES_ALONE if locks.alone else _LOCK_SERVICES
        wanted = [
            await self.send(statement, list(names)) if names else None
            for statement, names in (
                (lock_services, locks.services),
                (_LOCK_CALLBACKS, locks.callbacks),
                (_LOCK_TURNS, locks.turns),
                (_CALLS, locks.targets),
            )
        ]
        await self._catch_up()
        services, callbacks, turns, calls = [[] if cursor is None else await cursor.fetchall() for cursor in wanted]
        self.services.update(service_id for (service_id,) in services)
        self.callbacks.update((callback_id, Held(*columns)) for callback_id, *columns in callbacks)
        self.turns.update((service_id, revision) for service_id, revision in turns)
        self.in_call.update((target, callback_id) for target, callback_id in calls)

    async def append(self) -> psycopg.AsyncCursor[tuple[Any, ...]] | None:
        """Log the entries. The cursor answers the newest number."""
        if not self.entries:
            return None
        rows = rows_json(EVENT_COLUMNS, self.entries)  # not while all servers wait for us
        await self.send(_LOCK_LOG)
        return await self.send(_APPEND, rows)


@dataclass(frozen=True, slots=True)
class Operation(Generic[T, R]):
    """What is written, and what it needs to be locked.

    `run` takes the requests that were handed in for it, in order, and answers each with a result or with the refusal
    to raise. For a refused request it must not have written anything; whatever it raises itself is unexpected, and
    all is undone.
    """

    run: Callable[[Transaction, Sequence[T]], Awaitable[Sequence[R | Exception]]]
    locks: Callable[[T], Locks] = lambda _: Locks()


def each(run: Callable[[Transaction, T], Awaitable[R]]) -> Operation[T, R]:
    """The operation that handles its requests one after the other."""

    async def run_all(transaction: Transaction, requests: Sequence[T]) -> list[R | Exception]:
        answers: list[R | Exception] = []
        for request in requests:
            try:
                answers.append(await run(transaction, request))
            except (RevisionConflict, DuplicateService) as refusal:
                answers.append(refusal)
        return answers

    return Operation(run_all)

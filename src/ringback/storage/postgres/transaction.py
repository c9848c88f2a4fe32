"""What an operation is, and the transaction in which it writes.

The transaction takes its locks first, then writes, and appends to the event log last.

Statements are sent without waiting for each other's results (pipeline mode), so that a transaction takes two round
trips, however large it is: one that takes the locks, and tells what is locked, and one that writes and commits. Other
servers may have to wait for the last of them only.

Every server takes locks in the same order, so that they do not deadlock: polls and phones, settings, services,
callbacks, turns, each by id; what is written; the end of the log. A deadlock by another order after all (two names of
two callbacks, say) is rolled back by PostgreSQL, and each request is written again alone (`batch_writer.py`).

Before all of these it takes a lock of this server's own (`doubt.py`): while a COMMIT of this server whose response was
lost may still happen, nothing else is written.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import psycopg

from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.storage.comparison import Held, Overlay, PhoneRow
from ringback.storage.event_row import EVENT_COLUMNS, LogEntry
from ringback.storage.outcome_row import Ends
from ringback.storage.postgres.connection import Connection
from ringback.storage.postgres.durability import KEEP_COMMITS
from ringback.storage.postgres.ends import COUNT_UP, end_rows
from ringback.storage.postgres.recordset import recordset, rows_json

T = TypeVar("T")
R = TypeVar("R")
# What is left of an operation, when the locked rows are known.
Rest = Callable[[], Awaitable[Sequence[R | Exception]]]

# Below `WRITE_LIMIT_S`, so that a caller that waits for a lock gets an error that says so.
LOCK_TIMEOUT: Final = "3s"
# A server that is suspended or cut off in mid-transaction holds up all others for so long.
IDLE_TIMEOUT: Final = "3s"

# Behind a pooler, other clients of this connection have other settings: these end with the transaction. The lock comes
# last, since it may have to be waited for.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_SETTINGS: Final = f"""
    SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true),
           set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT}', true),
           {KEEP_COMMITS},
           pg_advisory_xact_lock($1)
"""
# The settings of a service do not change between a decision by them and its commit. Unlike a lock of the row, this one
# lets a change wait its turn among many decisions, and not until there are none.
_LOCK_SETTINGS: Final = "SELECT pg_advisory_xact_lock_shared(settings) FROM unnest($1) AS settings ORDER BY settings"
_LOCK_SETTINGS_TO_CHANGE: Final = _LOCK_SETTINGS.replace("_shared", "")
_SETTINGS_OF: Final = "SELECT service_id, revision FROM service WHERE service_id = ANY($1)"
# A service is not deleted while callbacks are created for it; many servers may create at the same time. When callbacks
# have to be alone at their target, no other server may.
_LOCK_SERVICES: Final = """
    SELECT service_id, revision FROM service WHERE service_id = ANY($1) ORDER BY service_id FOR KEY SHARE
"""
_LOCK_SERVICES_ALONE: Final = _LOCK_SERVICES.replace("FOR KEY SHARE", "FOR UPDATE")
_LOCK_CALLBACKS: Final = """
    SELECT callback_id, revision, lease_expire_us, lease_fencing FROM callback
     WHERE callback_id = ANY($1) ORDER BY callback_id FOR UPDATE
"""
_LOCK_TURNS: Final = """
    SELECT service_id, revision FROM service_turn WHERE service_id = ANY($1) ORDER BY service_id FOR UPDATE
"""
# Held while leases are written: those of a poll, so that a server that gets the same poll again can wait for them, and
# those of their phones, so that another server that calls one of them comes before or after.
_LOCK_KEYS: Final = "SELECT pg_advisory_xact_lock(key) FROM unnest($1) AS key ORDER BY key"
AWAIT_POLL: Final = "SELECT pg_advisory_xact_lock_shared($1)"
# One statement, so that no call ends, and leaves its phone kept, between one look and the other.
PHONES: Final = """
    SELECT wanted.phone, (
        SELECT callback_id FROM callback
         WHERE coalesce(callback.phone, dial_target) = wanted.phone AND lease_dialer IS NOT NULL LIMIT 1
    ), coalesce((SELECT until_us FROM kept_phone WHERE kept_phone.phone = wanted.phone), 0)
      FROM unnest($1::text[]) AS wanted (phone)
"""

DIAL_OUTS: Final = """
    SELECT wanted.phone, since_us, (
        SELECT count(*) FROM dialled WHERE dialled.phone = wanted.phone AND at_us > since_us
    ) FROM unnest($1::text[], $2::bigint[]) AS wanted (phone, since_us)
"""

# The order of the numbers is the order of the commits, as every reader sees it: PostgreSQL releases this lock
# after the commit is visible to all, and the highest number is read by a separate statement after the lock is taken.
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


# Something that means nothing, and is committed like everything.
WRITE_NOTHING: Final = "UPDATE ringback SET probes = probes + 1"


# No call has such a key; each server has its own.
_PAD: Final = """
    INSERT INTO kept_call (callback_id, lease_fencing, dialer, owner, kept_until_us, body)
    VALUES ('', $1, '', '', 0, $2)
"""
_UNPAD: Final = "DELETE FROM kept_call WHERE callback_id = '' AND lease_fencing = $1"


@dataclass(frozen=True, slots=True)
class Locks:
    """The rows that a request needs to be locked while it is compared and written."""

    services: Collection[str] = ()
    alone: bool = False
    callbacks: Collection[str] = ()
    turns: Collection[str] = ()
    # See `poll_lock`.
    polls: Collection[int] = ()
    # The services by whose settings something was decided, and those whose settings are written.
    settings: Collection[str] = ()
    changed_settings: Collection[str] = ()
    # Those to be called; see `_LOCK_KEYS`.
    phones: Collection[str] = ()
    # Numbers that are dialled, each with the time since when its dial-outs are counted.
    numbers: Collection[tuple[str, int]] = ()

    @property
    def keys(self) -> Collection[int]:
        """The keys of advisory locks."""
        phones = {*self.phones, *(number for number, _ in self.numbers)}
        return {*self.polls, *(_key(f"phone {phone}") for phone in phones)}

    @staticmethod
    def together(parts: Iterable["Locks"]) -> "Locks":
        parts = list(parts)
        return Locks(
            services={service_id for part in parts for service_id in part.services},
            alone=any(part.alone for part in parts),
            callbacks={callback_id for part in parts for callback_id in part.callbacks},
            turns={service_id for part in parts for service_id in part.turns},
            polls={poll for part in parts for poll in part.polls},
            settings={service_id for part in parts for service_id in part.settings},
            changed_settings={service_id for part in parts for service_id in part.changed_settings},
            phones={phone for part in parts for phone in part.phones},
            numbers={number for part in parts for number in part.numbers},
        )


def poll_lock(dialer_id: str, request_id: str) -> int:
    """Return the key of the lock for one poll."""
    return _key(f"{dialer_id} {request_id}")


def _settings_lock(service_id: str) -> int:
    return _key(f"settings {service_id}")


def _key(name: str) -> int:
    """Return the key of an advisory lock. Two that share one wait for each other, nothing worse."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


@dataclass(frozen=True, slots=True)
class Unlocked:
    """`Stored`, of what is not locked: no row is known, but the counts of dial-outs to the numbers that are locked."""

    # By number and time.
    counts: dict[tuple[str, int], int] = field(default_factory=dict)

    def callback(self, callback_id: str) -> None: ...

    def phone(self, phone: str) -> PhoneRow:  # noqa: ARG002
        return PhoneRow()

    def dial_outs(self, number: str, since_us: int) -> int:
        return self.counts[number, since_us]

    def turn(self, service_id: str) -> None: ...

    def service(self, service_id: str) -> None: ...


@dataclass(slots=True)
class PostgresTransaction:
    """The locked rows, as they are at this point of the transaction, and the entries to log at its end."""

    connection: Connection
    pipeline: psycopg.AsyncPipeline
    # The number under which this server counts.
    server: int
    # The revisions of the locked services.
    services: dict[str, int] = field(default_factory=dict)
    unlocked: Unlocked = field(default_factory=Unlocked)
    locked: Overlay = field(init=False)
    entries: list[LogEntry] = field(default_factory=list)
    # What ends with the entries. It is counted in rows of this server's own, before the end of the log is locked: so
    # no server waits for the count of another.
    ends: Ends = field(default_factory=Ends)
    # The version of all services; 0 while it has not changed.
    services_version: int = 0

    def __post_init__(self) -> None:
        self.locked = Overlay(self.unlocked)

    async def send(self, statement: str, *values: object) -> psycopg.AsyncCursor[tuple[Any, ...]]:
        """Send the statement; its error is raised later. The rows are in the cursor after the next round trip."""
        return await self.connection.gather(statement, values)

    async def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of the statement: a round trip."""
        cursor = await self.send(statement, *values)
        await self._catch_up()
        return await cursor.fetchall()

    async def _catch_up(self) -> None:
        """Wait for all results, and let the database know that it waits for this server while it works on them.

        Without that (the driver's default), it would not notice a server that hangs in its transaction.
        """
        await self.pipeline.sync()

    async def begin(self, locks: Locks, ahead: Callable[[], Awaitable[object]] | None = None) -> None:
        """Take the locks, and read what is locked; `ahead` sends what else goes into this round trip."""
        await self.send(_BEGIN)
        await self.send(_SETTINGS, self.server)
        if keys := locks.keys:
            await self.send(_LOCK_KEYS, list(keys))
        if locks.changed_settings:
            both = {*locks.settings, *locks.changed_settings}
            await self.send(_LOCK_SETTINGS_TO_CHANGE, [_settings_lock(service_id) for service_id in both])
        elif locks.settings:
            await self.send(_LOCK_SETTINGS, [_settings_lock(service_id) for service_id in locks.settings])
        lock_services = _LOCK_SERVICES_ALONE if locks.alone else _LOCK_SERVICES
        wanted = [
            await self.send(statement, list(names)) if names else None
            for statement, names in (
                (lock_services, locks.services),
                (_LOCK_CALLBACKS, locks.callbacks),
                (_LOCK_TURNS, locks.turns),
                (PHONES, locks.phones),
                (_SETTINGS_OF, locks.settings),
            )
        ]
        numbers = sorted(locks.numbers)
        columns = [list(column) for column in zip(*numbers, strict=True)]
        wanted.append(await self.send(DIAL_OUTS, *columns) if numbers else None)
        if ahead is not None:
            await ahead()
        await self._catch_up()
        services, callbacks, turns, phones, settings, counts = [
            [] if cursor is None else await cursor.fetchall() for cursor in wanted
        ]
        self.unlocked.counts.update({(number, since_us): count for number, since_us, count in counts})
        self.services = dict(services)
        self.locked.callbacks = {callback_id: Held(*columns) for callback_id, *columns in callbacks}
        self.locked.turns = dict(turns)
        self.locked.callers = {phone: caller for phone, caller, _ in phones}
        self.locked.kept_us = {phone: kept_until_us for phone, _, kept_until_us in phones}
        self.locked.services = dict(settings)

    async def append(self) -> psycopg.AsyncCursor[tuple[Any, ...]] | None:
        """Log the entries. The row of the returned cursor is the newest number."""
        if not self.entries:
            return None
        if ended := self.ends.take_rows(self.server):
            await self.send(COUNT_UP, end_rows(ended))
        # Before the lock: then all servers wait for this one.
        rows = rows_json(EVENT_COLUMNS, [entry.row for entry in self.entries])
        await self.send(_LOCK_LOG)
        return await self.send(_APPEND, rows)


@dataclass(frozen=True, slots=True)
class PostgresOperation(Generic[T, R]):
    """A kind of write, and the locks that it needs.

    `run` takes the requests that were submitted for it, in order, and returns for each a result or the refusal to
    raise. For a refused request it must not have written anything; what it raises itself is unexpected, and all is
    rolled back.

    `ahead`, where there is one, may send what needs no look at the locked rows, in the round trip that locks them. It
    returns what is to be called instead of `run`; None when it has sent nothing.
    """

    run: Callable[[PostgresTransaction, Sequence[T]], Awaitable[Sequence[R | Exception]]]
    locks: Callable[[T], Locks] = lambda _: Locks()
    ahead: Callable[[PostgresTransaction, Sequence[T]], Awaitable[Rest[R] | None]] | None = None


def each(
    run: Callable[[PostgresTransaction, T], Awaitable[R]], locks: Callable[[T], Locks] = lambda _: Locks()
) -> PostgresOperation[T, R]:
    """Return the operation that handles its requests one after the other."""

    async def run_all(transaction: PostgresTransaction, requests: Sequence[T]) -> list[R | Exception]:
        results: list[R | Exception] = []
        for request in requests:
            try:
                results.append(await run(transaction, request))
            except (RevisionConflict, DuplicateService) as refusal:
                results.append(refusal)
        return results

    return PostgresOperation(run_all, locks)


async def _probe(transaction: PostgresTransaction, padding_bytes: int) -> None:
    """Write something that means nothing. The padding is gone when the transaction ends; the file has grown for it."""
    await transaction.send(WRITE_NOTHING)
    if padding_bytes:
        padding = secrets.token_hex(padding_bytes // 2)  # what repeats itself would be compressed
        await transaction.send(_PAD, transaction.server, padding)
        await transaction.send(_UNPAD, transaction.server)


probe = each(_probe)

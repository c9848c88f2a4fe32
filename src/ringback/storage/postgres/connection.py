"""A connection that is made again whenever it is lost, and the meaning of the database's errors.

Nothing waits longer than its limit: a database that hangs is noticed by the clock, not by the network. A connection
that is still at work then is in an unknown state, so it is cut and replaced. No cancel request is sent: it would make
a COMMIT that waits for a standby return without it.
"""

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import send
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from ringback.domain.errors import StorageFault, StorageUnavailable
from ringback.storage.errors import NOT_TAKEN
from ringback.storage.postgres.dsn import Address

R = TypeVar("R")


class GatheringConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that sends the statements of a pipeline together: one call of the system for each round trip.

    The driver sends each alone, and looks for results before and after: together twice as much work for a server as
    all statements of a small transaction.
    """

    _gathers = False

    async def gather(self, statement: str, values: Sequence[object]) -> psycopg.AsyncCursor[tuple[Any, ...]]:
        """Keep the statement until the next `sync`, or the end of the pipeline, which also raises its error.

        The driver does not forget prepared statements meanwhile: a writer has fewer than the hundred that it keeps.
        """
        self._gathers = True
        try:
            return await self.execute(statement, values)
        finally:
            self._gathers = False

    async def wait(self, gen: PQGen[R], *arguments: Any, **options: Any) -> R:
        return await super().wait(gen if self._pipeline is None else self._together(gen), *arguments, **options)

    def _together(self, gen: PQGen[R]) -> PQGen[R]:
        """Do what `gen` does, but hand all that it has queued to libpq before it begins to send."""
        assert self._pipeline is not None
        try:
            wanted = next(gen)
            try:
                while queue := self._pipeline.command_queue:
                    queue.popleft()()
                if self._gathers:
                    gen.close()
                    return None  # type: ignore[return-value]  # as `execute`, which takes nothing from it
                # To the last byte: the driver waits for results as soon as the buffer of the socket is full.
                yield from send(self.pgconn)
            except psycopg.Error as error:
                wanted = gen.throw(error)  # as if it had sent itself: it cleans up
            while True:
                wanted = gen.send((yield wanted))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


Connection = GatheringConnection
Work = Callable[[Connection], Awaitable[R]]

# All hosts together; each has `connect_timeout`.
CONNECT_TIMEOUT_S: Final = 10.0
# How long a call waits for a connection that is being made.
PATIENCE_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0
# A conflict with another transaction: everything was rolled back, and may be tried again.
RIVALRY: Final = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
)
# Tables that are gone, or that this role may not use any more.
_TAKEN_AWAY: Final = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)
_DAMAGE: Final = (psycopg.errors.DataCorrupted, psycopg.errors.IndexCorrupted)
# For the planner: every query has an index in the order of its result, and one plan that is good for all values,
# which need not be made again each time. Otherwise one that was made, and kept, while the database was small would
# read whole tables for long after they have grown. Only speed depends on it, so it does no harm when a pooler gives
# these settings to another client.
HINTS: Final = """
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_sort = off;
    SET jit = off;
    SET plan_cache_mode = force_generic_plan
"""
# A statement is prepared after so many uses.
_PREPARE_AFTER: Final = 3


class Link:
    """One connection, for one piece of work at a time."""

    def __init__(self, address: Address, on_connect: Work[None] | None = None) -> None:
        """`on_connect` runs on each new connection, before any other work.

        Raising `StorageUnavailable`, it refuses the connection; then each host of the address is tried alone.
        """
        self._address = address
        self._on_connect = on_connect
        self._connection: Connection | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        # Done when the present attempt to connect is over, successful or not.
        self._attempt: asyncio.Future[None] | None = None
        self._fault: Exception | None = None
        self._turn = asyncio.Lock()
        self._jobs: set[asyncio.Task[Any]] = set()
        # Whether the work under way was cut because its time was up.
        self._timed_out = False
        self._closed = False

    @classmethod
    async def open(cls, address: Address, on_connect: Work[None] | None = None) -> Self:
        """Connect. Raise `psycopg.Error`, or `TimeoutError`, when the database cannot be reached."""
        link = cls(address, on_connect)
        link._connection = await link._connect()
        return link

    @property
    def load(self) -> int:
        """Return how many pieces of work are waiting or under way."""
        return len(self._jobs)

    async def close(self) -> None:
        """Close the connection, and cut short what is under way."""
        self._closed = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.wait([self._reconnecting])
        if self._connection is not None and self._jobs:
            cut(self._connection)
        if self._jobs:
            await asyncio.wait(self._jobs)
        await self._discard()

    async def run(self, work: Work[R], limit_s: float) -> R:
        """Run the work for at most `limit_s`. Cancelling the caller does not stop it in the middle.

        It is run a second time when the connection turns out to be lost. Raise `StorageUnavailable`.
        """
        job = asyncio.create_task(self._run(work, asyncio.get_running_loop().time() + limit_s))
        self._jobs.add(job)
        job.add_done_callback(self._done)
        return await asyncio.shield(job)

    def _done(self, job: asyncio.Task[Any]) -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # retrieved, also when the caller was cancelled

    async def _run(self, work: Work[R], deadline: float) -> R:
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError:
            raise StorageUnavailable("the database is too slow") from None
        try:
            try:
                return await self._try(work, deadline)
            except _Lost:
                return await self._try(work, deadline)
        except _Lost as lost:
            raise unavailable(lost.__cause__) from lost.__cause__
        finally:
            self._turn.release()

    async def _try(self, work: Work[R], deadline: float) -> R:
        connection = await self._connected(deadline)
        self._timed_out = False
        timer = asyncio.get_running_loop().call_at(deadline, self._time_out, connection)
        try:
            return await work(connection)
        except psycopg.Error as error:
            if self._timed_out:
                raise StorageUnavailable("the database did not answer in time") from error
            if connection.closed:
                raise _Lost from error
            if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await self._discard()  # it is no primary any more
            if is_outage(error):
                raise unavailable(error) from error
            raise
        finally:
            timer.cancel()
            if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
                await self._discard()

    def _time_out(self, connection: Connection) -> None:
        self._timed_out = True
        cut(connection)

    # --- Connecting --------------------------------------------------------------------------------------------

    async def _connected(self, deadline: float) -> Connection:
        if self._closed:
            raise StorageUnavailable("the database is closed")
        if self._connection is None:
            if self._reconnecting is None:
                self._attempt = asyncio.get_running_loop().create_future()
                self._reconnecting = asyncio.create_task(self._reconnect(self._attempt))
            if self._attempt is not None:
                remaining_s = deadline - asyncio.get_running_loop().time()
                await asyncio.wait([self._attempt], timeout=min(PATIENCE_S, max(remaining_s, 0)))
        if self._connection is None:
            raise unavailable(self._fault)
        return self._connection

    async def _reconnect(self, attempt: asyncio.Future[None]) -> None:
        """Connect, with as many attempts as it takes; the database may be away for long, and many servers retry."""
        pause_s = _FIRST_PAUSE_S
        while self._connection is None:
            self._attempt = attempt
            try:
                self._connection = await self._connect()
            except (psycopg.Error, TimeoutError, StorageUnavailable) as fault:
                self._fault = fault
            finally:
                self._attempt = None
                attempt.set_result(None)
            if self._connection is None:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                attempt = asyncio.get_running_loop().create_future()
        self._reconnecting = None

    async def _connect(self) -> Connection:
        return await connect_to_accepted(self._address, self._on_connect)

    async def _discard(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


class _Lost(Exception):  # noqa: N818 - what happened
    """The connection broke before the work was done."""


async def connect(address: Address) -> Connection:
    """Return a new connection. Raise `psycopg.Error`, or `TimeoutError`."""
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        connection = await Connection.connect(
            address.conninfo,
            # Only the transactions that the code begins.
            autocommit=True,
            cursor_factory=psycopg.AsyncRawCursor,
            prepare_threshold=_PREPARE_AFTER,
        )
        async with closed_on_failure(connection):
            with suppress(psycopg.ProgrammingError):  # from an engine with another planner
                await connection.execute(HINTS)
            prepares = address.prepared_statements
            if prepares is None:
                prepares = not await is_pooled(connection)
            if not prepares:
                connection.prepare_threshold = None
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(str, _TextDumper)
    return connection


async def connect_to_accepted(address: Address, accept: Work[None] | None) -> Connection:
    """Return a new connection for which `accept` has not raised `StorageUnavailable`, to whichever of the hosts."""
    try:
        return await _accepted(address, accept)
    except StorageUnavailable:
        hosts = address.each_host()
        if len(hosts) == 1:
            raise
    for host in hosts:
        try:
            return await _accepted(host, accept)
        except (psycopg.Error, TimeoutError, StorageUnavailable) as fault:
            last = fault
    raise last


async def _accepted(address: Address, accept: Work[None] | None) -> Connection:
    connection = await connect(address)
    if accept is not None:
        async with closed_on_failure(connection):
            await accept(connection)
    return connection


async def is_pooled(connection: Connection) -> bool:
    """Return whether a pooler is between: it has told the client another process than the one that does the work.

    One that hands out connections by transaction would run a statement that another client has prepared under the
    same name: another one. Only some keep them apart.
    """
    [(process,)] = await ask(connection, "SELECT pg_backend_pid()")
    return bool(process != connection.info.backend_pid)


@asynccontextmanager
async def closed_on_failure(connection: Connection) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await connection.close()
        raise


async def ask(connection: Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Return the rows of the statement."""
    cursor = await connection.execute(statement, values)
    return await cursor.fetchall()


class _TextDumper(StrDumper):
    """A dumper that replaces NUL, which PostgreSQL refuses, by another control character: no stored text has either."""

    def dump(self, obj: str) -> bytes | bytearray | memoryview | None:
        return super().dump(obj.replace("\0", "\1"))


def cut(connection: Connection) -> None:
    """End it for the task that waits for a result, without a message to the database."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as its_socket:
        its_socket.shutdown(socket.SHUT_RDWR)


def is_outage(error: BaseException) -> bool:
    """Return whether the database is at fault (away, full, locked, read-only) rather than the code or a conflict."""
    if isinstance(error, RIVALRY):
        return False
    if isinstance(error, _TAKEN_AWAY):
        return True
    return isinstance(error, psycopg.OperationalError | psycopg.InternalError | psycopg.InterfaceError)


def unavailable(error: BaseException | None) -> StorageUnavailable:
    fault = StorageFault.DAMAGE if isinstance(error, _DAMAGE) else StorageFault.OUTAGE
    reason = " ".join(str(error or "it does not answer").split())  # libpq's messages have several lines
    refusal = StorageUnavailable(f"{NOT_TAKEN}: {reason}", told=NOT_TAKEN, fault=fault)
    refusal.__cause__ = error
    return refusal

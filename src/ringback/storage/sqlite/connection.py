"""Connections to a database file, each on a thread of its own, and the meaning of SQLite's errors.

One writes: each piece of work runs as a whole on its thread. A few read, each one query at a time.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Self, TypeVar

import aiosqlite

from ringback.domain.errors import StorageFault, StorageUnavailable
from ringback.storage.errors import NOT_TAKEN
from ringback.storage.operations import COUNT_LIMIT_S, READ_LIMIT_S

R = TypeVar("R")
Query = Callable[[aiosqlite.Connection], Awaitable[R]]

# How long to wait for a lock that another program holds, such as a database shell. The server itself has no rival.
BUSY_TIMEOUT_S = 5.0
# One for each number of rows in an INSERT, for each set of columns in an UPDATE, and the queries.
CACHED_STATEMENTS = 512
# Steps of SQLite's virtual machine between two looks at the clock: some tens of milliseconds. Each look needs the
# interpreter's lock, for which it may have to wait.
_STEPS: Final = 1_000_000
# A statement that is not over by then, although it was interrupted, waits for the disk.
HANG_S: Final = 2.0
_PLAIN_CODE: Final = 0xFF
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def _options() -> dict[str, Any]:
    # No isolation level: transactions begin and end where the code says so.
    return {"timeout": BUSY_TIMEOUT_S, "isolation_level": None, "cached_statements": CACHED_STATEMENTS}


def _url_of(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=rw"


# --- Writing ---------------------------------------------------------------------------------------------------


class WorkThread:
    """A thread that does pieces of work, one after the other. An executor takes 20 µs more for each, in two futures."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # A process that ends without having closed its database does not wait for it.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, work: Callable[[], R]) -> R:
        """Have it done, also when the caller is cancelled, and return its result."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        self._jobs.put(partial(_do, work, done, loop))
        return await done

    def end(self) -> None:
        """End the thread, after its pending work."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _do(work: Callable[[], R], done: "asyncio.Future[R]", loop: asyncio.AbstractEventLoop) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - goes to the caller
        tell: Callable[[], None] = partial(_fail, done, error)
    else:
        tell = partial(_finish, done, result)
    with suppress(RuntimeError):  # the event loop is closed: nobody waits for it
        loop.call_soon_threadsafe(tell)


def _finish(done: "asyncio.Future[R]", result: R) -> None:
    if not done.done():  # the caller was cancelled
        done.set_result(result)


def _fail(done: "asyncio.Future[R]", error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)


class WritingConnection:
    """A connection for whole pieces of work, one after the other.

    A switch to a thread and back for every statement costs more than the SQL, and lets a cancellation come between two.
    """

    clock = staticmethod(time.monotonic)

    def __init__(self, thread: WorkThread, database: sqlite3.Connection) -> None:
        self._thread = thread
        self._database = database

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Connect. Raise `sqlite3.Error`."""
        thread = WorkThread("ringback store writer")
        try:
            database = await thread.run(lambda: sqlite3.connect(path, **_options()))
            try:
                yield cls(thread, database)
            finally:
                await thread.run(database.close)
        finally:
            thread.end()

    async def run(self, work: Callable[[sqlite3.Connection], R]) -> R:
        return await self._thread.run(partial(work, self._database))


# --- Reading ---------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Reader:
    connection: aiosqlite.Connection
    # By the monotonic clock. A statement that runs beyond it is interrupted.
    deadline: float = 0.0

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Connect. Raise `sqlite3.Error`, also when there is no file: it must not be made by who reads."""
        async with aiosqlite.connect(_url_of(path), uri=True, **_options()) as connection:
            reader = cls(connection)
            await connection.execute_fetchall("PRAGMA query_only = ON")
            await connection.set_progress_handler(reader.is_late, _STEPS)
            yield reader

    def is_late(self) -> bool:
        return time.monotonic() > self.deadline

    async def run(self, query: Query[R], limit_s: float) -> R:
        """Run the query for at most `limit_s`. Raise `StorageUnavailable`."""
        self.deadline = time.monotonic() + limit_s
        try:
            return await query(self.connection)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise StorageUnavailable(f"the database took more than {limit_s:g} s for an answer") from error
            if is_outage(error):
                raise unavailable(error) from error
            raise


class Readers:
    """A few reading connections to one database."""

    def __init__(self, readers: Sequence[_Reader]) -> None:
        self._readers = readers
        # The one that was used last comes first again: its cache is the warmest.
        self._idle = list(readers)
        # The callers that wait for a connection, in order.
        self._queue: deque[asyncio.Future[_Reader]] = deque()
        # Queries whose callers were cancelled, until they are over.
        self._abandoned: set[asyncio.Task[None]] = set()
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, count: int) -> AsyncIterator[Self]:
        """Connect. Raise `sqlite3.Error`."""
        async with AsyncExitStack() as stack:
            readers = [await stack.enter_async_context(_Reader.open(path)) for _ in range(count)]
            pool = cls(readers)
            stack.push_async_callback(pool._drain)
            yield pool

    async def read(self, query: Query[R]) -> R:
        """Run the query on a connection that nothing else uses meanwhile. Raise `StorageUnavailable`."""
        if self._closed:
            raise StorageUnavailable("the database is closed")
        reader = self._idle.pop() if self._idle else await self._wait_for_reader()
        give_back = self._give_back
        try:
            async with asyncio.timeout(READ_LIMIT_S + HANG_S):
                return await reader.run(query, READ_LIMIT_S)
        except TimeoutError:
            give_back = self._abandon
            raise StorageUnavailable("the database does not answer: its disk hangs") from None
        except asyncio.CancelledError:
            give_back = self._abandon
            raise
        finally:
            give_back(reader)

    async def _wait_for_reader(self) -> _Reader:
        turn: asyncio.Future[_Reader] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back(turn.result())
            raise

    def _give_back(self, reader: _Reader) -> None:
        """Pass the connection to the next caller."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(reader)
                return
        self._idle.append(reader)

    def _abandon(self, reader: _Reader) -> None:
        """Give the connection back when its query is over; the caller was cancelled."""
        reader.deadline = 0.0
        task = asyncio.create_task(self._finish(reader))
        self._abandoned.add(task)
        task.add_done_callback(self._abandoned.discard)

    async def _finish(self, reader: _Reader) -> None:
        try:
            with suppress(sqlite3.Error):
                await reader.connection.execute_fetchall("SELECT 1")  # after the pending work of its thread
        finally:
            self._give_back(reader)

    async def _drain(self) -> None:
        """Refuse the waiting queries, and wait for those under way."""
        self._closed = True
        for turn in self._queue:
            if not turn.done():
                turn.set_exception(StorageUnavailable("the database is closed"))
        self._queue.clear()
        for _ in self._readers:
            if self._idle:
                self._idle.pop()
            else:
                await self._wait_for_reader()


class ReaderForEach:
    """A connection for each query that takes long, so that it holds up no other."""

    def __init__(self, path: Path, check_files: Callable[[], None]) -> None:
        """`check_files` raises `StorageUnavailable` when the path no longer leads to the database."""
        self._path = path
        self._check_files = check_files
        self._readers: set[_Reader] = set()
        self._over = asyncio.Event()
        self._closed = False

    async def close(self) -> None:
        """Give up what is under way."""
        self._closed = True
        for reader in self._readers:
            reader.deadline = 0.0
        if self._readers:
            await self._over.wait()

    async def read(self, query: Query[R]) -> R:
        if self._closed:
            raise StorageUnavailable("the database is closed")
        self._check_files()
        try:
            async with _Reader.open(self._path) as reader:
                result = await self._run(reader, query)
        except sqlite3.Error as error:
            if is_outage(error):
                raise unavailable(error) from error
            raise
        self._check_files()
        return result

    async def _run(self, reader: _Reader, query: Query[R]) -> R:
        self._readers.add(reader)
        try:
            if self._closed:  # meanwhile
                raise StorageUnavailable("the database is closed")
            return await reader.run(query, COUNT_LIMIT_S)
        finally:
            reader.deadline = (
                0.0  # its connection is closed when the statement is over, also that of a cancelled caller
            )
            self._readers.discard(reader)
            if self._closed and not self._readers:
                self._over.set()


async def ask(
    connection: aiosqlite.Connection, statement: str, *values: object, **named: object
) -> list[tuple[Any, ...]]:
    """Return the rows of one statement, which sees one snapshot of the database."""
    rows: Any = await connection.execute_fetchall(statement, named or values)  # plain tuples, without a row factory
    return list(rows)


# --- Errors ----------------------------------------------------------------------------------------------------


def plain_code(error: BaseException | None) -> int | None:
    """Return the code of an error of SQLite: the extended ones have the plain one in their last byte."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PLAIN_CODE


def is_outage(error: Exception) -> bool:
    """Return whether the database is at fault (away, full, locked, broken) rather than the code."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.InternalError) or type(error) is sqlite3.DatabaseError


def unavailable(error: Exception) -> StorageUnavailable:
    fault = StorageFault.DAMAGE if plain_code(error) in _DAMAGE else StorageFault.OUTAGE
    refusal = StorageUnavailable(f"{NOT_TAKEN}: {error}", fault=fault)
    refusal.__cause__ = error
    return refusal

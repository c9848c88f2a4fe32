"""The database of a history: SQLite in memory, which outlives every server, and fails when the dice say so.

All connections of a store are this one, since each piece of work is done at one moment of the simulated time. How long
it takes to get there, and until its caller hears of it, is drawn: a server can be lost in between, and then nobody
knows what became of the work.
"""

import asyncio
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

import aiosqlite

from ringback.domain.errors import StorageUnavailable
from ringback.storage.dialect import Pools
from ringback.storage.operations import LISTERS, SEEKERS
from ringback.storage.sqlite import reads
from ringback.storage.sqlite.connection import CACHED_STATEMENTS, Readers, WritingConnection, _Reader
from ringback.storage.sqlite.open_files import OpenFiles
from ringback.storage.sqlite.schema import prepare
from ringback.storage.sqlite.store import Connections, SqliteStore, newest_of
from ringback.storage.sqlite.transaction import NEWEST_EVENT

R = TypeVar("R")

_DATABASE_ID: Final = "5eed" * 4
# How long a piece of work is under way, at most. A disk that is slow is so for one commit in twenty.
_USUAL_S: Final = 0.004
_SLOW_S: Final = 1.5
_SLOW_SHARE: Final = 0.02
_IO_ERROR: Final = "disk I/O error"
_FULL: Final = "database or disk is full"


class Failure(Enum):
    """How a transaction fails."""

    AT_BEGIN = auto()
    # In the middle, such as for want of space.
    AT_STATEMENT = auto()
    BEFORE_COMMIT = auto()
    # It is there, and the server is told that it failed.
    AFTER_COMMIT = auto()
    # It is not there, and is if the server is lost before another commit: its pages were written, and not flushed.
    UNTIL_CRASH = auto()


class QueueRead(NamedTuple):
    """A look at a queue, on which a grant is based: how far the log was then, and what was asked for."""

    number: int
    now_us: int
    # How many callbacks of each level.
    depth: int
    # The service as it was, if it was there.
    service: str | None


class Commit(NamedTuple):
    """A transaction that has logged something: the numbers of its events, and what its server knew of the queues."""

    first: int
    last: int
    looks: Mapping[str, QueueRead]


class Disk:
    """What is stored. It fails while `is_failing`, and by the share of `bad_commits`."""

    def __init__(self, dice: random.Random) -> None:
        self.restore(empty())
        self.bad_commits = 0.0
        self.is_failing = False
        # What failed, and how.
        self.failures: Counter[str] = Counter()
        self.commits: list[Commit] = []
        self._dice = dice
        # What is there if the server is lost now, see `UNTIL_CRASH`.
        self._ghost: tuple[bytes, Mapping[str, QueueRead]] | None = None
        self._looks: Mapping[str, QueueRead] = {}

    def crash(self) -> None:
        """Keep, or lose, what was written and not flushed: what was told to have failed may be there."""
        if self._ghost is not None:
            state, self._looks = self._ghost
            self.restore(state)
            self._note_commit()
        self._ghost = None
        self._looks = {}

    def newest(self) -> int:
        """Return the number of the newest event."""
        (newest,) = self.raw.execute(NEWEST_EVENT).fetchone()
        return int(newest)

    def draw_failure(self) -> Failure | None:
        if self.is_failing:
            return Failure.AT_BEGIN if self._dice.random() < 0.5 else Failure.AT_STATEMENT
        if self._dice.random() >= self.bad_commits:
            return None
        failure = self._dice.choice(list(Failure))
        self.failures[failure.name] += 1
        return failure

    def draw_place(self) -> int:
        """Return at which statement of a transaction it fails."""
        return self._dice.randint(1, 6)

    def latency_s(self) -> float:
        return self._dice.uniform(0, _SLOW_S if self._dice.random() < _SLOW_SHARE else _USUAL_S)

    def look(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Read a queue, and note that."""
        rows = self.raw.execute(reads.QUEUE, values).fetchall()
        look = QueueRead(self.newest(), values["now_us"], values["depth"], rows[0][1] if rows else None)
        self._looks = {**self._looks, values["service_id"]: look}
        return rows

    def commit(self, *, is_ghost: bool) -> None:
        """Commit the open transaction; as a ghost it is not there until the server is lost."""
        self.raw.execute("COMMIT")
        if is_ghost:
            self._ghost = self.raw.serialize(), self._looks
        else:
            self._ghost = None
            self._note_commit()

    def restore(self, state: bytes) -> None:
        # A connection that has statements in its cache does not survive this, so it is another one.
        self.raw = sqlite3.connect(":memory:", isolation_level=None, cached_statements=CACHED_STATEMENTS)
        self.raw.deserialize(state)
        self.raw.execute("PRAGMA foreign_keys = ON")

    def _note_commit(self) -> None:
        before = self.commits[-1].last if self.commits else 0
        if (newest := self.newest()) > before:
            self.commits.append(Commit(before + 1, newest, self._looks))


class _Transactions:
    """The writing connection as a batch sees it. Every transaction may fail."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._failure: Failure | None = None
        self._place = 0
        self._before = b""

    @property
    def in_transaction(self) -> bool:
        return self._disk.raw.in_transaction

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            return self._commit()
        if statement == "BEGIN IMMEDIATE":
            self._begin()
        elif statement != "ROLLBACK":
            self._step()
        return self._disk.raw.execute(statement, *values)

    def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
        self._step()
        return self._disk.raw.executemany(statement, *values)

    def _begin(self) -> None:
        self._failure = self._disk.draw_failure()
        self._place = self._disk.draw_place() if self._failure is Failure.AT_STATEMENT else 0
        if self._failure is Failure.AT_BEGIN:
            raise _error(_IO_ERROR, sqlite3.SQLITE_IOERR)
        if self._failure is Failure.UNTIL_CRASH:
            self._before = self._disk.raw.serialize()

    def _step(self) -> None:
        if self._failure is Failure.AT_STATEMENT:
            self._place -= 1
            if self._place <= 0:
                raise _error(_FULL, sqlite3.SQLITE_FULL)

    def _commit(self) -> sqlite3.Cursor:
        match self._failure:
            case Failure.BEFORE_COMMIT | Failure.AT_STATEMENT:
                raise _error(_IO_ERROR, sqlite3.SQLITE_IOERR)
            case Failure.UNTIL_CRASH:
                self._disk.commit(is_ghost=True)
                self._disk.restore(self._before)
                raise _error(_IO_ERROR, sqlite3.SQLITE_IOERR)
        self._disk.commit(is_ghost=False)
        if self._failure is Failure.AFTER_COMMIT:
            raise _error(_IO_ERROR, sqlite3.SQLITE_IOERR)
        return self._disk.raw.cursor()


class Cable:
    """The way from one server to the disk. Cut, it does nothing more."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.is_cut = False

    async def read(self, work: Callable[[], R]) -> R:
        await asyncio.sleep(self.disk.latency_s())
        if self.is_cut:
            raise StorageUnavailable("this server is lost")
        return work()

    async def write(self, work: Callable[[], R]) -> R:
        done = await self.read(work)
        # What is stored by now, nobody knows of for a while.
        await asyncio.sleep(self.disk.latency_s())
        return done


class _Writing(WritingConnection):
    """A writing connection without a thread, and without a clock of its own: what it does takes no time."""

    clock = staticmethod(lambda: 0.0)

    def __init__(self, cable: Cable) -> None:
        self._cable = cable
        self._transactions = cast("sqlite3.Connection", _Transactions(cable.disk))

    async def run(self, work: Callable[[sqlite3.Connection], R]) -> R:
        return await self._cable.write(lambda: work(self._transactions))


class _Reading:
    """A reading connection without a thread: one statement at a time."""

    def __init__(self, cable: Cable) -> None:
        self._cable = cable

    async def execute_fetchall(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        return await self._cable.read(lambda: self._read(statement, values))

    def _read(self, statement: str, values: Any) -> list[tuple[Any, ...]]:
        if statement is reads.QUEUE:
            return self._cable.disk.look(values)
        return self._cable.disk.raw.execute(statement, values).fetchall()


class _Counting:
    """A connection for what takes long."""

    def __init__(self, reading: aiosqlite.Connection) -> None:
        self._reading = reading

    async def read(self, query: Callable[[aiosqlite.Connection], Awaitable[R]]) -> R:
        return await query(self._reading)


class _NoFiles(OpenFiles):
    """What is in memory is where it was."""

    def __init__(self) -> None:
        """Look at nothing."""

    @property
    def are_lost(self) -> bool:
        return False

    def check(self) -> None:
        """Find nothing."""

    def look_again(self) -> bool:
        return True


def open_store(cable: Cable) -> SqliteStore:
    """Return the production store; only its connections are others."""
    reading = cast("aiosqlite.Connection", _Reading(cable))
    pools = Pools(
        Readers([_Reader(reading) for _ in range(SEEKERS)]),
        Readers([_Reader(reading) for _ in range(LISTERS)]),
        _Counting(reading),
    )
    connections = Connections(_Writing(cable), pools, _NoFiles())
    return SqliteStore.over(connections, _DATABASE_ID, newest_of(cable.disk.raw), AsyncExitStack(), Path(":memory:"))


@cache
def empty() -> bytes:
    """Return an empty database with the schema of today."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ringback.db"
        file = sqlite3.connect(path, isolation_level=None)
        prepare(path, file)
        file.execute("UPDATE ringback SET database_id = ?", (_DATABASE_ID,))
        # In memory there is no write-ahead log.
        file.execute("PRAGMA journal_mode = DELETE")
        empty = file.serialize()
        file.close()
    return empty


def _error(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error

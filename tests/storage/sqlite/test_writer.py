"""SQLite: a failed write fails for the callers it concerns, and no caller ever waits in vain."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import MATCH_ALL
from ringback.ports.errors import RevisionConflict
from ringback.storage.sqlite import SqliteStore, write_lock
from ringback.storage.sqlite.transaction import Transaction
from tests.world.event_log import events_after
from tests.world.samples import NOW, cancel, changes, new

R = TypeVar("R")


async def on_writer(store: SqliteStore, work: Callable[[sqlite3.Connection], R]) -> R:
    result: R = await store._write(lambda transaction, _: [work(transaction.database)], None)
    return result


# --- One operation fails -------------------------------------------------------------------------------------


def broken_operation(transaction: Transaction, requests: Sequence[None]) -> list[None]:
    transaction.database.execute("DELETE FROM callback")
    raise ZeroDivisionError


async def test_only_the_guilty_one_fails(sqlite_store: SqliteStore) -> None:
    """One transaction holds writes that succeed, one that is refused and two that are broken."""
    there, good, better = new(), new(), new()
    await sqlite_store.create([there])
    refused = changes(cancel(there), replace(cancel(there), revision=3))

    results = await asyncio.gather(
        sqlite_store.create([good]),
        sqlite_store._write(broken_operation, None),
        sqlite_store.create([replace(new(), end_time=NOW)]),
        sqlite_store.apply(refused),
        sqlite_store.create([better]),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [
        list,
        ZeroDivisionError,
        sqlite3.IntegrityError,
        RevisionConflict,
        list,
    ]
    assert (await sqlite_store.snapshot(MATCH_ALL, "", 10)).callbacks == [there, good, better]
    assert [event.callback for event in await sqlite_store.events(0, 10)] == [there, good, better]
    assert sqlite_store.healthy


@pytest.mark.parametrize("broken", ["state = 'PENDING'", "state = NULL", "lease_fencing = 0", "supervisor = ''"])
async def test_the_database_refuses_what_cannot_even_be_said(sqlite_store: SqliteStore, broken: str) -> None:
    await sqlite_store.create([new()])
    with pytest.raises(sqlite3.IntegrityError):
        await on_writer(sqlite_store, lambda database: database.execute(f"UPDATE callback SET {broken}"))


# --- The database fails --------------------------------------------------------------------------------------


async def test_a_full_disk(sqlite_store: SqliteStore) -> None:
    there = new()
    await sqlite_store.create([there])
    await on_writer(sqlite_store, fill)

    results = await asyncio.gather(
        *(sqlite_store.create([new(description="x" * 10_000)]) for _ in range(5)), return_exceptions=True
    )

    assert [type(result) for result in results] == [StorageUnavailable] * 5
    assert not sqlite_store.healthy
    assert (await sqlite_store.snapshot(MATCH_ALL, "", 10)).callbacks == [there]

    await on_writer(sqlite_store, lambda database: database.execute("PRAGMA max_page_count = 1000000"))
    assert await sqlite_store.probe()
    assert await sqlite_store.create([new()]) == [None]
    assert sqlite_store.healthy


class CommitsSayTheyFail:
    """A connection whose commits succeed, and are told to have failed, as those of a broken disk may."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        done: sqlite3.Cursor = self._database.execute(statement, *values)
        if statement == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return done


async def test_what_a_failed_commit_has_stored_all_the_same_is_told(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise watches miss it until something else is logged, which may take hours."""
    writing = sqlite_store._writing
    monkeypatch.setattr(writing, "_database", CommitsSayTheyFail(writing._database))
    callback = new()

    with pytest.raises(StorageUnavailable):
        await sqlite_store.create([callback])

    async with asyncio.timeout(10), aclosing(sqlite_store.follow(0)) as batches:
        assert [event.callback for event in await anext(batches)] == [callback]


async def test_services_that_a_failed_commit_has_stored_are_read(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise whoever decides by the old ones is refused, reads nothing new, and decides again, for ever."""
    writing = sqlite_store._writing
    service = (await sqlite_store.services()).services[0]
    seen = await sqlite_store.services_version()
    monkeypatch.setattr(writing, "_database", CommitsSayTheyFail(writing._database))

    with pytest.raises(StorageUnavailable):
        await sqlite_store.put_service(replace(service, paused=True, revision=service.revision + 1))

    assert await sqlite_store.services_version() == (await sqlite_store.services()).version > seen
    async with asyncio.timeout(10):
        await sqlite_store.wait_for_services(seen)


def fill(database: sqlite3.Connection) -> None:
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")


@pytest.fixture
def shell(sqlite_store: SqliteStore, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database once more, as a database shell does."""
    with closing(sqlite3.connect(tmp_path / "ringback.db", isolation_level=None)) as shell:
        yield shell


async def refuse_at_once(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_lock, "_GIVE_UP_AFTER_MS", 0)
    await on_writer(store, lambda database: database.execute("PRAGMA busy_timeout = 0"))


async def test_a_locked_database(
    sqlite_store: SqliteStore, shell: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refuse_at_once(sqlite_store, monkeypatch)
    shell.execute("BEGIN IMMEDIATE")
    callback = new()

    with pytest.raises(StorageUnavailable):
        await sqlite_store.create([callback])
    assert not await sqlite_store.probe()
    assert await sqlite_store.get(callback.callback_id) is None

    shell.execute("ROLLBACK")
    assert await sqlite_store.probe()
    assert await sqlite_store.create([callback]) == [None]


LOCKED = "the database is locked by another process: writes wait"
FREE = "the other process has let go of the database: writes go on"


class Lines(logging.Handler):
    """What is logged, also on other threads."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self._loop, self._grown = asyncio.get_running_loop(), asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())
        self._loop.call_soon_threadsafe(self._grown.set)

    async def until(self, line: str) -> None:
        while line not in self.told:
            self._grown.clear()
            await self._grown.wait()


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    lines, log = Lines(), logging.getLogger("ringback.storage")
    log.addHandler(lines)
    yield lines
    log.removeHandler(lines)


async def test_a_write_that_waits_for_a_lock_is_told(
    sqlite_store: SqliteStore, shell: sqlite3.Connection, lines: Lines
) -> None:
    """The operator finds the shell that was left open; what waits is written when it is closed."""
    shell.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(sqlite_store.create([new()]))
    await lines.until(LOCKED)
    assert not writing.done()
    shell.execute("ROLLBACK")
    assert await writing == [None]
    await sqlite_store.create([new()])
    assert lines.told == [LOCKED, FREE]


async def test_a_lock_is_told_once_however_many_writes_fail(
    sqlite_store: SqliteStore, shell: sqlite3.Connection, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refuse_at_once(sqlite_store, monkeypatch)
    for _ in range(2):
        shell.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await sqlite_store.create([new()])
        shell.execute("ROLLBACK")
        for _ in range(3):
            await sqlite_store.create([new()])
        await refuse_at_once(sqlite_store, monkeypatch)
    assert lines.told == [LOCKED, FREE] * 2


async def test_a_reader_holds_up_nothing(sqlite_store: SqliteStore, shell: sqlite3.Connection, lines: Lines) -> None:
    shell.execute("BEGIN")
    shell.execute("SELECT count(*) FROM callback").fetchone()
    await sqlite_store.create([new()])
    shell.execute("ROLLBACK")
    await sqlite_store.create([new()])
    assert lines.told == []


async def test_a_failed_commit_concerns_all_of_the_batch(sqlite_store: SqliteStore) -> None:
    """A deferred constraint that is broken is found by COMMIT alone."""
    await on_writer(sqlite_store, break_at_commit)

    results = await asyncio.gather(sqlite_store.create([new()]), sqlite_store.create([new()]), return_exceptions=True)

    assert [type(result) for result in results] == [StorageUnavailable] * 2
    assert not sqlite_store.healthy
    assert (await sqlite_store.history()).newest == 0

    await on_writer(sqlite_store, lambda database: database.execute("DROP TRIGGER breaking"))
    callback = new()
    assert await sqlite_store.create([callback]) == [None]
    assert [event.callback for event in await sqlite_store.events(0, 10)] == [callback]


def break_at_commit(database: sqlite3.Connection) -> None:
    for statement in (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER breaking AFTER INSERT ON callback BEGIN INSERT INTO child VALUES (1); END",
    ):
        database.execute(statement)


# --- The writer fails ----------------------------------------------------------------------------------------


async def test_nobody_waits_for_a_writer_that_is_gone(sqlite_store: SqliteStore) -> None:
    writes = [asyncio.create_task(sqlite_store.create([new()])) for _ in range(3)]
    watcher = asyncio.create_task(events_after(sqlite_store, 100))
    await asyncio.sleep(0)
    sqlite_store._writer._task.cancel()

    results = await asyncio.gather(*writes, watcher, return_exceptions=True)

    assert [type(result) for result in results] == [StorageUnavailable] * 4
    with pytest.raises(StorageUnavailable):
        await sqlite_store.create([new()])
    assert not sqlite_store.healthy
    assert not await sqlite_store.probe()
    assert (await sqlite_store.history()).newest in (0, 3)


async def test_a_writer_that_dies_says_so(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sqlite_store._writer, "_write", fail)
    with pytest.raises(StorageUnavailable):
        await sqlite_store.create([new()])
    assert "the writer of the database died" in caplog.text
    assert not sqlite_store.healthy


# --- Reading -------------------------------------------------------------------------------------------------


async def test_readers_cannot_write(sqlite_store: SqliteStore) -> None:
    with pytest.raises(StorageUnavailable, match="readonly"):
        await sqlite_store._seek("DELETE FROM callback")


async def test_a_question_that_takes_too_long_is_given_up(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with monkeypatch.context() as patch:
        patch.setattr("ringback.storage.sqlite.connection.READ_LIMIT_S", 0.01)
        with pytest.raises(StorageUnavailable, match="took more than"):
            await sqlite_store._seek(endless)
    assert await sqlite_store._seek("SELECT 1") == [(1,)]


async def test_a_reader_that_failed_in_the_middle_goes_on(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = new()
    await sqlite_store.create([callback])
    with monkeypatch.context() as patch:
        patch.setattr("ringback.storage.list_plan.read_callback", lambda *_: 1 / 0)
        for _ in range(4):
            with pytest.raises(ZeroDivisionError):
                await sqlite_store.list(MATCH_ALL, "", 10)
    assert (await sqlite_store.list(MATCH_ALL, "", 10)).callbacks == [callback]

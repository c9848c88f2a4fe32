"""SQLite: a failed write fails for the callers it concerns, and no caller ever waits in vain."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import MATCH_ALL
from ringback.ports.errors import RevisionConflict
from ringback.ports.values import Retention
from ringback.storage import write_health
from ringback.storage.sqlite import SqliteStore, write_lock
from ringback.storage.sqlite.connection import Readers
from ringback.storage.sqlite.open_files import CheckedReads
from ringback.storage.sqlite.transaction import Transaction, probe
from tests.world.event_log import events_after
from tests.world.samples import NOW, SERVICE, cancel, changes, new

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

    await on_writer(sqlite_store, free)
    await sqlite_store.check_health()
    assert sqlite_store.healthy
    assert await sqlite_store.create([new()]) == [None]


def fill(database: sqlite3.Connection, left: int = 0) -> None:
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages + left}")


def free(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA max_page_count = 1000000")


async def test_a_nearly_full_disk(sqlite_store: SqliteStore) -> None:
    """What is small still fits, as the probe of old did; only what is as large as the refused one shows the end."""
    there = new()
    await sqlite_store.create([there])
    await on_writer(sqlite_store, lambda database: fill(database, left=4))
    with pytest.raises(StorageUnavailable):
        await sqlite_store.create([new(description="x" * 150, labels={"a": "b" * 128}) for _ in range(100)])
    assert not sqlite_store.healthy

    await sqlite_store.apply(changes(there, cancel(there)))
    assert await sqlite_store.probe()
    await sqlite_store.check_health()
    assert not sqlite_store.healthy

    await on_writer(sqlite_store, free)
    await sqlite_store.check_health()
    assert sqlite_store.healthy


async def test_a_proof_takes_the_room_that_it_proves(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    """All of it goes through the write-ahead log, and what the file has grown by is free for what comes next."""
    size = 2 * 1024 * 1024
    await sqlite_store._write(probe, size)
    assert (tmp_path / "ringback.db-wal").stat().st_size > size
    [(free_pages,)] = await sqlite_store._seek("PRAGMA freelist_count")
    assert free_pages * 4096 >= size


async def test_a_small_request_fits_beside_one_that_is_refused(sqlite_store: SqliteStore) -> None:
    """A lease is extended although callbacks that came at the same time are too many."""
    there = new()
    await sqlite_store.create([there])
    await on_writer(sqlite_store, lambda database: fill(database, left=4))
    results = await asyncio.gather(
        sqlite_store.create([new() for _ in range(100)]),
        sqlite_store.apply(changes(there, cancel(there))),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StorageUnavailable, type(None)]


class CommitsSayTheyFail:
    """A connection whose commits succeed, and are told to have failed, as those of a broken disk may."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)

    def execute(self, statement: str, *values: Sequence[str | int]) -> sqlite3.Cursor:
        done = self._database.execute(statement, *values)
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


@pytest.fixture
def shell(sqlite_store: SqliteStore, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database once more, as a database shell does."""
    path = tmp_path / "ringback.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as shell:
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
    await sqlite_store.check_health()
    assert sqlite_store.healthy
    assert await sqlite_store.create([callback]) == [None]


async def test_requests_that_are_written_alone_wait_for_a_lock_once(
    sqlite_store: SqliteStore, shell: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program takes the lock just when a batch has failed because of one of its requests."""
    await refuse_at_once(sqlite_store, monkeypatch)
    begun = 0
    really_begin = write_lock._begin

    def begin(database: sqlite3.Connection) -> None:
        nonlocal begun
        begun += 1
        if begun == 2:
            shell.execute("BEGIN IMMEDIATE")
        really_begin(database)

    monkeypatch.setattr(write_lock, "_begin", begin)
    results = await asyncio.gather(
        sqlite_store._write(broken_operation, None),
        *(sqlite_store.create([new()]) for _ in range(10)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StorageUnavailable] * 11
    assert begun == 1 + 2  # the batch; then one request, at once and late


async def test_a_page_that_is_damaged_fails_what_needs_it_and_health_for_good(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    await (await SqliteStore.open(path)).close()
    with closing(sqlite3.connect(path)) as database:
        pages = database.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'kept_phone'").fetchall()
    with path.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)
    store = await SqliteStore.open(path)
    try:
        await store.put_service(SERVICE)
        results = await asyncio.gather(store.purge(NOW, Retention(), 10), store.create([new()]), return_exceptions=True)
        assert [type(result) for result in results] == [StorageUnavailable, list]
        await store.check_health()
        assert not store.healthy
        assert await store.probe()
    finally:
        await store.close()


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
    lines, log = Lines(), logging.getLogger("ringback.storage.sqlite")
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

    assert [type(result) for result in results] == [sqlite3.IntegrityError] * 2
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


async def test_a_question_that_hangs_in_the_disk_is_given_up(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite cannot be interrupted there. The connection is used again when it has come back."""
    goes_on = threading.Event()
    checked = sqlite_store._seekers
    assert isinstance(checked, CheckedReads)
    pool = checked._pool
    assert isinstance(pool, Readers)
    for reader in pool._readers:
        await reader.connection.create_function("hang", 0, goes_on.wait)
    with monkeypatch.context() as patch:
        for limit in ("READ_LIMIT_S", "HANG_S"):
            patch.setattr(f"ringback.storage.sqlite.connection.{limit}", 0.01)
        for _ in pool._readers:
            with pytest.raises(StorageUnavailable, match="its disk hangs"):
                await sqlite_store._seek("SELECT hang()")
        patch.setattr(write_health, "PATIENCE_S", 0.01)
        await sqlite_store.check_health()
        assert not sqlite_store.healthy
    goes_on.set()
    await sqlite_store.check_health()
    assert sqlite_store.healthy
    assert await asyncio.gather(*(sqlite_store._seek("SELECT 1") for _ in range(4))) == [[(1,)]] * 4


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

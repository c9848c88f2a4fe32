"""SQLite: a database that cannot be used is refused in a plain sentence."""

import asyncio
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Final

import aiosqlite
import pytest
from msgspec.structs import replace

from ringback.domain.filter import MATCH_ALL
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.migrations import scripts
from ringback.storage.sqlite import SqliteStore
from ringback.storage.sqlite.connection import ask
from tests.world.samples import SERVICE, new

# As SQLite numbers it.
_FULL: Final = 2


async def refusal(path: Path) -> str:
    with pytest.raises(StoreCannotOpen) as refused:
        await SqliteStore.open(path)
    return str(refused.value)


async def test_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "ringback.db"
    assert await refusal(path) == f"cannot open {path}: the folder {path.parent} does not exist"


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    path.write_text("To whom it may concern\n" * 100)
    assert await refusal(path) == f"cannot open {path}: it is not an SQLite database"
    assert path.read_text().startswith("To whom")


async def test_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    path.mkdir()
    assert (await refusal(path)).startswith(f"cannot open {path}: ")


async def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE invoice (id INTEGER)")
    other.close()
    assert await refusal(path) == f"cannot open {path}: it is the database of another program"


async def test_a_newer_schema(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    await (await SqliteStore.open(path)).close()
    known = len(scripts("sqlite"))
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {known + 1}")
    newer.close()

    assert await refusal(path) == (
        f"cannot open {path}: a newer Ringback has used it: its schema has version {known + 1}, "
        f"and this one knows up to {known}"
    )


async def test_a_database_in_memory(tmp_path: Path) -> None:
    assert "cannot be shared" in await refusal(Path(":memory:"))


async def test_a_second_server(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    first = await SqliteStore.open(path)
    try:
        assert await refusal(path) == f"cannot open {path}: another server is using it"
    finally:
        await first.close()
    await (await SqliteStore.open(path)).close()


async def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    path.touch()
    await (await SqliteStore.open(path)).close()


async def test_a_refused_file_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    path.write_text("To whom it may concern\n" * 100)
    await refusal(path)
    path.unlink()
    await (await SqliteStore.open(path)).close()


async def test_a_failed_migration_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ringback.db"
    await (await SqliteStore.open(path)).close()
    broken = [*scripts("sqlite"), "CREATE TABLE half (id INTEGER); CREATE TABLE callback (id INTEGER);"]
    with monkeypatch.context() as patch:
        patch.setattr("ringback.storage.sqlite.schema.scripts", lambda _: broken)
        assert "table callback already exists" in await refusal(path)

    store = await SqliteStore.open(path)
    await store.close()
    with sqlite3.connect(path) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert "half" not in tables
        assert database.execute("PRAGMA user_version").fetchone() == (len(scripts("sqlite")),)
    database.close()


async def test_a_later_migration_is_applied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ringback.db"
    store = await SqliteStore.open(path)
    database_id = store.database_id
    await store.put_service(SERVICE)
    await store.close()
    monkeypatch.setattr(
        "ringback.storage.sqlite.schema.scripts",
        lambda dialect: [*scripts(dialect), "ALTER TABLE service ADD COLUMN colour TEXT;"],
    )
    for _ in range(2):
        store = await SqliteStore.open(path)
        assert (await store.services()).services == [SERVICE]
        assert store.database_id == database_id
        await store.close()


WRITER = """
import asyncio, sys
from ringback.storage.sqlite import SqliteStore
from tests.world.samples import SERVICE, new

async def main():
    store = await SqliteStore.open(sys.argv[1])
    await store.put_service(SERVICE)
    async def client():
        while True:
            callback = new()
            await store.create([callback])
            print(callback.callback_id, flush=True)
    await asyncio.gather(*(client() for _ in range(8)))

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_a_killed_server(tmp_path: Path) -> None:
    """The lock is gone with it; there is nothing to repair."""
    path = tmp_path / "ringback.db"
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    acknowledged = [(await server.stdout.readline()).decode().strip() for _ in range(200)]
    server.send_signal(signal.SIGKILL)
    acknowledged += (await server.stdout.read()).decode().rpartition("\n")[0].split()
    await server.wait()

    store = await SqliteStore.open(path)
    try:
        found = {callback.callback_id for callback in (await store.list(MATCH_ALL, "", 100_000)).callbacks}
        assert set(acknowledged) <= found
        events = await store.events(0, 100_000)
        assert {event.callback.callback_id for event in events} == found
        assert await store.create([replace(new(), callback_id="callback-x")]) == [None]
    finally:
        await store.close()


async def test_only_one_connection_can_write_and_it_flushes_each_commit(sqlite_store: SqliteStore) -> None:
    async def reads_only(reader: aiosqlite.Connection) -> object:
        return await ask(reader, "PRAGMA query_only")

    written = await sqlite_store._writing.run(lambda database: database.execute("PRAGMA synchronous").fetchone())
    assert written == (_FULL,)
    for pool in (sqlite_store._seekers, sqlite_store._listers, sqlite_store._counters):
        assert await pool.read(reads_only) == [(1,)]

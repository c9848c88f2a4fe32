"""A backup of a database in use: whole, checked, in one file; and what is no place for one."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from ringback.ports.calls import KeptCall
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.migrations import scripts
from ringback.storage.sqlite import SqliteStore
from ringback.storage.sqlite.backup import BackupContents, NotBackedUp, back_up
from tests.world.samples import NOW, every_state, new


@pytest.fixture
def database(sqlite_store: SqliteStore, tmp_path: Path) -> Path:
    """Return the path of a database that a store has open."""
    return tmp_path / "ringback.db"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "today.db"


def refusal(database: Path, file: Path, *, overwrite: bool = False) -> str:
    before = sorted(file.parent.iterdir())
    with pytest.raises((NotBackedUp, StoreCannotOpen)) as refused:
        back_up(database, file, overwrite=overwrite)
    assert "\n" not in str(refused.value)
    assert sorted(file.parent.iterdir()) == before, "nothing is left behind"
    return str(refused.value)


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def size_of(file: Path) -> int:
    return file.stat().st_size


def content_of(file: Path) -> bytes:
    return file.read_bytes()


async def test_it_holds_no_call(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    """A call belongs to the server that goes on: one that begins with the copy must not end it."""
    number = b"+41785556677"
    body = b'{"to":"sip:%s@gw.example"}' % number
    call = KeptCall("callback-1", 1, "sip", "192.0.2.1:5060;udp", NOW, body)
    await sqlite_store.keep_call(call)
    back_up(database, file)
    assert number not in content_of(file)
    assert await sqlite_store.kept_calls("sip", call.owner) == [call]
    restored = await SqliteStore.open(file)
    try:
        assert await restored.left_calls("sip", None, 10) == []
    finally:
        await restored.close()


async def test_it_holds_what_was_written(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    """Also while nothing of it is in the database file yet, but all in the write-ahead log."""
    callbacks = [new(labels={"a": "b"}) for _ in range(100)]
    await sqlite_store.create(callbacks)
    assert back_up(database, file) == BackupContents(
        schema_version=len(scripts("sqlite")),
        open_callbacks=100,
        ended_callbacks=0,
        services=1,
        events=100,
        newest_event=100,
        size_bytes=size_of(file),
    )
    assert sorted(file.parent.iterdir()) == [file], "one file, and nothing beside it"
    assert mode_of(file) == 0o600
    restored = await SqliteStore.open(file)
    try:
        found = await restored.get_many([callback.callback_id for callback in callbacks])
        assert {callback.callback_id: callback for callback in found} == {c.callback_id: c for c in callbacks}
    finally:
        await restored.close()


async def test_it_is_read_where_nothing_can_be_written(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    await sqlite_store.create([new()])
    back_up(database, file)
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        assert copy.execute("SELECT count(*) FROM callback").fetchone() == (1,)
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)


async def test_what_has_ended_is_counted_apart(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    await sqlite_store.create(every_state())
    contents = back_up(database, file)
    assert (contents.open_callbacks, contents.ended_callbacks) == (7, 4)


async def test_each_restore_is_a_database_of_its_own(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    """So a token of one of them does not count in another, however far its log has come since."""
    back_up(database, file)
    ids = {sqlite_store.database_id}
    for name in ("first.db", "second.db"):
        restored = file.with_name(name)
        copyfile(file, restored)
        for _ in range(2):  # its id is its own from the first start on
            store = await SqliteStore.open(restored)
            last = store.database_id
            await store.close()
        ids.add(last)
        int(last, 16)
    assert len(ids) == 3
    assert {len(each) for each in ids} == {16}


async def test_it_does_not_hold_up_the_writer(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    """A reader has its snapshot open, as a backup that takes long has it, and the store writes on."""
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM callback").fetchone()
        await sqlite_store.create([new()])
    assert back_up(database, file).open_callbacks == 1


async def test_a_database_whose_server_has_lost_its_log(
    sqlite_store: SqliteStore, database: Path, file: Path, tmp_path: Path
) -> None:
    await sqlite_store.create([new()])
    (log := tmp_path / "ringback.db-wal").unlink()
    assert f"{log} was deleted or moved under the server" in refusal(database, file)
    await sqlite_store.close()
    assert back_up(database, file).open_callbacks == 1


async def test_a_database_without_a_server(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    await sqlite_store.create([new()])
    await sqlite_store.close()
    assert back_up(database, file).open_callbacks == 1


def test_a_file_that_is_there_is_kept(database: Path, file: Path) -> None:
    file.write_text("the only other copy")
    assert refusal(database, file) == f"{file} is there already; --force replaces it"
    assert file.read_text() == "the only other copy"
    back_up(database, file, overwrite=True)
    assert back_up(database, file, overwrite=True).services == 1
    assert mode_of(file) == 0o600


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal", ".lock"])
def test_never_onto_the_database_itself(database: Path, tmp_path: Path, end: str) -> None:
    own = tmp_path / f"ringback.db{end}"
    assert "belongs to the database itself" in refusal(database, own, overwrite=True)
    link = tmp_path / "link"
    link.symlink_to(own)
    assert "belongs to the database itself" in refusal(database, link, overwrite=True)
    database_link = tmp_path / "elsewhere.db"
    database_link.symlink_to(database)
    assert "belongs to the database itself" in refusal(database_link, own, overwrite=True)


def test_places_that_are_no_files(database: Path, file: Path, tmp_path: Path) -> None:
    assert refusal(database, tmp_path, overwrite=True) == f"{tmp_path} is not a file"
    assert refusal(database, Path(), overwrite=True) == ". is not a file"
    assert refusal(database, Path("/dev/null"), overwrite=True) == "/dev/null is not a file"
    file.symlink_to(tmp_path / "somewhere.db")
    assert refusal(database, file, overwrite=True) == f"{file} is not a file"


def test_a_folder_that_is_not_there(database: Path, tmp_path: Path) -> None:
    with pytest.raises(NotBackedUp, match="No such file or directory"):
        back_up(database, tmp_path / "gone" / "today.db")


async def test_a_backup_that_a_server_uses_is_kept(database: Path, file: Path) -> None:
    """Its write-ahead log would be applied to the new file."""
    back_up(database, file)
    store = await SqliteStore.open(file)
    try:
        assert "is in use as a database" in refusal(database, file, overwrite=True)
    finally:
        await store.close()


def test_what_is_not_a_database_of_ours(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "other.db"
    assert refusal(path, file) == f"cannot open {path}: there is no such file"
    assert not path.exists()
    path.write_text("To whom it may concern\n" * 100)
    assert refusal(path, file) == f"cannot open {path}: it is not an SQLite database"
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE guest (name TEXT)")
    assert refusal(path, file) == f"cannot open {path}: it is not a database of Ringback"


async def test_a_newer_schema(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    await sqlite_store.close()
    with closing(sqlite3.connect(database)) as newer:
        newer.execute("PRAGMA user_version = 999")
    assert "a newer Ringback has used it" in refusal(database, file)


async def test_a_damaged_database_makes_no_backup(sqlite_store: SqliteStore, database: Path, file: Path) -> None:
    """What was there before stays: it may be the last good one."""
    await sqlite_store.create([new() for _ in range(2000)])
    back_up(database, file)
    good = content_of(file)
    await sqlite_store.close()
    with closing(sqlite3.connect(database)) as opened:
        [(page,)] = opened.execute("SELECT rootpage FROM sqlite_master WHERE name = 'callback_by_state'")
    with database.open("r+b") as raw:
        raw.seek((page - 1) * 4096)
        raw.write(b"\xff" * 4096)
    assert "damaged" in refusal(database, file, overwrite=True)
    assert content_of(file) == good

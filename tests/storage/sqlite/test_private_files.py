"""Nobody but its owner can read a database, whatever the mask of the process, and whoever has made it."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.storage.errors import StoreCannotOpen
from ringback.storage.naming import Prepared
from ringback.storage.sqlite import SqliteStore, schema
from ringback.storage.sqlite.backup import back_up
from tests.world.samples import SERVICE, new


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def open_to_others(folder: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o664)
    folder.chmod(0o755)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: mode_of(path) for path in folder.iterdir() if path.is_file()}


async def use(path: Path) -> SqliteStore:
    store = await SqliteStore.open(path)
    await store.put_service(SERVICE)
    await store.create([new()])
    return store


@pytest.mark.usefixtures("mask")
async def test_all_files_of_a_new_database_are_its_owners(tmp_path: Path) -> None:
    store = await use(tmp_path / "ringback.db")
    back_up(tmp_path / "ringback.db", tmp_path / "backup.db")
    assert modes(tmp_path) == dict.fromkeys(
        ["ringback.db", "ringback.db-wal", "ringback.db-shm", "ringback.db.lock", "backup.db"], "0o600"
    )
    await store.close()


async def test_the_file_is_never_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []

    def look(*_: object, **__: object) -> Prepared:
        seen.append(modes(tmp_path))
        raise StoreCannotOpen(tmp_path, "looked")

    monkeypatch.setattr("ringback.storage.sqlite.store.prepare", look)
    with pytest.raises(StoreCannotOpen, match="looked"):
        await SqliteStore.open(tmp_path / "ringback.db")
    assert seen == [{"ringback.db": "0o600", "ringback.db.lock": "0o600"}]


@pytest.mark.usefixtures("mask")
async def test_the_files_beside_what_a_link_names_are_its_owners_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (real := tmp_path / "real").mkdir()
    (link := tmp_path / "link.db").symlink_to(real / "ringback.db")
    seen: list[dict[str, str]] = []
    prepare = schema.prepare

    def look(path: Path, database: sqlite3.Connection, *, must_exist: bool) -> Prepared:
        seen.append(modes(real))
        return prepare(path, database, must_exist=must_exist)

    monkeypatch.setattr("ringback.storage.sqlite.store.prepare", look)
    await (await use(link)).close()
    open_to_others(real)
    (real / "ringback.db-wal").touch(0o666)
    store = await SqliteStore.open(link)
    await store.create([new()])
    assert seen[0] == dict.fromkeys(["ringback.db", "ringback.db.lock"], "0o600")
    assert modes(real) == dict.fromkeys(
        ["ringback.db", "ringback.db-wal", "ringback.db-shm", "ringback.db.lock"], "0o600"
    )
    await store.close()


async def test_a_database_in_use_is_not_opened_under_another_name(tmp_path: Path) -> None:
    store = await use(tmp_path / "ringback.db")
    (link := tmp_path / "link.db").symlink_to("ringback.db")
    with pytest.raises(StoreCannotOpen, match="another server is using it"):
        await SqliteStore.open(link)
    await store.close()


async def test_one_that_others_can_read_is_closed_to_them_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ringback.db"
    store = await use(path)
    open_to_others(tmp_path)  # with -wal and -shm, as after a crash
    await store.close()
    caplog.clear()

    store = await SqliteStore.open(path)

    assert set(modes(tmp_path).values()) == {"0o600"}
    assert mode_of(tmp_path) == "0o755"
    assert caplog.messages == [f"other users had access to the database {path}: only its owner has it now"]
    await store.close()
    caplog.clear()
    store = await SqliteStore.open(path)
    assert caplog.messages == []
    await store.close()


async def test_the_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(b"something else" * 100)
    path.chmod(0o644)
    with pytest.raises(StoreCannotOpen):
        await SqliteStore.open(path)
    assert modes(tmp_path)["other.db"] == "0o644"


async def test_what_cannot_be_changed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ringback.db"
    await (await use(path)).close()
    caplog.clear()
    path.chmod(0o644)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    store = await SqliteStore.open(path)
    assert caplog.messages == [f"other users have access to the database {path}, and keep it: Operation not permitted"]
    await store.close()

"""The database goes away under a server: nothing is acknowledged that would be lost, and it is said once."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from ringback.domain.callback import Callback
from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import MATCH_ALL
from ringback.storage.sqlite import SqliteStore, transaction
from ringback.storage.sqlite.backup import back_up
from tests.world.samples import OTHER_SERVICE, SERVICE, new

# Done to a database of that path in a folder of its own; returns what undoes it, or None where nothing can.
Loss = Callable[[Path], Callable[[], object] | None]


def log_of(path: Path) -> Path:
    return path.with_name("ringback.db-wal")


def index_of(path: Path) -> Path:
    return path.with_name("ringback.db-shm")


def another_database(path: Path) -> Path:
    """Return a database of the same program, with other content."""
    other = path.parent / "other.db"
    back_up(path, other)
    return other


def overwrite(file: Path, data: bytes) -> None:
    """Write it as cp does: into the file that is there."""
    with file.open("r+b") as there:
        there.truncate(0)
        there.write(data)


def deleted(path: Path) -> None:
    path.unlink()


def all_files_deleted(path: Path) -> None:
    for file in path.parent.glob("ringback.db*"):
        file.unlink()


def folder_deleted(path: Path) -> None:
    shutil.rmtree(path.parent)


def moved(path: Path) -> Callable[[], object]:
    away = path.rename(path.with_name("away.db"))
    return lambda: away.rename(path)


def folder_renamed(path: Path) -> Callable[[], object]:
    away = path.parent.rename(path.parent.with_name("away"))
    return lambda: away.rename(path.parent)


def folder_replaced_by_a_file(path: Path) -> Callable[[], object]:
    away = path.parent.rename(path.parent.with_name("away"))
    path.parent.touch()

    def undo() -> None:
        path.parent.unlink()
        away.rename(path.parent)

    return undo


def replaced(path: Path) -> Callable[[], object]:
    kept = path.with_name("kept.db")
    os.link(path, kept)
    another_database(path).replace(path)
    return lambda: kept.replace(path)


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def emptied(path: Path) -> Callable[[], object]:
    content = path.read_bytes()
    path.write_bytes(b"")
    return lambda: path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


def overwritten(path: Path) -> Callable[[], object]:
    content = path.read_bytes()
    overwrite(path, another_database(path).read_bytes())
    return lambda: overwrite(path, content)


def overwritten_with_its_times(path: Path) -> None:
    """As `cp -p` and `rsync` do."""
    before = path.stat()
    overwritten(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - 1))


def overwritten_by_another_program(path: Path) -> None:
    overwrite(path, b"To whom it may concern\n" * 1000)


def contents(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), log_of(path).read_bytes()


def modified(path: Path) -> int:
    return path.stat().st_mtime_ns


def log_deleted(path: Path) -> None:
    log_of(path).unlink()


def log_moved(path: Path) -> Callable[[], object]:
    away = log_of(path).rename(path.with_name("away.log"))
    return lambda: away.rename(log_of(path))


def log_replaced(path: Path) -> None:
    copy = path.with_name("copy.log")
    shutil.copy(log_of(path), copy)
    copy.replace(log_of(path))


def log_emptied(path: Path) -> None:
    log_of(path).write_bytes(b"")


def log_cut(path: Path) -> None:
    os.truncate(log_of(path), 100)


def index_deleted(path: Path) -> None:
    index_of(path).unlink()


def index_emptied(path: Path) -> None:
    """SQLite would be killed by its next look there, and by its last one."""
    os.truncate(index_of(path), 0)


def index_replaced(path: Path) -> None:
    copy = path.with_name("copy.index")
    shutil.copy(index_of(path), copy)
    copy.replace(index_of(path))


LOSSES: list[Loss] = [
    deleted,
    all_files_deleted,
    folder_deleted,
    moved,
    folder_renamed,
    folder_replaced_by_a_file,
    replaced,
    replaced_by_a_folder,
    emptied,
    cut,
    overwritten,
    overwritten_with_its_times,
    overwritten_by_another_program,
    log_deleted,
    log_moved,
    log_replaced,
    log_emptied,
    log_cut,
    index_deleted,
    index_emptied,
    index_replaced,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (folder := tmp_path / "data").mkdir()
    return folder / "ringback.db"


async def opened(path: Path) -> SqliteStore:
    store = await SqliteStore.open(path)
    await store.put_service(SERVICE)
    return store


async def stored(path: Path) -> set[str]:
    """Return what the next server finds."""
    store = await SqliteStore.open(path)
    try:
        return {callback.callback_id for callback in (await store.list(MATCH_ALL, "", 1000)).callbacks}
    finally:
        await store.close()


async def is_good(store: SqliteStore) -> bool:
    await store.check_health()
    return store.healthy


async def create(store: SqliteStore) -> Callback:
    await store.create([callback := new()])
    return callback


@pytest.fixture(params=LOSSES, ids=lambda loss: str(loss.__name__))
def loss(request: pytest.FixtureRequest) -> Loss:
    return cast("Loss", request.param)


async def test_nothing_is_acknowledged_after_it(path: Path, loss: Loss) -> None:
    store = await opened(path)
    await create(store)
    loss(path)
    for _ in range(3):
        with pytest.raises(StorageUnavailable) as refused:
            await create(store)
        assert refused.value.told == "the files of the database were deleted, moved or changed by another program"
    with pytest.raises(StorageUnavailable):
        await store.put_service(OTHER_SERVICE)
    assert not await is_good(store)
    assert not await store.probe()
    await store.close()


async def test_it_is_told_once(path: Path, loss: Loss, caplog: pytest.LogCaptureFixture) -> None:
    store = await opened(path)
    await create(store)
    caplog.clear()
    loss(path)
    for _ in range(3):
        assert not await is_good(store)
        with pytest.raises(StorageUnavailable):
            await create(store)
    with pytest.raises(StorageUnavailable):
        await store.list(MATCH_ALL, "", 1)
    with pytest.raises(StorageUnavailable):
        await store.open_by_identity()
    [record] = caplog.records
    assert record.getMessage().startswith(f"the database does not answer: {path}")
    assert record.exc_info is None
    await store.close()


@pytest.mark.parametrize("loss", [moved, folder_renamed, replaced, emptied, overwritten, log_moved])
async def test_when_the_file_comes_back_service_returns(
    path: Path, loss: Loss, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened(path)
    before = await create(store)
    undo = loss(path)
    assert undo is not None
    assert not await is_good(store)
    undo()
    with pytest.raises(StorageUnavailable):  # a look each second finds that it is back
        await create(store)
    caplog.clear()
    for _ in range(3):
        assert await is_good(store)
    assert caplog.messages == ["the database takes writes again"]
    after = await create(store)
    await store.close()
    assert await stored(path) == {before.callback_id, after.callback_id}


async def test_a_link_that_leads_elsewhere(path: Path, tmp_path: Path) -> None:
    (link := tmp_path / "link.db").symlink_to(path)
    store = await opened(link)
    await create(store)
    link.unlink()
    link.symlink_to(another_database(path))
    assert not await is_good(store)
    link.unlink()
    link.symlink_to(path)
    assert await is_good(store)
    await create(store)
    await store.close()


async def test_a_commit_that_ends_in_a_file_that_is_gone_is_not_acknowledged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on once the file is back, and so do those who follow the log."""
    store = await opened(path)
    follower = store.follow(0)
    away = path.with_name("away.db")

    def write_and_lose(*values: Any) -> Any:
        written = write(*values)
        path.rename(away)
        return written

    write = transaction._write
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "_write", write_and_lose)
        with pytest.raises(StorageUnavailable):
            await create(store)
    waiting = asyncio.ensure_future(anext(follower))
    assert not await is_good(store)
    assert not waiting.done()
    away.rename(path)
    assert await is_good(store)
    [event] = await waiting
    await store.close()
    assert await stored(path) == {event.callback.callback_id}


@pytest.mark.parametrize("loss", [log_deleted, log_moved, log_replaced, index_deleted, index_emptied, index_replaced])
async def test_a_stop_saves_what_only_the_lost_log_has(path: Path, loss: Loss) -> None:
    store = await opened(path)
    ids = {(await create(store)).callback_id for _ in range(20)}
    loss(path)
    assert not await is_good(store)
    await store.close()
    assert await stored(path) == ids


@pytest.mark.parametrize("loss", [replaced, overwritten, overwritten_by_another_program, emptied])
async def test_a_stop_does_not_touch_what_is_there_instead(path: Path, loss: Loss) -> None:
    """Neither the file nor the log beside it, which may be those of the next server already."""
    store = await opened(path)
    await create(store)
    loss(path)
    log = path.with_name("another.log")
    log.write_bytes(b"the log of another server")
    log.replace(log_of(path))
    content = contents(path)
    await store.close()
    assert contents(path) == content


async def test_what_is_only_touched_is_not_lost(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await opened(path)
    caplog.clear()
    for file in path.parent.iterdir():
        os.utime(file, ns=(1, 1))
        file.chmod(0o640)
        os.link(file, path.parent / f"link to {file.name}")
    assert await is_good(store)
    await create(store)
    assert caplog.messages == []
    await store.close()


async def test_checkpoints_and_writes_of_others_are_not_losses(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A shell, a backup, and an erasure: all that SQLite itself does with the files."""
    store = await opened(path)
    caplog.clear()
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE") * 2:
            for _ in range(3):
                await create(store)
            shell.execute(f"PRAGMA wal_checkpoint({mode})")
            assert await is_good(store)
            shell.execute("UPDATE service SET revision = revision")
            assert await is_good(store)
        shell.execute("CREATE TABLE other (text)")
        shell.execute("INSERT INTO other VALUES (hex(randomblob(20000000)))")  # more than a checkpoint waits for
        await create(store)
        shell.execute("DROP TABLE other")
        shell.execute("VACUUM")
        await create(store)
    back_up(path, path.with_name("backup.db"))
    await store.forget_phone("phone")
    for _ in range(3):
        await create(store)
        assert await is_good(store)
    assert caplog.messages == []
    await store.close()


async def test_looks_while_checkpoints_are_made(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A probe comes at any moment of a write."""
    store = await opened(path)
    caplog.clear()
    over = asyncio.Event()

    async def probe() -> None:
        while not over.is_set():
            assert await is_good(store)
            await asyncio.sleep(0)

    probing = asyncio.create_task(probe())
    checkpoints = {modified(path)}
    while len(checkpoints) < 4:
        await store.create([new() for _ in range(100)])
        checkpoints.add(modified(path))
    over.set()
    await probing
    assert caplog.messages == []
    await store.close()

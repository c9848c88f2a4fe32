"""One process at a time has a database, whatever names lead to it."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite import SqliteStore
from ringback.storage.sqlite.sole_use import is_in_use, sole_use
from tests.world.mounts import bound
from tests.world.samples import OTHER_SERVICE, SERVICE

# Prints why another process cannot have the database, or "" when it can.
OPEN = """
import asyncio, sys
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite import SqliteStore

async def main():
    try:
        await (await SqliteStore.open(sys.argv[1])).close()
    except StoreCannotOpen as refusal:
        print(refusal, end="")

asyncio.run(main())
"""

# Returns another name of the database, and makes it.
Naming = Callable[[Path], Path]


def itself(path: Path) -> Path:
    return path


def symbolic_link(path: Path) -> Path:
    (link := path.parent / "link.db").symlink_to(path.name)
    return link


def hard_link(path: Path) -> Path:
    os.link(path, link := path.parent / "link.db")
    return link


def linked_folder(path: Path) -> Path:
    (folder := path.parent.parent / "folder").symlink_to(path.parent)
    return folder / path.name


def other_spelling(path: Path) -> Path:
    return Path(f"{path.parent}/./../{path.parent.name}//{path.name}")


def renamed(path: Path) -> Path:
    return path.rename(path.with_name("renamed.db"))


def without_lock_file(path: Path) -> Path:
    path.with_name(f"{path.name}.lock").unlink()
    return path


def by_descriptor(path: Path) -> Path:
    """Return the name that the server's own descriptor has in its process."""
    [found, *_] = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink() and each.readlink() == path]
    return Path(f"/proc/{os.getpid()}/fd/{found.name}")


NAMINGS: list[Naming] = [
    itself,
    symbolic_link,
    hard_link,
    linked_folder,
    other_spelling,
    renamed,
    without_lock_file,
    by_descriptor,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (folder := tmp_path / "data").mkdir()
    return folder / "ringback.db"


async def refusal_of_another(path: Path) -> str:
    return await output_of(OPEN, path)


async def output_of(program: str, path: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    return told.decode()


def state_of(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()


def is_locked_by_sqlite(path: Path) -> bool:
    listed = Path("/proc/locks").read_text().splitlines()
    return any("POSIX" in line and f":{path.stat().st_ino} " in line for line in listed)


@pytest.mark.parametrize("naming", NAMINGS)
async def test_a_second_server_is_refused_and_writes_nothing(path: Path, naming: Naming) -> None:
    store = await SqliteStore.open(path)
    await store.put_service(SERVICE)
    before = state_of(path)
    name = naming(path)
    assert await refusal_of_another(name) == f"cannot open {name}: another server is using it"
    if naming is not renamed:
        assert state_of(path) == before
        await store.put_service(OTHER_SERVICE)
        assert await store.probe()
    await store.close()
    assert await refusal_of_another(name) == "" or naming is by_descriptor


async def test_whether_it_is_in_use_is_seen_from_another_process(path: Path) -> None:
    program = "import pathlib, sys; from ringback.storage.sqlite.sole_use import is_in_use; "
    program += "print(is_in_use(pathlib.Path(sys.argv[1])), end='')"
    store = await SqliteStore.open(path)
    assert await output_of(program, path) == "True"
    assert is_in_use(path)
    assert is_locked_by_sqlite(path)
    await store.close()
    assert await output_of(program, path) == "False"
    assert not is_in_use(path)


@pytest.fixture
def mounted(path: Path, tmp_path: Path) -> Iterator[Path]:
    with bound(path.parent, tmp_path / "mounted") as folder:
        yield folder / path.name


async def test_a_second_server_at_another_mount_is_refused(path: Path, mounted: Path) -> None:
    store = await SqliteStore.open(path)
    assert await refusal_of_another(mounted) == f"cannot open {mounted}: another server is using it"
    await store.close()
    assert await refusal_of_another(mounted) == ""


@pytest.mark.parametrize("naming", NAMINGS)
async def test_a_second_one_in_this_process_leaves_the_first_its_locks(path: Path, naming: Naming) -> None:
    """To open and close the file once more would drop all locks that SQLite has on it."""
    store = await SqliteStore.open(path)
    name = naming(path)
    with pytest.raises(StoreCannotOpen, match="another server is using it"):
        await SqliteStore.open(name)
    assert is_locked_by_sqlite(name)
    await store.close()


def test_what_is_left_of_a_database_is_not_taken_for_a_new_one(path: Path) -> None:
    """SQLite would delete the log, with what was acknowledged last."""
    log = path.with_name("ringback.db-wal")
    log.write_bytes(b"acknowledged")
    for _ in range(2):
        with (
            pytest.raises(StoreCannotOpen, match="missing or empty, but its log"),
            sole_use(path),
        ):
            pass
        assert log.read_bytes() == b"acknowledged"
        path.touch()


def test_no_file_is_made_that_must_exist(path: Path) -> None:
    with pytest.raises(StoreCannotOpen, match="there is no such file"), sole_use(path, must_exist=True):
        pass
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "it is a folder"),
        (os.mkfifo, "it is not a file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("/dev/null"), "it is not a file"),
    ],
)
def test_what_is_no_file(path: Path, make: Callable[[Path], object], reason: str) -> None:
    make(path)
    with pytest.raises(StoreCannotOpen) as refused, sole_use(path):
        pass
    assert str(refused.value) == f"cannot open {path}: {reason}"

"""`ringback migrate-store`: its output and its exit codes. That all of it moves is proved in `tests/storage/`."""

import io
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from ringback.cli.migrate_store import _Bars
from ringback.storage.sqlite import SqliteStore
from tests.world.command_line import run, run_without
from tests.world.samples import SERVICE, new

pytestmark = pytest.mark.long


@pytest.fixture
async def source(tmp_path: Path) -> str:
    store = await SqliteStore.open(tmp_path / "source.db")
    await store.put_service(SERVICE)
    await store.create([new(labels={"a": "b"}) for _ in range(1200)])
    await store.close()
    return f"sqlite:///{tmp_path}/source.db"


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/target.db"


async def test_what_moved_is_told_in_a_table(source: str, target: str) -> None:
    ran = await run("migrate-store", source, target)

    assert ran.code == 0
    heading, *rows, end = ran.out.splitlines()
    assert heading.split() == ["source", "target", "checksum"]
    assert [re.split("  +", row)[:3] for row in rows[:-1]] == [
        ["services", "1", "1"],
        ["turns", "1", "1"],
        ["callbacks", "1,200", "1,200"],
        ["labels", "1,200", "1,200"],
        ["kept phones", "0", "0"],
        ["dial-outs", "0", "0"],
        ["kept calls", "0", "0"],
        ["outcomes", "0", "0"],
        ["events", "1,200", "1,200"],
    ]
    assert all(row.endswith(" in both") for row in rows)
    assert end.startswith("Moved in ")
    assert ran.err.splitlines()[2] == "copying callbacks: 1,200"


async def test_a_bar_for_each_step_on_a_terminal() -> None:
    screen = io.StringIO()
    with _Bars(Console(file=screen, force_terminal=True, width=120)) as progress:
        progress.begin("copying callbacks", 1200)
        progress.advance(1000)
        progress.begin("building the indexes", None)
    last = screen.getvalue()
    assert "copying callbacks" in last
    assert "1000/1000" in last
    assert "building the indexes" in last


async def test_a_target_that_is_not_empty(source: str, target: str) -> None:
    await run("migrate-store", source, target)
    ran = await run("migrate-store", source, target)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"Error: {target.removeprefix('sqlite:///')} is not empty: it has callbacks, events, services\n"


async def test_a_target_that_keeps_something_else(source: str, target: str, tmp_path: Path) -> None:
    await (await SqliteStore.open(tmp_path / "target.db")).close()
    with closing(sqlite3.connect(tmp_path / "target.db")) as database:
        database.execute("CREATE TRIGGER other AFTER INSERT ON callback_label BEGIN DELETE FROM callback_label; END")

    ran = await run("migrate-store", source, target)

    assert ran.code == 1
    assert [line.split() for line in ran.out.splitlines() if "in both" not in line][1:] == [
        ["labels", "1,200", "0", "DIFFERENT"]
    ]
    assert ran.err.endswith(f"Error: nothing was moved: {tmp_path}/target.db did not keep what it was given\n")


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("sqlite:////nowhere/ringback.db", 1, "cannot open /nowhere/ringback.db: the folder /nowhere does not exist"),
        ("postgresql://127.0.0.1:1/ringback", 1, "cannot open postgresql://127.0.0.1:1/ringback: connection failed"),
        ("postgresql://h:secret@/x?sslmode", 1, "cannot open postgresql://"),
        ("mysql://localhost/ringback", 2, "'mysql://localhost/ringback' is neither sqlite:///FILE"),
        ("ringback.db", 2, "'ringback.db' is neither sqlite:///FILE"),
    ],
)
async def test_a_source_that_cannot_be_used(url: str, code: int, says: str, target: str, tmp_path: Path) -> None:
    ran = await run("migrate-store", url, target)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err.splitlines()[-1]
    assert "secret" not in ran.err
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a test


async def test_what_is_not_installed(source: str, target: str) -> None:
    ran = await run_without(("psycopg",), "migrate-store", source, "postgresql://localhost/ringback")
    assert ran.code == 1
    assert ran.err == "Error: cannot open postgresql://localhost/ringback: install 'ringback[postgres]' for it\n"
    assert (await run_without(("psycopg",), "migrate-store", source, target)).code == 0

    ran = await run_without(("aiosqlite",), "migrate-store", source, target)
    assert ran.code == 2
    assert "ringback migrate-store needs more than is installed: pip install 'ringback[server]'" in ran.err

"""`ringback backup`: its output and its exit codes. What it holds is proved in `tests/storage/` and `tests/e2e/`."""

from pathlib import Path

from ringback.app import App
from ringback.storage.migrations import scripts
from tests.world.api import Api
from tests.world.command_line import run


async def test_it_tells_what_it_holds(app: App, api: Api, tmp_path: Path) -> None:
    await api.until_ended((await api.create()).callback_id)
    file = tmp_path / "today.db"

    ran = await run("backup", str(file), RINGBACK_DATABASE=f"sqlite:///{tmp_path}/ringback.db")

    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        [f"{file}:", f"{file.stat().st_size / 1e6:,.1f}", "MB,", "checked"],
        ["callbacks", "0", "open,", "1", "ended"],
        ["services", "1"],
        ["events", "6,", "the", "newest", "is", "number", "6"],
        ["schema", "version", str(len(scripts("sqlite")))],
    ]


async def test_a_refusal_is_one_line(tmp_path: Path) -> None:
    gone = f"{tmp_path}/gone.db"
    ran = await run("backup", str(tmp_path / "today.db"), "--database", f"sqlite:///{gone}")
    assert (ran.code, ran.out, ran.err) == (1, "", f"Error: cannot open {gone}: there is no such file\n")
    (tmp_path / "today.db").touch()
    ran = await run("backup", str(tmp_path / "today.db"), "--database", f"sqlite:///{gone}")
    assert (ran.code, ran.err) == (1, f"Error: {tmp_path}/today.db is there already; --force replaces it\n")


async def test_postgresql_has_its_own_tools(tmp_path: Path) -> None:
    """The password is not repeated."""
    ran = await run("backup", str(tmp_path / "x"), "--database", "postgresql://ringback:secret@db.example/ringback")
    assert (ran.code, ran.out) == (1, "")
    assert "pg_dump" in ran.err
    assert "docs/backup.md" in ran.err
    assert "secret" not in ran.err
    assert ran.err.count("\n") == 1

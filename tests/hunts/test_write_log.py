"""The log of what a process writes: played to its end, it has the files that the process has left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hunts.disk import Disk
from tests.hunts.write_log import Step, WriteLog, build_shim


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def log(shim: Path, tmp_path: Path) -> WriteLog:
    (data := tmp_path / "data").mkdir()
    (data / "before").write_bytes(b"it was there")
    return WriteLog(shim, tmp_path / "writes", data)


def run(log: WriteLog, program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, cwd=log.folder, env=os.environ | log.environment)


_BY_SQLITE = """
import os, sqlite3
here = os.getcwd()
database = sqlite3.connect(f"{here}/a.db", isolation_level=None)
for mode in ("delete", "wal", "delete", "wal"):
    database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute("CREATE TABLE IF NOT EXISTS t (x)")
    database.execute("INSERT INTO t VALUES (randomblob(20000))")
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
database.execute("INSERT INTO t VALUES (randomblob(20000))")
os._exit(0)  # as if it was killed
"""

_BY_PYTHON = """
import os
here = os.getcwd()
with open(f"{here}/before", "ab") as file:
    file.write(b", and is longer")
with open(f"{here}/a", "wb") as file:
    file.write(b"one")
with open(f"{here}/a", "r+b") as file:
    file.seek(1)
    file.write(b"N")
    file.truncate(2)
with open(f"{here}/a", "rb") as file:
    os.fsync(file.fileno())
os.replace(f"{here}/a", f"{here}/b")
folder = os.open(here, os.O_RDONLY)
os.fsync(folder)
with open(f"{here}/c", "w") as file:
    file.write("gone")
    file.flush()
    os.unlink(f"{here}/c")
    file.write("still written")
with open(f"{here}/b", "wb") as file:
    file.write(b"anew")
with open(os.path.dirname(here) + "/elsewhere", "w") as file:
    file.write("of no interest")
"""


@pytest.mark.parametrize("program", [_BY_SQLITE, _BY_PYTHON], ids=["by SQLite", "by Python"])
def test_the_log_has_all_that_was_written(log: WriteLog, program: str) -> None:
    disk = Disk(log.folder)
    run(log, program)
    for record in log.records():
        disk.take(record)
    left = {path.name: path.read_bytes() for path in log.folder.iterdir() if not path.name.endswith("-shm")}
    assert disk.now() == left


def test_it_has_flushes_in_their_places(log: WriteLog) -> None:
    run(log, _BY_PYTHON)
    steps = "".join(record.step.value for record in log.records())
    assert "fr" in steps
    assert "rd" in steps


def test_marks_stand_between_what_was_written(log: WriteLog) -> None:
    log.mark(number=1)
    run(log, _BY_PYTHON)
    log.mark(number=2)
    first, *between, last = log.records()
    assert [json.loads(mark.data) for mark in (first, last)] == [{"number": 1}, {"number": 2}]
    assert all(record.step is not Step.MARK for record in between)


@pytest.mark.parametrize(
    "change",
    [
        "os.posix_fallocate(file, 0, 100)",
        "os.pwritev(file, [b'a'], 0)",
        "mmap.mmap(file, 0)",
        "os.link(here + '/before', here + '/other')",
        "os.rename(here + '/before', os.path.dirname(here) + '/away')",
    ],
)
def test_a_change_that_it_does_not_follow_is_told(log: WriteLog, change: str) -> None:
    run(log, f"import mmap, os\nhere = os.getcwd()\nfile = os.open(here + '/before', os.O_RDWR)\n{change}")
    with pytest.raises(ValueError, match="which the log does not follow"):
        list(log.records())

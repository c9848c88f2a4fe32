"""The log that write_log.c keeps of a process: each change that it makes to the files of one folder, in order."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import pytest

_SHIM: Final = Path(__file__).with_suffix(".c")
# As in write_log.c: the kind, the inode, an offset, and how many bytes follow.
_HEAD: Final = struct.Struct("<BQQI")


class Step(Enum):
    """What a record tells of."""

    OPENED = "o"
    WRITTEN = "w"
    CUT = "c"
    FLUSHED = "f"
    FOLDER_FLUSHED = "d"
    RENAMED = "r"
    UNLINKED = "u"
    GAP = "g"
    # What the hunt itself has put between the others: from here on it was told, and must hold.
    MARK = "m"


@dataclass(frozen=True, slots=True)
class Record:
    """One change, or one mark. `data` is what was written, a name, two names, or a mark's JSON."""

    step: Step
    file: int = 0
    offset: int = 0
    data: bytes = b""

    @property
    def names(self) -> list[str]:
        return self.data.decode().split("\0")


class WriteLog:
    """A log, and the folder whose files it follows."""

    def __init__(self, shim: Path, path: Path, folder: Path) -> None:
        path.touch()
        self.folder = folder
        self.path = path
        self._shim = shim

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that make a process write this log."""
        return {"LD_PRELOAD": str(self._shim), "WRITE_LOG": str(self.path), "WRITE_LOG_FOLDER": str(self.folder)}

    def mark(self, **told: Any) -> None:
        """Note that something was told, such as that a callback is stored. Whatever it relies on is before it."""
        mark(self.path, told)

    def records(self) -> Iterator[Record]:
        """Yield all records. Raise `ValueError` when something was changed in a way that the log does not know."""
        with self.path.open("rb") as log:
            while head := log.read(_HEAD.size):
                kind, file, offset, length = _HEAD.unpack(head)
                record = Record(Step(chr(kind)), file, offset, log.read(length))
                if record.step is Step.GAP:
                    raise ValueError(f"files were changed by {record.data!r}, which the log does not follow")
                yield record


def mark(log: Path, told: Mapping[str, Any]) -> None:
    text = json.dumps(told).encode()
    # At once, like the records of the process: one never stands within another.
    with log.open("ab", buffering=0) as file:
        file.write(_HEAD.pack(ord(Step.MARK.value), 0, 0, len(text)) + text)


def build_shim(folder: Path) -> Path:
    """Compile write_log.c. Skip the test where there is no C compiler; with CI=true that is a failure."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        reason = "to log writes takes Linux and a C compiler: apt-get install gcc libc6-dev"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    shim = folder / "write_log.so"
    flags = ("-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC")
    subprocess.run([compiler, *flags, "-o", shim, _SHIM], check=True)
    return shim

"""The program and what it is built on: versions, and those that have known faults."""

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import ringback
from ringback.cli.doctor.diagnosis import Diagnosis, failed, ok, warning
from ringback.storage.sqlite.inspection import sqlite_version

Version = tuple[int, ...]

# Beside Python: what speaks with clients, what keeps time zones, and what the event loop is.
_PACKAGES: Final = ("grpcio", "protobuf", "msgspec", "uvloop")
# RETURNING, which the statements use.
_OLDEST_SQLITE: Final = (3, 35, 0)
# Two checkpoints at once and a writer that starts the log anew could damage a database (fixed in 3.51.3, and of the
# older lines in 3.50.7 and 3.44.6). Of a server one connection alone makes checkpoints; another program may as well.
_SOUND_SQLITE: Final = (3, 51, 3)
_MENDED_LINES: Final = ((3, 50, 7), (3, 44, 6))


def program() -> Sequence[Diagnosis]:
    """Look at the versions of the program and of what it needs."""
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version_of(name)))
    return [ok("program", f"ringback {ringback.__version__}, Python {platform.python_version()}, {packages}")]


def sqlite() -> Sequence[Diagnosis]:
    """Look at the version of SQLite."""
    return [*of_sqlite(sqlite_version())]


def of_sqlite(found: Version) -> Iterator[Diagnosis]:
    name = ".".join(map(str, found))
    if found < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        yield failed("SQLite", f"{name} is too old", f"{oldest} is needed: take another Python, or a newer system")
    elif found < _SOUND_SQLITE and not any(found[:2] == line[:2] and found >= line for line in _MENDED_LINES):
        text = f"{name} can damage a database when a second program writes to it, or empties its log, at the same time"
        yield warning("SQLite", text, "open the file of a running server with no other program; 3.51.3 has it mended")
    else:
        yield ok("SQLite", name)


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

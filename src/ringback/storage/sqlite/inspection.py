"""A look at a database file beside the server that writes to it, or without one. Nothing is changed.

A reader takes no lock that a writer waits for; only the write-ahead log is not emptied while a long one lasts.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from ringback.domain.service import Service
from ringback.storage.body import read_service, time_of
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.migrations import scripts
from ringback.storage.sqlite.schema import APPLICATION_ID, refusals
from ringback.storage.sqlite.sole_use import real_path

# Another program may hold it, such as a database shell; the server itself never makes a reader wait.
_BUSY_TIMEOUT_S: Final = 2.0
# Steps of SQLite's virtual machine between two looks at the clock.
_STEPS: Final = 100_000
# Enough to see what kind of damage it is.
_FAULTS: Final = 5


class SqliteFacts(Struct, frozen=True, kw_only=True):
    """What a database file is, and what it has."""

    schema_version: int
    newest_schema: int
    """The version that this program makes of it."""
    services: Sequence[Service]
    newest_event: datetime | None
    size_bytes: int
    log_bytes: int


class SqliteDamage(Struct, frozen=True):
    """What is damaged in a file, and whether all of it was looked at."""

    faults: Sequence[str]
    is_complete: bool


def sqlite_version() -> tuple[int, int, int]:
    """Return the version of the library that this process has loaded."""
    return sqlite3.sqlite_version_info


def look_at(path: Path) -> SqliteFacts:
    """Read what a database is. Raise `StoreCannotOpen` for a file that is none of this program."""
    with opened_to_read(path) as database, refusals(path):
        (version,) = database.execute("PRAGMA user_version").fetchone()
        newest = len(scripts("sqlite"))
        # What an older or a newer program has in the tables is not for this one to read.
        is_known = version == newest
        services = database.execute("SELECT body FROM service").fetchall() if is_known else []
        event = database.execute("SELECT max(number), event_us FROM event").fetchone() if is_known else None
        file = real_path(path)
        return SqliteFacts(
            schema_version=version,
            newest_schema=newest,
            services=[read_service(body) for (body,) in services],
            newest_event=time_of(event[1]) if event and event[1] is not None else None,
            size_bytes=file.stat().st_size,
            log_bytes=size_of(log_of(file)),
        )


def find_damage(path: Path, *, whole: bool, limit_s: float) -> SqliteDamage:
    """Look for damage: at each page and each row, and if `whole` also at each index and reference.

    It ends after `limit_s`. Raise `StoreCannotOpen`.
    """
    ends = time.monotonic() + limit_s
    log = log_of(real_path(path))
    while True:
        was_alone = not log.exists()
        found = _damage_now(path, whole=whole, ends=ends)
        # A server that has started meanwhile writes to pages that were read as if nothing did.
        if not (found.faults and was_alone and log.exists()):
            return found


def _damage_now(path: Path, *, whole: bool, ends: float) -> SqliteDamage:
    faults: list[str] = []
    with opened_to_read(path) as database:
        database.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
        try:
            check = "integrity_check" if whole else "quick_check"
            faults += [fault for (fault,) in database.execute(f"PRAGMA {check}({_FAULTS})") if fault != "ok"]
            if whole:
                references = database.execute("PRAGMA foreign_key_check").fetchmany(_FAULTS)
                faults += [f"a row of {table} refers to no row of {other}" for table, _, other, _ in references]
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return SqliteDamage(faults, is_complete=False)
            faults.append(str(error))
    return SqliteDamage(faults, is_complete=True)


@contextmanager
def opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database of this program to read it. Raise `StoreCannotOpen`.

    Where there is a log it is read, too, as every reader does. Where there is none no server is at work: the file
    alone is the database, and SQLite is kept from making a log, which it would leave behind.
    """
    file = real_path(path)
    if not file.exists():
        raise StoreCannotOpen(path, "there is no such file")
    alone = "" if log_of(file).exists() else "&immutable=1"
    with refusals(path):
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro{alone}", uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None
        )
    with closing(connection) as database:
        with refusals(path):
            (application,) = database.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID:
            raise StoreCannotOpen(path, "it is not a database of Ringback")
        yield database


def log_of(file: Path) -> Path:
    """Return the write-ahead log of a database file."""
    return file.with_name(file.name + "-wal")


def size_of(file: Path) -> int:
    """Return the size of a file, 0 of one that is not there."""
    with suppress(OSError):
        return file.stat().st_size
    return 0

"""A backup of a database file while a server writes to it, checked before it takes its name.

The copy is made in one step, in one read transaction. SQLite starts a copy in several steps anew whenever another
process has written in between, so under constant writes it would never end. Readers and writers do not wait for
each other; only the write-ahead log grows until the copy is done. `VACUUM INTO` would not starve either, but sorts
every table and index anew, which takes several times as long.
"""

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ringback.storage.errors import StoreCannotOpen, check_known
from ringback.storage.migrations import scripts
from ringback.storage.naming import UNNAMED
from ringback.storage.sqlite.connection import BUSY_TIMEOUT_S
from ringback.storage.sqlite.flushing import flush
from ringback.storage.sqlite.schema import APPLICATION_ID, refusals
from ringback.storage.sqlite.sole_use import beside, is_in_use

# What SQLite and a server keep beside a database.
_COMPANIONS: Final = ("-wal", "-shm", "-journal", ".lock")
# One that is beside a file belongs to what stands there, and would be applied to what takes its place.
_LEFT_OVERS: Final = ("-wal", "-journal")
# A table that no backup has rows of.
_CALLS: Final = "kept_call"


class NotBackedUp(Exception):  # noqa: N818 - named for what happened
    """There is no backup; what was there is as it was. `str()` is a sentence for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupContents:
    """What a backup holds, as counted in the copy."""

    schema_version: int
    open_callbacks: int
    ended_callbacks: int
    services: int
    events: int
    newest_event: int
    size_bytes: int


def back_up(database: Path, file: Path, *, overwrite: bool = False) -> BackupContents:
    """Copy the database to the file, which appears when the copy is complete and checked.

    Raise `StoreCannotOpen` when there is no database of this program, and `NotBackedUp`.
    """
    _check_place(database, file, overwrite=overwrite)
    with _opened(database) as source, _temporary(file) as copy:
        before = _copy(source, copy)
        contents = _check(copy, before)
        _check_place(database, file, overwrite=overwrite)
        _publish(copy, file)
    return contents


def _check_place(database: Path, file: Path, *, overwrite: bool) -> None:
    """Refuse a name that is not free for a backup."""
    own = database.resolve()
    if file.resolve() in [own, *(own.with_name(own.name + end) for end in _COMPANIONS)]:
        raise NotBackedUp(f"{file} belongs to the database itself")
    if not file.name:
        raise NotBackedUp(f"{file} is not a file")
    for end in _LEFT_OVERS:
        if os.path.lexists(left := file.with_name(file.name + end)):
            raise NotBackedUp(f"{left} is there: {file} is in use as a database, or was not closed")
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotBackedUp(f"cannot write {file}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise NotBackedUp(f"{file} is not a file")
    if not overwrite:
        raise NotBackedUp(f"{file} is there already; --force replaces it")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database to read it, beside a server or without one."""
    if not path.exists():
        raise StoreCannotOpen(path, "there is no such file")
    if not (log := beside(path, "-wal")).exists() and is_in_use(path):
        # The file alone is an earlier state, which would be taken for all there is.
        raise StoreCannotOpen(path, f"{log} was deleted or moved under the server, which has what is missing here")
    with refusals(path):
        # Not created when it has just gone. Read-only mode could not read it beside no server, or after a crash.
        url = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(url, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    with closing(connection) as database:
        with refusals(path):
            database.execute("PRAGMA query_only = ON")
            (application,) = database.execute("PRAGMA application_id").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise StoreCannotOpen(path, "it is not a database of Ringback")
        check_known(path, version, len(scripts("sqlite")))
        yield database


@contextmanager
def _temporary(file: Path) -> Iterator[Path]:
    """Make an empty file beside the backup, which only its owner can read. It does not outlast the block."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)
    except OSError as error:
        raise NotBackedUp(f"cannot write to {file.parent}: {error.strerror}") from None
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        for end in ("", *_LEFT_OVERS):
            with suppress(FileNotFoundError):
                os.unlink(name + end)  # noqa: PTH108 - a path with another end


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT:
            raise _damaged(error) from error
        raise NotBackedUp(f"the copy failed: {error}") from error


def _damaged(fault: object) -> NotBackedUp:
    return NotBackedUp(f"the database is damaged: {fault}")


def _copy(source: sqlite3.Connection, copy: Path) -> dict[str, int]:
    """Copy everything as of one moment, and return how many rows each table had then."""
    with _faults(), closing(sqlite3.connect(copy, isolation_level=None)) as target:
        source.execute("BEGIN")
        try:
            counts = _counts(source)
            source.backup(target, pages=-1)
        finally:
            source.execute("ROLLBACK")
        # One file, which can be read where nothing can be written. A server sets what it needs.
        target.execute("PRAGMA journal_mode = DELETE")
        # What is acknowledged from now on is not in the copy, so resume tokens must not count in it.
        target.execute("UPDATE ringback SET database_id = ?", (UNNAMED,))
        if _CALLS in counts:
            # Whose server goes on has its calls; one that begins with the copy must not end them.
            target.execute("PRAGMA secure_delete = ON")
            target.execute(f"DELETE FROM {_CALLS}")  # noqa: S608 - ours
            counts[_CALLS] = 0
    return counts


def _check(copy: Path, before: dict[str, int]) -> BackupContents:
    """Open the copy as a reader would, and compare. Return what it holds."""
    with _faults(), closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as database:
        faults = [fault for (fault,) in database.execute("PRAGMA integrity_check")]
        if faults != ["ok"]:
            raise _damaged(faults[0])
        counts = _counts(database)
        if counts != before:
            raise NotBackedUp(f"the copy has other rows than the database: {counts} and not {before}")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (ended,) = database.execute("SELECT count(*) FROM callback WHERE end_us IS NOT NULL").fetchone()
        newest = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        return BackupContents(
            schema_version=version,
            open_callbacks=counts["callback"] - ended,
            ended_callbacks=ended,
            services=counts["service"],
            events=counts["event"],
            newest_event=newest[0] if newest else 0,
            size_bytes=copy.stat().st_size,
        )


def _counts(database: sqlite3.Connection) -> dict[str, int]:
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608


def _publish(copy: Path, file: Path) -> None:
    """Give the copy its name, once it is on the disk."""
    with _faults():
        flush(copy)
        copy.replace(file)
        flush(file.parent)

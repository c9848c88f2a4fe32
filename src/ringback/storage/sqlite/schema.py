"""Opening a database file: refusals in plain sentences, the schema brought up to date."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ringback.storage.callback_row import stored_phone
from ringback.storage.errors import StoreCannotOpen, check_content, check_known
from ringback.storage.migrations import scripts
from ringback.storage.naming import UNNAMED, Prepared, new_database_id, tell_of_restore
from ringback.storage.sqlite.private_files import make_private
from ringback.storage.sqlite.sole_use import real_path

# "RING": marks the file as ours, so that another program's database is not taken for one.
APPLICATION_ID: Final = 0x52494E47


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn errors of opening a database into `StoreCannotOpen`, with a sentence."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise StoreCannotOpen(path, "it is not an SQLite database") from error
        raise StoreCannotOpen(path, str(error)) from error


def prepare(path: Path, database: sqlite3.Connection, *, must_exist: bool = False) -> Prepared:
    """Set the connection up for writing, and bring the schema up to date. Raise `StoreCannotOpen`."""
    version = _version_of_ours(path, database)
    check_content(path, version, must_exist=must_exist)
    _set_up(path, database)
    _migrate(database, version)
    named = database.execute("UPDATE ringback SET database_id = ? WHERE database_id = ?", (new_database_id(), UNNAMED))
    if named.rowcount:
        tell_of_restore()
    make_private(real_path(path))
    (database_id,) = database.execute("SELECT database_id FROM ringback").fetchone()
    return Prepared(str(database_id), is_new=not version)


def _version_of_ours(path: Path, database: sqlite3.Connection) -> int:
    """Return the version of the schema; 0 when the file is empty. Refuse one that this program must not touch."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application, version, tables) != (0, 0, 0):
        raise StoreCannotOpen(path, "it is the database of another program")
    check_known(path, version, len(scripts("sqlite")))
    return int(version)


def _set_up(path: Path, database: sqlite3.Connection) -> None:
    database.execute("PRAGMA page_size = 4096")
    (journal_mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
    if journal_mode != "wal":
        raise StoreCannotOpen(path, "its file system does not support the write-ahead log of SQLite")
    # FULL: the log is flushed at every commit, so that what was acknowledged survives a power cut.
    database.execute("PRAGMA synchronous = FULL")
    # In pages. A larger one makes the rare stalls longer: 20 to 50 ms instead of 9.
    database.execute("PRAGMA wal_autocheckpoint = 1000")
    database.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten, so that an erasure finds no earlier version of anything in the file. Some builds
    # of SQLite do so by default; others leave it in what is free, until that is used again.
    database.execute("PRAGMA secure_delete = ON")


def _migrate(database: sqlite3.Connection, version: int) -> None:
    for number, script in enumerate(scripts("sqlite")[version:], start=version + 1):
        try:
            database.executescript(f"BEGIN IMMEDIATE;\n{script}")
            if (step := _STEPS.get(number)) is not None:
                step(database)
            database.execute(f"PRAGMA user_version = {number}")
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def _name(database: sqlite3.Connection) -> None:
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("INSERT INTO ringback (database_id) VALUES (?)", (new_database_id(),))


def _fill_phones(database: sqlite3.Connection) -> None:
    """Store the phones of callbacks that may still be dialled."""
    targets = database.execute("SELECT DISTINCT dial_target FROM callback WHERE end_us IS NULL").fetchall()
    database.executemany(
        "UPDATE callback SET phone = ? WHERE dial_target = ? AND end_us IS NULL",
        [(phone, target) for (target,) in targets if (phone := stored_phone(target)) is not None],
    )


# What follows a script, by its number.
_STEPS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {1: _name, 3: _fill_phones}

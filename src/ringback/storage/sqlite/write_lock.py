"""The lock of a database file, for which a write waits while another process has it."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ringback.storage.sqlite.connection import BUSY_TIMEOUT_S, plain_code

_log = logging.getLogger(__name__)

# The server itself has no rival, so whatever takes longer than this is another process.
TELL_AFTER_MS: Final = 1_000
_GIVE_UP_AFTER_MS: Final = int(BUSY_TIMEOUT_S * 1_000) - TELL_AFTER_MS


class WriteLock:
    """How transactions begin and end on one connection. Says once that another has the lock, and once that not."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting = False
        # What the last commit took.
        self.flush_s = 0.0

    @staticmethod
    def set_up(database: sqlite3.Connection) -> None:
        _wait_up_to(database, TELL_AFTER_MS)

    def begin(self, database: sqlite3.Connection) -> None:
        """Begin a transaction that writes. Raise `sqlite3.Error`, also when the lock is not free in time."""
        try:
            _begin(database)
        except sqlite3.OperationalError as error:
            if plain_code(error) != sqlite3.SQLITE_BUSY:
                raise
            self._begin_late(database)
        if self._waiting:
            self._waiting = False
            _log.warning("the other process has let go of the database: writes go on")

    def commit(self, database: sqlite3.Connection) -> None:
        """End the transaction when it is on the disk. Raise `sqlite3.Error`."""
        begun = self._clock()
        database.execute("COMMIT")
        self.flush_s = self._clock() - begun

    def _begin_late(self, database: sqlite3.Connection) -> None:
        if not self._waiting:
            self._waiting = True
            _log.warning("the database is locked by another process: writes wait")
        with waiting_up_to(database, _GIVE_UP_AFTER_MS):
            _begin(database)


@contextmanager
def waiting_up_to(database: sqlite3.Connection, time_ms: int) -> Iterator[None]:
    """Wait for locks no longer than this, other than usual."""
    _wait_up_to(database, time_ms)
    try:
        yield
    finally:
        _wait_up_to(database, TELL_AFTER_MS)


def _begin(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")


def _wait_up_to(database: sqlite3.Connection, time_ms: int) -> None:
    database.execute(f"PRAGMA busy_timeout = {time_ms}")

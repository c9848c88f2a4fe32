"""What calls have changed in the database of a server, as another connection to its file sees it."""

import sqlite3
from pathlib import Path
from typing import NamedTuple


class Mark(NamedTuple):
    """How far the database has come by what callers did.

    Time changes things as well. It has no identity, so servers that are fuzzed know their callers.
    """

    last_event: int
    callbacks: int
    services: int
    revisions: int


class StoredByCallers:
    """The file of a server that runs."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        self._version = -1
        self._mark = Mark(0, 0, 0, 0)

    def close(self) -> None:
        self._connection.close()

    def mark(self) -> Mark:
        """Return how far it has come. What has not been written to since is not looked at again."""
        version = self._one("PRAGMA data_version")
        if version != self._version:
            self._version = version
            self._mark = Mark(
                self._one("SELECT max(number) FROM event WHERE identity IS NOT NULL"),
                self._one("SELECT count(*) FROM callback"),
                self._one("SELECT count(*) FROM service"),
                self._one("SELECT sum(revision) FROM service"),
            )
        return self._mark

    def _one(self, statement: str) -> int:
        [value] = self._connection.execute(statement).fetchone()
        return int(value or 0)

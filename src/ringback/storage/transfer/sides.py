"""The interface of the two databases of a move, and what they refuse."""

from collections.abc import Generator, Iterable
from typing import Protocol

from ringback.storage.callback_row import Row
from ringback.storage.errors import StoreCannotOpen, check_known
from ringback.storage.migrations import scripts
from ringback.storage.transfer.tables import About, Table


class NotMoved(Exception):  # noqa: N818 - named for what happened
    """Nothing was moved; the target has nothing of it. `str()` is a sentence for the operator."""


class Progress(Protocol):
    """The receiver of the progress of a move."""

    def begin(self, step: str, rows: int | None) -> None:
        """Begin a step; the one before is done. `rows` is about how many there will be; None for no rows."""
        ...

    def advance(self, rows: int) -> None: ...


class Side(Protocol):
    """A database that is read. All methods raise `NotMoved` when the database is at fault."""

    def count(self, table: Table) -> int: ...

    def rows(self, table: Table) -> Generator[Row, None, None]:
        """Return all rows by key, a bounded number at a time in memory."""
        ...

    def about(self) -> About: ...


class FillableSide(Side, Protocol):
    """An empty database that is filled in one transaction; without `commit` it stays empty."""

    def write(self, table: Table, rows: Iterable[Row]) -> None: ...

    def set_about(self, about: About) -> None: ...

    def build_indexes(self) -> None:
        """Build the indexes that are built faster from all rows than row by row. To be called after the writes."""
        ...

    def commit(self) -> None: ...


def check_version(database: object, version: int, dialect: str) -> None:
    """Raise `StoreCannotOpen` for a schema of another version than this program's."""
    known = len(scripts(dialect))
    check_known(database, version, known)
    if version < known:
        reason = f"its schema has version {version}, not {known} yet: start the server on it once"
        raise StoreCannotOpen(database, reason)


def check_empty(database: object, there: Iterable[Table]) -> None:
    """Raise `NotMoved` for a target with content. `there` are the tables that have rows."""
    titles = [table.title for table in there]
    if titles:
        raise NotMoved(f"{database} is not empty: it has {', '.join(titles)}")

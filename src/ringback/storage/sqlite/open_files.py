"""Whether the files that SQLite has open are still the database: what is written to others is lost at a restart."""

import os
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import aiosqlite

from ringback.domain.errors import StorageUnavailable
from ringback.storage.dialect import Pool
from ringback.storage.sqlite.file_content import DATABASE, INDEX, LOG, FileContent
from ringback.storage.sqlite.sole_use import HeldFile, Inode, beside, inode_of

R = TypeVar("R")

# These tables are a page each, and change whenever something is logged, and by each probe.
_TELLING_PAGES: Final = "SELECT rootpage FROM sqlite_master WHERE name IN ('sqlite_sequence', 'ringback')"
_TOLD: Final = "the files of the database were deleted, moved or changed by another program"
_GONE: Final[Mapping[str, str]] = {
    DATABASE: "put it back in its place, or restart the server on what is there",
    LOG: "stop the server with SIGTERM, which writes all that was acknowledged into the database, and start it",
    INDEX: "restart the server: it is made anew, and nothing is lost",
}
_SPOILT: Final[Mapping[str, str]] = {
    DATABASE: "stop the server, move the -wal and the -shm away, and restore a backup",
    LOG: "restart the server; what was acknowledged last is lost",
    INDEX: "restart the server: it is made anew, and nothing is lost",
}


class _Loss(NamedTuple):
    """What has happened to a file."""

    file: Path
    what: str
    remedy: str
    # SQLite would write where it must not when it is closed.
    is_to_be_sealed: bool


class OpenFiles:
    """The files of a database that a server has open, from the first look on. Not for two threads at a time."""

    def __init__(self, path: Path, held: HeldFile, database: sqlite3.Connection) -> None:
        """`database` is a connection that has read. Raise `OSError`, `sqlite3.Error`."""
        log, index = (held.hold(beside(path, end)) for end in (LOG, INDEX))
        self._held = held
        self._index = index
        self._index_bytes = os.fstat(index).st_size
        self._names: Final[Mapping[str, tuple[str, Inode]]] = {
            DATABASE: (str(path), held.inode),
            **{
                end: (str(beside(path, end)), inode_of(os.fstat(descriptor)))
                for end, descriptor in ((LOG, log), (INDEX, index))
            },
        }
        [(page_bytes,)] = database.execute("PRAGMA page_size")
        pages = [page for (page,) in database.execute(_TELLING_PAGES)]
        self._content = FileContent(held.descriptor, log, index, page_bytes=page_bytes, pages=pages)
        self._loss: _Loss | None = None
        # The numbers of the descriptors may be those of other files by then.
        self._is_closed = False

    @property
    def are_lost(self) -> bool:
        return self._loss is not None

    def check(self) -> None:
        """Look, unless it is known. Raise `StorageUnavailable` when what is written now, or was just now, is lost."""
        if self._loss is None and not self._is_closed:
            self._loss = self._look()
        self.check_known()

    def check_for_reading(self) -> None:
        """Raise `StorageUnavailable` when a loss is known, or the index was cut.

        SQLite reads it as memory, and to read behind its end would kill the process.
        """
        if not self._is_closed and os.fstat(self._index).st_size < self._index_bytes:
            self.check()
        self.check_known()

    def check_known(self) -> None:
        """Raise `StorageUnavailable` when the last look has found a loss, and when the database is closed."""
        if self._is_closed:
            raise StorageUnavailable("the database is closed")
        if self._loss is not None:
            file, what, remedy, _ = self._loss
            raise StorageUnavailable(f"{file} {what}; {remedy}", told=_TOLD)

    def look_again(self) -> bool:
        """Return whether all is well, or well again: what was lost is back in its place."""
        if not self._is_closed:
            self._loss = self._look()
        return self._loss is None and not self._is_closed

    def close(self) -> None:
        """Look for the last time, and keep SQLite from writing into what is not its database when it is closed."""
        self._loss = self._look()
        self._is_closed = True
        if self._loss is not None and self._loss.is_to_be_sealed:
            self._held.seal()

    def _look(self) -> _Loss | None:
        database = self._seen(DATABASE)
        if isinstance(database, _Loss):
            return database
        # Before the names beside it: what must not be written to is found whatever else has happened.
        if (end := self._content.spoilt(database)) is not None:
            what = "was emptied or overwritten by another program"
            return _Loss(Path(self._names[end][0]), what, _SPOILT[end], is_to_be_sealed=True)
        return next((loss for end in (LOG, INDEX) if isinstance(loss := self._seen(end), _Loss)), None)

    def _seen(self, end: str) -> os.stat_result | _Loss:
        name, inode = self._names[end]
        try:
            status = os.stat(name)  # noqa: PTH116 - a third of the time of a Path, in each commit
        except OSError as fault:
            return self._gone(end, self._why(end, fault))
        if (status.st_dev, status.st_ino) != inode:
            return self._gone(end, "is another file than the server has open")
        return status

    def _gone(self, end: str, what: str) -> _Loss:
        return _Loss(Path(self._names[end][0]), what, _GONE[end], is_to_be_sealed=end == DATABASE)

    def _why(self, end: str, fault: OSError) -> str:
        if not isinstance(fault, FileNotFoundError | NotADirectoryError):
            return f"cannot be looked at ({fault.strerror})"
        is_deleted = end == DATABASE and not os.fstat(self._held.descriptor).st_nlink
        return "was deleted" if is_deleted else "is not there any more"


class CheckedReads:
    """Connections that read, as long as the files are known to be those of the database."""

    def __init__(self, pool: Pool[aiosqlite.Connection], files: OpenFiles) -> None:
        self._pool = pool
        self._files = files

    async def read(self, query: Callable[[aiosqlite.Connection], Awaitable[R]]) -> R:
        self._files.check_for_reading()
        result = await self._pool.read(query)
        self._files.check_known()
        return result

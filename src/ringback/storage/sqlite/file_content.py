"""Whether a database and its log have what SQLite has written, and nothing that others have.

A program that writes into these files, or empties them, leaves their names and inodes as they are. SQLite would notice
some of that much later, and go on writing meanwhile. So what SQLite says of itself, in the index of the log, is
compared with the files: the database changes by checkpoints only, and the log has all frames that the index counts.
The formats are those of https://www.sqlite.org/fileformat2.html and https://www.sqlite.org/walformat.html.
"""

import os
import struct
from collections.abc import Collection
from hashlib import blake2b
from typing import Final, NamedTuple, Self

# What the names of the files end with.
DATABASE: Final = ""
LOG: Final = "-wal"
INDEX: Final = "-shm"

# The header of the index and its copy, and how far the checkpoint is.
_HEADER_BYTES: Final = 48
_INDEX: Final = struct.Struct(f"=14x H I 12x 8s 8x {_HEADER_BYTES}x I 28x I")
# The smallest size of a page stands for the largest, which has no place in two bytes.
_LARGEST: Final = (1, 65_536)
_LOG_HEADER: Final = struct.Struct("16x 8s 8x")
_FRAME_HEADER_BYTES: Final = 24
# Of the database: how often it was changed, and whose it is.
_DATABASE_HEADER: Final = struct.Struct(">16s 8x I 40x I")
_MAGIC: Final = b"SQLite format 3\0"


class _Index(NamedTuple):
    """What SQLite knows of its log."""

    page_bytes: int
    frames: int
    # Drawn anew whenever the log begins anew.
    salts: bytes
    # Up to which frame the log is in the database, and up to which it will be when the checkpoint is over.
    backfilled: int
    attempted: int

    @property
    def log_bytes(self) -> int:
        """Return how long the log is at least."""
        page_bytes = _LARGEST[1] if self.page_bytes == _LARGEST[0] else self.page_bytes
        return _LOG_HEADER.size + self.frames * (_FRAME_HEADER_BYTES + page_bytes)

    @property
    def is_in_checkpoint(self) -> bool:
        """Return whether the database may change at any time; also when a checkpoint has failed."""
        return self.attempted != self.backfilled

    def has_gone_back(self, before: Self) -> bool:
        return self.salts == before.salts and self.frames < before.frames

    def has_checkpoint_since(self, before: Self) -> bool:
        return self.is_in_checkpoint or (self.salts, self.backfilled) != (before.salts, before.backfilled)


class _State(NamedTuple):
    """The database between two checkpoints."""

    size_bytes: int
    modified_ns: int
    changes: int
    owner: int
    digest: bytes

    def is_as(self, other: Self) -> bool:
        """Return whether both are the same, whenever they were written."""
        return (self.size_bytes, self.digest) == (other.size_bytes, other.digest)

    def may_follow(self, other: Self) -> bool:
        """Return whether a checkpoint may have made this of the other. The first one says whose it is."""
        return other.owner in (0, self.owner) and self.changes >= other.changes


class _Undecided(Exception):  # noqa: N818 - not a fault
    """A file is changing at this moment: what was read of it is half of one state, and half of the next."""


class FileContent:
    """The content of the files that SQLite has open, seen through descriptors of our own."""

    def __init__(self, database: int, log: int, index: int, *, page_bytes: int, pages: Collection[int]) -> None:
        """`pages` are those that tell one state of the database from another: some of them change in most commits."""
        self._database = database
        self._log = log
        self._index = index
        # Where each begins, and how long it is. The first has the header.
        self._pages: Final = {(page - 1) * page_bytes: page_bytes for page in sorted({1, *pages})}
        # As they were when nothing was wrong.
        self._last_index: _Index | None = None
        self._last_state: _State | None = None
        self._is_spoilt = False

    def spoilt(self, seen: os.stat_result) -> str | None:
        """Return the end of the name of the file that others have changed. The database was `seen` a moment ago."""
        # After the database was seen: before a checkpoint writes there, the index says so.
        try:
            return self._compare(seen)
        except _Undecided:
            return DATABASE if self._is_spoilt else None

    def _compare(self, seen: os.stat_result) -> str | None:
        index = self._read_index()
        if index is None:
            return INDEX
        if self._last_index is not None and index.has_gone_back(self._last_index):
            self._check_rest(index)
            return INDEX
        if index.frames and not self._has_frames(index):
            self._check_rest(index)
            return LOG
        state = self._last_state
        if (
            state is None
            or self._is_spoilt
            or (seen.st_size, seen.st_mtime_ns) != (state.size_bytes, state.modified_ns)
        ):
            self._is_spoilt = not self._is_lawful(index)
            if self._is_spoilt:
                return DATABASE
        self._last_index = index
        return None

    def _is_lawful(self, index: _Index) -> bool:
        """Return whether nothing but checkpoints has changed the database."""
        state, last, before = self._read_state(), self._last_state, self._last_index
        self._check_rest(index)
        if state is None:
            return False
        if last is not None and before is not None:
            is_moving = index.has_checkpoint_since(before) and not self._is_spoilt
            # What is the same has only been touched, or was put back.
            if not (state.may_follow(last) if is_moving else state.is_as(last)):
                return False
        if last is None or not index.is_in_checkpoint:
            self._last_state = state
        return True

    def _check_rest(self, index: _Index) -> None:
        if self._read_index() != index:
            raise _Undecided

    def _read_index(self) -> _Index | None:
        """Return it, or None for one that is too short."""
        data = os.pread(self._index, _INDEX.size, 0)
        if len(data) < _INDEX.size:
            return None
        if data[:_HEADER_BYTES] != data[_HEADER_BYTES : 2 * _HEADER_BYTES]:
            raise _Undecided
        return _Index(*_INDEX.unpack(data))

    def _read_state(self) -> _State | None:
        """Return it, or None for what is no database of SQLite."""
        status = os.fstat(self._database)
        parts = [os.pread(self._database, length, start) for start, length in self._pages.items()]
        if len(parts[0]) < _DATABASE_HEADER.size:
            return None
        magic, changes, owner = _DATABASE_HEADER.unpack_from(parts[0])
        if magic != _MAGIC:
            return None
        return _State(status.st_size, status.st_mtime_ns, changes, owner, blake2b(b"".join(parts)).digest())

    def _has_frames(self, index: _Index) -> bool:
        """Return whether the log has all frames of the index: it begins as the index says, and is long enough."""
        header = os.pread(self._log, _LOG_HEADER.size, 0)
        if len(header) < _LOG_HEADER.size or os.fstat(self._log).st_size < index.log_bytes:
            return False
        return bool(_LOG_HEADER.unpack(header) == (index.salts,))

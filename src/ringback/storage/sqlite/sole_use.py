"""One process at a time on a database file: two would not see each other's commits.

The lock is on the file itself, whatever name it is opened by: a symbolic or a hard link, another spelling, a bind
mount. It belongs to an open descriptor, so SQLite's own locks, which belong to the process, do not meet it; and it is
on a byte that SQLite never locks, so that it is good for every file system that has locks at all. The kernel drops it
when the process ends, however it ends.

Only Linux is sure to have such locks. Elsewhere the lock file beside the database is all there is; servers of 0.1 know
no other, so it is kept on Linux, too. It stays when the server ends: removing it would let two processes lock two
files of the same name.
"""

import errno
import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite.private_files import OWNER_ONLY

_IN_USE: Final = "another server is using it"
_TAKEN: Final = (errno.EAGAIN, errno.EACCES)
# The bytes of which SQLite locks one for each reader, and all to be alone (SHARED_FIRST and SHARED_SIZE of its os.h).
_READERS_AT: Final = 0x4000_0002
_READERS_BYTES: Final = 510
_OURS_AT: Final = _READERS_AT + _READERS_BYTES
# struct flock of 64-bit Linux.
_LOCK: Final = struct.Struct("hhqqi4x")

Inode = tuple[int, int]

# Of this process. It must not even open one of them a second time: closing any descriptor of a file drops all locks
# (fcntl) that the process has on it, and with them SQLite's.
_held: set[Inode] = set()


def real_path(path: Path) -> Path:
    """Return the file that a symbolic link names: SQLite has its log beside that one, and the lock has to be there."""
    return path.resolve() if path.is_symlink() else path


def beside(path: Path, end: str) -> Path:
    """Return the file beside a database that has its name and this end."""
    return (file := real_path(path)).with_name(file.name + end)


def inode_of(status: os.stat_result) -> Inode:
    return status.st_dev, status.st_ino


class HeldFile:
    """A database file that this process has for itself. Its descriptors outlast those of SQLite; see `_held`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor: Final = descriptor
        self.inode: Final = inode_of(os.fstat(descriptor))
        self._further: list[int] = []

    def hold(self, file: Path) -> int:
        """Open a further file, to be closed with this one; return its descriptor. Raise `OSError`."""
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        self._further.append(descriptor)
        return descriptor

    def seal(self) -> None:
        """Keep SQLite from taking itself for the last one to close the file.

        That one writes its log into what is there by now, and deletes what has the name of the log.
        """
        with suppress(OSError):  # another program has locked it: then SQLite is not alone, either
            _lock(self.descriptor, fcntl.F_RDLCK, _READERS_AT, _READERS_BYTES)

    def close(self) -> None:
        for descriptor in (*self._further, self.descriptor):
            os.close(descriptor)


@contextmanager
def sole_use(path: Path, *, must_exist: bool = False) -> Iterator[HeldFile]:
    """Hold the lock of the database, which is made, empty, where there is none. Raise `StoreCannotOpen`.

    Nothing is made when it is refused because it must exist.
    """
    held = HeldFile(_opened(path, create=not must_exist))
    try:
        if not (_lock_whole(held.descriptor) and _is_there(path, held.inode)):
            raise StoreCannotOpen(path, _IN_USE)
        _held.add(held.inode)
        try:
            with _lock_file(path):
                yield held
        finally:
            _held.discard(held.inode)
    finally:
        held.close()


def is_in_use(path: Path) -> bool:
    """Return whether a server has the database, without keeping one away. Raise `OSError`."""
    if inode_of(path.stat()) in _held:
        return True
    if sys.platform != "linux":
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _OURS_AT, 1, 0)
        kind, *_ = _LOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted))
    finally:
        os.close(descriptor)
    return bool(kind != fcntl.F_UNLCK)


def _opened(path: Path, *, create: bool) -> int:
    # Not blocked by a pipe that has no other end.
    flags = os.O_NONBLOCK | os.O_CLOEXEC
    try:
        _check_free(path)
        try:
            descriptor = os.open(path, flags | os.O_RDWR | (os.O_CREAT if create else 0), OWNER_ONLY)
        except PermissionError:
            descriptor = os.open(path, flags | os.O_RDONLY)
    except OSError as error:
        raise StoreCannotOpen(path, _reason(path, error)) from None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and (create or status.st_size):
        return descriptor
    os.close(descriptor)
    raise StoreCannotOpen(path, "it is empty" if stat.S_ISREG(status.st_mode) else "it is not a file")


def _reason(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        folder = real_path(path).parent
        return "there is no such file" if folder.is_dir() else f"the folder {folder} does not exist"
    if error.errno == errno.EISDIR:
        return "it is a folder"
    return str(error.strerror)


def _check_free(path: Path) -> None:
    """Refuse what this process holds, and what is left of a database that is gone. Raise `OSError`."""
    try:
        status = path.stat()
    except FileNotFoundError:
        is_empty = True
    else:
        if inode_of(status) in _held:
            raise StoreCannotOpen(path, _IN_USE)
        is_empty = stat.S_ISREG(status.st_mode) and status.st_size == 0
    # SQLite would delete the log, with all that was acknowledged last.
    log = beside(path, "-wal")
    with suppress(FileNotFoundError):
        if is_empty and log.stat().st_size:
            reason = f"it is missing or empty, but its log {log} is not: it was deleted, moved or emptied"
            raise StoreCannotOpen(path, f"{reason}; put it back, or move the log away for a new database")


def _lock_whole(descriptor: int) -> bool:
    """Lock the file for all that this module is for. Return False when another process has it."""
    may_write = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    try:
        _lock(descriptor, fcntl.F_WRLCK if may_write else fcntl.F_RDLCK, _OURS_AT, 1)
    except OSError as error:
        return error.errno not in _TAKEN
    return True


def _lock(descriptor: int, kind: int, start: int, length: int) -> None:
    """Lock bytes of a file, also before others of this process. Raise `OSError`."""
    if sys.platform == "linux":
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, start, length, 0))


def _is_there(path: Path, inode: Inode) -> bool:
    """Return whether the name still leads to the file: it may have been replaced just now."""
    try:
        return inode_of(path.stat()) == inode
    except OSError:
        return False


@contextmanager
def _lock_file(path: Path) -> Iterator[None]:
    lock = beside(path, ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    except OSError as error:
        raise StoreCannotOpen(path, f"the lock file {lock}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreCannotOpen(path, _IN_USE) from None
        yield
    finally:
        os.close(descriptor)

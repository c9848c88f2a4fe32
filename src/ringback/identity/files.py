"""A value that is made of files, and made again when they change."""

import errno
import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeAlias, TypeVar

_log = logging.getLogger(__name__)

T = TypeVar("T")
# More than the bundle of all authorities of the world.
_MAX_BYTES: Final = 512 * 1024
# Of each file its content, or the reason why there is none.
Contents: TypeAlias = tuple[bytes | OSError, ...]


class UnusableFileError(ValueError):
    """A file that cannot be used; `str()` says which one and why, and nothing of what is in it."""


def read_files(paths: Sequence[Path]) -> Contents:
    """Read the files. This takes as long as the disk takes."""
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> bytes | OSError:
    try:
        # Without waiting for the other end of a pipe: nothing else would be read meanwhile, and the server not stop.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return OSError(errno.EINVAL, "it is no regular file")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(_MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as fault:
        return fault
    if len(content) > _MAX_BYTES:
        return OSError(errno.EFBIG, f"it is larger than {_MAX_BYTES // 1024} KiB")
    return content


class FileValue(Generic[T]):
    """A value made of the contents of files. New contents that are faulty change nothing, and are logged once."""

    def __init__(self, what: str, paths: Sequence[Path], make: Callable[..., T]) -> None:
        """Read the files. Raise `UnusableFileError`. `make` gets their contents, and raises it, too."""
        self.paths: Final = tuple(paths)
        self._what: Final = what
        self._make: Final = make
        self._seen = read_files(self.paths)
        self.value = self._made(self._seen)

    def has_seen(self, contents: Contents) -> bool:
        """Return whether they are what was read last."""
        return are_equal(contents, self._seen)

    def take(self, contents: Contents) -> bool:
        """Take contents that were read again. Return whether there is a new value."""
        if self.has_seen(contents):
            return False
        self._seen = contents
        try:
            self.value = self._made(contents)
        except UnusableFileError as fault:
            _log.error("%s; %s that the server has stays in use", fault, self._what)
            return False
        return True

    def _made(self, contents: Contents) -> T:
        for path, content in zip(self.paths, contents, strict=True):
            if isinstance(content, OSError):
                raise UnusableFileError(f"{path}: cannot be read: {content.strerror}")
            if not content.strip():
                raise UnusableFileError(f"{path}: is empty")
        return self._make(*contents)


def are_equal(one: Contents, other: Contents) -> bool:
    return _comparable(one) == _comparable(other)


def _comparable(contents: Contents) -> tuple[object, ...]:
    return tuple(str(content) if isinstance(content, OSError) else content for content in contents)

"""The files of a database are its owner's alone: they have all numbers, and are not encrypted."""

import logging
import stat
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077
# SQLite gives its log and its index the mode of the database, but not to those that are there already.
_FILES: Final = ("", "-wal", "-shm", ".lock")


def make_private(path: Path) -> None:
    """Take from others what they may do with the files of a database, and say so once. The folder stays as it is."""
    with_access = [file for end in _FILES if _others_may(file := path.with_name(path.name + end))]
    if not with_access:
        return
    try:
        for file in with_access:
            file.chmod(stat.S_IMODE(file.stat().st_mode) & ~_OTHERS)
    except OSError as fault:
        _log.warning("other users have access to the database %s, and keep it: %s", path, fault.strerror)
    else:
        _log.warning("other users had access to the database %s: only its owner has it now", path)


def _others_may(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & _OTHERS)
    except FileNotFoundError:
        return False

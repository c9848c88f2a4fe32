"""Who may read and write the files of a database."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ringback.cli.doctor.diagnosis import Diagnosis, failed, ok, warning
from ringback.storage.sqlite.sole_use import real_path

_OTHERS: Final = 0o077


def files(path: Path) -> Sequence[Diagnosis]:
    """Look at the owners and the modes of the database, and of what is beside it."""
    file = real_path(path).absolute()
    if not file.parent.is_dir():
        return []
    found = [*_of_folder(file.parent), *_of_files(file)]
    return found or [ok("files", "their owner alone may read and write them")]


def _of_folder(folder: Path) -> Iterator[Diagnosis]:
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = "run this as the user of the server, or give the folder to that user"
        yield failed("files", f"this user may not write to {folder}, where the log has to be made", remedy)


def _of_files(file: Path) -> Iterator[Diagnosis]:
    owner = _owner(file)
    for each in [file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", ".lock"))]:
        try:
            status = each.stat()
        except FileNotFoundError:
            continue
        if status.st_uid != owner:
            text = f"{each} belongs to user {status.st_uid}, and the database to user {owner}"
            yield failed("files", text, f"stop the server, and chown {owner} {each}")
        elif not os.access(each, os.R_OK | os.W_OK):
            remedy = "run this as the user of the server, or give the file to that user"
            yield failed("files", f"this user may not read and write {each}", remedy)
        if stat.S_IMODE(status.st_mode) & _OTHERS:
            text = f"{each} can be read or changed by other users than its owner"
            yield warning("files", text, f"chmod go= {each}; a server does so when it starts")


def _owner(file: Path) -> int:
    try:
        return file.stat().st_uid
    except FileNotFoundError:
        return os.geteuid()

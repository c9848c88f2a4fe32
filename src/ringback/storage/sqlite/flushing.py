"""Flushes of files, and of names in folders, that SQLite does not do by itself."""

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Return when the file or the folder, as it is now, survives a power cut. Raise `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

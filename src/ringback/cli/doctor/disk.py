"""The disk that a database is on: room, and whether SQLite works there."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from ringback.cli.doctor.diagnosis import Diagnosis, failed, in_bytes, ok, several, warning
from ringback.storage.sqlite.sole_use import real_path

# Below the first it takes no writes soon; below the second a busy day, or one backup, fills it.
_LEAST_FREE_BYTES: Final = 64_000_000
_LITTLE_FREE_BYTES: Final = 1_000_000_000
_LITTLE_FREE_INODES: Final = 1_000
# Their locks, or their shared memory, do not work between machines; SQLite's log needs both.
_OF_THE_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs"}
)
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


class Disk(Struct, frozen=True):
    """A file system, and what is free of it for the server."""

    kind: str
    free_bytes: int
    free_inodes: int | None
    """None where there is no limit."""


def space(path: Path) -> Sequence[Diagnosis]:
    """Look at the disk that the database is on."""
    file = real_path(path).absolute()
    folder = file.parent
    if not folder.is_dir():
        return []
    status = os.statvfs(folder)
    disk = Disk(
        kind=kind_of(folder.resolve(), _mounts()),
        free_bytes=status.f_bavail * status.f_frsize,
        free_inodes=status.f_favail if status.f_files else None,
    )
    return [*of_disk(folder, disk, file.stat().st_size if file.exists() else 0)]


def of_disk(folder: Path, disk: Disk, database_bytes: int) -> Iterator[Diagnosis]:
    free = f"{in_bytes(disk.free_bytes)} free at {folder}"
    remedy = "make room, or shorten --keep-ended-days; without room nothing is acknowledged any more"
    if disk.free_bytes < _LEAST_FREE_BYTES:
        yield failed("space", free, remedy)
    elif disk.free_bytes < max(_LITTLE_FREE_BYTES, database_bytes):
        yield warning("space", f"{free}, for a database of {in_bytes(database_bytes)}", remedy)
    else:
        yield ok("space", free)
    if disk.free_inodes is not None and disk.free_inodes < _LITTLE_FREE_INODES:
        grade = failed if disk.free_inodes == 0 else warning
        text = f"room for {several(disk.free_inodes, 'more file')} at {folder}: its inodes are used up"
        yield grade("inodes", text, "delete files there: what uses them up is mostly many small ones")
    if disk.kind in _OF_THE_NETWORK:
        remedy = "use a local disk, or PostgreSQL: SQLite's log does not work over a network, and data can be lost"
        yield failed("file system", f"{folder} is on {disk.kind}", remedy)
    elif disk.kind in _IN_MEMORY:
        yield warning("file system", f"{folder} is in memory ({disk.kind})", "use a disk: all is lost with the machine")


def kind_of(folder: Path, mounts: str) -> str:
    """Return the kind of the file system that a folder is on, as /proc/mounts tells it; "" where it does not."""
    found = ("", "")
    for line in mounts.splitlines():
        _, place, kind, *_ = *line.split(" "), "", ""
        place = place.encode().decode("unicode_escape", "replace")  # a blank is written \040
        if folder.is_relative_to(place) and len(place) >= len(found[0]):
            found = place, kind
    return found[1]


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text(errors="replace")
    except OSError:
        return ""

"""The server that has the database of the settings, if there is one: its process, and what that has left."""

import resource
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from ringback.cli.doctor.diagnosis import Diagnosis, failed, in_bytes, ok, warning
from ringback.storage.sqlite.sole_use import Inode, beside, inode_of, real_path

# Each connection of a client is an open file, and so are the database and its log.
_FEW_FILES: Final = 1_024
_MOST: Final = 0.8
_LITTLE_MEMORY_BYTES: Final = 256_000_000
_PROC: Final = Path("/proc")
GONE_PAGE: Final = "docs/debugging.md#the-database-has-gone-away"
# A server that starts has them open within milliseconds, unless it brings the schema up to date.
_LOOKS: Final = 20
_PAUSE_S: Final = 0.1


def server(path: Path) -> Sequence[Diagnosis]:
    """Look whether a server runs on an SQLite file, and what its process may still open."""
    holder = holder_of(path)
    if holder is None:
        told = "none runs on this database" if (_PROC / "locks").exists() else "this system does not say if one runs"
        return [ok("server", told), of_files(own_limit(), used=None)]
    return [of_holder(holder, _lost(path, holder)), of_files(limit_of(holder), used=files_of(holder))]


def of_holder(holder: int, lost: Sequence[Path]) -> Diagnosis:
    """Judge a server by the files of the database that it does not have open."""
    text = f"one runs on this database{f', as process {holder}' if holder else ''}"
    if not lost:
        return ok("server", text)
    text += f", but {lost[0]} is not what it has open: it was deleted, moved or replaced, and nothing is stored"
    remedy = f"do not kill it: {GONE_PAGE} says how what it has is saved; keep away from there what has done this"
    return failed("server", text, remedy)


def _lost(path: Path, holder: int) -> Sequence[Path]:
    """Return which files of the database a server has lost. One that starts has the lock before it opens them."""
    for _ in range(_LOOKS):
        if not (lost := [*_not_open(path, holder)]):
            return ()
        time.sleep(_PAUSE_S)
    return lost


def _not_open(path: Path, holder: int) -> Iterator[Path]:
    """Return the files of the database that are not there, or that a process does not have open."""
    opened = _inodes_of(holder)
    for file in (real_path(path), *(beside(path, end) for end in ("-wal", "-shm"))):
        try:
            inode = inode_of(file.stat())
        except OSError:
            yield file
        else:
            if opened is not None and inode not in opened:
                yield file


def _inodes_of(process: int) -> Collection[Inode] | None:
    """Return the files that a process has open; None where this user may not see it."""
    inodes = set()
    try:
        for descriptor in (_PROC / str(process) / "fd").iterdir():
            with suppress(OSError):  # it is closed by now, or is no file
                inodes.add(inode_of(descriptor.stat()))
    except OSError:
        return None
    return inodes


def holder_of(path: Path) -> int | None:
    """Return the process that has the lock of the database, 0 for one that cannot be told; None when none has.

    The kernel's list is read. To try the lock would keep a server from starting that comes at that moment. The lock of
    the database itself does not tell the process, so that of the file beside it comes first.
    """
    for file in (beside(path, ".lock"), real_path(path)):
        with suppress(OSError):
            holder = holder_in((_PROC / "locks").read_text(), file.stat().st_ino)
            if holder is not None:
                return holder
    return None


def holder_in(listed: str, inode: int) -> int | None:
    """Return the process that holds a lock of a file, by the lines of /proc/locks.

    The device is not compared: on Btrfs and overlays the list has another one than the file.
    """
    for line in listed.splitlines():
        # 1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF; "->" is one that waits.
        words = line.split()
        if words[1:2] in (["FLOCK"], ["OFDLCK"]) and words[5:6] and words[5].rpartition(":")[2] == str(inode):
            return int(words[4]) if words[4].isdecimal() else 0
    return None


# --- Open files ------------------------------------------------------------------------------------------------------


def own_limit() -> int:
    """Return how many files a process that is started here may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def limit_of(process: int) -> int | None:
    """Return how many files a process may have open; None where this user may not see it."""
    with suppress(OSError, ValueError):
        for line in (_PROC / str(process) / "limits").read_text().splitlines():
            if line.startswith("Max open files"):
                return int(line.split()[3])
    return None


def files_of(process: int) -> int | None:
    """Return how many files a process has open; None where this user may not see it."""
    with suppress(OSError):
        return sum(1 for _ in (_PROC / str(process) / "fd").iterdir())
    return None


def of_files(limit: int | None, *, used: int | None) -> Diagnosis:
    if limit is None:
        return ok("open files", "the limit of that process is not for this user to see")
    text = f"up to {limit:,} may be open" if used is None else f"{used:,} of {limit:,} are open"
    remedy = "raise the limit (LimitNOFILE= of systemd, ulimit -n): each connection of a client takes one"
    if limit < _FEW_FILES or (used is not None and used > _MOST * limit):
        return warning("open files", text, remedy)
    return ok("open files", text)


# --- Memory ----------------------------------------------------------------------------------------------------------


class MemoryLeft(Struct, frozen=True):
    """What the machine, or the container, still has."""

    machine_bytes: int | None
    # Of a control group: what it may have, and what it has.
    group_limit_bytes: int | None = None
    group_used_bytes: int | None = None


def memory() -> Sequence[Diagnosis]:
    """Look at the memory that is left on this machine and in this container."""
    group = Path("/sys/fs/cgroup")
    return [
        *of_memory(
            MemoryLeft(
                machine_bytes=_available(),
                group_limit_bytes=_number(group / "memory.max"),
                group_used_bytes=_number(group / "memory.current"),
            )
        )
    ]


def of_memory(left: MemoryLeft) -> Iterator[Diagnosis]:
    available = left.machine_bytes
    if left.group_limit_bytes is not None and left.group_used_bytes is not None:
        in_group = left.group_limit_bytes - left.group_used_bytes
        available = in_group if available is None else min(in_group, available)
    if available is None:
        return
    text = f"{in_bytes(max(available, 0))} available"
    if available < _LITTLE_MEMORY_BYTES:
        yield warning("memory", text, "end other programs, or give the machine or the container more")
    else:
        yield ok("memory", text)


def _available() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in (_PROC / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):  # "max" is no limit
        return int(path.read_text())
    return None

"""How long a server takes to be of use, from the start of its process, with nothing of the database in memory."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench.backlog import service_id
from bench.growth.operations import Subject
from bench.sqlite_backlog import SqliteBacklog

# All that `python -m ringback serve` imports.
_IMPORTS = "import ringback.cli.group, ringback.cli.serve, uvloop"


async def start(path: Path, backlog: SqliteBacklog) -> dict[str, Any]:
    """Return times in ms from the start of the process, each after the one before."""
    _forget(path)
    begun = time.perf_counter()
    async with Subject.on(path, backlog) as subject:
        listening = time.perf_counter()
        await subject.create()
        created = time.perf_counter()
        await subject.lease(service_id(0), 1)
        leased = time.perf_counter()
        await subject.prepare(0)  # gives the lease back
    return {
        "listening_ms": (listening - begun) * 1000,
        "created_ms": (created - begun) * 1000,
        "leased_ms": (leased - begun) * 1000,
    }


async def imports() -> dict[str, Any]:
    """Return how long Python takes to start, and to read the server's code, in ms."""
    bare = await _run_ms("pass")
    return {"python_ms": bare, "imports_ms": await _run_ms(_IMPORTS) - bare}


async def _run_ms(code: str) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    if await process.wait() != 0:
        raise RuntimeError(f"{code} failed")
    return (time.perf_counter() - begun) * 1000


def _forget(path: Path) -> None:
    """Have the kernel drop what it caches of the file, which it does with what is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

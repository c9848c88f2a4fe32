"""What a callback that waits takes on the disk, and what it is for."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bench.backlog import add_services
from bench.growth.operations import BATCH, Subject, new_request
from bench.sqlite_backlog import SqliteBacklog
from ringback.storage.sqlite import SqliteStore


async def measure(path: Path, batches: int) -> dict[str, Any]:
    """Return bytes per callback, in a database that a server has made, table by table and index by index."""
    store = await SqliteStore.open(path)
    try:
        await add_services(store)
    finally:
        await store.close()
    empty = _sizes(path)
    async with Subject.on(path, SqliteBacklog(1)) as subject:
        for _ in range(batches):
            await subject.operations[f"create {BATCH} in one call"]()
    callbacks = batches * BATCH
    full = _sizes(path)
    return {
        "callbacks": callbacks,
        "request": sum(new_request().ByteSize() for _ in range(BATCH)) / BATCH,
        # The whole file is "".
        "of": {name: (size - empty.get(name, 0)) / callbacks for name, size in full.items()},
    }


def _sizes(path: Path) -> dict[str, int]:
    """Return the bytes of the file, as "", and of each table and index, where this SQLite can tell."""
    with closing(sqlite3.connect(path)) as database:
        sizes = {"": path.stat().st_size}
        with suppress(sqlite3.OperationalError):  # it has no dbstat
            sizes |= database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
    return sizes

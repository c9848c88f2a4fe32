"""The locks of the database are the server's for as long as it runs, whatever it does with its descriptors.

The kernel drops all of a process's locks (fcntl) on a file when any descriptor of that file is closed. Then a program
that reads the database takes itself for the last one, and deletes the write-ahead log under the server: what is
acknowledged from then on is in a file that nobody finds again.
"""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

from ringback.app import App
from tests.world.api import Api

# Another process opens the database, reads, and closes it, as a backup and a shell do.
_READ = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
print(*database.execute("SELECT count(*) FROM callback").fetchone())
database.close()
"""


async def read_by_another(path: Path) -> int:
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


async def test_looking_at_connections_leaves_the_database_locked(app: App, api: Api, tmp_path: Path) -> None:
    path = tmp_path / "ringback.db"
    await api.create("sip:a@sim.example")
    assert len(app.edges.grpc.open_connections()) == 1
    assert await read_by_another(path) == 1
    assert path.with_name("ringback.db-wal").exists()
    await api.create("sip:b@sim.example")
    assert await read_by_another(path) == 2


async def test_a_stop_leaves_the_database_locked_to_its_end(app: App, api: Api, tmp_path: Path) -> None:
    """What is acknowledged last is in the file: the log was not taken away while the connections were closed."""
    path = tmp_path / "ringback.db"
    await api.create("sip:a@sim.example")
    await app.edges.grpc.stop()
    assert await read_by_another(path) == 1
    assert path.with_name("ringback.db-wal").exists()
    await app.stop()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM callback").fetchone() == (1,)
    database.close()

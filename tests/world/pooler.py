"""A real PgBouncer before a cluster, in a temporary folder.

Where PgBouncer is not installed, the tests that need it are skipped, and say so; not in CI (`CI=true`).
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import psycopg
import pytest

from tests.world.ports import free_port
from tests.world.postgres import USER, Cluster

_LOOK_INTERVAL_S: Final = 0.02


@contextmanager
def pooler(cluster: Cluster, mode: str, **settings: str) -> Iterator[int]:
    """Run one in this mode ("transaction", "session") and return its port."""
    program = _program()
    folder, port = Path(mkdtemp(prefix="ringback-pooler-")), free_port()
    values = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": mode,
        **settings,
    }
    (folder / "pooler.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={cluster.port} user={USER}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in values.items())
    )
    command = [program, str(folder / "pooler.ini")]
    if os.geteuid() == 0:  # which it refuses
        shutil.chown(folder, "postgres", "postgres")
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        while not _answers(port):
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(_LOOK_INTERVAL_S)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://{USER}@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _program() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is not None:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("PgBouncer is not installed")
    pytest.skip("PgBouncer is not installed")

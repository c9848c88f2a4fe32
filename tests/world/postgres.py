"""A real PostgreSQL for tests: a cluster in a temporary folder, gone when the tests are done.

Where PostgreSQL is not installed, the tests that need it are skipped, and say so; not in CI (`CI=true`).
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, Self

import psycopg
import pytest

from tests.world.ports import free_port

USER: Final = "ringback"
_FAST: Final = {"fsync": "off", "full_page_writes": "off"}
_names = count(1)


class Cluster:
    """A PostgreSQL server on a free port of the loopback interface, and on a socket in its folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @classmethod
    def start(cls, settings: Mapping[str, str] = _FAST) -> Self:
        """Start one. `settings` are those of `postgresql.conf`; by default, what is fast and survives no power cut."""
        cluster = cls._in_new_folder()
        try:
            cluster.run("initdb", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-sync", "--no-locale")
            # All users are trusted but one, which has to know a password.
            rules = cluster.data / "pg_hba.conf"
            rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
            cluster.configure({"max_connections": "200", "listen_addresses": "'127.0.0.1'", **settings})
            cluster.up()
        except BaseException:
            cluster.destroy()
            raise
        return cluster

    def new_standby(self, *, waits: bool = True) -> Self:
        """Start one that follows this one, which from now on waits for it at every commit."""
        standby = self._in_new_folder()
        try:
            primary = f"host=127.0.0.1 port={self.port} user={USER} application_name=standby"
            standby.run("pg_basebackup", f"--dbname={primary}", "--checkpoint=fast", "--write-recovery-conf")
            standby.configure({})
            standby.up()
        except BaseException:
            standby.destroy()
            raise
        if waits:
            self.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            self.execute("SELECT pg_reload_conf()")
        return standby

    @classmethod
    def _in_new_folder(cls) -> Self:
        # A short path: those of sockets may have no more than about a hundred bytes.
        cluster = cls(Path(mkdtemp(prefix="ringback-pg-")), free_port())
        if os.geteuid() == 0:
            shutil.chown(cluster.folder, "postgres", "postgres")
        return cluster

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def configure(self, settings: Mapping[str, str]) -> None:
        places = {"port": str(self.port), "unix_socket_directories": f"'{self.folder}'"}
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in {**places, **settings}.items())

    def up(self) -> None:
        self.run("pg_ctl", "start", "--wait", f"--log={self.folder / 'log'}")

    def down(self, mode: str = "fast") -> None:
        """Stop it; `mode` is "fast", or "immediate" for a crash."""
        self.run("pg_ctl", "stop", f"--mode={mode}")

    def promote(self) -> None:
        self.run("pg_ctl", "promote", "--wait")

    def forget_standby(self) -> None:
        """Take writes alone, once it is up again; it is down now."""
        (self.data / "postgresql.auto.conf").write_text("")

    def destroy(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.resume()
            self.down("immediate")
        shutil.rmtree(self.folder)

    def suspend(self) -> None:
        """Let the whole server hang, as if the machine did."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://{USER}@127.0.0.1:{port or self.port}/{database}"

    def new_database(self) -> str:
        """Return the URL of an empty database."""
        name = f"test_{next(_names)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_schema(self) -> str:
        """Return the URL of an empty schema, which is as good as a database, and made in no time."""
        name = f"test_{next(_names)}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url()}?options=-csearch_path%3D{name}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs on the data, as a user that it accepts: not root."""
        command = [str(binaries() / program), "--pgdata", str(self.data), *arguments]
        if os.geteuid() == 0:
            # Not `subprocess`, which would fork to change the user: gRPC's threads do not survive that.
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        errors = self.folder / "errors"
        with errors.open("ab") as file:  # not a pipe: the server would keep it open
            done = subprocess.run(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=file, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {errors.read_text()}")

    def _signal_all(self, number: int) -> None:
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, number)
        for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(int(child), number)


async def until_waiting(cluster: Cluster, count: int) -> None:
    """Return when so many transactions wait for a lock."""
    waiting = f"SELECT 1 FROM pg_locks WHERE NOT granted OFFSET {count - 1}"
    while not await asyncio.to_thread(cluster.execute, waiting):
        pass


def binaries() -> Path:
    """Return the folder of the newest PostgreSQL; skip the test when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    in_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    if in_path is not None:
        return Path(in_path).parent
    reason = "PostgreSQL is not installed: no postgres in PATH, nor below /usr/lib/postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)

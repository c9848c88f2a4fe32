"""Servers and PostgreSQL as processes of their own, and what they spend."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from psycopg import connect

from ringback.client import insecure_channel
from ringback.domain.service import MAX_CONCURRENT_CALLS
from ringback.v1 import directory_service_pb2 as directory
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub
from tests.world.postgres import Cluster

# Made by `make bench`; not there where there is no Go.
BUILD: Final = Path(__file__).parents[1] / "build" / "bench"
CLIENT: Final = BUILD / "client"
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
# Enough that what is measured stays in memory, as in production.
_MEMORY: Final = {"shared_buffers": "2GB"}


@dataclass(frozen=True, slots=True)
class ServerProcess:
    pid: int
    address: str


@asynccontextmanager
async def serving(
    count: int,
    database: str,
    *options: str,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> AsyncIterator[Sequence[ServerProcess]]:
    """Run this many servers on one database, as long as the block; `python` is that of the code to be run."""
    listen = ("--listen", "127.0.0.1:0", "--log-level", "info", "--database", database)
    # What is measured may be more watchers on one address than are usual.
    command = ("ringback", "serve", *listen, "--limits", "off", *options)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(listening(*command, environment=environment, python=python))
            for _ in range(count)
        ]


@asynccontextmanager
async def listening(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None, python: str = sys.executable
) -> AsyncIterator[ServerProcess]:
    """Run `python -m module`, which logs where it listens, as long as the block."""
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", module, *arguments),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield ServerProcess(process.pid, await _address_of(process))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def add_service(server: ServerProcess, token: str = "") -> str:
    """Create a service that allows as many calls at once as there may be; return its id."""
    credentials = (("authorization", f"Bearer {token}"),) if token else ()
    service = directory.Service(sip_address="sip:bench@cc.example", max_concurrent_calls=MAX_CONCURRENT_CALLS)
    async with insecure_channel(server.address) as channel:
        stub: Any = DirectoryServiceStub(channel)
        created = await stub.CreateService(directory.CreateServiceRequest(service=service), metadata=credentials)
    return str(created.service.service_id)


async def load_client(command: str, *flags: str) -> dict[str, Any]:
    """Run the Go client, and return what it has measured. Raise `RuntimeError` with its output when it fails."""
    process = await asyncio.create_subprocess_exec(
        *(str(CLIENT), command, *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # On one core. Whatever is measured on a machine with two is faster so.
        env={**os.environ, "GOMAXPROCS": "1"},
    )
    try:
        measured, fault = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"client {command} {' '.join(flags)}: {fault.decode().strip()}")
    figures: dict[str, Any] = json.loads(measured)
    return figures


async def _address_of(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = b""
    while not (found := re.search(rb"listening on (\S+)", line := await process.stderr.readline())):
        said += line
        if not line:
            raise RuntimeError(f"the server ended instead of listening: {said.decode()}")
    # The rest of its output is read, lest it waits for a reader, and forgotten.
    asyncio.ensure_future(process.stderr.read())  # noqa: RUF006 - ends with the process
    return found[1].decode()


@contextmanager
def durable_cluster(settings: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """Run a PostgreSQL that flushes each commit to the disk; remove it after the block."""
    cluster = Cluster.start({**_MEMORY, **(settings or {})})
    try:
        yield cluster
    finally:
        cluster.destroy()


@contextmanager
def database_of(cluster: Cluster) -> Iterator[str]:
    """Yield the URL of an empty database, dropped after the block."""
    url = cluster.new_database()
    try:
        yield url
    finally:
        cluster.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent up to some moment, or between two of them."""

    servers_s: float = 0.0
    postgres_s: float = 0.0
    # Transactions that have written something, notifications included.
    transactions: int = 0
    wal_bytes: int = 0
    # What the servers have written to files.
    file_bytes: int = 0

    def __sub__(self, earlier: Self) -> "Spent":
        return Spent(
            self.servers_s - earlier.servers_s,
            self.postgres_s - earlier.postgres_s,
            self.transactions - earlier.transactions,
            self.wal_bytes - earlier.wal_bytes,
            self.file_bytes - earlier.file_bytes,
        )


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads what some servers and their PostgreSQL have spent."""

    servers: Sequence[ServerProcess]
    cluster: Cluster | None

    def read(self) -> Spent:
        servers_s = sum(_cpu_s(server.pid)[0] for server in self.servers)
        file_bytes = sum(_written_bytes(server.pid) for server in self.servers)
        if self.cluster is None:
            return Spent(servers_s, file_bytes=file_bytes)
        postgres_s = _cluster_s(self.cluster)
        return Spent(servers_s, postgres_s, *written_by(self.cluster), file_bytes)


def written_by(cluster: Cluster) -> tuple[int, int]:
    """Return how many transactions have written, and how long the write-ahead log is by now, in bytes."""
    with connect(cluster.url(), autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
            " (pg_current_wal_insert_lsn() - '0/0')::bigint"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def _cluster_s(cluster: Cluster) -> float:
    """Return the CPU time of all processes of a PostgreSQL, those included that have ended."""
    postmaster = int((cluster.data / "postmaster.pid").read_text().split()[0])
    seconds = sum(_cpu_s(postmaster))
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        with suppress(FileNotFoundError):  # has just ended
            # One thread each, and many that do next to nothing: ticks of 10 ms would lose it.
            seconds += int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) / 1e9
    return seconds


def _cpu_s(pid: int) -> tuple[float, float]:
    """Return the CPU time of a process with all its threads, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) * _TICK_S for field in fields[11:15])
    return user + system, children_user + children_system


def _written_bytes(pid: int) -> int:
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])

"""What contestants run on: fresh and empty for each of their commands, and durable."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Self

from bench.peers.peer import BUILT
from bench.processes import database_of, durable_cluster, serving
from tests.world.ports import free_port

if TYPE_CHECKING:
    from tests.world.postgres import Cluster

# What tells a program where its infrastructure is.
Environment = Mapping[str, str]
_PATIENCE_S: Final = 30


class Infrastructure:
    """One PostgreSQL as long as the block, a new database for each command; all else is started anew each time."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._cluster: Cluster | None = None
        self._kinds: Final[Mapping[str, Callable[[Path], AbstractAsyncContextManager[Environment]]]] = {
            "postgres": self._postgres,
            "redis": _redis,
            "temporal": _temporal,
            "folder": _folder,
            "ringback-sqlite": _ringback_on_sqlite,
            "ringback-postgres": self._ringback_on_postgres,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @asynccontextmanager
    async def fresh(self, kind: str) -> AsyncIterator[Environment]:
        """Start it, empty, and stop it after the block. Only for what does not lack anything."""
        with TemporaryDirectory(prefix="ringback-peers-") as folder:
            async with self._kinds[kind](Path(folder)) as environment:
                yield environment

    @asynccontextmanager
    async def _postgres(self, _: Path) -> AsyncIterator[Environment]:
        if self._cluster is None:
            self._cluster = self._closing.enter_context(durable_cluster())
        # What the contestant before has left to be written is not written during this one's.
        self._cluster.execute("CHECKPOINT")
        with database_of(self._cluster) as url:
            yield {"DATABASE_URL": url}

    @asynccontextmanager
    async def _ringback_on_postgres(self, folder: Path) -> AsyncIterator[Environment]:
        async with self._postgres(folder) as environment, _ringback(environment["DATABASE_URL"]) as address:
            yield address


def lacking(kind: str) -> str | None:
    """Return which program this infrastructure needs and the machine does not have."""
    if kind in {"postgres", "ringback-postgres"}:
        installed = shutil.which("postgres") or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        return None if installed else "postgres"
    if kind == "redis" and not shutil.which("redis-server"):
        return "redis-server"
    return None


@asynccontextmanager
async def _folder(folder: Path) -> AsyncIterator[Environment]:
    yield {"FOLDER": str(folder)}


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[Environment]:
    """Run Redis so that it flushes each write to the disk before it acknowledges it."""
    port = free_port()
    durable = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
    async with _process(port, "redis-server", "--port", str(port), "--dir", str(folder), *durable):
        yield {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}


@asynccontextmanager
async def _temporal(folder: Path) -> AsyncIterator[Environment]:
    """Run Temporal's development server on a file of SQLite; its build is that of the contestant."""
    port, program = free_port(), str(BUILT / "temporal" / "temporal")
    options = (
        *("--headless", "--log-level", "error", "--port", str(port), "--db-filename", str(folder / "temporal.db")),
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=full"),
        # Else it has no priorities, whatever is asked for.
        *("--dynamic-config-value", "matching.useNewMatcher=true"),
    )
    async with _process(port, program, "server", "start-dev", *options):
        yield {"TEMPORAL_ADDRESS": f"127.0.0.1:{port}"}


@asynccontextmanager
async def _ringback_on_sqlite(folder: Path) -> AsyncIterator[Environment]:
    async with _ringback(f"sqlite:///{folder / 'ringback.db'}") as environment:
        yield environment


@asynccontextmanager
async def _ringback(database: str) -> AsyncIterator[Environment]:
    async with serving(1, database, "--dialer", "none") as servers:
        yield {"RINGBACK_ADDRESS": servers[0].address}


@asynccontextmanager
async def _process(port: int, *command: str) -> AsyncIterator[None]:
    """Run a server; enter the block once it listens on the port."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not _listens(port):
                if process.returncode is not None:
                    raise RuntimeError(f"{command[0]} ended instead of listening")
                await asyncio.sleep(0.01)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

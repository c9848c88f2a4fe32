"""A server that is a process of its own, so that it can be killed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.hunts.calls import PATIENCE_S, PAUSE_S
from tests.hunts.setting import Setting
from tests.world.ports import free_port

# The longest that an orchestrator has to wait for a drain.
DRAIN_S: Final = 10.0
_LISTENING: Final = b"listening on"
# What a server logs before it exits because its PostgreSQL is away, or has just gone, or something has its port.
_TO_START_AGAIN: Final = (b"Error: cannot open postgresql:", b"Error: the database ", b"Error: cannot listen on ")
# What a server that is merely killed has no reason to log.
_COMPLAINTS: Final = (b" ERROR ", b" CRITICAL ", b"Traceback")


@dataclass(frozen=True)
class Drain:
    """How a server reacted to SIGTERM."""

    exit_code: int
    seconds: float


class ServerProcess:
    """`ringback serve` on one database and one port, as often as it is started. Its log is kept in the folder."""

    def __init__(
        self,
        folder: Path,
        name: str,
        database: str,
        options: Sequence[str],
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`environment` is added to that of the tests."""
        self.port = free_port()
        self.up = asyncio.Event()
        self.frozen = False
        self._thawed = 0.0
        self.log = folder / f"{name}.log"
        # Its last line, each time it ended without having been asked to.
        self._last_words: list[str] = []
        self._command = (
            *(sys.executable, "-m", "ringback", "serve"),
            *("--listen", f"127.0.0.1:{self.port}", "--database", database or f"sqlite:///{folder / 'hunt.db'}"),
            *("--dial-rules", str(_rules_in(folder))),
            *options,
        )
        self._environment = os.environ | environment
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.spawn()
        await self.listening()

    async def spawn(self) -> None:
        """Start the process, without waiting for it."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stderr=asyncio.subprocess.PIPE, env=self._environment
        )
        assert self._process.stderr is not None
        self._reader = asyncio.create_task(self._read_log(self._process.stderr))

    async def listening(self) -> None:
        """Return when the server listens. One that lacks its database or port is started again, as orchestrators do.

        Raise when it ends for another reason.
        """
        async with asyncio.timeout(PATIENCE_S):
            while not await self._came_up():
                await asyncio.sleep(PAUSE_S)
                await self.spawn()

    async def _came_up(self) -> bool:
        assert self._reader is not None
        up = asyncio.create_task(self.up.wait())
        await asyncio.wait([up, self._reader], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._last_words:
            raise RuntimeError(f"the server ended instead of listening: {self._last_words[-1]}")
        return self.up.is_set()

    async def kill(self) -> None:
        """Kill it with SIGKILL, whatever it is doing; do nothing when it is not running."""
        await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the process, so that the server hangs without noticing it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        self.frozen = True

    async def thaw_after(self, seconds: float) -> None:
        """Let it go on, unless it was killed meanwhile."""
        process = self._process
        await asyncio.sleep(seconds)
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGCONT)
        self.frozen = False
        self._thawed = time.monotonic()

    def has_hung(self, since: float) -> bool:
        """Return whether it hung at any time since that moment of `time.monotonic`."""
        return self.frozen or self._thawed >= since

    async def drain(self, number: signal.Signals = signal.SIGTERM) -> Drain:
        """Tell it to stop, and wait until it has."""
        begun = time.monotonic()
        exit_code = await self._end(number)
        return Drain(exit_code, time.monotonic() - begun)

    def complaints(self) -> Iterator[str]:
        """Yield each time it ended by itself, and the lines of its log that tell of a bug."""
        for words in self._last_words:
            yield f"the server ended by itself: {words}"
        with self.log.open("rb") as lines:
            for line in lines:
                if any(mark in line for mark in _COMPLAINTS):
                    yield f"the server's log: {line.decode().strip()}"

    async def _end(self, number: signal.Signals) -> int:
        self.up.clear()
        process = self._process
        if process is None or self._reader is None:
            return 0
        self._process = None
        if process.returncode is None:
            process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            await self._reader
            exit_code = await process.wait()
        self.up.clear()  # in case it came up at the last moment
        return exit_code

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        line = b"nothing was logged"
        async for line in stream:
            self._keep(line)
            if _LISTENING in line:
                self.up.set()
        if self._process is not None and not line.startswith(_TO_START_AGAIN):  # it was not told to end
            self.up.clear()
            self._last_words.append(line.decode().strip())

    def _keep(self, line: bytes) -> None:
        with self.log.open("ab") as log:
            log.write(line)


@asynccontextmanager
async def serving(folder: Path, setting: Setting, *options: str) -> AsyncIterator[Sequence[ServerProcess]]:
    """Run the servers of a setting, which all start at once."""
    names = [f"server-{number}" for number in range(1, setting.servers + 1)]
    servers = [ServerProcess(folder, name, setting.database, options) for name in names]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        await asyncio.gather(*(server.kill() for server in servers))


def _rules_in(folder: Path) -> Path:
    """Return a file of dial rules: the phones that all callbacks share are dialled more often than people's, and some
    are on this machine.
    """
    path = folder / "dial-rules.yaml"
    path.write_text('attempts_per_number_and_day: off\nsip: {allow_hosts: ["*", "127.0.0.0/8"]}\n')
    return path


def hanging(servers: Sequence[ServerProcess]) -> Callable[[float], bool] | None:
    """Return a function that tells whether one of many has hung since a moment; None for one that is alone."""
    if len(servers) == 1:
        return None
    return lambda since: any(server.has_hung(since) for server in servers)


def ports_of(servers: Sequence[ServerProcess]) -> Sequence[int]:
    return [server.port for server in servers]

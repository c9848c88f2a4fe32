"""A server as operators run it: another process, and its log."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.world.command_line import start
from tests.world.secrets_guard import GUARD

_LISTENING = re.compile(r"listening on ([^\s\"]+)")
_SERVING_HTTP = re.compile(r"serving HTTP on ([^\s\"]+)")


class ServerProcess:
    """A running `ringback serve`. Its log is read all the time, so that the pipe never fills up."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[str] = []
        self._grown = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def line(self, wanted: str) -> str:
        """Return the first line of the log that matches the pattern; wait until there is one."""
        return await self.line_after(0, wanted)

    async def line_after(self, seen: int, wanted: str) -> str:
        """Return the first line that matches after so many lines; wait until there is one."""
        while True:
            for text in self.log[seen:]:
                if re.search(wanted, text):
                    return text
            seen = len(self.log)
            assert not self._reading.done(), "the server ended:\n" + "\n".join(self.log)
            self._grown.clear()
            await self._grown.wait()

    async def address(self) -> str:
        """Return where it listens, as a target of a client."""
        found = _LISTENING.search(await self.line(_LISTENING.pattern))
        assert found is not None
        return found[1]

    async def http_address(self) -> str:
        """Return where it listens for HTTP."""
        found = _SERVING_HTTP.search(await self.line(_SERVING_HTTP.pattern))
        assert found is not None
        return found[1]

    async def stop(self) -> int:
        """Ask it to stop, and return its exit code when it has."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        await self._reading
        return await self.process.wait()

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self._reading
        await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode().rstrip())
            GUARD.look("log of a server process", self.log[-1])
            self._grown.set()
        self._grown.set()


@asynccontextmanager
async def serving(*options: str, files: str = "", **settings: str) -> AsyncIterator[ServerProcess]:
    """Run a server with these options, and with so many files at most; it is gone when the block ends."""
    server = ServerProcess(await start("serve", *options, files=files, **settings))
    try:
        yield server
    finally:
        await server.kill()

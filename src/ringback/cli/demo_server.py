"""The server of `ringback demo`: a process of its own, as a real one would be."""

import asyncio
import os
import re
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import click

_START_S = 20.0
_STOP_S = 10.0
_PAGE = re.compile(r"the page is at (\S+)")
_LISTENING = re.compile(r"listening on (\S+)")


class ServerFailed(click.ClickException):
    """The server did not start, or did not stop as it should. Exit code 1."""


class Addresses(NamedTuple):
    """Where a server is reached: by clients, and by browsers."""

    grpc: str
    page: str


@asynccontextmanager
async def running_server(folder: Path) -> AsyncIterator[Addresses]:
    """Run a server on a new database in the folder, and yield its addresses. It is stopped with SIGTERM.

    Raise `ServerFailed` when it does not start, or does not stop as it should.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", "serve"),
        *("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
        *("--database", f"sqlite:///{folder / 'demo.db'}", "--dialer", "simulated"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # Settings for the user's own server do not concern this one.
        env={name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")},
    )
    assert process.stderr is not None
    log = _Log(process.stderr)
    try:
        yield await log.addresses()
    finally:
        # A signal to a process that has just ended would take its exit code from under asyncio.
        if not log.has_ended:
            process.terminate()
        await _ended(process, log)


async def _ended(process: asyncio.subprocess.Process, log: "_Log") -> None:
    try:
        async with asyncio.timeout(_STOP_S):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        raise ServerFailed(f"the server did not stop within {_STOP_S:g} s of SIGTERM:\n{log}") from None
    if code != 0:
        raise ServerFailed(f"the server ended with exit code {code}:\n{log}")


class _Log:
    """The output of the server, read all the time so that the pipe never fills up."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._last: deque[str] = deque(maxlen=20)
        self._page = ""
        self._addresses: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(stream))

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self._last.append(line.decode(errors="replace").rstrip())
            if found := _PAGE.search(self._last[-1]):
                self._page = found[1]
            found = _LISTENING.search(self._last[-1])  # the last line of a start
            if found and not self._addresses.done():
                self._addresses.set_result(Addresses(found[1], self._page))
        if not self._addresses.done():
            self._addresses.set_exception(ServerFailed(f"the server did not start:\n{self}"))

    @property
    def has_ended(self) -> bool:
        return self._reading.done()

    async def addresses(self) -> Addresses:
        try:
            async with asyncio.timeout(_START_S):
                return await self._addresses
        except TimeoutError:
            raise ServerFailed(f"the server does not listen after {_START_S:g} s:\n{self}") from None

    def __str__(self) -> str:
        return "\n".join(self._last)

"""A driver process: sends it commands, and sorts its replies. README.md describes the protocol."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

_MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_EXIT_S: Final = 10.0
_SHOWN_STDERR: Final = 2000


class DriverFault(Exception):  # noqa: N818 - the fault may be of the driver's machine
    """The driver has died, is silent, or does not speak the protocol."""


class Exchange:
    """All replies to one command: responses as they come, and in the end a result."""

    def __init__(self) -> None:
        self._responses: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._result: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def take(self, reply: dict[str, Any]) -> None:
        if "code" not in reply:
            self._responses.put_nowait(reply)
        elif not self._result.done():
            self._result.set_result(reply)

    def fail(self, fault: DriverFault) -> None:
        if not self._result.done():
            self._result.set_exception(fault)
            self._result.exception()  # read once, lest asyncio warns where no caller asks for it

    async def result(self, patience_s: float) -> dict[str, Any]:
        await asyncio.wait([self._result], timeout=patience_s)
        if not self._result.done():
            raise DriverFault(f"no answer for {patience_s:g} s")
        return self._result.result()

    async def response(self, patience_s: float) -> dict[str, Any] | None:
        """Return the next response; None when the result has come instead. Raise `TimeoutError`."""
        getting = asyncio.ensure_future(self._responses.get())
        await asyncio.wait([getting, self._result], timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        getting.cancel()
        if self._result.done():
            self._result.result()
            return None
        raise TimeoutError

    def unread(self) -> list[dict[str, Any]]:
        return [self._responses.get_nowait() for _ in range(self._responses.qsize())]


class Driver:
    """A running driver."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._exchanges: dict[int, Exchange] = {}

    @classmethod
    @asynccontextmanager
    async def start(cls, command: Sequence[str], address: str, *options: str) -> AsyncIterator["Driver"]:
        """Run a driver for as long as the block lasts. Raise `DriverFault` when it does not end well."""
        process = await asyncio.create_subprocess_exec(
            *command,
            address,
            *options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
        )
        driver = cls(process)
        reading = asyncio.create_task(driver._read())
        try:
            yield driver
            await driver._end()
        finally:
            if process.returncode is None:
                process.kill()
            await reading
            await process.wait()

    def begin(self, command: dict[str, Any]) -> tuple[int, Exchange]:
        """Send a command. Return its id, too, by which `stop` names it."""
        command_id = len(self._exchanges) + 1
        exchange = self._exchanges[command_id] = Exchange()
        self._stdin.write(json.dumps({"id": command_id, **command}).encode() + b"\n")
        return command_id, exchange

    async def _read(self) -> None:
        """Sort the replies until the driver ends, then let no caller wait for more."""
        stderr = asyncio.create_task(self._stream(self._process.stderr).read())
        fault = ""
        try:
            async for line in self._stream(self._process.stdout):
                reply = json.loads(line)
                self._exchanges[reply["id"]].take(reply)
        except (ValueError, LookupError, TypeError) as error:
            fault = f"said what is no answer ({error!r})"
            self._process.kill()
        said = (await stderr).decode(errors="replace")[-_SHOWN_STDERR:]
        code = await self._process.wait()
        ended = DriverFault(f"the driver {fault or f'exited with {code}'}\n{said}".rstrip())
        for exchange in self._exchanges.values():
            exchange.fail(ended)

    async def _end(self) -> None:
        self._stdin.close()
        try:
            async with asyncio.timeout(_EXIT_S):
                code = await self._process.wait()
        except TimeoutError:
            raise DriverFault(f"the driver did not exit within {_EXIT_S:g} s of the end of its input") from None
        if code != 0:
            raise DriverFault(f"the driver exited with {code} at the end of its input")

    @property
    def _stdin(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None
        return self._process.stdin

    @staticmethod
    def _stream(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
        assert stream is not None
        return stream

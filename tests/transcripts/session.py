"""A folder, a server in it, and the commands of one document, run for real."""

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# Where the commands of the documents are, before the machine's own.
PATH: Final = os.pathsep.join(
    [
        str(Path(sys.executable).parent),
        str(ROOT / "build/plugins/grpcurl"),
        str(ROOT / "build/stubs-venv/bin"),
        os.environ["PATH"],
    ]
)
# The ports that documents show; the real ones are whichever are free.
_SHOWN_PORT: Final = 50051
_SHOWN_HTTP_PORT: Final = 8080
_LISTENING: Final = re.compile(r"listening on .*:(\d+)$")
_SERVING_HTTP: Final = re.compile(r"serving HTTP on .*:(\d+)$")
# Longer than anything takes, on a busy machine too.
_PATIENCE_S: Final = 60.0


class Failed(Exception):  # noqa: N818 - printed by the checker, as it is
    """A command that prepares a transcript has not succeeded."""


class Session:
    """Runs commands one after the other. What they leave running ends with the session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Of the server that runs; before there is one the system would choose them.
        self._port = 0
        self._http_port = 0
        # Whether a config file says that there is one.
        self._has_http = False
        self._server: asyncio.subprocess.Process | None = None
        self._processes: list[asyncio.subprocess.Process] = []

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["Session"]:
        with tempfile.TemporaryDirectory(prefix="ringback-transcripts-") as folder:
            # Documents name files of this folder from the root.
            (Path(folder) / "deploy").symlink_to(ROOT / "deploy")
            session = cls(Path(folder))
            try:
                yield session
            finally:
                for process in session._processes:
                    await _end(process)

    def give(self, file: str, lines: Sequence[str]) -> None:
        """Make a file of the session's folder."""
        self._has_http |= any(line.startswith("http: ") for line in lines)
        (self._folder / file).write_text("".join(f"{line}\n" for line in lines))

    async def serve(self, command: str) -> list[str]:
        """Start a server, in place of the one that runs. Return what it prints until it listens."""
        if self._server is not None:
            self._server.terminate()
            await asyncio.wait_for(self._server.wait(), _PATIENCE_S)
        self._port = self._http_port = 0
        self._server = await self._start(command, asyncio.subprocess.PIPE)
        said = []
        async with asyncio.timeout(_PATIENCE_S):
            async for line in _lines(self._server):
                said.append(line)
                if over_http := _SERVING_HTTP.search(line):
                    self._http_port = int(over_http[1])
                if listening := _LISTENING.search(line):
                    self._port = int(listening[1])
                    break
        return self._as_shown(said)

    async def run(
        self, command: str, *, is_enough: Callable[[Sequence[str]], bool], meanwhile: Sequence[str] = ()
    ) -> list[str]:
        """Run a command to its end, or until that is enough. Return all that it prints."""
        process = await self._start(command, asyncio.subprocess.PIPE)
        said: list[str] = []
        try:
            async with asyncio.timeout(_PATIENCE_S):
                async for line in _lines(process):
                    said.append(line)
                    if len(said) == 1:
                        for aside in meanwhile:
                            await self.run_quietly(aside)
                    if is_enough(said):
                        break
        except TimeoutError:
            said.append(f"(still running after {_PATIENCE_S:g} s)")
        await _end(process)
        self._processes.remove(process)
        return self._as_shown(said)

    async def run_quietly(self, command: str) -> None:
        """Run a command that is not shown. Raise `Failed`."""
        log = self._folder / "quietly.log"
        with log.open("w") as output:
            process = await self._start(command, output.fileno())
            try:
                code = await asyncio.wait_for(process.wait(), _PATIENCE_S)
            except TimeoutError:
                raise Failed(f"{command}\n(still running after {_PATIENCE_S:g} s) {log.read_text()}") from None
        if code != 0:
            raise Failed(f"{command}\n(exit code {code}) {log.read_text()}")

    async def _start(self, command: str, output: int) -> asyncio.subprocess.Process:
        # A pipe makes programs hold back their lines, which a terminal does not: hence stdbuf.
        process = await asyncio.create_subprocess_exec(
            *("stdbuf", "-oL", "bash", "-eo", "pipefail", "-c", self._as_run(command)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env=self._environment(),
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
        ours = {
            "PATH": PATH,
            "TZ": "UTC",
            "RINGBACK_LISTEN": f"127.0.0.1:{self._port}",
            "RINGBACK_SERVER": f"127.0.0.1:{self._port}",
        }
        # In place of the port that the config file shows.
        return theirs | ours | ({"RINGBACK_HTTP": f"127.0.0.1:{self._http_port}"} if self._has_http else {})

    def _as_run(self, command: str) -> str:
        command = command.replace(".venv/bin/", "").replace(f":{_SHOWN_PORT}", f":{self._port}")
        return command.replace(f":{_SHOWN_HTTP_PORT}", f":{self._http_port}")

    def _as_shown(self, lines: Sequence[str]) -> list[str]:
        for real, shown in ((self._port, _SHOWN_PORT), (self._http_port, _SHOWN_HTTP_PORT)):
            if real:
                lines = [line.replace(f":{real}", f":{shown}") for line in lines]
        return list(lines)


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    async for line in process.stdout:
        yield line.decode().rstrip("\n")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a command, with everything that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()

"""What all peers are: a program from a package, its folder, its log, and the ports that it has bound."""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

# Far more than a start or a call takes on a busy machine: beyond it something hangs.
PATIENCE_S: Final = 60.0
# Between two looks at what a program does not tell.
PAUSE_S: Final = 0.02

PACKAGES: Final[Mapping[str, str]] = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "kamailio": "kamailio kamailio-tls-modules",
    "twinkle-console": "twinkle-console",
}


def missing_packages(*programs: str) -> list[str]:
    """Return the Debian packages of those programs that this machine lacks."""
    return [PACKAGES[program] for program in programs if program_path(program) is None]


def needed(*programs: str) -> None:
    """Skip the test where a program is missing; with CI=true that is a failure."""
    if packages := missing_packages(*programs):
        reason = f"SIP peers are missing: apt-get install {' '.join(packages)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def program_path(program: str) -> str | None:
    # Daemons are in folders that are not on the path of every user.
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


class Peer:
    """A running program with a folder of its own. All its output is in `log`, which can be waited upon."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.log: list[str] = [""]  # the last line may still grow
        self._grown = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        path = program_path(program)
        assert path is not None, f"{program} is not installed: call needed() first"
        self._process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), **(environment or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read())

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def write(self, line: str) -> None:
        """Type a line at the program's console."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def line(self, wanted: str, *, after: int = 0) -> str:
        """Return the first line of the output that contains the text; wait for it."""
        seen = after
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for text in self.log[seen:]:
                    if wanted in text:
                        return text
                seen = len(self.log) - 1
                assert not self._is_over(), self.account()
                self._grown.clear()
                await self._grown.wait()

    async def bound(self, protocol: str, port: int) -> None:
        """Return as soon as the program, or one that it has started, has bound the port."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_bound(protocol, port):
                assert not self.ended, self.account()
                await asyncio.sleep(PAUSE_S)

    async def exit_code(self, patience_s: float = PATIENCE_S) -> int:
        """Return the exit code of a program that ends by itself."""
        assert self._process is not None
        assert self._reading is not None
        try:
            async with asyncio.timeout(patience_s):
                await self._reading
                return await self._process.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name} has not ended\n{self.account()}") from None

    async def stop(self) -> None:
        """End it, by SIGKILL where SIGTERM does not do."""
        if self._process is None or self._reading is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._process.wait()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._reading.cancel()

    def account(self) -> str:
        """Return what it wrote, for a message of a failed test."""
        told = [line for line in self.log if line.strip() and "(bit/s)" not in line]
        return "\n".join([f"--- {self.name}", *told[-60:]])

    def _is_over(self) -> bool:
        """Return whether nothing more will come from the program."""
        return self._reading is None or self._reading.done()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            while piece := await self._process.stdout.read(1 << 16):
                # Some rewrite the last line again and again, by carriage returns; a prompt has no end.
                self.log[-1:] = re.split(r"[\r\n]+", self.log[-1] + piece.decode(errors="replace"))
                self._grown.set()
        finally:
            self._grown.set()


def is_bound(protocol: str, port: int) -> bool:
    """Return whether some process of this machine has bound the port: Linux lists all sockets."""
    listening = {"tcp": "0A", "udp": "07"}[protocol]
    for table in (Path(f"/proc/net/{protocol}"), Path(f"/proc/net/{protocol}6")):
        for row in table.read_text().splitlines()[1:]:
            _, local, _, state, *_ = row.split()
            if state == listening and int(local.rpartition(":")[2], 16) == port:
                return True
    return False

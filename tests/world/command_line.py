"""The command line as users run it: another process."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias


class Ran(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Awaitable[Ran]]


def environment(**settings: str) -> dict[str, str]:
    """Return the tests' environment without the developer's own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")} | settings


async def start(*arguments: str, files: str = "", **settings: str) -> asyncio.subprocess.Process:
    """Start a command, which can have no more than so many files open; "" for as many as the test."""
    command = (sys.executable, "-m", "ringback", *arguments)
    limited = () if not files else ("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh")
    return await asyncio.create_subprocess_exec(
        *(*limited, *command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(**settings),
    )


async def run(*arguments: str, **settings: str) -> Ran:
    process = await start(*arguments, **settings)
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


async def run_without(modules: tuple[str, ...], *arguments: str) -> Ran:
    """Run a command where these modules are not installed."""
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({modules!r}))\n"
        "from ringback.cli import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "main()\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())

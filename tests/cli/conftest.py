"""The command line as people use it: another process, which talks to a real server."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

import pytest

from ringback.app import App
from tests.world.api import Api


class Ran(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Awaitable[Ran]]


def environment(**settings: str) -> dict[str, str]:
    """The tests' environment without the settings of whoever runs them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")} | settings


async def start(*arguments: str, **settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", *arguments),
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


@pytest.fixture
def ringback(app: App, api: Api) -> Run:
    """Run a command against the server of the test, which has the service sip:support@cc.example."""

    async def run_here(*arguments: str, **settings: str) -> Ran:
        return await run(*arguments, RINGBACK_SERVER=f"127.0.0.1:{app.port}", **settings)

    return run_here

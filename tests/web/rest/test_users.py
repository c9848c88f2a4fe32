"""Scripts of present users run as they are."""

import asyncio
import sys
from pathlib import Path

from tests.world.api import Api
from tests.world.rest import Rest

HERE = Path(__file__).parent


async def output_of(*command: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().splitlines()


async def test_a_script_in_python_runs_unchanged(rest: Rest, api: Api) -> None:
    assert await output_of(sys.executable, str(HERE / "user_script.py"), f"http://localhost:{rest.port}") == [
        "200 ['']",
        "201 QUEUED High 2025-12-24T08:30:00Z",
        "200 True",
        "409 CALLBACK_ALREADY_EXISTS ['Target']",
        "200 QUEUED 0",
        "200 task-4711",
        "200 CANCELLED",
        "200 CANCELLED",
        "404 CALLBACK_NOT_FOUND",
    ]
    [callback] = await api.list_all()
    assert callback.dial_target == "tel:+41785556677"


async def test_a_script_of_a_shell_runs_unchanged(rest: Rest) -> None:
    assert await output_of("sh", str(HERE / "user_script.sh"), f"http://localhost:{rest.port}") == [
        "201",
        "200",
        '"State":"QUEUED"',
        '"CancelReason":"solved"',
    ]

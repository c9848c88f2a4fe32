"""The log of a server process: one line for each transition, nothing that names a person, nothing of libraries."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringback.v1 import directory_service_pb2 as directory
from tests.world.api import Api
from tests.world.command_line import run
from tests.world.raw_call import raw_call
from tests.world.server_process import ServerProcess, serving

SERVICE = "sip:support@cc.example"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ .+")


@asynccontextmanager
async def a_life(tmp_path: Path, *options: str, **settings: str) -> AsyncIterator[tuple[ServerProcess, str]]:
    """Run a server, and have it call a number."""
    fast = ("--simulated-ring", "0", "--simulated-talk", "0")
    database = f"sqlite:///{tmp_path}/ringback.db"
    async with serving("--listen", f"unix:{tmp_path}/s", "--database", database, *fast, *options, **settings) as server:
        async with Api.at(f"unix:{tmp_path}/s") as api:
            # The line that says that it listens may be switched off.
            service = directory.Service(sip_address=SERVICE)
            await api.directory.CreateService(directory.CreateServiceRequest(service=service), wait_for_ready=True)
            callback = await api.create(
                "tel:+41785556677", service_sip=SERVICE, description="Anna Muster", labels={"name": "Muster"}
            )
            await api.until_ended(callback.callback_id)
        await server.stop()
        yield server, callback.callback_id


async def test_each_transition_is_one_line(tmp_path: Path) -> None:
    async with a_life(tmp_path) as (server, callback_id):
        pass
    told = [line.split(" INFO ")[1] for line in server.log if callback_id in line]
    start, end = f"callback {callback_id} of {SERVICE}: ", ", tel:+41 78 *** ** 77"
    assert [line.removeprefix(start).removesuffix(end) for line in told] == [
        "new → QUEUED (created)",
        "QUEUED → OFFERED (leased by ringback.simulated)",
        "OFFERED → DIALING (attempt 1 of 4)",
        "DIALING → CONNECTED (answered)",
        "CONNECTED → COMPLETED (ANSWERED, SIP 200, attempt 1 of 4)",
    ]
    assert all(LINE.fullmatch(line) for line in server.log)


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_nothing_names_a_person(tmp_path: Path, level: str) -> None:
    """Libraries log each statement at DEBUG, with its values: they do not, unless they are asked for."""
    async with a_life(tmp_path, RINGBACK_LOG_LEVEL=level) as (server, _):
        pass
    log = "\n".join(server.log)
    assert "listening on" in log
    assert not re.search("5556677|785556677|Muster|INSERT|BEGIN", log)


async def test_libraries_are_logged_when_they_are_asked_for(tmp_path: Path) -> None:
    async with a_life(tmp_path, RINGBACK_LOG_LEVEL="debug", RINGBACK_LOG_LIBRARIES="true") as (server, _):
        pass
    assert any(" DEBUG " in line and "SELECT" in line for line in server.log)
    assert not re.search("5556677|785556677", "\n".join(server.log))


_LIBRARY = """
import logging
from ringback.cli.log import set_up_log
set_up_log("debug", libraries=True)
log = logging.getLogger("some.library")
log.debug("executing %r with %r", "INSERT", ("tel:+41785556677", "authorization: Bearer s3cret"))
try:
    raise ValueError("cannot dial sip:+41785556677@gateway.example")
except ValueError:
    log.exception("a bug")
"""


async def test_numbers_and_tokens_are_masked_whoever_logs_them_and_in_tracebacks_too() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _LIBRARY, stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    log = err.decode()
    assert not re.search("5556677|s3cret", log)
    assert log.count("+41 78 *** ** 77") == 2
    assert "Bearer ***" in log


_LINES = """
import asyncio, logging, os, threading
from ringback.cli.log import set_up_log
set_up_log("info", libraries=False)
log = logging.getLogger("ringback")
async def main():
    log.info("1 in a round")
    log.info("2 in a round")
    await asyncio.sleep(0)
    await asyncio.to_thread(log.info, "3 in a thread")
    log.info("4 %s", "is", "no line")
    log.info("5 before a fault")
    log.error("6 a fault")
    if EXIT:
        os._exit(1)
    log.info("7 at the end")
asyncio.run(main())
log.info("8 without a loop")
"""


@pytest.mark.parametrize("at_once", [False, True])
async def test_lines_of_a_round_are_written_together_and_none_is_lost(at_once: bool) -> None:
    program = f"EXIT = {at_once}\n{_LINES}"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    lines = [line for line in err.decode().splitlines() if LINE.fullmatch(line) and "cannot be written" not in line]
    numbers = [line.split()[3] for line in lines]
    assert numbers == (["1", "2", "3", "5", "6"] if at_once else ["1", "2", "3", "5", "6", "7", "8"])
    assert b"not all arguments converted" in err


@pytest.mark.parametrize("level", ["warning", "error"])
async def test_a_higher_level_leaves_the_normal_course_out(tmp_path: Path, level: str) -> None:
    async with a_life(tmp_path, "--log-level", level) as (server, _):
        pass
    assert server.log == []


async def test_an_unknown_level_is_refused() -> None:
    ran = await run("serve", "--log-level", "loud")
    assert ran.code == 2
    assert "none of debug, info, warning, error" in ran.err


async def test_metadata_that_is_no_text_is_not_logged(tmp_path: Path) -> None:
    """Everybody who reaches the port could fill the log with what he likes."""
    options = ("--listen", "127.0.0.1:0", "--database", f"sqlite:///{tmp_path}/ringback.db")
    async with serving(*options) as server:
        address = await server.address()
        for key in (b"authorization", b"x-anything"):
            await raw_call(address, "/ringback.v1.DirectoryService/ListServices", (key, b"a-secret \xff\xfe"))
        assert await server.stop() == 0
    assert "a-secret" not in "\n".join(server.log)
    assert all(LINE.fullmatch(line) for line in server.log)

"""The log of a server process: one line for each transition, nothing that names a person, nothing of libraries."""

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ringback.cli.log import _Record
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


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize(("level", "told"), [("warning", ["there was no database"]), ("error", [])])
async def test_a_higher_level_leaves_the_normal_course_out(tmp_path: Path, level: str, told: list[str]) -> None:
    async with a_life(tmp_path, "--log-level", level) as (server, _):
        pass
    assert [line.partition(" WARNING ")[2].partition(":")[0] for line in server.log] == told


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


# --- JSON, and what must not pass for a line --------------------------------------------------------------------------

KEYS = ("time", "level", "logger", "message")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def entries(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the objects of a log; each line has to be one, and to begin with what all have."""
    found = [json.loads(line) for line in lines]
    for entry in found:
        assert tuple(entry)[:4] == KEYS
        assert TIME.fullmatch(entry["time"])
    return found


async def logged(program: str, form: str) -> str:
    text = _PROGRAM.format(form=form) + program
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", text, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "latin-1"}
    )
    _, err = await process.communicate()
    return err.decode("utf-8" if form == "json" else "latin-1")


async def test_a_log_of_json_is_one_object_on_each_line_from_the_first_to_the_last(tmp_path: Path) -> None:
    async with a_life(tmp_path, "--log-format", "json", "--log-level", "debug") as (server, callback_id):
        pass
    told = entries(server.log)
    assert told[-1]["message"] == "stopped"
    steps = [entry for entry in told if entry.get("callback") == callback_id]
    assert [(entry["previous"], entry["state"], entry["reason"]) for entry in steps] == [
        ("new", "QUEUED", "created"),
        ("QUEUED", "OFFERED", "leased by ringback.simulated"),
        ("OFFERED", "DIALING", "attempt 1 of 4"),
        ("DIALING", "CONNECTED", "answered"),
        ("CONNECTED", "COMPLETED", "ANSWERED, SIP 200, attempt 1 of 4"),
    ]
    assert {(entry["service"], entry["target"], entry["level"]) for entry in steps} == {
        (SERVICE, "tel:+41 78 *** ** 77", "INFO")
    }
    calls = [entry for entry in told if "rpc" in entry]
    assert {"CreateService", "CreateCallback", "WatchCallbacks"} <= {entry["rpc"] for entry in calls}
    assert {(entry["edge"], entry["level"]) for entry in calls} == {("grpc", "DEBUG")}
    assert all(isinstance(entry["ms"], float) for entry in calls)


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--log-level", "loud"), 2, "none of debug, info, warning, error"),
        (("--config", "/nowhere/c.yaml"), 2, "/nowhere/c.yaml"),
        (("--database", "sqlite:////nowhere/r.db"), 1, "/nowhere"),
    ],
)
async def test_why_a_server_cannot_serve_is_in_the_form_of_its_log(
    options: tuple[str, str], code: int, message: str
) -> None:
    ran = await run("serve", "--listen", "127.0.0.1:0", *options, RINGBACK_LOG_FORMAT="json")
    assert ran.code == code
    told = entries(ran.err.splitlines())
    assert told[-1]["level"] == "CRITICAL"
    assert message in told[-1]["message"]


_PROGRAM = """
import logging
from ringback.cli.log import set_up_log
set_up_log("info", libraries=False, form="{form}")
log = logging.getLogger("ringback.test")
"""
_FORGED = r"""
forged = "2026-01-01 00:00:00,000 INFO callback x of y: QUEUED \u2192 COMPLETED (ANSWERED), tel:+1"
for separator in ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"):
    log.info("a text of a client: %s", "begins" + separator + forged)
    try:
        raise ValueError("begins" + separator + forged)
    except ValueError:
        log.exception("a fault")
"""


async def test_no_text_of_a_client_passes_for_a_line() -> None:
    text = await logged(_FORGED, "text")
    assert len([line for line in text.splitlines() if LINE.fullmatch(line)]) == 18
    assert all(line.startswith("    ") for line in text.splitlines() if not LINE.fullmatch(line))
    told = entries((await logged(_FORGED, "json")).splitlines())
    assert len(told) == 18
    assert all("begins" in entry.get("exception", entry["message"]) for entry in told)


_ESCAPES = r"""
log.info("a terminal: %s", "\x1b[2J\x1b]0;title\x07 \x9b31m \u202etxt.exe \ud800 \x7f end")
log.info("ä → ☎")
log.info("a number: %s", "+41\n785556677")
"""


async def test_what_would_garble_a_terminal_is_escaped_and_all_else_is_as_it_was() -> None:
    garbling, words, number = (await logged(_ESCAPES, "text")).splitlines()
    assert r"\x1b[2J\x1b]0;title\x07 \x9b31m \u202etxt.exe \ud800 \x7f end" in garbling
    assert words.endswith("INFO ä \\u2192 \\u260e"), "the stream has no more signs"
    assert "5556677" not in number
    told = entries((await logged(_ESCAPES, "json")).splitlines())
    assert told[0]["message"].startswith("a terminal: \x1b[2J")
    assert told[1]["message"] == "ä → ☎"
    assert "5556677" not in told[2]["message"]


_ELSEWHERE = """
import gc, threading, warnings
class Bad:
    def __del__(self):
        raise ValueError("tel:+41785556677 in __del__")
warnings.warn("look out\\nsecond line")
Bad(); gc.collect()
def die():
    raise ValueError("tel:+41785556677 in a thread")
thread = threading.Thread(target=die); thread.start(); thread.join()
logging.getLogger("some.library").warning("x" * 100_000)
logging.getLogger("some.library").info("noise")
log.info("%d", "no number")
raise RuntimeError("tel:+41785556677 at the end")
"""


async def test_what_python_tells_by_itself_has_the_form_of_the_log() -> None:
    err = await logged(_ELSEWHERE, "json")
    told = entries(err.splitlines())
    assert [(entry["level"], entry["logger"]) for entry in told] == [
        ("WARNING", "py.warnings"),
        ("ERROR", "ringback"),
        ("ERROR", "ringback"),
        ("WARNING", "some.library"),
        ("ERROR", "ringback.cli.log"),
        ("CRITICAL", "ringback"),
    ]
    assert "5556677" not in err
    assert [("exception" in entry) for entry in told] == [False, True, True, False, True, True]
    assert len(told[3]["message"]) < 10_000
    text = await logged(_ELSEWHERE, "text")
    assert len([line for line in text.splitlines() if LINE.fullmatch(line)]) == len(told)
    assert all(line.startswith("    ") for line in text.splitlines() if not LINE.fullmatch(line))


@pytest.mark.parametrize("args", [(), ("a",), ("a", 1), ({"a": 1},), ({},), (["a"],)])
def test_a_record_says_what_any_other_would(args: tuple[Any, ...]) -> None:
    """It leaves out where it was made, which no line has."""
    text = {0: "100 %", 1: "%s"}.get(len(args), "%s %d")
    if args and args[0] == {"a": 1}:
        text = "%(a)d"
    arguments = ("some.name", logging.WARNING, "file.py", 7, text, args, None, "function")
    ours, usual = _Record(*arguments), logging.LogRecord(*arguments)
    assert ours.getMessage() == usual.getMessage()
    assert (ours.name, ours.levelname, ours.levelno) == (usual.name, usual.levelname, usual.levelno)
    assert ours.created <= usual.created
    assert 0 <= ours.msecs < 1000
    assert {name for name in vars(usual) if not hasattr(ours, name)} == set()

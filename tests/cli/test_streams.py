"""What commands do where their output cannot be printed, or is not read."""

import asyncio
import json
import os
import re
import signal
import sys
from dataclasses import replace

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.api import Api
from tests.world.command_line import environment, start
from tests.world.requests import from_now

UNPRINTABLE = "Grüezi ✓"
PRINTED = {"ascii": "Gr?ezi ?", "latin-1": "Grüezi ?", "utf-8": UNPRINTABLE}


async def ran_in(encoding: str, *arguments: str | bytes, server: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(RINGBACK_SERVER=server, PYTHONIOENCODING=encoding),
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(encoding), err.decode(encoding)


@pytest.fixture
def server(app: App, api: Api) -> str:
    return f"127.0.0.1:{app.port}"


@pytest.mark.long
@pytest.mark.parametrize("encoding", PRINTED)
async def test_pages_and_tables_replace_what_cannot_be_printed(encoding: str, server: str, api: Api) -> None:
    await api.create(external_task_id=UNPRINTABLE, description=UNPRINTABLE, due_date=from_now(hours=1))
    for command in (("get", f"/{UNPRINTABLE}"), ("list",)):
        code, out, err = await ran_in(encoding, *command, server=server)
        assert (code, err) == (0, "")
        assert PRINTED[encoding] in out


@pytest.mark.long
@pytest.mark.parametrize("encoding", PRINTED)
async def test_json_and_yaml_lose_nothing(encoding: str, server: str, api: Api) -> None:
    await api.add_service("sip:sales@cc.example", display_name=UNPRINTABLE)
    _, line, _ = await ran_in(encoding, "services", "show", "sip:sales@cc.example", "--json", server=server)
    assert json.loads(line)["display_name"] == UNPRINTABLE
    _, text, _ = await ran_in(encoding, "services", "get", "sip:sales@cc.example", server=server)
    assert (UNPRINTABLE if encoding == "utf-8" else r"\u2713") in text


@pytest.mark.parametrize("encoding", PRINTED)
async def test_errors_are_printed_in_any_encoding(encoding: str, server: str) -> None:
    for command in (
        ("get", UNPRINTABLE),
        ("get", f"/{UNPRINTABLE}"),
        (UNPRINTABLE,),
        ("create", UNPRINTABLE, "--service", "sip:support@cc.example"),
    ):
        code, out, err = await ran_in(encoding, *command, server=server)
        assert code in (1, 2)
        assert out == ""
        assert "Traceback" not in err
        assert err.isascii() or encoding != "ascii"


@pytest.mark.parametrize(
    "arguments",
    [("get", b"crm/\xff"), ("list", "--caller", b"\xff"), ("cancel", "/42", "--reason", b"\xff")],
)
async def test_arguments_that_are_no_text(arguments: tuple[str | bytes, ...], server: str) -> None:
    code, out, err = await ran_in("utf-8", *arguments, server=server)
    assert (code, out) == (2, "")
    assert "is no text in the encoding of this system" in err


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("watch",), ("services", "list"), ("get", "/42")])
async def test_a_reader_that_has_gone_ends_a_command_quietly(command: tuple[str, ...], server: str, api: Api) -> None:
    await api.create(external_task_id="42", due_date=from_now(hours=1))
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", *command),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
        env=environment(RINGBACK_SERVER=server),
    )
    os.close(writing)
    _, err = await process.communicate()
    assert (process.returncode, err) == (141, b"")


async def test_an_interrupted_command_ends_quietly() -> None:
    connected = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()  # all that comes, until the command has gone
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as silent:
        process = await start("get", "/42", RINGBACK_SERVER=f"127.0.0.1:{silent.sockets[0].getsockname()[1]}")
        await connected.wait()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


async def test_a_watch_in_a_pipe_tells_of_an_outage_on_stderr(settings: Settings) -> None:
    """The server starts twice on the same port and database."""
    async with await App.start(settings) as app:
        settings = replace(settings, listen=Listen("127.0.0.1", app.port))
        async with Api.connect(app.port) as api:
            await api.add_service()
            await api.create(due_date=from_now(hours=1))
    async with await App.start(settings):
        process = await start("watch", RINGBACK_SERVER=f"127.0.0.1:{app.port}")
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(await process.stdout.readline())["type"] == "CALLBACK_EVENT_TYPE_SNAPSHOT"
    assert re.match(rb"disconnected since \S+Z, trying again: UNAVAILABLE: ", await process.stderr.readline())
    async with await App.start(settings):
        assert re.match(rb"resumed at \S+Z, \S+ after the connection was lost", await process.stderr.readline())
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 0

"""Commands on a real terminal: what a person sees, and what Ctrl-C and an answer do."""

import re
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.api import Api
from tests.world.pseudo_terminal import on_terminal
from tests.world.requests import from_now

CTRL_C = b"\x03"


@pytest.fixture
def server(app: App, api: Api) -> str:
    return f"127.0.0.1:{app.port}"


async def test_times_have_a_zone_and_a_date_unless_it_is_today(server: str, api: Api) -> None:
    callback = await api.create(due_date=from_now(hours=72))
    async with on_terminal("get", callback.callback_id, RINGBACK_SERVER=server, TZ="Asia/Kathmandu") as terminal:
        assert await terminal.process.wait() == 0
        text = await terminal.until(lambda text: "etag" in text)
    facts = {row.split("  ")[0]: row.split("  ", 1)[1].strip() for row in text.splitlines() if "  " in row}
    assert facts["created"].endswith(" +05:45")
    assert len(facts["due"]) == len("2030-01-31 14:02:11 +05:45")
    assert facts["due"].endswith(" +05:45")


async def test_why_a_callback_waits_has_the_times_of_the_terminal(server: str, api: Api) -> None:
    callback = await api.create(due_date=from_now(hours=72))
    async with on_terminal("explain", callback.callback_id, RINGBACK_SERVER=server, TZ="Asia/Kathmandu") as terminal:
        assert await terminal.process.wait() == 0
        assert re.search(r"It is due at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+05:45\.", await terminal.until(bool))


async def test_watch_fits_a_terminal_that_becomes_smaller(server: str, api: Api) -> None:
    """At once: it may be 15 s until the next response."""
    for number in range(20):
        await api.create(due_date=from_now(hours=1), external_task_id=str(number), caller_id="crm")
    async with on_terminal("watch", lines=40, RINGBACK_SERVER=server) as terminal:
        await terminal.until(lambda text: "20 callbacks, 20 open" in text)
        terminal.resize(lines=12, columns=40)
        text = await terminal.until(lambda text: "20 callbacks, 20 open; 12 hidden" in text)
    assert text.rpartition("key ")[2].splitlines()[0].split() == ["state", "target"]


async def test_watch_tells_how_many_rows_are_hidden_and_ctrl_c_ends_it(server: str, api: Api) -> None:
    for number in range(20):
        await api.create(due_date=from_now(hours=1), external_task_id=str(number), caller_id="crm")
    async with on_terminal("watch", lines=12, RINGBACK_SERVER=server) as terminal:
        text = await terminal.until(lambda text: "20 callbacks, 20 open; 12 hidden" in text)
        assert await terminal.end(CTRL_C) == 0
        assert "Traceback" not in terminal.text
        assert "Aborted" not in terminal.text
    last = text.rpartition("last attempt")[2]
    assert [f"crm/{number} " in last for number in range(20)] == [False] * 12 + [True] * 8


async def test_ctrl_c_before_all_have_ended_is_no_success(server: str, api: Api) -> None:
    await api.create(due_date=from_now(hours=1))
    async with on_terminal("watch", "--until-ended", RINGBACK_SERVER=server) as terminal:
        await terminal.until(lambda text: "1 open" in text)
        assert await terminal.end(CTRL_C) == 130
        assert "Aborted" not in terminal.text


async def test_watch_tells_of_an_outage_and_of_its_end(settings: Settings) -> None:
    """The server starts twice on the same port and database."""
    async with await App.start(settings) as app:
        settings = replace(settings, listen=Listen("127.0.0.1", app.port))
        async with Api.connect(app.port) as api:
            await api.add_service()
            await api.create(due_date=from_now(hours=1))
    server = f"127.0.0.1:{app.port}"
    async with AsyncExitStack() as stack:
        async with await App.start(settings):
            terminal = await stack.enter_async_context(
                on_terminal("watch", columns=160, RINGBACK_SERVER=server, TZ="Asia/Kathmandu")
            )
            await terminal.until(lambda text: "1 open" in text)
        await terminal.until(lambda text: re.search(r"disconnected since .* \+05:45, trying again: UNAVAILABLE", text))
        async with await App.start(settings):
            await terminal.until(
                lambda text: re.search(r"resumed at .* \+05:45, .* after the connection was lost", text)
            )


@pytest.mark.parametrize(("typed", "code"), [(b"n\n", 1), (b"\n", 1), (CTRL_C, 130), (b"y\n", 0)])
async def test_delete_asks_first(server: str, api: Api, typed: bytes, code: int) -> None:
    await api.add_service("sip:sales@cc.example", display_name="Sales")
    async with on_terminal("services", "delete", "sip:sales@cc.example", RINGBACK_SERVER=server) as terminal:
        await terminal.until(lambda text: "Delete the service sip:sales@cc.example (Sales)? [y/N]" in text)
        assert await terminal.end(typed) == code
        assert "Traceback" not in terminal.text

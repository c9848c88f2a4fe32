"""The server goes away and comes back: what the page shows afterwards is what the server returns."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from tests.world.api import Api
from tests.world.page import AWAY, DESKTOP, PATIENCE_MS, REFUSED, Faults, OpenWorld, Reader, is_live, reconnect_now
from tests.world.page_rows import shown_states, states_of
from tests.world.ports import free_port
from tests.world.server_process import serving

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.world.server_process import ServerProcess

pytestmark = pytest.mark.browser


class Killable:
    """A server in a process of its own, always on the same ports."""

    def __init__(self, folder: Path) -> None:
        self.grpc_port, self.http_port = free_port(), free_port()
        self._folder = folder

    @asynccontextmanager
    async def serving(self, dialer: str = "simulated") -> AsyncIterator[tuple["ServerProcess", Api]]:
        options = (
            *("--listen", f"127.0.0.1:{self.grpc_port}", "--http", f"127.0.0.1:{self.http_port}"),
            *("--database", f"sqlite:///{self._folder / 'killed.db'}", "--dialer", dialer),
        )
        async with serving(*options) as process, Api.connect(self.grpc_port) as api:
            await process.address()
            yield process, api

    @asynccontextmanager
    async def reader(self, browser: "Browser") -> AsyncIterator[Reader]:
        context = await browser.new_context(viewport=DESKTOP)
        context.set_default_timeout(PATIENCE_MS)
        faults = Faults()
        faults.expect(AWAY)
        faults.watch(context)
        yield Reader(context, f"http://127.0.0.1:{self.http_port}", faults)
        await context.close()
        faults.check()


async def create_many(api: Api, count: int, first: int = 0) -> None:
    words = ["answer", "busy.answer", "no-answer.answer", "declined", "unreachable.answer"]
    for number in range(first, first + count):
        target = f"sip:{words[number % len(words)]}@n{number}.example"
        await api.create(target, service_sip="sip:support@cc.example", caller_id="crm", max_retries=1)


async def all_have_ended(api: Api) -> list[cb.Callback]:
    for callback in await api.list_all():
        await api.until_ended(callback.callback_id)
    return await api.list_all()


async def test_a_server_that_is_killed_and_comes_back(tmp_path: Path, browser: "Browser") -> None:
    """Twice, in the middle of calls; what happens between is on the page afterwards, and nothing else is."""
    server = Killable(tmp_path)
    async with server.reader(browser) as reader:
        async with server.serving() as (process, api):
            await api.add_service(max_concurrent_calls=10)
            await create_many(api, 30)
            lists, queues = await reader.open("/ui/callbacks?caller=crm"), await reader.open("/ui/queues")
            for page in (lists, queues):
                await is_live(page)
            await expect(lists.locator("tr[data-id]").first).to_be_visible()
            await process.kill()
            for page in (lists, queues):
                strip = page.get_by_role("alert")
                await expect(strip).to_contain_text(re.compile(r"Disconnected since \d\d:\d\d:\d\d"))
            # The picture is still there, and can be read.
            assert len(await shown_states(lists)) == 30
        # Without a page to see it: what is new has to be caught up with.
        async with server.serving(dialer="none") as (process, api):
            for page in (lists, queues):
                await is_live(page)
            await process.kill()
        async with server.serving() as (_, api):
            await create_many(api, 15, first=30)
            for page in (lists, queues):
                await is_live(page)
            listed = await all_have_ended(api)
            await lists.keyboard.press(".")
            await is_equal(lists, listed)
            await lists.reload()
            await is_live(lists)
            await is_equal(lists, listed)


async def is_equal(page: object, listed: list[cb.Callback]) -> None:
    """Return when the page shows these, each in its state. Raise `AssertionError` when it does not come to that."""
    wanted, seen = states_of(listed), dict[str, str]()
    deadline = asyncio.get_running_loop().time() + PATIENCE_MS / 1000
    while seen != wanted and asyncio.get_running_loop().time() < deadline:
        seen = await shown_states(page)  # type: ignore[arg-type]
    assert seen == wanted


async def test_a_drain_is_seen_by_nobody(page_world: OpenWorld) -> None:
    """A server that stops as it should hands out its last tokens: the page goes on where it was."""
    async with page_world(dialer="none", identities=True) as world:
        service_id = await world.api.add_service()
        await world.api.create()
        reader = await world.reader("operator")
        reader.faults.expect(AWAY, REFUSED)
        page = await reader.open("/ui/callbacks")
        await is_live(page)
        await expect(page.locator("tr[data-id]")).to_have_count(1)
        await world.restart()
        callback = await world.api.create(service_id=service_id)
        await expect(page.locator(f"tr[data-id='{callback.callback_id}']")).to_have_count(1)
        await is_live(page)


async def test_while_the_server_is_away_nothing_can_be_changed(tmp_path: Path, browser: "Browser") -> None:
    server = Killable(tmp_path)
    async with server.reader(browser) as reader:
        async with server.serving(dialer="none") as (process, api):
            await api.add_service()
            callback = await api.create()
            page = await reader.open(f"/ui/callbacks/{callback.callback_id}")
            await is_live(page)
            button = page.get_by_role("button", name="Cancel callback")
            await expect(button).to_have_attribute("aria-disabled", "false")
            await process.kill()
            await expect(button).to_have_attribute("aria-disabled", "true")
            await expect(button).to_have_accessible_description(re.compile("connection is lost"))
            await page.keyboard.press("x")
            await expect(page.get_by_role("dialog")).to_have_count(0)
            # The clock of the page stands still.
            clock = await page.get_by_role("banner").inner_text()
            assert "Disconnected" in clock
            await expect(page.get_by_role("button", name="Reconnect now")).to_be_visible()
        async with server.serving(dialer="none"):
            await reconnect_now(page)
            await is_live(page)
            await expect(button).to_have_attribute("aria-disabled", "false")


async def test_a_dialog_that_is_open_while_the_server_goes_keeps_what_is_typed(
    tmp_path: Path, browser: "Browser"
) -> None:
    server = Killable(tmp_path)
    async with server.reader(browser) as reader:
        async with server.serving(dialer="none") as (process, api):
            await api.add_service()
            callback = await api.create()
            page = await reader.open(f"/ui/callbacks/{callback.callback_id}")
            await is_live(page)
            await expect(page.get_by_role("button", name="Cancel callback")).to_have_attribute("aria-disabled", "false")
            await page.keyboard.press("x")
            dialog = page.get_by_role("dialog")
            await dialog.get_by_role("textbox").fill("has called in")
            await process.kill()
            send = dialog.get_by_role("button", name="Cancel callback")
            await expect(send).to_have_attribute("aria-disabled", "true")
        async with server.serving(dialer="none") as (_, api):
            await is_live(page)
            await expect(dialog.get_by_role("textbox")).to_have_value("has called in")
            await send.click()
            await expect(dialog).to_have_count(0)
            ended = await api.get(callback.callback_id)
            assert ended.state == cb.CALLBACK_STATE_CANCELLED
            assert "has called in" in ended.cancel_reason

"""The frame of the page: addresses, tabs that share a stream, keys, themes, and nothing that a browser complains of."""

import re

import pytest
from playwright.async_api import expect

from tests.world.page import REFUSED, OpenWorld, is_live

pytestmark = pytest.mark.browser


async def test_the_root_shows_the_queues(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service(display_name="Support")
        page = await (await world.reader()).open()
        await expect(page).to_have_url(f"{world.origin}/ui/queues")
        await is_live(page)
        await expect(page.get_by_role("link", name="Queues")).to_have_attribute("aria-current", "page")
        await expect(page.get_by_role("main")).to_contain_text("Support")
        await expect(page).to_have_title(re.compile(r"Queues · Ringback$"))


@pytest.mark.parametrize("path", ["/ui/queues", "/ui/callbacks", "/ui/outcomes"])
async def test_a_view_is_where_its_address_says(page_world: OpenWorld, path: str) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        page = await (await world.reader()).open(path)
        await is_live(page)
        name = path.rpartition("/")[2].capitalize()
        await expect(page.get_by_role("navigation").get_by_role("link", name=name)).to_have_attribute(
            "aria-current", "page"
        )
        await page.reload()
        await is_live(page)
        await expect(page).to_have_url(world.origin + path)


async def test_an_address_that_is_none(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        page = await (await world.reader()).open("/ui/there-is-no-such-view")
        main = page.get_by_role("main")
        await expect(main).to_contain_text("No such page")
        await main.get_by_role("link").click()
        await expect(page).to_have_url(f"{world.origin}/ui/queues")
        await page.go_back()
        await expect(main).to_contain_text("No such page")


async def test_tabs_share_one_stream(page_world: OpenWorld) -> None:
    """A browser has six connections to a host: the seventh tab with a stream of its own would hang."""
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        reader = await world.reader()
        tabs = [await reader.open(path) for path in ["/ui/queues", "/ui/callbacks", "/ui/outcomes"] * 3]
        for tab in tabs:
            await is_live(tab)
        assert world.traffic.open("WatchCallbacks") == world.traffic.open("WatchQueues") == 1
        # What one shows, all show.
        await world.api.add_service("sip:new@cc.example", display_name="The new one")
        for tab in tabs[::3]:
            await expect(tab.get_by_role("main")).to_contain_text("The new one")
        await tabs.pop(0).close()
        await world.api.add_service("sip:newer@cc.example", display_name="The newer one")
        for tab in tabs[2::3]:
            await expect(tab.get_by_role("main")).to_contain_text("The newer one")
        assert world.traffic.begun()["/ringback.v1.CallbacksService/WatchCallbacks"] == 1


async def test_the_theme_is_that_of_the_system_until_another_one_is_chosen(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        reader = await world.reader(color_scheme="dark")
        page = await reader.open()
        await is_live(page)
        background = "getComputedStyle(document.body).backgroundColor"
        dark = await page.evaluate(background)
        await page.keyboard.press("t")
        await expect(page.get_by_role("button", name="Switch to dark")).to_be_visible()
        light = await page.evaluate(background)
        assert light != dark
        await page.reload()
        await is_live(page)
        assert await page.evaluate(background) == light


async def test_keys_lead_to_views_and_can_be_switched_off(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        page = await (await world.reader()).open()
        await is_live(page)
        for keys, path in (("gc", "callbacks"), ("go", "outcomes"), ("gq", "queues")):
            for key in keys:
                await page.keyboard.press(key)
            await expect(page).to_have_url(re.compile(rf"/ui/{path}$"))
        await page.keyboard.press("?")
        sheet = page.get_by_role("dialog")
        await expect(sheet).to_contain_text("go to Queues")
        await sheet.get_by_role("checkbox").uncheck()
        await page.keyboard.press("Escape")
        await expect(sheet).to_be_hidden()
        await page.keyboard.press("?")
        await page.keyboard.press("w")
        await expect(sheet).to_be_hidden()
        await expect(page).to_have_url(re.compile(r"/ui/queues$"))


async def test_a_session_is_opened_and_ended_on_the_page(page_world: OpenWorld) -> None:
    async with page_world(dialer="none", identities=True) as world:
        reader = await world.reader()
        reader.faults.expect(REFUSED)
        page = await reader.open("/ui/callbacks?state=QUEUED")
        field = page.get_by_label("Token")
        await field.fill("no such token")
        await field.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("does not accept this token")
        await field.fill("token-of-operator")
        await field.press("Enter")
        await is_live(page)
        await expect(page).to_have_url(f"{world.origin}/ui/callbacks?state=QUEUED")
        await expect(page.get_by_role("banner")).to_contain_text("operator")
        # Nothing of the token is kept where a script can read it.
        kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        assert "token-of" not in kept
        assert "session" not in kept
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        assert await page.evaluate("document.body.innerText.includes('sip:')") is False

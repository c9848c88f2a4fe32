"""What the page says of its connection and its session, and what it keeps meanwhile."""

import re

import pytest
from playwright.async_api import expect

from tests.world.page import AWAY, PHONE, REFUSED, OpenWorld, is_live

pytestmark = pytest.mark.browser


async def test_a_disconnect_is_told_and_what_was_missed_comes_by_itself(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service(display_name="Support")
        reader = await world.reader()
        reader.faults.expect(AWAY)
        page = await reader.open()
        await is_live(page)
        main, clock = page.get_by_role("main"), page.locator(".clock")
        await expect(main).to_contain_text("Support")
        await world.stop()
        strip = page.get_by_role("alert")
        await expect(strip).to_contain_text(re.compile(r"Disconnected since \d\d:\d\d:\d\d"))
        since = re.search(r"\d\d:\d\d:\d\d", await strip.inner_text())
        assert since
        # Everything is as of then, the clock too, and all of it can be read.
        await expect(clock).to_contain_text(since[0])
        await expect(page.get_by_role("status").filter(has_text="Disconnected")).to_be_visible()
        await expect(page).to_have_title("Disconnected · Queues · Ringback")
        await expect(main).to_contain_text("Support")
        await page.set_viewport_size(PHONE)
        await page.set_viewport_size({"width": 1440, "height": 900})
        await world.start()
        await world.api.create("tel:+12025550172")
        await page.get_by_role("button", name="Reconnect now").click()
        await is_live(page)
        await expect(page.locator(".strips")).to_contain_text(
            re.compile(rf"Caught up at .* since {since[0]}, none lost")
        )
        await expect(page).to_have_title("1 waiting · Queues · Ringback")
        await page.get_by_role("button", name="Dismiss").click()
        await expect(page.locator(".strip")).to_have_count(0)


async def test_a_session_that_ends_asks_to_sign_in_again_and_goes_on(page_world: OpenWorld) -> None:
    async with page_world(dialer="none", identities=True) as world:
        await world.api.add_service(display_name="Support")
        reader = await world.reader("operator")
        reader.faults.expect(AWAY, REFUSED)
        page = await reader.open("/ui/queues")
        await is_live(page)
        # Another tab signs out: what was read of the session is not shown any more.
        await reader.context.request.delete(f"{world.origin}/session", headers={"origin": world.origin})
        await expect(page.get_by_role("heading", name="Sign in again")).to_be_visible()
        await page.set_viewport_size(PHONE)
        await page.get_by_label("Token").fill("token-of-operator")
        await page.get_by_role("button", name="Sign in").click()
        await is_live(page)
        await expect(page.get_by_role("main")).to_contain_text("Support")

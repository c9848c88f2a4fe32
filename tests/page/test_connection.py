"""What the page says of its connection and its session, and what it keeps meanwhile."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.world.dialer import until
from tests.world.page import AWAY, REFUSED, OpenWorld, is_live, reconnect_now

pytestmark = pytest.mark.browser


def forget(folder: Path) -> None:
    for file in folder.glob("ringback.db*"):
        file.unlink()


async def test_a_disconnect_is_told_and_what_was_missed_comes_by_itself(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service(display_name="Support")
        reader = await world.reader()
        reader.faults.expect(AWAY)
        page = await reader.open()
        await is_live(page)
        main, clock = page.get_by_role("main"), page.locator(".clock").first
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
        await expect(page.get_by_role("button", name="Reconnect now")).to_be_visible()
        await world.start()
        await world.api.create("tel:+12025550172")
        await reconnect_now(page)
        await is_live(page)
        caught_up = page.locator(".strip")
        await expect(caught_up).to_contain_text(re.compile(rf"Caught up at .* since {since[0]}, none lost"))
        await expect(page).to_have_title("1 waiting · Queues · Ringback")
        await page.get_by_role("button", name="Dismiss").click()
        await expect(caught_up).to_have_count(0)


# What a browser says of a tab that is behind others, and back.
HIDE = """visible => {
    Object.defineProperty(document, "visibilityState", {value: visible ? "visible" : "hidden", configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_a_browser_without_shared_workers_has_a_stream_in_each_page(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        reader = await world.reader()
        await reader.context.add_init_script("delete globalThis.SharedWorker")
        pages = [await reader.open(), await reader.open()]
        for page in pages:
            await is_live(page)
        assert world.traffic.open("WatchCallbacks") == world.traffic.open("WatchQueues") == 2
        await world.api.create("tel:+12025550172")
        for page in pages:
            await expect(page).to_have_title("1 waiting · Queues · Ringback")


async def test_a_page_that_is_hidden_long_holds_no_stream_and_goes_on_where_it_was(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        reader = await world.reader()
        # Its timers are the test's. They are those of pages, not of workers: so the page has the stream itself.
        await reader.context.add_init_script("delete globalThis.SharedWorker")
        await reader.context.clock.install()
        page = await reader.open()
        await is_live(page)
        await page.evaluate(HIDE, False)
        await page.clock.run_for(31_000)
        await expect(page.locator("html")).to_have_attribute("data-conn", "connecting")
        await until(lambda: world.traffic.open("WatchCallbacks") == world.traffic.open("WatchQueues") == 0)
        await world.api.create("tel:+12025550172")
        await page.evaluate(HIDE, True)
        await is_live(page)
        await expect(page).to_have_title("1 waiting · Queues · Ringback")


async def test_a_database_of_before_is_told_as_a_new_beginning(page_world: OpenWorld, tmp_path: Path) -> None:
    """The tokens of the page are of a later state: there is no telling what has happened since."""
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        reader = await world.reader()
        reader.faults.expect(AWAY, REFUSED)
        page = await reader.open("/ui/callbacks")
        await is_live(page)
        for number in range(3):
            gone = await world.api.create(f"tel:+1202555017{number}")
        row = page.locator(f"tr[data-id='{gone.callback_id}']")
        await row.click()
        panel = page.get_by_role("complementary", name="Selected callback")
        await expect(panel).to_contain_text("QUEUED")
        await world.stop()
        forget(tmp_path)
        await world.start()
        world.api.service_id = ""
        await world.api.add_service()
        kept = await world.api.create("tel:+12025550179")
        await expect(page.locator(".strip")).to_contain_text("Begun anew")
        await expect(page.locator(f"[data-id='{kept.callback_id}']")).to_be_visible()
        await expect(panel).to_contain_text("The server has this callback no more.")
        await page.keyboard.press("Escape")
        await expect(row).to_have_count(0)


async def test_numbers_can_be_hidden_on_this_screen(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create("tel:+12025550172")
        page = await (await world.reader()).open("/ui/callbacks")
        row = page.locator(f"[data-id='{callback.callback_id}']").first
        digits = "row => row.innerText.replaceAll(/[^0-9]/g, '').includes('2025550172')"
        await expect(row).to_be_visible()
        assert await row.evaluate(digits)
        await page.keyboard.press("m")
        await expect(page.get_by_role("button", name="Numbers hidden")).to_have_attribute("aria-pressed", "true")
        assert not await row.evaluate(digits)
        assert not await page.locator("html").evaluate("html => html.outerHTML.includes('2025550172')")


async def test_a_dialer_sees_the_queues_and_is_told_why_nothing_else(page_world: OpenWorld) -> None:
    async with page_world(dialer="none", identities=True) as world:
        await world.api.add_service("sip:granted@cc.example", display_name="Granted")
        page = await (await world.reader("dialer")).open("/ui/callbacks")
        await is_live(page)
        main = page.get_by_role("main")
        await expect(main.get_by_role("heading")).to_contain_text("Your role may not see this")
        await expect(main).to_contain_text("The identity dialer has the role dialer")
        await main.get_by_role("link", name="Show the queues").click()
        await expect(main).to_contain_text("Granted")


async def test_another_person_at_the_browser_sees_nothing_of_the_one_before(page_world: OpenWorld) -> None:
    async with page_world(dialer="none", identities=True) as world:
        await world.api.add_service("sip:granted@cc.example", display_name="Granted")
        await world.api.add_service("sip:foreign@cc.example", display_name="Foreign")
        reader = await world.reader("operator")
        reader.faults.expect(REFUSED)
        first, second = await reader.open(), await reader.open()
        for page in (first, second):
            await expect(page.get_by_role("main")).to_contain_text("Foreign")
        await first.get_by_role("button", name="Sign out").click()
        # In all tabs, whichever it was.
        for page in (first, second):
            await expect(page.get_by_label("Token")).to_be_visible()
            await expect(page.locator("body")).not_to_contain_text("Foreign")
        await second.get_by_label("Token").fill("token-of-viewer")
        await second.get_by_role("button", name="Sign in").click()
        for page in (first, second):
            await is_live(page)
            await expect(page.get_by_role("main")).to_contain_text("Granted")
            await expect(page.locator("body")).not_to_contain_text("Foreign")


async def test_a_session_that_ends_asks_to_sign_in_again_and_goes_on(page_world: OpenWorld) -> None:
    async with page_world(dialer="none", identities=True) as world:
        await world.api.add_service(display_name="Support")
        reader = await world.reader("operator")
        reader.faults.expect(AWAY, REFUSED)
        page = await reader.open("/ui/queues")
        await is_live(page)
        await page.evaluate("document.getElementById('main').dataset.kept = 'yes'")
        await reader.context.request.delete(f"{world.origin}/session", headers={"origin": world.origin})
        dialog = page.get_by_role("dialog", name="Sign in again")
        await expect(dialog).to_be_visible()
        for _ in range(3):
            await page.keyboard.press("Escape")
        await expect(dialog).to_be_visible()
        await page.get_by_label("Token").fill("token-of-operator")
        await page.get_by_role("button", name="Sign in").click()
        await is_live(page)
        await expect(page.get_by_role("main")).to_contain_text("Support")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        # It is the page of before, with all that was in it.
        await expect(page.locator("#main")).to_have_attribute("data-kept", "yes")

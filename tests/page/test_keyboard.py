"""Acts from beginning to end by keyboard alone, and the focus is never lost by what they change."""

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.page import OpenWorld, is_live
from tests.world.page_checks import focused

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.world.api import Api

pytestmark = pytest.mark.browser

# More stops than any view has.
_STOPS = 60


async def tab_to(page: "Page", name: str) -> None:
    """Press Tab until a control of that name has the focus."""
    for _ in range(_STOPS):
        if re.search(name, await named(page)):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name}, but to {await named(page)}")


async def named(page: "Page") -> str:
    labels: str = await page.evaluate("[...(document.activeElement.labels ?? [])].map((each) => each.innerText).join()")
    return labels or await focused(page)


async def is_paused(api: "Api", service_id: str) -> bool:
    request = directory_pb.GetServiceRequest(service_id=service_id)
    return (await api.directory.GetService(request)).service.paused


async def test_a_callback_is_created_by_keys(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service(display_name="Support")
        page = await (await world.reader()).open("/ui/callbacks")
        await is_live(page)
        await expect(page.get_by_role("button", name="New callback")).to_have_attribute("aria-disabled", "false")
        await page.keyboard.press("n")
        await expect(page.get_by_role("dialog")).to_be_visible()
        # A number, and not the keys of the page.
        await page.keyboard.type("+1 202 555 0172")
        await tab_to(page, "^Service")
        await page.keyboard.type("Support")
        await tab_to(page, "^Priority")
        await page.keyboard.type("Normal")
        await tab_to(page, "^Task|External task")
        await page.keyboard.type("CRM-1")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(r"/ui/callbacks/[0-9a-f-]{36}$"))
        [created] = await world.api.list_all()
        assert (created.dial_target, created.callback_request.external_task_id) == ("tel:+12025550172", "CRM-1")
        assert created.callback_request.priority == cb.PRIORITY_NORMAL


async def test_a_number_that_rang_in_is_resolved_by_keys(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create("tel:+12025550172")
        page = await (await world.reader()).open("/ui/callbacks")
        await is_live(page)
        await tab_to(page, "rung in")
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        await page.keyboard.type("+1 202 555 0172")
        await expect(dialog.get_by_role("listitem")).to_have_count(1)
        await tab_to(page, "^Reason")
        await page.keyboard.type("rang in")
        await tab_to(page, "End 1 callback")
        await page.keyboard.press("Enter")
        await expect(dialog).to_have_count(0)
        ended = await world.api.get(callback.callback_id)
        assert (ended.state, ended.cancel_reason) == (cb.CALLBACK_STATE_CANCELLED, "rang in")
        await expect(page.get_by_role("button", name="rung in")).to_be_focused()


async def test_a_service_is_paused_by_keys(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        service_id = await world.api.add_service(display_name="Support")
        page = await (await world.reader()).open("/ui/queues")
        await is_live(page)
        await expect(page.locator("tr[data-id]")).to_have_count(1)
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await tab_to(page, "^button Pause")
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_have_accessible_name("Pause Support?")
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        assert not await is_paused(world.api, service_id)
        await expect(page.get_by_role("button", name="Pause").first).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_visible()
        await tab_to(page, "Pause service")
        await page.keyboard.press("Enter")
        await expect(dialog).to_have_count(0)
        assert await is_paused(world.api, service_id)
        # The same button, which does the opposite now.
        await expect(page.get_by_role("button", name="Resume").first).to_be_focused()


# In the next task of the page, in which the next key would be heard at the earliest.
_OPENED_AT_ONCE = """(key) => new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => resolve(document.querySelector("dialog[open]") !== null)
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))
    port2.postMessage(null)
})"""


@pytest.mark.parametrize("key", ["x", "?"])
async def test_what_is_typed_after_a_key_that_opens_a_dialog_belongs_to_the_dialog(
    page_world: OpenWorld, key: str
) -> None:
    """Quick hands: the next key would act on the page, and open another dialog."""
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create("tel:+12025550172")
        page = await (await world.reader()).open(f"/ui/callbacks/{callback.callback_id}")
        await is_live(page)
        cancel = page.get_by_role("button", name="Cancel callback")
        await expect(cancel).to_have_attribute("aria-disabled", "false")
        assert await page.evaluate(_OPENED_AT_ONCE, key)


async def test_a_callback_is_cancelled_out_of_the_list_by_keys(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        await world.api.create("tel:+12025550172")
        second = await world.api.create("tel:+12025550173")
        page = await (await world.reader()).open("/ui/callbacks?sort=next&state=QUEUED")
        await is_live(page)
        await expect(page.locator("tr[data-id]")).to_have_count(2)
        for key in ("j", "j", " "):
            await page.keyboard.press(key)
        panel = page.get_by_role("complementary", name="Selected callback")
        await expect(panel.get_by_role("button", name="Cancel callback")).to_have_attribute("aria-disabled", "false")
        await page.keyboard.press("x")
        await page.keyboard.type("by keys")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        row = page.locator(f"tr[data-id='{second.callback_id}']")
        await expect(row).to_contain_text("CANCELLED")
        # It has left the filter, and stays where it is until it is asked for.
        await expect(row).to_contain_text("has left this filter")
        await page.keyboard.press(".")
        await expect(row).to_have_count(0)
        await tab_to(page, "Close")
        await page.keyboard.press("Enter")
        await expect(panel).to_have_count(0)
        await expect(page.get_by_role("grid", name="Callbacks")).to_be_focused()
        await page.keyboard.press("k")
        await expect(page.locator("tr.active")).to_have_count(1)

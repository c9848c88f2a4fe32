"""One callback: its whole life, live, and what can be copied of it."""

import json
import re
from typing import TYPE_CHECKING

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import by_id
from tests.world.dialer import BUSY, DIALING, RINGING, Dialer
from tests.world.page import REFUSED, OpenWorld, is_live

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.browser


async def life(page: "Page") -> list[str]:
    return [" ".join(text.split()) for text in await page.locator(".tl > li").all_inner_texts()]


async def test_a_life_is_told_while_it_goes_on(page_world: OpenWorld) -> None:
    """Every step appears by the stream, and what a reload tells is the same."""
    async with page_world(dialer="none") as world:
        api = world.api
        await api.add_service(display_name="Support")
        callback = await api.create(caller_id="crm", external_task_id="T/1", max_retries=1, seconds_between_retries=600)
        page = await (await world.reader()).open("/ui/tasks/crm/T/1")
        # The task's address leads to the callback's own.
        await expect(page).to_have_url(f"{world.origin}/ui/callbacks/{callback.callback_id}")
        await is_live(page)
        await expect(page.locator(".box")).to_contain_text(re.compile("dialer", re.IGNORECASE))
        sip = Dialer(api, "sip-1")
        lease = await sip.lease_one(wait_s=20)
        await expect(page.locator(".tl .now")).to_contain_text("Offered to sip-1 for attempt 1")
        await sip.report(lease, DIALING, call_ids=["a@pbx.example"])
        await expect(page.locator(".tl .now")).to_contain_text("Attempt 1: DIALING")
        await sip.report(lease, RINGING)
        await expect(page.locator(".tl .now")).to_contain_text("it rings")
        await sip.end(
            lease,
            BUSY,
            sip_status=486,
            q850_cause=17,
            agent="anna",
            disposition="call-again",
            detail="the line was engaged",
        )
        attempt = page.locator(".tl > li", has_text="Attempt 1: BUSY")
        for words in ("486 Busy Here", "Q.850 17 user busy", "by sip-1", "anna", "call-again", "a@pbx.example"):
            await expect(attempt).to_contain_text(words)
        await expect(page.locator(".gapl")).to_contain_text("The request asks for at least 10 min.")
        await expect(page.locator(".tl .now")).to_contain_text("Scheduled for attempt 2, the last")
        update = pb.UpdateCallbackRequest(
            key=by_id(callback.callback_id),
            callback_request=cb.CallbackRequest(priority=cb.PRIORITY_HIGHEST, supervisor="lead-2"),
            update_mask=FieldMask(paths=["priority", "supervisor"]),
        )
        await api.callbacks.UpdateCallback(update)
        changed = page.locator(".tl > li", has_text="Changed")
        await expect(changed).to_contain_text("priority from Normal to Highest; supervisor set to lead-2")
        await api.callbacks.CancelCallback(
            pb.CancelCallbackRequest(key=by_id(callback.callback_id), reason="customer rang in")
        )
        await expect(page.locator(".tl > li").last).to_contain_text("CANCELLED after 1 attempt: “customer rang in”")
        await expect(page.get_by_role("main")).to_contain_text("changes no more")
        told = await life(page)
        await page.reload()
        await expect(page.locator(".tl > li").last).to_contain_text("CANCELLED")
        assert await life(page) == told


async def test_what_is_not_there(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        reader = await world.reader()
        reader.faults.expect(REFUSED)
        page = await reader.open("/ui/callbacks/019a7847-5d38-7c3a-9d55-2f6b8e40a1d7")
        main = page.get_by_role("main")
        await expect(main).to_contain_text("No such callback")
        await page.goto(f"{world.origin}/ui/callbacks/not-an-id")
        await expect(main).to_contain_text("No such callback")
        await page.goto(f"{world.origin}/ui/tasks/crm/CRM-1")
        await expect(main).to_contain_text("CRM-1 of crm is not known here")
        await main.get_by_role("link", name="Back to callbacks").click()
        await expect(page).to_have_url(f"{world.origin}/ui/callbacks")


async def test_an_erased_callback_leaves_the_screen_as_well(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create("tel:+12025550172", description="a private matter")
        page = await (await world.reader()).open(f"/ui/callbacks/{callback.callback_id}")
        main = page.get_by_role("main")
        await expect(main).to_contain_text("a private matter")
        await world.api.directory.EraseTarget(directory_pb.EraseTargetRequest(target="tel:+12025550172"))
        await expect(page.locator(".tl > li").last).to_contain_text("Erased")
        await expect(main).not_to_contain_text("a private matter")
        assert "5550172" not in re.sub(r"[\s<>/a-z]", "", await page.content())


async def test_a_context_url_is_a_link_to_another_site(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create(context_url="https://crm.example.com/t/48213")
        page = await (await world.reader()).open(f"/ui/callbacks/{callback.callback_id}")
        link = page.get_by_role("link", name="crm.example.com/t/48213")
        await expect(link).to_have_attribute("href", "https://crm.example.com/t/48213")
        await expect(link).to_have_attribute("rel", "noopener noreferrer")


async def test_copies(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create(description="contract")
        reader = await world.reader(permissions=["clipboard-read", "clipboard-write"])
        page = await reader.open(f"/ui/callbacks/{callback.callback_id}")

        async def copied(button: str) -> str:
            await page.get_by_role("button", name=button).click()
            await expect(page.get_by_role("button", name="Copied").first).to_be_visible()
            text = await page.evaluate("navigator.clipboard.readText()")
            await expect(page.get_by_role("button", name=button)).to_be_visible()
            return str(text)

        command = await copied("Copy as grpcurl")
        assert callback.callback_id in command
        assert "HOST:PORT" in command
        assert "authorization" not in command
        assert json.loads(await copied("Copy JSON"))["callback_request"]["description"] == "contract"
        assert await copied("Copy link") == page.url
        assert await copied("Copy id") == callback.callback_id


async def test_a_trace_that_is_not_there_says_so(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create()
        sip = Dialer(world.api)
        await sip.report(await sip.lease_one(wait_s=20), DIALING, call_ids=["a@pbx.example"])
        page = await (await world.reader()).open(f"/ui/callbacks/{callback.callback_id}")
        await page.get_by_role("link", name="SIP messages").click()
        await expect(page).to_have_url(re.compile(r"/trace/1$"))
        main = page.get_by_role("main")
        await expect(main).to_contain_text("No SIP messages of attempt 1")
        await page.keyboard.press("Escape")
        await expect(page).to_have_url(f"{world.origin}/ui/callbacks/{callback.callback_id}")
        await page.goto(f"{page.url}/trace/9")
        await expect(main).to_contain_text("No such attempt")

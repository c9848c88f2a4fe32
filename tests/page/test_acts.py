"""Acts: each asks first, says what it will do in the state of now, and does it once."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id
from tests.world.dialer import CONNECTED, DIALING, Dialer
from tests.world.page import AWAY, REFUSED, OpenWorld, Reader, is_live

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

pytestmark = pytest.mark.browser


# The `aria-disabled` of the button in the first frame that has these words.
_DEAD_WITH: Final = """words => new Promise(resolve => {
    const look = () => {
        const dialog = document.querySelector("dialog[open]");
        if (!dialog.textContent.includes(words)) return requestAnimationFrame(look);
        resolve(dialog.querySelector("[type=submit]").getAttribute("aria-disabled"));
    };
    look();
})"""


async def shown(reader: Reader, callback: cb.Callback) -> "Page":
    page = await reader.open(f"/ui/callbacks/{callback.callback_id}")
    await is_live(page)
    await expect(page.locator(".tl")).to_be_visible()
    return page


async def opened(page: "Page", key: str) -> "Locator":
    await page.keyboard.press(key)
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    return dialog


async def update(api: Api, callback: cb.Callback, *paths: str, **fields: object) -> None:
    await api.callbacks.UpdateCallback(
        pb.UpdateCallbackRequest(
            key=by_id(callback.callback_id),
            callback_request=cb.CallbackRequest(**fields),  # type: ignore[arg-type]
            update_mask=FieldMask(paths=paths or list(fields)),
        )
    )


async def test_cancel_asks_first_and_keeps_the_reason(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create("tel:+12025550172", caller_id="crm")
        page = await shown(await world.reader(), callback)
        dialog = await opened(page, "x")
        await expect(dialog).to_have_accessible_name("Cancel the callback to +1 202 555 0172?")
        await expect(dialog).to_contain_text("It ends as CANCELLED at once.")
        await expect(dialog.get_by_label("Reason, kept with the callback")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        assert (await world.api.get(callback.callback_id)).state == cb.CALLBACK_STATE_QUEUED
        dialog = await opened(page, "x")
        # A key of the page is a letter here.
        await page.keyboard.type("rang in, x e r")
        await page.keyboard.press("Enter")
        await expect(dialog).to_have_count(0)
        await expect(page.locator("header .chip", has_text="CANCELLED")).to_be_visible()
        after = await world.api.get(callback.callback_id)
        assert (after.state, after.cancel_reason) == (cb.CALLBACK_STATE_CANCELLED, "rang in, x e r")
        await expect(page.get_by_role("button", name="Cancel callback")).to_have_attribute("aria-disabled", "true")


async def test_the_sentence_follows_the_state_and_the_button_is_dead_for_a_second(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create()
        page = await shown(await world.reader(), callback)
        dialog = await opened(page, "x")
        await expect(dialog).to_contain_text("It is QUEUED")
        sip = Dialer(world.api, "sip-1")
        lease = await sip.lease_one(wait_s=20)
        await expect(dialog).to_contain_text("It is OFFERED to sip-1")
        button = dialog.get_by_role("button", name="Cancel callback")
        await expect(button).to_have_attribute("aria-disabled", "false")
        # That it is dead is true for a second only: each frame is looked at from before it happens.
        was_dead = asyncio.create_task(page.evaluate(_DEAD_WITH, "It becomes CANCELLING"))
        await sip.report(lease, DIALING)
        async with asyncio.timeout(60):
            assert await was_dead == "true"
        await expect(dialog).to_contain_text("It has changed since you opened this")
        await expect(dialog).to_contain_text("from QUEUED to DIALING")
        await expect(button).to_have_attribute("aria-disabled", "false")
        await sip.report(lease, CONNECTED)
        await expect(dialog).to_contain_text("It is too late to cancel.")
        await expect(button).to_have_attribute("aria-disabled", "true")
        await button.click(force=True)
        assert (await world.api.get(callback.callback_id)).state == cb.CALLBACK_STATE_CONNECTED


async def test_reschedule_sends_what_was_changed_and_nothing_else(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        due = datetime.now(UTC).replace(microsecond=123_000) + timedelta(hours=3)
        callback = await world.api.create(due_date=due, description="as it was")
        page = await shown(await world.reader(), callback)
        dialog = await opened(page, "r")
        await expect(dialog.get_by_label("Due date (Europe/Zurich)")).to_be_focused()
        await expect(dialog).to_contain_text("Nothing is changed yet.")
        await dialog.get_by_label("Priority").select_option("Highest")
        await dialog.get_by_role("button", name="Reschedule").click()
        await expect(dialog).to_have_count(0)
        await expect(page.locator(".tl > li", has_text="priority from Normal to Highest")).to_be_visible()
        after = await world.api.get(callback.callback_id)
        # To the microsecond: a field that nobody touched is not sent.
        assert after.callback_request.due_date == callback.callback_request.due_date
        dialog = await opened(page, "r")
        await dialog.get_by_role("button", name="In 1 h").click()
        await dialog.get_by_role("button", name="Reschedule").click()
        await expect(dialog).to_have_count(0)
        moved = (await world.api.get(callback.callback_id)).callback_request.due_date.ToDatetime(UTC)
        assert timedelta(minutes=55) < moved - datetime.now(UTC) <= timedelta(hours=1)


async def test_a_due_date_is_in_the_zone_of_the_reader(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create()
        page = await shown(await world.reader(timezone_id="Asia/Dubai"), callback)
        dialog = await opened(page, "r")
        day = (datetime.now(UTC) + timedelta(days=30)).date()
        await dialog.get_by_label("Due date (Asia/Dubai)").fill(f"{day}T12:00:00")
        await dialog.get_by_role("button", name="Reschedule").click()
        await expect(dialog).to_have_count(0)
        after = await world.api.get(callback.callback_id)
        assert after.callback_request.due_date.ToJsonString() == f"{day}T08:00:00Z"


async def test_every_violation_is_at_its_field_and_nothing_typed_is_lost(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create()
        reader = await world.reader()
        reader.faults.expect(REFUSED)
        page = await shown(reader, callback)
        dialog = await opened(page, "e")
        wrong = {"Target": "nobody", "Retries": "101", "Context URL": "ftp://files", "Description": "x" * 151}
        for label, text in wrong.items():
            await dialog.get_by_label(label, exact=False).first.fill(text)
        await dialog.get_by_label("Supervisor").fill("lead-2")
        await dialog.get_by_role("button", name="Change callback").click()
        for label, text in wrong.items():
            field = dialog.get_by_label(label, exact=False).first
            await expect(field).to_have_attribute("aria-invalid", "true")
            await expect(field).to_have_value(text)
        await expect(dialog.get_by_label("Target").first).to_be_focused()
        await expect(dialog.get_by_label("Retries")).to_have_accessible_description(re.compile("100"))
        await expect(dialog.get_by_label("Supervisor")).to_have_value("lead-2")
        assert (await world.api.get(callback.callback_id)).revision == callback.revision
        for label, text in {"Target": "+12025550172", "Retries": "2", "Context URL": "", "Description": "<b>"}.items():
            await dialog.get_by_label(label, exact=False).first.fill(text)
        await dialog.get_by_role("button", name="Change callback").click()
        await expect(dialog).to_have_count(0)
        request = (await world.api.get(callback.callback_id)).callback_request
        assert (request.target, request.max_retries, request.description) == ("tel:+12025550172", 2, "<b>")
        assert request.supervisor == "lead-2"


async def test_a_change_of_somebody_else_is_told_and_kept(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create(supervisor="lead-1", description="old")
        page = await shown(await world.reader(), callback)
        dialog = await opened(page, "e")
        await dialog.get_by_label("Description").fill("typed here")
        await update(world.api, callback, supervisor="lead-2")
        await expect(dialog).to_contain_text("supervisor from lead-1 to lead-2")
        await expect(dialog.get_by_label("Supervisor")).to_have_value("lead-2")
        await expect(dialog.get_by_label("Description")).to_have_value("typed here")
        await dialog.get_by_role("button", name="Change callback").click()
        await expect(dialog).to_have_count(0)
        request = (await world.api.get(callback.callback_id)).callback_request
        assert (request.supervisor, request.description) == ("lead-2", "typed here")


async def test_an_old_etag_is_refused_and_the_dialog_shows_what_differs(page_world: OpenWorld) -> None:
    """The stream may be slower than the hand: here it brings nothing at all."""
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create(supervisor="lead-1")
        reader = await world.reader()
        reader.faults.expect(REFUSED)
        page = await shown(reader, callback)
        dialog = await opened(page, "e")
        await dialog.get_by_label("Description").fill("typed here")
        # Changes are painted by animation frames.
        await page.evaluate("window.requestAnimationFrame = () => 0")
        await update(world.api, callback, supervisor="lead-2")
        await dialog.get_by_role("button", name="Change callback").click()
        await expect(dialog).to_contain_text("ETAG_MISMATCH")
        await expect(dialog).to_contain_text("supervisor from lead-1 to lead-2")
        await expect(dialog.get_by_label("Description")).to_have_value("typed here")
        await dialog.get_by_role("button", name="Change callback").click()
        await expect(dialog).to_have_count(0)
        request = (await world.api.get(callback.callback_id)).callback_request
        assert (request.supervisor, request.description) == ("lead-2", "typed here")


async def test_what_differs_cannot_be_read_and_nothing_typed_is_lost(page_world: OpenWorld) -> None:
    """The connection ends between the refusal and the look at what has changed."""
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create(supervisor="lead-1")
        reader = await world.reader()
        reader.faults.expect(REFUSED, AWAY)
        page = await shown(reader, callback)
        dialog = await opened(page, "e")
        await dialog.get_by_label("Description").fill("typed here")
        await page.evaluate("window.requestAnimationFrame = () => 0")
        await update(world.api, callback, supervisor="lead-2")
        await page.route("**/GetCallback", lambda route: route.abort())
        await dialog.get_by_role("button", name="Change callback").click()
        await expect(dialog).to_contain_text("ETAG_MISMATCH")
        await expect(dialog.get_by_label("Description")).to_have_value("typed here")
        await page.unroute("**/GetCallback")
        # What differs is read with the next refusal.
        await dialog.get_by_role("button", name="Change callback").click()
        await expect(dialog).to_contain_text("supervisor from lead-1 to lead-2")


async def test_fields_that_it_is_too_late_for_stay_and_are_not_sent(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create()
        page = await shown(await world.reader(), callback)
        dialog = await opened(page, "e")
        await dialog.get_by_label("Retries").fill("7")
        await dialog.get_by_label("Description").fill("for the agent")
        sip = Dialer(world.api)
        await sip.report(await sip.lease_one(wait_s=20), DIALING)
        await expect(dialog.get_by_label("Retries")).to_have_accessible_description(re.compile("Too late"))
        await expect(dialog.get_by_label("Retries")).to_have_value("7")
        await dialog.get_by_role("button", name="Change callback").click()
        await expect(dialog).to_have_count(0)
        request = (await world.api.get(callback.callback_id)).callback_request
        assert (request.description, request.HasField("max_retries")) == ("for the agent", False)


async def test_acts_are_off_while_the_connection_is_lost(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        callback = await world.api.create()
        reader = await world.reader()
        reader.faults.expect(AWAY)
        page = await shown(reader, callback)
        dialog = await opened(page, "x")
        await dialog.get_by_label("Reason, kept with the callback").fill("kept")
        await world.stop()
        button = dialog.get_by_role("button", name="Cancel callback")
        await expect(button).to_have_attribute("aria-disabled", "true")
        await expect(button).to_have_accessible_description("Changes are off while the connection is lost.")
        await world.start()
        await expect(button).to_have_attribute("aria-disabled", "false")
        await expect(dialog.get_by_label("Reason, kept with the callback")).to_have_value("kept")
        await button.click()
        await expect(dialog).to_have_count(0)
        assert (await world.api.get(callback.callback_id)).cancel_reason == "kept"


async def test_create_shows_what_it_leads_to_and_opens_it(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service(display_name="Support")
        reader = await world.reader()
        reader.faults.expect(REFUSED)
        page = await reader.open("/ui/callbacks")
        await is_live(page)
        await page.get_by_role("button", name="New callback").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("Target").first).to_be_focused()
        await dialog.get_by_role("button", name="Create callback").click()
        # Everything that is required is said at once.
        for label in ("Target", "Service", "Priority"):
            await expect(dialog.get_by_label(label).first).to_have_attribute("aria-invalid", "true")
        await dialog.get_by_label("Target").first.fill("+1 202 555 0172")
        await dialog.get_by_label("Service").first.select_option(index=1)
        await dialog.get_by_label("Priority").select_option("High")
        await expect(dialog).to_contain_text("It is QUEUED at once: Support calls as soon as it is its turn.")
        await dialog.get_by_label("Task").fill("CRM-1")
        await dialog.get_by_role("button", name="Create callback").dblclick()
        await expect(page).to_have_url(re.compile(r"/ui/callbacks/[0-9a-f-]{36}$"))
        [created] = await world.api.list_all()
        assert page.url.endswith(created.callback_id)
        request = created.callback_request
        assert (request.target, request.priority) == ("tel:+1 202 555 0172", cb.PRIORITY_HIGH)
        assert (created.dial_target, request.external_task_id) == ("tel:+12025550172", "CRM-1")


async def test_a_number_that_rang_in_ends_what_was_listed(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service(display_name="Support")
        queued = await world.api.create("tel:+12025550172")
        answered = await world.api.create("tel:+12025550172")
        other = await world.api.create("tel:+12025550199")
        sip = Dialer(world.api, "sip-1")
        lease = await sip.lease_one(wait_s=20)
        await sip.report(lease, DIALING)
        await sip.report(lease, CONNECTED)
        page = await (await world.reader()).open("/ui/callbacks")
        await is_live(page)
        await page.get_by_role("button", name=re.compile("rung in")).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Type the number first.")
        await dialog.get_by_label("Number that rang in").fill("+1 202 555 0172")
        rows = dialog.get_by_role("list", name="Open callbacks to this number").get_by_role("listitem")
        await expect(rows).to_have_count(2)
        await expect(dialog).to_contain_text("1 callback ends as CANCELLED at once. 1 callback is left alone.")
        await dialog.get_by_label("Reason").fill("rang in")
        await dialog.get_by_role("button", name="End 1 callback").click()
        await expect(dialog).to_have_count(0)
        states = {each.callback_id: each.state for each in await world.api.list_all()}
        first, second = sorted([queued.callback_id, answered.callback_id])
        assert {states[first], states[second]} == {cb.CALLBACK_STATE_CONNECTED, cb.CALLBACK_STATE_CANCELLED}
        assert states[other.callback_id] == cb.CALLBACK_STATE_QUEUED


async def test_a_service_is_paused_and_resumed(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        service_id = await world.api.add_service(display_name="Support")
        await world.api.create()
        await world.api.create()
        page = await (await world.reader()).open(f"/ui/queues?open={service_id}")
        await is_live(page)

        async def paused() -> bool:
            request = directory_pb.GetServiceRequest(service_id=service_id)
            return (await world.api.directory.GetService(request)).service.paused

        await page.get_by_role("button", name="Pause").first.click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_have_accessible_name("Pause Support?")
        await expect(dialog).to_contain_text("2 callbacks wait and 0 callbacks are in progress.")
        await dialog.get_by_role("button", name="Pause service").click()
        await expect(dialog).to_have_count(0)
        assert await paused()
        await page.get_by_role("button", name="Resume").first.click()
        await expect(dialog).to_contain_text(re.compile(r"Support is paused since \d\d:\d\d:\d\d"))
        await dialog.get_by_role("button", name="Resume service").click()
        await expect(dialog).to_have_count(0)
        assert not await paused()

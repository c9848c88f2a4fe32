"""The table of callbacks: one address, the same rows; rows keep their place; few are in the document."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import by_id
from tests.world.page import OpenWorld, PageWorld, is_live
from tests.world.page_rows import shown_rows, shown_states, states_of

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.browser

# At most, whatever the list has.
_ROWS_IN_THE_DOCUMENT: Final = 60


async def fill(world: PageWorld) -> list[cb.Callback]:
    """Create callbacks that differ in all that can be filtered by."""
    await world.api.add_service(display_name="Support")
    other = await world.api.add_service("sip:sales@cc.example", display_name="Sales")
    made = []
    for number in range(24):
        due = Timestamp()
        due.FromDatetime(datetime.now(UTC) + timedelta(minutes=45 * (number % 4)))
        made.append(
            await world.api.create(
                f"tel:+4178555{number:04}",
                **({"service_id": other} if number % 2 else {}),
                caller_id="crm" if number % 3 else "web",
                external_task_id=f"task-{number}",
                priority=cb.PRIORITY_HIGH if number % 5 else cb.PRIORITY_LOW,
                labels={"campaign": "autumn" if number % 2 else "spring"},
                supervisor=f"lead-{number % 2}",
                due_date=due,
            )
        )
    for each in made[:3]:
        await world.api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(each.callback_id)))
    return made


async def read(page: "Page", count: int) -> None:
    """Return when the list is complete."""
    await is_live(page)
    await expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(count + 1))


FILTERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "state=QUEUED": {"states": [cb.CALLBACK_STATE_QUEUED]},
    "state=CANCELLED,SCHEDULED": {"states": [cb.CALLBACK_STATE_CANCELLED, cb.CALLBACK_STATE_SCHEDULED]},
    "state=CANCELLED&state=SCHEDULED": {"states": [cb.CALLBACK_STATE_CANCELLED, cb.CALLBACK_STATE_SCHEDULED]},
    "caller=web": {"caller_ids": ["web"]},
    "service=sip:sales@cc.example": {"service_sips": ["sip:sales@cc.example"]},
    "priority=LOW&caller=crm": {"priorities": [cb.PRIORITY_LOW], "caller_ids": ["crm"]},
    "label=campaign%3Dautumn": {"labels": {"campaign": "autumn"}},
    "supervisor=lead-1": {"supervisors": ["lead-1"]},
    "target=%2B41785550007": {"dial_target": "tel:+41785550007"},
    "task=task-11": {"external_task_ids": ["task-11"]},
}


@pytest.mark.parametrize("query", FILTERS)
async def test_an_address_shows_what_its_filter_lists(page_world: OpenWorld, query: str) -> None:
    """And pasted into another browser, the same: nothing of what was chosen is anywhere else."""
    async with page_world(dialer="none") as world:
        await fill(world)
        listed = await world.api.list_all(**FILTERS[query])
        assert 0 < len(listed) < 24
        for _ in range(2):
            page = await (await world.reader()).open(f"/ui/callbacks?{query}")
            await read(page, len(listed))
            assert await shown_states(page) == states_of(listed)


async def test_a_relative_time_stays_relative(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        made = await fill(world)
        page = await (await world.reader()).open("/ui/callbacks?due_before=1h&state=SCHEDULED,QUEUED")
        await is_live(page)
        soon = {each.callback_id for number, each in enumerate(made) if number % 4 < 2} - {
            each.callback_id for each in made[:3]
        }
        await read(page, len(soon))
        assert set(await shown_states(page)) == soon
        await expect(page).to_have_url(re.compile("due_before=1h"))


@pytest.mark.parametrize(
    ("query", "word"),
    [("state=ASLEEP", "ASLEEP"), ("colour=red", "red"), ("due_before=soon", "soon"), ("priority=9", "9")],
)
async def test_what_cannot_be_read_in_an_address_is_struck(page_world: OpenWorld, query: str, word: str) -> None:
    async with page_world(dialer="none") as world:
        await fill(world)
        page = await (await world.reader()).open(f"/ui/callbacks?{query}&caller=web")
        await read(page, 8)
        struck = page.locator("del, s, .struck").filter(has_text=word)
        await expect(struck.first).to_be_visible()


async def test_rows_keep_their_place_while_one_is_read(page_world: OpenWorld) -> None:
    """What is new waits, what has left stays, and both come and go by one key."""
    async with page_world(dialer="none") as world:
        made = await fill(world)
        page = await (await world.reader()).open("/ui/callbacks?state=QUEUED,SCHEDULED")
        await read(page, 21)
        rows = await shown_rows(page)
        selected = made[7].callback_id
        await page.locator(f"tr[data-id='{selected}']").click()
        await expect(page).to_have_url(re.compile(f"sel={selected}"))
        new = await world.api.create("tel:+41785559999")
        await world.api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(made[9].callback_id)))
        await expect(page.get_by_role("main")).to_contain_text("1 new, 1 has left this filter")
        still = await shown_rows(page)
        assert [each["place"] for each in still.values()] == [each["place"] for each in rows.values()]
        assert list(still) == list(rows)
        assert still[made[9].callback_id]["gone"]
        await page.keyboard.press(".")
        await expect(page.locator(f"tr[data-id='{new.callback_id}']")).to_have_count(1)
        await expect(page.locator(f"tr[data-id='{made[9].callback_id}']")).to_have_count(0)
        await expect(page.locator(f"tr[data-id='{selected}']")).to_have_attribute("aria-selected", "true")


async def test_the_first_callback_enters_an_empty_list(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        page = await (await world.reader()).open("/ui/callbacks?state=QUEUED")
        await expect(page.get_by_role("main")).to_contain_text("No callback")
        callback = await world.api.create()
        await expect(page.locator(f"tr[data-id='{callback.callback_id}']")).to_have_count(1)


async def test_hold_freezes_the_list_and_counts(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        made = await fill(world)
        page = await (await world.reader()).open("/ui/callbacks")
        await read(page, 24)
        before = await shown_states(page)
        await page.keyboard.press("h")
        await world.api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(made[10].callback_id)))
        hold = page.get_by_role("button", name=re.compile("Hold|Held|Go on|Resume"))
        await expect(hold.first).to_contain_text("1")
        assert await shown_states(page) == before
        await page.keyboard.press("h")
        await expect(page.locator(f"tr[data-id='{made[10].callback_id}']")).to_contain_text("CANCELLED")


async def test_a_long_list_has_few_rows_in_the_document(page_world: OpenWorld) -> None:
    async with page_world(dialer="none", limits=None) as world:
        await world.api.add_service()
        requests = [
            pb.CreateCallbackRequest(callback_request=world.api.request(f"sip:n{number}@sim.example", caller_id="crm"))
            for number in range(1_500)
        ]
        for start in range(0, len(requests), 500):
            batch = pb.BatchCreateCallbacksRequest(requests=requests[start : start + 500])
            await world.api.callbacks.BatchCreateCallbacks(batch)
        page = await (await world.reader()).open("/ui/callbacks")
        await read(page, len(requests))
        rows = page.get_by_role("row")
        for key in ("Home", "End", "PageUp", "PageUp", "Home"):
            await page.keyboard.press(key)
            assert 0 < await rows.count() <= _ROWS_IN_THE_DOCUMENT
        assert await shown_states(page) == states_of(await world.api.list_all())


async def test_everything_in_the_list_is_reached_by_keys(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await fill(world)
        page = await (await world.reader()).open("/ui/callbacks")
        await read(page, 24)
        first, second = list(await shown_rows(page))[:2]
        await page.keyboard.press("j")
        await page.keyboard.press(" ")
        await expect(page).to_have_url(re.compile(f"sel={first}"))
        await page.keyboard.press("j")
        await page.keyboard.press(" ")
        await expect(page).to_have_url(re.compile(f"sel={second}"))
        await page.keyboard.press("Escape")
        await expect(page).not_to_have_url(re.compile("sel="))
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(f"/ui/callbacks/{second}$"))
        await page.keyboard.press("Escape")
        await expect(page).to_have_url(re.compile("/ui/callbacks$"))
        await page.keyboard.press("/")
        await page.keyboard.type("caller:web")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("caller=web"))
        await read(page, 8)

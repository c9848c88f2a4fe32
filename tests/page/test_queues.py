"""The view Queues and its wall board: what the server says of each service, what needs attention, keys, and acts."""

import re
from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.duration_pb2 import Duration
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import by_id
from tests.world.identities import GRANTED
from tests.world.page import AWAY, DESKTOP, PHONE, OpenWorld, is_live
from tests.world.page_checks import focused, too_wide

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

    from tests.world.api import Api

pytestmark = pytest.mark.browser

_CLOCK: Final = r"\d\d:\d\d:\d\d"
# Text that is cut off, and a page that scrolls, on a screen that nobody touches.
_SCROLLS: Final = """() => {
    const main = document.querySelector("main");
    return [main.scrollWidth - main.clientWidth, main.scrollHeight - main.clientHeight];
}"""
_STOPS: Final = (
    """() => [...document.querySelectorAll("table.q :is(a, button)")].filter((each) => each.tabIndex >= 0).length"""
)


def row(page: "Page", service_id: str) -> "Locator":
    return page.locator(f"tr[data-id='{service_id}']")


def cell(page: "Page", service_id: str, label: str) -> "Locator":
    return row(page, service_id).locator(f"td[data-l='{label}']")


async def lease(api: "Api", service_id: str, count: int = 1) -> list[dialer_pb.Lease]:
    """Have a dialer lease callbacks, which has it present, too."""
    request = dialer_pb.LeaseCallbacksRequest(
        dialer_id="sip-1", service_ids=[service_id], max_leases=count, wait_duration=Duration()
    )
    return list((await api.dialers.LeaseCallbacks(request)).leases)


async def test_a_row_says_what_the_server_says_and_goes_on_with_it(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        sales = await world.api.add_service("sip:sales@cc.example", display_name="Sales", max_concurrent_calls=2)
        page = await (await world.reader()).open("/ui/queues")
        await is_live(page)
        await expect(row(page, sales)).to_contain_text(re.compile(rf"No dialer\s*since {_CLOCK}"))
        await expect(page.locator(".att")).to_contain_text("1 of 1 service needs attention")
        for priority in (cb.PRIORITY_STRICT_PRIORITY, cb.PRIORITY_HIGH, cb.PRIORITY_HIGH, cb.PRIORITY_LOW):
            await world.api.create("tel:+12025550172", priority=priority)
        await expect(cell(page, sales, "Waiting")).to_contain_text("4")
        strip = row(page, sales).get_by_role("img", name="1 strict, 2 high, 1 low")
        await expect(strip).to_be_visible()
        await expect(cell(page, sales, "Oldest")).to_contain_text(re.compile(r"\d+:\d\d"))
        [leased] = await lease(world.api, sales)
        await expect(row(page, sales)).to_contain_text("1 ready")
        await expect(cell(page, sales, "In progress")).to_contain_text("1 of 2")
        await expect(cell(page, sales, "In progress")).to_contain_text("1 offered")
        report = dialer_pb.ReportProgressRequest(lease_token=leased.lease_token)
        for progress in (dialer_pb.ATTEMPT_PROGRESS_DIALING, dialer_pb.ATTEMPT_PROGRESS_CONNECTED):
            report.progress = progress
            await world.api.dialers.ReportProgress(report)
        await expect(cell(page, sales, "In progress")).to_contain_text("1 talk")
        await expect(page.locator(".att")).to_contain_text("the service needs no attention")
        await world.api.dialers.ReportOutcome(
            dialer_pb.ReportOutcomeRequest(lease_token=leased.lease_token, outcome=cb.CALL_OUTCOME_ANSWERED)
        )
        await expect(page.locator(".figs div", has_text="Answered today")).to_contain_text(re.compile(r"1\s+100 %"))
        await expect(row(page, sales)).to_contain_text("100 %")
        await expect(row(page, sales).get_by_role("img", name="1 attempt in the last hour")).to_be_visible()


async def test_services_come_and_go_and_stay_in_the_order_of_their_names(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        reader = await world.reader()
        page = await reader.open("/ui/queues")
        await expect(page.get_by_role("heading", name="No service yet")).to_be_visible()
        ids = {}
        for name in ("Support", "claims", "Desk 10", "Desk 9"):
            ids[name] = await world.api.add_service(f"sip:{name.replace(' ', '-')}@cc.example", display_name=name)
        names = page.locator("table.q tbody th .name")
        await expect(names).to_have_text(["claims", "Desk 9", "Desk 10", "Support"])
        # Focus goes on to the row that takes the place of the one that leaves.
        for _ in range(2):
            await page.keyboard.press("j")
        assert await focused(page) == "button Desk 9"
        await world.api.directory.DeleteService(directory_pb.DeleteServiceRequest(service_id=ids["Desk 9"]))
        await expect(names).to_have_text(["claims", "Desk 10", "Support"])
        await expect(names.nth(1)).to_be_focused()


async def test_the_table_is_one_tab_stop_and_everything_in_it_has_a_key(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        for name in ("Claims", "Sales", "Support"):
            await world.api.add_service(f"sip:{name}@cc.example", display_name=name)
        page = await (await world.reader()).open("/ui/queues")
        await is_live(page)
        assert await page.evaluate(_STOPS) == 1
        await page.locator("table.q button").first.focus()
        await page.keyboard.press("ArrowDown")
        assert await focused(page) == "button Sales"
        await page.keyboard.press("End")
        assert await focused(page) == "button Support"
        await page.keyboard.press("k")
        assert await focused(page) == "button Sales"
        await page.keyboard.press("ArrowRight")
        assert await focused(page) == "a 0 waiting"
        await page.keyboard.press("ArrowLeft")
        for key in ("Enter", "Enter", "Space"):
            before = await page.locator("tr.exp").count()
            await page.keyboard.press(key)
            await expect(page.locator("tr.exp")).to_have_count(1 - before)
        await expect(page).to_have_url(re.compile(r"\?open="))
        assert await focused(page) == "button Sales"
        await page.keyboard.press("Escape")
        await expect(page.locator("tr.exp")).to_have_count(0)
        await page.go_back()
        await expect(page.locator("tr.exp")).to_have_count(1)


async def test_an_open_row_has_its_levels_with_their_shares(page_world: OpenWorld) -> None:
    """The address opens it in another browser, too."""
    async with page_world(dialer="none") as world:
        sales = await world.api.add_service(priority_weights=[9, 6, 5, 4, 3, 2, 1])
        for priority in (cb.PRIORITY_HIGHEST, cb.PRIORITY_NORMAL, cb.PRIORITY_NOTHING_ELSE):
            await world.api.create("tel:+12025550172", priority=priority)
        for viewport in (DESKTOP, PHONE):
            page = await (await world.reader(viewport=viewport)).open(f"/ui/queues?open={sales}")
            await is_live(page)
            levels = page.locator("tr.exp table")
            for share in ("9 of 13", "4 of 13", "when idle"):
                await expect(levels.get_by_role("cell", name=share, exact=True)).to_have_count(1)
            assert await too_wide(page) == []
            await levels.get_by_role("link", name="1").first.click()
            await expect(page).to_have_url(
                re.compile(r"/ui/callbacks\?state=QUEUED&priority=HIGHEST&service=sip:support@cc")
            )
            await expect(page.locator("tr[data-id]")).to_have_count(1)


async def test_what_an_address_says_in_vain_is_struck_and_can_be_taken_out(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        for view in ("queues", "outcomes"):
            page = await (await world.reader()).open(f"/ui/{view}?colour=red&colour=blue")
            await is_live(page)
            tokens = page.get_by_role("list", name="Parameters of the address that do not count").get_by_role(
                "listitem"
            )
            await expect(tokens).to_have_text([re.compile("colour=red"), re.compile("colour=blue")])
            await tokens.first.get_by_role("button").click()
            await expect(tokens).to_have_text([re.compile("colour=blue")])
            await expect(page).to_have_url(f"{world.origin}/ui/{view}?colour=blue")


async def test_a_service_is_paused_and_resumed_from_its_row(page_world: OpenWorld) -> None:
    """On a phone the act is in the card."""
    async with page_world(dialer="none", identities=True) as world:
        assert world.identities is not None
        sales = await world.api.add_service(GRANTED, display_name="Sales")
        for viewport in (DESKTOP, PHONE):
            # A dialer is there, or that would be said first.
            await lease(world.identities["dialer"], sales)
            page = await (await world.reader("operator", viewport=viewport)).open(f"/ui/queues?open={sales}")
            await is_live(page)
            for act, shown in (("Pause", "Paused"), ("Resume", "Open")):
                await page.get_by_role("button", name=act, exact=True).click()
                dialog = page.get_by_role("dialog")
                await expect(dialog).to_contain_text("Sales")
                await dialog.get_by_role("button").last.click()
                await expect(row(page, sales).locator(".chip")).to_have_text(shown)
                if act == "Pause":
                    await expect(row(page, sales)).to_contain_text(re.compile(rf"since {_CLOCK} by operator"))
                    await page.get_by_role("link", name="Sales is paused").click()
                    await expect(page).to_have_url(f"{world.origin}/ui/queues?open={sales}")


@pytest.mark.parametrize("viewport", [DESKTOP, {"width": 1920, "height": 1080}, {"width": 1024, "height": 768}])
async def test_a_wall_board_fits_its_screen_and_says_loudly_when_it_is_old(
    page_world: OpenWorld, viewport: dict[str, int]
) -> None:
    async with page_world(dialer="none") as world:
        for number in range(6):
            await world.api.add_service(f"sip:{number}@cc.example", display_name=f"A service with a name {number}")
        reader = await world.reader(viewport=viewport)
        reader.faults.expect(AWAY)
        page = await reader.open("/ui/queues")
        await is_live(page)
        size = "getComputedStyle(document.documentElement).fontSize"
        before = await page.evaluate(size)
        await page.keyboard.press("w")
        await expect(page).to_have_url(f"{world.origin}/ui/queues?wall=1")
        await expect(page.locator(".wall tbody tr")).to_have_count(6)
        await expect(page.get_by_role("banner")).to_be_hidden()
        await expect(page.locator(".wall-attention")).to_contain_text("6 of 6 services need attention")
        assert (await page.evaluate(_SCROLLS))[0] == 0
        await world.stop()
        await expect(page.get_by_role("alert").filter(visible=True)).to_contain_text(
            re.compile(rf"Disconnected since {_CLOCK}")
        )
        await world.start()
        await expect(page.locator(".wall-lost")).to_have_count(0)
        await page.keyboard.press("w")
        await expect(page.get_by_role("banner")).to_be_visible()
        assert await page.evaluate(size) == before


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
async def test_long_names_and_many_services_leave_room_for_the_rest(
    page_world: OpenWorld, viewport: dict[str, int]
) -> None:
    """A name without a gap, no name, and more services without a dialer than can be named."""
    async with page_world(dialer="none") as world:
        long = await world.api.add_service("sip:long@cc.example", display_name="W" * 128)
        await world.api.add_service(f"sip:unnamed-{'n' * 100}@cc.example")
        await world.api.create(service_id=long)
        for number in range(44):
            await world.api.add_service(f"sip:{number}@cc.example")
        reader = await world.reader(viewport=viewport)
        for path in (f"/ui/queues?open={long}", "/ui/queues?wall=1"):
            page = await reader.open(path)
            await is_live(page)
            attention = page.locator(".att")
            await expect(attention).to_contain_text("46 of 46 services need attention")
            await expect(attention.get_by_role("link")).to_have_count(12)
            # In this one most are waiting.
            await expect(attention.get_by_role("link", name="W" * 128)).to_be_visible()
            await expect(attention).to_contain_text("and 34 others")
            assert await too_wide(page) == []
        if viewport == DESKTOP:  # nobody scrolls a board
            await expect(page.locator(".wall")).to_contain_text("more that there is no room for")
            await expect(page.locator(".wall tr", has_text="W" * 128)).to_be_visible()
            assert await page.evaluate(_SCROLLS) == [0, 0]


async def test_a_board_that_changes_all_day_does_not_grow(page_world: OpenWorld) -> None:
    """Nothing is left over of a change: no element, and no listener."""
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        page = await (await world.reader()).open("/ui/queues?wall=1")
        await is_live(page)
        waiting = page.locator("td[data-l=Waiting]")
        session = await page.context.new_cdp_session(page)

        async def counters() -> tuple[int, int]:
            await session.send("HeapProfiler.collectGarbage")
            counted = await session.send("Memory.getDOMCounters")
            return counted["nodes"], counted["jsEventListeners"]

        async def change(times: int) -> None:
            for _ in range(times):
                callback = await world.api.create("tel:+12025550172")
                await expect(waiting).to_contain_text("1")
                await world.api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(callback.callback_id)))
                await expect(waiting).to_contain_text("0")

        await change(2)
        nodes, listeners = await counters()
        await change(6)
        after = await counters()
        assert after[0] <= nodes + 20
        assert after[1] <= listeners + 5

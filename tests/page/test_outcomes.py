"""The view Outcomes: what the server has counted, and what has ended since, folded in."""

import re
from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.duration_pb2 import Duration
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.world.page import OpenWorld, is_live

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.world.api import Api

pytestmark = pytest.mark.browser

_TOTALS: Final = """() => Object.fromEntries([...document.querySelectorAll(".sm figcaption")].map(
    (each) => [each.childNodes[1].textContent, each.querySelector("b").textContent]))"""
_ANSWERED, _BUSY, _INVALID = cb.CALL_OUTCOME_ANSWERED, cb.CALL_OUTCOME_BUSY, cb.CALL_OUTCOME_INVALID_NUMBER
_NOT_AUTHORIZED: Final = cb.CALL_OUTCOME_NOT_AUTHORIZED


async def call(api: "Api", service_id: str, *outcomes: cb.CallOutcome.ValueType) -> None:
    """Have a callback called once for each of these outcomes."""
    await api.create("tel:+12025550172", service_id=service_id, max_retries=len(outcomes) - 1)
    for outcome in outcomes:
        request = dialer_pb.LeaseCallbacksRequest(
            dialer_id="sip-1", service_ids=[service_id], max_leases=1, wait_duration=Duration(seconds=60)
        )
        [lease] = (await api.dialers.LeaseCallbacks(request)).leases
        steps = [dialer_pb.ATTEMPT_PROGRESS_DIALING]
        if outcome == _ANSWERED:
            steps.append(dialer_pb.ATTEMPT_PROGRESS_CONNECTED)
        for step in steps:
            await api.dialers.ReportProgress(
                dialer_pb.ReportProgressRequest(lease_token=lease.lease_token, progress=step)
            )
        await api.dialers.ReportOutcome(dialer_pb.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=outcome))


async def total(page: "Page", outcome: str, expected: int) -> None:
    figure = page.locator("figure", has_text=outcome)
    await expect(figure.locator("figcaption b")).to_have_text(str(expected))


async def test_what_ends_is_folded_in_and_comes_to_what_the_server_counts(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        sales = await world.api.add_service("sip:sales@cc.example", display_name="Sales")
        claims = await world.api.add_service("sip:claims@cc.example", display_name="Claims")
        page = await (await world.reader()).open("/ui/outcomes")
        await expect(page.get_by_role("heading", name="No attempt in the last 24 h")).to_be_visible()
        await is_live(page)
        await call(world.api, sales, _BUSY, _BUSY, _ANSWERED)
        await call(world.api, claims, _INVALID)
        await total(page, "ANSWERED", 1)
        await total(page, "BUSY", 2)
        await total(page, "INVALID_NUMBER", 1)
        await expect(page.locator(".ends")).to_contain_text(re.compile(r"1\s*COMPLETED\s*1\s*FAILED"))
        matrix = page.get_by_role("region", name="Outcomes by service").get_by_role("row")
        await expect(matrix).to_have_count(3)
        await expect(matrix.nth(1)).to_contain_text(re.compile(r"^Claims.*0 %$"))
        await expect(matrix.nth(2)).to_contain_text(re.compile(r"^Sales.*33 %$"))
        folded = await page.evaluate(_TOTALS)
        await page.reload()
        await total(page, "BUSY", 2)
        assert await page.evaluate(_TOTALS) == folded
        # What the counts have already is not folded in again.
        await call(world.api, sales, _BUSY)
        await total(page, "BUSY", 3)


async def test_the_address_says_which_services_and_how_long_ago(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        sales = await world.api.add_service("sip:sales@cc.example", display_name="Sales")
        claims = await world.api.add_service("sip:claims@cc.example", display_name="Claims")
        await call(world.api, sales, _ANSWERED)
        await call(world.api, claims, _BUSY)
        page = await (await world.reader()).open("/ui/outcomes?range=6h&service=sip:claims@cc.example")
        await is_live(page)
        await total(page, "BUSY", 1)
        await total(page, "ANSWERED", 0)
        # Events obey the address as counts do.
        await call(world.api, sales, _ANSWERED)
        await call(world.api, claims, _BUSY)
        await total(page, "BUSY", 2)
        await total(page, "ANSWERED", 0)
        await page.get_by_role("link", name="7 days").click()
        await expect(page).to_have_url(re.compile(r"\?range=7d&service=sip:claims@cc\.example$"))
        await expect(page.get_by_role("heading", name="last 7 days")).to_be_visible()
        await page.get_by_role("combobox", name="Services").select_option("All services")
        await expect(page).to_have_url(f"{world.origin}/ui/outcomes?range=7d")
        await total(page, "ANSWERED", 2)
        await page.go_back()
        await total(page, "ANSWERED", 0)


async def test_a_chart_is_a_sentence_and_a_table_for_those_who_do_not_see_it(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        sales = await world.api.add_service()
        page = await (await world.reader()).open("/ui/outcomes?range=1h")
        await is_live(page)
        await expect(page.get_by_role("heading", name="No attempt in the last 1 h")).to_be_visible()
        await call(world.api, sales, _BUSY, _NOT_AUTHORIZED)
        await expect(
            page.get_by_role("img", name=re.compile(r"^BUSY: 1 attempt .*most in half an hour 1"))
        ).to_be_visible()
        await expect(page.get_by_role("img", name=re.compile("^MACHINE: none"))).to_be_visible()
        # A fault of configuration stands out, to the second.
        first = page.locator("figure", has_text="NOT_AUTHORIZED").locator(".up")
        await expect(first).to_have_text(re.compile(r"first at \d\d:\d\d:\d\d"))
        await page.get_by_text("The charts as a table").click()
        table = page.get_by_role("region", name="Outcomes by half hour")
        await expect(table.get_by_role("columnheader")).to_have_text(["Half hour from", "BUSY", "NOT_AUTHORIZED"])
        await expect(table.get_by_role("row")).to_have_count(4)

"""Who sees what, and who may do what: a viewer, a caller, and a viewer whose numbers are masked."""

import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.async_api import expect

from tests.world.identities import FOREIGN, GRANTED, OTHERS, OWN
from tests.world.page import AWAY, REFUSED, OpenWorld, PageWorld, Reader, is_live
from tests.world.page_rows import shown_rows, shown_states

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.world.identities import Identities, Subject

pytestmark = pytest.mark.browser

_ACTS: Final = ("Reschedule", "Change", "Cancel callback")
_CHANGES: Final = re.compile(r"/(Create|BatchCreate|Update|Cancel|Resolve|Delete|Erase)\w+$")
_SEPARATORS: Final = re.compile(r"[\s./()\-\u00a0\u202f\u2009]|<[^>]*>")


def identities_of(world: PageWorld) -> "Identities":
    assert world.identities is not None
    return world.identities


async def subject(world: PageWorld, caller_id: str = OWN, service: str = GRANTED, **fields: object) -> "Subject":
    return await identities_of(world).subject(caller_id, service, **fields)


def changes_sent(world: PageWorld) -> list[str]:
    return [path for path in world.traffic.begun() if _CHANGES.search(path)]


async def acts_are_off(page: "Page", *names: str) -> None:
    for name in names:
        button = page.get_by_role("button", name=name, exact=False).first
        await expect(button).to_have_attribute("aria-disabled", "true")
        await expect(button).to_have_accessible_description(re.compile("^Only .*operators can do this"))
        await button.click(force=True)
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_viewer_looks_and_cannot_act(page_world: OpenWorld) -> None:
    """No act is hidden: each says who may. Keys open no dialog either."""
    async with page_world(dialer="none", identities=True) as world:
        shown = await subject(world)
        reader = await world.reader("viewer")
        page = await reader.open(f"/ui/callbacks/{shown.callback_id}")
        await is_live(page)
        await acts_are_off(page, *_ACTS)
        for key in "rex":
            await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.goto(f"{world.origin}/ui/callbacks?sel={shown.callback_id}")
        await is_live(page)
        await acts_are_off(page, *_ACTS, "New callback", "Number has rung in")
        await page.goto(f"{world.origin}/ui/queues?open={shown.service_id}")
        await is_live(page)
        await acts_are_off(page, "Pause")
        assert changes_sent(world) == []


async def test_a_caller_sees_only_its_own(page_world: OpenWorld) -> None:
    """Neither rows nor counts nor queues nor the traffic tell of what belongs to others."""
    async with page_world(dialer="none", identities=True) as world:
        own = [await subject(world) for _ in range(3)]
        others = [
            await subject(world, OTHERS),
            await subject(world, OWN, FOREIGN),
            await subject(world, OTHERS, FOREIGN),
        ]
        reader = await world.reader("caller")
        reader.faults.expect(REFUSED)
        page = await reader.open("/ui/callbacks")
        await is_live(page)
        await expect(page.locator("tr[data-id]")).to_have_count(len(own))
        assert set(await shown_states(page)) == {each.callback_id for each in own}
        # Events obey as lists do.
        others += [await subject(world, OTHERS), await subject(world, OWN, FOREIGN)]
        own.append(await subject(world))
        await expect(page.locator("tr[data-id]")).to_have_count(len(own))
        assert set(await shown_states(page)) == {each.callback_id for each in own}
        await page.goto(f"{world.origin}/ui/queues")
        await is_live(page)
        await expect(page.get_by_role("main")).to_contain_text(GRANTED)
        await expect(page.get_by_role("main")).not_to_contain_text(FOREIGN)
        await page.goto(f"{world.origin}/ui/outcomes")
        await is_live(page)
        for each in others:
            await page.goto(f"{world.origin}/ui/callbacks/{each.callback_id}")
            await expect(page.get_by_role("main")).to_contain_text(re.compile("no (such )?callback", re.IGNORECASE))
        sent = [each.number for each in others] + [each.external_task_id for each in others] + [FOREIGN]
        assert world.traffic.with_text(*sent) == []


async def test_a_masked_role_is_sent_no_number(page_world: OpenWorld) -> None:
    """Not in the document, not in an attribute of it, and in no response: in no spelling, also while it watches."""
    async with page_world(identities=True) as world:
        mine = await subject(world, context_url="https://crm.example.com/t/1", description="A plain text")
        await identities_of(world)["operator"].until_ended(mine.callback_id)
        waiting = await subject(world, max_retries=3)
        reader = await world.reader("masked viewer")
        pages = await session(reader, mine)
        numbers = [each.number.removeprefix("+41") for each in (mine, waiting)]
        live = await subject(world)
        await expect(pages[0].locator(f"tr[data-id='{live.callback_id}']")).to_have_count(1)
        numbers.append(live.number.removeprefix("+41"))
        rows = await shown_rows(pages[0])
        assert all("*" in row["target"] for row in rows.values())
        for page in pages:
            assert [number for number in numbers if number in spelt_out(await page.content())] == []
        for each in world.traffic.exchanges:
            content = each.content.decode("latin-1") + " ".join(each.headers.values())
            assert [number for number in numbers if number in spelt_out(content)] == [], each.path
        await expect(pages[0].get_by_role("banner")).to_contain_text("Numbers masked")


async def test_the_look_for_numbers_finds_them(page_world: OpenWorld) -> None:
    """Of an operator's session: what the test before has to find."""
    async with page_world(identities=True) as world:
        mine = await subject(world)
        pages = await session(await world.reader("operator"), mine)
        number = mine.number.removeprefix("+41")
        assert number in spelt_out(await pages[0].content())
        found = {
            each.path.rpartition("/")[2]
            for each in world.traffic.exchanges
            if number in spelt_out(each.content.decode("latin-1"))
        }
        assert {"ListCallbacks", "GetCallback"} <= found


async def session(reader: Reader, subject: "Subject") -> list["Page"]:
    """Look at everything there is."""
    paths = [
        "/ui/callbacks",
        f"/ui/callbacks?sel={subject.callback_id}",
        f"/ui/callbacks/{subject.callback_id}",
        f"/ui/tasks/{subject.caller_id}/{subject.external_task_id}",
        f"/ui/queues?open={subject.service_id}",
        "/ui/queues?wall=1",
        "/ui/outcomes",
    ]
    pages = []
    for path in paths:
        page = await reader.open(path)
        await is_live(page)
        await expect(page.get_by_role("region", name="Loading")).to_have_count(0)
        pages.append(page)
    return pages


def spelt_out(text: str) -> str:
    """Return a text without what numbers are grouped by."""
    return _SEPARATORS.sub("", text)


async def test_a_page_out_of_the_cache_of_the_browser_is_of_who_is_signed_in_now(page_world: OpenWorld) -> None:
    """Back leads to a page as it was left, which has heard nothing meanwhile of who has signed in."""
    async with page_world(dialer="none", identities=True) as world:
        own, other = await subject(world), await subject(world, OTHERS)
        reader = await world.reader("operator")
        reader.faults.expect(REFUSED)
        page = await reader.open("/ui/callbacks")
        await expect(page.locator(f"tr[data-id='{other.callback_id}']")).to_have_count(1)
        await reader.sign_in("caller")
        # Playwright's Chromium has no such cache.
        await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        await expect(page.get_by_role("banner")).to_contain_text("caller")
        await expect(page.locator(f"tr[data-id='{own.callback_id}']")).to_have_count(1)
        await expect(page.locator(f"tr[data-id='{other.callback_id}']")).to_have_count(0)


async def test_streams_do_not_go_on_as_somebody_else(page_world: OpenWorld) -> None:
    """Who has signed in while the server was away is shown their own page, not what the one before was shown."""
    async with page_world(dialer="none", identities=True) as world:
        await subject(world)
        other = await subject(world, OTHERS)
        reader = await world.reader("operator")
        reader.faults.expect(REFUSED, AWAY)
        page = await reader.open("/ui/callbacks")
        await expect(page.locator(f"tr[data-id='{other.callback_id}']")).to_have_count(1)
        cookies = await (await world.reader("caller")).context.cookies()
        await world.stop()
        await expect(page.locator("html")).to_have_attribute("data-conn", "lost")
        await reader.context.clear_cookies()
        await reader.context.add_cookies(
            [{"name": each["name"], "value": each["value"], "url": world.origin} for each in cookies]
        )
        await world.start()
        await expect(page.get_by_role("banner")).to_contain_text("caller")
        await expect(page.locator(f"tr[data-id='{other.callback_id}']")).to_have_count(0)

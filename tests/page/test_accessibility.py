"""Every view, in both themes and at both widths: axe finds nothing, nothing scrolls sideways, nothing needs a pointer.

One contact centre is made for all of these tests, and only looked at.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.async_api import expect

from tests.world.page import PHONE, REFUSED, is_live
from tests.world.page_checks import axe_finds, focused, too_wide
from tests.world.page_scene import OPERATOR, Scene

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, ViewportSize

pytestmark = pytest.mark.browser

# {story} is the id of the callback with a story, {sales} that of a service.
VIEWS: Final[Mapping[str, str]] = {
    "queues": "/ui/queues?open={sales}",
    "wall": "/ui/queues?wall=1",
    "callbacks": "/ui/callbacks?label=campaign%3Dautumn",
    "panel": "/ui/callbacks?sel={story}",
    "struck": "/ui/callbacks?state=NONE&colour=red&due_before=soon",
    "nothing": "/ui/callbacks?caller=nobody",
    "life": "/ui/callbacks/{story}",
    "lost": "/ui/callbacks/019a7847-5d38-7c3a-9d55-2f6b8e40a1d7",
    "task": "/ui/tasks/crm/CRM-48213",
    "outcomes": "/ui/outcomes?range=24h",
    "none": "/ui/none",
}
# A desktop at 200 % has half as many pixels of CSS.
ZOOMED: Final["ViewportSize"] = {"width": 640, "height": 400}
# What WCAG 2.2 demands (1.4.10).
NARROW: Final["ViewportSize"] = {"width": 320, "height": 640}
# A desktop, and the least widths at which all columns are shown, and at which some are.
WIDE: Final[Sequence["ViewportSize"]] = [{"width": width, "height": 900} for width in (1440, 1431, 1151, 901, 821)]


@pytest.fixture(scope="module")
async def scene(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with Scene.made(browser, tmp_path_factory.mktemp("scene")) as scene:
        yield scene


async def shown(scene: Scene, view: str, **options: Any) -> "Page":
    """Return the view, in a browser of its own, when it has stopped loading."""
    reader = await scene.world.reader(OPERATOR, **options)
    reader.faults.expect(*([REFUSED] if view == "lost" else []))
    path = VIEWS[view].format(story=scene.story.callback_id, sales=scene.service_ids["Sales"])
    page = await reader.open(path)
    await is_live(page)
    await expect(page.get_by_role("region", name="Loading")).to_have_count(0)
    return page


@pytest.mark.parametrize("view", VIEWS)
async def test_axe_finds_nothing(scene: Scene, view: str) -> None:
    """Light, dark, with the colours of the system, and at the width of a phone."""
    page = await shown(scene, view)
    found = await axe_finds(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {each}" for each in await axe_finds(page)]
    await page.emulate_media(color_scheme="light", forced_colors="active")
    found += [f"forced colours: {each}" for each in await axe_finds(page)]
    await page.emulate_media(forced_colors="none")
    await page.set_viewport_size(PHONE)
    found += [f"phone: {each}" for each in await axe_finds(page)]
    assert found == []


@pytest.mark.parametrize("view", VIEWS)
async def test_nothing_scrolls_sideways(scene: Scene, view: str) -> None:
    page = await shown(scene, view)
    found: list[str] = []
    for size in (*WIDE, PHONE, ZOOMED, NARROW):
        await page.set_viewport_size(size)
        # The page is told of the size with a frame, and is drawn anew with the next one.
        await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        found += [f"{size['width']} px: {each}" for each in await too_wide(page)]
    assert found == []


async def test_nothing_in_the_header_lies_on_something_else(scene: Scene) -> None:
    page = await shown(scene, "queues")
    on_another = """() => {
        const leaves = [...document.querySelectorAll("header.top *")].filter((each) => !each.firstElementChild
            && each.closest("svg") === null && !each.closest("[popover]") && each.checkVisibility()).map((each) => {
            const content = document.createRange();
            content.selectNodeContents(each);
            return [each.textContent, content.getBoundingClientRect()];
        }).concat([...document.querySelectorAll("header.top svg")].filter((each) => each.checkVisibility()
            && !each.closest("[popover]")).map((each) => ["glyph", each.getBoundingClientRect()]))
            .filter(([, box]) => box.width > 1);
        const isOn = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
            && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
        return leaves.flatMap(([name, box], index) =>
            leaves.slice(index + 1).filter(([, other]) => isOn(box, other)).map(([other]) => `${name}, ${other}`));
    }"""
    found: list[str] = []
    for size in (*WIDE, PHONE, ZOOMED, NARROW):
        await page.set_viewport_size(size)
        found += [f"{size['width']} px: {each}" for each in await page.evaluate(on_another)]
    assert found == []


@pytest.mark.parametrize("view", VIEWS)
async def test_nothing_moves_where_motion_is_reduced(scene: Scene, view: str) -> None:
    page = await shown(scene, view, reduced_motion="reduce")
    moving = """() => document.getAnimations().filter((each) => each.playState === "running").map(
        (each) => `${each.animationName || each.transitionProperty} of ${each.effect.target.className}`)"""
    assert await page.evaluate(moving) == []


@pytest.mark.parametrize("view", VIEWS)
async def test_the_tab_key_passes_every_control_once(scene: Scene, view: str) -> None:
    """It leads round, and what has the focus shows it: an outline, or another look than before."""
    page = await shown(scene, view)
    seen: list[str] = []
    while True:
        await page.keyboard.press("Tab")
        name = await focused(page)
        if not name or name in seen:
            break
        seen.append(name)
        assert await page.evaluate("document.activeElement.matches(':focus-visible')"), name
        assert len(seen) < 200, "the tab key leads nowhere"
    controls = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(
        (each) => each.tabIndex >= 0 && each.checkVisibility({visibilityProperty: true})).length"""
    assert len(seen) >= min(await page.evaluate(controls), 5)

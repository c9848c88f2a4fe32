"""What every view of the page has to pass, whatever it shows."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Page

_AXE: Final = Path(__file__).parents[1] / "page/node_modules/axe-core/axe.min.js"
# Elements that may scroll sideways, as a matrix of figures does at the width of a phone.
_MAY_SCROLL: Final = "[data-scrolls-sideways]"
# More than rounding to pixels makes of it.
_SLACK_PX: Final = 1

_RUN_AXE: Final = """() => axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}})"""
_TOO_WIDE: Final = """([slack, mayScroll]) => {
    const name = (each) => `${each.tagName.toLowerCase()}.${each.className} ${(each.textContent || "").slice(0, 40)}`;
    const root = document.scrollingElement;
    const found = root.scrollWidth > innerWidth + slack ? [`the document: ${root.scrollWidth} px`] : [];
    for (const each of document.body.querySelectorAll("*")) {
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
        if (scrolls && each.scrollWidth > each.clientWidth + slack && !each.closest(mayScroll)) found.push(name(each));
        const box = each.getBoundingClientRect();
        const isSeen = box.width > 1 && box.height > 1 && each.checkVisibility({visibilityProperty: true});
        if (isSeen && box.left < innerWidth && box.right > innerWidth + slack && !each.closest(mayScroll)
            && getComputedStyle(each).position !== "fixed") found.push(`cut off: ${name(each)}`);
    }
    return found;
}"""
# What has the focus, also inside of what is open.
_FOCUSED: Final = """() => {
    const each = document.activeElement;
    if (!each || each === document.body) return "";
    return `${each.tagName.toLowerCase()} ${each.getAttribute("aria-label") || each.textContent || ""}`.trim();
}"""


@cache
def _axe() -> str:
    if not _AXE.exists():
        reason = "axe-core not found: `make test-browser` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return _AXE.read_text(encoding="utf-8")


async def axe_finds(page: "Page") -> list[str]:
    """Return what axe-core finds wrong with the document as it is now, by all of its rules."""
    await page.evaluate(_axe())
    result = await page.evaluate(_RUN_AXE)
    return [line for violation in result["violations"] for line in _lines(violation)]


def _lines(violation: dict[str, Any]) -> Iterator[str]:
    for node in violation["nodes"]:
        yield f"{violation['id']}: {violation['help']}: {node['html'][:200]}\n    {node.get('failureSummary', '')}"


async def too_wide(page: "Page") -> list[str]:
    """Return what would have to be scrolled sideways, or is cut off at the right."""
    found: list[str] = await page.evaluate(_TOO_WIDE, [_SLACK_PX, _MAY_SCROLL])
    return found


async def focused(page: "Page") -> str:
    """Return what has the focus: its tag and its name. Empty for nothing."""
    name: str = await page.evaluate(_FOCUSED)
    return name

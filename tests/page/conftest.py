"""One Chromium for all tests of the page; each test has browser contexts of its own in it."""

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ringback.config import Settings
from tests.world.page import PATIENCE_MS, OpenWorld, PageWorld, chromium, need_page_browser

if TYPE_CHECKING:
    from playwright.async_api import Browser


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator["Browser"]:
    need_page_browser()
    from playwright.async_api import expect  # noqa: PLC0415 - a machine may lack it

    expect.set_options(timeout=PATIENCE_MS)
    async with chromium() as browser:
        yield browser


@pytest.fixture
def page_world(browser: "Browser", settings: Settings) -> OpenWorld:
    """Return what serves the page: `async with page_world(identities=True) as world:`."""
    return partial(PageWorld.on, browser, settings)

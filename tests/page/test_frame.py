"""The document loads under the policy of the door, whatever view it is at."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from playwright.async_api import expect

from tests.world.page import PageWorld

pytestmark = pytest.mark.browser


async def test_the_root_shows_the_queues(page_world: Callable[..., AbstractAsyncContextManager[PageWorld]]) -> None:
    async with page_world(dialer="none") as world:
        page = await (await world.reader()).open()
        await expect(page).to_have_url(f"{world.origin}/ui/queues")
        assert await page.title()

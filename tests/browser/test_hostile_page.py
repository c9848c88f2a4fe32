"""A page of another site in a real browser, which tries each way that a page has to reach a server that is open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.json_format import MessageToJson

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.browser import Page, need_browser

pytestmark = pytest.mark.browser

SCRIPT: Final = Path(__file__).with_name("hostile.js")
# Nothing of a response gets to the page: opaque ones have no status and no body.
UNSEEN: Final = ("refused", "opaque 0 false")
# What a page is not told of, in any case.
UNTOLD: Final = ("formOfText", "formOfFields", "formOfParts", "beacon", "beaconOfNoType")


@pytest.fixture
async def site() -> AsyncIterator[Page]:
    need_browser()
    async with Page(SCRIPT).served() as served:
        yield served


@asynccontextmanager
async def serving(settings: Settings, *origins: str) -> AsyncIterator[tuple[App, Api]]:
    settings = replace(settings, dialer="none", http=Listen("127.0.0.1", 0), http_origins=origins)
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        await api.add_service()
        yield app, api


async def told(site: Page, app: App, api: Api) -> dict[str, Any]:
    request = MessageToJson(pb.CreateCallbackRequest(callback_request=api.request()), indent=None)
    port = app.edges.web_address.rpartition(":")[2]
    # The same site to the browser, which would send even cookies that are SameSite=Strict.
    async with site.shown(server=f"http://localhost:{port}", request=request):
        return await site.told()


async def test_it_creates_nothing_and_sees_nothing(settings: Settings, site: Page) -> None:
    async with serving(settings) as (app, api):
        seen = await told(site, app, api)
        assert {name: each for name, each in seen.items() if name not in UNTOLD and each not in UNSEEN} == {}
        assert await api.list_all() == []


async def test_the_page_of_a_listed_origin_calls_in_json_and_in_no_other_way(settings: Settings, site: Page) -> None:
    """The same page: what held it back is its origin, and not a mistake that it makes."""
    async with serving(settings, site.origin) as (app, api):
        seen = await told(site, app, api)
        assert seen["json"] == seen["read"] == "cors 200 true"
        # The browser refuses what it may not send with cookies.
        assert seen["jsonWithCookies"] == seen["session"] == "refused"
        assert len(await api.list_all()) == 1

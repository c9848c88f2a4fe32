"""A page in a real browser watches callbacks: from another origin, over each protocol, through restarts."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, by_id
from tests.world.browser import Page, need_browser, page

pytestmark = pytest.mark.browser


@pytest.fixture
async def site() -> AsyncIterator[Page]:
    need_browser()
    async with page() as served:
        yield served


def _settings(settings: Settings, *origins: str) -> Settings:
    return replace(settings, dialer="none", http=Listen("127.0.0.1", 0), http_origins=origins)


async def _seen(site: Page, count: int) -> list[tuple[str, str, int]]:
    """Return what the page tells of so many events: the type, the callback and its revision."""
    told = [await site.told() for _ in range(count)]
    return [(each["type"], each["callbackId"], each["revision"]) for each in told]


@pytest.mark.parametrize("protocol", ["connect-json", "connect-binary", "grpc-web"])
async def test_a_watch_goes_on_through_restarts_and_neither_loses_nor_doubles_an_event(
    settings: Settings, site: Page, protocol: str
) -> None:
    settings = _settings(settings, site.origin)
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        service_id = await api.add_service()
        first = await api.create()
        # The same ports, as a server has them that is started again.
        settings = replace(
            settings,
            listen=Listen("127.0.0.1", app.port),
            http=Listen("127.0.0.1", int(app.edges.web_address.rpartition(":")[2])),
        )
        server = f"http://{app.edges.web_address}"
        shown = site.shown(protocol=protocol, server=server)
        await shown.__aenter__()
        assert await _seen(site, 1) == [("SNAPSHOT", first.callback_id, first.revision)]
        second = await api.create()
        assert await _seen(site, 1) == [("CREATED", second.callback_id, second.revision)]

    for _ in range(2):
        async with await App.start(settings) as app, Api.connect(app.port) as api:
            api.service_id = service_id
            # Before the page has come back, and after.
            missed = [await api.create() for _ in range(3)]
            cancelled = await api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(missed[0].callback_id)))
            seen = await _seen(site, 4)
            assert [each[1:] for each in seen] == [
                *((each.callback_id, each.revision) for each in missed),
                (cancelled.callback.callback_id, cancelled.callback.revision),
            ]
            later = await api.create()
            assert await _seen(site, 1) == [("CREATED", later.callback_id, later.revision)]
    assert site.untold()
    await shown.__aexit__(None, None, None)


async def test_a_page_of_an_origin_that_is_not_listed_sees_nothing(settings: Settings, site: Page) -> None:
    async with await App.start(_settings(settings, "https://desk.example")) as app, Api.connect(app.port) as api:
        await api.add_service()
        await api.create()
        async with site.shown(protocol="connect-json", server=f"http://{app.edges.web_address}", once="yes"):
            assert await site.told() == {"once": "refused by the browser"}
        assert site.untold()

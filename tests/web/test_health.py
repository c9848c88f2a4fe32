"""GET /healthz: open to everybody, and as `grpc.health.v1` has it."""

import asyncio
import http.client
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.identities import RULES

_TIMEOUT_S = 20.0


def request(address: str, method: str, host: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)
    try:
        connection.request(method, "/healthz", headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


async def health(app: App, *, method: str = "GET", host: str = "localhost") -> tuple[int, str]:
    return await asyncio.to_thread(request, app.edges.web_address, method, host)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http=Listen("127.0.0.1", 0), access=RULES, lame_duck=timedelta(seconds=30))


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    app = await App.start(settings)
    yield app
    app._settings = replace(settings, lame_duck=timedelta(0))
    await app.stop()


async def test_a_server_that_serves(app: App) -> None:
    """Neither credentials nor a name of the server are needed: a probe has the address of a pod."""
    assert await health(app) == (200, "SERVING\n")
    assert await health(app, host="10.1.2.3:8080") == (200, "SERVING\n")
    assert await health(app, method="HEAD") == (200, "")
    assert (await health(app, method="POST"))[0] in (405, 415)


async def test_what_is_reported_is_told(app: App) -> None:
    """As when the database takes no writes, and does so again."""
    await app.edges.grpc.report_health(serving=False)
    assert await health(app) == (503, "NOT_SERVING\n")
    assert await health(app, method="HEAD") == (503, "")
    await app.edges.grpc.report_health(serving=True)
    assert await health(app) == (200, "SERVING\n")


async def test_a_server_that_stops(app: App) -> None:
    """It says so while it still responds."""
    stopping = asyncio.create_task(app.stop())
    async with asyncio.timeout(_TIMEOUT_S):
        while await health(app) == (200, "SERVING\n"):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert await health(app) == (503, "NOT_SERVING\n")
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping

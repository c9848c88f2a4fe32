"""The table of roles, walked over HTTP: with a token in a header, and as the page does it, with a cookie."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.api import Api
from tests.world.http_channel import HttpChannel
from tests.world.http_client import connected
from tests.world.identities import NOBODY, RULES, STRANGER, Identities, token_of
from tests.world.role_table import ROWS, Row, walk


@dataclass
class HttpIdentities(Identities):
    """All identities over Connect; what the operator makes for them, comes over gRPC."""

    port: int = 0
    by_cookie: bool = False
    _headers: dict[str, dict[str, str]] = field(default_factory=dict)

    async def sign_in(self, *names: str) -> None:
        for name in names:
            self._headers[name] = await self._headers_of(name)

    async def _headers_of(self, name: str) -> dict[str, str]:
        if name == NOBODY:
            return {}
        if not self.by_cookie:
            return {"authorization": f"Bearer {token_of(name)}"}
        page = {"host": f"localhost:{self.port}", "origin": f"http://localhost:{self.port}"}
        async with connected(self.port) as client:
            body = json.dumps({"token": token_of(name)}).encode()
            response = await client.request("POST", "/session", body, {"content-type": "application/json", **page})
        if name == STRANGER:
            assert response.status == 401
            return page | {"cookie": "ringback-session=gAAAAAB"}
        return page | {"cookie": response.headers["set-cookie"].partition(";")[0]}

    def __getitem__(self, name: str) -> Api:
        if name in self._headers:
            channel: Any = HttpChannel(self.port, self._headers[name])
            return Api.on(channel)
        return super().__getitem__(name)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, dialer="none", access=RULES, http=Listen("127.0.0.1", 0))


@pytest.fixture(params=["token", "cookie"])
async def identities(app: App, request: pytest.FixtureRequest) -> AsyncIterator[HttpIdentities]:
    assert app.edges.http is not None
    async with Identities.at(app.address) as identities:
        over_http = HttpIdentities(
            identities.channel, port=app.edges.http.server.port, by_cookie=request.param == "cookie"
        )
        names = [identity.name for identity in RULES.identities]
        await over_http.sign_in(*names, NOBODY, STRANGER)
        yield over_http


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_each_cell_of_the_table(identities: HttpIdentities, row: Row) -> None:
    found, wanted = await walk(identities, row)
    assert found == wanted

"""Calls of a browser that is signed in: what the cookie is good for, and that streams end with the session."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from ringback.app import App
from ringback.application.access import Role
from ringback.config import Listen, Settings
from ringback.web.door.session_keys import new_session_key
from tests.world.connect_calls import JSON, STREAM, Answer, Exchange, exchange, frame, path_of, post, refused_in
from tests.world.secured import BOARD, CRM, OPS, identity, rules

WATCH: Final = path_of("WatchCallbacks")
LIST: Final = path_of("ListCallbacks")
CANCEL: Final = path_of("CancelCallback")
END: Final = 0b10


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, dialer="none", http=Listen("127.0.0.1", 0), access=rules())


@pytest.fixture
def port(app: App) -> int:
    return port_of(app)


def port_of(app: App) -> int:
    assert app.edges.http is not None
    return app.edges.http.server.port


def own(port: int) -> dict[str, str]:
    """Return the headers that a browser sends with what the page does."""
    origin = f"http://localhost:{port}"
    return {"host": f"localhost:{port}", "origin": origin, "sec-fetch-site": "same-origin"}


async def cookie_of(port: int, token: str) -> str:
    response = await post(port, "/session", json.dumps({"token": token}).encode(), JSON | own(port))
    assert response.status == 200
    return response.headers["set-cookie"].partition(";")[0]


async def call(port: int, path: str, request: Any, headers: dict[str, str]) -> Answer:
    return await post(port, path, json.dumps(request).encode(), JSON | headers)


async def test_the_page_does_what_its_role_may(port: int) -> None:
    page = own(port) | {"cookie": await cookie_of(port, BOARD)}
    assert (await call(port, LIST, {}, page)).status == 200
    refused = await call(port, CANCEL, {"key": {"callbackId": "x"}}, page)
    assert refused.status == 403
    assert refused_in(refused.json).reason == "NOT_ALLOWED"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # A cookie that is sent by what does not say that it is the page: as if there were none.
        ({}, 401),
        ({"sec-fetch-site": "none"}, 401),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
async def test_a_forged_call_has_no_cookie(port: int, headers: dict[str, str], status: int) -> None:
    cookie = await cookie_of(port, OPS)
    for path in (LIST, CANCEL):
        response = await call(port, path, {}, {"host": f"localhost:{port}", "cookie": cookie} | headers)
        assert response.status == status


async def test_a_listed_origin_calls_with_a_token_and_never_with_a_cookie(settings: Settings) -> None:
    async with await App.start(replace(settings, http_origins=("https://desk.example",))) as app:
        port = port_of(app)
        desk = {"host": f"localhost:{port}", "origin": "https://desk.example", "sec-fetch-site": "cross-site"}
        cookie = await cookie_of(port, OPS)
        refused = await call(port, LIST, {}, desk | {"cookie": cookie})
        assert refused.status == 401
        # The page that called may read why.
        assert refused.headers["access-control-allow-origin"] == "https://desk.example"
        assert (await call(port, LIST, {}, desk | {"authorization": f"Bearer {OPS}"})).status == 200


async def test_a_token_in_a_header_goes_before_the_cookie(port: int) -> None:
    page = own(port) | {"cookie": await cookie_of(port, OPS)}
    assert (await call(port, LIST, {}, page | {"authorization": "Bearer wrong"})).status == 401


async def test_the_rest_contract_takes_the_cookie_of_its_page_as_well(port: int) -> None:
    cookie = await cookie_of(port, OPS)
    page = own(port) | {"cookie": cookie}
    assert (await post(port, "/v1.0/services", b"", page, "GET")).status == 200
    absent = "/v1.0/callbackrequests/01a2049c-3c71-70e2-a0d0-04c4547f0daf"
    assert (await post(port, absent, b"", page, "DELETE")).status == 404
    for headers, status in (({}, 401), ({"origin": "https://evil.example"}, 403)):
        forged = {"host": f"localhost:{port}", "cookie": cookie} | headers
        assert (await post(port, absent, b"", forged, "DELETE")).status == status


# --- Streams ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def watching(port: int, cookie: str) -> AsyncIterator[Exchange]:
    """Open a watch of the page, and wait until it is there."""
    async with exchange(port) as stream:
        await stream.send(
            "POST", WATCH, STREAM | own(port) | {"cookie": cookie}, frame(b'{"heartbeatInterval": "60s"}')
        )
        assert (await stream.head()).status == 200
        assert (await anext(stream.frames()))[0] == 0
        yield stream


async def reason_of_end(stream: Exchange) -> str:
    """Return why a stream has ended, after nothing else."""
    async for flags, content in stream.frames():
        assert flags == END
        return refused_in(json.loads(content)["error"]).reason
    raise AssertionError("the stream has no end")


async def sign_out(app: App, cookie: str) -> None:
    port = port_of(app)
    response = await post(port, "/session", b"", own(port) | {"cookie": cookie}, "DELETE")
    assert response.status == 204


async def replace_keys(app: App, _: str) -> None:
    app.replace_session_keys((new_session_key(),))


async def replace_token(app: App, _: str) -> None:
    app.replace_access(rules(identity("board", Role.VIEWER, "another")))


async def sign_in_again(app: App, cookie: str) -> None:
    port = port_of(app)
    await post(port, "/session", json.dumps({"token": BOARD}).encode(), JSON | own(port) | {"cookie": cookie})


@pytest.mark.parametrize("act", [sign_out, replace_keys, replace_token, sign_in_again])
async def test_a_stream_ends_with_its_session(app: App, port: int, act: Callable[[App, str], Awaitable[None]]) -> None:
    cookie = await cookie_of(port, BOARD)
    async with watching(port, cookie) as stream:
        await act(app, cookie)
        assert await reason_of_end(stream) == "CREDENTIALS_INVALID"


async def test_a_stream_ends_when_the_hours_of_its_session_are_over(settings: Settings) -> None:
    async with (
        await App.start(replace(settings, http_session=timedelta(seconds=2))) as app,
        watching(port_of(app), await cookie_of(port_of(app), BOARD)) as stream,
    ):
        assert await reason_of_end(stream) == "CREDENTIALS_INVALID"


async def test_the_streams_of_others_go_on(app: App, port: int) -> None:
    mine, others = await cookie_of(port, BOARD), await cookie_of(port, BOARD)
    async with watching(port, mine) as stream, watching(port, others) as other:
        await sign_out(app, mine)
        assert await reason_of_end(stream) == "CREDENTIALS_INVALID"
        # It was there until now.
        await replace_token(app, "")
        assert await reason_of_end(other) == "CREDENTIALS_INVALID"
    assert (await call(port, LIST, {}, {"host": "localhost", "authorization": f"Bearer {CRM}"})).status == 200

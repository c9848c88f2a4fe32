"""Attacks as bytes on the wire: what the door decides has to hold for what the server makes of them."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import h2.events
import pytest
import pytest_asyncio

from ringback.app import App
from ringback.config import Listen, Settings
from tests.world.http_client import HttpResponse, connected, connected_http2

CREATE: Final = "/ringback.v1.CallbacksService/CreateCallback"
LIST: Final = "/ringback.v1.CallbacksService/ListCallbacks"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def port(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """Serve all tests with one server, which is open to all programs of its machine: it has the most to lose."""
    settings = Settings(
        listen=Listen("127.0.0.1", 0),
        http=Listen("127.0.0.1", 0),
        database=tmp_path_factory.mktemp("attacked") / "ringback.db",
        dialer="none",
        lame_duck=timedelta(0),
    )
    async with await App.start(settings) as app:
        assert app.edges.http is not None
        yield app.edges.http.server.port


async def sent(port: int, lines: str, body: str = "") -> HttpResponse:
    """Send a request as it stands, on a connection of its own."""
    async with connected(port) as client:
        head = "\r\n".join(lines.strip().splitlines())
        await client.send(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode("latin-1"))
        return await client.response()


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ("Host: evil.example", 421),
        ("Host: localhost\nHost: evil.example", 400),
        ("Host: evil.example\nHost: localhost", 400),
        ("Host: localhost\nhost: localhost", 400),
        ("X-Forwarded-Host: localhost\nHost: evil.example", 421),
        ("Forwarded: host=localhost\nHost: evil.example", 421),
        ("Host: localhost@evil.example", 400),
        ("Host: evil.example:80@localhost", 400),
        ("Host: localhost evil.example", 400),
        ("Host: evil.example#localhost", 400),
        ("Host: localhost.evil.example", 421),
        ("Host: evil.example.", 421),
        ("Host:", 400),
        ("Host: 127.1", 400),
        ("Host: 0", 400),
        ("Host: [::ffff:10.0.0.1]", 421),
        ("X: y", 400),
        ("Host: localhost.", 200),
        ("Host: LOCALHOST:1", 200),
    ],
)
async def test_a_host_in_each_spelling(port: int, hosts: str, status: int) -> None:
    request = f"POST {LIST} HTTP/1.1\n{hosts}\nContent-Type: application/json"
    assert (await sent(port, request, "{}")).status == status


async def test_http_1_0_needs_a_host_as_well(port: int) -> None:
    assert (await sent(port, f"POST {LIST} HTTP/1.0\nContent-Type: application/json", "{}")).status == 400


@pytest.mark.parametrize("target", ["http://evil.example", "https://evil.example:443", "http://localhost@evil.example"])
async def test_a_target_with_a_host_of_its_own_does_not_get_past(port: int, target: str) -> None:
    request = f"POST {target}{LIST} HTTP/1.1\nHost: localhost\nContent-Type: application/json"
    assert (await sent(port, request, "{}")).status in (400, 421)


async def test_the_authority_of_http2_is_the_host(port: int) -> None:
    async with connected_http2(port) as client:
        for authority, host, status in (
            ("localhost", None, "200"),
            ("evil.example", None, "421"),
            ("evil.example", "localhost", None),
            ("localhost", "evil.example", None),
        ):
            stream = client.h2.get_next_available_stream_id()
            pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", authority), (":path", LIST)]
            hosts = [] if host is None else [("host", host)]
            headers = [*pseudo, *hosts, ("content-type", "application/json")]
            client.h2.send_headers(stream, headers)
            client.h2.send_data(stream, b"{}", end_stream=True)
            await client.flush()
            if status is None:  # malformed (RFC 9113, 8.3.1), which ends the stream or the connection
                with pytest.raises(ConnectionError):
                    await client.response(stream)
                return
            response = dict((await client.event(h2.events.ResponseReceived, stream)).headers)
            assert response[":status"] == status


@pytest.mark.parametrize(
    "path",
    [
        "//session",
        "/./session",
        "/x/../session",
        "/%2e/session",
        "/%73ession",
        "/SESSION",
        "/session/",
        "/session;x",
        "/session%00",
        "/session%2f",
        "/session%20",
        "\\session",
        "/session#x",
    ],
)
async def test_a_path_in_another_spelling_is_another_path(port: int, path: str) -> None:
    """What is decided by the path, is decided by the path that is served."""
    # No listed origin and no cookie is needed to see it: what is served is not what was meant.
    response = await sent(port, f"GET {path} HTTP/1.1\nHost: localhost")
    if path == "/%73ession":  # the same path (RFC 3986, 6.2.2.2), to the door as to the routes
        assert response.status == 200
        assert "identity" in json.loads(response.body)
        evil = await sent(port, f"GET {path} HTTP/1.1\nHost: localhost\nOrigin: https://evil.example")
        assert evil.status == 403
    else:
        assert response.status in (400, 404)


async def test_a_probe_path_in_another_spelling_needs_the_host(port: int) -> None:
    for path in ("//healthz", "/healthz/", "/HEALTHZ", "/healthz/../session", "/x/../healthz", "/healthz;x"):
        assert (await sent(port, f"GET {path} HTTP/1.1\nHost: evil.example")).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "X: no type",
        "Content-Type: application/json\nOrigin: https://evil.example",
        "Content-Type: application/json\nOrigin: null",
        "Content-Type: application/json\nSec-Fetch-Site: cross-site",
        "Content-Type: text/plain\nContent-Type: application/json",
        "Content-Type: text/plain\n\tapplication/json",
        "Content-Type : application/json",
        "X-HTTP-Method-Override: GET",
    ],
)
async def test_a_page_of_another_site_creates_nothing(port: int, headers: str) -> None:
    """The server is open, so nothing but the door stands between a page and a call."""
    request = {"callbackRequest": {"target": "tel:+41785550123", "serviceSip": "sip:a@cc.example"}}
    for path in (CREATE, "/v1.0/callbackrequests"):
        response = await sent(port, f"POST {path} HTTP/1.1\nHost: localhost\n{headers}", json.dumps(request))
        assert response.status in (400, 403, 415)
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("name", ["Origin", "Host", "Content-Type", "Cookie", "X-Request-Id", "Authorization"])
async def test_no_header_is_made_of_what_was_sent(port: int, name: str) -> None:
    """A line end cannot be sent within a header; half of one, and what becomes one elsewhere, can."""
    for text in ("x%0d%0aSet-Cookie: a=b", "x\rSet-Cookie: a=b", "x\u0085Set-Cookie: a=b"):
        lines = f"POST {LIST} HTTP/1.1\nContent-Type: application/json\n{name}: {text}"
        async with connected(port) as client:
            head = lines.replace("\n", "\r\n")
            host = "" if name == "Host" else "Host: localhost\r\n"
            await client.send(f"{head}\r\n{host}Content-Length: 2\r\n\r\n{{}}".encode("latin-1"))
            response = await client.response()
        assert "set-cookie" not in response.headers
        assert not [value for value in response.headers.values() if "Set-Cookie" in value]


async def test_a_web_socket_is_refused(port: int) -> None:
    request = (
        "GET / HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nOrigin: https://evil.example"
    )
    assert (await sent(port, request)).status in (400, 403, 404)

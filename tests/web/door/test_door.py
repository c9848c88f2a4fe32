"""The door around an application: what reaches it, and what every response says.

The application is one that says what has reached it. Servers, with their own parsing, are in `test_attacks.py`.
"""

import logging
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from ringback.clocks import SystemClock
from ringback.web.door.door import Door
from ringback.web.door.hosts import OwnHosts
from ringback.web.door.origins import Origins
from ringback.web.door.sessions import Sessions
from ringback.web.peer import SESSION_TOKEN
from tests.world.asgi import AsgiResponse, requested

HOST: Final = ("Host", "localhost:8080")
OWN: Final = ("Origin", "http://localhost:8080")
LISTED: Final = ("Origin", "https://desk.example")
EVIL: Final = ("Origin", "https://evil.example")
JSON: Final = ("Content-Type", "application/json")
CREATE: Final = "/ringback.v1.CallbacksService/CreateCallback"


class Recorder:
    """Notes the scopes that have reached it, and responds as it is told to."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"{}"})

    @property
    def cookies(self) -> list[bytes]:
        return [value for name, value in self.scopes[-1]["headers"] if name == b"cookie"]


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(lasts=timedelta(hours=12), https=False, clock=SystemClock())


@pytest.fixture
def door(app: Recorder, sessions: Sessions) -> Door:
    return Door(app, OwnHosts("192.0.2.7"), Origins(["https://desk.example"]), sessions)


# --- Rebinding -------------------------------------------------------------------------------------------------------


async def test_a_rebound_name_reaches_nothing(door: Door, app: Recorder) -> None:
    """To the browser the page of evil.example is of this origin: only `Host` says that it is not."""
    host = ("Host", "evil.example:8080")
    response = await requested(door, "POST", CREATE, [host, ("Origin", "http://evil.example:8080"), JSON])
    assert response.status == 421
    assert response["content-type"] == "application/problem+json"
    assert response.json["reason"] == "MISDIRECTED_REQUEST"
    assert "--http-host" in response.json["detail"]
    assert not app.scopes


@pytest.mark.parametrize(
    "path", ["/", "/session", "/metrics", "/openapi.json", "/v1.0/services", "/healthz/", "//healthz"]
)
async def test_each_path_but_one_needs_the_host(door: Door, app: Recorder, path: str) -> None:
    assert (await requested(door, "GET", path, [("Host", "evil.example")])).status == 421
    assert (await requested(door, "GET", path, [])).status == 400
    assert not app.scopes


@pytest.mark.parametrize("headers", [[], [("Host", "10.244.0.7:8080")], [("Host", "evil.example")]])
async def test_a_probe_needs_no_name(door: Door, app: Recorder, headers: list[tuple[str, str]]) -> None:
    assert (await requested(door, "GET", "/healthz", headers)).status == 200
    assert (await requested(door, "POST", "/healthz", [*headers, JSON])).status in (400, 421)
    assert len(app.scopes) == 1


async def test_an_absolute_target_does_not_take_the_place_of_the_host(door: Door, app: Recorder) -> None:
    for target in ("http://evil.example/", "evil.example:80", "*", ""):
        assert (await requested(door, "GET", target, [HOST])).status == 400
    assert not app.scopes


async def test_unknown_hosts_are_logged_but_not_each(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ringback"):
        for number in range(50):
            await requested(door, "GET", "/", [("Host", f"h{number}.example")])
    assert [record.getMessage() for record in caplog.records] == [
        "refused a request for the host h0.example: if it is this one, give --http-host"
    ]


# --- Requests that pages of other sites forge ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([EVIL, ("Content-Type", "application/x-www-form-urlencoded")], id="form"),
        pytest.param([EVIL, ("Content-Type", "text/plain")], id="form of plain text with JSON in it"),
        pytest.param([EVIL, ("Content-Type", "text/plain;charset=UTF-8")], id="sendBeacon"),
        pytest.param([EVIL], id="sendBeacon of an untyped blob"),
        pytest.param([EVIL, JSON], id="fetch"),
        pytest.param([("Origin", "null"), JSON], id="sandboxed frame, or a redirect"),
        pytest.param([("Sec-Fetch-Site", "cross-site"), JSON], id="without an origin"),
        pytest.param([("Sec-Fetch-Site", "same-site"), JSON], id="from a sibling without an origin"),
        pytest.param([("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "same-site"), JSON], id="another port"),
        pytest.param([("Origin", "http://localhost:8080"), ("Sec-Fetch-Site", "cross-site"), JSON], id="contradiction"),
        pytest.param([OWN, ("Content-Type", "text/plain")], id="own page, but a form"),
        pytest.param([("Content-Type", "text/plain")], id="form of an old browser"),
        pytest.param([], id="untyped of an old browser"),
        pytest.param([OWN, EVIL, JSON], id="two origins"),
        pytest.param([OWN, JSON, ("Content-Type", "text/plain")], id="two types"),
    ],
)
@pytest.mark.parametrize("path", [CREATE, "/session", "/v1.0/callbackrequests", "/"])
async def test_a_forged_write_reaches_nothing(
    door: Door, app: Recorder, headers: list[tuple[str, str]], path: str
) -> None:
    response = await requested(door, "POST", path, [HOST, *headers])
    assert response.status in (400, 403, 415)
    assert not app.scopes
    assert not response.all("access-control-allow-origin")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "OPTIONS", "TRACE", "X"])
async def test_another_site_reaches_nothing_by_any_method(door: Door, app: Recorder, method: str) -> None:
    assert (await requested(door, method, "/", [HOST, EVIL, JSON])).status == 403
    assert not app.scopes


async def test_a_header_does_not_change_the_method(door: Door, app: Recorder) -> None:
    overriding = [("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"), ("X-Method-Override", "DELETE")]
    await requested(door, "POST", "/v1.0/callbackrequests/x", [HOST, OWN, JSON, *overriding])
    assert app.scopes[-1]["method"] == "POST"


async def test_a_web_socket_is_closed(door: Door, app: Recorder) -> None:
    """A page of any site may open one, and no rule about origins holds it back."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await door({"type": "websocket", "path": "/", "headers": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert not app.scopes


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([OWN, ("Sec-Fetch-Site", "same-origin"), JSON], id="own page"),
        pytest.param([OWN, JSON], id="own page without TLS, where browsers send no Sec-Fetch-Site"),
        pytest.param([JSON], id="program"),
        pytest.param([LISTED, ("Sec-Fetch-Site", "cross-site"), JSON], id="listed origin"),
    ],
)
async def test_what_is_no_forgery_gets_through(door: Door, app: Recorder, headers: list[tuple[str, str]]) -> None:
    assert (await requested(door, "POST", CREATE, [HOST, *headers])).status == 200
    assert len(app.scopes) == 1


async def test_a_link_of_another_site_may_be_followed(door: Door, app: Recorder) -> None:
    follow = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
    response = await requested(door, "GET", "/ui/queues", [HOST, *follow, ("Cookie", "a=b")])
    assert response.status == 200
    assert app.cookies == []


# --- CORS ------------------------------------------------------------------------------------------------------------


def cors(response: AsgiResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers if name.startswith("access-control-")}


async def test_a_listed_origin_gets_its_preflight(door: Door, app: Recorder) -> None:
    asked = [
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,connect-protocol-version,content-type"),
    ]
    response = await requested(door, "OPTIONS", CREATE, [HOST, LISTED, *asked])
    assert response.status == 204
    assert not app.scopes
    found = cors(response)
    # Once: browsers take two of them for none.
    assert response.all("access-control-allow-origin") == ["https://desk.example"]
    assert "POST" in found["access-control-allow-methods"].split(", ")
    allowed = found["access-control-allow-headers"].split(", ")
    assert {"authorization", "connect-protocol-version", "connect-timeout-ms", "content-type", "x-grpc-web"} <= {
        *allowed
    }
    assert int(found["access-control-max-age"]) > 0
    # Cookies are of the own page.
    assert "access-control-allow-credentials" not in found
    assert response["vary"].lower().split(", ") == ["origin"]


async def test_a_listed_origin_may_read_responses(door: Door, app: Recorder) -> None:
    app.headers.append((b"vary", b"Accept-Encoding"))
    response = await requested(door, "POST", CREATE, [HOST, LISTED, JSON])
    assert cors(response) == {
        "access-control-allow-origin": "https://desk.example",
        "access-control-expose-headers": cors(response)["access-control-expose-headers"],
    }
    exposed = cors(response)["access-control-expose-headers"].split(", ")
    assert {"grpc-status", "grpc-message", "grpc-status-details-bin", "location"} <= {*exposed}
    assert response["vary"].lower().split(", ") == ["accept-encoding", "origin"]


async def test_a_listed_origin_may_read_why_it_is_refused(door: Door) -> None:
    response = await requested(door, "POST", CREATE, [HOST, LISTED, ("Content-Type", "text/plain")])
    assert response.status == 415
    assert cors(response)["access-control-allow-origin"] == "https://desk.example"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "*",
        "https://desk.example.evil.example",
        "https://desk.example:444",
        "http://desk.example",
        "https://DESK.example.",
        "https://desk.example/",
        "https://desk.example, https://x",
        "https://desk.example\x0b",
        "https://desk%2eexample",
    ],
)
async def test_no_other_origin_gets_a_preflight(door: Door, app: Recorder, origin: str) -> None:
    for method in ("OPTIONS", "GET", "POST"):
        asked = [("Access-Control-Request-Method", "POST")] if method == "OPTIONS" else [JSON]
        response = await requested(door, method, CREATE, [HOST, ("Origin", origin), *asked])
        allowed = response.all("access-control-allow-origin")
        assert (response.status, allowed) == (403, [])
    assert not app.scopes


async def test_no_listed_origin_reaches_sessions(door: Door, app: Recorder) -> None:
    for method, more in (("OPTIONS", ("Access-Control-Request-Method", "POST")), ("POST", JSON), ("GET", JSON)):
        response = await requested(door, method, "/session", [HOST, LISTED, more])
        assert response.status == 403
        assert not cors(response)
    assert not app.scopes


async def test_what_the_application_says_of_origins_does_not_count(door: Door, app: Recorder) -> None:
    app.headers += [(b"Access-Control-Allow-Origin", b"*"), (b"X-Frame-Options", b"ALLOWALL")]
    response = await requested(door, "POST", CREATE, [HOST, LISTED, JSON])
    assert response["access-control-allow-origin"] == "https://desk.example"
    assert response["x-frame-options"] == "DENY"


# --- Headers of all responses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", [HOST], 200),
        ("POST", [HOST, EVIL, JSON], 403),
        ("POST", [HOST, ("Content-Type", "text/plain")], 415),
        ("GET", [("Host", "evil.example")], 421),
        ("GET", [], 400),
        ("OPTIONS", [HOST, LISTED, ("Access-Control-Request-Method", "POST")], 204),
    ],
)
async def test_every_response_has_the_policies(
    door: Door, method: str, headers: list[tuple[str, str]], status: int
) -> None:
    response = await requested(door, method, "/", headers)
    assert response.status == status
    policy = dict(each.split(" ", 1) for each in response["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in response["content-security-policy"]
    assert response["x-content-type-options"] == "nosniff"
    assert response["referrer-policy"] == "same-origin"
    assert response["cross-origin-opener-policy"] == response["cross-origin-resource-policy"] == "same-origin"
    assert response["cache-control"] == "no-store"
    assert "microphone=()" in response["permissions-policy"]
    assert not response.all("strict-transport-security")
    assert not response.all("server")


async def test_what_may_be_kept_says_so_itself(door: Door, app: Recorder) -> None:
    app.headers.append((b"Cache-Control", b"public, max-age=31536000, immutable"))
    response = await requested(door)
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert not response.all("cache-control")


async def test_tls_is_asked_for_from_then_on(door: Door) -> None:
    hosts = OwnHosts("192.0.2.7", ["ringback.example"])
    door = Door(Recorder(), hosts, Origins())
    response = await requested(door, headers=[("Host", "ringback.example")], scheme="https")
    assert response["strict-transport-security"] == "max-age=31536000"
    # It would hold for each program of this machine.
    assert not (await requested(door, scheme="https")).all("strict-transport-security")


@pytest.mark.parametrize(
    "text", ["evil.example\r\nSet-Cookie: a=b", "evil.example\nX: y", 'evil"><script>', "\u00e9vil"]
)
async def test_nothing_that_was_sent_becomes_a_header_or_a_page(door: Door, text: str) -> None:
    for headers in ([("Host", text)], [HOST, ("Origin", text)], [HOST, LISTED, ("Content-Type", text)]):
        response = await requested(door, "POST", "/", headers)
        assert response.status in (400, 403, 415)
        assert response["content-type"] == "application/problem+json"
        assert not [value for _, value in response.headers if "\n" in value or "evil" in value]
        assert b"<script>" not in response.body


# --- Cookies ---------------------------------------------------------------------------------------------------------


async def test_lines_of_cookies_are_one(door: Door, app: Recorder) -> None:
    await requested(door, "GET", "/", [HOST, ("Cookie", "a=b"), ("Cookie", "c=d")])
    assert app.cookies == [b"a=b; c=d"]


@pytest.mark.parametrize(
    ("method", "headers", "counts"),
    [
        ("GET", [], True),
        ("GET", [("Sec-Fetch-Site", "none")], True),
        ("GET", [("Sec-Fetch-Site", "same-origin")], True),
        ("POST", [OWN, JSON], True),
        ("POST", [JSON], False),
        ("POST", [LISTED, JSON], False),
        ("GET", [LISTED], False),
    ],
)
async def test_a_session_counts_for_the_own_page(
    door: Door, app: Recorder, sessions: Sessions, method: str, headers: list[tuple[str, str]], *, counts: bool
) -> None:
    _, cookie = sessions.open("token-of-a-person", token_ends_at=None)
    await requested(door, method, "/", [HOST, *headers, ("Cookie", cookie.partition(";")[0])])
    found = app.scopes[-1]["state"].get(SESSION_TOKEN)
    assert (found is not None) is counts
    assert bool(app.cookies) is counts
    if found is not None:
        assert found() == "token-of-a-person"


# --- Anything -------------------------------------------------------------------------------------------------------

_PIECES: Final = [
    *(
        "localhost",
        "localhost:8080",
        "evil.example",
        "desk.example",
        "http://",
        "https://",
        "null",
        "*",
        ":8080",
        "@",
        "/",
    ),
    *(".", ",", " ", "\t", "\x00", "\xe9", "[::1]", "application/json", "text/plain", ";", "same-origin", "cross-site"),
    *("none", "navigate", "document", "POST"),
]
_TEXT: Final = st.lists(st.sampled_from(_PIECES), max_size=4).map("".join)
_NAMES: Final = [
    *("Host", "Origin", "Content-Type", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Cookie"),
    "Access-Control-Request-Method",
]
_USUAL: Final = [HOST, OWN, LISTED, EVIL, JSON, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")]
_HEADERS: Final = st.lists(st.sampled_from(_USUAL) | st.tuples(st.sampled_from(_NAMES), _TEXT), max_size=6)


@given(
    st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "PUT"]), st.sampled_from([CREATE, "/session", "/"]), _HEADERS
)
async def test_whatever_is_sent_no_write_of_another_site_gets_through(
    method: str, path: str, headers: list[tuple[str, str]]
) -> None:
    app = Recorder()
    door = Door(app, OwnHosts("192.0.2.7"), Origins(["https://desk.example"]))
    response = await requested(door, method, path, headers)
    assert response.status in (200, 204, 400, 403, 415, 421)
    assert response["x-content-type-options"] == "nosniff"
    said = {name: [value for each, value in headers if each == name] for name in _NAMES}
    if not app.scopes or method in ("GET", "OPTIONS"):
        return
    # What has got through, judged once more and in another way.
    [host] = said["Host"]
    assert "evil" not in host.lower()
    assert len(said["Origin"]) <= 1
    assert all("evil" not in each and each != "null" for each in said["Origin"])
    listed = said["Origin"] == ["https://desk.example"]
    assert listed or "cross-site" not in said["Sec-Fetch-Site"]
    assert not (listed and path == "/session")
    types = [each.partition(";")[0].strip(" \t").lower() for each in said["Content-Type"]]
    assert types == ["application/json"] or (method != "POST" and not types)

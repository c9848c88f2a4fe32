"""Signing in, with a real server: who a browser is, what ends that, and what is said of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from ringback.app import App
from ringback.application.access import Grant, Role
from ringback.config import Listen, Settings
from ringback.web.door.session_keys import new_session_key
from tests.world.http_client import NO_HEADERS, HttpResponse, RawConnection, connected, connected_http2, trusting
from tests.world.jwts import Signer, claims, write_jwks
from tests.world.secured import BOARD, CRM, OPS, Files, identity, rules

JSON: Final = {"content-type": "application/json"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http=Listen("127.0.0.1", 0), access=rules())


@pytest.fixture
async def client(app: App) -> AsyncIterator[RawConnection]:
    async with connected_to(app) as client:
        yield client


def connected_to(app: App, **options: Any) -> Any:
    assert app.edges.http is not None
    return connected(app.edges.http.server.port, **options)


async def sign_in(client: RawConnection, token: str, headers: Mapping[str, str] = NO_HEADERS) -> HttpResponse:
    return await client.request("POST", "/session", json.dumps({"token": token}).encode(), {**JSON, **headers})


def cookie_in(response: HttpResponse) -> str:
    """Return the cookie of a response, as a browser sends it back."""
    return response.headers["set-cookie"].partition(";")[0]


async def state_of(client: RawConnection, cookie: str = "", headers: Mapping[str, str] = NO_HEADERS) -> Any:
    response = await client.get("/session", ({"cookie": cookie} if cookie else {}) | {**headers})
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    return json.loads(response.body)


async def test_a_token_becomes_a_cookie(client: RawConnection) -> None:
    response = await sign_in(client, BOARD)
    assert response.status == 200
    state = json.loads(response.body)
    assert state == {
        "signed_in": True,
        "sign_in_needed": True,
        "by": "session",
        "identity": "board",
        "roles": ["viewer"],
        "caller_ids": [],
        "masked": False,
        "ends_at": state["ends_at"],
    }
    left = datetime.fromisoformat(state["ends_at"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
    assert BOARD not in response.headers["set-cookie"]
    assert await state_of(client, cookie_in(response)) == state


async def test_nobody_is_signed_in_at_first(client: RawConnection) -> None:
    state = await state_of(client)
    assert (state["signed_in"], state["sign_in_needed"], state["identity"]) == (False, True, "")


async def test_a_caller_sees_its_caller_ids(client: RawConnection) -> None:
    state = json.loads((await sign_in(client, CRM)).body)
    assert (state["roles"], state["caller_ids"]) == (["caller"], ["crm"])


async def test_a_token_in_a_header_says_who_it_is_as_well(client: RawConnection) -> None:
    state = await state_of(client, headers={"authorization": f"Bearer {OPS}"})
    assert (state["by"], state["identity"], state["ends_at"]) == ("token", "ops", None)
    # It decides, whatever a browser sends besides.
    cookie = cookie_in(await sign_in(client, BOARD))
    assert (await state_of(client, cookie, {"authorization": f"Bearer {OPS}"}))["identity"] == "ops"


NO_TOKENS: Final = [
    *(b"", b"{", b"null", b"[]", b'"x"', b"{}", b'{"token": null}', b'{"token": 1}', b'{"token": ["x"]}'),
    *(b'{"Token": "x"}', b'{"token": "x", "more": 1}', b'{"token": "\\ud800"}', b'{"token": "\xff"}', b"[" * 10_000),
]
WRONG: Final = ["", " ", "x", f" {CRM}", f"{CRM} ", CRM.upper(), "a\r\nb", "\u00e9", "a,b", "x" * 16_000]


async def test_a_body_that_has_no_token_is_refused(client: RawConnection) -> None:
    for body in NO_TOKENS:
        response = await client.request("POST", "/session", body, JSON)
        assert response.status == 400
        assert json.loads(response.body)["reason"] == "INVALID_FIELD"
        assert "set-cookie" not in response.headers


async def test_what_is_no_token_gets_one_refusal(client: RawConnection) -> None:
    refusals = [await sign_in(client, token) for token in WRONG]
    assert {(each.status, each.headers["www-authenticate"], each.body) for each in refusals} == {
        (401, "Bearer", refusals[0].body)
    }
    assert json.loads(refusals[0].body)["reason"] == "CREDENTIALS_INVALID"
    assert not [each for each in refusals if "set-cookie" in each.headers]


async def test_guesses_are_slowed_down(client: RawConnection) -> None:
    """Each waits, so that a connection makes few; the time tells nothing of what was wrong."""
    begun = asyncio.get_running_loop().time()
    for _ in range(4):
        await sign_in(client, "guess")
    await client.get("/session", {"authorization": "Bearer guess"})
    assert asyncio.get_running_loop().time() - begun >= 5 * 0.05


async def test_a_body_that_is_too_large_is_refused(client: RawConnection) -> None:
    assert (await sign_in(client, "x" * 20_000)).status == 413


async def test_signing_out_ends_the_session_and_its_copies(app: App, client: RawConnection) -> None:
    cookie = cookie_in(await sign_in(client, BOARD))
    other = cookie_in(await sign_in(client, BOARD))
    response = await client.request("DELETE", "/session", headers={"cookie": cookie})
    assert response.status == 204
    assert "Max-Age=0" in response.headers["set-cookie"]
    async with connected_to(app) as thief:
        assert not (await state_of(thief, cookie))["signed_in"]
    assert (await state_of(client, other))["signed_in"]
    # Once more, and without any.
    assert (await client.request("DELETE", "/session", headers={"cookie": cookie})).status == 204
    assert (await client.request("DELETE", "/session")).status == 204


async def test_signing_in_ends_the_session_of_before(client: RawConnection) -> None:
    """No session that was there before the sign-in, such as one that an attacker has set, is one afterwards."""
    before = cookie_in(await sign_in(client, BOARD))
    response = await sign_in(client, OPS, {"cookie": before})
    assert (await state_of(client, cookie_in(response)))["identity"] == "ops"
    assert not (await state_of(client, before))["signed_in"]


async def test_a_cookie_that_is_over_is_taken_back(client: RawConnection) -> None:
    response = await client.get("/session", {"cookie": "ringback-session=gAAAAAB"})
    assert not json.loads(response.body)["signed_in"]
    assert response.headers["set-cookie"].startswith("ringback-session=; Path=/; Max-Age=0;")


async def test_a_session_dies_with_its_token(app: App, client: RawConnection) -> None:
    cookie = cookie_in(await sign_in(client, BOARD))
    app.replace_access(rules(identity("board", Role.VIEWER, "another")))
    assert not (await state_of(client, cookie))["signed_in"]


async def test_a_session_sees_what_its_identity_sees_now(app: App, client: RawConnection) -> None:
    cookie = cookie_in(await sign_in(client, BOARD))
    grant = Grant(role=Role.VIEWER, masked=True)
    app.replace_access(rules(identity("board", Role.VIEWER, BOARD, grants=(grant,))))
    assert (await state_of(client, cookie))["masked"] is True


async def test_cookies_of_two_people_do_not_mix(client: RawConnection) -> None:
    board, ops = cookie_in(await sign_in(client, BOARD)), cookie_in(await sign_in(client, OPS))
    assert (await state_of(client, board))["identity"] == "board"
    assert (await state_of(client, ops))["identity"] == "ops"
    # Of two, another site may have set one.
    assert not (await state_of(client, f"{board}; {ops}"))["signed_in"]


async def test_no_other_site_signs_in_or_out(app: App, client: RawConnection) -> None:
    cookie = cookie_in(await sign_in(client, BOARD))
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert (await sign_in(client, CRM, {"cookie": cookie, **headers})).status == 403
        assert (await client.request("DELETE", "/session", headers={"cookie": cookie, **headers})).status == 403
        assert (await client.get("/session", {"cookie": cookie, **headers})).status == 403
    assert (await state_of(client, cookie))["identity"] == "board"


async def test_other_methods_are_refused(client: RawConnection) -> None:
    for method in ("PUT", "PATCH", "OPTIONS", "TRACE"):
        response = await client.request(method, "/session", headers=JSON)
        assert response.status == 405
        assert response.headers["allow"] == "DELETE, GET, HEAD, POST"


async def test_a_server_that_drains_signs_nobody_in(app: App, client: RawConnection) -> None:
    app.edges.gate.close()
    response = await sign_in(client, BOARD)
    assert response.status == 503
    assert json.loads(response.body)["reason"] == "SERVER_DRAINING"


# --- Without identities ----------------------------------------------------------------------------------------------


async def test_an_open_server_needs_no_sign_in(settings: Settings) -> None:
    async with await App.start(replace(settings, access=None)) as app, connected_to(app) as client:
        state = await state_of(client)
        assert (state["signed_in"], state["sign_in_needed"]) == (False, False)
        response = await sign_in(client, "anything")
        assert json.loads(response.body) == state
        assert "set-cookie" not in response.headers


# --- JWTs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
async def jwt_client(settings: Settings, tmp_path: Path, signer: Signer) -> AsyncIterator[RawConnection]:
    jwt = write_jwks(tmp_path / "keys.json", signer.jwk)
    crm = identity("crm", Role.CALLER, subjects=frozenset({"crm@clients"}))
    async with await App.start(replace(settings, access=rules(crm, jwt=jwt))) as app, connected_to(app) as client:
        yield client


async def test_a_session_of_a_jwt_ends_with_it(jwt_client: RawConnection, signer: Signer) -> None:
    response = await sign_in(jwt_client, signer.token(claims()))
    state = json.loads(response.body)
    assert state["identity"] == "crm"
    # The skew is that of all JWTs.
    left = datetime.fromisoformat(state["ends_at"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=11)
    assert await state_of(jwt_client, cookie_in(response)) == state


async def test_a_jwt_that_is_too_long_for_a_cookie_is_told_so(jwt_client: RawConnection, signer: Signer) -> None:
    response = await sign_in(jwt_client, signer.token(claims(groups=["g" * 100] * 30)))
    assert response.status == 400
    assert "too long for a cookie" in json.loads(response.body)["detail"]
    # One that nobody has signed is told nothing.
    forged = Signer().token(claims(groups=["g" * 100] * 30))
    assert (await sign_in(jwt_client, forged)).status == 401


# --- TLS -------------------------------------------------------------------------------------------------------------


async def test_over_tls_the_cookie_is_for_this_host_alone(settings: Settings, tmp_path: Path) -> None:
    files = Files(tmp_path)
    async with await App.start(files.settings(settings)) as app:
        options = {"ssl": trusting(files.authority.pem), "server_hostname": "localhost"}
        async with connected_to(app, **options) as client:
            response = await sign_in(client, BOARD)
            assert response.headers["set-cookie"].startswith("__Host-ringback-session=")
            assert response.headers["set-cookie"].endswith("; Secure")
            cookie = cookie_in(response)
            assert (await state_of(client, cookie))["identity"] == "board"
            assert not (await state_of(client, cookie.removeprefix("__Host-")))["signed_in"]


async def test_http2_may_split_cookies(app: App) -> None:
    assert app.edges.http is not None
    async with connected_to(app) as client:
        name, _, value = cookie_in(await sign_in(client, BOARD)).partition("=")
    async with connected_http2(app.edges.http.server.port) as http2:
        stream = http2.h2.get_next_available_stream_id()
        pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/session")]
        http2.h2.send_headers(stream, [*pseudo, ("cookie", "a=b"), ("cookie", f"{name}={value}")], end_stream=True)
        await http2.flush()
        assert json.loads((await http2.response(stream)).body)["identity"] == "board"


async def test_a_certificate_says_who_a_browser_is(settings: Settings, tmp_path: Path) -> None:
    files = Files(tmp_path)
    ops = identity("ops", Role.OPERATOR, OPS, certificates=frozenset({"ops.example"}))
    secured = files.settings(replace(settings, access=rules(ops)), mutual=True)
    issued = files.clients.issue("ops.example")
    (tmp_path / "client.pem").write_bytes(issued.chain)
    (tmp_path / "client.key").write_bytes(issued.key)
    context = trusting(files.authority.pem)
    context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
    async with (
        await App.start(secured) as app,
        connected_to(app, ssl=context, server_hostname="localhost") as client,
    ):
        state = await state_of(client)
        assert (state["by"], state["identity"], state["signed_in"]) == ("certificate", "ops", True)
        # A token of another identity does not go with it.
        assert (await sign_in(client, BOARD)).status == 401
        cookie = cookie_in(await sign_in(client, OPS))
        assert (await state_of(client, cookie))["by"] == "session"


async def test_the_names_of_the_certificate_are_hosts(settings: Settings, tmp_path: Path) -> None:
    files = Files(tmp_path)
    secured = files.settings(settings)
    files.write(files.authority.issue("localhost", "ringback.example"))
    async with await App.start(secured) as app:
        options = {"ssl": trusting(files.authority.pem), "server_hostname": "localhost"}
        async with connected_to(app, **options) as client:
            assert (await client.get("/session", {"host": "ringback.example"})).status == 200
            assert (await client.get("/session", {"host": "evil.example"})).status == 421


# --- Keys ------------------------------------------------------------------------------------------------------------


async def test_a_session_is_good_at_each_server_that_has_the_key(settings: Settings, tmp_path: Path) -> None:
    keyed = replace(settings, http_session_keys=(new_session_key(),))
    async with await App.start(keyed) as app, connected_to(app) as client:
        cookie = cookie_in(await sign_in(client, BOARD))
    async with await App.start(keyed) as app, connected_to(app) as client:
        assert (await state_of(client, cookie))["identity"] == "board"
        app.replace_session_keys((new_session_key(),))
        assert not (await state_of(client, cookie))["signed_in"]

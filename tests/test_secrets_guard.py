"""The guard that watches every test finds what is planted, and nothing else."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.domain.errors import CallbackNotFound
from ringback.domain.key import ExternalTaskKey
from ringback.rpc import requests
from ringback.wire.errors import status_of
from tests.world.asgi import requested
from tests.world.http_client import connected
from tests.world.secrets_guard import GUARD, SecretsGuard

_log = logging.getLogger("ringback.planted")


@pytest.mark.parametrize(
    "text",
    [
        "placing a call to tel:+41785556677",
        "placing a call to tel:0785556677",
        "+41 78 555 66 77 was busy",
        "INVITE sip:0785556677@gw.example",
        "to=%2B41785556677",
        "authorization: Bearer s3cret-s3cret",
        "token-of-operator",
        "ringback_0123456789abcdefghij",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjcm0ifQ.c2ln",
        "cookie: ringback-session=gAAAAABpAbCdEfGhIjKlMnOpQrStUv",
    ],
)
@pytest.mark.parametrize("as_cause", [False, True], ids=["in the text", "in the traceback"])
def test_a_planted_secret_is_found(text: str, as_cause: bool) -> None:
    fault = ValueError(text) if as_cause else None
    with pytest.raises(AssertionError, match=r"^log of ringback"), GUARD.watching():
        _log.warning("a bug" if as_cause else text, exc_info=fault)
    GUARD.found.clear()


@pytest.mark.parametrize(
    "text",
    [
        "callback 01a2049c-3c71-70e2-a0d0-04c4547f0daf of sip:support@cc.example: tel:+41 78 *** ** 77",
        "2026-11-29 16:12:38,123 INFO port 50051, sip:127.0.0.1:5060, 1000000000 rows, sip:192.168.100.200:5060",
        "Bearer ***",
        "next attempt at 2026-11-29 16:12:38Z +01:00",
    ],
)
def test_what_is_masked_is_no_secret(text: str) -> None:
    with GUARD.watching():
        _log.warning(text)


def test_every_status_that_a_server_sends_is_looked_at() -> None:
    status = status_of(CallbackNotFound("key"))
    status.message = "no callback for tel:+41785556677"
    with pytest.raises(AssertionError, match="message of an error"), GUARD.watching():
        requests.trailing_metadata(status)
    GUARD.found.clear()


def test_a_number_in_the_message_of_an_error_is_masked_before_it_is_sent() -> None:
    key = ExternalTaskKey(caller_id="crm", external_task_id="+41785556677")
    assert status_of(CallbackNotFound(key)).message == "no callback crm/+41 78 *** ** 77"


def test_libraries_are_looked_at_as_far_as_they_are_logged(app: App) -> None:
    assert app.port
    library = logging.getLogger("some.library")
    guard = SecretsGuard()
    guard.handle(library.makeRecord(library.name, logging.DEBUG, "", 0, "tel:+41785556677", (), None))
    assert guard.found == []
    guard.handle(library.makeRecord(library.name, logging.WARNING, "", 0, "tel:+41785556677", (), None))
    assert len(guard.found) == 1


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, [], b'{"title": "x", "detail": "no callback for tel:+41785556677"}'),
        (403, [], b'{"code":"permission_denied","message":"token-of-operator may not"}'),
        (400, [], b'{"violations": [{"field": "Target", "description": "\\"+41785556677\\" is none"}]}'),
        (200, [], b'\x02\0\0\0\0{"error":{"code":"not_found","message":"+41785556677"}}'),
        (200, [(b"x-request-id", b"token-of-operator")], b""),
    ],
)
async def test_a_secret_in_a_response_is_found(status: int, headers: Any, body: bytes) -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    guard = SecretsGuard()
    await requested(guard.look_at_responses(app))
    assert len(guard.found) == 1


async def test_what_was_asked_for_is_no_secret_in_a_response() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        cookie = b"ringback-session=gAAAAABpAbCdEfGhIjKlMnOpQrStUv"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", cookie)]})
        await send({"type": "http.response.body", "body": b'{"target": "tel:+41785556677", "message": "x"}'})

    guard = SecretsGuard()
    await requested(guard.look_at_responses(app))
    assert guard.found == []


async def test_the_http_port_of_each_server_is_looked_at(settings: Settings) -> None:
    async with await App.start(replace(settings, http=Listen("127.0.0.1", 0))) as app:
        assert app.edges.http is not None
        with pytest.raises(AssertionError, match="header x-request-id"), GUARD.watching():
            async with connected(app.edges.http.server.port) as client:
                await client.get("/", {"x-request-id": "token-of-operator"})
        GUARD.found.clear()

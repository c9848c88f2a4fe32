"""Client certificates over HTTP prove the same as over gRPC, and for as long."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from ringback.app import App
from ringback.application.access import Role
from ringback.config import Settings
from tests.world.certificates import Authority, Issued
from tests.world.http_client import LIMIT_S, RawConnection, connected, trusting
from tests.world.http_stage import LOCAL
from tests.world.secured import CRM, OPS, Files, identity, rules

RULES: Final = rules(
    identity("crm", Role.CALLER, CRM, certificates=frozenset({"crm.clients.example"})),
    identity("ops", Role.OPERATOR, OPS, certificates=frozenset({"ops.example"})),
)
WATCH: Final = "/ringback.v1.CallbacksService/WatchCallbacks"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
async def mutual(settings: Settings, files: Files) -> AsyncIterator[App]:
    async with await App.start(replace(files.settings(settings, mutual=True, access=RULES), http=LOCAL)) as app:
        yield app


def _port(app: App) -> int:
    assert app.edges.http is not None
    return app.edges.http.server.port


def _client(files: Files, issued: Issued) -> ssl.SSLContext:
    context = trusting(files.authority.pem)
    context.load_cert_chain(*issued.write(files.folder, "client"))
    return context


async def _status(files: Files, app: App, issued: Issued, **headers: str) -> int:
    async with connected(_port(app), ssl=_client(files, issued), server_hostname="localhost") as client:
        return (await client.get("/v1.0/services", headers)).status


async def test_a_certificate_is_its_identity(mutual: App, files: Files) -> None:
    assert await _status(files, mutual, files.clients.issue("ops.example")) == 200
    assert await _status(files, mutual, Authority("between", files.clients).issue("crm.clients.example")) == 200


@pytest.mark.parametrize("names", [("nobody.example",), ("crm.clients.example", "ops.example"), ("*.clients.example",)])
async def test_a_certificate_of_nobody_is_refused(mutual: App, files: Files, names: tuple[str, ...]) -> None:
    assert await _status(files, mutual, files.clients.issue(*names)) == 401


async def test_a_token_beside_a_certificate_has_to_be_of_the_same_identity(mutual: App, files: Files) -> None:
    issued = files.clients.issue("crm.clients.example")
    assert await _status(files, mutual, issued, authorization=f"Bearer {CRM}") == 200
    assert await _status(files, mutual, issued, authorization=f"Bearer {OPS}") == 401


async def test_a_watch_ends_with_the_authority_of_its_certificate(mutual: App, files: Files) -> None:
    context = _client(files, files.clients.issue("ops.example"))
    async with connected(_port(mutual), ssl=context, server_hostname="localhost") as client:
        await _begin_watch(client)
        files.trust(Authority("other"))
        assert await _end_of_watch(client) == "unauthenticated"


async def _begin_watch(client: RawConnection) -> None:
    body = json.dumps({"heartbeatInterval": "60s"}).encode()
    message = bytes([0]) + len(body).to_bytes(4, "big") + body
    head = f"POST {WATCH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+json\r\n"
    await client.send(f"{head}content-length: {len(message)}\r\n\r\n".encode() + message)
    async with asyncio.timeout(LIMIT_S):
        assert b" 200 " in await client.reader.readuntil(b"\r\n\r\n")


async def _end_of_watch(client: RawConnection) -> str:
    """Return the code with which the stream ends."""
    kept = b""
    while chunk := await client.chunk():
        kept += chunk
        while len(kept) >= 5 and len(kept) >= (size := 5 + int.from_bytes(kept[1:5], "big")):
            flags, message, kept = kept[0], kept[5:size], kept[size:]
            if flags == 2:
                code: str = json.loads(message)["error"]["code"]
                return code
    raise AssertionError("the stream has no end")

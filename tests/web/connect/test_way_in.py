"""Calls over HTTP pass the way in: who may call, until when, and what is told of each call."""

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringback.app import App
from ringback.application.access import Caller, Role
from ringback.config import Settings
from ringback.entry.way_in import Edge
from ringback.identity.jwt import SKEW
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import by_id
from tests.world.connect_calls import (
    JSON,
    PATIENCE_S,
    STREAM,
    end_of,
    exchange,
    frame,
    path_of,
    post,
    refused_in,
    watch,
)
from tests.world.dialer import until
from tests.world.jwts import Signer, claims, write_jwks
from tests.world.secured import BOARD, CRM, OPS, bearer, identity, rules

SIGNER = Signer("EdDSA")
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
LIST = path_of("ListServices", "DirectoryService")
CREATE_SERVICE = path_of("CreateService", "DirectoryService")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    jwt = write_jwks(tmp_path / "keys.json", SIGNER.jwk)
    board = identity("board", Role.VIEWER, BOARD, subjects=frozenset({"board@clients"}))
    return replace(settings, access=rules(board, jwt=jwt))


@pytest.fixture
def port(app: App) -> int:
    return int(app.edges.web_address.rpartition(":")[2])


def _by(token: str, kind: Mapping[str, str] = JSON) -> dict[str, str]:
    _, value = bearer(token)
    return {**kind, "authorization": str(value)}


class _Told:
    """An observer of calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Edge, str, str | None]] = []

    def on_end(self, rpc: str, edge: Edge, code: str, caller: Caller | None, duration_s: float) -> None:
        assert duration_s > 0
        self.calls.append((rpc, edge, code, None if caller is None else caller.identity))


@pytest.fixture
def told(app: App) -> list[tuple[str, Edge, str, str | None]]:
    observer = _Told()
    app.edges.way_in.observers.append(observer)
    return observer.calls


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason"),
    [
        (LIST, JSON, 401, "CREDENTIALS_INVALID"),
        (LIST, _by("no such token"), 401, "CREDENTIALS_INVALID"),
        (CREATE_SERVICE, _by(CRM), 403, "NOT_ALLOWED"),
    ],
)
async def test_who_may_not_call_is_refused_before_the_request_is_read(
    port: int, path: str, headers: Mapping[str, str], status: int, reason: str
) -> None:
    async with exchange(port) as call:
        await call.send("POST", path, {**headers, "content-length": "1000"}, None)  # which never comes
        head = await call.head()
        body = b"".join([chunk async for chunk in call.chunks()])
    assert (head.status, refused_in(json.loads(body)).reason) == (status, reason)


async def test_each_call_is_told_once_with_how_it_ended(
    app: App, port: int, told: list[tuple[str, Edge, str, str | None]]
) -> None:
    await post(port, LIST, b"{}", _by(OPS))
    await post(port, LIST, b"{", _by(OPS))
    await post(port, LIST, b"{}")
    await post(
        port, path_of("GetCallback"), b'{"key": {"callbackId": "01890a5d-ac96-774b-bcce-b302099a8057"}}', _by(OPS)
    )
    await post(port, LIST, b"no gzip", {**_by(OPS), "content-encoding": "gzip"})
    assert told == [
        ("ListServices", "connect", "OK", "ops"),
        ("ListServices", "connect", "INVALID_ARGUMENT", "ops"),
        ("ListServices", "connect", "UNAUTHENTICATED", None),
        ("GetCallback", "connect", "NOT_FOUND", "ops"),
        ("ListServices", "connect", "INVALID_ARGUMENT", "ops"),
    ]
    told.clear()
    async with watch(port, {**_by(BOARD, STREAM), "connect-timeout-ms": "200"}) as call:
        await end_of_head(call)
    async with watch(port, _by(BOARD, STREAM)) as call:
        await call.head()
    await until(lambda: len(told) == 2)
    assert [each[2] for each in told] == ["DEADLINE_EXCEEDED", "CANCELLED"]


async def end_of_head(call: Any) -> Any:
    await call.head()
    return await end_of(call)


async def test_a_watch_ends_within_a_second_of_its_token(app: App, port: int) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    token = SIGNER.token(claims(sub="board@clients", exp=int((ends - SKEW).timestamp())))
    async with watch(port, _by(token, STREAM)) as call:
        error = (await end_of_head(call))["error"]
    assert datetime.now(UTC) >= ends
    assert (error["code"], refused_in(error).reason) == ("unauthenticated", "CREDENTIALS_INVALID")
    await until(lambda: app.use_cases.usage._held.total() == 0)


async def test_a_watch_ends_when_its_right_is_lost(app: App, port: int, settings: Settings) -> None:
    async with watch(port, _by(BOARD, STREAM)) as call:
        await call.head()
        await anext(call.frames())
        app.replace_access(rules(identity("board", Role.CALLER, BOARD)))
        error = (await end_of(call))["error"]
    assert (error["code"], refused_in(error).reason) == ("permission_denied", "NOT_ALLOWED")


async def test_a_poll_ends_when_its_right_is_lost(app: App, port: int) -> None:
    async with exchange(port) as call:
        request = b'{"dialerId": "d", "maxLeases": 1, "waitDuration": "60s"}'
        await call.send("POST", path_of("LeaseCallbacks", "DialerService"), _by("pbx-token"), request)
        await until(lambda: app.use_cases.usage._held.total() == 1)
        app.replace_access(rules(identity("pbx", Role.VIEWER, "pbx-token")))
        head = await call.head()
        body = json.loads(b"".join([chunk async for chunk in call.chunks()]))
    assert (head.status, refused_in(body).reason) == (403, "NOT_ALLOWED")


async def test_grpc_web_has_the_status_in_its_last_frame(port: int) -> None:
    kind = {"content-type": "application/grpc-web+proto"}
    request = frame(pb.GetCallbackRequest(key=by_id(UNKNOWN_ID)).SerializeToString())
    for headers, status in ((kind, "16"), (_by(OPS, kind), "5")):
        async with exchange(port) as call:
            await call.send("POST", path_of("GetCallback"), headers, request)
            assert (await call.head()).status == 200
            async with asyncio.timeout(PATIENCE_S):
                [(flags, trailers)] = [each async for each in call.frames()]
        assert flags == 0x80
        lines = dict(line.split(": ", 1) for line in trailers.decode().strip().split("\r\n"))
        assert lines["grpc-status"] == status
        assert len(lines["grpc-status-details-bin"]) < 8192


async def test_a_message_that_is_too_large_is_refused_by_its_length(port: int) -> None:
    async with exchange(port) as call:
        await call.send("POST", path_of("WatchCallbacks"), _by(BOARD, STREAM), struct.pack(">BI", 0, 2**31))
        await call.head()
        error = (await end_of(call))["error"]
    assert error["code"] == "resource_exhausted"

"""The credentials of channels: tokens and certificates that reach a real server."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from grpc import StatusCode

from ringback.app import App
from ringback.application.access import Role
from ringback.client import insecure_channel, secure_channel, watch
from ringback.config import Settings
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.secured import CRM, OPS, Files, identity, list_services, rules

RULES: Final = rules(identity("crm", Role.CALLER, CRM, "renewed", certificates=frozenset({"crm.example"})))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "crm.token"
    path.write_text(f"{CRM}\n")
    return path


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, access=RULES)


@pytest.fixture
async def secured(settings: Settings, files: Files) -> AsyncIterator[App]:
    async with await App.start(files.settings(settings)) as app:
        yield app


async def test_a_token_over_plain_text(app: App) -> None:
    async with insecure_channel(app.address, token=CRM) as channel:
        assert await list_services(channel) is StatusCode.OK
    async with insecure_channel(app.address, token="wrong") as channel:
        assert await list_services(channel) is StatusCode.UNAUTHENTICATED


async def test_a_token_file_is_read_for_each_call(app: App, token_file: Path) -> None:
    async with insecure_channel(app.address, token_file=token_file) as channel:
        await _renew(channel, token_file)


@pytest.mark.long
async def test_a_token_file_is_read_for_each_call_over_tls(secured: App, files: Files, token_file: Path) -> None:
    target = f"localhost:{secured.port}"
    async with secure_channel(target, root_certificates=files.authority.pem, token_file=token_file) as channel:
        await _renew(channel, token_file)


# What the file has, None for no file, and how a call ends.
RENEWED: Final = [
    (CRM, StatusCode.OK),
    ("wrong", StatusCode.UNAUTHENTICATED),
    ("renewed\n", StatusCode.OK),
    *((nothing, StatusCode.UNAVAILABLE) for nothing in ("", "two words", "two\nlines", "ü", None)),
    (CRM, StatusCode.OK),
]


async def _renew(channel: grpc.aio.Channel, token_file: Path) -> None:
    for content, status in RENEWED:
        _put(token_file, content)
        assert await list_services(channel) is status, content


def _put(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_text(content, encoding="utf-8")


async def test_a_watch_over_plain_text_brings_its_token(app: App) -> None:
    """And goes on while the token is renewed: it is of use when the stream begins."""
    async with insecure_channel(app.address, token=OPS) as operator:
        api = Api.on(operator)
        await api.add_service()
        created = await api.create(caller_id="crm")
    async with insecure_channel(app.address, token=CRM) as channel:
        request = pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
        responses: Any = watch(Api.on(channel).callbacks, request)
        async for response in responses:
            if response.events:
                assert response.events[0].callback.callback_id == created.callback_id
                break
        await responses.aclose()


async def test_a_certificate_of_the_client(settings: Settings, files: Files) -> None:
    issued = files.clients.issue("crm.example")
    async with await App.start(files.settings(settings, mutual=True)) as app:
        target, roots = f"localhost:{app.port}", files.authority.pem
        async with secure_channel(
            target, root_certificates=roots, certificate_chain=issued.chain, private_key=issued.key
        ) as channel:
            assert await list_services(channel) is StatusCode.OK
        async with secure_channel(target, CRM, roots) as channel:
            assert await list_services(channel) is StatusCode.UNAVAILABLE


def test_what_does_not_go_together(token_file: Path, files: Files) -> None:
    issued = files.clients.issue("crm.example")
    with pytest.raises(ValueError, match="exclude each other"):
        secure_channel("localhost:1", CRM, token_file=token_file)
    with pytest.raises(ValueError, match="exclude each other"):
        insecure_channel("localhost:1", token=CRM, token_file=token_file)
    with pytest.raises(ValueError, match="need each other"):
        secure_channel("localhost:1", certificate_chain=issued.chain)

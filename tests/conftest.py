"""A real server on a real port with a real SQLite file, and what a client needs to talk to it."""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import settings as hypothesis_settings
from starlette.types import ASGIApp

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.rpc import requests
from ringback.storage.sqlite import SqliteStore
from ringback.web.server import Supervise, WebServer
from tests.world.api import Api
from tests.world.secrets_guard import GUARD
from tests.world.use_cases import World

# A shared machine is slow at times; how long an example takes says nothing about it.
hypothesis_settings.register_profile("ringback", deadline=None)
hypothesis_settings.load_profile("ringback")


@pytest.fixture(scope="session", autouse=True)
def _watched_secrets() -> Iterator[None]:
    """Let the guard see what is logged, and what servers refuse with."""
    as_sent, as_started = requests.trailing_metadata, WebServer.start

    def trailing_metadata(status: Status) -> tuple[tuple[str, bytes]]:
        GUARD.look_at_status(status)
        return as_sent(status)

    async def start(server: WebServer, app: ASGIApp, *supervise: Supervise) -> None:
        await as_started(server, GUARD.look_at_responses(app), *supervise)

    logging.getLogger().addHandler(GUARD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "trailing_metadata", trailing_metadata)
        patch.setattr(WebServer, "start", start)
        yield
    logging.getLogger().removeHandler(GUARD)


@pytest.fixture(autouse=True)
def _no_secrets_are_told() -> Iterator[None]:
    with GUARD.watching():
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings whose simulated phones ring and talk for no time at all."""
    return Settings(
        listen=Listen("127.0.0.1", 0),
        database=tmp_path / "ringback.db",
        simulated_ring=timedelta(0),
        simulated_talk=timedelta(0),
        lame_duck=timedelta(0),
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    async with await App.start(settings) as app:
        yield app


@pytest.fixture
async def api(app: App) -> AsyncIterator[Api]:
    async with Api.connect(app.port) as api:
        await api.add_service()
        yield api


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Open the use cases on a database of the test's own, without a server."""
    store = await SqliteStore.open(tmp_path / "ringback.db")
    yield World(store)
    await store.close()

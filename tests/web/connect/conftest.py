"""The services over HTTP, beside the server that the tests of gRPC have."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from ringback.app import App
from ringback.config import Settings
from ringback.web.connect.application import ConnectApplication, connect_app
from ringback.web.connect.calls import REQUEST_S, Scope
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.dialer import DialerHandlers
from ringback.wire.watch_encoder import WatchEncoder
from tests.world.api import Api


class _Credentials:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def invocation_metadata(self) -> list[tuple[str, str | bytes]]:
        return [(name.decode(), value.decode()) for name, value in self._scope["headers"] if name == b"authorization"]

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    def peer(self) -> str:
        host, port = self._scope["client"]
        return f"ipv4:{host}:{port}"


def application_of(app: App, request_s: float) -> ConnectApplication:
    return connect_app(
        app.way_in,
        CallbacksHandlers(
            app.callback_creation, app.callback_queries, app.callback_changes, app.watches, app.directory
        ),
        DialerHandlers(app.assigner, app.leases, app.directory, app._clock),
        app.directory_handlers,
        WatchEncoder(app._clock),
        _Credentials,
        request_s,
    )


@asynccontextmanager
async def over_http(app: App, request_s: float = REQUEST_S) -> AsyncIterator[int]:
    """Serve the services of a server over HTTP, and return the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.accesslog = None
    over = asyncio.Event()
    application: Any = application_of(app, request_s)
    serving = asyncio.create_task(serve(application, config, shutdown_trigger=over.wait))
    yield port
    over.set()
    await serving


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without a built-in dialer."""
    return replace(settings, dialer="none")


@pytest.fixture
async def port(api: Api, app: App) -> AsyncIterator[int]:
    async with over_http(app) as port:
        yield port


@pytest.fixture
async def short_of_time(app: App) -> AsyncIterator[int]:
    """Serve for clients that send a request within an instant."""
    async with over_http(app, request_s=0.2) as port:
        yield port

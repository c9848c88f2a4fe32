"""Servers that share a PostgreSQL, in the process of the test, each spoken to over a channel of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from opentelemetry.trace import TracerProvider

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.ports.location import PostgresUrl
from ringback.v1.directory_service_pb2 import ListServicesRequest
from tests.world.api import Api

# A test that takes longer than this waits for something that does not come.
PATIENCE_S = 20


@dataclass
class Replica:
    url: str
    app: App
    api: Api

    async def is_polled(self) -> None:
        """Return when a dialer waits here."""
        while not self.app.use_cases.assigner._polls:
            await self.api.directory.ListServices(ListServicesRequest())  # which comes after the poll


@asynccontextmanager
async def replica(url: str, *, tracers: TracerProvider | None = None, **settings: Any) -> AsyncIterator[Replica]:
    """Start one of the servers; without a dialer, unless the settings ask for it."""
    chosen = {"dialer": "none", "simulated_ring": timedelta(0), "simulated_talk": timedelta(0), **settings}
    server = Settings(
        listen=Listen("127.0.0.1", 0), database=PostgresUrl(url), lame_duck=timedelta(0), **cast("Any", chosen)
    )
    async with await App.start(server, tracers) as app, Api.connect(app.port) as api:
        yield Replica(url, app, api)


@asynccontextmanager
async def pair(url: str) -> AsyncIterator[tuple[Replica, Replica]]:
    """Start two servers that know one service."""
    async with replica(url) as a, replica(url) as b:
        b.api.service_id = await a.api.add_service()
        yield a, b

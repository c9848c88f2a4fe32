"""Spans that a test reads."""

from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider

from ringback.app import App
from ringback.config import Settings
from tests.world.postgres import Cluster
from tests.world.spans import SpanExporter, provider_of


@pytest.fixture
def spans() -> SpanExporter:
    return SpanExporter()


@pytest.fixture
def provider(spans: SpanExporter) -> TracerProvider:
    return provider_of(spans)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.start()
    yield cluster
    cluster.destroy()


@pytest.fixture
async def app(settings: Settings, provider: TracerProvider) -> AsyncIterator[App]:
    """Return a server with an SDK."""
    async with await App.start(settings, provider) as app:
        yield app

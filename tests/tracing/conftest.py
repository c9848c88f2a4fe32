"""Spans that a test reads."""

from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from ringback.app import App
from ringback.config import Settings
from tests.world.spans import SpanExporter


@pytest.fixture
def spans() -> SpanExporter:
    return SpanExporter()


@pytest.fixture
def provider(spans: SpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


@pytest.fixture
async def app(settings: Settings, provider: TracerProvider) -> AsyncIterator[App]:
    """Return a server with an SDK."""
    async with await App.start(settings, provider) as app:
        yield app

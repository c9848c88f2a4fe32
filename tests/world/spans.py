"""Spans as an SDK has recorded them, for tests that wait for them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PATIENCE_S = 10


class SpanExporter(InMemorySpanExporter):
    """It keeps spans in memory, and can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._grown = asyncio.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self._grown.set()
        return result

    async def of(self, name: str, count: int = 1) -> list[ReadableSpan]:
        """Return the spans of this name, in the order of their ends, once there are so many."""
        async with asyncio.timeout(_PATIENCE_S):
            while len(found := [span for span in self.get_finished_spans() if span.name == name]) < count:
                self._grown.clear()
                await self._grown.wait()
        return found


def provider_of(spans: SpanExporter) -> TracerProvider:
    """Return an SDK of a process that sends its spans there at once."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


def trace_parent(span: ReadableSpan) -> str:
    """Return the header that names this span as the parent."""
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def parent_id(span: ReadableSpan) -> str:
    return "" if span.parent is None else f"{span.parent.span_id:016x}"


def span_id(span: ReadableSpan) -> str:
    return trace_parent(span).split("-")[2]


def at(time_ns: int | None) -> datetime:
    assert time_ns is not None
    return _EPOCH + timedelta(microseconds=time_ns // 1000)

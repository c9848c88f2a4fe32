"""A collector of OpenTelemetry: what receives spans over OTLP, as programs send them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

_PATIENCE_S = 20


@dataclass(frozen=True)
class Received:
    """A span as it came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str]


@dataclass
class Collector(TraceServiceServicer):
    """It keeps all spans, and takes none while it is told so."""

    endpoint: str = ""
    spans: list[Received] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    async def Export(self, request: pb.ExportTraceServiceRequest, context: object) -> pb.ExportTraceServiceResponse:  # noqa: N802 - as in gRPC
        for group in request.resource_spans:
            self.resource = _texts(group.resource.attributes)
            for scope in group.scope_spans:
                self.spans += map(_received, scope.spans)
        self.grown.set()
        return pb.ExportTraceServiceResponse()

    async def until(self, *names: str) -> list[Received]:
        """Return all spans once there is one of each of these names."""
        async with asyncio.timeout(_PATIENCE_S):
            while not set(names) <= {span.name for span in self.spans}:
                self.grown.clear()
                await self.grown.wait()
        return self.spans


def _received(span: Any) -> Received:
    return Received(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _texts(span.attributes),
    )


def _texts(attributes: Any) -> dict[str, str]:
    return {each.key: str(getattr(each.value, each.value.WhichOneof("value"))) for each in attributes}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield collector
    await server.stop(None)

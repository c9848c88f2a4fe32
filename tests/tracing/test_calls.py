"""A call that comes in is a span below the client's, by the conventions for RPC, and without what names a person."""

import asyncio
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from ringback.app import App
from ringback.application.call_trace import call_trace
from ringback.config import Settings
from ringback.ports.log_fields import FIELDS
from ringback.tracing.calls import CallTraces
from ringback.tracing.provider import tracer_of
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.dialer import Dialer
from tests.world.spans import SpanExporter, parent_id, trace_parent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
CREATE = "ringback.v1.CallbacksService/CreateCallback"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without a built-in dialer."""
    return replace(settings, dialer="none")


async def create(api: Api, *metadata: tuple[str, str], **fields: Any) -> pb.CreateCallbackResponse:
    request = pb.CreateCallbackRequest(callback_request=api.request(**fields))
    return await api.callbacks.CreateCallback(request, metadata=metadata)


async def leased_trace(api: Api) -> str:
    return (await Dialer(api).lease_one()).traceparent


async def test_a_create_is_a_span_below_that_of_the_client(api: Api, spans: SpanExporter) -> None:
    await create(api, ("traceparent", PARENT), ("tracestate", "vendor=1,other=2"))
    [span] = await spans.of(CREATE)
    assert (trace_parent(span)[3:35], parent_id(span)) == (TRACE, SPAN)
    assert span.parent is not None
    assert span.parent.is_remote
    assert span.parent.trace_state.to_header() == "vendor=1,other=2"
    assert span.kind is SpanKind.SERVER
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes == {"rpc.system.name": "grpc", "rpc.method": CREATE, "rpc.response.status_code": "OK"}
    assert await leased_trace(api) == trace_parent(span)


async def test_without_a_parent_a_trace_begins(api: Api, spans: SpanExporter) -> None:
    await create(api)
    [span] = await spans.of(CREATE)
    assert span.parent is None
    assert await leased_trace(api) == trace_parent(span)


@pytest.mark.parametrize(
    "metadata",
    [
        [("traceparent", "00-nonsense")],
        [("traceparent", PARENT.upper())],
    ],
)
async def test_what_is_no_parent_is_ignored(api: Api, spans: SpanExporter, metadata: list[tuple[str, str]]) -> None:
    await create(api, *metadata)
    [span] = await spans.of(CREATE)
    assert span.parent is None


@pytest.mark.parametrize("state", ["x" * 513, "=,=,,;", "a=" + "b" * 257, ",".join(f"k{n}=v" for n in range(40))])
async def test_a_state_that_is_too_long_or_none_does_not_end_the_trace(
    api: Api, spans: SpanExporter, state: str
) -> None:
    await create(api, ("traceparent", PARENT), ("tracestate", state))
    [span] = await spans.of(CREATE)
    assert (trace_parent(span)[3:35], parent_id(span)) == (TRACE, SPAN)


class Headers:
    """Credentials of a request that has these headers."""

    def __init__(self, *headers: tuple[str, str | bytes]) -> None:
        self._headers = headers

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        return self._headers

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        return {}

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"


def test_of_two_parents_none_counts(provider: TracerProvider, spans: SpanExporter) -> None:
    """gRPC itself leaves one of them; of HTTP both come."""
    other = ("traceparent", PARENT.replace("00f", "00e"))
    for tracer in (None, tracer_of(provider)):
        followed = CallTraces(tracer).begin("CreateCallback", "rest", Headers(("traceparent", PARENT), other))
        assert (followed is None) == (tracer is None)
        if followed is not None:
            followed.end("OK", None, None)
    [span] = spans.get_finished_spans()
    assert span.parent is None


@pytest.mark.parametrize("header", [PARENT, PARENT.encode()])
def test_a_header_is_text_or_bytes(header: str | bytes) -> None:
    followed = CallTraces(None).begin("CreateCallback", "connect", Headers(("traceparent", header)))
    assert followed is not None
    assert call_trace.get() == PARENT
    followed.end("OK", None, None)
    assert call_trace.get() is None


def test_what_is_no_rpc_is_no_span(provider: TracerProvider) -> None:
    assert CallTraces(tracer_of(provider)).begin("Metrics", "rest", Headers(("traceparent", PARENT))) is None


async def test_a_refusal_has_its_reason_and_none_of_its_texts(api: Api, spans: SpanExporter) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await create(api, target="tel:+41785556677", description="x" * 10_000, external_task_id="+41785556677")
    [span] = await spans.of(CREATE)
    assert span.attributes is not None
    assert span.attributes["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert span.attributes["ringback.reason"] == "INVALID_FIELD"
    assert span.status.status_code is StatusCode.UNSET, "it is a fault of the client"
    assert "5556677" not in span.to_json()


async def test_a_server_that_cannot_serve_is_a_fault(app: App, api: Api, spans: SpanExporter) -> None:
    app.edges.gate.close()
    with pytest.raises(grpc.aio.AioRpcError):
        await create(api, ("traceparent", PARENT))
    [span] = await spans.of(CREATE)
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "SERVER_DRAINING"
    assert span.attributes is not None
    assert span.attributes["error.type"] == "UNAVAILABLE"


async def test_the_span_of_a_watch_and_of_a_poll_is_that_of_its_opening(api: Api, spans: SpanExporter) -> None:
    stream = api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    poll = Dialer(api).poll(wait_s=20)
    [watch] = await spans.of("ringback.v1.CallbacksService/WatchCallbacks")
    [lease] = await spans.of("ringback.v1.DialerService/LeaseCallbacks")
    assert not stream.done()
    assert not poll.done()
    for span in (watch, lease):
        assert span.attributes is not None
        assert span.attributes["rpc.response.status_code"] == "OK"
    stream.cancel()
    poll.cancel()
    await create(api)
    await spans.of(CREATE)
    names = [span.name for span in spans.get_finished_spans()]
    assert names.count(watch.name) == names.count(lease.name) == 1


async def test_a_batch_belongs_to_the_trace_as_a_whole(api: Api, spans: SpanExporter) -> None:
    request = pb.BatchCreateCallbacksRequest(
        requests=[pb.CreateCallbackRequest(callback_request=api.request(f"sip:{n}@sim.example")) for n in range(3)]
    )
    await api.callbacks.BatchCreateCallbacks(request, metadata=[("traceparent", PARENT)])
    [span] = await spans.of("ringback.v1.CallbacksService/BatchCreateCallbacks")
    assert {lease.traceparent for lease in await Dialer(api).lease(3)} == {trace_parent(span)}


async def test_each_call_has_its_own_trace(api: Api, spans: SpanExporter) -> None:
    """Calls of one connection, at the same time."""
    traces = [f"{number:032x}" for number in range(1, 21)]
    metadata = [("traceparent", f"00-{each}-{SPAN}-01") for each in traces]
    await asyncio.gather(*[create(api, one, target=f"sip:caller-{one[1][33:35]}@sim.example") for one in metadata])
    found = await spans.of(CREATE, len(traces))
    assert sorted(trace_parent(span)[3:35] for span in found) == traces
    leased = [lease.traceparent[3:35] for lease in await Dialer(api).lease(20)]
    assert leased  # as many as the service can serve at a time
    assert set(leased) <= set(traces)
    assert len(set(leased)) == len(leased)


async def test_what_is_not_sampled_is_handed_on_as_such(settings: Settings, spans: SpanExporter) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    async with await App.start(settings, provider) as app, Api.connect(app.port) as api:
        await api.add_service()
        await create(api, ("traceparent", f"00-{TRACE}-{SPAN}-00"))
        leased = await leased_trace(api)
        assert (leased[3:35], leased[-2:]) == (TRACE, "00")
        await create(api, target="sip:other@sim.example")
        assert await leased_trace(api) == "", "a trace that nobody has begun, and nobody records"
    assert spans.get_finished_spans() == ()


# --- Without an SDK ---------------------------------------------------------------------------------------------------


async def test_without_an_sdk_the_trace_of_the_client_is_handed_on(settings: Settings) -> None:
    assert tracer_of(None) is None
    assert tracer_of(trace.NoOpTracerProvider()) is None
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        await api.add_service()
        await create(api, ("traceparent", PARENT))
        assert await leased_trace(api) == PARENT
        await create(api, target="sip:other@sim.example")
        assert await leased_trace(api) == "", "the trace of the call before it is over"


# --- The line of each call --------------------------------------------------------------------------------------------


async def test_at_debug_each_call_is_one_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    await create(api, target="tel:+41785556677")
    assert not [record for record in caplog.records if record.name == "ringback.tracing.call_log"]
    with caplog.at_level(logging.DEBUG, "ringback.tracing.call_log"):
        await create(api, ("traceparent", PARENT), target="tel:+41785556677", external_task_id="t1")
        with pytest.raises(grpc.aio.AioRpcError):
            await create(api, ("traceparent", PARENT), target="tel:+41785556678", external_task_id="t1")
    records: list[Any] = [record for record in caplog.records if record.name == "ringback.tracing.call_log"]
    told = [getattr(record, FIELDS) for record in records]
    assert [sorted(fields) for fields in told] == [
        ["code", "edge", "ms", "peer", "rpc", "trace_id"],
        ["code", "edge", "ms", "peer", "reason", "rpc", "trace_id"],
    ]
    assert [fields["trace_id"] for fields in told] == [TRACE, TRACE]
    assert [fields["code"] for fields in told] == ["OK", "ALREADY_EXISTS"]
    assert told[1]["reason"] == "CALLBACK_ALREADY_EXISTS"
    assert "5556677" not in caplog.text


_SDK_OF_THE_PROCESS = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from ringback.tracing.provider import tracer_of
assert tracer_of(None) is None
trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
with tracer_of(None).start_as_current_span("one") as span:
    assert span.is_recording()
"""


@pytest.mark.long
async def test_an_sdk_that_the_process_has_is_used() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _SDK_OF_THE_PROCESS)
    assert await process.wait() == 0

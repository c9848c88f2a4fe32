"""`--traces`: spans of a server process at a real collector, and a server whose collector is away."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringback.cli.traces import CannotTrace, tracing
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.collector import collecting
from tests.world.command_line import run, start
from tests.world.ports import free_port
from tests.world.server_process import ServerProcess, serving

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CREATE = "ringback.v1.CallbacksService/CreateCallback"
FAST = ("--listen", "127.0.0.1:0", "--simulated-ring", "0", "--simulated-talk", "0")


@asynccontextmanager
async def a_traced_life(tmp_path: Path, *options: str, **settings: str) -> AsyncIterator[ServerProcess]:
    """Run a server, and have it make two attempts, in a trace of the client."""
    async with serving(*FAST, "--database", f"sqlite:///{tmp_path}/r.db", *options, **settings) as server:
        async with Api.at(await server.address()) as api:
            await api.add_service()
            request = pb.CreateCallbackRequest(callback_request=api.request("sip:busy.answer@sim.example"))
            created = await api.callbacks.CreateCallback(request, metadata=[("traceparent", f"00-{TRACE}-{SPAN}-01")])
            ended = await api.until_ended(created.callback.callback_id)
            assert ended.state == cb.CALLBACK_STATE_COMPLETED
        yield server


async def test_one_trace_leads_from_the_create_to_the_outcome(tmp_path: Path) -> None:
    """What is left to send is sent at the stop: no batch is due before."""
    async with collecting() as collector:
        otlp = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
        async with a_traced_life(tmp_path, "--traces", "otlp", **otlp) as server:
            assert await server.stop() == 0
        spans = await collector.until("callback")
    assert collector.resource["service.name"] == "ringback"
    ours = [span for span in spans if span.trace_id == TRACE]
    [created] = [span for span in ours if span.parent_id == SPAN]
    assert created.name == CREATE
    below = sorted((span for span in ours if span.parent_id == created.span_id), key=lambda span: span.end_ns)
    assert [span.name for span in below if span.name != "callback"] == [
        "callback waiting",
        "callback attempt",
        "callback waiting",
        "callback attempt",
    ]
    assert [span.attributes["ringback.outcome"] for span in below if span.name == "callback attempt"] == [
        "BUSY",
        "ANSWERED",
    ]
    assert len(below) == len(ours) - 1 == 5
    assert "cannot be sent" not in "\n".join(server.log)


@pytest.mark.long
async def test_the_variables_of_opentelemetry_count(tmp_path: Path) -> None:
    async with collecting() as collector:
        variables = {
            "RINGBACK_TRACES": "otlp",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.endpoint,
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=callbacks,deployment.environment.name=test",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        async with a_traced_life(tmp_path, **variables):
            await collector.until("callback", CREATE)
    assert collector.resource["service.name"] == "callbacks"
    assert collector.resource["deployment.environment.name"] == "test"


@pytest.mark.long
async def test_a_collector_that_is_away_is_one_line_of_the_log(tmp_path: Path) -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    async with a_traced_life(tmp_path, "--traces", "otlp", **variables) as server:
        async with asyncio.timeout(30):
            await server.line("spans cannot be sent")
            assert await server.stop() == 0
    assert len([line for line in server.log if "WARNING" in line and "spans" in line]) <= 2, "one, and one at the stop"
    assert "Traceback" not in "\n".join(server.log)


async def test_the_console_has_a_span_on_each_line_and_the_log_has_none(tmp_path: Path) -> None:
    options = (*FAST, "--database", f"sqlite:///{tmp_path}/r.db", "--traces", "console", "--log-format", "json")
    process = await start("serve", *options)
    server = ServerProcess(process)
    async with Api.at(await server.address()) as api:
        await api.add_service()
    assert await server.stop() == 0
    assert process.stdout is not None
    [span] = [json.loads(line) for line in (await process.stdout.read()).splitlines()]
    assert span["name"] == "ringback.v1.DirectoryService/CreateService"
    assert all(json.loads(line)["logger"].startswith("ringback") for line in server.log)


@pytest.mark.long
async def test_a_protocol_that_there_is_not(tmp_path: Path) -> None:
    ran = await run(
        "serve",
        *FAST,
        "--database",
        f"sqlite:///{tmp_path}/r.db",
        "--traces",
        "otlp",
        OTEL_EXPORTER_OTLP_PROTOCOL="smoke",
    )
    assert ran.code == 2
    assert "OTEL_EXPORTER_OTLP_PROTOCOL: 'smoke' is none of grpc, http/protobuf" in ran.err


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_BSP_SCHEDULE_DELAY", "-1"), ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many")]
)
async def test_a_variable_that_is_wrong_is_told(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(CannotTrace, match="--traces otlp: "):
        async with tracing("otlp", libraries=True):
            pass


@pytest.mark.parametrize("kind", ["console", "otlp"])
async def test_without_the_extra_it_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(CannotTrace, match=r"pip install 'ringback\[traces\]'"):
        async with tracing(kind, libraries=True):
            pass


async def test_none_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    async with tracing("none", libraries=False) as provider:
        assert provider is None
    assert logging.getLogger("opentelemetry").level == logging.NOTSET

"""What is around the RPCs: health, reflection, refusals to start, and how the server stops."""

import asyncio
import os
import signal
import sqlite3
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from ringback.app import App
from ringback.config import Listen, SettingError, Settings
from ringback.listening import CannotListen
from ringback.rpc.server import SERVICES
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite import connection
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, refusal_of

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with the simulated dialer: phones answer, or do not, as their addresses say."""
    return replace(settings, dialer="simulated")


async def test_health_is_told_for_the_server_and_for_each_service(api: Api) -> None:
    health: Any = health_pb2_grpc.HealthStub(api.channel)
    for service in ("", *SERVICES, "grpc.health.v1.Health"):
        assert (await health.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(health_pb2.HealthCheckRequest(service="ringback.v2.Nothing"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.long
async def test_health_follows_the_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds the database: requests are refused as UNAVAILABLE, health says so, and both recover."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.0)
    assert isinstance(settings.database, Path)
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        await api.add_service()
        stub: Any = health_pb2_grpc.HealthStub(api.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        with sqlite3.connect(settings.database, isolation_level=None) as shell:
            shell.execute("BEGIN IMMEDIATE")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await api.create()
            refusal = refusal_of(caught.value)
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
            assert (await watch.read()).status == NOT_SERVING
            assert await api.list_all() == []
            shell.execute("ROLLBACK")
        shell.close()
        assert (await watch.read()).status == SERVING
        assert (await api.create()).callback_id


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_all_services(api: Api, version: str) -> None:
    call: Any = api.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    listed = {service.name for service in (await call.read()).list_services_response.service}
    assert {*SERVICES, "grpc.health.v1.Health"} <= listed
    for symbol in (*listed, f"{SERVICES[0]}.CreateCallback", "ringback.v1.Callback"):
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol))
        described = await call.read()
        assert len(described.file_descriptor_response.file_descriptor_proto) >= 1, symbol
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"{SERVICES[0]}.Nothing"))
    assert (await call.read()).error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    await call.done_writing()


async def test_a_taken_port_is_refused(app: App, settings: Settings, tmp_path: Path) -> None:
    second = replace(settings, listen=Listen("127.0.0.1", app.port), database=tmp_path / "second.db")
    with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{app.port}"):
        await App.start(second)


async def test_a_database_in_use_is_refused(app: App, settings: Settings) -> None:
    assert app.port
    with pytest.raises(StoreCannotOpen, match="another server is using it"):
        await App.start(settings)


def test_other_addresses_than_loopback_need_to_be_allowed() -> None:
    with pytest.raises(SettingError, match="--insecure"):
        Settings(listen=Listen.parse("0.0.0.0:50051"))
    with pytest.raises(SettingError, match="--open"):
        Settings(listen=Listen.parse("0.0.0.0:50051"), insecure=True)
    assert Settings(listen=Listen.parse("0.0.0.0:50051"), insecure=True, open=True).insecure
    assert Settings(listen=Listen.parse("[::1]:0")).listen.is_loopback


@pytest.mark.parametrize("text", ["", "50051", "localhost", "localhost:", ":1", "h:65536", "h:-1", "h:x"])
def test_bad_addresses(text: str) -> None:
    with pytest.raises(SettingError, match="HOST:PORT"):
        Listen.parse(text)


async def test_while_draining_calls_are_refused_with_a_reason(settings: Settings) -> None:
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        await api.add_service()
        app.edges.gate.close()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await api.create()
        refusal = refusal_of(caught.value)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING")


async def test_a_stop_lets_simulated_calls_finish(settings: Settings) -> None:
    talking = replace(settings, simulated_talk=timedelta(seconds=0.5))
    async with await App.start(talking) as app, Api.connect(app.port) as api:
        await api.add_service()
        callback = await api.create()
        await api.until(callback.callback_id, lambda c: c.state == 5)
    async with await App.start(talking) as app, Api.connect(app.port) as api:
        ended = await api.get(callback.callback_id)
    assert (ended.state, ended.attempt_count) == (7, 1)
    assert ended.attempts[0].outcome == 1


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM, signal.SIGINT)], ids=str)
async def test_the_process_drains_and_exits_0(tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    """With a watcher that is open, and a health watcher that never ends by itself. A second signal changes nothing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringback", "serve", "--listen", "127.0.0.1:0"),
        *("--database", f"sqlite:///{tmp_path}/ringback.db"),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    line = ""
    while "listening on" not in line:
        line = (await process.stderr.readline()).decode()
        assert line, "the server ended"
    async with Api.connect(int(line.rpartition(":")[2])) as api:
        stream: Any = api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
        await stream.read()
        stub: Any = health_pb2_grpc.HealthStub(api.channel)
        health = stub.Watch(health_pb2.HealthCheckRequest())
        await health.read()
        for number in numbers:
            process.send_signal(number)
        last = await stream.read()
        assert last is not grpc.aio.EOF
        assert last.resume_token
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK
        assert (await health.read()).status == NOT_SERVING
        async with asyncio.timeout(10):
            rest = await process.stderr.read()
            assert await process.wait() == 0, rest.decode()
    assert b"Traceback" not in rest


async def test_a_server_that_cannot_listen_calls_nobody(app: App, settings: Settings, tmp_path: Path) -> None:
    """The callbacks of the database wait for a server that can."""
    own = replace(settings, database=tmp_path / "own.db", dialer="none")
    async with await App.start(own) as first, Api.connect(first.port) as api:
        await api.add_service()
        callback = await api.create()
    with pytest.raises(CannotListen):
        await App.start(replace(own, dialer="simulated", listen=Listen("127.0.0.1", app.port)))
    async with await App.start(own) as again, Api.connect(again.port) as api:
        assert (await api.get(callback.callback_id)).revision == 1

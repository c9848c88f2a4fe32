"""How calls end when a real server stops: as contract, with the reason, and none as CANCELLED."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringback.app import App
from ringback.app import server as app_module
from ringback.config import Listen, Settings, UnixSocket
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.world.api import Api, refusal_of
from tests.world.requests import far_ahead, from_now

CONNECTIONS = 3
STOPS = 5
# More than the window of a stream holds.
MANY, LONG = 400, "x" * 150


@asynccontextmanager
async def separate(address: str, service_id: str = "") -> AsyncIterator[Api]:
    """Connect, with a connection of the channel's own, which makes no call twice."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield Api.on(channel, service_id)


async def create(api: Api) -> object:
    return await api.create(due_date=from_now(days=1))


async def get(api: Api) -> object:
    return await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=1))


async def poll(api: Api) -> object:
    return await api.dialers.LeaseCallbacks(
        dialer_pb.LeaseCallbacksRequest(dialer_id="d", wait_duration=Duration(seconds=60))
    )


async def watch(api: Api) -> object:
    return [response async for response in api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())]


async def health(api: Api) -> object:
    stub: Any = health_pb2_grpc.HealthStub(api.channel)
    return await stub.Check(health_pb2.HealthCheckRequest())


KINDS: list[Callable[[Api], Awaitable[object]]] = [create, get, poll, watch, health]


async def until_gone(api: Api, call: Callable[[Api], Awaitable[object]]) -> set[tuple[StatusCode, str]]:
    """Repeat a call until its server cannot be reached. Return how those ended that did not succeed."""
    ends = set[tuple[StatusCode, str]]()
    while True:
        try:
            await call(api)
        except grpc.aio.AioRpcError as error:
            ends.add((error.code(), refusal_of(error).reason))
            if is_gone(error):
                return ends


def is_gone(error: grpc.aio.AioRpcError) -> bool:
    """Return whether nothing listens there any more, as the system says it."""
    return any(words in (error.details() or "") for words in ("Connection refused", "No such file"))


@pytest.mark.parametrize("stop", range(STOPS))
@pytest.mark.parametrize("kind", ["port", "Unix socket"])
async def test_no_call_is_cancelled_when_the_server_stops(
    settings: Settings, tmp_path: Path, kind: str, stop: int
) -> None:
    """Clients that call without a pause have some calls on their way at any moment."""
    listen = settings.listen if kind == "port" else UnixSocket(tmp_path / f"socket {stop}")
    app = await App.start(replace(settings, listen=listen))
    async with separate(app.address) as first, asyncio.TaskGroup() as load:
        service_id = await first.add_service()
        callers = [load.create_task(_call_everything(app.address, service_id)) for _ in range(CONNECTIONS)]
        await first.create()
        await app.stop()
    ends = set[tuple[StatusCode, str]]().union(*(caller.result() for caller in callers))
    assert {code for code, _ in ends} == {StatusCode.UNAVAILABLE}
    assert {reason for _, reason in ends} <= {"SERVER_DRAINING", ""}


async def _call_everything(address: str, service_id: str) -> set[tuple[StatusCode, str]]:
    async with separate(address, service_id) as api:
        ends = await asyncio.gather(*(until_gone(api, call) for call in KINDS * 2))
    return set[tuple[StatusCode, str]]().union(*ends)


async def test_a_create_that_is_refused_is_not_stored(settings: Settings) -> None:
    """And one that is acknowledged is."""
    app = await App.start(settings)
    acknowledged, refused = set[str](), set[str]()

    async def keep_creating(api: Api, name: str) -> None:
        for number in range(1_000_000):
            task_id = f"{name}-{number}"
            try:
                await api.create(external_task_id=task_id, due_date=from_now(days=1))
                acknowledged.add(task_id)
            except grpc.aio.AioRpcError as error:
                if refusal_of(error).reason == "SERVER_DRAINING":
                    refused.add(task_id)
                if is_gone(error):
                    return

    async with separate(app.address) as api, asyncio.TaskGroup() as load:
        await api.add_service()
        for name in range(8):
            load.create_task(keep_creating(api, str(name)))
        await api.create()
        await app.stop()
    async with await App.start(settings) as again, Api.connect(again.port) as api:
        stored = {callback.callback_request.external_task_id for callback in await api.list_all()}
    assert acknowledged <= stored
    assert not refused & stored


async def test_a_poll_that_waits_ends_with_no_leases(settings: Settings) -> None:
    app = await App.start(settings)
    async with Api.connect(app.port) as api:
        await api.add_service()
        waiting = asyncio.ensure_future(poll(api))
        await api.create(due_date=from_now(days=1))
        await app.stop()
        assert await waiting == dialer_pb.LeaseCallbacksResponse()


async def test_a_write_that_the_database_has_not_confirmed_when_the_grace_is_over(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program holds the database. Whether the callback will be stored is not known, so nothing else is said."""
    monkeypatch.setattr(app_module, "_GRACE_S", 0.1)
    assert isinstance(settings.database, Path)
    app = await App.start(settings)
    async with Api.connect(app.port) as api:
        await api.add_service()
        with closing(sqlite3.connect(settings.database, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            creating = asyncio.ensure_future(api.create(external_task_id="1", service_sip="sip:support@cc.example"))
            reading = asyncio.ensure_future(api.list_all())
            assert await reading == []
            stopping = asyncio.create_task(app.stop())
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await creating
            shell.execute("ROLLBACK")
        await stopping
    refusal = refusal_of(caught.value)
    assert (refusal.code, refusal.reason) == (StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
    async with await App.start(settings) as again, Api.connect(again.port) as api:
        await api.create(external_task_id="1", service_sip="sip:support@cc.example")
        assert len(await api.list_all()) == 1


async def count(api: Api) -> object:
    return await api.callbacks.CountCallbacks(pb.CountCallbacksRequest())


@pytest.mark.parametrize(("read", "of_store"), [(get, "list"), (count, "count")])
async def test_a_read_that_hangs_is_refused_when_the_grace_is_over(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, read: Callable[[Api], Awaitable[object]], of_store: str
) -> None:
    monkeypatch.setattr(app_module, "_GRACE_S", 0.1)
    app = await App.start(settings)
    began = asyncio.Event()

    async def hang(*_: object) -> None:
        began.set()
        await asyncio.Event().wait()

    async with Api.connect(app.port) as api:
        await api.add_service()
        monkeypatch.setattr(app.store, of_store, hang)
        reading = asyncio.ensure_future(read(api))
        await began.wait()
        await app.stop()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reading
    refusal = refusal_of(caught.value)
    assert (refusal.code, refusal.reason) == (StatusCode.UNAVAILABLE, "SERVER_DRAINING")


async def test_a_watcher_that_does_not_read_does_not_hold_up_a_stop(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app_module, "_GRACE_S", 0.1)
    app = await App.start(settings)
    async with Api.connect(app.port) as api:
        await api.add_service()
        await far_ahead(api, MANY, description=LONG)
        snapshot = pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
        stream: Any = api.callbacks.WatchCallbacks(snapshot)
        assert (await stream.read()).resume_token
        await app.stop()
        last = await _last_of(stream)
    assert last in {StatusCode.OK, StatusCode.UNAVAILABLE}
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_stream_that_never_ends_does_not_hold_up_a_stop(settings: Settings) -> None:
    """As the one of a client that watches the health: it hears that the server does not serve, and is left."""
    # A connection that is closed at once may take the news along with it.
    app = await App.start(replace(settings, lame_duck=timedelta(seconds=1)))
    async with Api.connect(app.port) as api:
        stub: Any = health_pb2_grpc.HealthStub(api.channel)
        stream = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.create_task(app.stop())
        assert (await stream.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await stopping
        assert await _last_of(stream) is StatusCode.UNAVAILABLE


async def test_another_server_can_listen_at_once(settings: Settings) -> None:
    app = await App.start(settings)
    async with separate(app.address) as api:
        await api.add_service()
        await app.stop()
        async with await App.start(replace(settings, listen=Listen("127.0.0.1", app.port))):
            assert await get(api)


async def _last_of(stream: Any) -> StatusCode:
    try:
        while await stream.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    code: StatusCode = await stream.code()
    return code

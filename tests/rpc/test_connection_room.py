"""More connections than there is room for: calls on them are refused with a reason, and health is always answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ringback.app import App
from ringback.config import Settings
from ringback.rpc import connection_room
from ringback.rpc.requests import DETAILS_KEY
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, refusal_of
from tests.world.server_process import serving
from tests.world.statuses import detail_of

MOST: Final = 16
CROWDED: Final = 12
FEW: Final = 8
OWN_CONNECTION: Final = (("grpc.use_local_subchannel_pool", 1),)


@pytest.fixture
async def small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    """Return a server with room for few connections."""
    monkeypatch.setattr("ringback.app.edges.most_grpc_connections", lambda **_: MOST)
    monkeypatch.setattr(connection_room, "_CALM_S", 0.0)
    async with await App.start(settings) as app:
        yield app


@asynccontextmanager
async def own_connection(address: str) -> AsyncIterator[Api]:
    async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as channel:
        yield Api.on(channel)


async def watching(stack: AsyncExitStack, address: str) -> None:
    """Open a connection with a watch, which has begun."""
    api = await stack.enter_async_context(own_connection(address))
    await api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest()).read()


async def is_healthy(api: Api) -> bool:
    health: Any = health_pb2_grpc.HealthStub(api.channel)
    response = await health.Check(health_pb2.HealthCheckRequest(), timeout=60)
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


def told(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [each.getMessage() for each in caplog.records if each.name == connection_room.__name__]


async def test_calls_on_later_connections_are_refused_and_health_is_answered(
    small: App, caplog: pytest.LogCaptureFixture
) -> None:
    room = small.edges.grpc.room
    async with AsyncExitStack() as stack:
        for _ in range(CROWDED):
            await watching(stack, small.address)
        await room.look()
        async with own_connection(small.address) as late:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await late.list_all()
            assert await is_healthy(late)
    refusal = refusal_of(caught.value)
    assert (refusal.code, refusal.reason) == (StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    assert refusal.metadata == {"quota": "connections", "limit": str(CROWDED)}
    status = Status.FromString(dict(caught.value.trailing_metadata())[DETAILS_KEY])
    assert detail_of(status, QuotaFailure).violations[0].subject == "connections"
    assert detail_of(status, RetryInfo).retry_delay.seconds == 1
    while len(told(caplog)) < 2:
        await room.look()
    async with own_connection(small.address) as later:
        assert await later.list_all() == []
    assert told(caplog) == [
        f"{CROWDED} connections are open: calls on others are refused until there are fewer",
        "there is room for connections again",
    ]


async def test_connections_on_which_nothing_happens_make_room(small: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither their number nor that nobody closes them keeps anybody out; a watch that was there goes on."""
    monkeypatch.setattr(connection_room, "_FIRST_CALL_S", 0.0)
    host, _, port = small.address.rpartition(":")
    async with AsyncExitStack() as stack, own_connection(small.address) as watcher:
        watch = watcher.callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
        await watch.read()
        ends = []
        for _ in range(2 * MOST):
            reader, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
            ends.append(asyncio.create_task(ended(reader)))
        # The watch has one of those that are left.
        while sum(end.done() for end in ends) < 2 * MOST - (FEW - 1):
            await asyncio.wait([end for end in ends if not end.done()], return_when=asyncio.FIRST_COMPLETED)
        async with own_connection(small.address) as late:
            assert await is_healthy(late)
        assert not watch.done()
        for end in ends:
            end.cancel()


async def test_others_are_let_in_as_there_is_room(small: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than half of all connections have a watch, for hours: that keeps nobody out."""
    monkeypatch.setattr(connection_room, "_CALM_S", 3600.0)
    room = small.edges.grpc.room
    async with AsyncExitStack() as stack:
        for _ in range(FEW):
            await watching(stack, small.address)
        async with AsyncExitStack() as others:
            for _ in range(CROWDED - FEW):
                await watching(others, small.address)
            await room.look()
        while len(small.edges.grpc.open_connections()) > FEW:
            await room.look()
        async with own_connection(small.address) as late:
            assert await is_healthy(late)
            await room.look()
            assert await late.list_all() == []


async def ended(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(1000):
            pass
    except ConnectionError:
        pass


@pytest.mark.long
async def test_a_server_with_few_files_outlives_more_connections_than_it_has_files(tmp_path: Path) -> None:
    options = ("--listen", "127.0.0.1:0", "--database", f"sqlite:///{tmp_path}/ringback.db")
    async with AsyncExitStack() as stack, serving(*options, files="200") as server:
        address = await server.address()
        host, _, port = address.rpartition(":")
        for _ in range(500):
            _, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
        await server.line("connections are open: calls on others are refused")
        await stack.aclose()
        await server.line("there is room for connections again")
        async with own_connection(address) as api:
            assert await is_healthy(api)
            assert await api.list_all() == []
        assert await server.stop() == 0
    assert len([line for line in server.log if "connections" in line]) == len(["it begins", "it ends"])
    assert not any(level in line for line in server.log for level in (" ERROR ", " CRITICAL "))


CALLS: Final = 5_000


@pytest.mark.long
@pytest.mark.parametrize("connections", [1, 50, 1_500])
async def test_a_burst_of_calls_is_answered_whole(tmp_path: Path, connections: int) -> None:
    """Each call has a result or a reason, but those whose connection was not accepted; the server is none the worse."""
    options = ("--listen", "127.0.0.1:0", "--database", f"sqlite:///{tmp_path}/ringback.db")
    async with serving(*options, files="1000") as server, AsyncExitStack() as stack:
        address = await server.address()
        apis = [await stack.enter_async_context(own_connection(address)) for _ in range(connections)]
        results = Counter(await asyncio.gather(*(result_of(apis[index % connections]) for index in range(CALLS))))
        if connections <= 50:
            assert results == {"OK": CALLS}
        assert results.keys() <= {"OK", "QUOTA_EXCEEDED", "not connected"}
        await stack.aclose()
        async with own_connection(address) as api:
            assert await is_healthy(api)
        assert await server.stop() == 0


async def result_of(api: Api) -> str:
    try:
        await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(), timeout=300)
    except grpc.aio.AioRpcError as error:
        return refusal_of(error).reason or ("not connected" if error.code() is StatusCode.UNAVAILABLE else str(error))
    return "OK"

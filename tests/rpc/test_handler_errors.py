"""Errors of handlers in a real server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from ringback.domain import errors
from ringback.domain.errors import Fault, InvalidRequest
from ringback.wire.errors import DETAILS_KEY, answering, status_of, trailing_metadata
from tests.world.statuses import detail_of

ID = "0190b2f4-7d1c-7a53-9d3e-1f2a3b4c5d6e"
Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Context], Awaitable[bytes]]


class Servicer:
    """Does in each RPC what the test wants; messages are plain bytes."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    @answering
    async def Unary(self, request: bytes, context: Context) -> bytes:  # noqa: N802 - as in gRPC
        return await self._behaviour(context)

    @answering
    async def Stream(self, request: bytes, context: Context) -> None:  # noqa: N802 - as in gRPC
        await context.write(b"first")
        await self._behaviour(context)


@asynccontextmanager
async def served(behaviour: Behaviour) -> AsyncIterator[grpc.aio.Channel]:
    servicer = Servicer(behaviour)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Unary": grpc.unary_unary_rpc_method_handler(servicer.Unary),
        "Stream": grpc.unary_stream_rpc_method_handler(servicer.Stream),
    }
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Test", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(grace=None)


def unary(channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryCall[bytes, bytes]:
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/test.Test/Unary")
    return method(b"", timeout=5)


def stream(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamCall[bytes, bytes]:
    method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/test.Test/Stream")
    return method(b"", timeout=5)


async def failure(behaviour: Behaviour) -> grpc.aio.AioRpcError:
    async with served(behaviour) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await unary(channel)
    return raised.value


def sent_status(error: grpc.aio.AioRpcError) -> Status:
    return Status.FromString(dict(error.trailing_metadata())[DETAILS_KEY])


def warnings(caplog: pytest.LogCaptureFixture) -> Sequence[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_what_succeeds_is_left_alone() -> None:
    async def succeed(_: Context) -> bytes:
        return b"fine"

    async with served(succeed) as channel:
        assert await unary(channel) == b"fine"
        assert [message async for message in stream(channel)] == [b"first"]


@pytest.mark.parametrize(
    "error",
    [
        errors.CallbackNotFound(ID),
        errors.StorageUnavailable("the disk is full"),
        InvalidRequest([Fault("ф" * 1000, "📞" * 1000)] * 1000),
    ],
)
async def test_errors_of_a_unary_handler_arrive_with_their_details(error: Exception) -> None:
    async def fail(_: Context) -> bytes:
        raise error

    received = await failure(fail)
    expected = status_of(error)
    assert received.code().value[0] == expected.code
    assert received.details() == expected.message
    assert sent_status(received) == expected
    assert trailing_metadata(expected) == ((DETAILS_KEY, expected.SerializeToString()),)


async def test_errors_of_a_stream_handler_arrive_after_what_it_wrote() -> None:
    async def fail(_: Context) -> bytes:
        raise errors.ResumeTokenExpired("too old")

    async with served(fail) as channel:
        running = stream(channel)
        assert await running.read() == b"first"
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await running.read()
    assert raised.value.code() is StatusCode.OUT_OF_RANGE
    assert detail_of(sent_status(raised.value), ErrorInfo).reason == "RESUME_TOKEN_EXPIRED"


async def test_a_bug_in_a_handler_does_not_leak_its_text() -> None:
    async def fail(_: Context) -> bytes:
        raise RuntimeError("password=hunter2")

    received = await failure(fail)
    assert (received.code(), received.details()) == (StatusCode.INTERNAL, "internal error")


async def test_a_handler_may_abort_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(context: Context) -> bytes:
        await context.abort(StatusCode.DATA_LOSS, "by itself")

    received = await failure(fail)
    assert (received.code(), received.details()) == (StatusCode.DATA_LOSS, "by itself")
    assert warnings(caplog) == []


async def test_a_foreign_cancellation_is_an_answer_not_a_hanging_client() -> None:
    async def wait_for_something_cancelled(_: Context) -> bytes:
        foreign: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        foreign.cancel()
        return await foreign

    received = await failure(wait_for_something_cancelled)
    assert received.code() is StatusCode.UNAVAILABLE
    assert detail_of(sent_status(received), ErrorInfo).reason == "SERVER_DRAINING"


@pytest.mark.parametrize("call", [unary, stream])
async def test_a_client_that_cancels_cancels_the_handler(
    call: Callable[[grpc.aio.Channel], grpc.aio.Call],
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: Context) -> bytes:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async with served(wait) as channel, asyncio.timeout(5):
        running = call(channel)
        await started.wait()
        running.cancel()
        await ended.wait()
    assert warnings(caplog) == []

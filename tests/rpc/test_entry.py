"""The one way in, in a real server: the errors of handlers, their cancellation, and draining."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from ringback.app import App
from ringback.application.access import Right
from ringback.application.turns import Turns
from ringback.application.usage import Usage
from ringback.clocks import SystemClock
from ringback.config import Settings
from ringback.domain import errors
from ringback.domain.errors import Fault, InvalidRequest
from ringback.entry.admission import Admission
from ringback.entry.gate import Gate
from ringback.entry.way_in import WayIn
from ringback.identity.authenticator import Authenticator
from ringback.rpc.connection_room import ConnectionRoom
from ringback.rpc.registrar import Registrar
from ringback.rpc.requests import DETAILS_KEY, trailing_metadata
from ringback.wire.errors import status_of
from tests.world.methods import OWN_METHODS
from tests.world.statuses import detail_of

ID = "0190b2f4-7d1c-7a53-9d3e-1f2a3b4c5d6e"

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Context], Awaitable[bytes]]


class Servicer:
    """A servicer whose RPCs do what the test wants; messages are plain bytes."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def Unary(self, request: bytes, context: Context) -> bytes:  # noqa: N802 - as in gRPC
        return await self._behaviour(context)

    async def Stream(self, request: bytes, context: Context) -> None:  # noqa: N802 - as in gRPC
        await context.write(b"first")
        await self._behaviour(context)


@asynccontextmanager
async def served(behaviour: Behaviour, gate: Gate | None = None) -> AsyncIterator[grpc.aio.Channel]:
    servicer = Servicer(behaviour)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Unary": grpc.unary_unary_rpc_method_handler(servicer.Unary),
        "GetUnary": grpc.unary_unary_rpc_method_handler(servicer.Unary),
        "Stream": grpc.unary_stream_rpc_method_handler(servicer.Stream),
    }
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    rights = dict.fromkeys(handlers, Right.READ_CALLBACKS)
    admission = Admission(Authenticator(), SystemClock(), Usage(None, time.monotonic), set, rights)
    way_in = WayIn(gate or Gate(), admission, Turns(time.monotonic))
    room = ConnectionRoom(1000, list, lambda _: None)
    Registrar(server, way_in, room).add_registered_method_handlers("test.Test", handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(grace=None)


def unary(channel: grpc.aio.Channel, name: str = "Unary") -> grpc.aio.UnaryUnaryCall[bytes, bytes]:
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/test.Test/{name}")
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


def reason_of(error: grpc.aio.AioRpcError) -> str:
    return detail_of(sent_status(error), ErrorInfo).reason


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
    assert reason_of(raised.value) == "RESUME_TOKEN_EXPIRED"


async def test_a_bug_in_a_handler_does_not_leak_its_text() -> None:
    async def fail(_: Context) -> bytes:
        raise RuntimeError("password=hunter2")

    received = await failure(fail)
    assert (received.code(), received.details()) == (StatusCode.INTERNAL, "internal error")


# What stores nothing was not done. Of anything else it is not known.
CUT_SHORT = [("GetUnary", "SERVER_DRAINING"), ("Unary", "STORAGE_UNAVAILABLE")]


@pytest.mark.parametrize(("name", "reason"), CUT_SHORT)
async def test_a_foreign_cancellation_is_an_answer_not_a_hanging_client(name: str, reason: str) -> None:
    async def wait_for_something_cancelled(_: Context) -> bytes:
        foreign: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        foreign.cancel()
        return await foreign

    async with served(wait_for_something_cancelled) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await unary(channel, name)
    assert_cut_short(raised.value, reason)


@pytest.mark.parametrize(("name", "reason"), CUT_SHORT)
async def test_a_call_that_is_not_over_with_the_grace_is_refused(name: str, reason: str) -> None:
    started = asyncio.Event()

    async def wait_forever(_: Context) -> bytes:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    gate = Gate()
    async with served(wait_forever, gate) as channel:
        running = unary(channel, name)
        await started.wait()
        gate.close()
        await gate.empty(grace_s=0)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await running
    assert_cut_short(raised.value, reason)


async def test_a_stream_that_is_not_over_with_the_grace_is_refused() -> None:
    written = asyncio.Event()

    async def wait_forever(_: Context) -> bytes:
        written.set()
        await asyncio.Event().wait()
        raise AssertionError

    gate = Gate()
    async with served(wait_forever, gate) as channel:
        running = stream(channel)
        assert await running.read() == b"first"
        await written.wait()  # no status can be sent before
        gate.close()
        await gate.empty(grace_s=0)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await running.read()
    assert_cut_short(raised.value, "STORAGE_UNAVAILABLE")


async def test_a_stream_that_is_not_read_ends_without_a_status(caplog: pytest.LogCaptureFixture) -> None:
    """What is being written to it cannot be followed by anything. The end of the connection tells the client."""
    writing = asyncio.Event()

    async def write_for_ever(context: Context) -> bytes:
        writing.set()
        while True:
            await context.write(bytes(1_000_000))

    gate = Gate()
    async with served(write_for_ever, gate) as channel:
        running = stream(channel)
        await writing.wait()
        gate.close()
        await gate.empty(grace_s=0.1)
        running.cancel()
    assert [record.getMessage() for record in caplog.records if not record.name.startswith("ringback.entry.")] == []


async def test_a_call_within_the_grace_is_answered_before_the_gate_is_empty() -> None:
    started, released = asyncio.Event(), asyncio.Event()

    async def wait(_: Context) -> bytes:
        started.set()
        await released.wait()
        return b"done"

    gate = Gate()
    async with served(wait, gate) as channel:
        running = unary(channel)
        await started.wait()
        gate.close()
        emptied = asyncio.create_task(gate.empty(grace_s=60))
        released.set()
        await emptied
        assert await running == b"done"


def assert_cut_short(error: grpc.aio.AioRpcError, reason: str) -> None:
    assert (error.code(), reason_of(error)) == (StatusCode.UNAVAILABLE, reason)
    assert detail_of(sent_status(error), RetryInfo).retry_delay.seconds == 1


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


@pytest.mark.parametrize("call", [unary, stream])
async def test_a_closed_gate_lets_nothing_in(call: Callable[[grpc.aio.Channel], Any]) -> None:
    entered = False

    async def enter(_: Context) -> bytes:
        nonlocal entered
        entered = True
        return b"in"

    gate = Gate()
    async with served(enter, gate) as channel:
        assert await unary(channel) == b"in"
        entered = False
        gate.close()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await read_first(call(channel))
    assert (raised.value.code(), reason_of(raised.value)) == (StatusCode.UNAVAILABLE, "SERVER_DRAINING")
    assert not entered


async def read_first(call: Any) -> object:
    return await (call.read() if isinstance(call, grpc.aio.UnaryStreamCall) else call)


async def test_every_rpc_of_the_server_comes_in_through_the_entry(settings: Settings) -> None:
    async with await App.start(settings) as app, grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        app.edges.gate.close()
        for name in OWN_METHODS:
            # The first message of a stream is read like that of a unary call.
            method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(name)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await method(b"", timeout=5)
            assert reason_of(raised.value) == "SERVER_DRAINING", name

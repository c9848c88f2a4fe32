"""The server of grpc.aio as it is here: who takes its calls, and what ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from ringback.rpc import core
from ringback.rpc.core import grpc_server

METHODS = [f"Method{number}" for number in range(30)]


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[grpc.aio.Server, grpc.aio.Channel]]:
    """Serve methods that return their own names."""
    server = grpc_server([])
    server.add_registered_method_handlers(
        "some.Service", {name: grpc.unary_unary_rpc_method_handler(_saying(name)) for name in METHODS}
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            yield server, channel
        finally:
            await server.stop(None)


def _saying(name: str) -> Any:
    async def behave(request: bytes, _: object) -> bytes:
        return name.encode() + request

    return behave


async def call(channel: grpc.aio.Channel, name: str) -> bytes:
    method: Any = channel.unary_unary(f"/some.Service/{name}")
    response: bytes = await method(b"!")
    return response


@pytest.mark.parametrize("serves_itself", [True, False])
async def test_each_method_is_served(monkeypatch: pytest.MonkeyPatch, *, serves_itself: bool) -> None:
    """Also by the main loop, as in a version of gRPC whose parts are others."""
    monkeypatch.setattr(core, "_CAN_SERVE", serves_itself)
    async with serving() as (_, channel):
        assert await asyncio.gather(*(call(channel, name) for name in METHODS * 3)) == [
            f"{name}!".encode() for name in METHODS * 3
        ]


async def test_no_call_waits_for_all_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the version of gRPC that is developed with. It would cost each call a third of an echo."""
    async with serving() as (_, channel):
        await call(channel, METHODS[0])
        waits = []
        wait = asyncio.wait

        def counted(futures: Any, **options: Any) -> Any:
            waits.append(futures)
            return wait(futures, **options)

        monkeypatch.setattr(asyncio, "wait", counted)
        for name in METHODS:
            await call(channel, name)
        monkeypatch.undo()
    assert waits == []


async def test_a_method_that_takes_no_more_calls_ends_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that looks alive, and does not serve some of its methods, would be worse."""
    ask = core._Core._request_registered_call
    asked: list[bytes] = []

    async def ask_once(self: Any, method: bytes) -> Any:
        if method == b"/some.Service/Method7" and method in asked:
            raise OSError("no more")
        asked.append(method)
        return await ask(self, method)

    monkeypatch.setattr(core._Core, "_request_registered_call", ask_once)
    async with serving() as (server, channel):
        assert await call(channel, "Method7") == b"Method7!"
        with pytest.raises(OSError, match="no more"):
            await server.wait_for_termination()


async def test_a_stop_ends_a_call_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    async def wait(_: bytes, __: object) -> bytes:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    server = grpc_server([])
    server.add_registered_method_handlers("some.Service", {"Wait": grpc.unary_unary_rpc_method_handler(wait)})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        waiting = asyncio.create_task(call(channel, "Wait"))
        await begun.wait()
        await server.stop(None)
        with pytest.raises(grpc.aio.AioRpcError):
            await waiting
    assert caplog.messages == []

"""Servers of one method, and what they may do instead of returning a response."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from ringback.client import insecure_channel
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc as pb_grpc

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Behaviour: TypeAlias = Callable[[Context], Awaitable[None]]


async def falls_silent(_: Context) -> None:
    await asyncio.Event().wait()


async def ends(_: Context) -> None:
    """End as a stream does when the server drains, and a call when all is well."""


def fails(code: grpc.StatusCode) -> Behaviour:
    async def fail(context: Context) -> None:
        await context.abort(code, "on purpose")

    fail.__name__ = code.name
    return fail


def limits(retry_after_s: float, code: grpc.StatusCode = grpc.StatusCode.RESOURCE_EXHAUSTED) -> Behaviour:
    """Fail as a server whose limit lasts for so long."""
    status = Status(code=code.value[0], message="on purpose")
    info = RetryInfo()
    info.retry_delay.FromNanoseconds(int(retry_after_s * 1e9))
    status.details.add().Pack(info)

    async def limit(context: Context) -> None:
        await context.abort(code, status.message, (("grpc-status-details-bin", status.SerializeToString()),))

    return limit


@asynccontextmanager
async def listening(method: str, handle: Any, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[int]:
    """Start a CallbacksService with this method only; yield its port."""
    wrap: Any = (
        grpc.unary_stream_rpc_method_handler if method.startswith("Watch") else grpc.unary_unary_rpc_method_handler
    )
    handler = wrap(
        handle,
        request_deserializer=getattr(pb, f"{method}Request").FromString,
        response_serializer=getattr(pb, f"{method}Response").SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("ringback.v1.CallbacksService", {method: handler}),)
    )
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@asynccontextmanager
async def serving(method: str, handle: Any) -> AsyncIterator[Any]:
    """Yield a stub that talks to such a server."""
    async with listening(method, handle) as port, insecure_channel(f"127.0.0.1:{port}") as channel:
        yield pb_grpc.CallbacksServiceStub(channel)

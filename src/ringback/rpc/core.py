"""The server of grpc.aio, with a fault of it mended and a waste of it left out.

The fault: it decodes the path of each call that names no method it knows, and what is no UTF-8 ends its main loop.
Nothing says so but a traceback: the process lives on, and refuses connections.

The waste: its main loop waits for the next call of each method at once. With thirty methods that takes a third as long
as all else that it does for a call. Here a task waits for each method, and the main loop for the end of them.
"""

import asyncio
import inspect
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined] # it has no types

if TYPE_CHECKING:
    from ringback.rpc.requests import Context

# Whether this version of gRPC asks for the calls of each method that it knows by themselves. Else all come by one way.
_ASKS_BY_METHOD: Final = hasattr(cygrpc.AioServer, "_request_registered_call")


# What serves a call, by whether its requests and its responses are streams. The main loop finds it for each call anew,
# by metadata that it reads for interceptors.
_KINDS: Final = {
    (False, False): "_handle_unary_unary_rpc",
    (False, True): "_handle_unary_stream_rpc",
    (True, False): "_handle_stream_unary_rpc",
    (True, True): "_handle_stream_stream_rpc",
}
# Their parameters, and those of what watches over a call. Where a version of gRPC has others, its main loop serves.
_PARAMETERS: Final = {
    **{kind: ["method_handler", "rpc_state", "loop"] for kind in _KINDS.values()},
    "_schedule_rpc_coro": ["rpc_coro", "rpc_state", "loop", "method_name"],
}


def _parameters_of(name: str) -> Sequence[str]:
    function = getattr(cygrpc, name, None)
    return [] if function is None else list(inspect.signature(function).parameters)


_CAN_SERVE: Final = all(_parameters_of(name) == expected for name, expected in _PARAMETERS.items())


class _Core(cygrpc.AioServer):  # type: ignore[misc] # as above
    """The part of the server that is not written in Python."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._handlers: dict[str, Any] = {}
        # Those that are served: the event loop alone would not keep them.
        self._calls: set[asyncio.Task[None]] = set()

    def add_registered_method_handlers(self, handlers: dict[str, Any]) -> None:
        super().add_registered_method_handlers(handlers)
        self._handlers |= handlers

    def _make_request_call_future(self, method: bytes | None) -> "asyncio.Future[Any]":
        """Return what the main loop waits for: a task that takes all calls of the method, until the server stops."""
        if method is None or not _CAN_SERVE:
            waiting: asyncio.Future[Any] = super()._make_request_call_future(method)
            return waiting
        return asyncio.create_task(self._take_calls(method))

    async def _take_calls(self, method: bytes) -> NoReturn:
        """Serve each call of the method in a task of its own, as the main loop would."""
        loop = asyncio.get_running_loop()
        name = method.decode()
        handler = self._handlers[name]
        serve = getattr(cygrpc, _KINDS[handler.request_streaming, handler.response_streaming])
        while True:
            state = await self._request_registered_call(method)
            served = serve(handler, state, loop)
            call = loop.create_task(cygrpc._schedule_rpc_coro(served, state, loop, name))  # noqa: SLF001 - see above
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _request_call(self) -> None:
        """Refuse the calls of unknown methods, so that gRPC never gets to decode what they name."""
        refusals: set[asyncio.Task[None]] = set()
        while True:
            unknown = await super()._request_call()
            refusal = asyncio.create_task(_refuse(unknown))
            refusals.add(refusal)
            refusal.add_done_callback(refusals.discard)


async def _refuse(call: Any) -> None:
    context: Context = cygrpc._ServicerContext(call, None, None, asyncio.get_running_loop())  # noqa: SLF001 - see above
    with suppress(grpc.aio.BaseError):  # by which it ends, also where the client has gone
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


def grpc_server(options: Sequence[tuple[str, Any]]) -> grpc.aio.Server:
    """Return a server, whose services are all to be registered by the names of their methods."""
    if not _ASKS_BY_METHOD:
        return grpc.aio.server(options=options)
    plain = cygrpc.AioServer
    cygrpc.AioServer = _Core  # where `grpc.aio.server` finds it
    try:
        return grpc.aio.server(options=options)
    finally:
        cygrpc.AioServer = plain

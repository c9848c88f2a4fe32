"""The handlers of our services as gRPC gets them: each behind the one way in, its errors made statuses.

To gRPC all of them take a stream of requests, of which the first counts. It hands over no request that cannot be read
otherwise, and says nothing at all to a client that ends its requests before the first.

The wrapper is put on each handler where it is registered. An interceptor would do the same, and costs 2 to 3 % of each
call; the wrapper costs nothing that can be measured.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc

from ringback.application.access import Caller
from ringback.entry.long_calls import Ending
from ringback.entry.way_in import Entered, WayIn
from ringback.rpc.connection_room import ConnectionRoom
from ringback.rpc.requests import Context, code_of, decoded, first_of, gone, refuse
from ringback.wire.errors import status_of

# Returns the response of a unary RPC; that of a stream writes its responses to the call.
Behaviour: TypeAlias = Callable[[Any, "RpcCall"], Awaitable[Any]]


class RpcCall:
    """One call that has been let in, as its servicer has it: who calls, and where a stream writes to."""

    __slots__ = ("_context", "_ending", "caller")

    def __init__(self, caller: Caller, context: Context, ending: Ending | None = None) -> None:
        self.caller = caller
        self._context = context
        self._ending = ending

    def write(self, message: bytes) -> Awaitable[None]:
        """Send a message of a stream."""
        writing = self._context.write(message)
        return writing if self._ending is None else self._ending.write(writing)


class Registrar:
    """The server, as the generated code sees it when it registers the handlers of a service."""

    def __init__(self, server: grpc.aio.Server, way_in: WayIn, room: ConnectionRoom) -> None:
        self._server = server
        self._way_in = way_in
        self._room = room

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing: the handlers themselves come next."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Add them in both ways, as the generated code does: which one counts depends on the version of gRPC."""
        guarded = {name: self._guard(name, handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))
        self._server.add_registered_method_handlers(service, guarded)

    def _guard(self, name: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        # Requests come in as bytes, and what a stream writes is bytes already (`watch_encoder.py`).
        respond = self._wrapped(name, handler)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(respond)
        return grpc.stream_unary_rpc_method_handler(respond, None, handler.response_serializer)

    def _wrapped(self, name: str, handler: Any) -> Any:
        """Return a coroutine function, by which gRPC knows that a stream awaits its writes: that is back-pressure."""
        way_in, room = self._way_in, self._room
        behaviour: Behaviour = handler.unary_stream if handler.response_streaming else handler.unary_unary
        parse: Callable[[bytes], Any] = handler.request_deserializer or bytes

        async def respond(_: object, context: Context) -> Any:
            request = await first_of(context)
            call = way_in.begin(name, "grpc", context)

            def behave(caller: Caller, ending: Ending | None) -> Awaitable[Any]:
                return behaviour(decoded(parse, request), RpcCall(caller, context, ending))

            try:
                room.enter(context)
                await call.admit(room)
                response = await call.serve(behave)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - gRPC would send its text to the client
                await _abort(call, context, error)
            else:
                call.end()
                return response
            finally:
                room.leave(context)

        return respond


async def _abort(call: Entered, context: Context, error: BaseException) -> None:
    """End the call with the status of an error."""
    if isinstance(error, grpc.aio.InternalError):  # by a response
        call.end(grpc.StatusCode.CANCELLED.name)
        raise gone() from None
    try:
        status = status_of(call.refusal(error))
    except asyncio.CancelledError:
        call.end(grpc.StatusCode.CANCELLED.name)
        raise
    call.end(code_of(status).name)
    await refuse(context, status)

"""The one way in: the wrapper around every handler of our services.

A handler's errors become statuses here, and a server that drains refuses calls here. The wrapper is put on each
handler where it is registered. An interceptor would do the same, and costs 2 to 3 % of each call; the wrapper costs
nothing that can be measured.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Never, TypeAlias

import grpc

from ringback.domain.errors import ServerDraining
from ringback.wire.errors import status_of

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

_log = logging.getLogger(__name__)

# Each method has its own type of context; what is used of it is the same in all.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
# Returns the response of a unary RPC; that of a stream writes its responses to the context.
Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]

DETAILS_KEY: Final = "grpc-status-details-bin"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class Gate:
    """A gate for calls, open until the server drains."""

    def __init__(self) -> None:
        self._closed = False

    def close(self) -> None:
        self._closed = True

    def check(self) -> None:
        """Raise `ServerDraining` once closed."""
        if self._closed:
            raise ServerDraining


class Entry:
    """The server, as the generated code sees it when it registers the handlers of a service."""

    def __init__(self, server: grpc.aio.Server, gate: Gate) -> None:
        self._server = server
        self._gate = gate

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing: the handlers themselves come next."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Add them in both ways, as the generated code does: which one counts depends on the version of gRPC."""
        guarded = {name: self._guard(handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))
        self._server.add_registered_method_handlers(service, guarded)

    def _guard(self, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        if handler.response_streaming:
            # What a stream writes is bytes already (`watch_encoder.py`), which are sent as they are.
            return grpc.unary_stream_rpc_method_handler(
                self._wrapped(handler.unary_stream), handler.request_deserializer
            )
        return grpc.unary_unary_rpc_method_handler(
            self._wrapped(handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )

    def _wrapped(self, behaviour: Behaviour) -> Any:
        """Return a coroutine function, by which gRPC knows that a stream awaits its writes: that is back-pressure."""
        gate = self._gate

        async def respond(request: Any, context: Context) -> Any:
            try:
                gate.check()
                return await behaviour(request, context)
            except grpc.aio.AbortError:  # how `context.abort` ends a handler: the status is sent
                raise
            except asyncio.CancelledError as cancelled:
                if _is_cancelled():
                    raise
                # Something that the handler waits for was cancelled, as happens when the server stops. gRPC would
                # take it for the end of the handler itself, and leave the client waiting until its deadline.
                _log.warning("what a handler was waiting for has been cancelled", exc_info=cancelled)
                await _abort(context, ServerDraining())
            except Exception as error:  # noqa: BLE001 - gRPC would send its text to the client
                await _abort(context, error)

        return respond


def trailing_metadata(status: "Status") -> tuple[tuple[str, bytes]]:
    """Return the metadata in which gRPC clients look for the details of a status."""
    return ((DETAILS_KEY, status.SerializeToString()),)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _abort(context: Context, error: Exception) -> Never:
    status = status_of(error)
    await context.abort(_CODES[status.code], status.message, trailing_metadata(status))

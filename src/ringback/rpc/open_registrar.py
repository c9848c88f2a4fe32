"""The handlers of health and reflection as gRPC gets them: open to everybody, and never left alone with a request.

Both come with gRPC, which reads requests for them. One that cannot be read would end as UNKNOWN, with the name of an
exception for its text and a traceback in the log.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import grpc

from ringback.domain.errors import UndecodableRequest
from ringback.entry.undecodable import UndecodableLog
from ringback.rpc.requests import Context, decoded, first_of, gone, refuse
from ringback.wire.errors import status_of


class OpenRegistrar:
    """The server, as the generated code of these services sees it."""

    def __init__(self, server: grpc.aio.Server, undecodable: UndecodableLog) -> None:
        self._server: Final = server
        self._undecodable: Final = undecodable

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing: the handlers themselves come next."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Add them in both ways: which one counts depends on the version of gRPC."""
        kept = {name: self._kept(name, handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, kept),))
        self._server.add_registered_method_handlers(service, kept)

    def _kept(self, name: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        parse: Callable[[bytes], Any] = handler.request_deserializer
        responded = _responded(handler, parse)

        async def respond(_: object, context: Context) -> Any:
            try:
                return await responded(context)
            except grpc.aio.AbortError:
                raise
            except grpc.aio.InternalError:
                raise gone() from None
            except Exception as error:  # noqa: BLE001 - gRPC would send its text to the client
                if isinstance(error, UndecodableRequest):
                    self._undecodable.note(name, context.peer(), error)
                await refuse(context, status_of(error))

        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(respond, None, handler.response_serializer)
        return grpc.stream_unary_rpc_method_handler(respond, None, handler.response_serializer)


def _responded(handler: Any, parse: Callable[[bytes], Any]) -> Callable[[Context], Any]:
    """Return what responds to a call by the handler, whichever kind that is of."""

    async def respond_to_one(context: Context) -> Any:
        behave = handler.unary_stream if handler.response_streaming else handler.unary_unary
        return await behave(decoded(parse, await first_of(context)), context)

    async def respond_to_each(context: Context) -> None:
        responses = 0
        async for response in handler.stream_stream(_each(context, parse), context):
            await context.write(response)
            responses += 1
        # Without a request there is no response, and perhaps no call any more: the core ends one that is cut off. Of
        # its status gRPC would log a traceback.
        if responses == 0:
            await context.send_initial_metadata(())

    return respond_to_each if handler.request_streaming else respond_to_one


async def _each(context: Context, parse: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    while (request := await first_of(context)) is not None:
        yield decoded(parse, request)

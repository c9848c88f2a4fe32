"""CallbacksService as gRPC calls it."""

from contextlib import aclosing

from ringback.rpc.entry import Context
from ringback.rpc.watch_encoder import WatchEncoder
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc as pb_grpc
from ringback.wire.handlers.callbacks import CallbacksHandlers


class CallbacksServicer(pb_grpc.CallbacksServiceServicer):
    """CallbacksService, each RPC passed on to its handler."""

    def __init__(self, handlers: CallbacksHandlers, encoder: WatchEncoder) -> None:
        self._handlers = handlers
        self._encoder = encoder

    async def CreateCallback(self, request: pb.CreateCallbackRequest, context: Context) -> pb.CreateCallbackResponse:
        return await self._handlers.create_callback(request)

    async def BatchCreateCallbacks(
        self, request: pb.BatchCreateCallbacksRequest, context: Context
    ) -> pb.BatchCreateCallbacksResponse:
        return await self._handlers.batch_create_callbacks(request)

    async def GetCallback(self, request: pb.GetCallbackRequest, context: Context) -> pb.GetCallbackResponse:
        return await self._handlers.get_callback(request)

    async def ListCallbacks(self, request: pb.ListCallbacksRequest, context: Context) -> pb.ListCallbacksResponse:
        return await self._handlers.list_callbacks(request)

    async def CancelCallback(self, request: pb.CancelCallbackRequest, context: Context) -> pb.CancelCallbackResponse:
        return await self._handlers.cancel_callback(request)

    async def UpdateCallback(self, request: pb.UpdateCallbackRequest, context: Context) -> pb.UpdateCallbackResponse:
        return await self._handlers.update_callback(request)

    async def ResolveCallbacks(
        self, request: pb.ResolveCallbacksRequest, context: Context
    ) -> pb.ResolveCallbacksResponse:
        return await self._handlers.resolve_callbacks(request)

    async def WatchCallbacks(  # type: ignore[override]  # coroutine style: its writes have back-pressure
        self, request: pb.WatchCallbacksRequest, context: Context
    ) -> None:
        async with aclosing(await self._handlers.watch_callbacks(request)) as batches:
            async for batch in batches:
                await context.write(self._encoder.encode(batch))

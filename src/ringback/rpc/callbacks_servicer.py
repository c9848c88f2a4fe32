"""CallbacksService as gRPC calls it."""

from contextlib import aclosing

from ringback.rpc.registrar import RpcCall
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import callbacks_service_pb2_grpc as pb_grpc
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.watch_encoder import WatchEncoder


class CallbacksServicer(pb_grpc.CallbacksServiceServicer):
    """CallbacksService, each RPC passed on to its handler."""

    def __init__(self, handlers: CallbacksHandlers, encoder: WatchEncoder) -> None:
        self._handlers = handlers
        self._encoder = encoder

    async def CreateCallback(self, request: pb.CreateCallbackRequest, call: RpcCall) -> pb.CreateCallbackResponse:
        return await self._handlers.create_callback(call.caller, request)

    async def BatchCreateCallbacks(
        self, request: pb.BatchCreateCallbacksRequest, call: RpcCall
    ) -> pb.BatchCreateCallbacksResponse:
        return await self._handlers.batch_create_callbacks(call.caller, request)

    async def GetCallback(self, request: pb.GetCallbackRequest, call: RpcCall) -> pb.GetCallbackResponse:
        return await self._handlers.get_callback(call.caller, request)

    async def ListCallbacks(self, request: pb.ListCallbacksRequest, call: RpcCall) -> pb.ListCallbacksResponse:
        return await self._handlers.list_callbacks(call.caller, request)

    async def CountCallbacks(self, request: pb.CountCallbacksRequest, call: RpcCall) -> pb.CountCallbacksResponse:
        return await self._handlers.count_callbacks(call.caller, request)

    async def ListCallbackEvents(
        self, request: pb.ListCallbackEventsRequest, call: RpcCall
    ) -> pb.ListCallbackEventsResponse:
        return await self._handlers.list_callback_events(call.caller, request)

    async def GetCallTrace(self, request: pb.GetCallTraceRequest, call: RpcCall) -> pb.GetCallTraceResponse:
        return await self._handlers.get_call_trace(call.caller, request)

    async def CancelCallback(self, request: pb.CancelCallbackRequest, call: RpcCall) -> pb.CancelCallbackResponse:
        return await self._handlers.cancel_callback(call.caller, request)

    async def UpdateCallback(self, request: pb.UpdateCallbackRequest, call: RpcCall) -> pb.UpdateCallbackResponse:
        return await self._handlers.update_callback(call.caller, request)

    async def ResolveCallbacks(self, request: pb.ResolveCallbacksRequest, call: RpcCall) -> pb.ResolveCallbacksResponse:
        return await self._handlers.resolve_callbacks(call.caller, request)

    async def WatchCallbacks(  # coroutine style: its writes have back-pressure
        self, request: pb.WatchCallbacksRequest, call: RpcCall
    ) -> None:
        async with aclosing(await self._handlers.watch_callbacks(call.caller, request)) as batches:
            async for batch in batches:
                await call.write(self._encoder.encode(batch))

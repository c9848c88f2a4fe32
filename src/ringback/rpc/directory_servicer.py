"""DirectoryService as gRPC calls it."""

from contextlib import aclosing

from ringback.rpc.registrar import RpcCall
from ringback.v1 import directory_service_pb2 as pb
from ringback.v1 import directory_service_pb2_grpc as pb_grpc
from ringback.wire.handlers.directory import DirectoryHandlers


class DirectoryServicer(pb_grpc.DirectoryServiceServicer):
    """DirectoryService, each RPC passed on to its handler."""

    def __init__(self, handlers: DirectoryHandlers) -> None:
        self._handlers = handlers

    async def ListServices(self, request: pb.ListServicesRequest, call: RpcCall) -> pb.ListServicesResponse:
        return await self._handlers.list_services(call.caller, request)

    async def GetService(self, request: pb.GetServiceRequest, call: RpcCall) -> pb.GetServiceResponse:
        return await self._handlers.get_service(call.caller, request)

    async def CreateService(self, request: pb.CreateServiceRequest, call: RpcCall) -> pb.CreateServiceResponse:
        return await self._handlers.create_service(call.caller, request)

    async def UpdateService(self, request: pb.UpdateServiceRequest, call: RpcCall) -> pb.UpdateServiceResponse:
        return await self._handlers.update_service(call.caller, request)

    async def DeleteService(self, request: pb.DeleteServiceRequest, call: RpcCall) -> pb.DeleteServiceResponse:
        return await self._handlers.delete_service(call.caller, request)

    async def GetQueue(self, request: pb.GetQueueRequest, call: RpcCall) -> pb.GetQueueResponse:
        return await self._handlers.get_queue(call.caller, request)

    async def WatchQueues(  # coroutine style: its writes have back-pressure
        self, request: pb.WatchQueuesRequest, call: RpcCall
    ) -> None:
        async with aclosing(await self._handlers.watch_queues(call.caller, request)) as responses:
            async for response in responses:
                await call.write(response.SerializeToString())

    async def GetOutcomes(self, request: pb.GetOutcomesRequest, call: RpcCall) -> pb.GetOutcomesResponse:
        return await self._handlers.get_outcomes(call.caller, request)

    async def GetIdentity(self, request: pb.GetIdentityRequest, call: RpcCall) -> pb.GetIdentityResponse:
        return await self._handlers.get_identity(call.caller, request)

    async def EraseTarget(self, request: pb.EraseTargetRequest, call: RpcCall) -> pb.EraseTargetResponse:
        return await self._handlers.erase_target(call.caller, request)

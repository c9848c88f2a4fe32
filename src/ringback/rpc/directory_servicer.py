"""DirectoryService as gRPC calls it."""

from ringback.rpc.entry import Context
from ringback.v1 import directory_service_pb2 as pb
from ringback.v1 import directory_service_pb2_grpc as pb_grpc
from ringback.wire.handlers.directory import DirectoryHandlers


class DirectoryServicer(pb_grpc.DirectoryServiceServicer):
    """DirectoryService, each RPC passed on to its handler."""

    def __init__(self, handlers: DirectoryHandlers) -> None:
        self._handlers = handlers

    async def ListServices(self, request: pb.ListServicesRequest, context: Context) -> pb.ListServicesResponse:
        return await self._handlers.list_services(request)

    async def GetService(self, request: pb.GetServiceRequest, context: Context) -> pb.GetServiceResponse:
        return await self._handlers.get_service(request)

    async def CreateService(self, request: pb.CreateServiceRequest, context: Context) -> pb.CreateServiceResponse:
        return await self._handlers.create_service(request)

    async def UpdateService(self, request: pb.UpdateServiceRequest, context: Context) -> pb.UpdateServiceResponse:
        return await self._handlers.update_service(request)

    async def DeleteService(self, request: pb.DeleteServiceRequest, context: Context) -> pb.DeleteServiceResponse:
        return await self._handlers.delete_service(request)

    async def GetQueue(self, request: pb.GetQueueRequest, context: Context) -> pb.GetQueueResponse:
        return await self._handlers.get_queue(request)

"""DirectoryService on the wire."""

from typing import Any, TypeAlias

import grpc

from ringback.directory import Directory
from ringback.domain.errors import InvalidRequest, PageTokenInvalid
from ringback.domain.number import InvalidTarget, normalise_sip
from ringback.domain.request import parse_guid
from ringback.domain.service import Service
from ringback.rpc.convert.faults import Faults
from ringback.rpc.convert.services import merge_service, read_service, write_service
from ringback.rpc.convert.values import read_guid
from ringback.rpc.gate import Gate
from ringback.rpc.status import answering
from ringback.v1 import directory_service_pb2 as pb
from ringback.v1 import directory_service_pb2_grpc as pb_grpc

# Each method has a type of its own for it; what a handler uses is the same in all.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class DirectoryServicer(pb_grpc.DirectoryServiceServicer):
    """One method per RPC."""

    def __init__(self, gate: Gate, directory: Directory) -> None:
        self._gate = gate
        self._directory = directory

    @answering
    async def ListServices(self, request: pb.ListServicesRequest, context: Context) -> pb.ListServicesResponse:
        self._gate.check()
        faults = Faults()
        if request.page_size < 0:
            faults.add("page_size", "is negative")
        faults.refuse()
        # The token is the last id of the page before: services are not secret, and there is nothing else to it.
        if request.page_token and parse_guid(request.page_token) is None:
            raise PageTokenInvalid("page_token is malformed")
        services, more = self._directory.list(request.page_token, request.page_size)
        response = pb.ListServicesResponse(next_page_token=services[-1].service_id if more else "")
        for service in services:
            write_service(service, response.services.add())
        return response

    @answering
    async def GetService(self, request: pb.GetServiceRequest, context: Context) -> pb.GetServiceResponse:
        self._gate.check()
        response = pb.GetServiceResponse()
        write_service(self._find(request), response.service)
        return response

    def _find(self, request: pb.GetServiceRequest) -> Service:
        faults = Faults()
        match request.WhichOneof("key"):
            case "service_id":
                service_id = read_guid(request.service_id, "service_id", faults)
                faults.refuse()
                return self._directory.get(service_id)
            case "sip_address":
                try:
                    return self._directory.by_sip(normalise_sip(request.sip_address))
                except InvalidTarget as refusal:
                    faults.add("sip_address", str(refusal))
            case _:
                faults.add("key", "is required: set service_id or sip_address")
        raise InvalidRequest(faults.violations)

    @answering
    async def CreateService(self, request: pb.CreateServiceRequest, context: Context) -> pb.CreateServiceResponse:
        self._gate.check()
        faults = Faults()
        draft = read_service(request.service, faults.under("service"))
        faults.refuse()
        response = pb.CreateServiceResponse()
        write_service(await self._directory.create(draft), response.service)
        return response

    @answering
    async def UpdateService(self, request: pb.UpdateServiceRequest, context: Context) -> pb.UpdateServiceResponse:
        self._gate.check()
        faults = Faults()
        service_id = read_guid(request.service.service_id, "service.service_id", faults)
        faults.refuse()

        def revise(current: Service) -> Service:
            revised = merge_service(request, current, faults)
            faults.refuse()
            return revised

        response = pb.UpdateServiceResponse()
        write_service(await self._directory.update(service_id, request.service.etag, revise), response.service)
        return response

    @answering
    async def DeleteService(self, request: pb.DeleteServiceRequest, context: Context) -> pb.DeleteServiceResponse:
        self._gate.check()
        faults = Faults()
        service_id = read_guid(request.service_id, "service_id", faults)
        faults.refuse()
        await self._directory.delete(service_id, request.etag)
        return pb.DeleteServiceResponse()

    @answering
    async def GetQueue(self, request: pb.GetQueueRequest, context: Context) -> pb.GetQueueResponse:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "GetQueue is not built yet")

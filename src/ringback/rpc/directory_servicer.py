"""DirectoryService on the wire."""

from typing import TYPE_CHECKING, Any, TypeAlias

from ringback.application.callbacks.create import Callbacks
from ringback.application.directory import Directory
from ringback.application.dispatch.queue_view import QueueView, QueueViews
from ringback.domain.callback import Callback
from ringback.domain.errors import Fault, InvalidRequest, PageTokenInvalid
from ringback.domain.faults import Faults
from ringback.domain.priority import Priority
from ringback.domain.request import parse_guid
from ringback.domain.service import Service
from ringback.domain.target import InvalidTarget, normalise_sip
from ringback.rpc.entry import Gate
from ringback.v1 import callback_pb2 as callback_pb
from ringback.v1 import directory_service_pb2 as pb
from ringback.v1 import directory_service_pb2_grpc as pb_grpc
from ringback.wire.errors import answering
from ringback.wire.filters import read_key
from ringback.wire.services import merge_service, read_service, write_service
from ringback.wire.values import read_guid, write_time

if TYPE_CHECKING:
    import grpc

# Each method has a type of its own for it; what a handler uses is the same in all.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class DirectoryServicer(pb_grpc.DirectoryServiceServicer):
    """One method per RPC."""

    def __init__(self, gate: Gate, directory: Directory, callbacks: Callbacks, queues: QueueViews) -> None:
        self._gate = gate
        self._directory = directory
        self._callbacks = callbacks
        self._queues = queues

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
        await self._directory.refresh()
        services, more = self._directory.list(request.page_token, request.page_size)
        response = pb.ListServicesResponse(next_page_token=services[-1].service_id if more else "")
        for service in services:
            write_service(service, response.services.add())
        return response

    @answering
    async def GetService(self, request: pb.GetServiceRequest, context: Context) -> pb.GetServiceResponse:
        self._gate.check()
        key = request.WhichOneof("key")
        if key is None:
            raise InvalidRequest([Fault("key", "is required: set service_id or sip_address")])
        await self._directory.refresh()
        response = pb.GetServiceResponse()
        write_service(await self._find(request, key), response.service)
        return response

    async def _find(self, request: pb.GetServiceRequest | pb.GetQueueRequest, key: str | None) -> Service:
        """The service that the field `key` of the request names."""
        if key == "service_id":
            faults = Faults()
            service_id = read_guid(request.service_id, key, faults)
            faults.refuse()
            return await self._directory.get(service_id)
        try:
            return await self._directory.by_sip(normalise_sip(request.sip_address))
        except InvalidTarget as refusal:
            raise InvalidRequest([Fault("sip_address", str(refusal))]) from None

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
        self._gate.check()
        faults = Faults()
        named = request.HasField("callback_key")
        key = read_key(request.callback_key, "callback_key", faults) if named else None
        faults.refuse()
        callback = None if key is None else await self._callbacks.get(key)
        view = await self._queues.look(await self._service_asked_for(request, callback), callback)
        response = pb.GetQueueResponse()
        _write_view(view, response)
        return response

    async def _service_asked_for(self, request: pb.GetQueueRequest, callback: Callback | None) -> Service:
        service = request.WhichOneof("service")
        if service is not None:
            return await self._find(request, service)
        if callback is not None:
            return await self._directory.get(callback.service_id)
        raise InvalidRequest([Fault("service", "is required, unless callback_key is set")])


def _write_view(view: QueueView, message: pb.GetQueueResponse) -> None:
    message.service_id = view.service.service_id
    for priority in Priority:
        message.waiting.add(priority=callback_pb.Priority.ValueType(priority), count=view.waiting.get(priority, 0))
    write_time(view.oldest, message.oldest_waiting_time)
    message.in_progress = view.in_progress
    message.capacity = view.service.max_concurrent_calls
    if view.estimated_wait is not None:
        message.estimated_wait.FromTimedelta(view.estimated_wait)
    message.estimate_basis = view.estimate_basis
    if (standing := view.standing) is not None:
        message.position.position = standing.position
        message.position.explanation = standing.explanation
        if standing.reason is not None:
            message.position.reason = pb.WaitingReason.ValueType(standing.reason)

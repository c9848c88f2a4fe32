"""DirectoryService: services are created, read and changed, and their queues are read."""

from collections.abc import AsyncGenerator

from ringback.application.access import Caller, Right
from ringback.application.callbacks.query import CallbackQueries
from ringback.application.directory import Directory
from ringback.application.dispatch.queue_view import QueueViews
from ringback.application.dispatch.queue_watch import QueueWatches
from ringback.application.erasure import Erasure
from ringback.application.outcomes import OutcomeQueries
from ringback.application.turns import give_way
from ringback.domain.callback import Callback
from ringback.domain.errors import Fault, InvalidRequest, PageTokenInvalid
from ringback.domain.faults import Faults
from ringback.domain.request import ServiceName, parse_guid, read_target
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.v1 import directory_service_pb2 as pb
from ringback.wire.filters import read_key
from ringback.wire.outcomes import read_outcomes_wanted, write_end_count
from ringback.wire.queues import QueueWriter, write_queue
from ringback.wire.services import merge_service, read_service, write_service
from ringback.wire.values import Room, read_guid, read_heartbeat_s, read_list, read_sip, write_time

MAX_WATCHED = 1000

_NamesService = pb.GetServiceRequest | pb.GetQueueRequest | pb.DeleteServiceRequest


class DirectoryHandlers:
    """The handlers of DirectoryService."""

    def __init__(
        self,
        directory: Directory,
        queries: CallbackQueries,
        queues: QueueViews,
        erasure: Erasure,
        watches: QueueWatches,
        outcomes: OutcomeQueries,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._queries = queries
        self._queues = queues
        self._erasure = erasure
        self._watches = watches
        self._outcomes = outcomes
        self._queue_writer = QueueWriter(clock)

    async def list_services(self, caller: Caller, request: pb.ListServicesRequest) -> pb.ListServicesResponse:
        faults = Faults()
        if request.page_size < 0:
            faults.add("page_size", "is negative")
        faults.refuse()
        # The token is the last id of the page before: services are not secret, and it holds nothing else.
        if request.page_token and parse_guid(request.page_token) is None:
            raise PageTokenInvalid("page_token is malformed")
        await self._directory.refresh()
        services, more = self._directory.list(caller, request.page_token, request.page_size)
        response = pb.ListServicesResponse()
        room = Room()
        for service in services:
            write_service(service, response.services.add())
            if not room.take(response.services[-1].ByteSize()):
                del response.services[-1]
                more = True
                break
        if more:
            response.next_page_token = response.services[-1].service_id
        return response

    async def get_service(self, caller: Caller, request: pb.GetServiceRequest) -> pb.GetServiceResponse:
        key = request.WhichOneof("key")
        if key is None:
            raise InvalidRequest([Fault("key", "is required: set service_id or sip_address")])
        await self._directory.refresh()
        response = pb.GetServiceResponse()
        write_service(await self._find(caller, request, key), response.service)
        return response

    async def _find(self, caller: Caller, request: _NamesService, key: str) -> Service:
        """Return the service that the field `key` of the request names."""
        faults = Faults()
        name = _read_name(request, key, faults)
        faults.refuse()
        return await self._directory.seen(caller, name)

    async def create_service(self, caller: Caller, request: pb.CreateServiceRequest) -> pb.CreateServiceResponse:
        faults = Faults()
        draft = read_service(request.service, faults.under("service"))
        faults.refuse()
        response = pb.CreateServiceResponse()
        write_service(await self._directory.create(caller, draft), response.service)
        return response

    async def update_service(self, caller: Caller, request: pb.UpdateServiceRequest) -> pb.UpdateServiceResponse:
        faults = Faults()
        service_id = await self._id_of_updated(request, faults)

        def revise(current: Service) -> Service:
            revised = merge_service(request, current, faults)
            faults.refuse()
            return revised

        response = pb.UpdateServiceResponse()
        write_service(await self._directory.update(caller, service_id, request.service.etag, revise), response.service)
        return response

    async def _id_of_updated(self, request: pb.UpdateServiceRequest, faults: Faults) -> str:
        sent = request.service
        within = faults.under("service")
        if sent.service_id or not sent.sip_address:
            service_id = read_guid(sent.service_id, "service_id", within)
            faults.refuse()
            return service_id
        if "sip_address" in request.update_mask.paths:
            faults.add("update_mask", "sip_address can't be changed where it names the service: set service_id")
        sip_address = read_sip(sent.sip_address, "sip_address", within)
        faults.refuse()
        await self._directory.refresh()
        return (await self._directory.by_sip(sip_address)).service_id

    async def delete_service(self, caller: Caller, request: pb.DeleteServiceRequest) -> pb.DeleteServiceResponse:
        key = request.WhichOneof("service")
        if key is None:
            raise InvalidRequest([Fault("service", "is required: set service_id or sip_address")])
        await self._directory.refresh()
        service = await self._find(caller, request, key)
        await self._directory.delete(caller, service.service_id, request.etag)
        return pb.DeleteServiceResponse()

    async def erase_target(self, caller: Caller, request: pb.EraseTargetRequest) -> pb.EraseTargetResponse:
        caller.view_of(Right.ADMINISTER)
        faults = Faults()
        if not request.target:
            faults.add("target", "is required")
        target = read_target(request.target, "target", faults)
        faults.refuse()
        assert target is not None
        done = await self._erasure.erase(caller, target)
        return pb.EraseTargetResponse(erased=done.erased, in_progress=done.in_progress)

    async def get_queue(self, caller: Caller, request: pb.GetQueueRequest) -> pb.GetQueueResponse:
        faults = Faults()
        named = request.HasField("callback_key")
        key = read_key(request.callback_key, "callback_key", faults) if named else None
        faults.refuse()
        callback = None if key is None else await self._queries.get(caller, key)
        await self._directory.refresh()
        view = await self._queues.look(caller, await self._service_asked_for(caller, request, callback), callback)
        response = pb.GetQueueResponse()
        write_queue(view, response, shows_identities=caller.view_of(Right.READ_SERVICES).shows_identities)
        return response

    async def watch_queues(
        self, caller: Caller, request: pb.WatchQueuesRequest
    ) -> AsyncGenerator[pb.WatchQueuesResponse, None]:
        faults = Faults()
        service_ids = read_list(MAX_WATCHED, read_guid, request.service_ids, "service_ids", faults)
        heartbeat_s = read_heartbeat_s(request, faults)
        faults.refuse()
        return self._queue_writer.responses(self._watches.watch(caller, service_ids, heartbeat_s=heartbeat_s))

    async def get_outcomes(self, caller: Caller, request: pb.GetOutcomesRequest) -> pb.GetOutcomesResponse:
        faults = Faults()
        wanted = read_outcomes_wanted(request, faults)
        faults.refuse()
        outcomes = await self._outcomes.read(caller, *wanted)
        response = pb.GetOutcomesResponse()
        write_time(outcomes.at, response.server_time)
        for index, counted in enumerate(outcomes.counts):
            await give_way(index)
            write_end_count(counted, response)
        return response

    async def get_identity(self, caller: Caller, _: pb.GetIdentityRequest) -> pb.GetIdentityResponse:
        return pb.GetIdentityResponse(
            identity=caller.identity,
            roles=caller.roles,
            caller_ids=dict.fromkeys(caller.caller_ids),
            masked=caller.masked,
            allowed_rpcs=caller.allowed_rpcs,
        )

    async def _service_asked_for(
        self, caller: Caller, request: pb.GetQueueRequest, callback: Callback | None
    ) -> Service:
        service = request.WhichOneof("service")
        if service is not None:
            return await self._find(caller, request, service)
        if callback is not None:
            return await self._directory.get(callback.service_id)
        raise InvalidRequest([Fault("service", "is required, unless callback_key is set")])


def _read_name(message: _NamesService, key: str, faults: Faults) -> ServiceName:
    if key == "service_id":
        return ServiceName("service_id", read_guid(message.service_id, key, faults))
    return ServiceName("service_sip", read_sip(message.sip_address, key, faults))

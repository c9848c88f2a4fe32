"""What each call of the contract does: its request for a handler, and what becomes of the response."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct

from ringback.application.access import Caller
from ringback.application.directory import MAX_PAGE_SIZE
from ringback.application.turns import give_way
from ringback.domain.errors import (
    CallbackAlreadyExists,
    DialRuleBroken,
    Fault,
    InvalidRequest,
    NotAllowed,
    QuotaExceeded,
    ServiceNotFound,
    TargetAlreadyPending,
)
from ringback.domain.faults import Faults
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.web.rest.contract import CALLBACKS_PATH, KEY_PARAMETERS, LIST_PARAMETERS, REASON
from ringback.web.rest.queries import Query, read_key, read_list, read_reason
from ringback.web.rest.requests import ReadRequest, read_create
from ringback.web.rest.responses import Json, callback_answer, service_answer
from ringback.web.rest.strict_json import SENT, read_members, without_braces
from ringback.web.rest.words import contract_name
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.directory import DirectoryHandlers


class Received(Struct, frozen=True):
    """One request, as far as HTTP has read it."""

    query: Query
    body: bytes = b""
    # That of the path, "" where it has none.
    callback_id: str = ""


class Answer(Struct, frozen=True):
    """What is answered when nothing is wrong."""

    value: Json
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = MappingProxyType({})


Behaviour: TypeAlias = Callable[[Caller, Received], Awaitable[Answer]]


class RestCall(Struct, frozen=True):
    """One method of one path."""

    # The RPC that it is, by which rights, turns and limits go.
    rpc: Callable[[Query], str]
    behave: Behaviour
    has_body: bool = False


class RestCalls:
    """All calls of the contract, over the handlers that gRPC has."""

    def __init__(self, callbacks: CallbacksHandlers, directory: DirectoryHandlers) -> None:
        self._callbacks = callbacks
        self._directory = directory
        cancel = RestCall(lambda _: "CancelCallback", self.cancel)
        self.of_services: Final = {"GET": RestCall(lambda _: "ListServices", self.list_services)}
        self.of_callbacks: Final = {
            "GET": RestCall(lambda query: "GetCallback" if _has_key(query) else "ListCallbacks", self.find),
            "POST": RestCall(lambda _: "CreateCallback", self.create, has_body=True),
            "DELETE": cancel,
        }
        self.of_callback: Final = {"GET": RestCall(lambda _: "GetCallback", self.get), "DELETE": cancel}

    async def list_services(self, caller: Caller, received: Received) -> Answer:
        _take_no_parameters(received)
        services: list[Json] = []
        token = ""
        while True:
            request = directory_pb.ListServicesRequest(page_size=MAX_PAGE_SIZE, page_token=token)
            page = await self._directory.list_services(caller, request)
            for index, service in enumerate(page.services):
                await give_way(index)
                services.append(service_answer(service))
            token = page.next_page_token
            if not token:
                return Answer(services)

    async def create(self, caller: Caller, received: Received) -> Answer:
        _take_no_parameters(received)
        read = read_create(read_members(received.body))
        request = read.message.callback_request
        if read.service_sip and not await self._has_service(caller, request.service_id):
            request.service_sip = read.service_sip
        if read.faults.violations:
            raise InvalidRequest(await self._all_faults(caller, read))
        response = await self._callbacks.create_callback(caller, read.message)
        answer = callback_answer(response.callback)
        if not response.created:
            return Answer(answer)
        location = f"{CALLBACKS_PATH}/{response.callback.callback_id}"
        return Answer(answer, HTTPStatus.CREATED, {"Location": location})

    async def _has_service(self, caller: Caller, service_id: str) -> bool:
        """Return whether there is such a service for the caller: another's is as good as none."""
        try:
            await self._directory.get_service(caller, directory_pb.GetServiceRequest(service_id=service_id))
        except (NotAllowed, ServiceNotFound):
            return False
        return True

    async def _all_faults(self, caller: Caller, read: ReadRequest) -> Sequence[Fault]:
        """Return the faults that reading has found, and those that the handler finds in the rest."""
        read.message.validate_only = True
        others: Sequence[Fault] = ()
        try:
            await self._callbacks.create_callback(caller, read.message)
        except (InvalidRequest, DialRuleBroken) as refusal:
            others = refusal.violations
        except (CallbackAlreadyExists, TargetAlreadyPending, ServiceNotFound, QuotaExceeded):
            pass  # it is not this request that would be created
        found = read.faults.violations
        # What could not be read is missing in the message.
        named = {contract_name(fault.field) for fault in found}
        if "ServiceSip" in named:
            named.add("ServiceId")
        return [*found, *(fault for fault in others if contract_name(fault.field) not in named)]

    async def get(self, caller: Caller, received: Received) -> Answer:
        _take_no_parameters(received)
        return await self._get(caller, cb.CallbackKey(callback_id=without_braces(received.callback_id)))

    async def find(self, caller: Caller, received: Received) -> Answer:
        """Return the one with an external key, or a page of all."""
        faults = Faults(SENT)
        if not _has_key(received.query):
            values = received.query.take(faults, *KEY_PARAMETERS, *LIST_PARAMETERS)
            request = read_list(values, faults)
            faults.refuse()
            return await self._list(caller, request)
        key = cb.CallbackKey()
        read_key(received.query.take(faults, *KEY_PARAMETERS), key)
        faults.refuse()
        return await self._get(caller, key)

    async def _get(self, caller: Caller, key: cb.CallbackKey) -> Answer:
        response = await self._callbacks.get_callback(caller, pb.GetCallbackRequest(key=key))
        return Answer(callback_answer(response.callback))

    async def _list(self, caller: Caller, request: pb.ListCallbacksRequest) -> Answer:
        page = await self._callbacks.list_callbacks(caller, request)
        items = []
        for index, callback in enumerate(page.callbacks):
            await give_way(index)
            items.append(callback_answer(callback))
        return Answer({"Items": items, "NextPageToken": page.next_page_token or None})

    async def cancel(self, caller: Caller, received: Received) -> Answer:
        """Cancel the one that the path names, or the external key."""
        faults = Faults(SENT)
        key = cb.CallbackKey()
        if received.callback_id:
            key.callback_id = without_braces(received.callback_id)
            values = received.query.take(faults, REASON)
        else:
            values = received.query.take(faults, REASON, *KEY_PARAMETERS)
            read_key(values, key)
        faults.refuse()
        request = pb.CancelCallbackRequest(key=key, reason=read_reason(values))
        response = await self._callbacks.cancel_callback(caller, request)
        return Answer(callback_answer(response.callback))


def _has_key(query: Query) -> bool:
    return query.names(*KEY_PARAMETERS)


def _take_no_parameters(received: Received) -> None:
    faults = Faults(SENT)
    received.query.take(faults)
    faults.refuse()

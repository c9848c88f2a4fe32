"""The three services as Connect calls them: each RPC is passed on to its handler, behind the one way in."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar, cast

from connectrpc.request import RequestContext

from ringback.application.access import Caller
from ringback.v1 import callbacks_service_pb2 as callbacks_pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.v1.callbacks_service_connect import CallbacksService
from ringback.v1.dialer_service_connect import DialerService
from ringback.v1.directory_service_connect import DirectoryService
from ringback.web.connect.calls import CALL, serve
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.dialer import DialerHandlers
from ringback.wire.handlers.directory import DirectoryHandlers

_Request = TypeVar("_Request")
_Item = TypeVar("_Item")


class CallbacksOverConnect(CallbacksService):
    """CallbacksService."""

    def __init__(self, handlers: CallbacksHandlers) -> None:
        self._handlers = handlers

    async def create_callback(
        self, request: callbacks_pb.CreateCallbackRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.CreateCallbackResponse:
        return await serve(request, self._handlers.create_callback)

    async def batch_create_callbacks(
        self, request: callbacks_pb.BatchCreateCallbacksRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.BatchCreateCallbacksResponse:
        return await serve(request, self._handlers.batch_create_callbacks)

    async def get_callback(
        self, request: callbacks_pb.GetCallbackRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.GetCallbackResponse:
        return await serve(request, self._handlers.get_callback)

    async def list_callbacks(
        self, request: callbacks_pb.ListCallbacksRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.ListCallbacksResponse:
        return await serve(request, self._handlers.list_callbacks)

    async def count_callbacks(
        self, request: callbacks_pb.CountCallbacksRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.CountCallbacksResponse:
        return await serve(request, self._handlers.count_callbacks)

    async def list_callback_events(
        self, request: callbacks_pb.ListCallbackEventsRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.ListCallbackEventsResponse:
        return await serve(request, self._handlers.list_callback_events)

    async def get_call_trace(
        self, request: callbacks_pb.GetCallTraceRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.GetCallTraceResponse:
        return await serve(request, self._handlers.get_call_trace)

    async def cancel_callback(
        self, request: callbacks_pb.CancelCallbackRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.CancelCallbackResponse:
        return await serve(request, self._handlers.cancel_callback)

    async def update_callback(
        self, request: callbacks_pb.UpdateCallbackRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.UpdateCallbackResponse:
        return await serve(request, self._handlers.update_callback)

    async def resolve_callbacks(
        self, request: callbacks_pb.ResolveCallbacksRequest, _: RequestContext[Any, Any], /
    ) -> callbacks_pb.ResolveCallbacksResponse:
        return await serve(request, self._handlers.resolve_callbacks)

    def watch_callbacks(
        self, request: callbacks_pb.WatchCallbacksRequest, _: RequestContext[Any, Any], /
    ) -> AsyncIterator[callbacks_pb.WatchCallbacksResponse]:
        """Yield batches, which the codec encodes, once for all watches."""
        return cast(
            "AsyncIterator[callbacks_pb.WatchCallbacksResponse]", _stream(request, self._handlers.watch_callbacks)
        )


class DialerOverConnect(DialerService):
    """DialerService."""

    def __init__(self, handlers: DialerHandlers) -> None:
        self._handlers = handlers

    async def lease_callbacks(
        self, request: dialer_pb.LeaseCallbacksRequest, _: RequestContext[Any, Any], /
    ) -> dialer_pb.LeaseCallbacksResponse:
        return await serve(request, self._handlers.lease_callbacks)

    async def extend_leases(
        self, request: dialer_pb.ExtendLeasesRequest, _: RequestContext[Any, Any], /
    ) -> dialer_pb.ExtendLeasesResponse:
        return await serve(request, self._handlers.extend_leases)

    async def report_progress(
        self, request: dialer_pb.ReportProgressRequest, _: RequestContext[Any, Any], /
    ) -> dialer_pb.ReportProgressResponse:
        return await serve(request, self._handlers.report_progress)

    async def report_outcome(
        self, request: dialer_pb.ReportOutcomeRequest, _: RequestContext[Any, Any], /
    ) -> dialer_pb.ReportOutcomeResponse:
        return await serve(request, self._handlers.report_outcome)

    async def report_attempts(
        self, request: dialer_pb.ReportAttemptsRequest, _: RequestContext[Any, Any], /
    ) -> dialer_pb.ReportAttemptsResponse:
        return await serve(request, self._handlers.report_attempts)

    async def release_leases(
        self, request: dialer_pb.ReleaseLeasesRequest, _: RequestContext[Any, Any], /
    ) -> dialer_pb.ReleaseLeasesResponse:
        return await serve(request, self._handlers.release_leases)


class DirectoryOverConnect(DirectoryService):
    """DirectoryService."""

    def __init__(self, handlers: DirectoryHandlers) -> None:
        self._handlers = handlers

    async def list_services(
        self, request: directory_pb.ListServicesRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.ListServicesResponse:
        return await serve(request, self._handlers.list_services)

    async def get_service(
        self, request: directory_pb.GetServiceRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.GetServiceResponse:
        return await serve(request, self._handlers.get_service)

    async def create_service(
        self, request: directory_pb.CreateServiceRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.CreateServiceResponse:
        return await serve(request, self._handlers.create_service)

    async def update_service(
        self, request: directory_pb.UpdateServiceRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.UpdateServiceResponse:
        return await serve(request, self._handlers.update_service)

    async def delete_service(
        self, request: directory_pb.DeleteServiceRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.DeleteServiceResponse:
        return await serve(request, self._handlers.delete_service)

    async def get_queue(
        self, request: directory_pb.GetQueueRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.GetQueueResponse:
        return await serve(request, self._handlers.get_queue)

    def watch_queues(
        self, request: directory_pb.WatchQueuesRequest, _: RequestContext[Any, Any], /
    ) -> AsyncIterator[directory_pb.WatchQueuesResponse]:
        return _stream(request, self._handlers.watch_queues)

    async def get_outcomes(
        self, request: directory_pb.GetOutcomesRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.GetOutcomesResponse:
        return await serve(request, self._handlers.get_outcomes)

    async def get_identity(
        self, request: directory_pb.GetIdentityRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.GetIdentityResponse:
        return await serve(request, self._handlers.get_identity)

    async def erase_target(
        self, request: directory_pb.EraseTargetRequest, _: RequestContext[Any, Any], /
    ) -> directory_pb.EraseTargetResponse:
        return await serve(request, self._handlers.erase_target)


async def _stream(
    request: _Request, handle: Callable[[Caller, _Request], Awaitable[AsyncGenerator[_Item, None]]]
) -> AsyncIterator[_Item]:
    """Have the request of this task handled, and yield what the stream sends. Raise `ConnectError`."""
    call = CALL.get()
    items = await serve(request, handle)
    try:
        async with aclosing(items):
            async for item in items:
                yield item
                call.check()
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the package would send its text
        raise call.refusal(error) from None

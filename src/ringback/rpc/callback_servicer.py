"""CallbackService on the wire: reads requests, calls the use cases, writes answers."""

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

from ringback.application.callbacks.create import MAX_BATCH, Asked, Callbacks, Created
from ringback.application.events.watch import Watches
from ringback.domain.errors import Fault, InvalidRequest, RingbackError
from ringback.domain.faults import Faults
from ringback.ports.clock import Clock
from ringback.rpc.entry import Gate
from ringback.rpc.watch_encoder import Encoder
from ringback.v1 import callback_service_pb2 as pb
from ringback.v1 import callback_service_pb2_grpc as pb_grpc
from ringback.wire.callbacks import read_request, write_callback
from ringback.wire.errors import answering, to_error
from ringback.wire.filters import read_filter, read_key
from ringback.wire.values import read_duration, read_time

if TYPE_CHECKING:
    import grpc

DEFAULT_HEARTBEAT_S = 15.0
MIN_HEARTBEAT_S = 1.0
MAX_HEARTBEAT_S = 60.0

# Each method has a type of its own for it; what a handler uses is the same in all.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class CallbackServicer(pb_grpc.CallbackServiceServicer):
    """One method per RPC."""

    def __init__(self, gate: Gate, callbacks: Callbacks, watches: Watches, clock: Clock) -> None:
        self._gate = gate
        self._callbacks = callbacks
        self._watches = watches
        self._encoder = Encoder(clock)

    @answering
    async def CreateCallback(self, request: pb.CreateCallbackRequest, context: Context) -> pb.CreateCallbackResponse:
        self._gate.check()
        created = await self._callbacks.create(_read_asked(request))
        response = pb.CreateCallbackResponse(created=created.created)
        write_callback(created.callback, response.callback)
        return response

    @answering
    async def BatchCreateCallbacks(
        self, request: pb.BatchCreateCallbacksRequest, context: Context
    ) -> pb.BatchCreateCallbacksResponse:
        self._gate.check()
        count = len(request.requests)
        if not 1 <= count <= MAX_BATCH:
            raise InvalidRequest([Fault("requests", f"has {count} items; 1 to {MAX_BATCH} are allowed")])
        results = await self._callbacks.create_many([_read_asked(item) for item in request.requests])
        response = pb.BatchCreateCallbacksResponse()
        for result in results:
            _write_result(result, response.results.add())
        return response

    @answering
    async def GetCallback(self, request: pb.GetCallbackRequest, context: Context) -> pb.GetCallbackResponse:
        self._gate.check()
        faults = Faults()
        key = read_key(request.key, "key", faults)
        faults.refuse()
        response = pb.GetCallbackResponse()
        write_callback(await self._callbacks.get(key), response.callback)
        return response

    @answering
    async def ListCallbacks(self, request: pb.ListCallbacksRequest, context: Context) -> pb.ListCallbacksResponse:
        self._gate.check()
        faults = Faults()
        wanted = read_filter(request.filter, faults.under("filter"))
        if request.page_size < 0:
            faults.add("page_size", "is negative")
        faults.refuse()
        page = await self._callbacks.list(wanted, request.page_size, request.page_token)
        response = pb.ListCallbacksResponse(next_page_token=page.next_page_token, resume_token=page.resume_token)
        for callback in page.callbacks:
            write_callback(callback, response.callbacks.add())
        return response

    @answering
    async def CancelCallback(self, request: pb.CancelCallbackRequest, context: Context) -> pb.CancelCallbackResponse:
        self._gate.check()
        faults = Faults()
        key = read_key(request.key, "key", faults)
        callback = await self._callbacks.cancel(key, request.reason, request.etag, faults.violations)
        response = pb.CancelCallbackResponse()
        write_callback(callback, response.callback)
        return response

    @answering
    async def RescheduleCallback(
        self, request: pb.RescheduleCallbackRequest, context: Context
    ) -> pb.RescheduleCallbackResponse:
        self._gate.check()
        faults = Faults()
        key = read_key(request.key, "key", faults)
        due_date = read_time(request, "due_date", faults)
        callback = await self._callbacks.reschedule(
            key,
            due_date=due_date,
            priority=request.priority if request.HasField("priority") else None,
            target=request.target if request.HasField("target") else None,
            etag=request.etag,
            faults=faults.violations,
        )
        response = pb.RescheduleCallbackResponse()
        write_callback(callback, response.callback)
        return response

    @answering
    async def ResolveCallbacks(
        self, request: pb.ResolveCallbacksRequest, context: Context
    ) -> pb.ResolveCallbacksResponse:
        self._gate.check()
        response = pb.ResolveCallbacksResponse()
        for callback in await self._callbacks.resolve(request.target, request.reason):
            write_callback(callback, response.callbacks.add())
        return response

    @answering
    async def WatchCallbacks(  # type: ignore[override]  # coroutine style: its writes have back-pressure
        self, request: pb.WatchCallbacksRequest, context: Context
    ) -> None:
        self._gate.check()
        faults = Faults()
        wanted = read_filter(request.filter, faults.under("filter"))
        heartbeat = read_duration(request, "heartbeat_interval", faults)
        if request.snapshot_mode not in pb.SnapshotMode.values():
            faults.add("snapshot_mode", f"{request.snapshot_mode} is not a known value")
        faults.refuse()
        seconds = DEFAULT_HEARTBEAT_S if heartbeat is None else heartbeat.total_seconds()
        batches = self._watches.watch(
            wanted,
            request.resume_token,
            snapshot_when_needed=request.snapshot_mode == pb.SNAPSHOT_MODE_WHEN_NEEDED,
            heartbeat_s=min(max(seconds, MIN_HEARTBEAT_S), MAX_HEARTBEAT_S),
        )
        async with aclosing(batches):
            async for batch in batches:
                await context.write(self._encoder.encode(batch))


def _read_asked(request: pb.CreateCallbackRequest) -> Asked:
    faults = Faults()
    callback_request = read_request(request.callback_request, faults.under("callback_request"))
    return Asked(callback_request, request.request_id, request.validate_only, faults.violations)


def _write_result(result: Created | RingbackError, message: pb.CreateCallbackResult) -> None:
    if isinstance(result, RingbackError):
        message.error.CopyFrom(to_error(result))
    else:
        message.created = result.created
        write_callback(result.callback, message.callback)

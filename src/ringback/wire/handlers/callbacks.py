"""CallbacksService: requests are created, read, changed and watched."""

from collections.abc import AsyncGenerator

from ringback.application.callbacks.change import CallbackChanges
from ringback.application.callbacks.create import MAX_BATCH, CallbackCreation, CreateCommand, Created
from ringback.application.callbacks.query import CallbackQueries
from ringback.application.events.watch import Watches
from ringback.application.events.watch_batches import WatchBatch
from ringback.domain.errors import Fault, InvalidRequest, RingbackError
from ringback.domain.faults import Faults
from ringback.domain.request import due_violation, priority_violation, read_target, text_violation
from ringback.ports.clock import Clock
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.callbacks import read_request, write_callback
from ringback.wire.errors import to_error
from ringback.wire.filters import read_filter, read_key
from ringback.wire.values import read_duration, read_time

MAX_REASON_LENGTH = 512
DEFAULT_HEARTBEAT_S = 15.0
MIN_HEARTBEAT_S = 1.0
MAX_HEARTBEAT_S = 60.0


class CallbacksHandlers:
    """The handlers of CallbacksService."""

    def __init__(
        self,
        creation: CallbackCreation,
        queries: CallbackQueries,
        changes: CallbackChanges,
        watches: Watches,
        clock: Clock,
    ) -> None:
        self._creation = creation
        self._queries = queries
        self._changes = changes
        self._watches = watches
        self._clock = clock

    async def create_callback(self, request: pb.CreateCallbackRequest) -> pb.CreateCallbackResponse:
        created = await self._creation.create(_read_command(request))
        response = pb.CreateCallbackResponse(created=created.created)
        write_callback(created.callback, response.callback)
        return response

    async def batch_create_callbacks(self, request: pb.BatchCreateCallbacksRequest) -> pb.BatchCreateCallbacksResponse:
        count = len(request.requests)
        if not 1 <= count <= MAX_BATCH:
            raise InvalidRequest([Fault("requests", f"has {count} items; 1 to {MAX_BATCH} are allowed")])
        results = await self._creation.create_many([_read_command(item) for item in request.requests])
        response = pb.BatchCreateCallbacksResponse()
        for result in results:
            _write_result(result, response.results.add())
        return response

    async def get_callback(self, request: pb.GetCallbackRequest) -> pb.GetCallbackResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        faults.refuse()
        response = pb.GetCallbackResponse()
        write_callback(await self._queries.get(key), response.callback)
        return response

    async def list_callbacks(self, request: pb.ListCallbacksRequest) -> pb.ListCallbacksResponse:
        faults = Faults()
        wanted = read_filter(request.filter, faults.under("filter"))
        if request.page_size < 0:
            faults.add("page_size", "is negative")
        faults.refuse()
        page = await self._queries.list(wanted, request.page_size, request.page_token)
        response = pb.ListCallbacksResponse(next_page_token=page.next_page_token, resume_token=page.resume_token)
        for callback in page.callbacks:
            write_callback(callback, response.callbacks.add())
        return response

    async def cancel_callback(self, request: pb.CancelCallbackRequest) -> pb.CancelCallbackResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        faults.extend(text_violation("reason", request.reason, MAX_REASON_LENGTH))
        faults.refuse()
        response = pb.CancelCallbackResponse()
        write_callback(await self._changes.cancel(key, request.reason, request.etag), response.callback)
        return response

    async def reschedule_callback(self, request: pb.RescheduleCallbackRequest) -> pb.RescheduleCallbackResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        due_date = read_time(request, "due_date", faults)
        if due_date is None:
            faults.add("due_date", "is required")
        faults.extend(due_violation("due_date", due_date, self._clock.now()))
        priority = request.priority if request.HasField("priority") else None
        if priority is not None:
            faults.extend(priority_violation("priority", priority))
        if request.HasField("target") and not request.target:
            faults.add("target", "is empty")
        target = read_target(request.target, "target", faults)
        faults.refuse()
        assert due_date is not None
        callback = await self._changes.reschedule(
            key, due_date=due_date, priority=priority, target=target, etag=request.etag
        )
        response = pb.RescheduleCallbackResponse()
        write_callback(callback, response.callback)
        return response

    async def resolve_callbacks(self, request: pb.ResolveCallbacksRequest) -> pb.ResolveCallbacksResponse:
        faults = Faults()
        if not request.target:
            faults.add("target", "is required")
        target = read_target(request.target, "target", faults)
        faults.extend(text_violation("reason", request.reason, MAX_REASON_LENGTH))
        faults.refuse()
        assert target is not None
        response = pb.ResolveCallbacksResponse()
        for callback in await self._changes.resolve(target, request.reason):
            write_callback(callback, response.callbacks.add())
        return response

    def watch_callbacks(self, request: pb.WatchCallbacksRequest) -> AsyncGenerator[WatchBatch, None]:
        """Return batches, not messages: one batch goes to many watchers, and an edge encodes it once for all."""
        faults = Faults()
        wanted = read_filter(request.filter, faults.under("filter"))
        heartbeat = read_duration(request, "heartbeat_interval", faults)
        if request.snapshot_mode not in pb.SnapshotMode.values():
            faults.add("snapshot_mode", f"{request.snapshot_mode} is not a known value")
        faults.refuse()
        seconds = DEFAULT_HEARTBEAT_S if heartbeat is None else heartbeat.total_seconds()
        return self._watches.watch(
            wanted,
            request.resume_token,
            snapshot_when_needed=request.snapshot_mode == pb.SNAPSHOT_MODE_WHEN_NEEDED,
            heartbeat_s=min(max(seconds, MIN_HEARTBEAT_S), MAX_HEARTBEAT_S),
        )


def _read_command(request: pb.CreateCallbackRequest) -> CreateCommand:
    faults = Faults()
    callback_request = read_request(request.callback_request, faults.under("callback_request"))
    return CreateCommand(callback_request, request.request_id, request.validate_only, faults)


def _write_result(result: Created | RingbackError, message: pb.CreateCallbackResult) -> None:
    if isinstance(result, RingbackError):
        message.error.CopyFrom(to_error(result))
    else:
        message.created = result.created
        write_callback(result.callback, message.callback)

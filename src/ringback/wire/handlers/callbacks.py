"""CallbacksService: requests are created, read, changed and watched."""

import asyncio
from collections.abc import AsyncGenerator

from ringback.application.access import Caller, Right
from ringback.application.callbacks.attempt_traces import AttemptTraces
from ringback.application.callbacks.change import CallbackChanges
from ringback.application.callbacks.count import CallbackCounts
from ringback.application.callbacks.create import MAX_BATCH, CallbackCreation, CreateCommand, Created
from ringback.application.callbacks.history import Histories
from ringback.application.callbacks.query import CallbackQueries
from ringback.application.directory import Directory
from ringback.application.events.watch import Watches
from ringback.application.events.watch_batches import WatchBatch
from ringback.application.turns import give_way
from ringback.domain.callback import weight
from ringback.domain.errors import Fault, InvalidRequest, RingbackError
from ringback.domain.faults import Faults
from ringback.domain.request import read_target, text_violation
from ringback.domain.service import common_region
from ringback.domain.update import RequestUpdate, read_mask
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.batch_results import check_room, size_of
from ringback.wire.callbacks import read_request, write_callback, write_event, write_sip_message
from ringback.wire.enums import STATES
from ringback.wire.errors import to_error
from ringback.wire.filters import find_filter, read_key
from ringback.wire.values import Room, only, read_heartbeat_s, read_time

MAX_REASON_LENGTH = 512
# A call has some forty messages of a kilobyte or two. What peers make of it is cut.
MAX_TRACE_BYTES = 512 * 1024
_MAX_REASON_BYTES = 4 * MAX_REASON_LENGTH


class CallbacksHandlers:
    """The handlers of CallbacksService."""

    def __init__(
        self,
        creation: CallbackCreation,
        queries: CallbackQueries,
        counts: CallbackCounts,
        changes: CallbackChanges,
        watches: Watches,
        histories: Histories,
        attempt_traces: AttemptTraces,
        directory: Directory,
    ) -> None:
        self._creation = creation
        self._queries = queries
        self._counts = counts
        self._changes = changes
        self._watches = watches
        self._histories = histories
        self._attempt_traces = attempt_traces
        self._directory = directory

    async def create_callback(self, caller: Caller, request: pb.CreateCallbackRequest) -> pb.CreateCallbackResponse:
        self._creation.take(caller, 1)
        created = await self._creation.create(caller, _read_command(request))
        response = pb.CreateCallbackResponse(created=created.created)
        write_callback(created.callback, response.callback)
        return response

    async def batch_create_callbacks(
        self, caller: Caller, request: pb.BatchCreateCallbacksRequest
    ) -> pb.BatchCreateCallbacksResponse:
        count = len(request.requests)
        if not 1 <= count <= MAX_BATCH:
            raise InvalidRequest([Fault("requests", f"has {count} items; 1 to {MAX_BATCH} are allowed")])
        self._creation.take(caller, count)
        batch = []
        for index, item in enumerate(request.requests):
            await give_way(index)
            batch.append(_read_command(item))
        if request.include_callbacks:
            check_room(await self._creation.preview(caller, batch))
        response = pb.BatchCreateCallbacksResponse()
        room = Room()
        for index, result in enumerate(await self._creation.create_many(caller, batch)):
            await give_way(index)
            # What was previewed fits; only a callback that has grown since may not.
            whole = request.include_callbacks and room.take(size_of(result))
            _write_result(result, response.results.add(), whole=whole)
        return response

    async def get_callback(self, caller: Caller, request: pb.GetCallbackRequest) -> pb.GetCallbackResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        faults.refuse()
        response = pb.GetCallbackResponse()
        write_callback(await self._queries.get(caller, key), response.callback)
        return response

    async def list_callbacks(self, caller: Caller, request: pb.ListCallbacksRequest) -> pb.ListCallbacksResponse:
        faults = Faults()
        wanted = await find_filter(caller, request.filter, self._directory, faults.under("filter"))
        if request.page_size < 0:
            faults.add("page_size", "is negative")
        faults.refuse()
        page = await self._queries.list(caller, wanted, request.page_size, request.page_token)
        response = pb.ListCallbacksResponse(next_page_token=page.next_page_token, resume_token=page.resume_token)
        for index, callback in enumerate(page.callbacks):
            await give_way(index)
            write_callback(callback, response.callbacks.add())
        return response

    async def count_callbacks(self, caller: Caller, request: pb.CountCallbacksRequest) -> pb.CountCallbacksResponse:
        faults = Faults()
        wanted = await find_filter(caller, request.filter, self._directory, faults.under("filter"))
        faults.refuse()
        response = pb.CountCallbacksResponse()
        for state, counted in (await self._counts.count(caller, wanted)).items():
            response.states.add(state=STATES.number(state), count=counted.count, at_least=counted.at_least)
        return response

    async def list_callback_events(
        self, caller: Caller, request: pb.ListCallbackEventsRequest
    ) -> pb.ListCallbackEventsResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        if request.page_size < 0:
            faults.add("page_size", "is negative")
        faults.refuse()
        page = await self._histories.events(caller, key, request.page_size, request.page_token)
        response = pb.ListCallbackEventsResponse(next_page_token=page.next_page_token, complete=page.complete)
        for index, event in enumerate(page.events):
            await give_way(index)
            write_event(event, response.events.add())
        return response

    async def get_call_trace(self, caller: Caller, request: pb.GetCallTraceRequest) -> pb.GetCallTraceResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        if request.attempt < 1:
            faults.add("attempt", "is required: attempts are numbered from 1")
        faults.refuse()
        response = pb.GetCallTraceResponse()
        room = Room(MAX_TRACE_BYTES)
        for message in await self._attempt_traces.messages(caller, key, request.attempt):
            await asyncio.sleep(0)  # a large one takes a while
            write_sip_message(message, response.messages.add())
            if not room.take(response.messages[-1].ByteSize()):
                del response.messages[-1]
                break
        return response

    async def cancel_callback(self, caller: Caller, request: pb.CancelCallbackRequest) -> pb.CancelCallbackResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        faults.extend(text_violation("reason", request.reason, MAX_REASON_LENGTH))
        faults.refuse()
        response = pb.CancelCallbackResponse()
        write_callback(await self._changes.cancel(caller, key, request.reason, request.etag), response.callback)
        return response

    async def update_callback(self, caller: Caller, request: pb.UpdateCallbackRequest) -> pb.UpdateCallbackResponse:
        faults = Faults()
        key = read_key(request.key, "key", faults)
        names = read_mask(request.update_mask.paths, faults)
        values = read_request(only(request.callback_request, names), faults.under("callback_request"))
        update = RequestUpdate(values, names)
        response = pb.UpdateCallbackResponse()
        write_callback(await self._changes.update(caller, key, update, faults, request.etag), response.callback)
        return response

    async def resolve_callbacks(
        self, caller: Caller, request: pb.ResolveCallbacksRequest
    ) -> pb.ResolveCallbacksResponse:
        faults = Faults()
        if not request.target:
            faults.add("target", "is required")
        granted = self._directory.granted(caller, Right.RESOLVE_CALLBACKS)
        target = read_target(request.target, "target", faults, common_region(granted))
        faults.extend(text_violation("reason", request.reason, MAX_REASON_LENGTH))
        faults.refuse()
        assert target is not None
        room = Room()
        resolved = await self._changes.resolve(
            caller,
            target,
            request.reason,
            lambda callback: not request.include_callbacks or room.take(weight(callback) + _MAX_REASON_BYTES),
        )
        response = pb.ResolveCallbacksResponse(more=resolved.more)
        for callback in resolved.callbacks:
            result = response.results.add(callback_id=callback.callback_id, state=STATES.number(callback.state))
            if request.include_callbacks:
                write_callback(callback, result.callback)
        return response

    async def watch_callbacks(
        self, caller: Caller, request: pb.WatchCallbacksRequest
    ) -> AsyncGenerator[WatchBatch, None]:
        """Return batches, not messages: one batch goes to many watchers, and an edge encodes it once for all."""
        faults = Faults()
        wanted = await find_filter(caller, request.filter, self._directory, faults.under("filter"))
        heartbeat_s = read_heartbeat_s(request, faults)
        begin = read_time(request, "begin_time", faults)
        if request.snapshot_mode not in pb.SnapshotMode.values():
            faults.add("snapshot_mode", f"{request.snapshot_mode} is not a known value")
        faults.refuse()
        return self._watches.watch(
            caller,
            wanted,
            request.resume_token,
            begin=begin,
            snapshot_when_needed=request.snapshot_mode == pb.SNAPSHOT_MODE_WHEN_NEEDED,
            heartbeat_s=heartbeat_s,
        )


def _read_command(request: pb.CreateCallbackRequest) -> CreateCommand:
    faults = Faults()
    callback_request = read_request(request.callback_request, faults.under("callback_request"))
    return CreateCommand(callback_request, request.request_id, request.validate_only, faults)


def _write_result(result: Created | RingbackError, message: pb.CreateCallbackResult, *, whole: bool) -> None:
    if isinstance(result, RingbackError):
        message.error.CopyFrom(to_error(result))
        return
    message.callback_id = result.callback.callback_id
    message.created = result.created
    message.state = STATES.number(result.callback.state)
    if whole:
        write_callback(result.callback, message.callback)

"""Queues, as the messages of the contract have them: for one look, and for all that watch."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from weakref import WeakKeyDictionary

from ringback.application.dispatch.queue_view import QueueView
from ringback.application.dispatch.queue_watch import QueueBatch
from ringback.application.turns import give_way
from ringback.domain.priority import Priority
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.v1 import callback_pb2 as callback_pb
from ringback.v1 import directory_service_pb2 as pb
from ringback.wire.enums import STATES
from ringback.wire.services import write_service
from ringback.wire.values import Room, write_time

# What the tag and the length of a message in another take at most.
_FRAME_BYTES = 8


def write_queue(view: QueueView, message: pb.GetQueueResponse, *, shows_identities: bool) -> None:
    message.service_id = view.service.service_id
    message.state = pb.QueueState.ValueType(view.state)
    for priority in Priority:
        level = message.waiting.add(
            priority=callback_pb.Priority.ValueType(priority), count=view.waiting.get(priority, 0)
        )
        write_time(view.oldest.get(priority), level.oldest_waiting_time)
    write_time(min(view.oldest.values(), default=None), message.oldest_waiting_time)
    message.in_progress = sum(view.in_progress.values())
    for state, count in view.in_progress.items():
        message.in_progress_by_state.add(state=STATES.number(state), count=count)
    message.scheduled = view.scheduled
    message.due_within_hour = view.outlook.due_within_hour
    message.expiring = view.outlook.expiring
    message.capacity = view.capacity
    if view.estimated_wait is not None:
        message.estimated_wait.FromTimedelta(view.estimated_wait)
    message.estimate_basis = view.estimate_basis
    write_time(view.agents_rest_until, message.agents_rest_until)
    message.dialers = view.attendance.dialers
    write_time(view.attendance.missing_since, message.no_dialer_since)
    write_time(view.opening.next_open, message.next_open_time)
    write_time(view.opening.next_close, message.next_close_time)
    if view.halt is not None:
        write_time(view.halt.halt_time, message.pause_time)
        if shows_identities:
            message.paused_by = view.halt.identity
    _write_standing(view, message)


def _write_standing(view: QueueView, message: pb.GetQueueResponse) -> None:
    if (standing := view.standing) is not None:
        message.position.position = standing.position
        message.position.explanation = standing.explanation
        if standing.reason is not None:
            message.position.reason = pb.WaitingReason.ValueType(standing.reason)


class QueueWriter:
    """A writer of the responses of WatchQueues. What many watchers are sent is written once, and copied."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # By whether it has identities.
        self._queues: dict[bool, WeakKeyDictionary[QueueView, pb.GetQueueResponse]] = {
            True: WeakKeyDictionary(),
            False: WeakKeyDictionary(),
        }
        # By id; those of the same settings.
        self._services: dict[str, tuple[Service, pb.Service]] = {}

    async def responses(
        self, batches: AsyncGenerator[QueueBatch, None]
    ) -> AsyncGenerator[pb.WatchQueuesResponse, None]:
        """Yield the responses for all batches, several for one where there is much in it."""
        async with aclosing(batches):
            async for batch in batches:
                async for response in self._split(batch):
                    write_time(self._clock.now(), response.server_time)
                    yield response

    async def _split(self, batch: QueueBatch) -> AsyncIterator[pb.WatchQueuesResponse]:
        """Yield as many responses as it takes. The settings of a service come no later than its queue."""
        response, room = pb.WatchQueuesResponse(removed_service_ids=batch.removed), Room()
        room.take(response.ByteSize())
        for index, service in enumerate(batch.services):
            await give_way(index)
            settings = self._service(service)
            if not room.take(settings.ByteSize() + _FRAME_BYTES):
                yield response
                response, room = pb.WatchQueuesResponse(), Room()
                room.take(settings.ByteSize())
            response.services.append(settings)
        for index, view in enumerate(batch.queues):
            await give_way(index)
            queue = self._queue(view, shows_identities=batch.shows_identities)
            if not room.take(queue.ByteSize() + _FRAME_BYTES):
                yield response
                response, room = pb.WatchQueuesResponse(), Room()
                room.take(queue.ByteSize())
            response.queues.append(queue)
        response.complete = batch.complete
        for service_id in batch.removed:
            self._services.pop(service_id, None)
        yield response

    def _service(self, service: Service) -> pb.Service:
        kept = self._services.get(service.service_id)
        if kept is None or kept[0] is not service:
            message = pb.Service()
            write_service(service, message)
            kept = self._services[service.service_id] = service, message
        return kept[1]

    def _queue(self, view: QueueView, *, shows_identities: bool) -> pb.GetQueueResponse:
        written = self._queues[shows_identities]
        message = written.get(view)
        if message is None:
            message = written[view] = pb.GetQueueResponse()
            write_queue(view, message, shows_identities=shows_identities)
        return message

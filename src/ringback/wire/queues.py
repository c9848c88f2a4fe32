"""Queues, as the messages of the contract have them."""

from ringback.application.dispatch.queue_view import QueueView
from ringback.domain.priority import Priority
from ringback.v1 import callback_pb2 as callback_pb
from ringback.v1 import directory_service_pb2 as pb
from ringback.wire.enums import STATES
from ringback.wire.values import write_time


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

"""Callback requests from the wire; callbacks, their attempts and their events onto it.

Writing is on the hot path: a change goes to every watcher. So fields are set one by one in the message that
will be sent, and nothing is built to be copied.
"""

from ringback.application.events.watch_batches import WatchEvent
from ringback.domain.callback import Attempt, Callback
from ringback.domain.faults import Faults
from ringback.domain.request import CallbackRequest
from ringback.ports.dialer import CallMessage
from ringback.v1 import callback_pb2 as pb
from ringback.v1 import callbacks_service_pb2 as service_pb
from ringback.wire.enums import OUTCOMES, RETRY_DELAY_REASONS, STATES
from ringback.wire.values import read_time, write_time


def read_request(message: pb.CallbackRequest, faults: Faults) -> CallbackRequest:
    """Read a request exactly as it was sent.

    `domain.request.check` checks what it requests. The only faults here are invalid times, which read as unset.
    """
    service = message.WhichOneof("service")
    return CallbackRequest(
        target=message.target,
        alternative_target=message.alternative_target,
        max_retries=message.max_retries if message.HasField("max_retries") else None,
        seconds_between_retries=(
            message.seconds_between_retries if message.HasField("seconds_between_retries") else None
        ),
        service_id=message.service_id if service == "service_id" else None,
        service_sip=message.service_sip if service == "service_sip" else None,
        incoming_service_sip_uri=message.incoming_service_sip_uri,
        priority=message.priority,
        context_url=message.context_url,
        due_date=read_time(message, "due_date", faults),
        supervisor=message.supervisor,
        description=message.description,
        external_task_id=message.external_task_id,
        caller_id=message.caller_id,
        expire_time=read_time(message, "expire_time", faults),
        labels=dict(labels) if (labels := message.labels) else {},
    )


def write_callback(callback: Callback, message: pb.Callback) -> None:
    message.callback_id = callback.callback_id
    write_request(callback.request, message.callback_request)
    message.dial_target = callback.dial_target
    message.service_id = callback.service_id
    message.state = STATES.number(callback.state)
    message.attempt_count = len(callback.attempts)
    for attempt in callback.attempts:
        _write_attempt(attempt, message.attempts.add())
    write_time(callback.next_attempt_time, message.next_attempt_time)
    write_time(callback.create_time, message.create_time)
    write_time(callback.update_time, message.update_time)
    # Most have none of these, and to name the field of a message takes as long as to set a number.
    if callback.queue_time is not None:
        write_time(callback.queue_time, message.queue_time)
    if callback.end_time is not None:
        write_time(callback.end_time, message.end_time)
    if callback.cancel_time is not None:
        write_time(callback.cancel_time, message.cancel_time)
    message.cancel_reason = callback.cancel_reason
    write_time(callback.expire_time, message.expire_time)
    message.revision = callback.revision
    message.etag = callback.etag
    if callback.lease is not None:
        message.leased_by = callback.lease.dialer_id
    write_time(callback.due_date, message.due_time)


def write_request(request: CallbackRequest, message: pb.CallbackRequest) -> None:
    message.target = request.target
    message.alternative_target = request.alternative_target
    if request.max_retries is not None:
        message.max_retries = request.max_retries
    if request.seconds_between_retries is not None:
        message.seconds_between_retries = request.seconds_between_retries
    if request.service_id is not None:
        message.service_id = request.service_id
    if request.service_sip is not None:
        message.service_sip = request.service_sip
    message.incoming_service_sip_uri = request.incoming_service_sip_uri
    message.priority = pb.Priority.ValueType(request.priority)
    message.context_url = request.context_url
    write_time(request.due_date, message.due_date)
    message.supervisor = request.supervisor
    message.description = request.description
    message.external_task_id = request.external_task_id
    message.caller_id = request.caller_id
    write_time(request.expire_time, message.expire_time)
    if request.labels:
        message.labels.update(request.labels)


def _write_attempt(attempt: Attempt, message: pb.Attempt) -> None:
    message.number = attempt.number
    message.dialer_id = attempt.dialer_id
    write_time(attempt.start_time, message.start_time)
    write_time(attempt.ring_time, message.ring_time)
    write_time(attempt.answer_time, message.answer_time)
    write_time(attempt.end_time, message.end_time)
    if attempt.outcome is not None:
        message.outcome = OUTCOMES.number(attempt.outcome)
    message.sip_status = attempt.sip_status
    message.q850_cause = attempt.q850_cause
    message.detail = attempt.detail
    message.agent = attempt.agent
    message.disposition = attempt.disposition
    if attempt.call_ids:
        message.call_ids.extend(attempt.call_ids)
    write_time(attempt.offer_time, message.offer_time)
    if attempt.retry_delay is not None:
        message.retry_delay.FromTimedelta(attempt.retry_delay)
    if attempt.retry_delay_reason is not None:
        message.retry_delay_reason = RETRY_DELAY_REASONS.number(attempt.retry_delay_reason)


def write_event(event: WatchEvent, message: service_pb.CallbackEvent) -> None:
    message.type = service_pb.CallbackEventType.ValueType(event.type)
    write_callback(event.callback, message.callback)
    if event.previous_state is not None:
        message.previous_state = STATES.number(event.previous_state)
    write_time(event.time, message.event_time)
    message.identity = event.identity


def write_sip_message(message: CallMessage, into: service_pb.SipMessage) -> None:
    write_time(message.time, into.time)
    into.sent = message.sent
    into.peer = message.peer
    into.call_id = message.call_id
    into.text = message.text

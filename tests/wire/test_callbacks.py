"""Callbacks and their requests: nothing is lost, nothing is invented."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.application.events.watch_batches import EventType, WatchEvent
from ringback.domain.callback import Attempt, Callback, Lease, State
from ringback.domain.faults import Faults
from ringback.domain.outcome import Outcome
from ringback.domain.request import CallbackRequest
from ringback.domain.retry_delay import RetryDelayReason
from ringback.v1 import callback_pb2 as pb
from ringback.v1 import callbacks_service_pb2 as service_pb
from ringback.wire.callbacks import read_request, write_callback, write_event, write_request
from ringback.wire.enums import STATES
from tests.world.wire import ID, SERVICE_ID, TIMES, at, fields, timestamp

# --- Requests --------------------------------------------------------------------------------------------------

INT32 = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(max_size=20)
REQUESTS = (
    st.builds(
        CallbackRequest,
        target=TEXT,
        alternative_target=TEXT,
        max_retries=st.none() | INT32,
        seconds_between_retries=st.none() | INT32,
        incoming_service_sip_uri=TEXT,
        priority=INT32,
        context_url=TEXT,
        due_date=st.none() | TIMES,
        supervisor=TEXT,
        description=TEXT,
        external_task_id=TEXT,
        caller_id=TEXT,
        expire_time=st.none() | TIMES,
        labels=st.dictionaries(TEXT, TEXT, max_size=3),
    )
    | st.builds(CallbackRequest, service_id=TEXT)
    | st.builds(CallbackRequest, service_sip=TEXT)
)


@settings(deadline=None)
@given(REQUESTS)
def test_a_request_comes_back_as_it_was(request: CallbackRequest) -> None:
    faults = Faults()
    message = pb.CallbackRequest()
    write_request(request, message)
    assert read_request(pb.CallbackRequest.FromString(message.SerializeToString()), faults) == request
    assert fields(faults) == []


@pytest.mark.parametrize("field", list(pb.CallbackRequest.DESCRIPTOR.fields), ids=lambda field: field.name)
def test_no_field_of_the_contract_is_forgotten(field: FieldDescriptor) -> None:
    """Every one is read, and written back: this fails for a new one until `wire/callbacks.py` knows it."""
    sent = pb.CallbackRequest()
    if field.name == "labels":
        sent.labels["team"] = "blue"
    elif field.message_type is not None:
        getattr(sent, field.name).seconds = 1_800_000_000
    else:
        setattr(sent, field.name, "x" if field.type == FieldDescriptor.TYPE_STRING else 1)
    request = read_request(sent, Faults())
    assert request != CallbackRequest()
    written = pb.CallbackRequest()
    write_request(request, written)
    assert written == sent


def test_unset_and_zero_are_different_requests() -> None:
    unset = read_request(pb.CallbackRequest(), Faults())
    assert unset == CallbackRequest()
    zero = read_request(
        pb.CallbackRequest(max_retries=0, seconds_between_retries=0, service_sip="", due_date=Timestamp()),
        Faults(),
    )
    assert zero == CallbackRequest(
        max_retries=0, seconds_between_retries=0, service_sip="", due_date=datetime(1970, 1, 1, tzinfo=UTC)
    )


# --- Callbacks -------------------------------------------------------------------------------------------------

WAITING = Callback(
    callback_id=ID,
    service_id=SERVICE_ID,
    request=CallbackRequest(
        target="tel: +41785556677", seconds_between_retries=0, service_id=SERVICE_ID.upper(), priority=5
    ),
    dial_target="tel:+41785556677",
    max_attempts=4,
    state=State.SCHEDULED,
    create_time=at(0),
    update_time=at(0),
    due_date=at(60),
    ready_time=at(60),
    next_attempt_time=at(60),
    expire_time=at(120),
)

CANCELLED = Callback(
    callback_id=ID,
    service_id=SERVICE_ID,
    request=CallbackRequest(target="sip:a@example.com", service_sip="sip:s@example.com", priority=1),
    dial_target="sip:a@example.com",
    max_attempts=4,
    state=State.CANCELLED,
    revision=9,
    create_time=at(0),
    update_time=at(8),
    due_date=at(0),
    ready_time=at(5),
    next_attempt_time=None,
    expire_time=at(120),
    queue_time=at(5),
    end_time=at(8),
    cancel_time=at(7),
    cancel_reason="called in",
    attempts=(
        Attempt(
            number=1,
            dialer_id="d-1",
            fencing_token=1,
            start_time=at(1),
            ring_time=at(2),
            answer_time=at(3),
            end_time=at(4),
            outcome=Outcome.MACHINE,
            sip_status=200,
            q850_cause=16,
            detail="beep",
            offer_time=at(0),
            retry_delay=timedelta(seconds=90, milliseconds=500),
            retry_delay_reason=RetryDelayReason.CLOSED,
        ),
        Attempt(number=2, dialer_id="d-2", fencing_token=2, start_time=at(6)),
    ),
)


def test_a_callback_that_waits() -> None:
    message = pb.Callback()
    write_callback(WAITING, message)
    assert message == pb.Callback(
        callback_id=ID,
        callback_request=pb.CallbackRequest(
            target="tel: +41785556677",
            seconds_between_retries=0,
            service_id=SERVICE_ID.upper(),
            priority=pb.PRIORITY_NORMAL,
        ),
        dial_target="tel:+41785556677",
        service_id=SERVICE_ID,
        state=pb.CALLBACK_STATE_SCHEDULED,
        next_attempt_time=timestamp(at(60)),
        create_time=timestamp(at(0)),
        update_time=timestamp(at(0)),
        expire_time=timestamp(at(120)),
        revision=1,
        etag="1",
        due_time=timestamp(at(60)),
    )


def test_a_leased_callback_names_its_dialer() -> None:
    message = pb.Callback()
    lease = Lease(
        token="t",
        dialer_id="d-1",
        request_id="",
        fencing_token=1,
        duration=timedelta(seconds=30),
        expire_time=at(30),
    )
    write_callback(replace(CANCELLED, state=State.OFFERED, lease=lease), message)
    assert message.leased_by == "d-1"


def test_a_callback_that_has_seen_everything() -> None:
    message = pb.Callback()
    write_callback(CANCELLED, message)
    assert message == pb.Callback(
        callback_id=ID,
        callback_request=pb.CallbackRequest(
            target="sip:a@example.com",
            service_sip="sip:s@example.com",
            priority=pb.PRIORITY_STRICT_PRIORITY,
        ),
        dial_target="sip:a@example.com",
        service_id=SERVICE_ID,
        state=pb.CALLBACK_STATE_CANCELLED,
        attempt_count=2,
        attempts=[
            pb.Attempt(
                number=1,
                dialer_id="d-1",
                start_time=timestamp(at(1)),
                ring_time=timestamp(at(2)),
                answer_time=timestamp(at(3)),
                end_time=timestamp(at(4)),
                outcome=pb.CALL_OUTCOME_MACHINE,
                sip_status=200,
                q850_cause=16,
                detail="beep",
                offer_time=timestamp(at(0)),
                retry_delay=Duration(seconds=90, nanos=500_000_000),
                retry_delay_reason=pb.RETRY_DELAY_REASON_CLOSED,
            ),
            pb.Attempt(number=2, dialer_id="d-2", start_time=timestamp(at(6))),
        ],
        create_time=timestamp(at(0)),
        update_time=timestamp(at(8)),
        queue_time=timestamp(at(5)),
        end_time=timestamp(at(8)),
        cancel_time=timestamp(at(7)),
        cancel_reason="called in",
        expire_time=timestamp(at(120)),
        revision=9,
        etag="9",
        due_time=timestamp(at(0)),
    )


@pytest.mark.parametrize("previous", [None, State.CANCELLING])
def test_an_event(previous: State | None) -> None:
    message = service_pb.CallbackEvent()
    write_event(WatchEvent(EventType.UPDATED, CANCELLED, previous, at(8)), message)
    callback = pb.Callback()
    write_callback(CANCELLED, callback)
    assert message == service_pb.CallbackEvent(
        type=service_pb.CALLBACK_EVENT_TYPE_UPDATED,
        callback=callback,
        previous_state=pb.CALLBACK_STATE_UNSPECIFIED if previous is None else STATES.number(previous),
        event_time=timestamp(at(8)),
    )

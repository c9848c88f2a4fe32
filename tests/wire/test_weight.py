"""`weight` is an upper bound of what a callback takes in a message, so no response outgrows what clients receive."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.domain.callback import MAX_WEIGHT, Attempt, Callback, Lease, State, weight
from ringback.domain.outcome import Outcome
from ringback.domain.request import CallbackRequest
from ringback.domain.retry_delay import RetryDelayReason
from ringback.v1 import callback_pb2 as pb
from ringback.wire.callbacks import write_callback
from tests.world.wire import ID, SERVICE_ID, at

WIDE = "\U0001f4de"
TEXT = st.text(max_size=40)
CALL_IDS = st.lists(st.text(st.characters(codec="ascii"), max_size=255), max_size=4).map(tuple)
URI = st.just("sip:" + "a" * 251)


def precisely(second: int) -> datetime:
    return at(second) + timedelta(microseconds=1)


def size(callback: Callback) -> int:
    message = pb.Callback()
    write_callback(callback, message)
    return message.ByteSize()


def callback_with(request: CallbackRequest, attempts: tuple[Attempt, ...], reason: str) -> Callback:
    return Callback(
        callback_id=ID,
        service_id=SERVICE_ID,
        request=request,
        dial_target="sip:" + "a" * 251,
        max_attempts=101,
        state=State.CANCELLING,
        revision=2**62,
        create_time=at(1),
        update_time=at(2),
        due_date=at(3),
        ready_time=at(4),
        next_attempt_time=at(5),
        expire_time=at(6),
        queue_time=at(7),
        end_time=at(8),
        cancel_time=at(9),
        cancel_reason=reason,
        attempts=attempts,
        lease=Lease(token="t" * 128, dialer_id="d" * 64, fencing_token=1, duration=timedelta(1), expire_time=at(1)),
    )


def attempt(detail: str, agent: str, disposition: str, call_ids: tuple[str, ...]) -> Attempt:
    return Attempt(
        number=101,
        dialer_id="d" * 64,
        fencing_token=2**62,
        start_time=precisely(1),
        ring_time=precisely(2),
        answer_time=precisely(3),
        end_time=precisely(4),
        outcome=Outcome.INVALID_NUMBER,
        sip_status=699,
        q850_cause=127,
        detail=detail,
        agent=agent,
        disposition=disposition,
        call_ids=call_ids,
        offer_time=precisely(0),
        retry_delay=timedelta(days=366, microseconds=1),
        retry_delay_reason=RetryDelayReason.CLOSED,
    )


@settings(deadline=None)
@given(
    st.builds(
        CallbackRequest,
        target=URI,
        alternative_target=URI,
        max_retries=st.integers(0, 100),
        seconds_between_retries=st.integers(0, 604_800),
        service_sip=URI,
        incoming_service_sip_uri=URI,
        priority=st.integers(1, 9),
        context_url=TEXT,
        due_date=st.just(precisely(1)),
        supervisor=TEXT,
        description=TEXT,
        external_task_id=TEXT,
        caller_id=TEXT,
        expire_time=st.just(precisely(2)),
        labels=st.dictionaries(TEXT, TEXT, max_size=16),
    ),
    st.lists(st.builds(attempt, TEXT, TEXT, TEXT, CALL_IDS), max_size=5).map(tuple),
    TEXT,
)
def test_no_callback_takes_more(request: CallbackRequest, attempts: tuple[Attempt, ...], reason: str) -> None:
    callback = callback_with(request, attempts, reason)
    assert size(callback) <= weight(callback)


def test_the_largest_callback() -> None:
    request = CallbackRequest(
        target="sip:" + "a" * 251,
        alternative_target="sip:" + "a" * 251,
        max_retries=100,
        seconds_between_retries=604_800,
        service_sip="sip:" + "a" * 251,
        incoming_service_sip_uri="sip:" + "a" * 251,
        priority=9,
        context_url="https://x/" + WIDE * 2038,
        due_date=precisely(1),
        supervisor=WIDE * 128,
        description=WIDE * 150,
        external_task_id=WIDE * 128,
        caller_id="c" * 128,
        expire_time=precisely(2),
        labels={f"{n:02}" + WIDE * 61: WIDE * 128 for n in range(16)},
    )
    callback = callback_with(request, (attempt(WIDE * 512, WIDE * 128, WIDE * 64, ("a" * 255,) * 4),) * 101, WIDE * 512)
    assert size(callback) <= weight(callback) <= MAX_WEIGHT

"""Plan and replan: due dates, openings, expiry, time between attempts."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Attempt, Callback, State
from ringback.domain.errors import InvalidRequest
from ringback.domain.events import BecameDue
from ringback.domain.lifecycle import after
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.domain.planning import plan, replan
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import RetryRule, Service
from ringback.domain.update import RequestUpdate
from tests.world.checked_request import checked

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A Monday, in the opening hours.
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
# Monday to Friday, 08:00 to 18:00, UTC.
OFFICE = OpeningHours(periods=tuple(OpeningPeriod(day, 8 * 60, 18 * 60) for day in range(1, 6)))
NEVER = OpeningHours(
    periods=(OpeningPeriod(1, 0, 1),), closed_dates=frozenset(date(2026, 1, 1) + n * DAY for n in range(1000))
)
SERVICE = Service(
    service_id="6f1c3c1e-0f5b-4a60-8f3e-6a0d3c2b1a00",
    sip_address="sip:support@example.com",
    max_queue_time=7 * DAY,
    default_max_retries=3,
    ring_timeout=timedelta(seconds=30),
    create_time=NOW,
    update_time=NOW,
)
REQUEST = CallbackRequest(
    target="tel: +41 78 555 66 77",
    seconds_between_retries=600,
    service_id=SERVICE.service_id,
    priority=Priority.NORMAL,
)


def planned(request: CallbackRequest = REQUEST, service: Service = SERVICE, now: datetime = NOW) -> Callback:
    return plan(checked(request), service=service, callback_id="c-1", request_id="r-1", now=now)


def office(hours: OpeningHours = OFFICE) -> Service:
    return replace(SERVICE, opening_hours=hours)


# --- Plan: when it is due --------------------------------------------------------------------------------------


@pytest.mark.parametrize("due_date", [None, NOW, NOW - HOUR, datetime(1970, 1, 1, tzinfo=UTC)])
def test_unset_or_past_is_due_now(due_date: datetime | None) -> None:
    callback = planned(replace(REQUEST, due_date=due_date))
    assert callback.state is State.QUEUED
    assert callback.due_date == callback.ready_time == callback.next_attempt_time == callback.queue_time == NOW
    assert callback.request.due_date == due_date, "the request is kept as sent"


def test_the_future_is_waited_for() -> None:
    callback = planned(replace(REQUEST, due_date=NOW + HOUR))
    assert callback.state is State.SCHEDULED
    assert callback.due_date == callback.ready_time == callback.next_attempt_time == NOW + HOUR
    assert callback.queue_time is None


@pytest.mark.parametrize(
    ("due_date", "opening"),
    [
        (None, NOW),
        (datetime(2026, 3, 2, 17, 59, tzinfo=UTC), datetime(2026, 3, 2, 17, 59, tzinfo=UTC)),
        (datetime(2026, 3, 2, 18, 0, tzinfo=UTC), datetime(2026, 3, 3, 8, 0, tzinfo=UTC)),
        (datetime(2026, 3, 6, 20, 0, tzinfo=UTC), datetime(2026, 3, 9, 8, 0, tzinfo=UTC)),
        (datetime(2026, 3, 3, 8, 0, tzinfo=UTC), datetime(2026, 3, 3, 8, 0, tzinfo=UTC)),
    ],
)
def test_due_while_closed_waits_for_the_opening(due_date: datetime | None, opening: datetime) -> None:
    callback = planned(replace(REQUEST, due_date=due_date), office())
    assert callback.next_attempt_time == opening
    assert callback.due_date == callback.ready_time == (due_date or NOW), "its place in the queue is its due date"
    assert callback.state is (State.QUEUED if opening == NOW else State.SCHEDULED)


def test_due_now_while_closed_is_scheduled() -> None:
    night = NOW + 10 * HOUR
    callback = planned(service=office(), now=night)
    assert callback.state is State.SCHEDULED
    assert callback.queue_time is None
    assert callback.next_attempt_time == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("hours", [OFFICE, NEVER])
def test_an_opening_that_comes_too_late_is_waited_for_until_the_expiry(hours: OpeningHours) -> None:
    """It is kept, not refused: the hours may be changed meanwhile."""
    saturday = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
    callback = planned(replace(REQUEST, expire_time=saturday + HOUR), office(hours), saturday)
    assert callback.state is State.SCHEDULED
    assert callback.next_attempt_time == callback.expire_time == saturday + HOUR


@pytest.mark.parametrize(
    ("due_date", "expire_time", "expected"),
    [
        (None, None, NOW + 7 * DAY),
        (NOW - DAY, None, NOW + 7 * DAY),
        (NOW + DAY, None, NOW + 8 * DAY),
        (NOW + DAY, NOW + DAY + HOUR, NOW + DAY + HOUR),
        (None, NOW + 30 * DAY, NOW + 30 * DAY),
    ],
)
def test_expiry(due_date: datetime | None, expire_time: datetime | None, expected: datetime) -> None:
    callback = planned(replace(REQUEST, due_date=due_date, expire_time=expire_time))
    assert callback.expire_time == expected


@pytest.mark.parametrize(("max_retries", "max_attempts"), [(None, 4), (0, 1), (1, 2), (100, 101)])
def test_attempts_are_one_more_than_retries(max_retries: int | None, max_attempts: int) -> None:
    assert planned(replace(REQUEST, max_retries=max_retries)).max_attempts == max_attempts


@pytest.mark.parametrize(("alternative", "dial_target"), [("", "tel:+41785556677"), ("SIP:Bob@PBX1", "sip:Bob@pbx1")])
def test_what_is_dialled(alternative: str, dial_target: str) -> None:
    callback = planned(replace(REQUEST, alternative_target=alternative))
    assert callback.dial_target == dial_target
    assert callback.request.target == "tel: +41 78 555 66 77", "the request is kept as sent"


def test_a_new_callback() -> None:
    callback = planned()
    assert (callback.callback_id, callback.request_id, callback.service_id) == ("c-1", "r-1", SERVICE.service_id)
    assert (callback.revision, callback.attempts, callback.lease, callback.fencing_token) == (1, (), None, 0)
    assert callback.create_time == callback.update_time == NOW
    assert (callback.end_time, callback.cancel_time, callback.first_request) == (None, None, None)
    assert callback.sent_request is callback.request


@given(
    due_in_h=st.integers(-1000, 366 * 24),
    expire_after_h=st.none() | st.integers(1, 366 * 24),
    now_h=st.integers(0, 168),
    hours=st.sampled_from([OpeningHours(), OFFICE, NEVER]),
)
def test_a_plan_is_consistent(due_in_h: int, expire_after_h: int | None, now_h: int, hours: OpeningHours) -> None:
    now = NOW + now_h * HOUR
    due_date = now + due_in_h * HOUR
    expire_time = None if expire_after_h is None else max(due_date, now) + expire_after_h * HOUR
    callback = planned(replace(REQUEST, due_date=due_date, expire_time=expire_time), office(hours), now)
    assert callback.next_attempt_time is not None
    assert now <= callback.due_date == callback.ready_time <= callback.next_attempt_time <= callback.expire_time
    assert callback.due_date < callback.expire_time
    assert (callback.state is State.QUEUED) == (callback.next_attempt_time == now) == (callback.queue_time == now)
    if callback.state is State.QUEUED:
        assert hours.is_open(now)


# --- Replan ----------------------------------------------------------------------------------------------------


def updated(callback: Callback, *, service: Service = SERVICE, now: datetime = NOW, **fields: Any) -> Callback:
    update = RequestUpdate(CallbackRequest(**fields), tuple(fields))
    event = replan(callback, update, service=service, now=now)
    assert event.at == now
    return after(callback, event)


def replanned(callback: Callback, due_date: datetime, **fields: Any) -> Callback:
    return updated(callback, due_date=due_date, **fields)


@pytest.mark.parametrize(
    ("due_date", "due"), [(NOW + DAY, NOW + DAY), (NOW + HOUR, NOW + HOUR), (NOW - HOUR, NOW), (NOW, NOW)]
)
def test_a_new_due_date(due_date: datetime, due: datetime) -> None:
    callback = replanned(planned(), due_date)
    assert callback.state is State.SCHEDULED
    assert callback.due_date == callback.ready_time == callback.next_attempt_time == due
    assert callback.expire_time == due + 7 * DAY
    assert callback.queue_time is None
    assert callback.request.due_date == due_date


def test_what_is_not_asked_for_stays() -> None:
    callback = planned(replace(REQUEST, alternative_target="sip:bob@pbx1", description="invoice 17"))
    moved = replanned(callback, NOW + DAY)
    assert moved.request == replace(callback.request, due_date=NOW + DAY)
    assert moved.dial_target == "sip:bob@pbx1"


def test_a_new_priority() -> None:
    assert replanned(planned(), NOW, priority=Priority.STRICT_PRIORITY).priority is Priority.STRICT_PRIORITY


def test_a_new_target_replaces_the_alternative_one() -> None:
    callback = planned(replace(REQUEST, alternative_target="sip:bob@pbx1"))
    moved = replanned(callback, NOW, target="tel: +41 44 333 22 11")
    assert moved.dial_target == "tel:+41443332211"
    assert (moved.request.target, moved.request.alternative_target) == ("tel: +41 44 333 22 11", "")


def test_the_first_request_is_remembered() -> None:
    """A repeated create is compared to the first request, however often it was updated since."""
    callback = planned()
    moved = replanned(replanned(callback, NOW + DAY, priority=Priority.LOW), NOW + 2 * DAY)
    assert moved.sent_request == callback.request
    assert moved.request.due_date == NOW + 2 * DAY


@pytest.mark.parametrize(("due_date", "refused"), [(NOW + DAY - HOUR, False), (NOW + DAY, True), (NOW + 2 * DAY, True)])
def test_a_due_date_comes_before_the_expiry_that_was_asked_for(due_date: datetime, refused: bool) -> None:
    callback = planned(replace(REQUEST, expire_time=NOW + DAY))
    if refused:
        with pytest.raises(InvalidRequest) as caught:
            replanned(callback, due_date)
        assert [v.field for v in caught.value.violations] == ["callback_request.due_date"]
    else:
        assert replanned(callback, due_date).expire_time == NOW + DAY


def test_an_expiry_that_is_worked_out_again_lies_in_the_future() -> None:
    """A week after the due date is past for a callback that has waited longer, by an expiry of its own."""
    callback = planned(replace(REQUEST, expire_time=NOW + 30 * DAY))
    assert updated(callback, now=NOW + 6 * DAY, expire_time=None).expire_time == NOW + 7 * DAY
    for now in (NOW + 7 * DAY, NOW + 8 * DAY):
        with pytest.raises(InvalidRequest, match="expire_time: is in the past"):
            updated(callback, now=now, expire_time=None)


def test_a_due_date_while_closed_waits_for_the_opening() -> None:
    saturday = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
    moved = replanned(planned(service=office()), saturday, service=office())
    assert moved.due_date == moved.ready_time == saturday
    assert moved.next_attempt_time == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)


# --- Replan after an attempt: the time between attempts holds ---------------------------------------------------


def attempted(*outcomes: Outcome, ended: datetime = NOW, seconds_between_retries: int = 600) -> Callback:
    """Return a callback that waits for its retry, and whose last attempt ended at `ended`."""
    attempts = tuple(
        Attempt(
            number=number,
            dialer_id="d-1",
            fencing_token=number,
            start_time=ended - HOUR,
            end_time=ended - (len(outcomes) - number) * HOUR,
            outcome=outcome,
        )
        for number, outcome in enumerate(outcomes, start=1)
    )
    retry = ended + timedelta(seconds=seconds_between_retries)
    return replace(
        planned(replace(REQUEST, seconds_between_retries=seconds_between_retries), now=ended - DAY),
        state=State.SCHEDULED,
        attempts=attempts,
        ready_time=retry,
        next_attempt_time=retry,
        queue_time=None,
    )


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("asked_for", "due"),
    [
        (NOW - DAY, NOW + seconds(600)),
        (NOW, NOW + seconds(600)),
        (NOW + seconds(599), NOW + seconds(600)),
        (NOW + seconds(600), NOW + seconds(600)),
        (NOW + seconds(601), NOW + seconds(601)),
        (NOW + DAY, NOW + DAY),
    ],
)
@pytest.mark.parametrize("now", [NOW, NOW + seconds(300)])
def test_a_new_due_date_cannot_shorten_the_time_between_attempts(
    asked_for: datetime, due: datetime, now: datetime
) -> None:
    moved = replanned(attempted(Outcome.BUSY), asked_for, now=now)
    assert moved.due_date == moved.ready_time == moved.next_attempt_time == due
    assert moved.expire_time == due + 7 * DAY


def test_a_new_due_date_after_a_lost_dialer_lets_the_phone_stop_ringing() -> None:
    lost = attempted(Outcome.BUSY, Outcome.INTERRUPTED, seconds_between_retries=0)
    assert replanned(lost, NOW).due_date == NOW + SERVICE.ring_timeout


def test_a_new_due_date_keeps_to_the_rules_of_the_service() -> None:
    patient = replace(SERVICE, retry_rules={Outcome.UNREACHABLE: RetryRule(min_delay=HOUR)})
    assert replanned(attempted(Outcome.BUSY, Outcome.UNREACHABLE), NOW, service=patient).due_date == NOW + HOUR
    assert replanned(attempted(Outcome.UNREACHABLE, Outcome.BUSY), NOW, service=patient).due_date == NOW + seconds(600)


@pytest.mark.parametrize("rule", [RetryRule(retry=False), RetryRule(max_retries=0)])
def test_a_rule_that_came_later_does_not_shorten_the_time_either(rule: RetryRule) -> None:
    """The retry was promised under the old settings; `next_attempt_time` would say never now."""
    strict = replace(SERVICE, retry_rules={Outcome.BUSY: rule})
    assert replanned(attempted(Outcome.BUSY), NOW, service=strict).due_date == NOW + seconds(600)


def test_a_new_due_date_later_can_be_taken_back() -> None:
    """The wait is counted from the attempt, not from the due dates in between."""
    later = replanned(attempted(Outcome.BUSY), NOW + 5 * DAY)
    assert replanned(later, NOW, now=NOW + seconds(1)).due_date == NOW + seconds(600)


def test_a_new_due_date_whose_retry_comes_after_the_expiry_is_refused() -> None:
    callback = attempted(Outcome.BUSY)
    narrow = replace(callback, request=replace(callback.request, expire_time=NOW + seconds(700)))
    patient = replace(SERVICE, retry_rules={Outcome.BUSY: RetryRule(min_delay=HOUR)})
    with pytest.raises(InvalidRequest, match=r"due_date: .*expire_time"):
        replanned(narrow, NOW, service=patient)
    assert replanned(narrow, NOW).due_date == NOW + seconds(600)


def test_a_queued_retry_can_get_a_new_due_date() -> None:
    queued = after(attempted(Outcome.BUSY), BecameDue(at=NOW + seconds(600)))
    moved = replanned(queued, NOW, now=NOW + seconds(900))
    assert moved.due_date == NOW + seconds(900)
    assert moved.attempts == queued.attempts


@pytest.mark.parametrize("name", ["target", "alternative_target"])
def test_a_national_number_whose_region_has_gone_since_it_was_checked(name: str) -> None:
    fields: dict[str, Any] = {name: "tel:0785556677"}
    with pytest.raises(InvalidRequest) as caught:
        updated(planned(), **fields)
    assert [v.field for v in caught.value.violations] == [f"callback_request.{name}"]

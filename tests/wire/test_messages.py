"""Between the wire and the domain: nothing is lost, nothing is invented, and every fault has its path."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.application.events.watch_batches import EventType, WatchEvent
from ringback.domain.callback import Attempt, Callback, Lease, State
from ringback.domain.errors import InvalidRequest
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import FirstLeg, RetryRule, Service, TargetPolicy
from ringback.v1 import callback_pb2 as pb
from ringback.v1 import callback_service_pb2 as service_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.wire.callbacks import read_request, write_callback, write_event, write_request
from ringback.wire.filters import read_filter, read_key
from ringback.wire.services import merge_service, read_service, write_service
from ringback.wire.values import read_duration, read_time

ID = "0190b2f4-7d1c-7a53-9d3e-1f2a3b4c5d6e"
SERVICE_ID = "123e4567-e89b-12d3-a456-426614174000"
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def fields(faults: Faults) -> list[str]:
    return [violation.field for violation in faults.violations]


# --- Enums --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "wire", "prefix"),
    [
        (State, pb.CallbackState.items(), "CALLBACK_STATE_"),
        (Priority, pb.Priority.items(), "PRIORITY_"),
        (Outcome, pb.CallOutcome.items(), "CALL_OUTCOME_"),
        (FirstLeg, directory_pb.FirstLeg.items(), "FIRST_LEG_"),
        (TargetPolicy, directory_pb.TargetPolicy.items(), "TARGET_POLICY_"),
        (EventType, service_pb.CallbackEventType.items(), "CALLBACK_EVENT_TYPE_"),
    ],
)
def test_enums_have_the_names_and_numbers_of_the_wire(
    kind: type[IntEnum], wire: list[tuple[str, int]], prefix: str
) -> None:
    assert [(f"{prefix}{member.name}", member.value) for member in kind] == wire[1:]
    assert wire[0] == (f"{prefix}UNSPECIFIED", 0)


def test_days_of_the_week_have_the_numbers_of_iso_8601() -> None:
    days = directory_pb.DayOfWeek.items()[1:]
    assert [number for _, number in days] == [1, 2, 3, 4, 5, 6, 7]
    monday = date(2026, 3, 2)
    for name, number in days:
        day = monday + timedelta(days=number - 1)
        assert (name, day.isoweekday()) == (f"DAY_OF_WEEK_{day:%A}".upper(), number)


# --- Times and durations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Timestamp(), datetime(1970, 1, 1, tzinfo=UTC)),
        (Timestamp(seconds=-62_135_596_800), datetime(1, 1, 1, tzinfo=UTC)),
        (
            Timestamp(seconds=253_402_300_799, nanos=999_999_999),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        ),
        (Timestamp(seconds=-1, nanos=1_999), datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_exactly_and_what_is_below_a_microsecond_is_dropped(sent: Timestamp, expected: datetime) -> None:
    faults = Faults()
    assert read_time(pb.CallbackRequest(due_date=sent), "due_date", faults) == expected
    assert fields(faults) == []


@pytest.mark.parametrize(
    "sent",
    [
        Timestamp(seconds=-62_135_596_801),
        Timestamp(seconds=253_402_300_800),
        Timestamp(seconds=2**63 - 1),
        Timestamp(seconds=-(2**63), nanos=-(2**31)),
        Timestamp(nanos=-1),
        Timestamp(nanos=1_000_000_000),
    ],
)
def test_what_is_no_time_is_a_fault_of_its_field(sent: Timestamp) -> None:
    faults = Faults()
    message = pb.CallbackRequest(due_date=sent, expire_time=sent)
    request = read_request(message, faults.under("callback_request"))
    assert (request.due_date, request.expire_time) == (None, None)
    assert fields(faults) == ["callback_request.due_date", "callback_request.expire_time"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (Duration(), timedelta(0)),
        (Duration(seconds=1, nanos=1_999), timedelta(seconds=1, microseconds=1)),
        (Duration(seconds=-1, nanos=-500_000_000), timedelta(seconds=-1.5)),
        (Duration(seconds=315_576_000_000), timedelta(seconds=315_576_000_000)),
    ],
)
def test_durations(sent: Duration, expected: timedelta) -> None:
    faults = Faults()
    assert read_duration(directory_pb.Service(ring_timeout=sent), "ring_timeout", faults) == expected
    assert fields(faults) == []


@pytest.mark.parametrize(
    "sent",
    [
        Duration(seconds=315_576_000_001),
        Duration(seconds=-(2**63)),
        Duration(seconds=2**63 - 1, nanos=2**31 - 1),
        Duration(nanos=1_000_000_000),
        Duration(seconds=1, nanos=-1),
        Duration(seconds=-1, nanos=1),
    ],
)
def test_what_is_no_duration_is_a_fault(sent: Duration) -> None:
    faults = Faults()
    assert read_duration(directory_pb.Service(ring_timeout=sent), "ring_timeout", faults) is None
    assert fields(faults) == ["ring_timeout"]


# --- Requests -----------------------------------------------------------------------------------------------

INT32 = st.integers(-(2**31), 2**31 - 1)
TIMES = st.datetimes(timezones=st.just(UTC))
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


# --- Keys and filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (pb.CallbackKey(callback_id=ID.upper()), ID),
        (
            pb.CallbackKey(external_task=pb.ExternalTaskKey(caller_id="crm", external_task_id="t-1")),
            ExternalTaskKey(caller_id="crm", external_task_id="t-1"),
        ),
        (
            pb.CallbackKey(external_task=pb.ExternalTaskKey(external_task_id="t-1")),
            ExternalTaskKey(caller_id="", external_task_id="t-1"),
        ),
    ],
)
def test_keys(sent: pb.CallbackKey, expected: str | ExternalTaskKey) -> None:
    faults = Faults()
    assert read_key(sent, "key", faults) == expected
    assert fields(faults) == []


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (pb.CallbackKey(), "key"),
        (pb.CallbackKey(callback_id=""), "key.callback_id"),
        (pb.CallbackKey(callback_id="42"), "key.callback_id"),
        (pb.CallbackKey(callback_id=ID + "\n"), "key.callback_id"),
        (pb.CallbackKey(callback_id="{" + ID + "}"), "key.callback_id"),
        (pb.CallbackKey(external_task=pb.ExternalTaskKey()), "key.external_task.external_task_id"),
        (
            pb.CallbackKey(external_task=pb.ExternalTaskKey(external_task_id="x" * 129)),
            "key.external_task.external_task_id",
        ),
        (
            pb.CallbackKey(external_task=pb.ExternalTaskKey(caller_id="c r m", external_task_id="t-1")),
            "key.external_task.caller_id",
        ),
    ],
)
def test_bad_keys(sent: pb.CallbackKey, field: str) -> None:
    faults = Faults()
    read_key(sent, "key", faults)
    assert fields(faults) == [field]


def test_an_empty_filter_is_the_empty_filter() -> None:
    assert read_filter(pb.CallbackFilter(), Faults()) == CallbackFilter()


def test_a_full_filter() -> None:
    faults = Faults()
    sent = pb.CallbackFilter(
        keys=[pb.CallbackKey(callback_id=ID.upper())],
        caller_ids=["crm", ""],
        service_ids=[SERVICE_ID.upper()],
        states=[pb.CALLBACK_STATE_QUEUED, pb.CALLBACK_STATE_DIALING],
        priorities=[pb.PRIORITY_LOW],
        supervisors=["Ada"],
        labels={"b": "2", "a": "1"},
        due_after=timestamp(at(0)),
        due_before=timestamp(at(1)),
        dial_target="tel: +41 78 555 66 77",
    )
    assert read_filter(sent, faults) == CallbackFilter(
        keys=(ID,),
        caller_ids=("crm", ""),
        service_ids=(SERVICE_ID,),
        states=(State.QUEUED, State.DIALING),
        priorities=(Priority.LOW,),
        supervisors=("Ada",),
        labels={"a": "1", "b": "2"},
        due_after=at(0),
        due_before=at(1),
        dial_target="tel:+41785556677",
    )
    assert fields(faults) == []


def test_equal_filters_have_equal_representations() -> None:
    """Tokens are bound to a filter by its `repr`, and a map comes in any order."""
    forth = pb.CallbackFilter(labels={str(i): "" for i in range(16)})
    back = pb.CallbackFilter(labels={str(i): "" for i in reversed(range(16))})
    assert repr(read_filter(forth, Faults())) == repr(read_filter(back, Faults()))


def test_all_faults_of_a_filter_are_found_at_once() -> None:
    faults = Faults()
    sent = pb.CallbackFilter(
        keys=[pb.CallbackKey(callback_id=ID), pb.CallbackKey(), pb.CallbackKey(callback_id="x")],
        caller_ids=["fine", "not fine"],
        service_ids=["", SERVICE_ID],
        supervisors=["x" * 129],
        labels={str(i): "" for i in range(17)},
        due_after=Timestamp(nanos=-1),
        due_before=Timestamp(seconds=2**62),
        dial_target="tel:117",
    )
    # The stubs know the enums as closed; clients are not bound to that.
    sent.states.extend([pb.CALLBACK_STATE_QUEUED, pb.CALLBACK_STATE_UNSPECIFIED, pb.CallbackState.ValueType(11)])
    sent.priorities.append(pb.Priority.ValueType(-1))
    read_filter(sent, faults.under("filter"))
    assert fields(faults) == [
        "filter.labels",
        "filter.keys[1]",
        "filter.keys[2].callback_id",
        "filter.caller_ids[1]",
        "filter.service_ids[0]",
        "filter.states[1]",
        "filter.states[2]",
        "filter.priorities[0]",
        "filter.supervisors[0]",
        "filter.due_after",
        "filter.due_before",
        "filter.dial_target",
    ]
    with pytest.raises(InvalidRequest) as refused:
        faults.refuse()
    assert list(refused.value.violations) == faults.violations


def test_a_list_that_is_too_long_is_not_read_to_its_end() -> None:
    faults = Faults()
    read_filter(pb.CallbackFilter(service_ids=[SERVICE_ID] * 1000 + ["bad"] * 100_000), faults)
    assert [(v.field, v.description) for v in faults.violations] == [
        ("service_ids", "has 101000 values; at most 1000 are allowed")
    ]


# --- Callbacks ----------------------------------------------------------------------------------------------

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
        previous_state=pb.CallbackState.ValueType(previous or 0),
        event_time=timestamp(at(8)),
    )


# --- Services -----------------------------------------------------------------------------------------------


def spans(low: timedelta, high: timedelta) -> st.SearchStrategy[timedelta]:
    return st.timedeltas(min_value=low, max_value=high)


PERIODS = st.builds(
    lambda day, minutes: OpeningPeriod(day, min(minutes), max(minutes)),
    st.integers(1, 7),
    st.sets(st.integers(0, 1440), min_size=2, max_size=2),
)
RULES = st.builds(
    RetryRule,
    retry=st.none() | st.booleans(),
    min_delay=spans(timedelta(0), timedelta(days=7)),
    max_retries=st.none() | st.integers(0, 100),
)
SERVICES = st.builds(
    Service,
    service_id=st.uuids().map(str),
    sip_address=st.sampled_from(["sip:sales@example.com", "sips:support@example.com:5061"]),
    display_name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=128),
    max_concurrent_calls=st.integers(0, 10_000),
    paused=st.booleans(),
    default_max_retries=st.integers(0, 100),
    ring_timeout=spans(timedelta(seconds=1), timedelta(minutes=5)),
    max_queue_time=spans(timedelta(minutes=1), timedelta(days=366)),
    opening_hours=st.builds(
        OpeningHours,
        time_zone=st.sampled_from(["UTC", "Europe/Zurich", "America/New_York"]),
        periods=st.lists(PERIODS, max_size=5).map(tuple),
        closed_dates=st.frozensets(st.dates(), max_size=5),
    ),
    retry_rules=st.dictionaries(st.sampled_from(list(Outcome)[1:]), RULES),
    first_leg=st.sampled_from(FirstLeg),
    priority_weights=st.tuples(*[st.integers(1, 100)] * 7),
    same_target_policy=st.sampled_from(TargetPolicy),
    create_time=TIMES,
    update_time=TIMES,
    revision=st.integers(1, 2**31),
)
SALES = Service(
    service_id=SERVICE_ID,
    sip_address="sip:sales@example.com",
    display_name="Sales",
    max_concurrent_calls=3,
    paused=True,
    opening_hours=OpeningHours("Europe/Zurich", (OpeningPeriod(1, 480, 1020),)),
    retry_rules={Outcome.BUSY: RetryRule(min_delay=timedelta(minutes=1))},
    create_time=at(0),
    update_time=at(1),
    revision=5,
)


def written(service: Service) -> directory_pb.Service:
    message = directory_pb.Service()
    write_service(service, message)
    return message


def everything(message: directory_pb.Service) -> directory_pb.UpdateServiceRequest:
    request = directory_pb.UpdateServiceRequest(service=message)
    request.update_mask.paths.append("*")
    return request


@settings(deadline=None)
@given(SERVICES)
def test_a_service_comes_back_as_it_was(service: Service) -> None:
    faults = Faults()
    message = directory_pb.Service.FromString(written(service).SerializeToString())
    # Reading makes a draft; its identity and history come from the service that it is merged into.
    assert merge_service(everything(message), service, faults) == service
    assert fields(faults) == []


def test_a_new_service_gets_its_defaults() -> None:
    faults = Faults()
    draft = read_service(directory_pb.Service(sip_address="SIP:Sales@EXAMPLE.com"), faults)
    assert fields(faults) == []
    assert draft == Service(
        service_id="",
        sip_address="sip:Sales@example.com",
        create_time=draft.create_time,
        update_time=draft.update_time,
    )
    expected = directory_pb.Service(
        sip_address="sip:Sales@example.com",
        max_concurrent_calls=10,
        default_max_retries=3,
        ring_timeout=Duration(seconds=30),
        max_queue_time=Duration(seconds=7 * 86_400),
        time_zone="UTC",
        first_leg=directory_pb.FIRST_LEG_AGENT,
        priority_weights=[7, 6, 5, 4, 3, 2, 1],
        same_target_policy=directory_pb.TARGET_POLICY_ALLOW,
        create_time=timestamp(draft.create_time),
        update_time=timestamp(draft.update_time),
        etag="1",
    )
    assert written(draft) == expected


def test_zero_is_a_value_of_its_own() -> None:
    faults = Faults()
    draft = read_service(
        directory_pb.Service(
            service_id=SERVICE_ID.upper(),
            sip_address="sip:s@example.com",
            max_concurrent_calls=0,
            default_max_retries=0,
            retry_rules=[directory_pb.RetryRule(outcome=pb.CALL_OUTCOME_BUSY, retry=False, max_retries=0)],
        ),
        faults,
    )
    assert fields(faults) == []
    assert (draft.service_id, draft.max_concurrent_calls, draft.default_max_retries) == (SERVICE_ID, 0, 0)
    assert draft.retry_rules == {Outcome.BUSY: RetryRule(retry=False, max_retries=0)}


def set_rules(message: directory_pb.Service, *rules: directory_pb.RetryRule) -> None:
    del message.retry_rules[:]
    message.retry_rules.extend(rules)


def set_weights(message: directory_pb.Service, *weights: int) -> None:
    message.priority_weights[:] = weights


Spoil = Callable[[directory_pb.Service], object]
BUSY = pb.CALL_OUTCOME_BUSY

BAD_SERVICES: Mapping[str, tuple[Spoil, list[str]]] = {
    "id": (lambda m: setattr(m, "service_id", "x"), ["service_id"]),
    "no address": (lambda m: m.ClearField("sip_address"), ["sip_address"]),
    "tel: address": (lambda m: setattr(m, "sip_address", "tel:+41785556677"), ["sip_address"]),
    "long name": (lambda m: setattr(m, "display_name", "x" * 129), ["display_name"]),
    "calls below": (lambda m: setattr(m, "max_concurrent_calls", -1), ["max_concurrent_calls"]),
    "calls above": (lambda m: setattr(m, "max_concurrent_calls", 10_001), ["max_concurrent_calls"]),
    "retries": (lambda m: setattr(m, "default_max_retries", 101), ["default_max_retries"]),
    "ring short": (lambda m: m.ring_timeout.FromMilliseconds(999), ["ring_timeout"]),
    "ring long": (lambda m: m.ring_timeout.FromMilliseconds(300_001), ["ring_timeout"]),
    "ring malformed": (lambda m: setattr(m.ring_timeout, "nanos", -1), ["ring_timeout"]),
    "queue short": (lambda m: m.max_queue_time.FromSeconds(59), ["max_queue_time"]),
    "queue long": (lambda m: m.max_queue_time.FromSeconds(366 * 86_400 + 1), ["max_queue_time"]),
    "zone": (lambda m: setattr(m, "time_zone", "Europe/Zuerich"), ["time_zone"]),
    "day": (lambda m: setattr(m.opening_hours[0], "day_of_week", 0), ["opening_hours[0].day_of_week"]),
    "open": (lambda m: setattr(m.opening_hours[0], "open_time", "8:00"), ["opening_hours[0].open_time"]),
    "period without times": (
        lambda m: m.opening_hours.add(day_of_week=directory_pb.DAY_OF_WEEK_MONDAY),
        ["opening_hours[1].open_time", "opening_hours[1].close_time"],
    ),
    "close": (lambda m: setattr(m.opening_hours[0], "close_time", "07:00"), ["opening_hours[0].close_time"]),
    "periods": (lambda m: m.opening_hours.extend([m.opening_hours[0]] * 100), ["opening_hours"]),
    "closed date": (lambda m: m.closed_dates.extend(["2026-12-25", "25.12.2026"]), ["closed_dates[1]"]),
    "closed dates": (lambda m: m.closed_dates.extend(["2026-12-25"] * 1001), ["closed_dates"]),
    "rule for nothing": (lambda m: set_rules(m, directory_pb.RetryRule()), ["retry_rules[0].outcome"]),
    "rule for success": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=pb.CALL_OUTCOME_ANSWERED)),
        ["retry_rules[0].outcome"],
    ),
    "two rules for one": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=BUSY), directory_pb.RetryRule(outcome=BUSY)),
        ["retry_rules[1].outcome"],
    ),
    "rule's delay": (
        lambda m: set_rules(
            m, directory_pb.RetryRule(outcome=BUSY, min_delay=Duration(seconds=7 * 86_400, nanos=1000))
        ),
        ["retry_rules[0].min_delay"],
    ),
    "rule's negative delay": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=BUSY, min_delay=Duration(nanos=-1))),
        ["retry_rules[0].min_delay"],
    ),
    "rule's retries": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=BUSY, max_retries=101)),
        ["retry_rules[0].max_retries"],
    ),
    "leg": (lambda m: setattr(m, "first_leg", 3), ["first_leg"]),
    "policy": (lambda m: setattr(m, "same_target_policy", 9), ["same_target_policy"]),
    "few weights": (lambda m: set_weights(m, 1, 2, 3), ["priority_weights"]),
    "many weights": (lambda m: set_weights(m, *[1] * 8), ["priority_weights"]),
    "bad weights": (
        lambda m: set_weights(m, 0, 1, 100, 1, 1, 1, 101),
        ["priority_weights[0]", "priority_weights[6]"],
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), BAD_SERVICES.values(), ids=BAD_SERVICES.keys())
def test_bad_services(spoil: Spoil, expected: list[str]) -> None:
    faults = Faults()
    message = written(SALES)
    spoil(message)
    read_service(message, faults.under("service"))
    assert fields(faults) == [f"service.{field}" for field in expected]


def test_all_faults_of_a_service_are_found_at_once() -> None:
    faults = Faults()
    message = written(SALES)
    for spoil in (BAD_SERVICES["no address"], BAD_SERVICES["zone"], BAD_SERVICES["bad weights"]):
        spoil[0](message)
    read_service(message, faults)
    assert fields(faults) == ["sip_address", "time_zone", "priority_weights[0]", "priority_weights[6]"]


# --- Updates ------------------------------------------------------------------------------------------------


def update(sent: directory_pb.Service, *paths: str) -> tuple[Service, Faults]:
    request = directory_pb.UpdateServiceRequest(service=sent)
    request.update_mask.paths.extend(paths)
    faults = Faults()
    return merge_service(request, SALES, faults), faults


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    sent = directory_pb.Service(
        service_id=SERVICE_ID, paused=False, display_name="Support", max_concurrent_calls=8, etag="5"
    )
    updated, faults = update(sent, "paused", "display_name")
    assert fields(faults) == []
    expected = written(SALES)
    expected.paused = False
    expected.display_name = "Support"
    assert written(updated) == expected


def test_a_field_that_is_named_but_unset_gets_its_default() -> None:
    updated, faults = update(
        directory_pb.Service(), "max_concurrent_calls", "opening_hours", "time_zone", "retry_rules"
    )
    assert fields(faults) == []
    assert updated.max_concurrent_calls == 10
    assert updated.opening_hours == OpeningHours()
    assert updated.retry_rules == {}
    assert (updated.display_name, updated.paused) == ("Sales", True)


def test_lists_and_messages_are_replaced_as_a_whole() -> None:
    sent = directory_pb.Service(priority_weights=[1] * 7, ring_timeout=Duration(nanos=0, seconds=5))
    updated, faults = update(sent, "priority_weights", "ring_timeout")
    assert fields(faults) == []
    assert (updated.priority_weights, updated.ring_timeout) == ((1,) * 7, timedelta(seconds=5))


def test_a_star_replaces_everything_but_the_identity() -> None:
    sent = directory_pb.Service(
        service_id=ID, sip_address="sip:new@example.com", etag="1", create_time=timestamp(at(50))
    )
    updated, faults = update(sent, "*")
    assert fields(faults) == []
    assert updated == Service(
        service_id=SERVICE_ID,
        sip_address="sip:new@example.com",
        create_time=SALES.create_time,
        update_time=SALES.update_time,
        revision=SALES.revision,
    )


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], ["update_mask"]),
        (["color"], ["update_mask"]),
        (["ring_timeout.seconds"], ["update_mask"]),
        (["service_id", "create_time", "update_time", "etag"], ["update_mask"] * 4),
        (["paused", "", "*"], ["update_mask"]),
        (["color", "sip_address"], ["update_mask", "service.sip_address"]),
    ],
)
def test_bad_updates(paths: list[str], expected: list[str]) -> None:
    _, faults = update(directory_pb.Service(sip_address="x" if "color" in paths else "sip:a@b.ch"), *paths)
    assert fields(faults) == expected

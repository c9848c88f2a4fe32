"""Keys and filters: nothing is invented, and every fault has its path."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.domain.callback import State
from ringback.domain.errors import InvalidRequest
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.priority import Priority
from ringback.v1 import callback_pb2 as pb
from ringback.wire.filters import read_filter, read_key
from tests.world.wire import ID, SERVICE_ID, at, fields, timestamp


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
            pb.CallbackKey(external_task=pb.ExternalTaskKey(caller_id="c|r|m", external_task_id="t-1")),
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
        external_task_ids=["t-1", ""],
        end_after=timestamp(at(2)),
        end_before=timestamp(at(3)),
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
        external_task_ids=("t-1", ""),
        end_after=at(2),
        end_before=at(3),
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
        caller_ids=["this is fine", "this, not"],
        service_ids=["", SERVICE_ID],
        service_sips=["sip:support@cc.example", "tel:+41785556677", ""],
        supervisors=["x" * 129],
        labels={str(i): "" for i in range(17)},
        due_after=Timestamp(nanos=-1),
        due_before=Timestamp(seconds=2**62),
        dial_target="tel:117",
        external_task_ids=["t-1", "x" * 129, "a\x00"],
        end_after=Timestamp(nanos=1_000_000_000),
        end_before=Timestamp(seconds=-(2**62)),
    )
    # The stubs know the enums as closed; clients are not bound to that.
    sent.states.extend([pb.CALLBACK_STATE_QUEUED, pb.CALLBACK_STATE_UNSPECIFIED, pb.CallbackState.ValueType(99)])
    sent.priorities.append(pb.Priority.ValueType(-1))
    read_filter(sent, faults.under("filter"))
    assert fields(faults) == [
        "filter.labels",
        "filter.keys[1]",
        "filter.keys[2].callback_id",
        "filter.caller_ids[1]",
        "filter.service_ids[0]",
        "filter.service_sips[1]",
        "filter.service_sips[2]",
        "filter.states[1]",
        "filter.states[2]",
        "filter.priorities[0]",
        "filter.supervisors[0]",
        "filter.due_after",
        "filter.due_before",
        "filter.dial_target",
        "filter.external_task_ids[1]",
        "filter.external_task_ids[2]",
        "filter.end_after",
        "filter.end_before",
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

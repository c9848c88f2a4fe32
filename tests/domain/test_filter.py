"""Which callbacks a filter matches."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.erasure import erased
from ringback.domain.filter import MATCH_ALL, CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
ID = "0195a000-0000-7000-8000-000000000001"
SERVICE = "6f1c3c1e-0f5b-4a60-8f3e-6a0d3c2b1a00"

CALLBACK = Callback(
    callback_id=ID,
    service_id=SERVICE,
    request=CallbackRequest(
        target="tel: +41 78 555 66 77",
        priority=Priority.NORMAL,
        supervisor="Ruth",
        external_task_id="task-1",
        caller_id="crm",
        labels={"team": "red", "campaign": "spring", "empty": ""},
    ),
    dial_target="tel:+41785556677",
    max_attempts=4,
    state=State.SCHEDULED,
    create_time=NOON,
    update_time=NOON,
    due_date=NOON,
    ready_time=NOON + timedelta(hours=1),
    next_attempt_time=NOON + timedelta(hours=2),
    expire_time=NOON + timedelta(days=7),
)


def external(caller_id: str, external_task_id: str) -> ExternalTaskKey:
    return ExternalTaskKey(caller_id=caller_id, external_task_id=external_task_id)


MATCHING = {
    "everything": MATCH_ALL,
    "its id": CallbackFilter(keys=(ID,)),
    "its external id": CallbackFilter(keys=(external("crm", "task-1"),)),
    "one of several keys": CallbackFilter(keys=("another", external("crm", "task-9"), ID)),
    "its caller": CallbackFilter(caller_ids=("erp", "crm")),
    "its service": CallbackFilter(service_ids=(SERVICE,)),
    "its state": CallbackFilter(states=(State.QUEUED, State.SCHEDULED)),
    "its priority": CallbackFilter(priorities=(Priority.NORMAL, Priority.LOW)),
    "its supervisor": CallbackFilter(supervisors=("Ruth",)),
    "one of its labels": CallbackFilter(labels={"team": "red"}),
    "two of its labels": CallbackFilter(labels={"team": "red", "campaign": "spring"}),
    "a label without a value": CallbackFilter(labels={"empty": ""}),
    "due at that very moment": CallbackFilter(due_after=NOON),
    "due before a later one": CallbackFilter(due_before=NOON + INSTANT),
    "what it dials": CallbackFilter(dial_target="tel:+41785556677"),
    "its external id, of any caller": CallbackFilter(external_task_ids=("task-9", "task-1")),
}
NOT_MATCHING = {
    "another id": CallbackFilter(keys=("another",)),
    "its external id at another caller": CallbackFilter(keys=(external("erp", "task-1"),)),
    "its external id without a caller": CallbackFilter(keys=(external("", "task-1"),)),
    "its external id as an id": CallbackFilter(keys=("task-1",)),
    "another caller": CallbackFilter(caller_ids=("erp",)),
    "no caller": CallbackFilter(caller_ids=("",)),
    "another service": CallbackFilter(service_ids=("6f1c3c1e-0f5b-4a60-8f3e-6a0d3c2b1a01",)),
    "another state": CallbackFilter(states=(State.QUEUED,)),
    "another priority": CallbackFilter(priorities=(Priority.STRICT_PRIORITY,)),
    "a supervisor compared exactly": CallbackFilter(supervisors=("ruth",)),
    "another value of a label": CallbackFilter(labels={"team": "blue"}),
    "a label it does not have": CallbackFilter(labels={"absent": ""}),
    "one label of two": CallbackFilter(labels={"team": "red", "campaign": "autumn"}),
    "due later": CallbackFilter(due_after=NOON + INSTANT),
    "due before, exclusive": CallbackFilter(due_before=NOON),
    "another external id": CallbackFilter(external_task_ids=("task-10", "TASK-1", "task-1 ", "")),
    "ended, whenever": CallbackFilter(end_after=NOON - timedelta(days=9999)),
    "ended before some time": CallbackFilter(end_before=NOON + timedelta(days=9999)),
    "its target as it was sent": CallbackFilter(dial_target="tel: +41 78 555 66 77"),
}


@pytest.mark.parametrize("wanted", MATCHING.values(), ids=MATCHING)
def test_matches(wanted: CallbackFilter) -> None:
    assert wanted.matches(CALLBACK)


@pytest.mark.parametrize("wanted", NOT_MATCHING.values(), ids=NOT_MATCHING)
def test_does_not_match(wanted: CallbackFilter) -> None:
    assert not wanted.matches(CALLBACK)


def combined(filters: list[CallbackFilter]) -> CallbackFilter:
    """Return a filter with the fields that are set in these; of one field, the last."""
    result = MATCH_ALL
    for one in filters:
        names = (name for name in one.__struct_fields__ if getattr(one, name) != getattr(MATCH_ALL, name))
        result = replace(result, **{name: getattr(one, name) for name in names})
    return result


@given(st.lists(st.sampled_from(list(MATCHING.values()))))
def test_fields_are_anded(filters: list[CallbackFilter]) -> None:
    assert combined(filters).matches(CALLBACK)


@given(st.lists(st.sampled_from(list(MATCHING.values()))), st.sampled_from(list(NOT_MATCHING.values())))
def test_one_field_that_does_not_match_is_enough(filters: list[CallbackFilter], unmatched: CallbackFilter) -> None:
    assert not combined([*filters, unmatched]).matches(CALLBACK)


def test_due_is_the_due_date_not_the_time_of_a_retry() -> None:
    retried = replace(CALLBACK, ready_time=NOON + timedelta(days=1), next_attempt_time=NOON + timedelta(days=1))
    assert CallbackFilter(due_before=NOON + INSTANT).matches(retried)
    assert not CallbackFilter(due_after=NOON + timedelta(hours=1)).matches(retried)


def test_the_end_is_compared_as_other_times_are() -> None:
    ended = replace(CALLBACK, state=State.EXPIRED, end_time=NOON)
    assert CallbackFilter(end_after=NOON).matches(ended)
    assert not CallbackFilter(end_after=NOON + INSTANT).matches(ended)
    assert CallbackFilter(end_before=NOON + INSTANT).matches(ended)
    assert not CallbackFilter(end_before=NOON).matches(ended)
    assert CallbackFilter(end_after=NOON, end_before=NOON + INSTANT).matches(ended)
    assert not CallbackFilter(end_after=NOON, end_before=NOON).matches(ended)


def test_an_empty_external_id_is_that_of_callbacks_without_one() -> None:
    unnamed = replace(CALLBACK, request=replace(CALLBACK.request, external_task_id=""))
    assert CallbackFilter(external_task_ids=("task-9", "")).matches(unnamed)


def test_what_was_erased_may_have_had_any_external_id() -> None:
    gone = erased(replace(CALLBACK, state=State.EXPIRED, end_time=NOON))
    assert CallbackFilter(external_task_ids=("task-9",)).may_have_matched(gone)
    assert not CallbackFilter(external_task_ids=("task-9",), caller_ids=("erp",)).may_have_matched(gone)
    assert CallbackFilter(end_after=NOON).may_have_matched(gone)


def test_a_callback_without_an_external_id_is_not_named_by_an_empty_one() -> None:
    unnamed = replace(CALLBACK, request=replace(CALLBACK.request, external_task_id=""))
    assert not CallbackFilter(keys=(external("crm", ""),)).matches(unnamed)

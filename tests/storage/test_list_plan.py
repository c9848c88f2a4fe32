"""By which index a list is driven: a function of the filter and of how many matches each index has."""

import pytest

from ringback.domain.callback import State
from ringback.domain.filter import MATCH_ALL, CallbackFilter
from ringback.domain.priority import Priority
from ringback.storage.body import time_us
from ringback.storage.list_plan import (
    BY_ID,
    COUNTED,
    MAX_STREAMS,
    AccessPath,
    Index,
    access_paths,
    default_path,
    fewest,
    needs_counts,
)
from tests.world.samples import NOW

EVERYTHING = CallbackFilter(
    states=(State.QUEUED,),
    service_ids=("s",),
    caller_ids=("c",),
    priorities=(Priority.HIGH,),
    supervisors=("v",),
    labels={"team": "blue", "tier": "gold"},
    due_after=NOW,
    end_before=NOW,
    external_task_ids=("x", "y", "x"),
    dial_target="t",
)


def test_those_come_first_that_usually_find_the_fewest() -> None:
    assert [path.index for path in access_paths(EVERYTHING)] == [
        Index.TASK,
        Index.TARGET,
        Index.LABEL,
        Index.LABEL,
        Index.SUPERVISOR,
        Index.SERVICE,
        Index.CALLER,
        Index.STATE,
        Index.DUE,
        Index.END,
    ]


def test_each_value_is_looked_up_once() -> None:
    wanted = CallbackFilter(caller_ids=("a", "b", "a"))
    assert access_paths(wanted) == [AccessPath(Index.CALLER, [("a",), ("b",)])]


def test_a_service_is_looked_up_with_the_states() -> None:
    wanted = CallbackFilter(service_ids=("a", "b"), states=(State.QUEUED, State.FAILED))
    assert access_paths(wanted)[0] == AccessPath(
        Index.SERVICE, [("a", "QUEUED"), ("a", "FAILED"), ("b", "QUEUED"), ("b", "FAILED")]
    )
    [all_states] = access_paths(CallbackFilter(service_ids=("a",)))
    assert len(all_states.lookups) == len(State)


def test_a_span_of_time_may_be_open() -> None:
    assert access_paths(CallbackFilter(due_before=NOW)) == [AccessPath(Index.DUE, [(None, time_us(NOW))])]
    assert access_paths(CallbackFilter(due_after=NOW)) == [AccessPath(Index.DUE, [(time_us(NOW), None)])]


def test_ends_are_looked_up_within_the_services_that_are_named() -> None:
    span = (time_us(NOW), None)
    assert access_paths(CallbackFilter(end_after=NOW)) == [AccessPath(Index.END, [(None, *span)])]
    [_, by_end] = access_paths(CallbackFilter(end_after=NOW, service_ids=("a", "b", "a")))
    assert by_end == AccessPath(Index.END, [("a", *span), ("b", *span)])
    many = CallbackFilter(end_after=NOW, service_ids=tuple(map(str, range(MAX_STREAMS + 1))))
    assert access_paths(many) == [AccessPath(Index.END, [(None, *span)])]


def test_tasks_are_looked_up_together_however_many() -> None:
    ids = tuple(map(str, range(1000)))
    assert access_paths(CallbackFilter(external_task_ids=ids)) == [AccessPath(Index.TASK, [ids])]


@pytest.mark.parametrize(
    "wanted",
    [
        MATCH_ALL,
        CallbackFilter(priorities=(Priority.HIGH,)),
        # No supervisor is NULL, which is not in the index; so is no external id.
        CallbackFilter(supervisors=("eve", "")),
        CallbackFilter(external_task_ids=("x", "")),
        CallbackFilter(caller_ids=tuple(map(str, range(MAX_STREAMS + 1)))),
    ],
    ids=["all", "a level", "no supervisor", "no task", "too many streams"],
)
def test_what_no_index_drives_goes_by_id(wanted: CallbackFilter) -> None:
    assert access_paths(wanted) == []
    assert default_path(access_paths(wanted)) is BY_ID
    assert not needs_counts(access_paths(wanted))


def test_as_many_streams_as_are_merged() -> None:
    [path] = access_paths(CallbackFilter(caller_ids=tuple(map(str, range(MAX_STREAMS)))))
    assert len(path.lookups) == MAX_STREAMS


# --- The choice --------------------------------------------------------------------------------------------------


def test_the_only_way_is_not_counted() -> None:
    assert not needs_counts(access_paths(CallbackFilter(states=(State.QUEUED,))))


def test_the_one_with_the_fewest_matches_is_taken() -> None:
    possible = access_paths(CallbackFilter(caller_ids=("c",), states=(State.QUEUED,)))
    assert needs_counts(possible)
    assert fewest(possible, [7, 3]).index is Index.STATE
    assert fewest(possible, [3, 7]).index is Index.CALLER
    assert fewest(possible, [3, 3]).index is Index.CALLER
    assert fewest(possible, [COUNTED, COUNTED - 1]).index is Index.STATE


def test_when_all_have_many_the_first_is_taken() -> None:
    possible = access_paths(CallbackFilter(caller_ids=("c",), states=(State.QUEUED,)))
    assert fewest(possible, [COUNTED, COUNTED]).index is Index.CALLER


def test_times_drive_a_list_only_while_they_find_few() -> None:
    """They are not in the order of ids, so all matches are read before the first comes out."""
    possible = access_paths(CallbackFilter(due_after=NOW))
    assert needs_counts(possible)
    assert fewest(possible, [COUNTED - 1]).index is Index.DUE
    assert fewest(possible, [COUNTED]) is BY_ID
    possible = access_paths(CallbackFilter(due_after=NOW, states=(State.QUEUED,)))
    assert fewest(possible, [COUNTED, COUNTED]).index is Index.STATE

"""What stands in the way of calls: a table, and since when a setting does."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.queue_state import QueueState, queue_state
from ringback.domain.service import Halt, Service, with_halts
from ringback.v1 import directory_service_pb2 as pb
from tests.world.samples import NOW, SERVICE

MINUTE = timedelta(minutes=1)
PAUSED = replace(SERVICE, paused=True)
OFF = replace(SERVICE, max_concurrent_calls=0)


@pytest.mark.parametrize(
    ("service", "facts", "state"),
    [
        (SERVICE, {}, "OPEN"),
        (SERVICE, {"is_open": False}, "CLOSED"),
        (SERVICE, {"expiring": 1}, "BEHIND"),
        (SERVICE, {"expiring": 1, "is_open": False}, "BEHIND"),
        (SERVICE, {"rests": True}, "AGENTS_DO_NOT_ANSWER"),
        (SERVICE, {"rests": True, "expiring": 1, "is_open": False}, "AGENTS_DO_NOT_ANSWER"),
        (OFF, {}, "DIALING_OFF"),
        (OFF, {"rests": True, "is_open": False}, "DIALING_OFF"),
        (PAUSED, {}, "PAUSED"),
        (replace(OFF, paused=True), {}, "PAUSED"),
        (SERVICE, {"has_dialer": False}, "NO_DIALER"),
        (replace(OFF, paused=True), {"has_dialer": False, "rests": True, "is_open": False}, "NO_DIALER"),
    ],
)
def test_the_first_state_that_applies(service: Service, facts: dict[str, int], state: str) -> None:
    usual = {"has_dialer": True, "rests": False, "expiring": 0, "is_open": True}
    assert queue_state(service, **(usual | facts)) is QueueState[state]  # type: ignore[arg-type]


def test_the_numbers_are_those_of_the_wire() -> None:
    assert {f"QUEUE_STATE_{state.name}": state.value for state in QueueState} == {
        name: number for name, number in pb.QueueState.items() if number
    }


# --- Since when, and by whom -----------------------------------------------------------------------------------------

SETTINGS = [SERVICE, PAUSED, OFF, replace(OFF, paused=True)]


def test_a_new_service_may_be_halted_from_the_beginning() -> None:
    assert with_halts(SERVICE, None, NOW, "ops").halt is None
    assert with_halts(PAUSED, None, NOW, "ops").halt == Halt(NOW, "ops")
    assert with_halts(OFF, None, NOW, "ops").halt == Halt(NOW, "ops")


def test_other_changes_leave_it_as_it_is() -> None:
    paused = with_halts(PAUSED, SERVICE, NOW, "ops")
    renamed = with_halts(replace(paused, display_name="x", max_concurrent_calls=3), paused, NOW + MINUTE, "other")
    assert renamed.halt == Halt(NOW, "ops")


def test_what_an_earlier_version_has_paused_has_no_time() -> None:
    assert with_halts(replace(PAUSED, display_name="x"), PAUSED, NOW, "ops").halt is None
    resumed = with_halts(SERVICE, PAUSED, NOW, "ops")
    assert with_halts(PAUSED, resumed, NOW, "ops").halt == Halt(NOW, "ops")


def test_each_of_both_settings_has_its_own() -> None:
    """So whoever resumes a service that has been set to 0 calls meanwhile is not the one who has stopped it."""
    paused = with_halts(PAUSED, SERVICE, NOW, "ops")
    both = with_halts(replace(paused, max_concurrent_calls=0), paused, NOW + MINUTE, "other")
    assert both.halt == Halt(NOW, "ops")
    resumed = with_halts(replace(both, paused=False), both, NOW + 2 * MINUTE, "ops")
    assert resumed.halt == Halt(NOW + MINUTE, "other")
    assert with_halts(replace(resumed, max_concurrent_calls=1), resumed, NOW + 3 * MINUTE, "ops").halt is None


@given(st.lists(st.sampled_from(SETTINGS), min_size=1))
def test_it_is_the_change_that_began_it(history: list[Service]) -> None:
    service: Service | None = None
    for minute, settings in enumerate(history):
        at = NOW + minute * MINUTE
        service = with_halts(settings, service, at, str(minute))
    assert service is not None
    for halted, halt in (
        (lambda s: s.paused, service.pause),
        (lambda s: s.max_concurrent_calls == 0, service.zero_capacity),
    ):
        length = len(list(itertools.takewhile(halted, reversed(history))))
        begin = len(history) - length
        assert halt == (Halt(NOW + begin * MINUTE, str(begin)) if length else None)

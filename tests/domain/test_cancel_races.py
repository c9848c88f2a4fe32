"""A cancel races with every step of a call: its result is never contradicted."""

from collections.abc import Sequence
from itertools import permutations
from typing import Final

import pytest

from ringback.domain.callback import IN_PROGRESS, Callback, State
from ringback.domain.errors import IllegalTransition, LeaseRefused, StateRefused
from ringback.domain.events import (
    Answered,
    AttemptEnded,
    CancelRequested,
    DialingStarted,
    Event,
    ExpireTimePassed,
    LeaseLapsed,
    OpeningMoved,
    Replanned,
    Ringing,
)
from ringback.domain.lifecycle import TRANSITIONS, after, steps_to_end
from ringback.domain.outcome import Outcome
from tests.world.lifecycle import DAY, NOW, SECOND, WAYS, S, event_of, in_state, name, walked

RACE: Final[Sequence[type[Event]]] = (CancelRequested, DialingStarted, Ringing, Answered, AttemptEnded, LeaseLapsed)
ORDERS = [order for size in range(1, len(RACE) + 1) for order in permutations(RACE, size) if CancelRequested in order]


def race(callback: Callback, order: Sequence[type[Event]], outcome: Outcome) -> tuple[str, Callback, Callback]:
    """Return the result of the cancel, the callback as it was then, and the callback at the end."""
    result, asked = "", callback
    for kind in order:
        event = event_of(
            kind, callback, callback.update_time + SECOND, **{"outcome": outcome} if kind is AttemptEnded else {}
        )
        try:
            steps = steps_to_end(callback, event) if isinstance(event, AttemptEnded) else (event,)
            for step in steps:
                callback = after(callback, step)
            if kind is CancelRequested:
                result, asked = callback.state.name, callback
        except (StateRefused, LeaseRefused, IllegalTransition) as refusal:
            if kind is CancelRequested:
                result, asked = type(refusal).__name__, callback
    return result, asked, callback


OUTCOMES = (Outcome.ANSWERED, Outcome.BUSY, Outcome.MACHINE, Outcome.BLOCKED)
RACES = [
    (start, outcome)
    for start in (*WAYS, S.COMPLETED)
    for outcome in (OUTCOMES if start in IN_PROGRESS else OUTCOMES[:1])
]


@pytest.mark.long
@pytest.mark.parametrize(("start", "outcome"), RACES, ids=name)
def test_the_answer_to_a_cancel_is_never_contradicted(start: State, outcome: Outcome) -> None:
    results = set()
    for order in ORDERS:
        result, asked, final = race(in_state(start), order, outcome)
        results.add(result)
        later = order[order.index(CancelRequested) + 1 :]
        if result == "CANCELLED":
            assert final is asked, (order, final)
        elif result == "CANCELLING":
            assert len(final.attempts) == len(asked.attempts), order
            if not {AttemptEnded, LeaseLapsed} & set(later):
                assert final.state is S.CANCELLING, order
            elif AttemptEnded in later and LeaseLapsed not in later[: later.index(AttemptEnded)]:
                assert final.state is (S.COMPLETED if outcome is Outcome.ANSWERED else S.CANCELLED), order
            else:
                assert final.state is S.CANCELLED, order
        elif result == "CallbackConnected":
            assert asked.state is S.CONNECTED
            assert final.state not in (S.CANCELLED, S.CANCELLING), order
            assert final.cancel_time is None
        else:
            assert result == "CallbackEnded", order
            assert final is asked, order
            assert final.state is not S.CANCELLED
        if final.state in (S.CANCELLED, S.CANCELLING):
            assert after(final, CancelRequested(at=NOW + DAY)) is final, "repeating it is no error"
    possible = {
        S.SCHEDULED: {"CANCELLED"},
        S.QUEUED: {"CANCELLED"},
        S.OFFERED: {"CANCELLED", "CANCELLING", "CallbackConnected", "CallbackEnded"},
        S.DIALING: {"CANCELLED", "CANCELLING", "CallbackConnected", "CallbackEnded"},
        S.CONNECTED: {"CallbackConnected", "CallbackEnded", "CANCELLED"},
        S.CANCELLING: {"CANCELLING", "CANCELLED", "CallbackEnded"},
        S.COMPLETED: {"CallbackEnded"},
    }
    assert results <= possible[start]


def test_after_an_accepted_cancel_no_call_can_be_announced() -> None:
    for state in (S.SCHEDULED, S.QUEUED, S.OFFERED):
        cancelled = walked(in_state(state), CancelRequested)
        with pytest.raises(IllegalTransition):
            after(cancelled, DialingStarted(at=NOW + DAY))


@pytest.mark.parametrize("kind", [CancelRequested, Replanned, ExpireTimePassed, OpeningMoved], ids=name)
def test_dialing_is_the_point_of_no_return(kind: type[Event]) -> None:
    """What would stop the call came before the DIALING report, or it finds the call begun."""
    for state in (S.DIALING, S.CONNECTED):
        callback = in_state(state)
        try:
            assert after(callback, event_of(kind, callback, NOW + DAY)).state is S.CANCELLING
        except (StateRefused, IllegalTransition):
            assert (state, kind) not in TRANSITIONS

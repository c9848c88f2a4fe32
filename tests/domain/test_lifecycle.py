"""The transition table: its entries, its refusals, and the effect of each step."""

from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from ringback.domain import lifecycle
from ringback.domain.callback import IN_PROGRESS, TERMINAL, WAITING, State
from ringback.domain.errors import (
    AttemptNotStarted,
    CallbackConnected,
    CallbackEnded,
    CallbackInProgress,
    IllegalTransition,
    LeaseRefused,
    OutcomeConflict,
    StateRefused,
)
from ringback.domain.events import (
    Answered,
    AttemptEnded,
    BecameDue,
    CancelRequested,
    DialingStarted,
    Event,
    ExpireTimePassed,
    Leased,
    LeaseLapsed,
    LeaseReleased,
    LeaseTaken,
    OpeningMoved,
    Redescribed,
    Replanned,
    Ringing,
)
from ringback.domain.lifecycle import TRANSITIONS, after, ensure_possible, steps_to_end
from ringback.domain.outcome import UNSERVED, Outcome
from tests.world.lifecycle import (
    DAY,
    EVENTS,
    HOUR,
    NOW,
    SECOND,
    SERVICE,
    WAYS,
    S,
    all_that_may_happen,
    callbacks_in,
    event_of,
    in_state,
    name,
    planned,
    walked,
)

# --- The table -------------------------------------------------------------------------------------------------

# "leaves to", as the design has it.
LEAVES_TO: Mapping[State, set[State]] = {
    S.SCHEDULED: {S.QUEUED, S.CANCELLED, S.EXPIRED},
    S.QUEUED: {S.OFFERED, S.SCHEDULED, S.CANCELLED, S.EXPIRED},
    S.OFFERED: {S.DIALING, S.QUEUED, S.CANCELLED, S.EXPIRED},
    S.DIALING: {S.CONNECTED, S.SCHEDULED, S.FAILED, S.CANCELLING},
    S.CONNECTED: {S.COMPLETED, S.SCHEDULED, S.FAILED},
    S.CANCELLING: {S.CANCELLED, S.COMPLETED},
    S.COMPLETED: set(),
    S.FAILED: set(),
    S.CANCELLED: set(),
    S.EXPIRED: set(),
}
# "A retry that could only start after `expire_time` is not waited for: EXPIRED at once, the attempts kept."
DELIBERATE = {(S.DIALING, S.EXPIRED), (S.CONNECTED, S.EXPIRED)}
# "At the lease, the callback then fails as BLOCKED", and "again when DIALING is reported".
DELIBERATE |= {(S.QUEUED, S.FAILED), (S.OFFERED, S.FAILED)}
# What happens without leaving the state: `same` returns the very same callback, a repeat.
STAYS: Mapping[State, Mapping[type[Event], str]] = {
    S.SCHEDULED: {OpeningMoved: "changed", Replanned: "changed", Redescribed: "changed"},
    S.QUEUED: {Replanned: "changed", Redescribed: "changed"},
    S.OFFERED: {Redescribed: "changed"},
    S.DIALING: {DialingStarted: "same", Ringing: "changed", Redescribed: "changed", LeaseTaken: "changed"},
    S.CONNECTED: {
        DialingStarted: "same",
        Ringing: "same",
        Answered: "same",
        Redescribed: "changed",
        LeaseTaken: "changed",
    },
    S.CANCELLING: {
        DialingStarted: "same",
        Ringing: "changed",
        Answered: "changed",
        CancelRequested: "same",
        Redescribed: "changed",
        LeaseTaken: "changed",
    },
    S.CANCELLED: {CancelRequested: "same"},
}
ALLOWED = {(old, new) for old, news in LEAVES_TO.items() for new in news} | DELIBERATE


def test_the_table_has_the_steps_of_the_design_and_no_others() -> None:
    steps = {(state, to) for (state, _), step in TRANSITIONS.items() for to in step.to}
    assert {(old, new) for old, new in steps if old is not new} == ALLOWED
    staying = {(state, kind) for (state, kind), step in TRANSITIONS.items() if state in step.to}
    assert staying == {(state, kind) for state, kinds in STAYS.items() for kind in kinds}


def test_the_table_knows_every_event() -> None:
    known = {c for c in vars(lifecycle).values() if isinstance(c, type) and issubclass(c, Event)}
    assert set(EVENTS) == known - {Event}


def test_terminal_states_are_those_that_are_never_left() -> None:
    assert {state for state, news in LEAVES_TO.items() if not news} == TERMINAL
    assert {*TERMINAL, *IN_PROGRESS, *WAITING} == set(State)
    assert not TERMINAL & IN_PROGRESS
    assert not WAITING & (TERMINAL | IN_PROGRESS)


def test_every_step_of_the_table_can_happen() -> None:
    happened = set()
    for state in State:
        for callback in callbacks_in(state):
            for event in all_that_may_happen(callback):
                try:
                    happened.add((state, type(event), after(callback, event).state))
                except (StateRefused, LeaseRefused, IllegalTransition):
                    continue
    assert happened == {(state, kind, to) for (state, kind), step in TRANSITIONS.items() for to in step.to}


# --- Refusals --------------------------------------------------------------------------------------------------

NOT_IN_TABLE = [(state, kind) for state in State for kind in EVENTS if (state, kind) not in TRANSITIONS]


def refusal_for(state: State, kind: type[Event]) -> type[Exception]:
    if kind in (CancelRequested, Replanned, Redescribed):
        if state in TERMINAL:
            return CallbackEnded
        return CallbackConnected if state is S.CONNECTED else CallbackInProgress
    reported = kind in (Ringing, Answered, AttemptEnded)
    return AttemptNotStarted if state is S.OFFERED and reported else IllegalTransition


@pytest.mark.parametrize(("state", "kind"), NOT_IN_TABLE, ids=name)
def test_what_the_table_does_not_have_is_refused_and_changes_nothing(state: State, kind: type[Event]) -> None:
    for callback in callbacks_in(state):
        assert callback.state is state
        before = repr(callback)
        refusal = refusal_for(state, kind)
        with pytest.raises(refusal) as caught:
            after(callback, event_of(kind, callback, NOW + DAY))
        assert caught.type is refusal
        assert repr(callback) == before
        with pytest.raises(refusal):
            ensure_possible(callback, kind)
        if isinstance(caught.value, StateRefused):
            assert (caught.value.callback_id, caught.value.state) == ("c-1", state.name)


@pytest.mark.parametrize(("state", "kind"), TRANSITIONS, ids=name)
def test_what_the_table_has_is_possible(state: State, kind: type[Event]) -> None:
    callback = in_state(state)
    ensure_possible(callback, kind)
    assert after(callback, event_of(kind, callback, NOW + DAY)).state in TRANSITIONS[state, kind].to


@pytest.mark.parametrize("state", sorted(TERMINAL), ids=name)
def test_terminal_states_never_change(state: State) -> None:
    for callback in callbacks_in(state):
        for event in all_that_may_happen(callback):
            try:
                assert after(callback, event) is callback
            except (CallbackEnded, IllegalTransition):
                continue


def test_an_answered_target_contradicts_other_outcomes() -> None:
    connected = in_state(S.CONNECTED)
    possible = {Outcome.ANSWERED, Outcome.INTERRUPTED, *UNSERVED}
    for outcome in set(Outcome) - possible:
        with pytest.raises(OutcomeConflict):
            after(connected, event_of(AttemptEnded, connected, NOW + HOUR, outcome=outcome))


def test_who_was_reached_is_not_dialled_again_though_the_dialer_lost_the_call() -> None:
    connected = in_state(S.CONNECTED)
    ended = after(connected, event_of(AttemptEnded, connected, NOW + HOUR, outcome=Outcome.INTERRUPTED))
    assert ended.state is S.COMPLETED
    assert ended.attempts[-1].outcome is Outcome.INTERRUPTED


def test_answered_connects_first() -> None:
    """A dialer need not report CONNECTED: its ANSWERED stands for both steps."""
    dialing = in_state(S.DIALING)
    event = AttemptEnded(at=NOW + HOUR, outcome=Outcome.ANSWERED, service=SERVICE)
    with pytest.raises(IllegalTransition):
        after(dialing, event)
    states = []
    for step in steps_to_end(dialing, event):
        dialing = after(dialing, step)
        states.append(dialing.state)
    assert states == [S.CONNECTED, S.COMPLETED]
    assert dialing.attempts[-1].answer_time == NOW + HOUR
    assert dialing.attempts[-1].outcome is Outcome.ANSWERED
    for state in (S.CONNECTED, S.CANCELLING):
        assert steps_to_end(in_state(state), event) == (event,)


# --- Revisions and repeats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "kind"), TRANSITIONS, ids=name)
def test_a_change_is_one_revision_and_a_repeat_is_none(state: State, kind: type[Event]) -> None:
    callback = in_state(state)
    changed = after(callback, event_of(kind, callback, NOW + DAY))
    if STAYS.get(state, {}).get(kind) == "same":
        assert changed is callback
    else:
        assert changed.revision == callback.revision + 1
        assert changed.update_time == NOW + DAY
        assert changed.etag != callback.etag


@pytest.mark.parametrize("state", [S.DIALING, S.CANCELLING], ids=name)
@pytest.mark.parametrize("kind", [Ringing, Answered], ids=name)
def test_the_first_report_of_ringing_and_answering_counts(state: State, kind: type[Event]) -> None:
    callback = in_state(state)
    once = after(callback, event_of(kind, callback, NOW + HOUR))
    attempt = once.attempts[-1]
    assert (attempt.ring_time if kind is Ringing else attempt.answer_time) == NOW + HOUR
    assert after(once, event_of(kind, once, NOW + 2 * HOUR)) is once


def test_ringing_reported_after_the_answer_is_no_news() -> None:
    connected = in_state(S.CONNECTED)
    assert after(connected, Ringing(at=NOW + HOUR)) is connected
    assert connected.attempts[-1].ring_time is None


@pytest.mark.parametrize("kinds", [WAYS[S.CANCELLING], (CancelRequested,)])
def test_a_repeated_cancel_keeps_the_first_reason(kinds: Sequence[type[Event]]) -> None:
    *before, last = kinds
    callback = walked(planned(), *before)
    cancelled = after(callback, event_of(last, callback, NOW + HOUR, reason="solved"))
    again = after(cancelled, CancelRequested(at=NOW + DAY, reason="another"))
    assert again is cancelled
    assert (again.cancel_time, again.cancel_reason) == (NOW + HOUR, "solved")


# --- What each step does ---------------------------------------------------------------------------------------


def test_a_declined_offer_keeps_its_place_and_uses_no_attempt() -> None:
    queued = in_state(S.QUEUED)
    for kind in (LeaseReleased, LeaseLapsed):
        back = walked(queued, Leased, kind)
        assert back.state is S.QUEUED
        assert (back.ready_time, back.queue_time) == (queued.ready_time, queued.queue_time)
        assert back.next_attempt_time == queued.next_attempt_time
        assert (back.attempts, back.lease, back.fencing_token) == ((), None, 1)


def test_the_attempt_is_counted_when_dialing_is_reported() -> None:
    dialing = in_state(S.DIALING)
    [attempt] = dialing.attempts
    assert (attempt.number, attempt.dialer_id, attempt.fencing_token) == (1, "d-1", 1)
    assert attempt.start_time == dialing.update_time
    assert (attempt.end_time, attempt.outcome) == (None, None)


def test_a_report_is_kept_as_it_came() -> None:
    dialing = in_state(S.DIALING)
    event = event_of(
        AttemptEnded, dialing, NOW + HOUR, outcome=Outcome.BUSY, sip_status=486, q850_cause=17, detail="Busy Here"
    )
    attempt = after(dialing, event).attempts[-1]
    assert (attempt.outcome, attempt.sip_status, attempt.q850_cause) == (Outcome.BUSY, 486, 17)
    assert (attempt.detail, attempt.end_time, attempt.lapsed) == ("Busy Here", NOW + HOUR, False)


LAPSES = {
    S.DIALING: S.SCHEDULED,  # the phone may have rung
    S.CONNECTED: S.COMPLETED,  # never redial a person who was reached
    S.CANCELLING: S.CANCELLED,
}


@pytest.mark.parametrize(("state", "to"), LAPSES.items(), ids=name)
def test_a_lost_dialer_closes_its_attempt_as_interrupted(state: State, to: State) -> None:
    lapsed = walked(in_state(state), LeaseLapsed)
    assert lapsed.state is to
    attempt = lapsed.attempts[-1]
    assert (attempt.outcome, attempt.lapsed, attempt.end_time) == (Outcome.INTERRUPTED, True, lapsed.update_time)
    assert lapsed.lease is None


@pytest.mark.parametrize(("between_s", "waits_s"), [(0, 45), (44, 45), (45, 45), (46, 46), (600, 600)])
def test_after_a_lost_dialer_the_phone_may_ring_to_its_end(between_s: int, waits_s: int) -> None:
    lapsed = walked(in_state(S.DIALING, planned(between_s=between_s)), LeaseLapsed)
    assert lapsed.next_attempt_time == lapsed.update_time + waits_s * SECOND


@pytest.mark.parametrize("state", State, ids=name)
def test_the_phone_of_a_lost_dialer_is_kept_for_the_ring_timeout(state: State) -> None:
    """It may have been lost in every state with a call, and in no other; what the call becomes makes no difference."""
    for callback in callbacks_in(state):
        for event in all_that_may_happen(callback):
            try:
                result = after(callback, event)
            except (StateRefused, LeaseRefused, IllegalTransition):
                continue
            reported = isinstance(event, AttemptEnded) and event.outcome is Outcome.INTERRUPTED
            lost = state in LAPSES and (reported or isinstance(event, LeaseLapsed))
            assert result.phone_kept_until == (event.at + 45 * SECOND if lost else None)


def test_only_the_version_after_the_loss_keeps_the_phone() -> None:
    """The next one may have another target. Keeping is from then on the store's."""
    lapsed = walked(in_state(S.DIALING), LeaseLapsed)
    assert lapsed.phone_kept_until == lapsed.update_time + 45 * SECOND
    for kind in (BecameDue, Replanned, Redescribed, CancelRequested, ExpireTimePassed, OpeningMoved):
        assert walked(lapsed, kind).phone_kept_until is None


@pytest.mark.parametrize("kind", [LeaseLapsed, AttemptEnded], ids=name)
def test_a_phone_is_kept_by_the_clock_also_when_it_was_set_back(kind: type[Event]) -> None:
    """What is recorded goes forward, but the phone is not kept for all the time that the clock was set back by."""
    dialing = in_state(S.DIALING)
    details = {"outcome": Outcome.INTERRUPTED} if kind is AttemptEnded else {}
    lost = after(dialing, event_of(kind, dialing, dialing.update_time - HOUR, **details))
    assert lost.attempts[-1].end_time == dialing.update_time
    assert lost.phone_kept_until == dialing.update_time - HOUR + 45 * SECOND


@pytest.mark.parametrize("state", [S.DIALING, S.CONNECTED, S.CANCELLING], ids=name)
def test_a_call_that_another_process_takes_over_is_the_same_attempt(state: State) -> None:
    before = in_state(state)
    taken = walked(before, LeaseTaken)
    assert before.lease is not None
    assert taken.lease is not None
    assert (taken.lease.fencing_token, taken.fencing_token) == (2, 2)
    assert taken.lease.token != before.lease.token
    [attempt] = taken.attempts
    assert attempt == replace(before.attempts[0], fencing_token=2)
    assert (
        replace(
            taken,
            lease=before.lease,
            attempts=before.attempts,
            fencing_token=before.fencing_token,
            revision=before.revision,
            update_time=before.update_time,
        )
        == before
    )


@pytest.mark.parametrize("kind", [DialingStarted, Ringing, Answered], ids=name)
@pytest.mark.parametrize("state", [S.DIALING, S.CONNECTED, S.CANCELLING], ids=name)
def test_every_report_may_bring_call_ids(state: State, kind: type[Event]) -> None:
    """A repetition, too, for the legs come one after the other; with nothing new it changes nothing."""
    first = in_state(state)
    told = after(first, event_of(kind, first, NOW + HOUR, call_ids=("a", "b", "a")))
    assert told.attempts[-1].call_ids == ("a", "b")
    assert (told.revision, told.state) != (first.revision, S.SCHEDULED)
    more = after(told, event_of(kind, told, NOW + 2 * HOUR, call_ids=("b", "c")))
    assert more.attempts[-1].call_ids == ("a", "b", "c")
    assert after(more, event_of(kind, more, NOW + 3 * HOUR, call_ids=("c", "a"))) is more
    assert after(more, event_of(kind, more, NOW + 3 * HOUR)) is more


def test_the_call_ids_of_an_attempt_are_its_own() -> None:
    offered = in_state(S.OFFERED)
    dialing = after(offered, event_of(DialingStarted, offered, NOW + HOUR, call_ids=("agent",)))
    busy = after(dialing, event_of(AttemptEnded, dialing, NOW + HOUR, call_ids=("target", "agent")))
    assert busy.attempts[-1].call_ids == ("agent", "target")
    again = walked(busy, BecameDue, Leased, DialingStarted)
    assert [attempt.call_ids for attempt in again.attempts] == [("agent", "target"), ()]


def test_an_attempt_keeps_four_call_ids() -> None:
    dialing = in_state(S.DIALING)
    for call_ids in (("1", "2", "3"), ("4", "5"), ("6",)):
        dialing = after(dialing, event_of(DialingStarted, dialing, NOW + HOUR, call_ids=call_ids))
    assert dialing.attempts[-1].call_ids == ("1", "2", "3", "4")


def test_that_agents_did_not_answer_is_in_one_version_by_the_clock() -> None:
    """As with a phone that is kept: when it was is compared with the clock, which may have been set back."""
    offered = in_state(S.OFFERED)
    at = offered.update_time - HOUR
    back = after(offered, LeaseReleased(at=at, agents_unavailable=True))
    assert (back.state, back.agents_failed_at, back.attempts) == (S.QUEUED, at, ())
    for kind in (Leased, Redescribed, CancelRequested, OpeningMoved):
        assert walked(back, kind).agents_failed_at is None
    for declined in (LeaseReleased(at=at), event_of(LeaseLapsed, offered, at)):
        assert after(offered, declined).agents_failed_at is None


@pytest.mark.parametrize(("retry_after_s", "state"), [(3599, S.SCHEDULED), (3600, S.EXPIRED), (3601, S.EXPIRED)])
@pytest.mark.parametrize("before", [S.DIALING, S.CONNECTED], ids=name)
def test_a_retry_that_comes_too_late_is_not_waited_for(before: State, retry_after_s: int, state: State) -> None:
    callback = in_state(before, planned(expire_in=2 * HOUR, between_s=retry_after_s))
    ended = after(callback, event_of(AttemptEnded, callback, NOW + HOUR, outcome=Outcome.MACHINE))
    assert ended.state is state
    assert len(ended.attempts) == 1
    assert (ended.end_time is None) == (state is S.SCHEDULED)


def test_the_last_attempt_fails_even_when_it_could_not_be_repeated_in_time() -> None:
    callback = in_state(S.DIALING, planned(max_retries=0, expire_in=2 * HOUR))
    assert walked(callback, AttemptEnded).state is S.FAILED


def test_a_running_attempt_may_finish_after_the_expiry() -> None:
    dialing = in_state(S.DIALING)
    late = dialing.expire_time + HOUR
    connected = after(dialing, Answered(at=late))
    ended = after(connected, event_of(AttemptEnded, connected, late, outcome=Outcome.ANSWERED))
    assert ended.state is S.COMPLETED


def test_a_cancelled_call_that_was_answered_first_is_completed() -> None:
    cancelling = in_state(S.CANCELLING)
    answered = after(cancelling, Answered(at=NOW + HOUR))
    assert answered.state is S.CANCELLING
    for callback in (cancelling, answered):
        ended = {o: after(callback, event_of(AttemptEnded, callback, NOW + HOUR, outcome=o)).state for o in Outcome}
        assert ended.pop(Outcome.ANSWERED) is S.COMPLETED
        assert set(ended.values()) == {S.CANCELLED}

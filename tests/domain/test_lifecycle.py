"""The transition table, and what a callback's life keeps to whatever happens to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ringback.domain import lifecycle
from ringback.domain.callback import IN_PROGRESS, TERMINAL, WAITING, Callback, Lease, State
from ringback.domain.errors import (
    AttemptNotStarted,
    CallbackConnected,
    CallbackEnded,
    CallbackInProgress,
    IllegalTransition,
    InvalidRequest,
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
    OpeningMoved,
    Rescheduled,
    Ringing,
)
from ringback.domain.lifecycle import TRANSITIONS, after, ensure_possible, steps_to_end
from ringback.domain.outcome import UNSERVED, Outcome
from ringback.domain.planning import plan, replan
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.retry import least_delay
from ringback.domain.service import RetryRule, Service

S = State
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SERVICE = Service(
    service_id="6f1c3c1e-0f5b-4a60-8f3e-6a0d3c2b1a00",
    sip_address="sip:support@example.com",
    ring_timeout=timedelta(seconds=45),
    create_time=NOW,
    update_time=NOW,
)
EVENTS = tuple(dict.fromkeys(kind for _, kind in TRANSITIONS))
# Both for a call that was answered and for one that was not.
RETRIED = Outcome.MACHINE


def planned(
    *, due_in: timedelta = HOUR, max_retries: int = 3, expire_in: timedelta = 7 * DAY, between_s: int = 600
) -> Callback:
    request = CallbackRequest(
        target="tel:+41785556677",
        seconds_between_retries=between_s,
        service_id=SERVICE.service_id,
        priority=Priority.NORMAL,
        due_date=NOW + due_in,
        expire_time=NOW + expire_in,
        max_retries=max_retries,
    )
    return plan(request, service=SERVICE, callback_id="c-1", now=NOW)


def event_of(kind: type[Event], callback: Callback, at: datetime, **changes: Any) -> Event:
    """An event of this kind, as the use cases would make it for this callback."""
    return kind(at=at, **{**details_of(kind, callback, at), **changes})


def details_of(kind: type[Event], callback: Callback, at: datetime) -> dict[str, Any]:
    if kind is OpeningMoved:
        return {"next_attempt_time": at + HOUR}
    if kind is Rescheduled:
        return {
            "request": replace(callback.request, priority=Priority.HIGH),
            "dial_target": callback.dial_target,
            "due_date": at + HOUR,
            "next_attempt_time": at + 2 * HOUR,
            "expire_time": at + DAY,
        }
    if kind is Leased:
        number = callback.fencing_token + 1
        lease = Lease(
            token=f"lease-{number}",
            dialer_id="d-1",
            fencing_token=number,
            duration=30 * SECOND,
            expire_time=at + 30 * SECOND,
        )
        return {"lease": lease}
    if kind is AttemptEnded:
        return {"outcome": RETRIED, "service": SERVICE}
    return {"service": SERVICE} if kind is LeaseLapsed else {}


def walked(callback: Callback, *kinds: type[Event]) -> Callback:
    """The callback after these events, a second apart."""
    for kind in kinds:
        callback = after(callback, event_of(kind, callback, callback.update_time + SECOND))
    return callback


def name(value: Any) -> str:
    return str(getattr(value, "name", None) or value.__name__)


# How to get to a state that is not terminal.
WAYS: Mapping[State, Sequence[type[Event]]] = {
    S.SCHEDULED: (),
    S.QUEUED: (BecameDue,),
    S.OFFERED: (BecameDue, Leased),
    S.DIALING: (BecameDue, Leased, DialingStarted),
    S.CONNECTED: (BecameDue, Leased, DialingStarted, Answered),
    S.CANCELLING: (BecameDue, Leased, DialingStarted, CancelRequested),
}


def in_state(state: State, callback: Callback | None = None) -> Callback:
    start = callback or planned()
    if state in WAYS:
        return walked(start, *WAYS[state])
    if state is S.COMPLETED:
        connected = walked(start, *WAYS[S.CONNECTED])
        return after(connected, event_of(AttemptEnded, connected, NOW + HOUR, outcome=Outcome.ANSWERED))
    if state is S.FAILED:
        dialing = walked(start, *WAYS[S.DIALING])
        return after(dialing, event_of(AttemptEnded, dialing, NOW + HOUR, outcome=Outcome.INVALID_NUMBER))
    return walked(start, CancelRequested if state is S.CANCELLED else ExpireTimePassed)


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
# What happens without leaving the state: `same` answers the very same callback, a repeat.
STAYS: Mapping[State, Mapping[type[Event], str]] = {
    S.SCHEDULED: {OpeningMoved: "changed", Rescheduled: "changed"},
    S.DIALING: {DialingStarted: "same", Ringing: "changed"},
    S.CONNECTED: {DialingStarted: "same", Ringing: "same", Answered: "same"},
    S.CANCELLING: {DialingStarted: "same", Ringing: "changed", Answered: "changed", CancelRequested: "same"},
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


def all_that_may_happen(callback: Callback) -> Iterator[Event]:
    """Every kind of event, and every outcome, at a time that makes no difference and at one after the expiry."""
    for kind, at in product(EVENTS, (callback.update_time + SECOND, callback.expire_time + SECOND)):
        outcomes: Sequence[dict[str, Any]] = [{"outcome": o} for o in Outcome] if kind is AttemptEnded else [{}]
        yield from (event_of(kind, callback, at, **outcome) for outcome in outcomes)


def callbacks_in(state: State) -> Iterator[Callback]:
    """With a first and with a last permitted attempt."""
    for max_retries in (0, 3):
        yield in_state(state, planned(max_retries=max_retries))


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
    if kind in (CancelRequested, Rescheduled):
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
    S.CONNECTED: S.COMPLETED,  # never redial somebody who was reached
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


# --- Cancel races with every step ------------------------------------------------------------------------------

RACE = (CancelRequested, DialingStarted, Ringing, Answered, AttemptEnded, LeaseLapsed)
ORDERS = [order for size in range(1, len(RACE) + 1) for order in permutations(RACE, size) if CancelRequested in order]


def race(callback: Callback, order: Sequence[type[Event]], outcome: Outcome) -> tuple[str, Callback, Callback]:
    """The answer to the cancel, the callback as it was then, and as it was when all was over."""
    answer, asked = "", callback
    for kind in order:
        event = event_of(
            kind, callback, callback.update_time + SECOND, **{"outcome": outcome} if kind is AttemptEnded else {}
        )
        try:
            steps = steps_to_end(callback, event) if isinstance(event, AttemptEnded) else (event,)
            for step in steps:
                callback = after(callback, step)
            if kind is CancelRequested:
                answer, asked = callback.state.name, callback
        except (StateRefused, LeaseRefused, IllegalTransition) as refusal:
            if kind is CancelRequested:
                answer, asked = type(refusal).__name__, callback
    return answer, asked, callback


OUTCOMES = (Outcome.ANSWERED, Outcome.BUSY, Outcome.MACHINE, Outcome.BLOCKED)
RACES = [
    (start, outcome)
    for start in (*WAYS, S.COMPLETED)
    for outcome in (OUTCOMES if start in IN_PROGRESS else OUTCOMES[:1])
]


@pytest.mark.parametrize(("start", "outcome"), RACES, ids=name)
def test_the_answer_to_a_cancel_is_never_contradicted(start: State, outcome: Outcome) -> None:
    answers = set()
    for order in ORDERS:
        answer, asked, final = race(in_state(start), order, outcome)
        answers.add(answer)
        later = order[order.index(CancelRequested) + 1 :]
        if answer == "CANCELLED":
            assert final is asked, (order, final)
        elif answer == "CANCELLING":
            assert len(final.attempts) == len(asked.attempts), order
            if not {AttemptEnded, LeaseLapsed} & set(later):
                assert final.state is S.CANCELLING, order
            elif AttemptEnded in later and LeaseLapsed not in later[: later.index(AttemptEnded)]:
                assert final.state is (S.COMPLETED if outcome is Outcome.ANSWERED else S.CANCELLED), order
            else:
                assert final.state is S.CANCELLED, order
        elif answer == "CallbackConnected":
            assert asked.state is S.CONNECTED
            assert final.state not in (S.CANCELLED, S.CANCELLING), order
            assert final.cancel_time is None
        else:
            assert answer == "CallbackEnded", order
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
    assert answers <= possible[start]


def test_after_an_accepted_cancel_no_call_can_be_announced() -> None:
    for state in (S.SCHEDULED, S.QUEUED, S.OFFERED):
        cancelled = walked(in_state(state), CancelRequested)
        with pytest.raises(IllegalTransition):
            after(cancelled, DialingStarted(at=NOW + DAY))


@pytest.mark.parametrize("kind", [CancelRequested, Rescheduled, ExpireTimePassed, OpeningMoved], ids=name)
def test_dialing_is_the_point_of_no_return(kind: type[Event]) -> None:
    """What would stop the call came before the DIALING report, or it finds the call begun."""
    for state in (S.DIALING, S.CONNECTED):
        callback = in_state(state)
        try:
            assert after(callback, event_of(kind, callback, NOW + DAY)).state is S.CANCELLING
        except (StateRefused, IllegalTransition):
            assert (state, kind) not in TRANSITIONS


# --- Whatever happens ------------------------------------------------------------------------------------------

retry_rules = st.dictionaries(
    st.sampled_from(Outcome),
    st.builds(
        RetryRule,
        retry=st.none() | st.just(True),
        min_delay=st.sampled_from([timedelta(0), HOUR]),
        max_retries=st.none() | st.integers(1, 2),
    ),
    max_size=3,
)


class Life(RuleBasedStateMachine):
    """One callback after the other, and everything that can be reported, asked and decided about it, in any order.

    The clock may go backwards. The use cases' part is played as they play it: a callback becomes due only when it
    is, every lease gets the next number, a reschedule is planned, an outcome is taken in its steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.service = SERVICE
        self.callback = planned()
        self.history = [self.callback]

    @initialize(data=st.data())
    def is_asked_for(self, data: st.DataObject) -> None:
        self.now = NOW
        self.service = replace(SERVICE, retry_rules=data.draw(retry_rules))
        self.callback = planned(
            between_s=data.draw(st.sampled_from([0, 30, 600])),
            max_retries=data.draw(st.integers(0, 3)),
            due_in=data.draw(st.sampled_from([timedelta(0), HOUR])),
        )
        self.history = [self.callback]

    @precondition(lambda self: self.callback.ended)
    @rule(data=st.data())
    def another_is_asked_for(self, data: st.DataObject) -> None:
        self.is_asked_for(data)

    @rule(seconds=st.sampled_from([-3600, -1, 1, 30, 600, 3600, 86400]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def goes_on(self, data: st.DataObject, outcome: Outcome) -> None:
        ending = (CancelRequested, ExpireTimePassed)
        kinds = [kind for state, kind in TRANSITIONS if state is self.callback.state and kind not in ending]
        if kinds:
            self.happen(data.draw(st.sampled_from(kinds)), outcome)

    @rule(kind=st.sampled_from(EVENTS), outcome=st.sampled_from(Outcome))
    def anything_happens(self, kind: type[Event], outcome: Outcome) -> None:
        self.happen(kind, outcome)

    @rule(outcome=st.sampled_from(sorted(set(Outcome) - {Outcome.ANSWERED})), answered=st.booleans())
    def a_whole_attempt_is_made(self, outcome: Outcome, answered: bool) -> None:
        if self.callback.next_attempt_time is not None:
            self.now = max(self.now, self.callback.next_attempt_time)
        for kind in (BecameDue, Leased, DialingStarted, *([Answered] if answered else []), AttemptEnded):
            self.happen(kind, outcome)

    def happen(self, kind: type[Event], outcome: Outcome) -> None:
        before = self.callback
        due = before.next_attempt_time is not None and before.next_attempt_time <= self.now
        if kind is BecameDue and not due:
            return  # the scheduler does not say so
        try:
            event = self.event(kind, outcome)
            for step in steps_to_end(before, event) if isinstance(event, AttemptEnded) else (event,):
                self.take(step)
        except OutcomeConflict:
            assert (before.state, kind) == (S.CONNECTED, AttemptEnded)
            assert outcome not in {Outcome.ANSWERED, Outcome.INTERRUPTED, *UNSERVED}
            assert self.callback is before
        except (StateRefused, LeaseRefused, IllegalTransition):
            assert (before.state, kind) not in TRANSITIONS
            assert self.callback is before
        except InvalidRequest:
            assert kind is Rescheduled, "only a due date after the expiry is refused for what it says"
        else:
            assert (before.state, kind) in TRANSITIONS

    def event(self, kind: type[Event], outcome: Outcome) -> Event:
        callback, now = self.callback, self.now
        if kind is Rescheduled:
            ensure_possible(callback, kind)
            due = now + (outcome - 6) * 20 * SECOND
            return replan(callback, due_date=due, priority=None, target=None, service=self.service, now=now)
        if kind is OpeningMoved:
            opening = max(now, callback.ready_time) + HOUR
            return OpeningMoved(at=now, next_attempt_time=opening)
        if kind is LeaseLapsed:
            return LeaseLapsed(at=now, service=self.service)
        if kind is AttemptEnded:
            return AttemptEnded(at=now, outcome=outcome, service=self.service)
        return event_of(kind, callback, now)

    def take(self, event: Event) -> None:
        before = self.callback
        self.callback = after(before, event)
        if self.callback is before:
            return
        assert self.callback.revision == before.revision + 1
        assert self.callback.update_time >= max(before.update_time, event.at)
        assert before.state not in TERMINAL
        self.history.append(self.callback)
        self.attempts_are_numbered_and_not_too_many()
        self.no_attempt_is_lost_or_rewritten()
        self.an_attempt_is_open_exactly_while_there_is_a_call()
        self.what_is_set_follows_from_the_state()
        self.the_target_is_left_alone_between_attempts()
        self.nobody_is_dialled_again_who_was_reached()
        self.the_end_says_why()

    def attempts_are_numbered_and_not_too_many(self) -> None:
        attempts = self.callback.attempts
        assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
        assert len(attempts) <= self.callback.max_attempts
        tokens = [attempt.fencing_token for attempt in attempts]
        assert tokens == sorted(set(tokens)), "every attempt was made under a lease of its own"

    def no_attempt_is_lost_or_rewritten(self) -> None:
        older, newer = self.history[-2:]
        kept = newer.attempts[: len(older.attempts)]
        assert len(kept) == len(older.attempts)
        for old, new in zip(older.attempts, kept, strict=True):
            assert new == old or old.end_time is None

    def an_attempt_is_open_exactly_while_there_is_a_call(self) -> None:
        called = self.callback.state in (S.DIALING, S.CONNECTED, S.CANCELLING)
        open_attempts = [attempt for attempt in self.callback.attempts if attempt.end_time is None]
        assert open_attempts == list(self.callback.attempts[-1:] if called else ())
        assert all((attempt.outcome is None) == (attempt.end_time is None) for attempt in self.callback.attempts)

    def what_is_set_follows_from_the_state(self) -> None:
        callback, state = self.callback, self.callback.state
        assert (callback.lease is not None) == (state in IN_PROGRESS)
        assert (callback.next_attempt_time is not None) == (state in {*WAITING, S.OFFERED})
        assert (callback.end_time is not None) == (state in TERMINAL) == callback.ended
        assert (callback.cancel_time is not None) >= (state in (S.CANCELLING, S.CANCELLED))
        assert (callback.queue_time is None) >= (state is S.SCHEDULED)
        assert (callback.queue_time is not None) >= (state in {S.QUEUED, *IN_PROGRESS})
        if callback.lease is not None:
            assert callback.lease.fencing_token == callback.fencing_token

    def the_target_is_left_alone_between_attempts(self) -> None:
        callback = self.callback
        if callback.next_attempt_time is None or not callback.attempts:
            return
        last = callback.attempts[-1]
        assert last.end_time is not None
        assert last.outcome is not None
        between_s = callback.request.seconds_between_retries or 0
        rested = last.end_time + least_delay(last.outcome, seconds_between_retries=between_s, service=self.service)
        assert callback.ready_time >= rested >= last.end_time + between_s * SECOND
        if last.outcome is Outcome.INTERRUPTED:
            assert callback.ready_time >= last.end_time + self.service.ring_timeout
        assert callback.next_attempt_time >= callback.ready_time

    def nobody_is_dialled_again_who_was_reached(self) -> None:
        state, attempts = self.callback.state, self.callback.attempts
        over = attempts[:-1] if state in (S.DIALING, S.CONNECTED, S.CANCELLING, *TERMINAL) else attempts
        for attempt in over:
            assert attempt.answer_time is None or attempt.outcome in UNSERVED
            assert attempt.outcome is not Outcome.ANSWERED

    def the_end_says_why(self) -> None:
        callback = self.callback
        last = callback.attempts[-1].outcome if callback.attempts else None
        match callback.state:
            case S.COMPLETED:
                assert last in (Outcome.ANSWERED, Outcome.INTERRUPTED)
            case S.FAILED:
                assert last not in (None, Outcome.ANSWERED)
            case S.CANCELLED:
                assert last is not Outcome.ANSWERED
                assert callback.cancel_time is not None
            case S.EXPIRED:
                assert last is not Outcome.ANSWERED
                assert callback.cancel_time is None


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase

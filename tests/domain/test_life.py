"""What holds through a callback's life, whatever happens to it."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from ringback.domain.callback import IN_PROGRESS, TERMINAL, WAITING
from ringback.domain.errors import IllegalTransition, InvalidRequest, LeaseRefused, OutcomeConflict, StateRefused
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
    OpeningMoved,
    Replanned,
)
from ringback.domain.lifecycle import TRANSITIONS, after, ensure_possible, steps_to_end
from ringback.domain.outcome import UNSERVED, Outcome
from ringback.domain.planning import replan
from ringback.domain.request import CallbackRequest
from ringback.domain.retry import least_delay
from ringback.domain.service import RetryRule
from ringback.domain.update import RequestUpdate
from tests.world.lifecycle import EVENTS, HOUR, NOW, SECOND, SERVICE, S, event_of, planned

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
    is, every lease gets the next number, an update is planned, an outcome is taken in its steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.service = SERVICE
        self.callback = planned()
        self.history = [self.callback]
        self.attempt_ended_at = NOW

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
        connected: list[type[Event]] = [Answered] if answered else []
        kinds: list[type[Event]] = [BecameDue, Leased, DialingStarted, *connected, AttemptEnded]
        for kind in kinds:
            self.happen(kind, outcome)

    def happen(self, kind: type[Event], outcome: Outcome) -> None:
        before = self.callback
        due = before.next_attempt_time is not None and before.next_attempt_time <= self.now
        if kind is BecameDue and not due:
            return  # the scheduler would not find it due
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
            assert kind is Replanned, "only a due date after the expiry is refused for what it says"
        else:
            assert (before.state, kind) in TRANSITIONS

    def event(self, kind: type[Event], outcome: Outcome) -> Event:
        callback, now = self.callback, self.now
        if kind is Replanned:
            ensure_possible(callback, kind)
            due = now + (list(Outcome).index(outcome) - 5) * 20 * SECOND
            update = RequestUpdate(CallbackRequest(due_date=due), ("due_date",))
            return replan(callback, update, service=self.service, now=now)
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
        if isinstance(event, AttemptEnded | LeaseLapsed):
            self.attempt_ended_at = event.at
        elif isinstance(event, Replanned):  # where the clock was set back since, it has ended now at the latest
            self.attempt_ended_at = min(self.attempt_ended_at, event.at)
        self.attempts_are_numbered_and_not_too_many()
        self.only_an_attempt_that_another_is_to_follow_has_a_delay()
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
        times = [time for attempt in attempts for time in (attempt.offer_time, attempt.start_time) if time is not None]
        assert times == sorted(times)

    def only_an_attempt_that_another_is_to_follow_has_a_delay(self) -> None:
        for attempt in self.callback.attempts[:-1]:
            assert attempt.retry_delay is not None
        if self.callback.ended and self.history[-2].state not in WAITING | {S.OFFERED}:
            assert self.callback.attempts[-1].retry_delay is None

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
        least = least_delay(last.outcome, seconds_between_retries=between_s, service=self.service)
        # By the clock, which may have been set back: recorded times go forward all the same.
        rested = self.attempt_ended_at + least.duration
        assert callback.ready_time >= rested >= self.attempt_ended_at + between_s * SECOND
        if last.outcome is Outcome.INTERRUPTED:
            assert callback.ready_time >= self.attempt_ended_at + self.service.ring_timeout
        assert callback.next_attempt_time >= callback.ready_time
        assert (last.retry_delay, last.retry_delay_reason) == (least.duration, least.reason)

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

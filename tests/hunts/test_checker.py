"""The referee sees what it is there to see: each rule broken once, in a story that is otherwise correct."""

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.directory_service_pb2 import Service
from tests.hunts.checker import (
    CANCELLED,
    CANCELLING,
    COMPLETED,
    CONNECTED,
    DIALING,
    FAILED,
    LEGAL,
    OFFERED,
    QUEUED,
    SCHEDULED,
    TERMINAL,
    Checker,
    Fold,
)

SERVICE = "support"
GAP_S, RING_S = 2, 5


def checker(capacity: int = 1) -> Checker:
    service = Service(service_id=SERVICE, max_concurrent_calls=capacity, ring_timeout=Duration(seconds=RING_S))
    return Checker([service])


class Story:
    """Tells the life of one callback, an event for each step, at seconds that are passed in."""

    def __init__(self, callback_id: str = "a", target: str = "", max_retries: int = 1) -> None:
        self.events: list[pb.CallbackEvent] = []
        self._callback = cb.Callback(
            callback_id=callback_id,
            callback_request=cb.CallbackRequest(max_retries=max_retries, seconds_between_retries=GAP_S),
            service_id=SERVICE,
            dial_target=target or f"sip:{callback_id}@x",
        )

    def to(self, state: "cb.CallbackState.ValueType", **changes: object) -> "Story":
        """Add the next event; `changes` are its planted faults."""
        previous = self._callback.state
        self._callback.state = state
        self._callback.revision += 1
        event = pb.CallbackEvent(
            type=pb.CALLBACK_EVENT_TYPE_UPDATED if self.events else pb.CALLBACK_EVENT_TYPE_CREATED,
            previous_state=previous,
            callback=self._callback,
        )
        for name, value in changes.items():
            setattr(event if hasattr(event, name) else event.callback, name, value)
        self._callback.revision = event.callback.revision
        self.events.append(event)
        return self

    def dial(self, at_s: int) -> "Story":
        """Go from QUEUED to DIALING."""
        self.to(OFFERED)
        self._callback.attempt_count += 1
        attempt = self._callback.attempts.add(number=self._callback.attempt_count)
        attempt.start_time.FromSeconds(at_s)
        return self.to(DIALING)

    def end(
        self, at_s: int, outcome: "cb.CallOutcome.ValueType", state: "cb.CallbackState.ValueType" = SCHEDULED
    ) -> "Story":
        attempt = self._callback.attempts[-1]
        attempt.end_time.FromSeconds(at_s)
        attempt.outcome = outcome
        return self.to(state)

    @property
    def callback(self) -> cb.Callback:
        return self.events[-1].callback


def findings(*stories: Story, capacity: int = 1) -> list[str]:
    """Return what the checker finds when the stories are told one after the other."""
    referee = checker(capacity)
    for story in stories:
        for event in story.events:
            referee.take(event)
    return referee.findings


def retried(at_s: int, outcome: "cb.CallOutcome.ValueType" = cb.CALL_OUTCOME_BUSY) -> Story:
    """Return a story: dialled at 10, ended at 12, dialled again at `at_s`."""
    return Story().to(QUEUED).dial(10).end(12, outcome).to(QUEUED).dial(at_s)


def test_a_whole_life_is_fine() -> None:
    story = retried(14).to(DIALING).to(CONNECTED).end(20, cb.CALL_OUTCOME_ANSWERED, COMPLETED)
    assert findings(story) == []


def test_a_life_with_a_release_and_a_cancel_is_fine() -> None:
    story = Story().to(SCHEDULED).to(SCHEDULED).to(QUEUED).to(OFFERED).to(QUEUED).dial(10).to(CANCELLING)
    assert findings(story.end(11, cb.CALL_OUTCOME_NO_ANSWER, CANCELLED)) == []


@pytest.mark.parametrize("terminal", sorted(TERMINAL))
def test_nothing_follows_the_end(terminal: "cb.CallbackState.ValueType") -> None:
    assert "cannot come from" in findings(Story().to(QUEUED).to(terminal).to(QUEUED))[-1]


@pytest.mark.parametrize(
    ("before", "after"), [(before, after) for before in LEGAL for after in LEGAL if after not in LEGAL[before]]
)
def test_every_step_that_the_table_lacks_is_found(
    before: "cb.CallbackState.ValueType", after: "cb.CallbackState.ValueType"
) -> None:
    assert any("cannot come from" in finding for finding in findings(Story().to(before).to(after)))


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (Story().to(OFFERED), "cannot begin in this state"),
        (Story().to(QUEUED, revision=2), "its first revision is not 1"),
        (Story().to(QUEUED, type=pb.CALLBACK_EVENT_TYPE_UPDATED), "its first event is"),
        (Story().to(QUEUED, previous_state=SCHEDULED), "has a previous state"),
        (Story().to(QUEUED).to(OFFERED, revision=3), "an event was lost"),
        (Story().to(QUEUED).to(OFFERED, revision=1), "repeated or reordered"),
        (Story().to(QUEUED).to(OFFERED, previous_state=SCHEDULED), "the event says SCHEDULED"),
        (Story().to(QUEUED).to(CANCELLED, type=pb.CALLBACK_EVENT_TYPE_CREATED), "for a callback that exists"),
        (Story().to(QUEUED, service_id="sales"), "unknown service"),
        (Story().to(QUEUED).to(OFFERED).to(DIALING), "has +0 attempts since OFFERED"),
        (Story().to(QUEUED).dial(1).to(SCHEDULED), "those running are [1]"),
        (Story().to(QUEUED).dial(1).end(2, cb.CALL_OUTCOME_BUSY, CONNECTED), "those running are []"),
        (Story().to(QUEUED).dial(1).end(2, cb.CALL_OUTCOME_UNSPECIFIED), "an end without an outcome"),
        (Story().to(QUEUED).to(OFFERED, attempt_count=1), "has 0 attempts, and counts 1"),
        (retried(13), "began 1.000000 s after the end of the one before"),
        (retried(16, cb.CALL_OUTCOME_INTERRUPTED), "INTERRUPTED; 5 s are the least"),
        (Story(max_retries=0).to(QUEUED).dial(1).end(2, cb.CALL_OUTCOME_BUSY).to(QUEUED).dial(9), "retried 0 times"),
    ],
)
def test_what_is_wrong_with_one_callback_is_found(story: Story, expected: str) -> None:
    assert any(expected in finding for finding in findings(story)), findings(story)


def change_first_attempt(callback: cb.Callback) -> None:
    callback.attempts[0].outcome = cb.CALL_OUTCOME_DECLINED


def renumber_attempts(callback: cb.Callback) -> None:
    callback.attempts[1].number = 3


def run_both_attempts(callback: cb.Callback) -> None:
    callback.attempts[0].ClearField("end_time")
    callback.attempts[0].ClearField("outcome")


def dial_before_its_time(callback: cb.Callback) -> None:
    callback.attempts[1].start_time.FromSeconds(11)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (change_first_attempt, "an attempt that was over has changed"),
        (renumber_attempts, "its attempts are numbered [1, 3]"),
        (run_both_attempts, "those running are [1, 2]"),
        (dial_before_its_time, "began -1.000000 s after"),
    ],
)
def test_a_spoiled_second_attempt_is_found(spoil: Callable[[cb.Callback], None], expected: str) -> None:
    story = retried(14)
    spoil(story.callback)
    assert any(expected in finding for finding in findings(story))


def test_dialling_before_the_announced_time_is_found() -> None:
    story = Story().to(QUEUED).dial(10)
    story.events[-2].callback.next_attempt_time.FromSeconds(11)
    assert "before its next_attempt_time" in findings(story)[0]


def test_capacity_is_counted_per_service() -> None:
    first, second = Story("a").to(QUEUED).dial(1), Story("b").to(QUEUED).to(OFFERED)
    assert findings(first, second, capacity=2) == []
    assert "one of 2 in progress, 1 are allowed" in findings(first, second)[0]


def test_a_slot_is_free_again_when_its_call_has_ended() -> None:
    first = Story("a").to(QUEUED).dial(1).end(2, cb.CALL_OUTCOME_BLOCKED, FAILED)
    assert findings(first, Story("b").to(QUEUED).to(OFFERED)) == []


def test_two_calls_to_one_target_are_found() -> None:
    first, second = (Story(name, target="sip:same@x").to(QUEUED).to(OFFERED) for name in "ab")
    assert "which is in a call because of a" in findings(first, second, capacity=2)[0]
    assert findings(first.to(QUEUED), second, capacity=2) == []


SAME_PHONE = [
    ("sip:same@x", "sip:same@x"),
    ("sip:same@x", "sips:same@x;transport=tcp"),
    ("tel:+41446681800", "sip:+41446681800@gateway.example;user=phone"),
]


@pytest.mark.parametrize("targets", SAME_PHONE)
def test_two_calls_to_one_phone_are_found_however_it_is_written(targets: tuple[str, str]) -> None:
    first, second = (Story(name, target).to(QUEUED).to(OFFERED) for name, target in zip("ab", targets, strict=True))
    assert "which is in a call because of a" in findings(first, second, capacity=2)[0]


@pytest.mark.parametrize("targets", SAME_PHONE)
@pytest.mark.parametrize(
    ("before", "after"), [(DIALING, SCHEDULED), (DIALING, FAILED), (CONNECTED, COMPLETED), (CANCELLING, CANCELLED)]
)
def test_a_phone_that_may_ring_since_its_dialer_was_lost_is_not_dialled(
    before: "cb.CallbackState.ValueType", after: "cb.CallbackState.ValueType", targets: tuple[str, str]
) -> None:
    first = Story("a", targets[0]).to(QUEUED).dial(10)
    if before != DIALING:
        first.to(before)
    first.end(12, cb.CALL_OUTCOME_INTERRUPTED, after)
    early, in_time = (Story("b", targets[1]).to(QUEUED).dial(at_s) for at_s in (16, 17))
    assert findings(first, in_time) == []
    assert "may ring until 1970-01-01T00:00:17 because of a" in findings(first, early)[0]
    assert findings(first, Story("b", "sip:other@x").to(QUEUED).dial(13)) == []


def test_after_another_outcome_a_phone_does_not_ring() -> None:
    first = Story("a", "sip:same@x").to(QUEUED).dial(10).end(12, cb.CALL_OUTCOME_BUSY)
    assert findings(first, Story("b", "sip:same@x").to(QUEUED).dial(12)) == []


# --- Resuming --------------------------------------------------------------------------------------------------


def test_a_resumed_watch_tells_again_what_followed_its_token() -> None:
    story, referee = Story().to(QUEUED).to(OFFERED).to(QUEUED), checker()
    for event in story.events:
        referee.take(event)
    referee.resume_at(1)
    for event in [*story.events[1:], *story.to(CANCELLED).events[3:]]:
        referee.take(event)
    assert (referee.findings, referee.events, referee.redelivered) == ([], 4, 2)


def test_a_resumed_watch_that_leaves_out_an_event_is_found() -> None:
    story, referee = Story().to(QUEUED).to(OFFERED).to(QUEUED), checker()
    for event in story.events:
        referee.take(event)
    referee.resume_at(1)
    referee.take(story.events[2])
    assert "event 1 was another one" in referee.findings[0]


def test_an_event_told_twice_by_one_stream_is_found() -> None:
    story, referee = Story().to(QUEUED), checker()
    for event in story.events * 2:
        referee.take(event)
    assert referee.findings


# --- The end ---------------------------------------------------------------------------------------------------


def test_the_fold_is_compared_with_the_list() -> None:
    story, referee = Story().to(QUEUED), checker()
    referee.take(story.events[0])
    changed = cb.Callback(callback_id="a", revision=2)
    for listed, expected in [
        ([story.callback], ""),
        ([], "is not listed"),
        ([changed], "is listed differently"),
        ([story.callback, story.callback], "is listed twice"),
        ([story.callback, Story("b").to(QUEUED).callback], "was never told"),
    ]:
        referee.findings.clear()
        referee.compare(listed)
        assert expected in "".join(referee.findings)
        assert bool(expected) == bool(referee.findings)


def test_what_was_answered_has_to_be_told_by_the_watch() -> None:
    story, referee = Story().to(QUEUED), checker()
    referee.take(story.events[0])
    referee.confirm([story.callback])
    assert referee.findings == []
    referee.confirm([cb.Callback(callback_id="a", revision=2), cb.Callback(callback_id="a", revision=1)])
    assert ["never told" in referee.findings[0], "answered differently" in referee.findings[1]] == [True, True]


def test_a_fold_forgets_what_is_removed() -> None:
    story, fold = Story().to(QUEUED), Fold()
    fold.take(story.events[0])
    assert list(fold.differences([story.callback])) == []
    assert list(fold.differences([])) == ["a: a filtered watch has revision 1 QUEUED, the list none"]
    fold.take(pb.CallbackEvent(type=pb.CALLBACK_EVENT_TYPE_REMOVED, callback=story.callback))
    assert list(fold.differences([])) == []

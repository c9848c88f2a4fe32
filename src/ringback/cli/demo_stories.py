"""The callbacks of `ringback demo`: their targets spell out what happens, and each must end in a certain way."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from ringback.cli.values import OUTCOMES, STATES, timestamp
from ringback.v1 import callback_pb2 as cb

SERVICE_SIP = "sip:demo@cc.example"
CALLER_ID = "demo"

_GAP_S = 1


class Story(NamedTuple):
    """One callback and the end that it must have. The simulated dialer plays a word of the target at each attempt."""

    target: str
    priority: cb.Priority.ValueType
    due_s: int
    ends: cb.CallbackState.ValueType
    outcomes: Sequence[cb.CallOutcome.ValueType]
    retries: int = 3
    gap_s: int = _GAP_S
    expire_s: int | None = None
    then: Literal["", "cancel", "reschedule"] = ""

    def request(self, external_task_id: str, now: datetime) -> cb.CallbackRequest:
        request = cb.CallbackRequest(
            target=self.target,
            service_sip=SERVICE_SIP,
            priority=self.priority,
            max_retries=self.retries,
            seconds_between_retries=self.gap_s,
            due_date=timestamp(now + timedelta(seconds=self.due_s)),
            caller_id=CALLER_ID,
            external_task_id=external_task_id,
        )
        if self.expire_s is not None:
            request.expire_time.CopyFrom(timestamp(now + timedelta(seconds=self.expire_s)))
        return request

    def faults(self, callback: cb.Callback) -> Iterator[str]:
        """Yield the differences between a callback that has ended and its story."""
        if callback.state != self.ends:
            yield f"ended {STATES.of(callback.state)}, not {STATES.of(self.ends)}"
        outcomes = [attempt.outcome for attempt in callback.attempts]
        if outcomes != list(self.outcomes):
            yield f"had the attempts {_names(outcomes)}, not {_names(self.outcomes)}"
        if callback.attempts and _pause_s(callback.callback_request.due_date, callback.attempts[0].start_time) < 0:
            yield "was dialled before it was due"
        for one, other in pairwise(callback.attempts):
            pause_s = _pause_s(one.end_time, other.start_time)
            if pause_s < self.gap_s:
                yield f"attempt {other.number} began {pause_s:.3f} s after the one before, not {self.gap_s} s"


def _pause_s(end: Timestamp, start: Timestamp) -> float:
    return (start.ToNanoseconds() - end.ToNanoseconds()) / 1e9


def _names(outcomes: Sequence[cb.CallOutcome.ValueType]) -> str:
    return ", ".join(map(OUTCOMES.of, outcomes)) or "none"


STORIES: Sequence[Story] = (
    Story(
        "sip:answer@anna.example",
        cb.PRIORITY_NORMAL,
        due_s=0,
        ends=cb.CALLBACK_STATE_COMPLETED,
        outcomes=[cb.CALL_OUTCOME_ANSWERED],
    ),
    Story(
        "sip:busy.no-answer.answer@bruno.example",
        cb.PRIORITY_VERY_HIGH,
        due_s=0,
        ends=cb.CALLBACK_STATE_COMPLETED,
        outcomes=[cb.CALL_OUTCOME_BUSY, cb.CALL_OUTCOME_NO_ANSWER, cb.CALL_OUTCOME_ANSWERED],
    ),
    Story(
        "sip:machine.answer@chiara.example",
        cb.PRIORITY_HIGHEST,
        due_s=1,
        ends=cb.CALLBACK_STATE_COMPLETED,
        outcomes=[cb.CALL_OUTCOME_MACHINE, cb.CALL_OUTCOME_ANSWERED],
    ),
    Story(
        "sip:unreachable@david.example",
        cb.PRIORITY_LOW,
        due_s=1,
        retries=2,
        ends=cb.CALLBACK_STATE_FAILED,
        outcomes=[cb.CALL_OUTCOME_UNREACHABLE] * 3,
    ),
    Story(
        "sip:invalid@elena.example",
        cb.PRIORITY_VERY_LOW,
        due_s=2,
        ends=cb.CALLBACK_STATE_FAILED,
        outcomes=[cb.CALL_OUTCOME_INVALID_NUMBER],
    ),
    Story(
        "sip:no-answer@fritz.example",
        cb.PRIORITY_HIGH,
        due_s=2,
        gap_s=60,
        expire_s=30,
        ends=cb.CALLBACK_STATE_EXPIRED,
        outcomes=[cb.CALL_OUTCOME_NO_ANSWER],
    ),
    Story(
        "sip:network-failure.answer@greta.example",
        cb.PRIORITY_LOWEST,
        due_s=3,
        ends=cb.CALLBACK_STATE_COMPLETED,
        outcomes=[cb.CALL_OUTCOME_NETWORK_FAILURE, cb.CALL_OUTCOME_ANSWERED],
    ),
    Story(
        "sip:declined@hans.example",
        cb.PRIORITY_NOTHING_ELSE,
        due_s=3,
        retries=1,
        ends=cb.CALLBACK_STATE_FAILED,
        outcomes=[cb.CALL_OUTCOME_DECLINED] * 2,
    ),
    Story(
        "sip:blocked@ida.example",
        cb.PRIORITY_NORMAL,
        due_s=4,
        ends=cb.CALLBACK_STATE_FAILED,
        outcomes=[cb.CALL_OUTCOME_BLOCKED],
    ),
    Story(
        "sip:answer@jonas.example",
        cb.PRIORITY_HIGH,
        due_s=3600,
        then="reschedule",
        ends=cb.CALLBACK_STATE_COMPLETED,
        outcomes=[cb.CALL_OUTCOME_ANSWERED],
    ),
    Story(
        "sip:answer@klara.example",
        cb.PRIORITY_NORMAL,
        due_s=10,
        then="cancel",
        ends=cb.CALLBACK_STATE_CANCELLED,
        outcomes=[],
    ),
    Story(
        "tel: +41 78 555 66 77",
        cb.PRIORITY_STRICT_PRIORITY,
        due_s=10,
        ends=cb.CALLBACK_STATE_COMPLETED,
        outcomes=[cb.CALL_OUTCOME_ANSWERED],
    ),
)

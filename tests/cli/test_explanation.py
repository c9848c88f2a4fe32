"""Why a callback has ended, or who has it: each sentence, from the callback alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringback.cli.explanation import explanation, outcome_of
from ringback.cli.times import Times
from ringback.cli.values import WAITING, timestamp
from ringback.v1 import callback_pb2 as cb

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
BUSY, ANSWERED, INTERRUPTED = cb.CALL_OUTCOME_BUSY, cb.CALL_OUTCOME_ANSWERED, cb.CALL_OUTCOME_INTERRUPTED
INVALID_NUMBER, RUNNING = cb.CALL_OUTCOME_INVALID_NUMBER, cb.CALL_OUTCOME_UNSPECIFIED


def callback(
    state: str, *outcomes: cb.CallOutcome.ValueType, max_retries: int | None = None, **fields: Any
) -> cb.Callback:
    attempts = [
        cb.Attempt(number=number, outcome=outcome, dialer_id="desk", start_time=timestamp(NOON))
        for number, outcome in enumerate(outcomes, start=1)
    ]
    request = cb.CallbackRequest(max_retries=max_retries)
    fields = {name: timestamp(value) if isinstance(value, datetime) else value for name, value in fields.items()}
    value = cb.CallbackState.Value(f"CALLBACK_STATE_{state}")
    return cb.Callback(state=value, attempts=attempts, callback_request=request, **fields)


def ended(state: str, *outcomes: cb.CallOutcome.ValueType, **fields: Any) -> cb.Callback:
    return callback(state, *outcomes, end_time=NOON, **fields)


LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (ended("COMPLETED", BUSY, ANSWERED), "after 2 attempts: the target was reached"),
        (
            ended("COMPLETED", INTERRUPTED),
            "after 1 attempt: the target had answered when the dialer was lost, and is not dialled again",
        ),
        (
            ended("COMPLETED", ANSWERED, cancel_time=NOON, cancel_reason="called in"),
            "after 1 attempt: the target answered before the cancel reached the dialer",
        ),
        (ended("FAILED", BUSY, max_retries=0), "after 1 attempt: no retry was asked for"),
        (ended("FAILED", BUSY, BUSY, max_retries=1), "after 2 attempts: the 1 retry that was asked for is used"),
        (ended("FAILED", *[BUSY] * 3, max_retries=2), "after 3 attempts: the 2 retries that were asked for are used"),
        (ended("FAILED", INVALID_NUMBER, max_retries=2), "after 1 attempt: invalid-number is not retried"),
        # The service has a rule for BUSY, or the number of retries is the service's own.
        (ended("FAILED", BUSY, max_retries=2), "after 1 attempt: the service permits no further attempt after busy"),
        (ended("FAILED", *[BUSY] * 4), "after 4 attempts: the service permits no further attempt after busy"),
        (ended("CANCELLED", cancel_reason="called in"), "before any attempt: called in"),
        (ended("CANCELLED", BUSY), "after 1 attempt: no reason was given"),
        (
            ended("EXPIRED", expire_time=NOON),
            "before any attempt: the target was not reached until 2030-01-31T12:00:00Z, when it expired",
        ),
        (
            ended("EXPIRED", BUSY, expire_time=LATER),
            "after 1 attempt: the next attempt could only have begun after 2030-01-31T13:00:00Z, when it expires",
        ),
    ],
)
def test_ended(of: cb.Callback, said: str) -> None:
    assert explanation(of, Times()) == f"at 2030-01-31T12:00:00Z, {said}"


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (
            callback("OFFERED", leased_by="desk", update_time=NOON),
            "with dialer desk, unchanged since 2030-01-31T12:00:00Z; the target is not called yet",
        ),
        (
            callback("DIALING", BUSY, RUNNING, leased_by="desk"),
            "with dialer desk, which began attempt 2 at 2030-01-31T12:00:00Z",
        ),
        (callback("CONNECTED", RUNNING), "with dialer desk; the target answered attempt 1 at 2030-01-31T12:00:00Z"),
        (
            callback("CANCELLING", RUNNING, leased_by="desk", cancel_time=NOON, cancel_reason="called in"),
            "with dialer desk, which is to hang up since 2030-01-31T12:00:00Z: called in",
        ),
    ],
)
def test_in_progress(of: cb.Callback, said: str) -> None:
    assert explanation(of, Times()) == said


def test_ringing() -> None:
    ringing = callback("DIALING", RUNNING, leased_by="desk")
    ringing.attempts[0].ring_time.CopyFrom(timestamp(LATER))
    assert explanation(ringing, Times()).endswith("; it rings since 2030-01-31T13:00:00Z")


def test_every_state_has_an_explanation_or_waits() -> None:
    for state in cb.CallbackState.values()[1:]:
        any_of_it = cb.Callback(state=state, attempts=[cb.Attempt(number=1)])
        assert (explanation(any_of_it, Times()) == "") == (state in WAITING)


def test_the_outcome_is_that_of_the_last_attempt() -> None:
    assert outcome_of(ended("FAILED", BUSY, INVALID_NUMBER)) == "invalid-number"
    assert outcome_of(callback("DIALING", BUSY, RUNNING)) == ""
    assert outcome_of(ended("CANCELLED")) == ""

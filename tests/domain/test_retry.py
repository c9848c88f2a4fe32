"""The retry schedule: which outcomes are tried again, when, and how often."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.dial_rules import DialRules
from ringback.domain.outcome import PERMANENT, Outcome
from ringback.domain.retry import least_delay, retry_delay
from ringback.domain.retry_delay import RetryDelay, RetryDelayReason
from ringback.domain.service import RetryRule, Service

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RETRIED = tuple(o for o in Outcome if o not in PERMANENT and o is not Outcome.ANSWERED)
BUSY, NO_ANSWER, UNREACHABLE, INTERRUPTED = Outcome.BUSY, Outcome.NO_ANSWER, Outcome.UNREACHABLE, Outcome.INTERRUPTED
INVALID_NUMBER = Outcome.INVALID_NUMBER

# As `least_delay` takes them, in a tie the first.
REASONS: tuple[RetryDelayReason, ...] = tuple(
    reason for reason in RetryDelayReason if reason is not RetryDelayReason.CLOSED
)


def service(rules: Mapping[Outcome, RetryRule] | None = None, ring_timeout_s: int = 30) -> Service:
    return Service(
        service_id="6f1c3c1e-0f5b-4a60-8f3e-6a0d3c2b1a00",
        sip_address="sip:support@example.com",
        retry_rules=rules or {},
        ring_timeout=timedelta(seconds=ring_timeout_s),
        create_time=NINE,
        update_time=NINE,
    )


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def schedule(
    outcomes: tuple[Outcome, ...], seconds_between_retries: int, by: Service, max_attempts: int = 101
) -> list[str]:
    """Return what happens when attempts of a minute each end with these outcomes, one after the other."""
    lines, start = [], NINE
    for number, outcome in enumerate(outcomes, start=1):
        ended = start + minutes(1)
        delay = retry_delay(
            outcomes=outcomes[:number],
            max_attempts=max_attempts,
            seconds_between_retries=seconds_between_retries,
            service=by,
        )
        again = None if delay is None else ended + delay.duration
        verdict = f"again at {again:%H:%M:%S}" if again else "never again"
        lines.append(f"{start:%H:%M:%S} attempt {number}: {outcome.name}, {verdict}")
        if again is None:
            break
        start = again
    return lines


def test_the_schedule_of_a_service_without_rules() -> None:
    """Every unsuccessful attempt waits the same time, counted from its end; the last permitted one is the last."""
    assert schedule((BUSY, NO_ANSWER, UNREACHABLE, BUSY, BUSY), 600, service(), max_attempts=4) == [
        "09:00:00 attempt 1: BUSY, again at 09:11:00",
        "09:11:00 attempt 2: NO_ANSWER, again at 09:22:00",
        "09:22:00 attempt 3: UNREACHABLE, again at 09:33:00",
        "09:33:00 attempt 4: BUSY, never again",
    ]


def test_the_schedule_of_a_service_with_rules() -> None:
    """Busy soon, unreachable later, and no answer twice at most; never sooner than the request allows."""
    rules = {
        BUSY: RetryRule(min_delay=minutes(1)),
        UNREACHABLE: RetryRule(min_delay=minutes(60)),
        NO_ANSWER: RetryRule(max_retries=2),
    }
    outcomes = (BUSY, UNREACHABLE, NO_ANSWER, NO_ANSWER, INTERRUPTED, NO_ANSWER, BUSY)
    assert schedule(outcomes, 120, service(rules, ring_timeout_s=180)) == [
        "09:00:00 attempt 1: BUSY, again at 09:03:00",
        "09:03:00 attempt 2: UNREACHABLE, again at 10:04:00",
        "10:04:00 attempt 3: NO_ANSWER, again at 10:07:00",
        "10:07:00 attempt 4: NO_ANSWER, again at 10:10:00",
        "10:10:00 attempt 5: INTERRUPTED, again at 10:14:00",
        "10:14:00 attempt 6: NO_ANSWER, never again",
    ]


def test_the_schedule_of_an_impatient_request() -> None:
    """Zero seconds between retries is a value; only a lost dialer's call is given the time to stop ringing."""
    assert schedule((BUSY, INTERRUPTED, BUSY), 0, service(), max_attempts=3) == [
        "09:00:00 attempt 1: BUSY, again at 09:01:00",
        "09:01:00 attempt 2: INTERRUPTED, again at 09:02:30",
        "09:02:30 attempt 3: BUSY, never again",
    ]


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.ANSWERED])
def test_what_is_retried_by_default(outcome: Outcome) -> None:
    permanent = {Outcome.INVALID_NUMBER, Outcome.BLOCKED, Outcome.NOT_AUTHORIZED}
    delay = retry_delay(outcomes=(outcome,), max_attempts=2, seconds_between_retries=60, service=service())
    assert (delay is None) == (outcome in permanent)


@pytest.mark.parametrize(("outcome", "retry"), [(o, retry) for o in (BUSY, INVALID_NUMBER) for retry in (True, False)])
def test_a_service_decides_otherwise(outcome: Outcome, retry: bool) -> None:
    by = service({outcome: RetryRule(retry=retry)})
    delay = retry_delay(outcomes=(outcome,), max_attempts=2, seconds_between_retries=60, service=by)
    assert delay == (RetryDelay(minutes(1), RetryDelayReason.REQUEST) if retry else None)


@pytest.mark.parametrize(("cap", "attempts"), [(0, 1), (1, 2), (2, 3)])
def test_a_cap_counts_retries_of_that_outcome_only(cap: int, attempts: int) -> None:
    by = service({BUSY: RetryRule(max_retries=cap)})
    assert len(schedule((BUSY,) * 9, 0, by)) == attempts
    assert len(schedule((NO_ANSWER,) * 9, 0, by)) == 9
    mixed = (NO_ANSWER, BUSY) * 9
    assert len(schedule(mixed, 0, by)) == 2 * attempts


@pytest.mark.parametrize(("max_attempts", "attempts"), [(1, 1), (2, 2), (101, 101)])
def test_no_more_attempts_than_permitted(max_attempts: int, attempts: int) -> None:
    assert len(schedule((BUSY,) * 120, 0, service(), max_attempts)) == attempts


@given(
    outcome=st.sampled_from(RETRIED),
    seconds=st.integers(0, 604800),
    min_delay_s=st.integers(0, 10**6),
    pause_s=st.integers(0, 10**6),
    ring_timeout_s=st.integers(1, 600),
)
def test_the_delay_is_the_largest_of_all_minimums(
    outcome: Outcome, seconds: int, min_delay_s: int, pause_s: int, ring_timeout_s: int
) -> None:
    by = service({outcome: RetryRule(min_delay=timedelta(seconds=min_delay_s))}, ring_timeout_s)
    rules = DialRules(min_seconds_between_retries={outcome: pause_s})
    minimums: dict[RetryDelayReason, int] = dict(
        zip(REASONS, (seconds, min_delay_s, pause_s, ring_timeout_s), strict=True)
    )
    if outcome is not INTERRUPTED:
        del minimums[RetryDelayReason.RING_TIMEOUT]
    delay = least_delay(outcome, seconds_between_retries=seconds, service=by, rules=rules)
    assert delay.duration == timedelta(seconds=max(minimums.values()))
    assert minimums[delay.reason] == max(minimums.values())
    again = retry_delay(outcomes=(outcome,), max_attempts=2, seconds_between_retries=seconds, service=by, rules=rules)
    assert again == delay


@pytest.mark.parametrize(
    ("outcome", "request_s", "rule_s", "pause_s", "ring_s", "decided"),
    [
        (BUSY, 600, 60, 0, 30, "600 s, REQUEST"),
        (BUSY, 0, 0, 0, 30, "0 s, REQUEST"),
        (BUSY, 60, 600, 0, 30, "600 s, RETRY_RULE"),
        (BUSY, 60, 60, 0, 30, "60 s, REQUEST"),
        (BUSY, 60, 600, 600, 30, "600 s, RETRY_RULE"),
        (BUSY, 60, 600, 601, 30, "601 s, DIAL_RULES"),
        (BUSY, 60, 0, 0, 90, "60 s, REQUEST"),
        (INTERRUPTED, 60, 0, 0, 90, "90 s, RING_TIMEOUT"),
        (INTERRUPTED, 90, 0, 0, 90, "90 s, REQUEST"),
        (INTERRUPTED, 0, 600, 0, 90, "600 s, RETRY_RULE"),
        (INTERRUPTED, 0, 0, 600, 90, "600 s, DIAL_RULES"),
    ],
)
def test_the_minimum_that_decides(
    outcome: Outcome, request_s: int, rule_s: int, pause_s: int, ring_s: int, decided: str
) -> None:
    by = service({outcome: RetryRule(min_delay=timedelta(seconds=rule_s))}, ring_s)
    rules = DialRules(min_seconds_between_retries={outcome: pause_s})
    delay = least_delay(outcome, seconds_between_retries=request_s, service=by, rules=rules)
    assert f"{delay.duration.total_seconds():.0f} s, {delay.reason}" == decided

"""What an attempt keeps of the time before it, and of the time until the next one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Attempt, Callback
from ringback.domain.dial_rules import DialRules
from ringback.domain.events import (
    AttemptEnded,
    Blocked,
    DialingStarted,
    Event,
    Leased,
    LeaseLapsed,
    LeaseReleased,
    LeaseTaken,
    Redescribed,
)
from ringback.domain.lifecycle import after
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.domain.planning import replan
from ringback.domain.quiet_hours import QuietHours
from ringback.domain.request import CallbackRequest
from ringback.domain.retry_delay import RetryDelayReason as Reason
from ringback.domain.service import RetryRule, Service
from ringback.domain.update import RequestUpdate
from tests.world.lifecycle import DAY, HOUR, NOW, SECOND, SERVICE, S, planned, walked

# NOW is a Monday, at noon.
UNTIL_ONE = replace(
    SERVICE, opening_hours=OpeningHours("UTC", (OpeningPeriod(1, 8 * 60, 13 * 60), OpeningPeriod(2, 8 * 60, 18 * 60)))
)
TUESDAY = datetime(2026, 3, 3, 8, tzinfo=UTC)
QUIET = DialRules(quiet_hours=QuietHours(from_minute=13 * 60, to_minute=14 * 60, zone="UTC"))


def dialing(**request: Any) -> Callback:
    return walked(planned(due_in=-HOUR, **request), Leased, DialingStarted)


def ended(
    callback: Callback,
    at: datetime,
    service: Service = SERVICE,
    outcome: Outcome = Outcome.BUSY,
    rules: DialRules | None = None,
) -> Callback:
    event = AttemptEnded(at=at, outcome=outcome, service=service, rules=rules or DialRules())
    return after(callback, event)


def told(attempt: Attempt) -> tuple[timedelta | None, Reason | None]:
    return attempt.retry_delay, attempt.retry_delay_reason


# --- The time until the next attempt ---------------------------------------------------------------------------------

CALL = dialing(between_s=600, expire_in=2 * DAY)
AT = CALL.update_time + SECOND
RULE = replace(SERVICE, retry_rules={Outcome.BUSY: RetryRule(min_delay=HOUR / 2)})


@pytest.mark.parametrize(
    ("service", "rules", "at", "outcome", "expected"),
    [
        (SERVICE, DialRules(), AT, Outcome.BUSY, (600 * SECOND, Reason.REQUEST)),
        (RULE, DialRules(), AT, Outcome.BUSY, (HOUR / 2, Reason.RETRY_RULE)),
        (
            RULE,
            DialRules(min_seconds_between_retries={Outcome.BUSY: 3600}),
            AT,
            Outcome.BUSY,
            (HOUR, Reason.DIAL_RULES),
        ),
        (
            replace(SERVICE, ring_timeout=HOUR / 4),
            DialRules(),
            AT,
            Outcome.INTERRUPTED,
            (HOUR / 4, Reason.RING_TIMEOUT),
        ),
        (UNTIL_ONE, DialRules(), AT, Outcome.BUSY, (600 * SECOND, Reason.REQUEST)),
        (UNTIL_ONE, DialRules(), NOW + HOUR, Outcome.BUSY, (TUESDAY - NOW - HOUR, Reason.CLOSED)),
        (UNTIL_ONE, DialRules(), NOW + HOUR, Outcome.INTERRUPTED, (TUESDAY - NOW - HOUR, Reason.CLOSED)),
        (SERVICE, QUIET, NOW + HOUR, Outcome.BUSY, (HOUR, Reason.CLOSED)),
        (replace(SERVICE, dial_rules=QUIET), DialRules(), NOW + HOUR, Outcome.BUSY, (HOUR, Reason.CLOSED)),
    ],
    ids=["request", "rule", "server", "ring", "open", "closed", "lost and closed", "quiet", "quiet by the service"],
)
def test_what_decided(
    service: Service, rules: DialRules, at: datetime, outcome: Outcome, expected: tuple[timedelta, Reason]
) -> None:
    callback = ended(CALL, at, service, outcome, rules)
    assert told(callback.attempts[-1]) == expected
    assert callback.next_attempt_time == at + expected[0]


def test_a_lease_that_lapses_waits_for_the_phone() -> None:
    service = replace(SERVICE, ring_timeout=HOUR / 4)
    callback = after(CALL, LeaseLapsed(at=AT, service=service))
    assert told(callback.attempts[-1]) == (HOUR / 4, Reason.RING_TIMEOUT)


@pytest.mark.parametrize(
    ("callback", "outcome", "state"),
    [
        (CALL, Outcome.INVALID_NUMBER, S.FAILED),
        (dialing(max_retries=0), Outcome.BUSY, S.FAILED),
        (dialing(between_s=600, expire_in=HOUR / 60), Outcome.BUSY, S.EXPIRED),
    ],
    ids=["permanent", "the last", "too late"],
)
def test_without_another_attempt_there_is_no_delay(callback: Callback, outcome: Outcome, state: S) -> None:
    callback = ended(callback, AT, outcome=outcome)
    assert callback.state is state
    assert told(callback.attempts[-1]) == (None, None)


def test_an_update_of_the_gap_leaves_what_was_decided() -> None:
    waiting = ended(CALL, AT)
    update = RequestUpdate(CallbackRequest(seconds_between_retries=1200), ("seconds_between_retries",))
    updated = after(waiting, replan(waiting, update, service=SERVICE, now=AT + SECOND))
    assert updated.next_attempt_time == AT + 1200 * SECOND
    assert told(updated.attempts[-1]) == (600 * SECOND, Reason.REQUEST)


# --- The time before it ----------------------------------------------------------------------------------------------


def offered_then(*kinds: type[Event]) -> Sequence[Attempt]:
    return walked(planned(due_in=-HOUR), Leased, *kinds).attempts


@pytest.mark.parametrize(
    ("kinds", "offered_s", "started_s"),
    [
        ((DialingStarted,), 1, 2),
        ((Redescribed, DialingStarted), 1, 3),
        ((Redescribed, Redescribed, DialingStarted), 1, 4),
        ((LeaseReleased, Leased, DialingStarted), 3, 4),
        ((Redescribed, LeaseReleased, Leased, DialingStarted), 4, 5),
        ((LeaseLapsed, Leased, Redescribed, DialingStarted), 3, 5),
        ((DialingStarted, LeaseTaken), 1, 2),
        ((DialingStarted, Redescribed), 1, 2),
        ((Blocked,), 1, 2),
        ((Redescribed, Blocked), 1, 3),
    ],
    ids=lambda value: "-".join(kind.__name__ for kind in value) if isinstance(value, tuple) else "",
)
def test_an_attempt_has_the_time_of_its_offer(kinds: tuple[type[Event], ...], offered_s: int, started_s: int) -> None:
    [attempt] = offered_then(*kinds)
    assert (attempt.offer_time, attempt.start_time) == (NOW + offered_s * SECOND, NOW + started_s * SECOND)


def test_what_was_never_offered_has_no_time_of_an_offer() -> None:
    [attempt] = walked(planned(due_in=-HOUR), Blocked).attempts
    assert attempt.offer_time is None


def test_the_lease_keeps_it_no_longer_than_it_is_needed() -> None:
    for kinds in ((Leased,), (Leased, DialingStarted), (Leased, Redescribed, DialingStarted)):
        lease = walked(planned(due_in=-HOUR), *kinds).lease
        assert lease is not None
        assert lease.offer_time is None

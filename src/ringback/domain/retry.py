"""When the next attempt may start: a pure function, tested as a printed schedule."""

from datetime import datetime, timedelta

from ringback.domain.dial_rules import NO_RULES, DialRules, least_pause
from ringback.domain.outcome import PERMANENT, Outcome
from ringback.domain.service import RetryRule, Service

_DEFAULT = RetryRule()


def next_attempt_time(
    *,
    outcomes: tuple[Outcome, ...],
    ended: datetime,
    max_attempts: int,
    seconds_between_retries: int,
    service: Service,
    rules: DialRules = NO_RULES,
) -> datetime | None:
    """Return when the next attempt may start, before opening hours are considered; None for never.

    `outcomes` are those of all attempts so far, the last one being the one that ended at `ended`.
    """
    outcome = outcomes[-1]
    rule = service.retry_rules.get(outcome, _DEFAULT)
    retried = rule.retry if rule.retry is not None else outcome not in PERMANENT
    if not retried or len(outcomes) >= max_attempts:
        return None
    if rule.max_retries is not None and outcomes.count(outcome) > rule.max_retries:
        return None
    delay = least_delay(outcome, seconds_between_retries=seconds_between_retries, service=service, rules=rules)
    return ended + delay


def least_delay(
    outcome: Outcome, *, seconds_between_retries: int, service: Service, rules: DialRules = NO_RULES
) -> timedelta:
    """Return the minimum delay after an attempt with this outcome: the largest of all minimums.

    A service, and the server by its dial rules, can lengthen the delay that was requested, never shorten it.
    """
    rule = service.retry_rules.get(outcome, _DEFAULT)
    delay = max(timedelta(seconds=seconds_between_retries), rule.min_delay, least_pause(rules, outcome))
    if outcome is Outcome.INTERRUPTED:
        # The dialer was lost: the phone may still be ringing, for as long as a ring may take.
        delay = max(delay, service.ring_timeout)
    return delay

"""How long the next attempt has to wait: a pure function, tested as a printed schedule."""

from datetime import timedelta

from ringback.domain.dial_rules import NO_RULES, DialRules, least_pause
from ringback.domain.outcome import PERMANENT, Outcome
from ringback.domain.retry_delay import RetryDelay, RetryDelayReason
from ringback.domain.service import RetryRule, Service

_DEFAULT = RetryRule()


def retry_delay(
    *,
    outcomes: tuple[Outcome, ...],
    max_attempts: int,
    seconds_between_retries: int,
    service: Service,
    rules: DialRules = NO_RULES,
) -> RetryDelay | None:
    """Return the delay before the next attempt, before opening hours are considered; None when there is none.

    `outcomes` are those of all attempts so far, the last one being the one that has just ended.
    """
    outcome = outcomes[-1]
    rule = service.retry_rules.get(outcome, _DEFAULT)
    retried = rule.retry if rule.retry is not None else outcome not in PERMANENT
    if not retried or len(outcomes) >= max_attempts:
        return None
    if rule.max_retries is not None and outcomes.count(outcome) > rule.max_retries:
        return None
    return least_delay(outcome, seconds_between_retries=seconds_between_retries, service=service, rules=rules)


def least_delay(
    outcome: Outcome, *, seconds_between_retries: int, service: Service, rules: DialRules = NO_RULES
) -> RetryDelay:
    """Return the minimum delay after an attempt with this outcome: the largest of all minimums.

    A service, and the server by its dial rules, can lengthen the delay that was requested, never shorten it.
    """
    rule = service.retry_rules.get(outcome, _DEFAULT)
    minima = [
        RetryDelay(timedelta(seconds=seconds_between_retries), RetryDelayReason.REQUEST),
        RetryDelay(rule.min_delay, RetryDelayReason.RETRY_RULE),
        RetryDelay(least_pause(rules, outcome), RetryDelayReason.DIAL_RULES),
    ]
    if outcome is Outcome.INTERRUPTED:
        # The dialer was lost: the phone may still be ringing, for as long as a ring may take.
        minima.append(RetryDelay(service.ring_timeout, RetryDelayReason.RING_TIMEOUT))
    return max(minima, key=lambda minimum: minimum.duration)

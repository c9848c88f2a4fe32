"""What is noted of accounts, of which there may be any number where each address is one."""

import pytest

from ringback.application import usage as module
from ringback.application.access import anybody
from ringback.application.limits import LimitRules, Limits
from ringback.application.usage import Usage
from ringback.domain.errors import QuotaExceeded, RateLimited
from tests.world.use_cases import ManualClock

LIMITS = LimitRules(default=Limits(creates_per_s=0.001, connections=1, open_callbacks=1))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", 10)


def addresses(count: int) -> list[str]:
    return [f"192.0.2.{number}" for number in range(count)]


def test_accounts_whose_connections_are_closed_are_forgotten() -> None:
    clock = ManualClock()
    usage = Usage(LIMITS, clock.monotonic)
    usage.connect(anybody("198.51.100.1"), "stays", set)
    for address in addresses(100):
        clock.running_s += 1
        usage.connect(anybody(address), address, lambda now=address: {now, "stays"})  # type: ignore[misc]
    assert len(usage._connections) <= 11
    with pytest.raises(QuotaExceeded):
        usage.connect(anybody("198.51.100.1"), "another", lambda: {"stays"})


def test_a_connection_that_is_newer_than_the_list_of_them_counts() -> None:
    """Or else any number could be opened while one list is good."""
    clock = ManualClock()
    usage = Usage(LIMITS, clock.monotonic)
    caller = anybody("192.0.2.1")
    usage.connect(caller, "closed", set)
    clock.running_s += 1
    usage.connect(caller, "1", set)
    usage.connect(anybody("192.0.2.2"), "other", set)
    clock.running_s += 0.01
    with pytest.raises(QuotaExceeded):
        usage.connect(caller, "2", lambda: {"1", "2", "other"})
    with pytest.raises(QuotaExceeded):
        usage.connect(caller, "3", lambda: {"1", "3", "other"})


def test_one_whose_bucket_is_not_full_is_not_forgotten_however_many_others_come() -> None:
    usage = Usage(LIMITS, ManualClock().monotonic)
    for address in addresses(100):
        usage.take_creates(anybody(address), 1)
    for address in addresses(100):
        with pytest.raises(RateLimited):
            usage.take_creates(anybody(address), 1)


def test_buckets_are_looked_through_less_often_than_accounts_come(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def look(*_: object) -> bool:
        nonlocal looks
        looks += 1
        return False

    monkeypatch.setattr("ringback.application.token_bucket.TokenBucket.is_full", look)
    usage = Usage(LIMITS, ManualClock().monotonic)
    for address in addresses(200):
        usage.take_creates(anybody(address), 1)
    assert looks <= 2 * 200

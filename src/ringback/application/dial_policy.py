"""The dial rules in force: the server's, which may be replaced while it serves, and those of each service."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from ringback.domain.dial_rules import DEFAULT_RULES, NO_RULES, Broken, DialRules, Judge, host_of, judge, used_up
from ringback.domain.service import Service

# The same targets recur: at the create, at each lease and report, at each retry.
_CACHED: Final = 4096


class DialPolicy:
    """One object for the whole server. What it says of a target is kept in memory until rules change."""

    def __init__(self, rules: DialRules = DEFAULT_RULES) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._use(rules)

    def _use(self, rules: DialRules) -> None:
        self._rules = rules
        self._judge = _remembering(rules)
        # By service: its rules, and what judges by them.
        self._narrowed: dict[str, tuple[DialRules, Callable[[str, str], Broken | None]]] = {}

    @property
    def rules(self) -> DialRules:
        """The server's rules."""
        return self._rules

    def replace(self, rules: DialRules) -> None:
        """Judge by these rules from now on, instead of the server's rules so far."""
        if rules == self._rules:
            return
        self._use(rules)
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the server's rules were replaced."""
        self._listeners.append(listener)

    def judge_for(self, service: Service | None) -> Judge:
        """Return what judges targets on behalf of a service; by the server's rules alone, where there is none."""
        return partial(self._broken, service)

    def broken(self, service: Service, dial_target: str) -> Broken | None:
        """Return the rule, of the server or of the service, that a target breaks."""
        return self._broken(service, dial_target)

    def _broken(self, service: Service | None, dial_target: str) -> Broken | None:
        region = "" if service is None else service.default_region
        broken = self._judge(dial_target, region)
        if broken is not None or service is None or service.dial_rules is NO_RULES:
            return broken
        return self._judge_of(service)(dial_target, region)

    def _judge_of(self, service: Service) -> Callable[[str, str], Broken | None]:
        known = self._narrowed.get(service.service_id)
        if known is None or known[0] is not service.dial_rules:
            known = self._narrowed[service.service_id] = service.dial_rules, _remembering(service.dial_rules)
        return known[1]

    def refused_address(self, service: Service, dial_target: str, address: str) -> Broken | None:
        """Return the rule, of the server or of the service, that a target breaks if its host leads to this address.

        What a name leads to is found out when it is dialled, and may be another address then than it was before.
        """
        host = host_of(dial_target)
        return self._rules.refused_address(address, host) or service.dial_rules.refused_address(address, host)

    def used_up(self, service: Service, dialled: Sequence[datetime], at: datetime) -> Broken | None:
        """Return the rule that forbids one more dial-out to a number on the day of `at`.

        `dialled` is when the earlier ones began, those of the last two days at least.
        """
        return used_up((self._rules, service.dial_rules), dialled, at, service.opening_hours.time_zone)


def _remembering(rules: DialRules) -> Callable[[str, str], Broken | None]:
    return lru_cache(maxsize=_CACHED)(partial(judge, rules))

"""Dial rules: which targets may be dialled, how often, and when.

Two sets of rules hold for each call, the server's and the service's, and both must allow it: so a service can only
narrow what the server allows. Judged is what would be dialled (`dialled_number.py`), and where (`sip_hosts.py`).
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from msgspec import Struct, field

from ringback.domain import dialled_number
from ringback.domain.dialled_number import Dialled
from ringback.domain.number_kinds import NumberKind, kinds_of
from ringback.domain.opening_hours import OpeningHours
from ringback.domain.outcome import Outcome
from ringback.domain.quiet_hours import QuietHours
from ringback.domain.sip_hosts import EVERY_HOST, RANGES, Address, Hosts, addresses_of, is_like_address, is_proper
from ringback.domain.sip_uri import SipUri
from ringback.domain.time_zone import zone_named

MAX_ATTEMPTS_PER_DAY: Final = 10_000
MAX_PATTERNS: Final = 1000
EVERY_NUMBER: Final = "+"
ATTEMPTS: Final = "attempts_per_number_and_day"

_PREFIX: Final = re.compile(r"\+[0-9]{0,15}", re.ASCII)
_KINDS: Final = tuple(kind.value for kind in NumberKind)


class Broken(Struct, frozen=True):
    """A rule that forbids a call; the sentence continues one about the target, and has no number in it."""

    rule: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.sentence}"


Judge = Callable[[str], Broken | None]
"""Returns the rule that a canonical target breaks, by the rules in force for a service; None when it breaks none."""


def judge_nothing(_: str) -> None:
    """Return None: no rules are in force."""


class PhoneRules(Struct, frozen=True, omit_defaults=True, dict=True):
    """Rules for telephone numbers. By themselves they deny nothing."""

    # Prefixes such as "+41"; the longest match of both decides, and of equal ones `deny`.
    allow: tuple[str, ...] = (EVERY_NUMBER,)
    deny: tuple[str, ...] = ()
    deny_kinds: frozenset[NumberKind] = frozenset()

    @cached_property
    def _prefixes(self) -> Mapping[str, bool]:
        return dict.fromkeys(self.allow, True) | dict.fromkeys(self.deny, False)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._prefixes), default=0)

    @cached_property
    def by_prefix(self) -> bool:
        """Whether it depends on the prefix of a number whether it is allowed."""
        return self.allow != (EVERY_NUMBER,) or self.deny != ()

    def by_number(self, number: str) -> Broken | None:
        for end in range(min(len(number), self._longest), 0, -1):
            if (allowed := self._prefixes.get(number[:end])) is not None:
                return None if allowed else Broken("phone.deny", "begins with a prefix that is denied")
        return Broken("phone.allow", "begins with none of the prefixes that are allowed")


class SipRules(Struct, frozen=True, omit_defaults=True, dict=True):
    """Rules for the hosts of SIP URIs. By themselves they deny none."""

    # An address or a network among them comes before `deny_hosts`.
    allow_hosts: tuple[str, ...] = (EVERY_HOST,)
    deny_hosts: tuple[str, ...] = ()

    @cached_property
    def _allowed(self) -> Hosts:
        return Hosts(self.allow_hosts)

    @cached_property
    def _denied(self) -> Hosts:
        return Hosts(self.deny_hosts)

    @cached_property
    def allows_names(self) -> bool:
        """Whether every host is allowed that is a name, and no address in any notation."""
        return self._allowed.has_every_host and all(pattern in RANGES for pattern in self.deny_hosts)

    def by_host(self, host: str) -> Broken | None:
        name = host.rstrip(".")
        addresses = addresses_of(host)
        # Of names, "localhost" alone has an address; who allows it by this name means it.
        if addresses and self._allowed.names(name):
            return None
        if self._denied.has_name(name) or (self._denied.has_every_host and not addresses):
            return Broken("sip.deny_hosts", "has a host that is denied")
        if addresses:
            return next(filter(None, map(self._by_written_address, addresses)), None)
        if is_like_address(name) or not is_proper(name):
            return Broken("sip.deny_hosts", "has a host, in digits or in punycode, that stands for no address or name")
        if not (self._allowed.has_every_host or self._allowed.has_name(name)):
            return Broken("sip.allow_hosts", "has a host that is none of those that are allowed")
        return None

    def refused_address(self, address: str, host: str = "") -> Broken | None:
        """Return the rule that is broken if the host of a target leads to this address; None when it may be called.

        A host that is allowed by its very name may lead to any address: who allows it by this name means it.
        """
        if self._allowed.names(host.rstrip(".")):
            return None
        addresses = addresses_of(address)
        if not addresses:
            return Broken("sip.deny_hosts", "has a host that leads to something else than an address")
        return next(filter(None, map(self._by_range, addresses)), None)

    def _by_range(self, address: Address) -> Broken | None:
        for reached in addresses_of(str(address)):
            denied = self._denied.has_every_host or self._denied.has_address(reached)
            if denied and not self._allowed.has_address(reached):
                return Broken("sip.deny_hosts", "has a host whose address is of a range that is denied")
        return None

    def _by_written_address(self, address: Address) -> Broken | None:
        if (broken := self._by_range(address)) is not None:
            return broken
        if not (self._allowed.has_every_host or self._allowed.has_address(address)):
            return Broken("sip.allow_hosts", "has a host whose address is none of those that are allowed")
        return None


class DialRules(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be dialled, and how often. By themselves they deny nothing: so the rules of a service narrow nothing."""

    phone: PhoneRules = PhoneRules()
    sip: SipRules = SipRules()
    # Dial-outs that may begin within a day of the service's zone, over all callbacks and services; None: any number.
    attempts_per_number_and_day: int | None = None
    quiet_hours: QuietHours | None = None
    # The least delay after an outcome. Of the server's rules only: a service has `retry_rules`.
    min_seconds_between_retries: Mapping[Outcome, int] = field(default_factory=dict)

    def refused_address(self, address: str, host: str = "") -> Broken | None:
        """Return the rule that is broken if the host of a target leads to this address; see `SipRules`."""
        return self.sip.refused_address(address, host)


def parse_prefix(text: str) -> str:
    """Return a prefix of global numbers. Raise `ValueError`."""
    if not _PREFIX.fullmatch(text):
        raise ValueError('is not a prefix such as "+41", or "+" for every number')
    return text


def parse_kind(text: str) -> NumberKind:
    """Return a kind of numbers by its name. Raise `ValueError`."""
    if text not in _KINDS:
        raise ValueError(f"{text!r} is none of the kinds {', '.join(_KINDS)}")
    return NumberKind(text)


NO_RULES: Final = DialRules()
DEFAULT_RULES: Final = DialRules(
    phone=PhoneRules(
        deny_kinds=frozenset(
            {
                # What a call costs, or whom it pays.
                NumberKind.PREMIUM_RATE,
                NumberKind.SHARED_COST,
                NumberKind.SATELLITE,
                NumberKind.INTERNATIONAL_NETWORK,
                NumberKind.PERSONAL_NUMBER,
                # Nobody who requested a callback is there.
                NumberKind.SHORT_CODE,
                NumberKind.EMERGENCY,
                NumberKind.SERVICE_CODE,
                NumberKind.PAGER,
                NumberKind.VOICEMAIL,
            }
        )
    ),
    sip=SipRules(deny_hosts=("loopback", "private", "link_local")),
    attempts_per_number_and_day=20,
)
"""The rules of a server that has no others."""


# --- What is judged ------------------------------------------------------------------------------------------------

# Others could change where a request goes (maddr, route, received, tgrp), or what it is (method), or have a media
# server fetch something (voicexml, play). There are more than a list can have, so the harmless ones are listed.
_URI_PARAMETERS: Final = frozenset({"transport", "user", "lr", "ob", "gr", "comp", "sigcomp-id", "ttl"})
_HEADERS: Final = frozenset({"subject", "priority", "organization", "accept-language", "user-to-user"})
_PRIORITIES: Final = frozenset({"non-urgent", "normal", "urgent"})  # without "emergency"
# The user part is a number, says the parameter `user`.
_PHONE_USERS: Final = frozenset({"phone", "dialstring"})
# Parameters of a telephone-subscriber: those that dial nothing, and those whose value is dialled.
_NUMBER_PARAMETERS: Final = frozenset({"ext", "isub", "npdi", "enumdi"})
_ROUTING_NUMBER: Final = "rn"
_CONTEXTS: Final = frozenset({"phone-context", "rn-context"})
# Of a domain nothing follows; any other context is put in front of a number.
_PREFIX_CONTEXT: Final = re.compile(r"[+0-9][^A-Za-z]*", re.ASCII)
_MAX_QUOTED: Final = 32
# What these request is no part of a name, either.
_TRUNK_PARAMETERS: Final = frozenset({"cic", "tgrp", "trunk-context", "postd"})


# A name at the name of a host, which dials no number, and stands for no address of its own: nearly every SIP target.
# What is left out for caution is judged in full.
_NAME_AT_NAME: Final = re.compile(
    r"sips?:[A-Za-z][A-Za-z0-9._-]*@(?!.*xn--)(?:[a-z0-9-]+\.)*(?![a-z0-9-]*(?:local|loopback))[a-z][a-z0-9-]*(?::[0-9]+)?",
    re.ASCII,
)
# Parameters, headers, or an IPv6 address.
_HAS_MORE: Final = re.compile(r"[;?\[]")


def judge(rules: DialRules, uri: str, region: str = "") -> Broken | None:
    """Return the first rule that a canonical target breaks; None when it may be dialled.

    `region` is that of national numbers, where it is known: the service's.
    """
    if uri.startswith("tel:"):
        number = uri.removeprefix("tel:").partition(";")[0]
        return _by_number(rules.phone, dialled_number.of_number(number))
    if rules.sip.allows_names and _NAME_AT_NAME.fullmatch(uri):
        return None
    if not _HAS_MORE.search(uri):  # nearly all of them: it need not be parsed
        user, _, place = uri.partition(":")[2].rpartition("@")
        return _by_user(rules.phone, user, region) or rules.sip.by_host(place.partition(":")[0])
    sip = SipUri.parse(uri)
    is_phone = any(name == "user" and value in _PHONE_USERS for name, value in sip.parameters)
    return (
        _by_parameters(sip)
        or _by_user(rules.phone, sip.user or "", region, is_phone=is_phone)
        or rules.sip.by_host(sip.host)
    )


def host_of(uri: str) -> str:
    """Return the host of a canonical target; "" for a `tel:` URI, which has none."""
    return "" if uri.startswith("tel:") else SipUri.parse(uri).host


def numbers_of(uri: str, region: str = "") -> Collection[str]:
    """Return the global numbers that a canonical target may dial."""
    if uri.startswith("tel:"):
        return (uri.removeprefix("tel:").partition(";")[0],)
    return dialled_number.of_user(SipUri.parse(uri).user or "", region).numbers


def _by_number(rules: PhoneRules, dialled: Dialled) -> Broken | None:
    kinds = dialled.kinds.union(*map(kinds_of, dialled.numbers)) if rules.deny_kinds else dialled.kinds
    for kind in NumberKind:
        if kind in kinds and kind in rules.deny_kinds:
            return Broken("phone.deny_kinds", f"is a number of a kind that is denied: {kind}")
    if not rules.by_prefix:
        return None
    if dialled.unreadable:
        rule = "phone.deny" if rules.deny else "phone.allow"
        return Broken(rule, "cannot be read as a number with a country code, so its prefix cannot be judged")
    return next(filter(None, map(rules.by_number, sorted(dialled.numbers))), None)


def _by_parameters(uri: SipUri) -> Broken | None:
    for name, _ in uri.parameters:
        if name not in _URI_PARAMETERS:
            return Broken("sip.parameters", f"has {_the(name)} parameter, which may change where or what the call is")
    for name, value in uri.headers:
        if name not in _HEADERS or (name == "priority" and dialled_number.plain(value).lower() not in _PRIORITIES):
            return Broken("sip.headers", f"has {_the(name)} header, which may change where or what the call is")
    return None


def _the(name: str) -> str:
    """Return how a name is quoted in a sentence that may not have a number in it."""
    return "a" if any(map(str.isdigit, name)) or len(name) > _MAX_QUOTED else f"the {name!r}"


def _by_user(rules: PhoneRules, user: str, region: str, *, is_phone: bool = False) -> Broken | None:
    if dialled_number.is_name(user):
        return None
    number, *parameters = dialled_number.plain(user).split(";")
    named = [(name.strip().lower(), value) for name, _, value in (each.partition("=") for each in parameters)]
    dialled = [dialled_number.of_user(number, region, is_phone=is_phone)]
    for name, _ in named:
        if name in _NUMBER_PARAMETERS or name in _CONTEXTS or name == _ROUTING_NUMBER:
            continue
        if dialled[0] != dialled_number.NOTHING or name in _TRUNK_PARAMETERS:
            return Broken("sip.parameters", f"has {_the(name)} parameter in its user part, which was not judged")
    routing = [value for name, value in named if name == _ROUTING_NUMBER]
    contexts = [value for name, value in named if name in _CONTEXTS and _PREFIX_CONTEXT.fullmatch(value)]
    dialled += [dialled_number.of_user(each, region) for each in routing]
    dialled += [
        dialled_number.of_user(f"{context}{each}", region) for context in contexts for each in (number, *routing)
    ]
    return next(filter(None, (_by_number(rules, each) for each in dialled)), None)


# --- How often, and when -------------------------------------------------------------------------------------------


def attempts_allowed(rules: Sequence[DialRules]) -> int | None:
    """Return how many dial-outs may begin in a day by all of these rules; None for any number."""
    return min(
        (r.attempts_per_number_and_day for r in rules if r.attempts_per_number_and_day is not None), default=None
    )


def used_up(rules: Sequence[DialRules], dialled: Sequence[datetime], at: datetime, zone: str) -> Broken | None:
    """Return the rule that forbids a further dial-out on the day of `at`; `dialled` is when the earlier ones began.

    One that seems to be yet to come began before the clock was set back: it counts as of now.
    """
    allowed = attempts_allowed(rules)
    if allowed is None or len(dialled) < allowed:
        return None
    place = zone_named(zone) or UTC
    day = at.astimezone(place).date()
    if sum(min(begun, at).astimezone(place).date() == day for begun in dialled) < allowed:
        return None
    return Broken(ATTEMPTS, f"was dialled {allowed} times today, which is all that is allowed in a day")


def waking_hours(rules: Sequence[DialRules], uri: str, region: str, zone: str) -> Sequence[OpeningHours]:
    """Return hours that are all open when it is not quiet for the target, by any of these rules.

    `zone` is that of the service, for a target without a number.
    """
    quiet = [r.quiet_hours for r in rules if r.quiet_hours is not None]
    if not quiet:
        return ()
    numbers = sorted(numbers_of(uri, region)) or [""]
    return [hours for each in quiet for number in numbers for hours in each.waking_hours(number, zone)]


def least_pause(rules: DialRules, outcome: Outcome) -> timedelta:
    """Return the least delay after an attempt with this outcome."""
    return timedelta(seconds=rules.min_seconds_between_retries.get(outcome, 0))

"""Addresses that a host of a target leads to, as a resolver says at the time of the call."""

from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ringback.domain.dial_rules import DEFAULT_RULES, NO_RULES, DialRules, SipRules, judge

ADDRESSES = st.ip_addresses().map(str)
NETWORKS = st.sampled_from(["10.0.0.0/8", "127.0.0.1/32", "fc00::/7", "2001:db8::/32", "198.51.100.0/24"])
HOSTS = st.lists(NETWORKS | st.sampled_from(["*", "pbx.example", "*.example"]), unique=True).map(tuple)
DENIED = st.lists(NETWORKS | st.sampled_from(["*", "private", "loopback", "*.example"]), unique=True).map(tuple)


def rules(*allow: str, deny: tuple[str, ...] = DEFAULT_RULES.sip.deny_hosts) -> DialRules:
    return DialRules(sip=SipRules(allow_hosts=allow or ("*",), deny_hosts=deny))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.31.255.255",
        "192.168.1.5",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::5",
        "ff02::1",
        # IPv4 within IPv6: mapped, translated, tunnelled.
        "::ffff:10.1.2.3",
        "::ffff:127.0.0.1",
        "64:ff9b::10.1.2.3",
        "2002:a01:203::1",
        "::10.1.2.3",
        "[::1]",
        # What a broken or hostile resolver may return.
        "",
        "pbx.example",
        "10.1.2.3.4",
        "0x7f.1",
    ],
)
def test_the_default_rules_refuse_it(address: str) -> None:
    broken = DEFAULT_RULES.refused_address(address)
    assert broken is not None
    assert broken.rule == "sip.deny_hosts"
    assert not any(sign.isdigit() for sign in broken.sentence)


@pytest.mark.parametrize("address", ["203.0.113.7", "8.8.8.8", "2001:4860:4860::8888", "64:ff9b::8.8.8.8"])
def test_the_default_rules_let_it_be_called(address: str) -> None:
    assert DEFAULT_RULES.refused_address(address) is None


ALLOWED: Mapping[str, tuple[DialRules, str, str]] = {
    "a network that is allowed comes first": (rules("*", "10.0.0.0/8"), "10.1.2.3", "pbx.example"),
    "an address that is allowed": (rules("*", "fd00::5/128"), "fd00::5", "pbx.example"),
    "a host that is allowed by name": (rules("pbx.example"), "192.168.1.5", "pbx.example"),
    "the same with a dot": (rules("pbx.example"), "192.168.1.5", "pbx.example."),
    "nothing is denied": (rules(deny=()), "127.0.0.1", "pbx.example"),
    "no rules": (NO_RULES, "127.0.0.1", "pbx.example"),
}
REFUSED: Mapping[str, tuple[DialRules, str, str]] = {
    "another network is allowed": (rules("*", "10.0.0.0/8"), "192.168.1.5", "pbx.example"),
    "half of what it stands for is allowed": (rules("*", "64:ff9b::/96"), "64:ff9b::10.1.2.3", "pbx.example"),
    # Its owner may have any name below it, but so may others.
    "its domain is allowed": (rules("*.example"), "192.168.1.5", "pbx.example"),
    "every host is allowed": (rules("*"), "192.168.1.5", "pbx.example"),
    "another name is allowed": (rules("pbx.example"), "192.168.1.5", "pbx2.example"),
    "there is no name": (rules("pbx.example"), "192.168.1.5", ""),
    "a network of the public is denied": (rules(deny=("203.0.113.0/24",)), "203.0.113.7", "pbx.example"),
    "every host is denied": (rules(deny=("*",)), "203.0.113.7", "pbx.example"),
}


@pytest.mark.parametrize(("allowing", "address", "host"), ALLOWED.values(), ids=ALLOWED)
def test_allowed(allowing: DialRules, address: str, host: str) -> None:
    assert allowing.refused_address(address, host) is None


@pytest.mark.parametrize(("refusing", "address", "host"), REFUSED.values(), ids=REFUSED)
def test_refused(refusing: DialRules, address: str, host: str) -> None:
    broken = refusing.refused_address(address, host)
    assert broken is not None
    assert broken.rule == "sip.deny_hosts"


@given(ADDRESSES, HOSTS, DENIED)
def test_an_address_that_may_be_written_may_be_led_to(
    address: str, allow: tuple[str, ...], deny: tuple[str, ...]
) -> None:
    """A dialer may have every address judged, also one that stands in the target itself."""
    host = f"[{address}]" if ":" in address else address
    judged = rules(*allow, deny=deny)
    assume(judge(judged, f"sip:anna@{host}") is None)
    assert judged.refused_address(address, host) is None


@given(ADDRESSES, DENIED)
def test_a_name_leads_nowhere_that_may_not_be_written(address: str, deny: tuple[str, ...]) -> None:
    host = f"[{address}]" if ":" in address else address
    judged = rules(deny=deny)
    written = judge(judged, f"sip:anna@{host}")
    assert (judged.refused_address(address, "pbx.example") is None) is (written is None)

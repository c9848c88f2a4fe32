"""The server's dial rules and those of a service, together."""

from msgspec.structs import replace

from ringback.application.dial_policy import DialPolicy
from ringback.domain.dial_rules import DEFAULT_RULES, DialRules, SipRules
from tests.world.lifecycle import SERVICE


def rules(*allow: str, deny: tuple[str, ...] = DEFAULT_RULES.sip.deny_hosts) -> DialRules:
    return DialRules(sip=SipRules(allow_hosts=allow or ("*",), deny_hosts=deny))


def test_both_sets_of_rules_hold() -> None:
    policy = DialPolicy(rules("pbx.example", "10.0.0.0/8"))
    narrow = replace(SERVICE, dial_rules=rules(deny=("10.1.0.0/16", "203.0.113.0/24")))
    wide = replace(SERVICE, dial_rules=rules("192.168.0.0/16"))
    cases = [
        (SERVICE, "10.1.2.3", True),
        (narrow, "10.2.2.3", True),
        (narrow, "10.1.2.3", False),  # by the service
        (narrow, "203.0.113.7", False),
        (SERVICE, "192.168.1.5", False),  # by the server
        (wide, "192.168.1.5", False),  # a service allows nothing that the server refuses
    ]
    for service, address, may_be_called in cases:
        broken = policy.refused_address(service, "sip:anna@other.example", address)
        assert (broken is None) is may_be_called, (service.dial_rules, address)
    assert policy.refused_address(SERVICE, "sip:anna@pbx.example", "192.168.1.5") is None
    assert policy.refused_address(SERVICE, "tel:+41785556677", "192.168.1.5") is not None

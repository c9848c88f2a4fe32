"""What may be dialled: a table of attempts to dial what must not be, and rules that hold for all targets."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from phonenumbers import PhoneNumberType

from ringback.domain.dial_rules import DEFAULT_RULES, NO_RULES, DialRules, PhoneRules, SipRules, judge
from ringback.domain.dialled_number import EMERGENCY
from ringback.domain.number_kinds import ITU_CODES, NumberKind, kinds_of
from ringback.domain.sip_hosts import parse_denied, parse_pattern
from ringback.domain.target import InvalidTarget, Target, phone_of

DENIED = {
    "phone.deny_kinds": [
        # Premium rate and others of a country, valid or only like a valid one.
        "tel:+19005551234",
        "tel:+1-900-555-1234;ext=12",
        "tel:+19001234567",
        "tel:+41900123456",
        "tel:+41840123456",
        "tel:+447012345678",
        "sip:+1900555123499@h.example",
        "sip:+41(0)900123456@h.example",
        # Codes of the ITU's own, which the library takes for mobiles.
        "tel:+870773111234",
        "tel:+881612345678",
        "tel:+8821612345678",
        "tel:+883510012345678",
        "tel:+979123456789",
        "tel:+80812345678",
        "sip:+999123456@h.example",
        # Spellings of a number with country code.
        "sip:+19005551234@h.example",
        "sips:+19005551234@h.example:5061;transport=tls",
        "sip:19005551234@h.example;user=phone",
        "sip:%2B19005551234@h.example",
        "sip:%252B19005551234@h.example",
        "sip:+1%2D900%2D5551234@h.example",
        "sip:1(900)555.1234@h.example",
        "sip:+1!900~5551234@h.example",
        "sip:%EF%BC%8B19005551234@h.example",
        "sip:+19005551234;ext=7@h.example",
        "sip:tel%3A+19005551234@h.example",
        "sip:sip%3Atel%3A+19005551234@h.example",
        "sip:+19005551234%40elsewhere@h.example",
        "sip:+1%E2%80%8B9005551234@h.example",
        "sip:+1%C0%B9005551234@h.example",
        "sip:%E0%80%AB%E0%80%B19005551234@h.example",
        # What has the "+" of a number with country code, or is said to be one, has digits on its letters.
        "sip:+1900CALLNOW@h.example",
        "sip:1-900-CALL-NOW@h.example;user=phone",
        "sip:+19005551234x99@h.example",
        "sip:19005551234x99@h.example",
        "sip:0019005551234%2500anna@h.example",
        # A "+" in front of a dial-out code, which a gateway drops or does not look at.
        "sip:+0019005551234@h.example",
        "sip:+01119005551234@h.example",
        "sip:+00881612345678@h.example",
        "sip:+0900123456@h.example",
        # Several numbers, one after the other or at once.
        "sip:1001,,19005551234@h.example",
        "sip:1001p19005551234@h.example",
        "sip:1001%2F19005551234@h.example",
        "sip:+41785556677%26+19005551234@h.example",
        "sip:+41785556677&SIP%2F19005551234@h.example",
        "sip:anna%7C19005551234@h.example",
        # A digit more or less than the valid numbers of a range.
        "sip:+9949002001231@h.example",
        "sip:+12684061234123@h.example",
        "sip:+601600123451@h.example",
        # Codes that a country's directories and services have behind its country code.
        "sip:+33118712@h.example",
        "sip:0033118712@h.example",
        "tel:+4911833",
        # Dial-out codes.
        "sip:0019005551234@h.example",
        "sip:01119005551234@h.example",
        "sip:019005551234@h.example",
        "sip:919005551234@h.example",
        "sip:901119005551234@h.example",
        "sip:000019005551234@h.example",
        "sip:00+19005551234@h.example",
        "sip:9w19005551234@h.example",
        "sip:0014419005551234@h.example",
        "sip:00881612345678@h.example",
        # National ones, in ranges that many countries share.
        "sip:0900123456@h.example",
        "sip:00900123456@h.example",
        "sip:9005551234@h.example",
        "sip:0190123456@h.example",
        # Number portability, and a context.
        "sip:+41785556677;rn=+19005551234@h.example",
        "sip:+41785556677;npdi;rn=0019005551234@h.example",
        "sip:+41785556677%3Brn=+19005551234@h.example",
        "sip:alice;rn=+19005551234@h.example",
        "sip:5551234;phone-context=+1900@h.example",
        "sip:5551234;phone-context=%2B1(900)@h.example",
        "sip:5551234;phone-context=1900@h.example",
        "sip:5551234;phone-context=001900@h.example",
        "sip:+41785556677;rn=5551234;rn-context=+1900@h.example",
        "sip:anna;rn-context=+1900;rn=5551234@h.example",
        # Feature codes, and what is behind them.
        "sip:*21*0785556677%23@h.example",
        "sip:%23%23@h.example",
        "sip:*97@h.example",
        "sip:*vm@h.example",
        "sip:0*9@h.example",
        # Emergency numbers.
        "sip:112@h.example",
        "sip:911@h.example",
        "sip:000@h.example",
        "sip:%39%31%31@h.example",
        "sip:9-1-1@h.example",
        "sip:911/@h.example",
        "sip:%EF%BC%99%EF%BC%91%EF%BC%91@h.example",
        "sip:%D9%A9%D9%A1%D9%A1@h.example",
        "sip:911;ext=1@h.example",
        "sip:911%40x@h.example",
        "sip:0112@h.example",
        "sip:9911@h.example",
        "sip:00112@h.example",
        "sip:1911@h.example",
        "sip:+112@h.example",
        "sip:+1911@h.example",
        "sip:+410117@h.example",
        "sip:0041117@h.example",
        "sip:9011911@h.example",
        "sip:911;phone-context=example.com@h.example;user=phone",
        "sip:%C0%B9%C0%B1%C0%B1@h.example",
        "sip:911w1234@h.example",
        "sip:911w@h.example",
        "sip:9+11@h.example",
        "sip:anna%26911@h.example",
        "sip:+19115551234@h.example",
        "tel:+19115551234",
        "sip:19115551234@h.example",
    ],
    "sip.parameters": [
        "sip:anna@h.example;maddr=10.0.0.1",
        "sip:anna@h.example;MAddr=10.0.0.1",
        "sip:anna@h.example;m%61ddr=10.0.0.1",
        "sip:anna@h.example;method=REFER",
        "sip:anna@h.example;received=10.0.0.1",
        "sip:anna@h.example;route=x",
        "sip:anna@h.example;voicexml=http:%2F%2Fx",
        "sip:anna@h.example;tgrp=expensive;trunk-context=x",
        "sip:anna;tgrp=expensive@h.example",
        "sip:+41785556677;cic=+1288@h.example",
        "sip:+41785556677;postd=0019005551234@h.example",
        "sip:+41785556677;tgrp=expensive@h.example",
    ],
    "sip.headers": [
        "sip:anna@h.example?replaces=x",
        "sip:anna@h.example?Route=%3Csip:x%3E",
        "sip:anna@h.example?subject=x&%72oute=x",
        "sip:anna@h.example?body=x",
        "sip:anna@h.example?priority=emergency",
        "sip:anna@h.example?Priority=%45mergency",
        "sip:anna@h.example?P-Asserted-Identity=x",
    ],
    "sip.deny_hosts": [
        "sip:anna@127.0.0.1",
        "sip:anna@127.9.9.9:5070",
        "sip:anna@0.0.0.0",
        "sip:anna@0x7f000001",
        "sip:anna@0x7f.0x0.0x0.0x1",
        "sip:anna@0X7F.0.0.0x1",
        "sip:anna@localhost",
        "sip:anna@LocalHost.",
        "sip:anna@db.localhost",
        "sip:anna@localhost.localdomain",
        "sip:anna@ip6-localhost",
        "sip:anna@[::1]",
        "sip:anna@[::]",
        "sip:anna@[::ffff:127.0.0.1]",
        "sip:anna@[::127.0.0.1]",
        "sip:anna@[64:ff9b::7f00:1]",
        "sip:anna@[2002:7f00:1::]",
        "sip:anna@10.1.2.3",
        "sip:anna@172.31.255.255",
        "sip:anna@192.168.0.1",
        "sip:anna@100.64.0.1",
        "sip:anna@224.0.0.1",
        "sip:anna@[fd00::1]",
        "sip:anna@[::ffff:10.0.0.1]",
        "sip:anna@0xa.1.2.0x3",
        "sip:anna@169.254.169.254",
        "sip:anna@[fe80::1]",
        "sip:+41785556677@10.0.0.1;user=phone",
        "sip:anna@xn--a.example",
        # Of ranges for special purposes, and what is written like an address and is none.
        "sip:anna@[64:ff9b:1:7f00:0:100:808:808]",
        "sip:anna@[100:0:0:1::1]",
        "sip:anna@[2001:2::1]",
        "sip:anna@[2001:10::1]",
        "sip:anna@[5f00::1]",
        "sip:anna@0x17f000001",
        "sip:anna@08.0x1",
        "sip:anna@1.2.3.0x100",
        "sip:anna@a.b.0x7f",
    ],
}
ALLOWED = [
    "tel:+41785556677",
    "tel:+12025550123;ext=911",
    "tel:+41800123456",
    "sip:h.example",
    "sip:anna@h.example",
    "sips:anna@h.example:5061;transport=tls;lr",
    "sip:anna@h.example?subject=callback",
    "sip:anna;day=tuesday@h.example",
    "sip:anna@203.0.113.7",
    "sip:anna@[2001:db8::1]",
    "sip:anna@xn--bcher-kva.example",
    "sip:busy.answer@sim.example",
    "sip:agent911@h.example",
    "sip:911team@h.example",
    "sip:1@h.example",
    "sip:28@h.example",
    "sip:1001@h.example",
    "sip:4711@h.example",
    "sip:200@h.example",
    "sip:+41785556677@h.example",
    "sip:+41785556677;npdi@h.example",
    "sip:+41785556677;ext=12@h.example",
    "sip:41785556677@h.example",
    "sip:0041785556677@h.example",
    "sip:00041785556677@h.example",
    "sip:0785556677@h.example",
    "sip:01141785556677@h.example",
    "sip:12025550123@h.example",
    "sip:912025550123@h.example",
    "sip:2025550123@h.example",
    "sip:030123456789@h.example",
    "sip:02079460000@h.example",
    "sip:+41785556677x12@h.example",
    "sip:anna@h.example?priority=urgent",
    "sip:19045551234@h.example",
    "sip:9045551234@h.example",
    "sip:905012345678@h.example",
    "sip:00905012345678@h.example",
    "sip:00381601234567@h.example",
    "sip:2024conference@h.example",
    "sip:20240101anna@h.example",
]


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in DENIED.items() for text in texts])
def test_the_default_rules_deny_it(rule: str, text: str) -> None:
    broken = judge(DEFAULT_RULES, Target.parse(text).uri)
    assert broken is not None
    assert broken.rule == rule


@pytest.mark.parametrize("text", ALLOWED)
def test_the_default_rules_allow_it(text: str) -> None:
    assert judge(DEFAULT_RULES, Target.parse(text).uri) is None


@pytest.mark.parametrize(
    "text", ["sip:anna@2130706433", "sip:anna@0177.0.0.1", "sip:anna@127.1", "sip:anna@127.0.0.1."]
)
def test_other_notations_of_an_address_are_no_targets_at_all(text: str) -> None:
    with pytest.raises(InvalidTarget):
        Target.parse(text)


def test_no_sentence_has_the_number() -> None:
    numbered = ["sip:anna@h.example;+41785556677", "sip:+41785556677;41785556677=1@h.example", "sip:a@h.example?4178=5"]
    for text in [*DENIED["phone.deny_kinds"], *numbered]:
        assert not any(digit in str(judge(DEFAULT_RULES, Target.parse(text).uri)) for digit in "0123456789")


class TestRegions:
    @pytest.mark.parametrize(
        ("region", "user", "kind"),
        [
            ("CH", "0900123456", "premium_rate"),
            ("CH", "00900123456", "premium_rate"),
            ("CH", "0840123456", "shared_cost"),
            ("CH", "1414", "short_code"),
            ("CH", "01414", "short_code"),
            ("GB", "118118", "short_code"),
            ("FR", "17", "emergency"),
            ("FR", "017", "emergency"),
            ("NZ", "111", "emergency"),
            ("US", "9005551234", "premium_rate"),
        ],
    )
    def test_a_national_number_is_judged_by_the_region_of_the_service(self, region: str, user: str, kind: str) -> None:
        broken = judge(DEFAULT_RULES, f"sip:{user}@h.example", region)
        assert broken is not None
        assert broken.sentence.endswith(kind)

    @pytest.mark.parametrize(
        ("region", "user"),
        [
            ("IN", "8821234567"),
            ("IN", "08821234567"),
            ("IN", "919005551234"),
            ("JM", "8765230123"),
            ("JO", "790123456"),
            ("JP", "09012345678"),
            ("KZ", "87123456789"),
            ("TR", "905012345678"),
        ],
    )
    def test_a_number_of_the_region_is_not_taken_for_another_one(self, region: str, user: str) -> None:
        assert judge(DEFAULT_RULES, f"sip:{user}@h.example", region) is None

    @pytest.mark.parametrize(
        ("region", "user"),
        [
            ("DE", "881612345678"),
            ("AU", "91900654321"),
            ("AU", "01900654321"),
            ("CO", "00919005551234"),
            ("GB", "909012345678"),
            ("US", "19115551234"),
        ],
    )
    def test_what_a_gateway_of_the_region_makes_of_it_is_judged(self, region: str, user: str) -> None:
        assert judge(DEFAULT_RULES, f"sip:{user}@h.example", region) is not None

    def test_of_another_region_it_is_an_extension(self) -> None:
        assert judge(DEFAULT_RULES, "sip:17@h.example", "CH") is None
        assert judge(DEFAULT_RULES, "sip:1414@h.example", "NZ") is None


class TestPrefixes:
    SWISS = DialRules(phone=PhoneRules(allow=("+41",), deny=("+4190", "+4179123"), deny_kinds=frozenset()))

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("tel:+41785556677", None),
            ("tel:+41441234567;ext=4", None),
            ("tel:+41791234567", "phone.deny"),
            ("tel:+41900123456", "phone.deny"),
            ("tel:+436641234567", "phone.allow"),
            ("sip:+41785556677@h.example", None),
            ("sip:0041785556677@h.example", None),
            ("sip:00436641234567@h.example", "phone.allow"),
            ("sip:41791234567@h.example", "phone.deny"),
            ("sip:anna@h.example", None),
            ("sip:1001@h.example", None),
        ],
    )
    def test_the_longest_match_decides(self, text: str, rule: str | None) -> None:
        broken = judge(self.SWISS, Target.parse(text).uri)
        assert (None if broken is None else broken.rule) == rule

    def test_of_equal_prefixes_deny_decides(self) -> None:
        rules = DialRules(phone=PhoneRules(allow=("+41",), deny=("+41",)))
        assert judge(rules, "tel:+41785556677") is not None

    def test_digits_that_are_no_number_with_a_country_code_cannot_be_judged(self) -> None:
        broken = judge(self.SWISS, "sip:0795556677@h.example")
        assert broken is not None
        assert broken.rule == "phone.deny"
        assert judge(self.SWISS, "sip:0795556677@h.example", "CH") is None


class TestHosts:
    @pytest.mark.parametrize(
        ("allow", "deny", "host", "rule"),
        [
            (("127.0.0.0/8",), ("loopback",), "127.0.0.1", None),
            (("127.0.0.0/8",), ("loopback",), "localhost", None),
            (("127.0.0.0/8",), ("loopback",), "[::ffff:127.0.0.1]", None),
            (("127.0.0.0/8",), ("loopback",), "[::1]", "sip.deny_hosts"),
            (("127.0.0.0/8",), (), "h.example", "sip.allow_hosts"),
            (("127.0.0.0/8", "*"), ("loopback",), "h.example", None),
            (("::1/128",), ("loopback",), "[::1]", None),
            (("localhost",), ("loopback",), "localhost", None),
            (("localhost",), ("loopback",), "127.0.0.1", "sip.deny_hosts"),
            (("*.example",), ("loopback",), "localhost", "sip.deny_hosts"),
            (("*.example",), (), "h.example", None),
            (("*.example",), (), "h.example.", None),
            (("*.h.example",), (), "h.example", "sip.allow_hosts"),
            (("*.h.example",), (), "evilh.example", "sip.allow_hosts"),
            (("h.example",), (), "x.h.example", "sip.allow_hosts"),
            (("*",), ("*.h.example",), "x.h.example", "sip.deny_hosts"),
            (("*",), ("203.0.113.0/24",), "203.0.113.9", "sip.deny_hosts"),
            (("203.0.113.9/32",), ("203.0.113.0/24",), "203.0.113.9", None),
            (("203.0.113.9/32",), ("*",), "203.0.113.9", None),
            (("*",), ("*",), "h.example", "sip.deny_hosts"),
            (("*.example",), (), "203.0.113.9", "sip.allow_hosts"),
            (("*",), (), "10.0.0.1", None),
            (("*",), ("localhost",), "localhost", "sip.deny_hosts"),
            (("*",), ("*.localhost",), "a.localhost.", "sip.deny_hosts"),
            (("localhost",), ("localhost",), "localhost", None),
            (("*",), (parse_denied("::ffff:203.0.113.9"),), "203.0.113.9", "sip.deny_hosts"),
            (("*",), (parse_denied("::ffff:203.0.113.0/120"),), "[::ffff:203.0.113.9]", "sip.deny_hosts"),
            ((parse_pattern("::ffff:127.0.0.0/104"),), ("loopback",), "127.0.0.1", None),
        ],
    )
    def test_the_patterns(self, allow: tuple[str, ...], deny: tuple[str, ...], host: str, rule: str | None) -> None:
        broken = judge(DialRules(sip=SipRules(allow_hosts=allow, deny_hosts=deny)), f"sip:anna@{host}")
        assert (None if broken is None else broken.rule) == rule


# --- Rules that hold for all ---------------------------------------------------------------------------------------

PREMIUM = ["+19005551234", "+41900123456", "+881612345678", "+33899123456", "+979123456789", "+8835100012345"]
numbers = st.sampled_from(PREMIUM)
separators = st.sampled_from(["", "-", ".", "(", ")", "%2D", "%20", "%2E", "!", "~"])


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Return a user part that dials a number which the default rules deny."""
    number = draw(numbers)
    prefix = draw(st.sampled_from(["+", "%2B", "", "00", "011", "0011", "000", "900", "9011", "9+", "0+"]))
    pieces = []
    for digit in number[1:]:
        written = draw(st.sampled_from([digit, f"%{ord(digit):02X}", quote(chr(0xFF10 + int(digit)))]))
        pieces.append(written + draw(separators))
    return prefix + "".join(pieces) + draw(st.sampled_from(["", ";ext=1", ";npdi", "%3Bext=1"]))


@given(spellings(), st.sampled_from(["sip:{}@h.example", "sips:{}@h.example:5061", "sip:{}@h.example;user=phone"]))
def test_no_spelling_of_a_denied_number_is_dialled(user: str, form: str) -> None:
    text = form.format(user)
    if len(text) <= 255:
        assert judge(DEFAULT_RULES, Target.parse(text).uri) is not None


@given(spellings())
def test_what_rings_a_denied_phone_is_denied(user: str) -> None:
    uri = Target.parse(f"sip:{user}@h.example").uri if len(user) < 200 else "sip:+19005551234@h.example"
    phone = phone_of(uri)
    if judge(DEFAULT_RULES, phone) is not None:
        assert judge(DEFAULT_RULES, uri) is not None


@given(
    st.sampled_from(sorted(EMERGENCY)),
    st.sampled_from(["", "0", "9", "00", "011", "9011", "+", "%2B", "+41", "0041", "+1", "9+"]),
    st.sampled_from(["", ";ext=1", ";user=phone", "-", "%20"]),
)
def test_no_emergency_number_is_dialled(number: str, prefix: str, suffix: str) -> None:
    assert judge(DEFAULT_RULES, Target.parse(f"sip:{prefix}{number}{suffix}@h.example").uri) is not None


rules = st.builds(
    DialRules,
    phone=st.builds(
        PhoneRules,
        allow=st.lists(st.sampled_from(["+", "+41", "+4179", "+1"]), min_size=1, max_size=3).map(tuple),
        deny=st.lists(st.sampled_from(["+", "+41", "+4190", "+1900"]), max_size=3).map(tuple),
        deny_kinds=st.frozensets(st.sampled_from(list(NumberKind)), max_size=4),
    ),
    sip=st.builds(
        SipRules,
        allow_hosts=st.lists(st.sampled_from(["*", "*.example", "10.0.0.0/8"]), min_size=1, max_size=2).map(tuple),
        deny_hosts=st.lists(st.sampled_from(["private", "h.example", "10.0.0.0/8"]), max_size=2).map(tuple),
    ),
)
targets = st.sampled_from([*ALLOWED, *(text for texts in DENIED.values() for text in texts)])


@given(targets, rules, st.sampled_from(list(NumberKind)), st.sampled_from(["+4178", "+1", "+41900"]))
def test_a_rule_more_never_allows_more(text: str, before: DialRules, kind: NumberKind, prefix: str) -> None:
    uri = Target.parse(text).uri
    phone = before.phone
    after = DialRules(
        phone=PhoneRules(allow=phone.allow, deny=(*phone.deny, prefix), deny_kinds=phone.deny_kinds | {kind}),
        sip=SipRules(allow_hosts=before.sip.allow_hosts, deny_hosts=(*before.sip.deny_hosts, "loopback")),
    )
    if judge(before, uri) is not None:
        assert judge(after, uri) is not None


@given(targets)
def test_rules_that_deny_nothing_refuse_only_what_is_no_plain_call(text: str) -> None:
    broken = judge(NO_RULES, Target.parse(text).uri)
    assert broken is None or broken.rule in ("sip.parameters", "sip.headers") or "punycode" in broken.sentence


# --- Numbers of all regions ----------------------------------------------------------------------------------------

ORDINARY = [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP, PhoneNumberType.TOLL_FREE]
COSTLY = [PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER]
# An Australian satellite, which the library has as the example of a VoIP number; and one that, behind 00, may as well
# be one of Poland behind 002, which is a prefix in the Seychelles.
NOT_ORDINARY = ("+61147101234", "+2486412345")


def examples(region: str, types: Sequence[int]) -> Iterator[str]:
    for of_type in types:
        number = phonenumbers.example_number_for_type(region, of_type)
        if number is not None:
            yield phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def at_home(number: str) -> str:
    """Return a number as it is dialled at home."""
    written = phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, written))


@pytest.mark.long
@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_ordinary_numbers_are_dialled_however_they_are_written(region: str) -> None:
    for number in examples(region, ORDINARY):
        if number in NOT_ORDINARY:
            continue
        forms = [
            f"tel:{number}",
            f"sip:{number}@h.example",
            f"sip:{number[1:]}@h.example",
            f"sip:00{number[1:]}@h.example",
        ]
        for uri in (Target.parse(form).uri for form in forms):
            for of_service in ("", region):
                assert judge(DEFAULT_RULES, uri, of_service) is None, (uri, of_service)
        for user in (at_home(number), phonenumbers.national_significant_number(phonenumbers.parse(number))):
            assert judge(DEFAULT_RULES, f"sip:{user}@h.example", region) is None, user


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_costly_numbers_are_not_dialled_however_they_are_written(region: str) -> None:
    for number in examples(region, COSTLY):
        digits = number[1:]
        users = [number, digits, f"00{digits}", f"011{digits}", f"9011{digits}", f"+00{digits}", f"+{digits}1"]
        if phonenumbers.is_valid_number(phonenumbers.parse(users[-1])):
            users.pop()
        for user in users:
            assert judge(DEFAULT_RULES, f"sip:{user}@h.example") is not None, user
        for outside in ("", "0", "9", "00"):
            user = f"{outside}{at_home(number)}"
            assert judge(DEFAULT_RULES, f"sip:{user}@h.example", region) is not None, user


# --- Kinds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(ITU_CODES))
def test_the_table_of_the_itu_comes_before_the_library(code: str) -> None:
    assert kinds_of(f"{code}123456789"[:15]) >= {*kinds_of(code)} - {NumberKind.UNKNOWN}


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+41785556677", NumberKind.MOBILE),
        ("+41441234567", NumberKind.FIXED_LINE),
        ("+12025550123", NumberKind.MOBILE),
        ("+12025550123", NumberKind.FIXED_LINE),
        ("+41800123456", NumberKind.TOLL_FREE),
        ("+447700900123", NumberKind.UNKNOWN),
        ("+447640123456", NumberKind.PAGER),
    ],
)
def test_kinds_of_the_numbers_of_a_country(number: str, kind: NumberKind) -> None:
    assert kind in kinds_of(number)


@given(
    st.sampled_from(["sip", "sips"]),
    st.text("aZ019+*#._-%4", min_size=1, max_size=6),
    st.text("ax0219.-", min_size=1, max_size=8) | st.sampled_from(["localhost", "a.localdomain6", "ip6-loopback"]),
    st.sampled_from(["", ":5061", ".", ";transport=tcp", "?subject=a"]),
)
def test_what_is_plainly_a_name_is_judged_as_in_full(scheme: str, user: str, host: str, rest: str) -> None:
    """A rule for one more host has every target judged in full, and changes nothing for the others."""
    in_full = replace(DEFAULT_RULES, sip=replace(DEFAULT_RULES.sip, deny_hosts=(*DEFAULT_RULES.sip.deny_hosts, "z.z")))
    try:
        uri = Target.parse(f"{scheme}:{user}@{host}{rest}").uri
    except InvalidTarget:
        return
    assert judge(DEFAULT_RULES, uri) == judge(in_full, uri)

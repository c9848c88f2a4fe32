"""Targets: what is accepted, in which form, and why the rest is refused."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.target import (
    MAX_TARGET_LENGTH,
    InvalidTarget,
    Target,
    normalise_sip,
    number_of_phone,
    phone_of,
    user_part,
)


@pytest.mark.parametrize(
    ("target", "canonical"),
    [
        ("tel:+41785556677", "tel:+41785556677"),
        ("tel: +41785556677", "tel:+41785556677"),
        ("TEL:+41-78.555(66)77", "tel:+41785556677"),
        ("tel:+41 78 555 66 77 ", "tel:+41785556677"),
        ("tel:+41 (0)78 555 66 77", "tel:+41785556677"),
        ("tel:+1-201-555-0123", "tel:+12015550123"),  # RFC 3966 section 6
        ("tel:+39 06 1234 5678", "tel:+390612345678"),  # in Italy the 0 belongs to the number
        ("tel:+80012345678", "tel:+80012345678"),
        ("tel:+41443332211;ext=1-234", "tel:+41443332211;ext=1234"),
        ("tel:+41443332211 ; EXT=007", "tel:+41443332211;ext=007"),
        ("sip:busy.no-answer.answer@simulated", "sip:busy.no-answer.answer@simulated"),
        ("SIP:Alice@PBX1;Transport=TCP", "sip:Alice@pbx1;transport=tcp"),
        ("sips:*31#0785556677@pbx1:5061", "sips:*31%230785556677@pbx1:5061"),
    ],
)
def test_a_target_has_one_form(target: str, canonical: str) -> None:
    assert Target.parse(target).uri == canonical
    assert Target.parse(canonical).uri == canonical


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("", "is empty"),
        (" \t ", "is empty"),
        ("+41785556677", "must start with sip:, sips: or tel:"),
        ("mailto:alice@example.com", "must start with sip:, sips: or tel:"),
        (" tel:+41785556677", "must start with sip:, sips: or tel:"),
        ("tel:+4178555\n6677", "has a control character (U+000A) at character 13"),
        ("tel:+41\u00a0785556677", "has a character outside ASCII (U+00A0) at character 8"),
        ("tel:+\uff14\uff11785556677", "has a character outside ASCII (U+FF14) at character 6"),
        ("sip:jos\u00e9@example.com", "has a character outside ASCII (U+00E9) at character 8"),
        ("sip:" + "a" * 250 + "@x", "is longer than 255 characters"),
        ("sip:" + "#" * 249 + "@x", "is longer than 255 characters in its canonical form"),
        ("tel:", "has no telephone number after tel:"),
        ("tel:()", "has no telephone number after tel:"),
        ("tel:0785556677", "is a local number"),
        ("tel:7042;phone-context=example.com", "is a local number"),  # RFC 3966 section 6
        ("tel:863-1234;phone-context=+1-914-555", "is a local number"),
        ("tel:+1-800-FLOWERS", "has 'F' where a telephone number cannot have it"),
        ("tel:*31#0785556677", "has '*' where a telephone number cannot have it"),
        ("tel:+41+785556677", "has '+' where a telephone number cannot have it"),
        ("tel:%2B41785556677", "has '%' where a telephone number cannot have it"),
        ("tel://+41785556677", "has '/' where a telephone number cannot have it"),
        ("tel:+", "is not a possible telephone number: too short"),
        ("tel:+41", "is not a possible telephone number: too short"),
        ("tel:+41112", "is not a possible telephone number: too short"),
        ("tel:+1 253 0000", "is not a possible telephone number: the area code is missing"),
        ("tel:+9991234567", "is not a possible telephone number: unknown country code"),
        ("tel:+0785556677", "is not a possible telephone number: unknown country code"),
        ("tel:+12015550123456789", "is not a possible telephone number: too long"),
        ("tel:+" + "1" * 250, "is not a possible telephone number: too long"),
        ("tel:+4178555667788", "no number of its country has this many digits"),
        ("tel:+49 00 6434751", "is not a possible telephone number: more than one trunk prefix"),
        ("tel:+41785556677;", "has the parameter ''"),
        ("tel:+41785556677;isub=1411", "has the parameter 'isub'; a telephone number can have ext only"),
        ("tel:+41785556677;phone-context=+41", "has the parameter 'phone-context'"),
        ("tel:+41785556677;ext=1;ext=2", "has more parameters than one ext"),
        ("tel:+41785556677;ext", "has an ext that is not a number"),
        ("tel:+41785556677;ext=", "has an ext that is not a number"),
        ("tel:+41785556677;ext=12a", "has an ext that is not a number"),
        ("sip:alice:secret@example.com", "has a password"),
        ("sip: alice@example.com", "has ' ' at character 5, where the user part cannot have it"),
    ],
)
def test_a_refusal_is_plain(target: str, reason: str) -> None:
    with pytest.raises(InvalidTarget, match=re.escape(reason)):
        Target.parse(target)


def test_the_longest_target_is_accepted() -> None:
    longest = "sip:" + "a" * 249 + "@x"
    assert len(longest) == MAX_TARGET_LENGTH
    assert Target.parse(longest).uri == longest


def test_a_number_range_that_the_library_does_not_know_is_accepted() -> None:
    """+41 11 … has the length of a Swiss number; as far as the library knows, none has been assigned."""
    assert not phonenumbers.is_valid_number(phonenumbers.parse("+41115556677"))
    assert Target.parse("tel:+41 11 555 66 77").uri == "tel:+41115556677"


CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
PARTS_OF_A_SIP_URI = [
    "sip:a{}b@pbx",
    "sip:{}@pbx",
    "sip:alice:secret{}@pbx",
    "sip:alice@pb{}x",
    "sip:alice@[::1{}]",
    "sip:alice@pbx:50{}60",
    "sip:alice@pbx;na{}me=x",
    "sip:alice@pbx;gr=x{}",
    "sip:alice@pbx;user={}",
    "sip:alice@pbx?sub{}ject=x",
    "sips:alice@pbx?subject={}x",
]


@pytest.mark.parametrize("part", PARTS_OF_A_SIP_URI)
def test_a_control_character_is_refused_in_every_part_of_a_sip_uri(part: str) -> None:
    for code in CONTROLS:
        escape = "".join(f"%{octet:02x}" for octet in chr(code).encode())
        for written, reason in [
            (chr(code), f"has a control character (U+{code:04X})"),
            (escape, f"has an escaped control character ({escape.upper()})"),
            (escape.upper(), f"has an escaped control character ({escape.upper()})"),
        ]:
            where = f" at character {part.index('{') + 1}"
            for read in (Target.parse, normalise_sip):
                with pytest.raises(InvalidTarget) as refusal:
                    read(part.format(written))
                assert str(refusal.value) == reason + where


@pytest.mark.parametrize("part", ["sip:a{}b@pbx", "sip:alice@pbx;gr=x{}", "sip:alice@pbx?subject={}"])
@pytest.mark.parametrize(
    "harmless", ["%2500", "%250d%250a", "%257F", "%25C2%2585", "%C3%BC", "%E5%85%AC", "%20", "%85"]
)
def test_an_escape_of_anything_else_is_kept(part: str, harmless: str) -> None:
    assert Target.parse(part.format(harmless)).uri == part.format(harmless)


def test_a_control_character_is_refused_in_a_telephone_number() -> None:
    for written in ("\0", "\r\n", "\x7f", "\x85"):
        for text in (f"tel:+4178{written}5556677", f"tel:+41785556677;ext=1{written}", f"{written}tel:+41785556677"):
            with pytest.raises(InvalidTarget, match="has a control character"):
                Target.parse(text)
    with pytest.raises(InvalidTarget, match="has an escaped control character"):
        Target.parse("tel:+4178%005556677")


def test_a_service_has_a_sip_address_only() -> None:
    assert normalise_sip("SIP:Support@Example.com") == "sip:Support@example.com"
    for text, reason in [
        ("tel:+41785556677", "must start with sip: or sips:"),
        ("", "is empty"),
        ("sip:" + "a" * 250 + "@x", "is longer than 255 characters"),
    ]:
        with pytest.raises(InvalidTarget, match=reason):
            normalise_sip(text)


@pytest.mark.parametrize(
    ("target", "user"),
    [
        ("sip:busy.no-answer.answer@simulated", "busy.no-answer.answer"),
        ("sip:*31%23@pbx1;user=phone", "*31%23"),
        ("sip:pbx1", ""),
        ("tel:+41785556677", "+41785556677"),
        ("tel:+41443332211;ext=12", "+41443332211"),
    ],
)
def test_the_user_part(target: str, user: str) -> None:
    assert user_part(target) == user


@pytest.mark.parametrize(
    ("phone", "targets"),
    [
        (
            "tel:+41785556677",
            [
                "tel:+41785556677",
                "tel:+41 (0)78 555 66 77",
                "sip:+41785556677@gw.example;user=phone",
                "sip:+41785556677@gw.example",
                "sips:+41-78-555-66-77@other.example:5070;transport=tls?subject=x",
                "sip:%2B41%2878%29555.66.%37%37@192.0.2.4;user=phone",
                "sip:+41%20(0)78%20555%2066%2077@gw.example",
                "sip:+41785556677;postd=22;cic=+1-6789@gw.example;user=phone",
            ],
        ),
        (
            "tel:+41443332211;ext=12",
            ["tel:+41443332211;ext=1-2", "sip:+41443332211;EXT=12@pbx", "sip:+41443332211%3Bext%3D12@pbx"],
        ),
        (
            "sip:alice@pbx.example",
            [
                "sip:alice@PBX.example",
                "sip:alice@pbx.example.",
                "sip:alice@pbx.example:5060",
                "sips:alice@pbx.example",
                "sips:alice@pbx.example:5061",
                "sips:alice@pbx.example:5060",
                "sip:alice@pbx.example:5061;transport=TLS",
                "sip:alice@pbx.example:5060;transport=TLS",
                "sip:%61lice@pbx.example;transport=tcp;lr?subject=x",
            ],
        ),
        ("sip:alice@pbx.example:5061", ["sip:alice@pbx.example:5061", "sip:alice@pbx.example:5061;transport=tcp"]),
        ("sip:Alice@pbx.example", ["sip:Alice@pbx.example"]),
        ("sip:pbx.example", ["sips:pbx.example"]),
        ("sip:*31%230785556677@pbx", ["sip:*31#0785556677@pbx"]),
        ("sip:0785556677@pbx", ["sip:0785556677@pbx;user=phone"]),  # national, of the gateway's region
        ("sip:+41112@pbx", ["sip:+41112@pbx;user=phone"]),  # no number can be so short
        ("sip:+alice@pbx", ["sip:+alice@pbx"]),
        ("sip:a@[2001:db8::10]", ["sip:a@[2001:DB8::10]:5060"]),
    ],
)
def test_the_phone_is_not_the_spelling(phone: str, targets: list[str]) -> None:
    assert {Target.parse(target).phone for target in targets} == {phone}


@pytest.mark.parametrize(
    ("number", "targets"),
    [
        (
            "tel:+41785556677",
            [
                "tel:+41785556677;ext=12",
                "sip:+41785556677@a.example;user=phone",
                "sip:%252B41785556677@a.example",
                "sip:41785556677@a.example",
                "sip:0041785556677@a.example",
                "sip:0041-785_556677@b.example:5099",
                "sip:0041%20785556677;ext=3@a.example",
                "sip:01141785556677@a.example",
                "sip:00041785556677@a.example",
            ],
        ),
        ("0785556677", ["sip:0785556677@a.example", "sip:078-555.66!77@b.example", "sip:0785556677;ext=1@a.example"]),
        ("sip:1001@a.example", ["sip:1001@a.example", "sips:10-01@A.example;lr", "sip:10!01@a.example"]),
        ("sip:1001@b.example", ["sip:1001@b.example"]),
        ("sip:anna.1@a.example", ["sip:anna.1@a.example"]),
        ("sip:a.example", ["sip:a.example"]),
    ],
)
def test_dial_outs_are_counted_by_number_however_it_is_written(number: str, targets: list[str]) -> None:
    assert {number_of_phone(Target.parse(target).phone) for target in targets} == {number}


@pytest.mark.parametrize("stored", ["tel:0785556677", "sip:anna:secret@a.example", "sip:1.2.3"])
def test_those_of_an_earlier_version_are_counted_as_they_are(stored: str) -> None:
    assert number_of_phone(stored) == stored


def normalise_or_none(text: str, region: str = "") -> str | None:
    """Return None when it is refused; any other exception is a fault."""
    try:
        return Target.parse(text, region).uri
    except InvalidTarget:
        return None


SOUP = st.text("+0123456789 -.();ext=#*%:@aA", max_size=30)


REGIONS = st.sampled_from(["", "CH", "BY", "IT", "MX", "US", "ZZ"])


@given(st.text() | st.builds("{}{}".format, st.sampled_from(["tel:", "tel:+41", "sip:", "sips:a@"]), SOUP), REGIONS)
def test_any_text_is_made_canonical_or_refused(text: str, region: str) -> None:
    canonical = normalise_or_none(text, region)
    assert canonical is None or Target.parse(canonical).uri == Target.parse(canonical, region).uri == canonical
    assert canonical is None or len(canonical) <= MAX_TARGET_LENGTH


@given(st.builds("{}{}".format, st.sampled_from(["tel:+41", "sip:", "sips:+4178a@", "sip:+4178"]), SOUP))
def test_a_phone_is_a_target_and_its_own_phone(text: str) -> None:
    canonical = normalise_or_none(text)
    if canonical is not None:
        phone = phone_of(canonical)
        assert Target.parse(phone) == Target(phone, phone)
        assert phone_of(phone) == phone


@given(
    st.builds("{}:{}".format, st.sampled_from(["sip", "sips"]), SOUP | st.from_regex("[a-z0-9.+-]{1,6}@[a-z0-9.]{1,9}"))
)
def test_a_parameter_that_changes_nothing_leaves_the_phone_as_it_is(text: str) -> None:
    # With a parameter the URI is always parsed.
    canonical = normalise_or_none(text)
    if canonical is not None and ";" not in canonical and "?" not in canonical:
        assert phone_of(f"{canonical};user=ip") == phone_of(canonical)
        assert number_of_phone(phone_of(f"{canonical};user=ip")) == number_of_phone(phone_of(canonical))


@given(
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    st.text("0123456789", min_size=3, max_size=13) | st.from_regex("0{1,3}[0-9]{5,9}", fullmatch=True),
)
def test_numbers_of_every_country_have_one_form(country_code: int, national: str) -> None:
    canonical = normalise_or_none(f"tel:+{country_code}{national}")
    assert canonical is None or Target.parse(canonical).uri == canonical
    assert canonical is None or canonical.startswith(f"tel:+{country_code}")

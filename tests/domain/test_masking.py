"""Targets as logs show them."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.masking import hide_numbers, mask_numbers, mask_secrets, masked


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("tel:+41785556677", "tel:+41 78 *** ** 77"),
        ("tel:+12125550123", "tel:+1 21 ** ** ** 23"),
        ("tel:+3758105261733", "tel:+375 81 ** ** ** 33"),
        ("tel:+29012345", "tel:+290 *** 45"),
        ("tel:+41785556677;ext=1234", "tel:+41 78 *** ** 77"),
        ("tel:+999", "tel:+***"),
        ("sip:anna.muster@example.com", "sip:***@example.com"),
        ("sips:anna@example.com:5061;transport=tls?subject=Anna", "sips:***@example.com:5061"),
        ("sip:+41785556677@gateway.example;user=phone", "sip:+41 78 *** ** 77@gateway.example"),
        ("sip:+41785556677;phone-context=x@gateway.example", "sip:+41 78 *** ** 77@gateway.example"),
        ("sip:0785556677@gateway.example", "sip:** ** ** ** 77@gateway.example"),
        ("sip:1234@pbx.example", "sip:***@pbx.example"),
        ("sip:anna@[2001:db8::1]:5060", "sip:***@[2001:db8::1]:5060"),
        ("sip:pbx.example", "sip:pbx.example"),
        ("sip:+41-78-555-66-77@gateway.example", "sip:+41 78 *** ** 77@gateway.example"),
        ("sip:%2B41785556677@gateway.example", "sip:+41 78 *** ** 77@gateway.example"),
        ("sip:*31%23+41785556677@gateway.example", "sip:***@gateway.example"),
        ("sip:anna@7.7.6.6.5.5.5.8.7.1.4.e164.example", "sip:***@*.*.*.*.*.*.*.*.*.*.*.e164.example"),
        ("sip:41785556677.gateway.example", "sip:***********.gateway.example"),
        ("sip:anna@192.168.100.200", "sip:***@192.168.100.200"),
        ("tel: +41 78 555 66 77", "tel:+41 78 *** ** 77"),
        ("TEL:+41-78-555-66-77", "tel:+41 78 *** ** 77"),
        ("anna", "***"),
    ],
)
def test_what_is_shown(target: str, shown: str) -> None:
    assert masked(target) == shown


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_a_number_of_each_region_keeps_its_country_code_and_two_digits(region: str) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    shown = masked(f"tel:{number}")
    code = f"tel:+{example.country_code}"
    assert shown.startswith(code)
    assert re.fullmatch(r"( \d\d)?( \*{2,3})+ \d\d", shown.removeprefix(code)) or shown.endswith("***")
    assert number.removeprefix("+") not in shown


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz.-_", min_size=1))
def test_no_name_is_shown(user: str) -> None:
    assert masked(f"sip:{user}@host.example") == "sip:***@host.example"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("placing a call to tel:+41785556677", "placing a call to tel:+41 78 *** ** 77"),
        ("('tel:0785556677', 'sip:0785556677@gw')", "('tel:** ** ** ** 77', 'sip:** ** ** ** 77@gw')"),
        ("+41 (0)78 / 555 66-77 was busy", "+41 07 ** ** ** 77 was busy"),
        ("to=%2B41785556677&x=1", "to=+41 78 *** ** 77&x=1"),
        ("INVITE sip:+41785556677@gw;user=phone SIP/2.0", "INVITE sip:+41 78 *** ** 77@gw;user=phone SIP/2.0"),
        ("authorization: Bearer abc.def-123", "authorization: Bearer ***"),
        ("cookie: a=b; ringback-session=gAAAAABp_-=; c=d", "cookie: a=b; ringback-session=***; c=d"),
        ("(b'cookie', b'__Host-ringback-session=gAAAAABp')", "(b'cookie', b'__Host-ringback-session=***')"),
        ("this server needs valid credentials: a bearer token or a client certificate", None),
        ("2026-11-29 16:12:38,123 INFO port 50051, sip:127.0.0.1:5060, 1000000 rows", None),
        ("callback 01a2049c-3c71-70e2-a0d0-04c4547f0daf of sip:support@cc.example: tel:+41 78 *** ** 77", None),
    ],
)
def test_numbers_are_masked_in_whatever_text_they_are(text: str, shown: str | None) -> None:
    assert mask_secrets(text) == (text if shown is None else shown)


@given(st.from_regex(r"\+[1-9]([ ().-]?[0-9]){7,14}", fullmatch=True), st.sampled_from(["", "tel:", "a ", "'"]))
def test_no_number_with_a_plus_sign_stays_in_a_text(number: str, before: str) -> None:
    digits = re.sub("[^0-9]", "", number)
    for shown in (mask_numbers(before + number), hide_numbers(before + number)):
        assert not re.search("[0-9]{6}", re.sub(r"[ ().+-]", "", shown))
        assert digits not in shown
    assert len(hide_numbers(before + number)) <= len(before + number)


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
def test_every_country_code_is_shown_whole(code: int) -> None:
    assert masked(f"tel:+{code}123456789") == f"tel:+{code} 12 *** ** 89"


# What a regular expression may try in as many ways as there are signs, and then in vain.
@pytest.mark.parametrize(
    "text",
    [
        "tel:" + " " * 300_000,
        "tel:" + "%20" * 100_000,
        "tel:" + "+ " * 100_000,
        "tel: " * 60_000,
        "+" + "( " * 150_000,
        "sip:" + "1" * 300_000,
        "sip:" + "1 " * 150_000,
        "sip:123456" * 30_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_text_is_read_once_however_long_it_is(text: str) -> None:
    """It would not end otherwise: an error has a text of the request, before its length is judged."""
    assert mask_secrets(text) == hide_numbers(text) == text

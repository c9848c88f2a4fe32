"""Targets as logs show them."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.masking import masked


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("tel:+41785556677", "tel:+4178•••••77"),
        ("tel:+12125550123", "tel:+121••••••23"),
        ("tel:+3758105261733", "tel:+37581••••••33"),
        ("tel:+29012345", "tel:+290•••45"),
        ("tel:+41785556677;ext=1234", "tel:+4178•••••77"),
        ("tel:+999", "tel:+•••"),
        ("sip:anna.muster@example.com", "sip:•••@example.com"),
        ("sips:anna@example.com:5061;transport=tls?subject=Anna", "sips:•••@example.com:5061"),
        ("sip:+41785556677@gateway.example;user=phone", "sip:+4178•••••77@gateway.example"),
        ("sip:+41785556677;phone-context=x@gateway.example", "sip:+4178•••••77@gateway.example"),
        ("sip:0785556677@gateway.example", "sip:••••••••77@gateway.example"),
        ("sip:1234@pbx.example", "sip:•••@pbx.example"),
        ("sip:anna@[2001:db8::1]:5060", "sip:•••@[2001:db8::1]:5060"),
        ("sip:pbx.example", "sip:pbx.example"),
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
    assert re.fullmatch(r"(\d\d)?•{3,}\d\d", shown.removeprefix(code)) or shown.endswith("•••")
    assert number.removeprefix("+") not in shown


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz.-_", min_size=1))
def test_no_name_is_shown(user: str) -> None:
    assert masked(f"sip:{user}@host.example") == "sip:•••@host.example"

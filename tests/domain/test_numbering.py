"""Telephone numbers, walked over the plans of all regions: what is kept, what is rewritten, what is refused."""

import re
from collections.abc import Iterator
from functools import cache

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from ringback.domain.numbering import dialled_in, is_region
from ringback.domain.target import InvalidTarget, Target

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
CALLING_CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
KINDS = [
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.PAGER,
    PhoneNumberType.UAN,
    PhoneNumberType.VOICEMAIL,
]


def plan_of(region: str, calling_code: int) -> PhoneMetadata:
    plan = PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region)
    assert plan is not None
    return plan


def patterns(plan: PhoneMetadata) -> Iterator[str]:
    """Yield the pattern of each kind of number that the plan has."""
    for kind in (
        plan.fixed_line,
        plan.mobile,
        plan.toll_free,
        plan.premium_rate,
        plan.shared_cost,
        plan.voip,
        plan.personal_number,
        plan.pager,
        plan.uan,
        plan.voicemail,
    ):
        if kind is not None and kind.national_number_pattern is not None:
            yield kind.national_number_pattern


PLANS = {
    calling_code: [plan_of(region, calling_code) for region in regions]
    for calling_code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
}


def is_valid(calling_code: int, national: str) -> bool:
    """An oracle that parses nothing: the digits, as they stand, match a kind of number of a plan with that code."""
    return any(
        plan.general_desc is not None
        and len(national) in plan.general_desc.possible_length
        and re.fullmatch(plan.general_desc.national_number_pattern or "", national)
        and any(re.fullmatch(pattern, national) for pattern in patterns(plan))
        for plan in PLANS[calling_code]
    )


def examples(region: str) -> Iterator[PhoneNumber]:
    for kind in KINDS:
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None:
            yield number


def uri(text: str, region: str = "") -> str:
    """Return the canonical form, or why there is none."""
    try:
        return Target.parse(text, region).uri
    except InvalidTarget as refusal:
        return f"{text} {refusal}"


def e164_uri(number: PhoneNumber) -> str:
    return f"tel:{phonenumbers.format_number(number, PhoneNumberFormat.E164)}"


def digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)


# --- The walk --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
def test_a_number_of_each_kind_is_read_in_each_notation(region: str) -> None:
    prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
    for number in examples(region):
        national = phonenumbers.national_significant_number(number)
        notations = [
            e164_uri(number),
            phonenumbers.format_number(number, PhoneNumberFormat.RFC3966),
            f"tel: {phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)}",
            f"tel:+{number.country_code}{prefix}{national}",
            f"tel:+{number.country_code} ({prefix}) {national}",
        ]
        assert {uri(text) for text in notations} == {e164_uri(number)}


@pytest.mark.parametrize("region", REGIONS)
def test_a_number_of_each_kind_is_read_as_it_is_dialled_at_home_and_abroad(region: str) -> None:
    prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
    for number in examples(region):
        national = phonenumbers.national_significant_number(number)
        at_home = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        from_us = phonenumbers.format_out_of_country_calling_number(number, "US")
        found = {
            uri(f"tel:{national}", region),
            uri(f"tel:{prefix}{national}", region),
            uri(f"tel:{digits(at_home)}", region),
            uri(f"tel:{digits(from_us)}", "US"),
            uri(e164_uri(number), region),
        }
        assert found == {e164_uri(number)}


@cache
def exit_codes(pattern: str) -> list[str]:
    """Return all rows of up to five digits by which calls abroad begin."""
    rows = (f"{row:0{length}}" for length in range(2, 6) for row in range(10**length))
    return [row for row in rows if re.fullmatch(pattern, row)]


EXAMPLES = [number for region in REGIONS for number in examples(region) if phonenumbers.is_valid_number(number)]


@pytest.mark.long
@pytest.mark.parametrize("region", REGIONS)
def test_a_number_behind_an_exit_code_becomes_no_other_number(region: str) -> None:
    """Where one exit code begins with another one, digits may be two numbers, and are then refused."""
    home = phonenumbers.country_code_for_region(region)
    trunk = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
    codes = exit_codes(plan_of(region, home).international_prefix or "(?!)")
    are_several = any(longer != code and longer.startswith(code) for code in codes for longer in codes)
    for exit_code in codes:
        for number in EXAMPLES[:: 5 if are_several else 40]:
            national = exit_code + digits(e164_uri(number))
            if is_valid(home, national) or is_valid(home, national.removeprefix(trunk)):
                continue
            found = uri(f"tel:{national}", region)
            assert found == e164_uri(number) or found.startswith(f"tel:{national} may be ")


@pytest.mark.parametrize("calling_code", sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_a_number_of_no_region_is_read(calling_code: int) -> None:
    number = phonenumbers.example_number_for_non_geo_entity(calling_code)
    assert number is not None
    for style in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966):
        text = f"tel:{phonenumbers.format_number(number, style).removeprefix('tel:')}"
        assert uri(text) == uri(text, "CH") == e164_uri(number)


def test_the_walk_meets_every_kind_of_number() -> None:
    met = [phonenumbers.number_type(number) for region in REGIONS for number in examples(region)]
    assert set(KINDS) <= set(met)
    assert len(met) > 1000


# --- A number that is valid as it stands -----------------------------------------------------------------------


def beginning_with_a_trunk_prefix(calling_code: int) -> Iterator[str]:
    """Yield valid national numbers, of each length, that begin with something that the library may cut."""
    main, *_ = PLANS[calling_code]
    if main.national_prefix_for_parsing is None:
        return
    trunk = re.compile(main.national_prefix_for_parsing)
    lengths = {
        length for plan in PLANS[calling_code] if plan.general_desc for length in plan.general_desc.possible_length
    }
    for head in range(1000):
        for length in sorted(lengths):
            for tail in ("00000000000000", "52617335261733", "99999999999999"):
                national = f"{head:03}{tail}"[:length]
                if trunk.match(national) and is_valid(calling_code, national):
                    yield national


@pytest.mark.parametrize("calling_code", CALLING_CODES)
def test_a_valid_number_is_kept_that_begins_like_one_with_a_trunk_prefix(calling_code: int) -> None:
    numbers = [f"tel:+{calling_code}{national}" for national in beginning_with_a_trunk_prefix(calling_code)]
    assert [uri(number) for number in numbers] == numbers


def test_there_are_numbers_that_the_library_would_rewrite() -> None:
    rewritten = [national for national in beginning_with_a_trunk_prefix(375) if national.startswith("810")]
    assert rewritten
    assert all(e164_uri(phonenumbers.parse(f"+375{national}")) != f"tel:+375{national}" for national in rewritten)


@st.composite
def valid_numbers(draw: st.DrawFn) -> tuple[int, str]:
    calling_code = draw(st.sampled_from(CALLING_CODES))
    plan = draw(st.sampled_from(PLANS[calling_code]))
    pattern = re.compile(draw(st.sampled_from(list(patterns(plan)))), re.ASCII)
    return calling_code, draw(st.from_regex(pattern, fullmatch=True).filter(lambda n: is_valid(calling_code, n)))


@given(valid_numbers())
@example((375, "8105261733"))
@example((39, "0612345678"))
@example((250, "06123456"))
@example((66, "0018001234567"))
def test_a_valid_number_is_kept_digit_for_digit(number: tuple[int, str]) -> None:
    calling_code, national = number
    assert is_valid(calling_code, national)
    text = f"tel:+{calling_code}{national}"
    assert uri(text) == text
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code]:
        assert uri(text, region) == text
        if is_region(region):
            assert uri(f"tel:{national}", region) == text


NATIONAL = st.text("0123456789", min_size=2, max_size=14)
PREFIXES = st.sampled_from(["", "0", "00", "8", "80", "810", "1", "06", "01", "044", "011", "15", "90"])


@given(st.sampled_from(CALLING_CODES), PREFIXES, NATIONAL)
def test_any_global_number_is_kept_made_canonical_or_refused(calling_code: int, prefix: str, national: str) -> None:
    text = f"tel:+{calling_code}{prefix}{national}"
    found = uri(text)
    if is_valid(calling_code, prefix + national):
        assert found == text
    if found.startswith(f"tel:+{calling_code}") and " " not in found:
        assert uri(found) == found


@given(st.sampled_from(REGIONS), PREFIXES, NATIONAL)
def test_any_national_number_is_made_canonical_or_refused(region: str, prefix: str, national: str) -> None:
    calling_code = phonenumbers.country_code_for_region(region)
    found = uri(f"tel:{prefix}{national}", region)
    if is_valid(calling_code, prefix + national):
        assert found == f"tel:+{calling_code}{prefix}{national}"
    if " " not in found:
        assert uri(found) == uri(found, region) == found


# --- A number that is not --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        # With a trunk prefix.
        ("tel:+41 (0)78 555 66 77", "tel:+41785556677"),
        ("tel:+7 (8) 912 345-67-89", "tel:+79123456789"),
        ("tel:+1 1 201 555 0123", "tel:+12015550123"),
        ("tel:+36 06 1 234 5678", "tel:+3612345678"),
        ("tel:+375 8 029 491 19 11", "tel:+375294911911"),
        ("tel:+57 0 321 123 4567", "tel:+573211234567"),
        ("tel:+55 0 15 21 2345 6789", "tel:+552123456789"),  # and with a carrier's code
        # Historic forms.
        ("tel:+52 1 55 1234 5678", "tel:+525512345678"),
        ("tel:+52 01 55 1234 5678", "tel:+525512345678"),
        ("tel:+52 044 55 1234 5678", "tel:+525512345678"),
        ("tel:+52 045 55 1234 5678", "tel:+525512345678"),
        ("tel:+54 11 15 2345 6789", "tel:+5491123456789"),
        ("tel:+54 0 11 15 2345 6789", "tel:+5491123456789"),
        ("tel:+370 8 612 34567", "tel:+37061234567"),  # 8 was Lithuania's trunk prefix until 2024
        ("tel:+378 886377", "tel:+3780549886377"),
        # Of a range that the library does not know.
        ("tel:+41 11 555 66 77", "tel:+41115556677"),
        ("tel:+41 (0)11 555 66 77", "tel:+41115556677"),
        ("tel:+375 8 119 464 311", "tel:+3758119464311"),
    ],
)
def test_a_number_that_is_written_otherwise(text: str, canonical: str) -> None:
    assert uri(text) == uri(text, "DE") == uri(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tel:+1 304 7975", "the area code is missing"),
        ("tel:+07012345678", "unknown country code"),  # not 7, with Kazakhstan's 7012345678 after it
        ("tel:+0041785556677", "unknown country code"),
        ("tel:+49 00 6434751", "more than one trunk prefix"),
        ("tel:+57 003 228 570 350", "more than one trunk prefix"),
        ("tel:+52 046 55 1234 5678", "too long"),
        ("tel:+41 (0)78 555 66", "too short"),
    ],
)
def test_a_number_that_is_refused(text: str, reason: str) -> None:
    assert uri(text) == f"{text} is not a possible telephone number: {reason}"


@pytest.mark.parametrize(
    ("text", "region", "canonical"),
    [
        ("tel:0785556677", "CH", "tel:+41785556677"),
        ("tel:78 555 66 77", "CH", "tel:+41785556677"),
        ("tel:(078) 555-66.77;ext=12", "CH", "tel:+41785556677;ext=12"),
        ("tel:0041 78 555 66 77", "CH", "tel:+41785556677"),
        ("tel:41785556677", "CH", "tel:+41785556677"),
        ("tel:011 375 810 5261733", "US", "tel:+3758105261733"),  # valid as it stands, behind the exit code
        ("tel:810 5261733", "BY", "tel:+3758105261733"),  # 810 is the exit code of Belarus
        ("tel:3758105261733", "BY", "tel:+3758105261733"),
        ("tel:8 029 491 19 11", "BY", "tel:+375294911911"),
        ("tel:06 1234 5678", "IT", "tel:+390612345678"),
        ("tel:06 698 12345", "VA", "tel:+390669812345"),
        ("tel:1 201 555 0123", "US", "tel:+12015550123"),
        ("tel:460 1234", "AG", "tel:+12684601234"),
        ("tel:01534 456789", "JE", "tel:+441534456789"),
        ("tel:044 55 1234 5678", "MX", "tel:+525512345678"),
        ("tel:011 15-2345-6789", "AR", "tel:+5491123456789"),
        ("tel:011 555 66 77", "CH", "tel:+41115556677"),  # a range that the library does not know
        # Hong Kong's exit code is 00, and so are 001 and 006 to 009, each of another carrier.
        ("tel:00 852 2123 4567", "HK", "tel:+85221234567"),
        ("tel:001 852 2123 4567", "HK", "tel:+85221234567"),
        ("tel:00 90 532 123 45 67", "HK", "tel:+905321234567"),
        ("tel:00 66 81 234 5678", "HK", "tel:+66812345678"),
        ("tel:001 81 90 1234 5678", "HK", "tel:+819012345678"),
        ("tel:00 1 201 555 0123", "BO", "tel:+12015550123"),
        ("tel:0012 1 201 555 0123", "BO", "tel:+12015550123"),
    ],
)
def test_a_national_number(text: str, region: str, canonical: str) -> None:
    assert uri(text, region) == canonical


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("tel:0785556677", "", "is a local number without a default_region: begin it with '+' and the country code"),
        ("tel:0785556677", "ch", "is a local number"),
        ("tel:0785556677", "ZZ", "is a local number"),
        ("tel:253 0000", "US", "the area code is missing"),
        ("tel:07855566", "CH", "too short"),
        ("tel:078555667788", "CH", "no number of its country has this many digits"),
        ("tel:123", "CH", "too short"),
        ("tel:0", "CH", "too short"),
        ("tel:112", "CH", "is a short code of CH; only full telephone numbers can be dialled"),
        ("tel:911", "US", "is a short code of US"),
        ("tel:0112", "DE", "is a short code of DE"),
        ("tel:116 117", "DE", "is a short code of DE"),
        ("tel:118 118", "JE", "is a short code of JE"),
        ("tel:00 999 1234567", "CH", "unknown country code"),
        # 00 and Japan's 81, or 008 and North America's 1.
        (
            "tel:00819012345678",
            "HK",
            "may be +81 90 ** ** ** 78 or +1 90 ** ** ** 78: begin it with '+' and the country code",
        ),
        ("tel:000785556677", "CH", "no number of its country has this many digits"),
        ("tel:0007855566", "CH", "too short"),
        ("tel:7042;phone-context=example.com", "CH", "has the parameter 'phone-context'"),
        ("tel:0785556677;phone-context=+41", "CH", "has the parameter 'phone-context'"),
        ("tel:0785556677+", "CH", "has '+' where a telephone number cannot have it"),
        ("tel:*31#0785556677", "CH", "has '*' where a telephone number cannot have it"),
        (f"tel:0785556677;ext={'1' * 236}", "CH", "is longer than 255 characters in its canonical form"),
    ],
)
def test_a_national_number_that_is_refused(text: str, region: str, reason: str) -> None:
    with pytest.raises(InvalidTarget, match=re.escape(reason)):
        Target.parse(text, region)


@pytest.mark.parametrize("region", REGIONS)
def test_an_emergency_number_is_refused(region: str) -> None:
    prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
    for number in (
        "000",
        "100",
        "101",
        "102",
        "103",
        "110",
        "111",
        "112",
        "113",
        "115",
        "117",
        "118",
        "119",
        "911",
        "999",
    ):
        if phonenumbers.is_emergency_number(number, region):
            for text in (f"tel:{number}", f"tel:{prefix}{number}"):
                with pytest.raises(InvalidTarget):
                    Target.parse(text, region)


def test_what_was_read_for_one_region_is_not_returned_for_another() -> None:
    for _ in range(2):
        assert uri("tel:0301234567", "DE") == "tel:+49301234567"
        assert uri("tel:0301234567", "NL") == "tel:+31301234567"
        assert "is a local number" in uri("tel:0301234567")


@pytest.mark.parametrize("text", ["", "ch", "CHE", "41", "001", "ZZ", "AQ", " CH", "CH\n"])
def test_no_region(text: str) -> None:
    assert not is_region(text)


def test_regions() -> None:
    assert all(map(is_region, ["CH", "DE", "US", "GG", "VA", "XK"]))


@pytest.mark.parametrize(
    ("region", "number", "digits"),
    [
        ("CH", "+41785556677", "0785556677"),
        ("DE", "+41785556677", "0041785556677"),
        ("US", "+12015550123", "12015550123"),
        ("US", "+41785556677", "01141785556677"),
        ("IT", "+390612345678", "0612345678"),
        ("JP", "+41785556677", "01041785556677"),
        # Brazil has a prefix for calls abroad for each carrier.
        ("BR", "+41785556677", "+41785556677"),
        ("", "+41785556677", "+41785556677"),
        ("CH", "+", "+"),
    ],
)
def test_what_is_dialled_in_a_region(region: str, number: str, digits: str) -> None:
    assert dialled_in(region, number) == digits

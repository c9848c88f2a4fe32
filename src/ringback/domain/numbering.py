"""Which telephone number a row of digits means, by the numbering plans of the world.

A number that is valid as it stands is never rewritten, also when it begins like one with a trunk prefix:
+375 8105261733 is a Belarusian number, although 8 is the trunk prefix of Belarus. Only a number that is not
valid as it stands may be one that was written otherwise: with a trunk prefix ("+41 (0)78 …"), or in a form that
networks still map to what has taken its place.

A number has to be possible, not valid: numbering plans change faster than libraries are updated, and to refuse
a new number range would break a promise that could be kept.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from ringback.domain.masking import masked_number

_MAX_CALLING_CODE_DIGITS = 3
NORTH_AMERICA = 1
# As many as the library takes; none that is valid has more.
_MAX_NATIONAL_DIGITS = 17

# Prefixes that the library no longer has, by calling code; the group is the number without it.
# Until 2019 a Mexican mobile was dialled with 1 from abroad, and with 044 or 045 at home, where 01 was the prefix.
_HISTORIC = {52: re.compile("(?:01|044|045|1)([0-9]{10})")}

_IMPOSSIBLE = {
    ValidationResult.INVALID_COUNTRY_CODE: "unknown country code",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
    ValidationResult.TOO_SHORT: "too short",
    ValidationResult.TOO_LONG: "too long",
    ValidationResult.INVALID_LENGTH: "no number of its country has this many digits",
}
_UNREADABLE = {
    NumberParseException.INVALID_COUNTRY_CODE: "unknown country code",
    NumberParseException.NOT_A_NUMBER: "too short",
    NumberParseException.TOO_SHORT_AFTER_IDD: "too short",
    NumberParseException.TOO_SHORT_NSN: "too short",
    NumberParseException.TOO_LONG: "too long",
}


def is_region(text: str) -> bool:
    """Return whether `text` is an ISO 3166 code, such as "CH", of a region that has telephone numbers."""
    return text in phonenumbers.SUPPORTED_REGIONS


def e164(number: str, region: str = "") -> str:
    """Return the number, which is written as digits with or without "+" in front, as "+" and at most 17 digits.

    Digits without "+" are what is dialled in `region`, with or without its trunk prefix. Raise `ValueError`; its
    text continues a sentence about the number. The result, when it is read again, is returned as it is.
    """
    return _global(number) if number.startswith("+") else _national(number, region)


# The same numbers recur: in retried requests, in ResolveCallbacks, in filters.
@lru_cache(maxsize=4096)
def _global(number: str) -> str:
    calling_code = code_of(number)
    national = number[1 + len(str(calling_code)) :]
    region = phonenumbers.region_code_for_country_code(calling_code)
    return _valid(calling_code, national, region) or _likely(calling_code, national, _parsed(number))


@lru_cache(maxsize=4096)
def _national(number: str, region: str) -> str:
    calling_code = phonenumbers.country_code_for_region(region)
    if valid := _valid(calling_code, number, region):
        return valid
    _refuse_short(calling_code, number, region)
    if abroad := _abroad(number, region):
        return abroad
    parsed = _parsed(number, region)
    if parsed.country_code_source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN:
        return _global(f"+{number}")
    likely = _likely(calling_code, number, parsed)
    _refuse_with_prefix(calling_code, likely.removeprefix(f"+{calling_code}"), region)
    return likely


def _valid(calling_code: int, national: str, region: str) -> str | None:
    """Return the number as it stands, or else without the trunk prefix of the region, where that is valid."""
    for digits in _with_and_without_prefix(national, region):
        if type_of(found := f"+{calling_code}{digits}") != PhoneNumberType.UNKNOWN:
            return found
    return None


@lru_cache(maxsize=4096)
def type_of(number: str) -> int:
    """Return the `PhoneNumberType` of a global number as it stands: UNKNOWN for one that is not valid."""
    calling_code = code_of(number)
    national = number[1 + len(str(calling_code)) :]
    if not calling_code or not national or len(national) > _MAX_NATIONAL_DIGITS:
        return int(PhoneNumberType.UNKNOWN)
    return int(phonenumbers.number_type(_as_it_stands(calling_code, national)))


def is_possible(number: str) -> bool:
    """Return whether a global number, as it stands, has a length that numbers with its code have."""
    calling_code = code_of(number)
    national = number[1 + len(str(calling_code)) :]
    if not calling_code or not national or len(national) > _MAX_NATIONAL_DIGITS:
        return False
    return bool(phonenumbers.is_possible_number(_as_it_stands(calling_code, national)))


@lru_cache(maxsize=4096)
def national_forms(number: str) -> frozenset[str]:
    """Return the digits that are dialled for a global number in its own country, with the trunk prefix if it needs one.

    In North America it does not.
    """
    calling_code = code_of(number)
    national = number[1 + len(str(calling_code)) :]
    written = phonenumbers.format_number(_as_it_stands(calling_code, national), PhoneNumberFormat.NATIONAL)
    forms = {"".join(filter(str.isdigit, written))}
    return frozenset(forms | {f"1{national}"} if calling_code == NORTH_AMERICA else forms)


@lru_cache(maxsize=4096)
def dialled_in(region: str, number: str) -> str:
    """Return the digits that are dialled in a region for a global number: with its trunk prefix, or that for abroad.

    A region that has more than one prefix for calls abroad has none that is right everywhere: the number is returned
    as it is, as it is where the region is not known.
    """
    calling_code = code_of(number)
    national = number[1 + len(str(calling_code)) :]
    if not calling_code or not national or not is_region(region):
        return number
    written = phonenumbers.format_out_of_country_calling_number(_as_it_stands(calling_code, national), region)
    return number if written.startswith("+") else "".join(filter(str.isdigit, written))


def _abroad(number: str, region: str) -> str | None:
    """Return the number that follows a prefix for calls abroad, or None where there is none.

    A prefix may begin with another one. Hong Kong has 00, and 008 of one carrier: 00819012345678 is Japan's
    +819012345678 or America's +19012345678. The library would take the longest prefix, and ring a stranger.
    """
    plan = PhoneMetadata.metadata_for_region(region)
    if plan is None or plan.international_prefix is None:
        return None
    prefix = re.compile(plan.international_prefix)
    readings = [f"+{number[end:]}" for end in range(1, len(number)) if prefix.fullmatch(number, 0, end)]
    found: list[str] = []
    refusal: ValueError | None = None
    for reading in filter(code_of, readings):
        try:
            found.append(_global(reading))
        except ValueError as fault:
            refusal = refusal or fault
    found = list(dict.fromkeys([one for one in found if phonenumbers.is_valid_number(_parsed(one))] or found))
    if len(found) > 1:
        raise ValueError(f"may be {' or '.join(map(masked_number, found))}: begin it with '+' and the country code")
    if not found and refusal is not None:
        raise refusal
    return found[0] if found else None


def _refuse_short(calling_code: int, number: str, region: str) -> None:
    for digits in _with_and_without_prefix(number, region):
        if phonenumbers.is_valid_short_number_for_region(_as_it_stands(calling_code, digits), region):
            raise ValueError(f"is a short code of {region}; only full telephone numbers can be dialled")


def _refuse_with_prefix(calling_code: int, national: str, region: str) -> None:
    """Refuse what still begins with a trunk prefix, which the library leaves where the rest has a wrong length."""
    *_, shortest = _with_and_without_prefix(national, region)
    if shortest != national and not _has_shape(calling_code, national):
        _require_possible(_as_it_stands(calling_code, shortest))
        raise _impossible("more than one trunk prefix")


def _with_and_without_prefix(national: str, region: str) -> Iterator[str]:
    if national:
        yield national
    prefix = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True)
    if prefix and national.startswith(prefix) and national != prefix:
        yield national.removeprefix(prefix)


def _likely(calling_code: int, national: str, parsed: PhoneNumber) -> str:
    """Choose between a number as it stands, which is not valid, and as the library rewrites it.

    The library cuts trunk prefixes of every kind, some with a carrier's code after it, and maps what is dialled
    at home or was dialled in the past (Argentina's 15, San Marino's numbers without area code).
    """
    if calling_code in _HISTORIC and (historic := _HISTORIC[calling_code].fullmatch(national)):
        return _global(f"+{calling_code}{historic[1]}")
    rewritten = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    as_it_stands = f"+{calling_code}{national}"
    if not phonenumbers.is_valid_number(parsed):
        if _has_shape(calling_code, national):
            return as_it_stands
        _require_possible(parsed)
        # "+41 00 78 …" reads as "+41 0 78 …", which would read as "+41 78 …" the next time.
        if rewritten != as_it_stands and _global(rewritten) != rewritten:
            raise _impossible("more than one trunk prefix")
    return rewritten


def _require_possible(number: PhoneNumber) -> None:
    possibility = phonenumbers.is_possible_number_with_reason(number)
    if possibility != ValidationResult.IS_POSSIBLE:
        raise _impossible(_IMPOSSIBLE[possibility])


def _has_shape(calling_code: int, national: str) -> bool:
    """Return whether the number fits the general description of a plan, so that it may be in a new range."""
    possibility = phonenumbers.is_possible_number_with_reason(_as_it_stands(calling_code, national))
    return possibility == ValidationResult.IS_POSSIBLE and any(
        (plan := PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region))
        and plan.general_desc
        and re.fullmatch(plan.general_desc.national_number_pattern or "", national)
        for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[calling_code]
    )


def _as_it_stands(calling_code: int, national: str) -> PhoneNumber:
    zeros = len(national) - len(national.lstrip("0"))
    return PhoneNumber(
        country_code=calling_code,
        national_number=int(national),
        italian_leading_zero=zeros > 0,
        number_of_leading_zeros=min(zeros, len(national) - 1),  # of "000", the last zero is the number
    )


def code_of(number: str) -> int:
    """Return the code with which a global number begins, or 0. No code is the beginning of another one."""
    if number.startswith("+0"):  # which no code does: "07" is not 7
        return 0
    for end in range(2, 2 + _MAX_CALLING_CODE_DIGITS):
        if (digits := number[1:end]) and int(digits) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return int(digits)
    return 0


def _parsed(number: str, region: str | None = None) -> PhoneNumber:
    try:
        return phonenumbers.parse(number, region, keep_raw_input=True)
    except NumberParseException as fault:
        raise _impossible(_UNREADABLE[fault.error_type]) from None


def _impossible(why: str) -> ValueError:
    return ValueError(f"is not a possible telephone number: {why}")

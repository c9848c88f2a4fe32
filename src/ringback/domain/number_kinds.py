"""The kinds of telephone numbers: what a call to one costs, or reaches.

The library's kinds mislead for the codes that the ITU assigns to no country: satellites come out as mobiles, and
international networks as VoIP. So a table of these codes comes first. A number that is not valid as it stands may be
billed all the same (a new range, a digit too many): it has the kinds of all valid numbers that begin like it.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType

from ringback.domain.numbering import code_of, type_of


class NumberKind(StrEnum):
    """What a number is; rules deny some of them."""

    EMERGENCY = "emergency"
    SERVICE_CODE = "service_code"
    SHORT_CODE = "short_code"
    PREMIUM_RATE = "premium_rate"
    SHARED_COST = "shared_cost"
    SATELLITE = "satellite"
    INTERNATIONAL_NETWORK = "international_network"
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    PERSONAL_NUMBER = "personal_number"
    TOLL_FREE = "toll_free"
    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    VOIP = "voip"
    UAN = "uan"
    UNKNOWN = "unknown"


_SATELLITE = frozenset({NumberKind.SATELLITE})
_NETWORK = frozenset({NumberKind.INTERNATIONAL_NETWORK})
_SATELLITE_NETWORK = _SATELLITE | _NETWORK

# ITU-T E.164, annex: list of assigned country codes, and E.164.1 for what is behind +882 and +883. The longest prefix
# decides. Of the codes that were withdrawn (+871 to +874, +991) and the spare ones nobody knows what a carrier does.
ITU_CODES: Final = {
    "+800": frozenset({NumberKind.TOLL_FREE}),
    "+808": frozenset({NumberKind.SHARED_COST}),
    "+870": _SATELLITE,
    "+871": _SATELLITE,
    "+872": _SATELLITE,
    "+873": _SATELLITE,
    "+874": _SATELLITE,
    "+875": _SATELLITE,
    "+876": _SATELLITE,
    "+877": _SATELLITE,
    "+878": frozenset({NumberKind.PERSONAL_NUMBER}),
    "+879": _NETWORK,
    "+881": _SATELLITE_NETWORK,
    "+882": _NETWORK,
    "+88213": _SATELLITE_NETWORK,
    "+88216": _SATELLITE_NETWORK,
    "+883": _NETWORK,
    "+888": _NETWORK,
    "+979": frozenset({NumberKind.PREMIUM_RATE}),
    "+991": _NETWORK,
    "+999": _NETWORK,
    # Satellites within a country's plan.
    "+61145": _SATELLITE,
    "+61147": _SATELLITE,
    "+7954": _SATELLITE,
}
_LONGEST_CODE: Final = max(map(len, ITU_CODES))
_SHORTEST_CODE: Final = min(map(len, ITU_CODES))

_KINDS: Final = {
    PhoneNumberType.FIXED_LINE: frozenset({NumberKind.FIXED_LINE}),
    PhoneNumberType.MOBILE: frozenset({NumberKind.MOBILE}),
    # Either: a rule against one of them cannot let it pass.
    PhoneNumberType.FIXED_LINE_OR_MOBILE: frozenset({NumberKind.FIXED_LINE, NumberKind.MOBILE}),
    PhoneNumberType.TOLL_FREE: frozenset({NumberKind.TOLL_FREE}),
    PhoneNumberType.PREMIUM_RATE: frozenset({NumberKind.PREMIUM_RATE}),
    PhoneNumberType.SHARED_COST: frozenset({NumberKind.SHARED_COST}),
    PhoneNumberType.VOIP: frozenset({NumberKind.VOIP}),
    PhoneNumberType.PERSONAL_NUMBER: frozenset({NumberKind.PERSONAL_NUMBER}),
    PhoneNumberType.PAGER: frozenset({NumberKind.PAGER}),
    PhoneNumberType.UAN: frozenset({NumberKind.UAN}),
    PhoneNumberType.VOICEMAIL: frozenset({NumberKind.VOICEMAIL}),
}
_UNKNOWN: Final = frozenset({NumberKind.UNKNOWN})
# The descriptions in a numbering plan of what a number may look like that is not valid.
_COSTLY: Final = {
    "premium_rate": NumberKind.PREMIUM_RATE,
    "shared_cost": NumberKind.SHARED_COST,
    "personal_number": NumberKind.PERSONAL_NUMBER,
    "pager": NumberKind.PAGER,
    "voicemail": NumberKind.VOICEMAIL,
}
# So many digits of a national number say which range it is in.
_RANGE_DIGITS: Final = 3
# The plans of a calling code that differ in their ranges; those of +1 have the same ones.
_MAX_PLANS: Final = 4


@lru_cache(maxsize=4096)
def kinds_of(number: str) -> frozenset[NumberKind]:
    """Return the kinds of a global number, "+" and digits, valid or not."""
    if (assigned := itu_kinds(number)) is not None:
        return assigned
    kinds = _KINDS.get(type_of(number))
    return _UNKNOWN | _kinds_of_range(number) if kinds is None else kinds


def itu_kinds(number: str) -> frozenset[NumberKind] | None:
    """Return the kinds of a number with a code of the ITU's own; None for one of a country."""
    for end in range(min(_LONGEST_CODE, len(number)), _SHORTEST_CODE - 1, -1):
        if (kinds := ITU_CODES.get(number[:end])) is not None:
            return kinds
    return None


def _kinds_of_range(number: str) -> frozenset[NumberKind]:
    code = code_of(number)
    national = number[1 + len(str(code)) :]
    # The zero that is dialled at home is often left in: +41 (0)900 …
    forms = [form for form in {national, national.lstrip("0")} if len(form) >= _RANGE_DIGITS]
    if not code or not forms:
        return frozenset()
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][:_MAX_PLANS]
    plans = [PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in regions]
    return frozenset(
        kind
        for plan in plans
        if plan is not None and plan.general_desc is not None
        for name, kind in _COSTLY.items()
        if any(_has_range(getattr(plan, name), plan.general_desc.possible_length, form) for form in forms)
    )


def _has_range(description: phonenumbers.PhoneNumberDesc | None, lengths: Sequence[int], national: str) -> bool:
    if description is None or description.national_number_pattern is None:
        return False
    pattern = re.compile(description.national_number_pattern)
    return any(
        pattern.fullmatch(number)
        for length in description.possible_length or lengths
        # By the first digits, and by all of them: some ranges have more.
        for beginning in (national[:_RANGE_DIGITS], national[:length])
        for number in _numbers(beginning, length)
    )


def _numbers(beginning: str, length: int) -> Iterator[str]:
    """Yield numbers that begin so: one for each following digit."""
    missing = length - len(beginning)
    yield from (beginning + digit * missing for digit in "0123456789"[: 10 if missing > 0 else 1])

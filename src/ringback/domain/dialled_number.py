"""Which numbers the user part of a SIP URI dials, whatever it is written as.

What a gateway dials depends on its dial plan, which is not known here. So a user part is judged by everything that it
may mean: as it stands, decoded, without separators, without dial-out and feature codes, and with what its parameters
put in front. A call is placed only when none of that is denied.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import phonenumbers
from msgspec import Struct
from phonenumbers import PhoneNumber, PhoneNumberType

from ringback.domain.number_kinds import NumberKind, itu_kinds, kinds_of
from ringback.domain.numbering import code_of, e164, type_of

# Emergency numbers that are such in three countries or more, in the library's data of short numbers, and those that
# reach one everywhere. A region that is given adds its own.
EMERGENCY: Final = frozenset(
    {"000", *map(str, range(100, 106)), *map(str, range(110, 121)), "122", "123", "128", "132", "144", "150", "155"}
    | {"177", *map(str, range(190, 196)), "197", "199", "911", "991", "993", "994", "995", "997", "998", "999"}
)

_MAX_DECODINGS: Final = 8
# A scheme within the user part: of a URI that was escaped into another one.
_SCHEME: Final = re.compile(r"(?:(?:tel|sips?|callto|phone):)+", re.IGNORECASE)
# Pauses of modems and of RFC 2806, within a row of digits.
_PAUSE: Final = re.compile(r"(?<=[0-9*#])[pwPW]+(?=[0-9*#+])")
_NOT_DIALLED: Final = re.compile(r"[^0-9*#+]")
# It begins with a letter, so it is no row of digits with a pause in it, and it has no escape.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_CODE: Final = re.compile(r"[*#]+")

# To get a line to the outside, as company switches have it.
_OUTSIDE: Final = ("", "0", "9", "8", "7", "00", "09", "90", "99")
# To get a line for an emergency call; other digits in front of these are ordinary extensions.
_OUTSIDE_EMERGENCY: Final = ("", "0", "9", "00", "09", "90", "99")
_MORE_EMERGENCY: Final = frozenset({"1911", "8112", "8911"})
# For calls abroad: those that are usual, after which a number is judged also when it is none that is valid, and all
# that the library has of any country, some with the code of a carrier.
_USUAL_PREFIXES: Final = ("00", "000", "010", "011", "0011", "810")
_ANY_PREFIX: Final = re.compile("0[0-9]{1,4}|810|119|99[0-9](?:[0-9]{2})?|1[0-9]{2}0|14[0-9]{2}0011")
_LONGEST_PREFIX: Final = 8
# Where the region is not known: the ranges of premium rate that many countries have in common.
_PREMIUM: Final = re.compile("[01]?(?:90[0-9]|190|976)[0-9]{4,}")

# The shortest number with a code of the ITU's own, and the shortest that is taken for one with a country code.
_MIN_ASSIGNED: Final = 11
_MIN_GLOBAL: Final = 10
# Fewer digits are an extension.
_MIN_UNREADABLE: Final = 7
# Of a national number; with the zero that is dialled at home.
_MAX_EMERGENCY: Final = 6


class Dialled(Struct, frozen=True):
    """What a user part may dial."""

    # Global numbers, as "+" and digits.
    numbers: frozenset[str] = frozenset()
    # Kinds that follow from more than these numbers, such as codes and emergency numbers.
    kinds: frozenset[NumberKind] = frozenset()
    # It is too long for an extension, and cannot be read as a global number.
    unreadable: bool = False


NOTHING: Final = Dialled()


def of_number(number: str) -> Dialled:
    """Return what a global number in E.164 dials."""
    return Dialled(numbers=frozenset((number,)), kinds=_kinds_behind_code(number))


def is_name(user: str) -> bool:
    """Return whether a user part is a plain name, which dials no number whatever is done with it."""
    return not user or _NAME.fullmatch(user) is not None


@lru_cache(maxsize=4096)
def of_user(user: str, region: str = "") -> Dialled:
    """Return what the user part of a SIP URI dials; `NOTHING` when it is a name.

    Its parameters, after a semicolon, are not looked at. `region` is that of national numbers, where it is known.
    """
    text = plain(user).partition(";")[0]
    # Lenient gateways decode an escaped "@" or "?" early, and dial what is in front of it.
    text = re.split("[@?&]", _PAUSE.sub("", text), maxsplit=1)[0]
    is_code = text[:1] in ("*", "#")
    if any(character.isalpha() for character in text) or not (is_code or any(map(str.isdigit, text))):
        return Dialled(kinds=frozenset({NumberKind.SERVICE_CODE})) if is_code else NOTHING
    dialled = _NOT_DIALLED.sub("", text)
    pieces = [piece for piece in _CODE.split(dialled) if piece]
    found = [_of_piece(piece, region) for piece in pieces]
    kinds = {NumberKind.SERVICE_CODE} if _CODE.search(dialled) else set()
    return Dialled(
        numbers=frozenset().union(*(each.numbers for each in found)),
        kinds=frozenset(kinds.union(*(each.kinds for each in found))),
        unreadable=any(each.unreadable for each in found),
    )


def plain(user: str) -> str:
    """Return a user part without escapes, with ASCII digits, and without a scheme."""
    for _ in range(_MAX_DECODINGS):
        decoded = unquote(user)
        if decoded == user:
            break
        user = decoded
    normal = unicodedata.normalize("NFKC", user)
    ascii_digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in normal)
    visible = "".join(c for c in ascii_digits if unicodedata.category(c) != "Cf")
    return _SCHEME.sub("", visible.strip(), count=1) if _SCHEME.match(visible.strip()) else visible.strip()


def _of_piece(piece: str, region: str) -> Dialled:
    """Return what digits dial, with "+" in front or, after a dial-out code, within them."""
    digits, *global_ones = piece.split("+")
    numbers: set[str] = set()
    kinds: set[NumberKind] = set()
    unreadable = False
    for number in (f"+{each}" for each in global_ones if each):
        numbers |= {number, _canonical(number)}
        kinds |= _kinds_behind_code(number)
        # Where the "+" is dropped, the rest is dialled as it stands.
        kinds |= _emergency(number[1:], region)
    if digits:
        read = _readings(digits, region)
        numbers |= read
        kinds |= _kinds_of_digits(digits, region) | frozenset().union(*map(_kinds_behind_code, read))
        unreadable = not read and len(digits) >= _MIN_UNREADABLE and not global_ones
    return Dialled(numbers=frozenset(numbers), kinds=frozenset(kinds), unreadable=unreadable)


def _canonical(number: str) -> str:
    try:
        return e164(number)
    except ValueError:
        return number


# --- Digits without a country code ---------------------------------------------------------------------------------


def _readings(digits: str, region: str) -> set[str]:
    """Return the global numbers that the digits may be."""
    lines = [digits.removeprefix(outside) for outside in _OUTSIDE if digits.startswith(outside)]
    # What has a country code in front, and whether it must be such a number, also when it is not valid.
    candidates = {line: line == digits and len(line) >= _MIN_GLOBAL for line in lines}
    for line in lines:
        for end in range(2, min(_LONGEST_PREFIX, len(line) - 1) + 1):
            if _ANY_PREFIX.fullmatch(line, 0, end):
                surely = line[:end] in _USUAL_PREFIXES
                candidates[line[end:]] = surely or candidates.get(line[end:], False)
    found = {_as_global(candidate, surely=surely) for candidate, surely in candidates.items()}
    if region:
        found |= {_national(line, region) for line in lines}
    return found - {""}


def _as_global(digits: str, *, surely: bool) -> str:
    """Return the number that begins with a country code, or "" for none."""
    number = f"+{digits}"
    if itu_kinds(number) is not None:
        return number if surely or len(digits) >= _MIN_ASSIGNED else ""
    if type_of(number) != PhoneNumberType.UNKNOWN:
        return number
    return _canonical(number) if surely and code_of(number) else ""


def _national(digits: str, region: str) -> str:
    try:
        return e164(digits, region)
    except ValueError:
        return ""


def _kinds_of_digits(digits: str, region: str) -> set[NumberKind]:
    kinds = _emergency(digits, region)
    for rest in (digits.removeprefix(outside) for outside in _OUTSIDE if digits.startswith(outside)):
        if region and _is_short_code(rest, region):
            kinds.add(NumberKind.SHORT_CODE)
        elif not region and _PREMIUM.fullmatch(rest):
            kinds.add(NumberKind.PREMIUM_RATE)
    # A number of North America, where the gateway adds the 1.
    if not region and len(digits) == 10 and NumberKind.PREMIUM_RATE in kinds_of(f"+1{digits}"):
        kinds.add(NumberKind.PREMIUM_RATE)
    return kinds


# --- Emergency numbers and short codes -----------------------------------------------------------------------------


def _emergency(digits: str, region: str) -> set[NumberKind]:
    """Return the kind of an emergency number, with and without what is dialled before it."""
    for outside in _OUTSIDE_EMERGENCY:
        rest = digits.removeprefix(outside)
        if not digits.startswith(outside):
            continue
        abroad = (rest.removeprefix(prefix) for prefix in _USUAL_PREFIXES if rest.startswith(prefix))
        if _is_emergency(rest, region) or any(_is_emergency(d, region) or _kinds_behind_code(f"+{d}") for d in abroad):
            return {NumberKind.EMERGENCY}
    return {NumberKind.EMERGENCY} if digits in _MORE_EMERGENCY else set()


def _kinds_behind_code(number: str) -> frozenset[NumberKind]:
    """Return the kind of an emergency number that has a country code in front; none for any other number."""
    code = code_of(number)
    national = number[1 + len(str(code)) :] if code else ""
    if len(national) > _MAX_EMERGENCY:
        return frozenset()
    region = phonenumbers.region_code_for_country_code(code) if code else ""
    found = national.lstrip("0") in EMERGENCY or _is_emergency(national, region)
    return frozenset({NumberKind.EMERGENCY}) if found else frozenset()


def _is_emergency(digits: str, region: str) -> bool:
    return digits in EMERGENCY or (bool(digits and region) and phonenumbers.is_emergency_number(digits, region))


def _is_short_code(digits: str, region: str) -> bool:
    if not 0 < len(digits) < _MIN_UNREADABLE:
        return False
    number = PhoneNumber(
        country_code=phonenumbers.country_code_for_region(region),
        national_number=int(digits),
        italian_leading_zero=digits.startswith("0"),
    )
    return phonenumbers.is_valid_short_number_for_region(number, region)

"""Which numbers the user part of a SIP URI dials, whatever it is written as.

What a gateway dials depends on its dial plan, which is not known here. So a user part is judged by everything that it
may mean: as it stands, decoded, without separators, without dial-out and feature codes, and with what its parameters
put in front. A call is placed only when none of that is denied.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import phonenumbers
from msgspec import Struct
from msgspec.structs import replace
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType

from ringback.domain.number_kinds import NumberKind, itu_kinds
from ringback.domain.numbering import NORTH_AMERICA, code_of, e164, is_possible, national_forms, type_of

# Emergency numbers that are such in three countries or more, in the library's data of short numbers, and those that
# reach one everywhere. A region that is given adds its own.
EMERGENCY: Final = frozenset(
    {"000", *map(str, range(100, 106)), *map(str, range(110, 121)), "122", "123", "128", "132", "144", "150", "155"}
    | {"177", *map(str, range(190, 196)), "197", "199", "911", "991", "993", "994", "995", "997", "998", "999"}
)

_MAX_DECODINGS: Final = 8
# ASCII in the overlong forms of two and three bytes, which lenient decoders take.
_OVERLONG: Final = re.compile("%(?:e0%8|c)([01])%([89ab][0-9a-f])", re.IGNORECASE)
# A scheme within the user part: of a URI that was escaped into another one.
_SCHEME: Final = re.compile(r"(?:(?:tel|sips?|callto|phone):)+", re.IGNORECASE)
# Pauses of modems and of RFC 2806, within a row of digits and at its end.
_PAUSE: Final = re.compile(r"(?<=[0-9*#])[pwPW]+(?=[0-9*#+]|$)")
# Lenient gateways decode an escaped "@" or "?" early, and dial what is in front of it.
_END: Final = re.compile("[@?&]")
# Where something else begins: after a pause, or for a gateway that dials several numbers at once.
_NEXT: Final = re.compile("[@?&|,/]")
_NOT_DIALLED: Final = re.compile(r"[^0-9*#+]")
# It begins with a letter, so it is no row of digits with a pause in it, and it has no escape.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_LEADING: Final = re.compile(r"[+0-9][^A-Za-z]*")
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
_PREMIUM: Final = re.compile("[01]?(?:90[0-9]|190)[0-9]{4,}|1?976[0-9]{4}")

# Prefixes after which a valid number is what is dialled, whatever others make of the same digits.
_WORLDWIDE: Final = ("00", "011")
# The shortest number with a code of the ITU's own, and the shortest that is taken for one with a country code.
_MIN_ASSIGNED: Final = 11
_MIN_GLOBAL: Final = 10
# Fewer digits are an extension.
MIN_NUMBER: Final = 7
# With the zero that is dialled at home.
_MAX_SHORT: Final = 7
_AMERICAN: Final = 10
_MOBILES: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
_IS_EMERGENCY: Final = frozenset({NumberKind.EMERGENCY})
_IS_SHORT: Final = frozenset({NumberKind.SHORT_CODE})


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
    return Dialled(numbers=frozenset((number,)), kinds=_kinds_behind_code(number) | _short_behind_code(number))


def is_name(user: str) -> bool:
    """Return whether a user part is a plain name, which dials no number whatever is done with it."""
    return not user or _NAME.fullmatch(user) is not None


@lru_cache(maxsize=4096)
def of_user(user: str, region: str = "", *, is_phone: bool = False) -> Dialled:
    """Return what the user part of a SIP URI dials; `NOTHING` when it is a name.

    Its parameters, after a semicolon, are not looked at. `region` is that of national numbers, where it is known, and
    `is_phone` whether the URI says that the user part is a number.
    """
    text = plain(user).partition(";")[0]
    parts = [_END.split(text, maxsplit=1)[0], *(part for piece in _NEXT.split(text) for part in _PAUSE.split(piece))]
    found = [_of_text(part, region, is_phone=is_phone) for part in dict.fromkeys([_PAUSE.sub("", parts[0]), *parts])]
    # Of several numbers in one text, the whole is no number.
    return _together(found, unreadable=found[0].unreadable)


def digits_of(user: str) -> str:
    """Return the digits of a user part that is a row of them, with what else is dialled, and no parameters."""
    text = plain(user).partition(";")[0]
    return "" if any(map(str.isalpha, text)) else _NOT_DIALLED.sub("", text)


def plain(user: str) -> str:
    """Return a user part without escapes, with ASCII digits, and without a scheme."""
    for _ in range(_MAX_DECODINGS):
        decoded = unquote(_OVERLONG.sub(_ascii, user))
        if decoded == user:
            break
        user = decoded
    normal = unicodedata.normalize("NFKC", user)
    ascii_digits = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in normal)
    visible = "".join(c for c in ascii_digits if unicodedata.category(c) != "Cf")
    return _SCHEME.sub("", visible.strip(), count=1) if _SCHEME.match(visible.strip()) else visible.strip()


def _ascii(overlong: re.Match[str]) -> str:
    return chr(int(overlong[1]) << 6 | int(overlong[2], 16) & 0x3F)


def _of_text(text: str, region: str, *, is_phone: bool) -> Dialled:
    is_code = text[:1] in ("*", "#")
    if not any(map(str.isalpha, text)):
        return _of_digits(text, region) if is_code or any(map(str.isdigit, text)) else NOTHING
    if is_code:
        return Dialled(kinds=frozenset({NumberKind.SERVICE_CODE}))
    leading = _LEADING.match(text)
    digits = "" if leading is None else leading[0]
    if digits[:1] == "+" or (is_phone and digits):
        # Dialled is what is in front of the letters, or what they are on a keypad.
        return _together(
            [
                _of_digits(each, region)
                for each in (
                    digits,
                    phonenumbers.normalize_diallable_chars_only(phonenumbers.convert_alpha_characters_in_number(text)),
                )
            ]
        )
    # A name that begins like a telephone number may be cut to one. It is no number, though, that has to be readable.
    is_long = len(_NOT_DIALLED.sub("", digits)) >= MIN_NUMBER
    return replace(_of_digits(digits, region), unreadable=False) if is_long else NOTHING


def _of_digits(text: str, region: str) -> Dialled:
    dialled = _NOT_DIALLED.sub("", text)
    kinds = {NumberKind.SERVICE_CODE} if _CODE.search(dialled) else set()
    found = [_of_piece(piece, region) for piece in _CODE.split(dialled) if piece]
    return _together([Dialled(kinds=frozenset(kinds)), *found], unreadable=any(each.unreadable for each in found))


def _together(found: Sequence[Dialled], *, unreadable: bool = False) -> Dialled:
    return Dialled(
        numbers=frozenset().union(*(each.numbers for each in found)),
        kinds=frozenset().union(*(each.kinds for each in found)),
        unreadable=unreadable,
    )


def _of_piece(piece: str, region: str) -> Dialled:
    """Return what digits dial, with "+" in front or, after a dial-out code, within them."""
    digits, *global_ones = piece.split("+")
    numbers: set[str] = set()
    # Where the "+" is dropped, the rest is dialled as it stands.
    kinds = _emergency(piece.replace("+", ""), region)
    for number in (f"+{each}" for each in global_ones if each):
        numbers |= {number, _canonical(number)}
        kinds |= _kinds_behind_code(number) | _short_behind_code(number) | _emergency(number[1:], region)
        if type_of(number) == PhoneNumberType.UNKNOWN:
            numbers |= _readings(number[1:], region)
            kinds |= _kinds_of_digits(number[1:], region)
    if digits:
        read = _readings(digits, region)
        numbers |= read
        kinds |= _kinds_of_digits(digits, region) | frozenset().union(*map(_kinds_behind_code, read))
    unreadable = not numbers and len(digits) >= MIN_NUMBER
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
    found = {_national(line, region) for line in lines if line == digits or _is_complete(line, region)}
    if (abroad := _abroad(digits)) is not None:
        return {abroad, *found, *_behind(_own_prefix(region), digits)} - {""}
    is_own = _is_own(digits, region)
    if not is_own:
        found |= {_unmarked(line, is_all=line == digits) for line in lines}
    prefix = _own_prefix(region) if is_own else _ANY_PREFIX
    return found.union(*(_behind(prefix, line) for line in lines)) - {""}


def _abroad(digits: str) -> str | None:
    """Return the valid number that follows the prefix which most countries have for calls abroad."""
    rests = (digits.removeprefix(prefix) for prefix in _WORLDWIDE if digits.startswith(prefix))
    return next((f"+{rest}" for rest in rests if type_of(f"+{rest}") != PhoneNumberType.UNKNOWN), None)


def _behind(prefix: re.Pattern[str] | None, line: str) -> set[str]:
    """Return the numbers behind a prefix for calls abroad. After a usual one it need not be valid."""
    if prefix is None:
        return set()
    ends = range(2, min(_LONGEST_PREFIX, len(line) - 1) + 1)
    return {
        _as_global(line[end:], surely=line[:end] in _USUAL_PREFIXES) for end in ends if prefix.fullmatch(line, 0, end)
    }


def _own_prefix(region: str) -> re.Pattern[str] | None:
    plan = PhoneMetadata.metadata_for_region(region) if region else None
    return re.compile(plan.international_prefix) if plan is not None and plan.international_prefix else None


def _unmarked(line: str, *, is_all: bool) -> str:
    """Return the number that begins with a country code, which nothing marks as one; "" for none."""
    number = f"+{line}"
    if itu_kinds(number) is not None:
        return number if is_possible(number) else ""
    return _as_global(line, surely=is_all and len(line) >= _MIN_GLOBAL)


def _as_global(digits: str, *, surely: bool) -> str:
    """Return the number that begins with a country code, or "" for none."""
    number = f"+{digits}"
    if itu_kinds(number) is not None:
        return number if len(digits) >= (MIN_NUMBER if surely else _MIN_ASSIGNED) else ""
    if type_of(number) != PhoneNumberType.UNKNOWN:
        return number
    return _canonical(number) if surely and code_of(number) else ""


def _national(digits: str, region: str) -> str:
    if not region:
        return ""
    try:
        return e164(digits, region)
    except ValueError:
        return ""


def _is_complete(line: str, region: str) -> bool:
    """Return whether a number is dialled like that in the region, abroad or with the trunk prefix that it needs."""
    number = _national(line, region)
    if number == "":
        return False
    if code_of(number) != phonenumbers.country_code_for_region(region):
        return True
    trunk = phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or ""
    is_valid = type_of(number) != PhoneNumberType.UNKNOWN
    return line in national_forms(number) if is_valid else trunk != "" and line.startswith(trunk)


def _is_own(digits: str, region: str) -> bool:
    """Return whether this is how a valid number of the region is dialled in it."""
    number = _national(digits, region)
    kind = type_of(number) if number else PhoneNumberType.UNKNOWN
    if kind == PhoneNumberType.UNKNOWN or code_of(number) != phonenumbers.country_code_for_region(region):
        return False
    # Mobiles are dialled without the trunk prefix, too.
    return digits in national_forms(number) or kind in _MOBILES or digits == number[1:]


def _kinds_of_digits(digits: str, region: str) -> set[NumberKind]:
    kinds = _emergency(digits, region).union(
        *(_short_behind_code(f"+{digits.removeprefix(prefix)}") for prefix in _WORLDWIDE if digits.startswith(prefix))
    )
    lines = [digits.removeprefix(outside) for outside in _OUTSIDE if digits.startswith(outside)]
    if region:
        return kinds | {NumberKind.SHORT_CODE for line in lines if _is_short_code(line, region)}
    # A number of North America, where the gateway adds the 1.
    american = type_of(f"+1{digits}") if len(digits) == _AMERICAN else PhoneNumberType.UNKNOWN
    if american == PhoneNumberType.PREMIUM_RATE:
        return kinds | {NumberKind.PREMIUM_RATE}
    is_global = _abroad(digits) is not None or (
        len(digits) >= _MIN_GLOBAL and type_of(f"+{digits}") != PhoneNumberType.UNKNOWN
    )
    if not is_global and american == PhoneNumberType.UNKNOWN and any(map(_PREMIUM.fullmatch, lines)):
        kinds.add(NumberKind.PREMIUM_RATE)
    return kinds


# --- Emergency numbers and short codes -----------------------------------------------------------------------------


def _emergency(digits: str, region: str) -> set[NumberKind]:
    """Return the kind of an emergency number, with and without what is dialled before it."""
    for outside in _OUTSIDE_EMERGENCY:
        rest = digits.removeprefix(outside)
        if not digits.startswith(outside):
            continue
        abroad = (rest.removeprefix(prefix) for prefix in _WORLDWIDE if rest.startswith(prefix))
        if _is_emergency(rest, region) or any(_is_emergency(d, region) or _kinds_behind_code(f"+{d}") for d in abroad):
            return {NumberKind.EMERGENCY}
    return {NumberKind.EMERGENCY} if digits in _MORE_EMERGENCY else set()


def _kinds_behind_code(number: str) -> frozenset[NumberKind]:
    """Return the kind of an emergency number that has a country code in front; none for any other number."""
    code = code_of(number)
    national = number[1 + len(str(code)) :] if code else ""
    if len(national) > _MAX_SHORT:
        # No area has this code: who begins to dial it has dialled an emergency number already.
        return _IS_EMERGENCY if number.startswith("+1911") else frozenset()
    region = phonenumbers.region_code_for_country_code(code) if code else ""
    found = national.lstrip("0") in EMERGENCY or _is_emergency(national, region)
    return _IS_EMERGENCY if found else frozenset()


def _short_behind_code(number: str) -> frozenset[NumberKind]:
    """Return the kind of a short code behind a country code, such as that of a directory; none for any other number."""
    code = code_of(number)
    national = number[1 + len(str(code)) :].lstrip("0") if code else ""
    # Those of North America are for messages, and cannot be dialled.
    if not 0 < len(national) <= _MAX_SHORT or code == NORTH_AMERICA or type_of(number) != PhoneNumberType.UNKNOWN:
        return frozenset()
    short = PhoneNumber(country_code=code, national_number=int(national))
    return _IS_SHORT if phonenumbers.is_valid_short_number(short) else frozenset()


def _is_emergency(digits: str, region: str) -> bool:
    return digits in EMERGENCY or (bool(digits and region) and phonenumbers.is_emergency_number(digits, region))


def _is_short_code(digits: str, region: str) -> bool:
    if not 0 < len(digits) < MIN_NUMBER:
        return False
    number = PhoneNumber(
        country_code=phonenumbers.country_code_for_region(region),
        national_number=int(digits),
        italian_leading_zero=digits.startswith("0"),
    )
    return phonenumbers.is_valid_short_number_for_region(number, region)

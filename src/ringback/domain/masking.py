"""Targets as logs show them: enough to recognise a call that one knows of, too little to place it."""

from functools import lru_cache
from typing import Final

from msgspec.structs import replace
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from ringback.domain.callback import Callback

_HIDDEN: Final = "•"
# A user part without digits is hidden whole, and its length, too.
_USER: Final = _HIDDEN * 3
_LAST: Final = 2
# Of a national number that is as long as this the first two digits are shown as well: what is hidden stays long.
_LONG: Final = 9
_FIRST: Final = 2


@lru_cache(maxsize=1024)  # a callback is told of several times within seconds
def masked(dial_target: str) -> str:
    """Return a canonical target without what names a person: tel:+4178•••••77, or sip:•••@example.com.

    Of a number the country code and the last two digits are left, and parameters are left out.
    """
    scheme, _, rest = dial_target.partition(":")
    if scheme == "tel":
        return f"tel:{_masked_number(rest.partition(';')[0])}"
    user, at, host = rest.rpartition("@")
    host = host.partition(";")[0].partition("?")[0]
    if not at:
        return f"{scheme}:{host}"
    number = user.partition(";")[0]
    shown = _masked_number(number) if _is_number(number) else _USER
    return f"{scheme}:{shown}@{host}"


def _is_number(user: str) -> bool:
    return user.removeprefix("+").isdigit() and user.isascii()


def _masked_number(number: str) -> str:
    """Hide most digits of +… in E.164; of any other number all but the last two."""
    digits = number.removeprefix("+")
    plus = number[: -len(digits)]
    code = _country_code(digits) if plus else ""
    first = _FIRST if code and len(digits) - len(code) >= _LONG else 0
    shown = digits[: len(code) + first]
    hidden = len(digits) - len(shown) - _LAST
    if hidden <= _LAST:  # of so few digits two would be most of them
        return f"{plus}{code}{_USER}"
    return f"{plus}{shown}{_HIDDEN * hidden}{digits[-_LAST:]}"


def _country_code(digits: str) -> str:
    for length in (1, 2, 3):
        if int(digits[:length] or 0) in COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return ""


def masked_callback(callback: Callback) -> Callback:
    """Return the callback as a caller sees it that may see masked numbers only."""
    request = callback.request
    return replace(
        callback,
        request=replace(request, target=masked(request.target), alternative_target=masked(request.alternative_target)),
        dial_target=masked(callback.dial_target),
        replaced_target=masked(callback.replaced_target) if callback.replaced_target else "",
    )

"""Numbers as logs and masked viewers see them: enough to recognise a call that one knows of, too little to place it.

`+41 78 *** ** 77`: the country code, the first two digits of a number that is long enough, and the last two.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

_HIDDEN: Final = "*"
# A user part without digits is hidden whole, and its length, too.
_USER: Final = _HIDDEN * 3
_LAST: Final = 2
# Of a national number that is as long as this the first two digits are shown as well: what is hidden stays long.
_LONG: Final = 9
_FIRST: Final = 2
# As every URI is.
_MAX_LENGTH: Final = 255

# What people and programs write between the digits of a number.
_SEPARATOR: Final = r"(?:[\s().\-/]|%20|%2D|%2E|%28|%29)"
# Possessive, as all repetitions here: texts are as long as their senders like, and nothing is tried twice.
_DIGITS: Final = rf"(?:\+|%2B)?+{_SEPARATOR}*+[0-9](?:{_SEPARATOR}{{0,3}}+[0-9]){{5,}}+"
# What can only be a number: the user of a SIP URI, or digits after tel: or a plus sign.
_NUMBER: Final = re.compile(
    rf"(?P<scheme>\btel:{_SEPARATOR}*+)(?P<tel>{_DIGITS})"
    rf"|(?P<sip>\bsips?:)(?P<user>{_DIGITS})(?=[^\s@'\"<>]{{0,{_MAX_LENGTH}}}+@)"
    rf"|(?P<global>(?:\+|%2B){_DIGITS})",
    re.IGNORECASE,
)
# Every number above has one of these; most texts have none.
_MAYBE: Final = re.compile(r"\+[\s(]*[0-9]|%2B|tel:|sips?:[\s(]*[0-9]", re.IGNORECASE)
_BEARER: Final = re.compile(r"(bearer\s+)(?!tokens?\b)[^\s'\",)\]]+", re.IGNORECASE)
# The cookie of a browser that is signed in, which libraries may log with all other headers.
_SESSION: Final = re.compile(r"(ringback-session=)[^\s;,'\")\]]+")
_DIGIT: Final = re.compile("[0-9]")
_HIDE: Final = str.maketrans(dict.fromkeys("0123456789", _HIDDEN))
# ITU-T E.164: no code is the beginning of another one. Written out, since clients have no library of numbers.
_COUNTRY_CODE: Final = re.compile("1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2}", re.ASCII)
# A user of a SIP URI that is a telephone number, with or without separators.
_IS_NUMBER: Final = re.compile(r"\+?[0-9().\-]*[0-9][0-9().\-]*", re.ASCII)
_LONG_RUN: Final = re.compile(r"[0-9](?:[.-]?[0-9]){5,}")
_ADDRESS: Final = re.compile(r"\[[0-9a-f:.]+\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}", re.IGNORECASE)


@lru_cache(maxsize=1024)  # a callback is told of several times within seconds
def masked(target: str) -> str:
    """Return a target without what names a person: `tel:+41 78 *** ** 77`, or `sip:***@example.com`.

    Of a number the country code and the last two digits are left, and parameters are left out.
    """
    scheme, colon, rest = target.partition(":")
    scheme = scheme.lower()
    if scheme == "tel":
        return f"tel:{masked_number(rest.partition(';')[0])}"
    if not colon or scheme not in ("sip", "sips"):
        return _USER if target else ""
    user, at, host = rest.rpartition("@")
    host = host.partition(";")[0].partition("?")[0]
    if at:
        number = unquote(user).partition(";")[0]
        host = f"{masked_number(number) if _IS_NUMBER.fullmatch(number) else _USER}@{_without_numbers(host)}"
    else:
        host = _without_numbers(host)
    return f"{scheme}:{host}"[:_MAX_LENGTH]


def masked_number(number: str) -> str:
    """Hide most digits of +… in E.164; of any other number all but the last two. Separators are not looked at."""
    digits = "".join(_DIGIT.findall(number))
    plus = "+" if number.lstrip().startswith("+") else ""
    code = _country_code(digits) if plus else ""
    national = digits[len(code) :]
    first = national[:_FIRST] if code and len(national) >= _LONG else ""
    hidden = len(national) - len(first) - _LAST
    if hidden <= _LAST:  # of so few digits two would be most of them
        return f"{plus}{code} {_USER}" if code else f"{plus}{_USER}"
    return " ".join([part for part in (f"{plus}{code}", first, *_groups(hidden), national[-_LAST:]) if part])


def mask_numbers(text: str) -> str:
    """Return a text of any kind with its telephone numbers masked.

    A number is what begins with a plus sign or with the scheme of a URI. What is masked already stays as it is.
    """
    return _NUMBER.sub(_masked_match, text) if _MAYBE.search(text) else text


def mask_secrets(text: str) -> str:
    """Return a text, such as a line of a log, without telephone numbers, bearer tokens, and cookies of sessions."""
    text = mask_numbers(text)
    if "ringback-session=" in text:
        text = _SESSION.sub(rf"\1{_USER}", text)
    return _BEARER.sub(rf"\1{_USER}", text) if "earer" in text.lower() else text


def hide_numbers(text: str) -> str:
    """Return a text in which all but the last two digits of each telephone number are hidden: it gets no longer."""
    return _NUMBER.sub(_hidden_match, text) if _MAYBE.search(text) else text


def _masked_match(found: re.Match[str]) -> str:
    number = found["tel"] or found["user"] or found["global"]
    return f"{found['scheme'] or found['sip'] or ''}{masked_number(unquote(number))}"


def _hidden_match(found: re.Match[str]) -> str:
    number = found["tel"] or found["user"] or found["global"]
    *hidden, _, _ = (digit.start() for digit in _DIGIT.finditer(unquote(number)))
    signs = [_HIDDEN if place in hidden else sign for place, sign in enumerate(unquote(number))]
    return f"{found['scheme'] or found['sip'] or ''}{''.join(signs)}"


def _without_numbers(host: str) -> str:
    """Return a host name without long rows of digits, which may be a number (as ENUM has them); addresses stay."""
    address = host[: host.rfind("]") + 1] or host.partition(":")[0]
    if _ADDRESS.fullmatch(address):
        return host
    return _LONG_RUN.sub(lambda run: run[0].translate(_HIDE), host)


def _groups(hidden: int) -> Iterable[str]:
    """Return the hidden digits in pairs, and three of them first where their number is odd."""
    odd = hidden % 2
    yield from [_HIDDEN * 3] * odd
    yield from [_HIDDEN * 2] * ((hidden - 3 * odd) // 2)


def _country_code(digits: str) -> str:
    """Return the country code of a global number; "" where nothing follows it."""
    code = _COUNTRY_CODE.match(digits)
    return code[0] if code is not None and len(code[0]) < len(digits) else ""

"""Targets: what may be dialled, and its canonical form.

A target is a SIP or SIPS URI (`sip_uri.py`) or a `tel:` URI (RFC 3966) with a global number (`numbering.py`), or
with a national one where the region is given. Of the parameters of a `tel:` URI only `ext` is kept. Every other
one is refused: it requests something that Ringback would not do (section 5.4), such as a routing number or an
ISDN subaddress, and dropping it would dial something else than what was requested.
"""

import re
from functools import lru_cache
from typing import Self
from urllib.parse import unquote

from msgspec import Struct
from phonenumbers import PhoneNumberType

from ringback.domain import dialled_number
from ringback.domain.control_characters import control_in_uri
from ringback.domain.numbering import e164, is_region, type_of
from ringback.domain.sip_uri import SipUri, canonical_sip

MAX_TARGET_LENGTH = 255
"""In characters. Applies to the text as sent and to its canonical form, so that the latter is always accepted too."""

_VISUAL_SEPARATORS = str.maketrans("", "", "-.()")  # RFC 3966 section 5.1.1
_NOT_A_DIGIT = re.compile("[^0-9]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# A canonical URI of a name at a host, and nothing more, as most SIP addresses are: it need not be parsed to find its
# phone.
_NAME_AT_HOST = re.compile(r"sips?:([A-Za-z][A-Za-z0-9._-]*@[a-z0-9.-]*[a-z0-9])")


class InvalidTarget(ValueError):  # noqa: N818 - named for what it refuses
    """A text that cannot be dialled. `str()` continues a sentence about it: "is longer than 255 characters"."""


class Target(Struct, frozen=True):
    """A phone or SIP address to dial. Made by `parse`; the constructor checks nothing."""

    text: str
    """As it was written."""
    uri: str
    """The canonical form, at most 255 characters. Parsing it again changes nothing."""

    @property
    def phone(self) -> str:
        """The phone that rings; see `phone_of`."""
        return phone_of(self.uri)

    @classmethod
    def parse(cls, text: str, region: str = "") -> Self:
        """Read a `sip:`, `sips:` or `tel:` URI. Raise `InvalidTarget`.

        A telephone number without '+' is taken as one that is dialled in `region` (ISO 3166), and is refused
        when there is none. Takes a few microseconds, tens of them for a telephone number that is not cached.
        """
        _check_characters(text)
        scheme, _, rest = text.partition(":")
        match scheme.lower():
            case "sip" | "sips":
                return cls(text, _canonical_sip(text))
            case "tel":
                return cls(text, _canonical_tel(rest, region))
            case _:
                raise InvalidTarget("must start with sip:, sips: or tel:")


def normalise_sip(text: str) -> str:
    """Return the canonical form of a SIP or SIPS URI, with the limits and errors of `Target.parse`."""
    _check_characters(text)
    return _canonical_sip(text)


def user_part(uri: str) -> str:
    """Return the number of a canonical `tel:` URI, such as "+41785556677", or the user of a SIP URI.

    The user is still escaped, and "" when there is none.
    """
    if uri.startswith("tel:"):
        return uri.removeprefix("tel:").partition(";")[0]
    return SipUri.parse(uri).user or ""


def phone_of(dial_target: str) -> str:
    """Return a key of the phone that a canonical URI dials. Targets with the same key ring the same phone.

    That of a global telephone number is its `tel:` URI, also when a SIP URI has it as its user. Any other SIP
    URI is reduced to user, host and port: how the phone is reached (`sips`, the transport, a route) does not
    make it another one.
    """
    if dial_target.startswith("tel:"):
        return dial_target
    if (plain := _NAME_AT_HOST.fullmatch(dial_target)) is not None:
        return f"sip:{plain[1]}"
    uri = SipUri.parse(dial_target)
    return _telephone_of(uri.user or "") or _address_of(uri)


@lru_cache(maxsize=4096)
def number_of_phone(phone: str) -> str:
    """Return what the dial-outs to a phone are counted by: its number, without the extension.

    All extensions of a number are rung by dialling the number. A number without its country code is another phone for
    each way to write it, since what a gateway makes of it is not known; what it is counted by is the same.
    """
    if phone.startswith("tel:"):
        return phone.partition(";ext=")[0]
    if _NAME_AT_HOST.fullmatch(phone) is not None:
        return phone
    try:
        uri = SipUri.parse(phone)
    except ValueError:  # an earlier version accepted it
        return phone
    digits = dialled_number.digits_of(uri.user or "")
    if not digits:
        return phone
    numbers = [n for n in dialled_number.of_user(digits).numbers if type_of(n) != PhoneNumberType.UNKNOWN]
    if len(numbers) == 1:
        return f"tel:{numbers[0]}"
    # An extension is one of its host.
    return digits if len(digits) >= dialled_number.MIN_NUMBER else _address_of(uri, digits)


def _telephone_of(user: str) -> str | None:
    """Return the `tel:` URI of a telephone-subscriber (RFC 3261 section 19.1.6) with a global number, or None.

    `user=phone` is not required: many trunks leave it out. Parameters other than `ext`, such as a carrier or
    digits to send afterwards (`postd`), do not change which phone rings.
    """
    number, *parameters = unquote(user).split(";")
    if not number.startswith("+"):
        return None
    extension = [parameter for parameter in parameters if parameter.lower().startswith("ext=")][:1]
    try:
        return _canonical_tel(";".join([number, *extension]))
    except InvalidTarget:
        return None


def _address_of(uri: SipUri, digits: str = "") -> str:
    secure = uri.scheme == "sips" or ("transport", "tls") in uri.parameters
    user = "" if uri.user is None else f"{digits or uri.user}@"
    # A phone that is reached by TLS at the port of all others is the same one.
    is_usual = uri.port in (None, 5060) or (secure and uri.port == 5061)
    port = "" if is_usual else f":{uri.port}"
    return f"sip:{user}{uri.host.removesuffix('.')}{port}"


def _check_characters(text: str) -> None:
    if not text or text.isspace():
        raise InvalidTarget("is empty")
    if len(text) > MAX_TARGET_LENGTH:
        raise InvalidTarget(f"is longer than {MAX_TARGET_LENGTH} characters")
    if control := control_in_uri(text):
        raise InvalidTarget(control)
    if not text.isascii() and (found := _NOT_ASCII.search(text)):
        raise InvalidTarget(f"has a character outside ASCII (U+{ord(found[0]):04X}) at character {found.start() + 1}")


def _canonical_sip(text: str) -> str:
    try:
        canonical = canonical_sip(text)
    except ValueError as fault:
        raise InvalidTarget(str(fault)) from None
    return _short_enough(canonical)  # a '#' grows to "%23"


def _short_enough(canonical: str) -> str:
    if len(canonical) > MAX_TARGET_LENGTH:
        raise InvalidTarget(f"is longer than {MAX_TARGET_LENGTH} characters in its canonical form")
    return canonical


def _canonical_tel(subscriber: str, region: str = "") -> str:
    """Read telephone-subscriber of RFC 3966 section 3, without the spaces that people write in it."""
    number, *parameters = subscriber.replace(" ", "").split(";")
    number = number.translate(_VISUAL_SEPARATORS)
    if not number:
        raise InvalidTarget("has no telephone number after tel:")
    if found := _NOT_A_DIGIT.search(number, number.startswith("+")):
        raise InvalidTarget(f"has {found[0]!r} where a telephone number cannot have it")
    if not number.startswith("+") and not is_region(region):
        raise InvalidTarget("is a local number without a default_region: begin it with '+' and the country code")
    extension = _extension(parameters)
    try:
        global_number = e164(number, region)
    except ValueError as fault:
        raise InvalidTarget(str(fault)) from None
    return _short_enough(f"tel:{global_number}{extension}")  # a national number grows


def _extension(parameters: list[str]) -> str:
    """Return the canonical `;ext=` (RFC 3966 section 5.3), or "" when there are no parameters."""
    if not parameters:
        return ""
    name, _, value = parameters[0].partition("=")
    if name.lower() != "ext":
        raise InvalidTarget(f"has the parameter {name!r}; a telephone number can have ext only")
    if len(parameters) > 1:
        raise InvalidTarget("has more parameters than one ext")
    digits = value.translate(_VISUAL_SEPARATORS)
    if not digits or _NOT_A_DIGIT.search(digits):
        raise InvalidTarget("has an ext that is not a number")
    return f";ext={digits}"

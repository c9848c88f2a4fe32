"""SIP and SIPS URIs: RFC 3261 section 19.1 and the grammar of section 25.1.

Three deliberate departures from the grammar:

* Passwords (`sip:alice:secret@example.com`) are refused: a URI is stored, logged and shown to agents, and
  section 19.1.1 itself recommends against them.
* A raw `#` in the user part is taken as `%23`. Dial strings such as `*31#` are widely sent like that, and
  within a SIP URI the character has no other meaning.
* A host name may begin its last label with a digit, as in `pbx.3com` (RFC 1123 section 2.1). What ends in a
  number must be an IPv4 address, in all four decimal parts and without leading zeros.
"""

import re
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

MAX_PORT = 65_535

# Escaped or not, these mean the same everywhere (section 19.1.4), so the canonical form never escapes them.
_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_ESCAPED = "%[0-9A-Fa-f]{2}"


def _production(more: str) -> re.Pattern[str]:
    """Return 1*( unreserved / escaped / more ), without backtracking: the loops are possessive."""
    return re.compile(f"(?:[{_UNRESERVED}{more}]++|{_ESCAPED})++")


_USER = _production("&=+$,;?/#")  # user, and the '#' explained above
_PARAMETER = _production(r"\[\]/:&+$")  # pname and pvalue: paramchar
_HEADER = _production(r"\[\]/?:+$")  # hname and hvalue: hnv-unreserved
_LABEL = "[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+\.?")
_PORT = re.compile("0*+([0-9]{1,5})")
_ESCAPE = re.compile(_ESCAPED)
_IS_UNRESERVED = re.compile(f"[{_UNRESERVED}]")

# SIP-URI / SIPS-URI, split at the delimiters; the parts are checked afterwards. No production allows a raw
# '@' outside the userinfo, so the first one ends it, whatever ';' or '?' comes before. ASCII, since IGNORECASE
# would otherwise match the long s (U+017F) as an 's'.
_PARTS = re.compile(
    r"""
    (?P<scheme> sips? ) :
    (?: (?P<user> [^@]*+ ) @ )?
    (?P<host> \[ [^\]]*+ \] [^:;?]*+ | [^:;?]*+ )
    (?: : (?P<port> [^;?]*+ ) )?
    (?: ; (?P<parameters> [^?]*+ ) )?
    (?: \? (?P<headers> .*+ ) )?
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)

# The form of most URIs: canonical as it is, so that it need not be parsed. A subset of the productions above,
# without what `parse` rewrites or checks further: escapes, capitals, IP addresses, a second parameter.
_PLAIN_LABEL = "[a-z0-9]++(?:-++[a-z0-9]++)*+"
_PLAIN = re.compile(
    rf"""
    sips?: (?:[{_UNRESERVED}&=+$,/]++@)?
    (?:{_PLAIN_LABEL}\.)*+ (?![0-9]){_PLAIN_LABEL}
    (?:;[a-z0-9\-]++ (?:=[a-z0-9\-_.!~*'()]++)?+ )?+
    """,
    re.VERBOSE,
)

# Parameter values keep their case, since some are case-sensitive (`method`, `gr`). These never are.
_CASELESS_VALUES = frozenset({"maddr", "transport", "user"})


def canonical_sip(text: str) -> str:
    """Return the canonical form of a SIP or SIPS URI. Raise `ValueError` like `SipUri.parse`."""
    return text if _PLAIN.fullmatch(text) else str(SipUri.parse(text))


class SipUri(Struct, frozen=True):
    """A SIP or SIPS URI in canonical form. Made by `parse`; the constructor checks nothing.

    Equal objects are equivalent URIs by RFC 3261 section 19.1.4. The converse does not hold: the RFC also
    ignores the order of parameters and headers and most parameters that only one side has, which makes its
    relation intransitive and unusable as `==`.
    """

    scheme: str
    """`sip` or `sips`."""
    user: str | None
    """None when there is none. Still escaped, since `%26` and `&` are different users."""
    host: str
    """Lower case. An IPv6 address keeps its brackets; a trailing dot is kept."""
    port: int | None
    """1 to 65535. None when not given, which is not the same as 5060 (section 19.1.4)."""
    parameters: tuple[tuple[str, str | None], ...] = ()
    """Names in lower case and unique, in the order sent. None for a name without a value, such as `lr`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, in the order sent. A dialer must not trust them (section 19.1.5)."""

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """Read a URI of any length, in linear time.

        Raise `ValueError`. Its text continues a sentence about the URI ("has an empty host at character 5"),
        counts characters from 1 and quotes at most one of them.
        """
        parts = _PARTS.fullmatch(text)
        if parts is None:
            raise ValueError("must start with sip: or sips:")
        return cls(
            scheme=parts["scheme"].lower(),
            user=_user(parts),
            port=_port(parts),  # before the host: its error is the better one for an IPv6 address
            host=_host(parts),
            parameters=_parameters(parts),
            headers=_headers(parts),
        )

    def __str__(self) -> str:
        user = "" if self.user is None else f"{self.user}@"
        port = "" if self.port is None else f":{self.port}"
        text = f"{self.scheme}:{user}{self.host}{port}"
        for name, value in self.parameters:
            text += f";{name}" if value is None else f";{name}={value}"
        if self.headers:
            text += "?" + "&".join(f"{name}={value}" for name, value in self.headers)
        return text


def _user(parts: re.Match[str]) -> str | None:
    if parts["user"] is None:
        return None
    if ":" in parts["user"]:
        raise ValueError("has a password (after the ':' in the user part), which would be stored and shown")
    user = _expect(_USER, parts.string, parts.span("user"), "user part")
    return _unescaped(user.replace("#", "%23"))


def _port(parts: re.Match[str]) -> int | None:
    if parts["port"] is None:
        return None
    digits = _PORT.fullmatch(parts["port"])
    if digits is None or not 1 <= (port := int(digits[1])) <= MAX_PORT:
        raise ValueError(f"has a port that is not a number from 1 to {MAX_PORT} (IPv6 addresses need brackets)")
    return port


def _host(parts: re.Match[str]) -> str:
    if parts["host"].startswith("["):
        return _ipv6_reference(parts["host"])
    host = _expect(_HOST_NAME, parts.string, parts.span("host"), "host").lower()
    if host.removesuffix(".").rpartition(".")[2].isdigit():
        return _ipv4_address(host)
    return host


def _ipv4_address(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise ValueError("has a host that ends in a number but is not an IPv4 address") from None


def _ipv6_reference(host: str) -> str:
    """Return an IPv6reference (corrected grammar of RFC 5954) in the form of RFC 5952: one address, one text."""
    try:
        # A zone such as "%eth0" has a meaning on one machine only, and the grammar has none.
        if "%" in host or not host.endswith("]"):
            raise ValueError  # noqa: TRY301 - the same error as for every other fault
        address = IPv6Address(host[1:-1])
    except ValueError:
        raise ValueError("has brackets around something that is not an IPv6 address") from None
    if address.ipv4_mapped is not None:
        # Python 3.13 changed how these are printed; what is stored must not change with it.
        return f"[::ffff:{address.ipv4_mapped}]"
    return f"[{address}]"


def _parameters(parts: re.Match[str]) -> tuple[tuple[str, str | None], ...]:
    if parts["parameters"] is None:
        return ()
    found: dict[str, str | None] = {}
    for start, end in _split(parts.string, ";", parts.span("parameters")):
        name, value = _parameter(parts.string, start, end)
        if name in found:  # section 19.1.1: MUST NOT appear more than once
            raise ValueError(f"has a second parameter of the same name at character {start + 1}")
        found[name] = value
    return tuple(found.items())


def _parameter(text: str, start: int, end: int) -> tuple[str, str | None]:
    equals = text.find("=", start, end)
    name_end = end if equals < 0 else equals
    name = _caseless(_expect(_PARAMETER, text, (start, name_end), "parameter name"))
    if equals < 0:
        return name, None
    value = _expect(_PARAMETER, text, (equals + 1, end), "parameter value")
    return name, _caseless(value) if name in _CASELESS_VALUES else _unescaped(value)


def _headers(parts: re.Match[str]) -> tuple[tuple[str, str], ...]:
    """Read headers. They may repeat, as in a message, and may be empty: hvalue is 0*, unlike pvalue."""
    if parts["headers"] is None:
        return ()
    return tuple(_header(parts.string, *span) for span in _split(parts.string, "&", parts.span("headers")))


def _header(text: str, start: int, end: int) -> tuple[str, str]:
    equals = text.find("=", start, end)
    if equals < 0:
        raise ValueError(f"has a header without '=' at character {start + 1}")
    name = _caseless(_expect(_HEADER, text, (start, equals), "header name"))
    value = _expect(_HEADER, text, (equals + 1, end), "header value") if equals + 1 < end else ""
    return name, _unescaped(value)


def _split(text: str, separator: str, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the spans between the separators, so that an error can give its position in the whole URI."""
    start, spans = span[0], []
    for piece in text[slice(*span)].split(separator):
        spans.append((start, start + len(piece)))
        start += len(piece) + len(separator)
    return spans


def _expect(production: re.Pattern[str], text: str, span: tuple[int, int], part: str) -> str:
    """Return the text of the span. Raise `ValueError` with the position where it stops to match the production."""
    start, end = span
    if start == end:
        raise ValueError(f"has an empty {part} at character {start + 1}")
    match = production.match(text, start, end)
    reached = start if match is None else match.end()
    if reached == end:
        return text[start:end]
    if text[reached] == "%" and part != "host":  # a host has no escapes
        raise ValueError(f"has a '%' without two hexadecimal digits after it at character {reached + 1}")
    raise ValueError(f"has {text[reached]!a} at character {reached + 1}, where the {part} cannot have it")


def _caseless(text: str) -> str:
    """Return a case-insensitive text in canonical form; it is unescaped first, since an escape may hide a capital."""
    return _unescaped(_unescaped(text).lower())


def _unescaped(text: str) -> str:
    """Decode the escapes that are not needed, and write the others in capitals."""
    return _ESCAPE.sub(_canonical_escape, text) if "%" in text else text


def _canonical_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if _IS_UNRESERVED.fullmatch(character) else escape[0].upper()

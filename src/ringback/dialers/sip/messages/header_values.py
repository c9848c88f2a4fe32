"""Values of header fields that dialogs and transactions act on: addresses, Via, CSeq, Reason."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from ringback.dialers.sip.messages.headers import is_token
from ringback.dialers.sip.messages.message_types import MalformedMessage
from ringback.dialers.sip.messages.uri import MAX_PORT

# Section 8.1.1.5 says less than 2**31; some send all 32 bits.
MAX_CSEQ: Final = 2**32 - 1

Params = Mapping[str, str | None]
NO_PARAMS: Final[Params] = MappingProxyType({})

_QUOTED: Final = r'"(?:[^"\\]++|\\.)*+"'
# Whitespace around ';' and '=' is allowed. A value is a token, a host, or quoted; more is taken than a token may have:
# '=' as in some branches, IPv6 addresses with and without brackets.
_PARAM: Final = re.compile(
    rf'[ \t]*+;[ \t]*+(?P<name>[^\s;=,"<>]*+)[ \t]*+(?:=[ \t]*+(?P<value>{_QUOTED}|[^\s;,"]*+))?+[ \t]*+', re.DOTALL
)
_NAME_ADDR: Final = re.compile(
    rf'[ \t]*+(?P<display>(?:{_QUOTED}|[^"<]++)*+)<[ \t]*+(?P<uri>[^<>]*+)>(?P<params>.*+)', re.DOTALL
)
_ADDR_SPEC: Final = re.compile(r'[ \t]*+(?P<uri>[^\s;<>",]++)(?P<params>.*+)', re.DOTALL)
# A scheme and something after it, without what would end a Request-URI or a name-addr.
_ANY_URI: Final = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*+:[^\s<>"\x00-\x1f\x7f]++')
_VIA: Final = re.compile(
    r"""
    [ \t]*+ SIP [ \t]*+ / [ \t]*+ [0-9.]++ [ \t]*+ / [ \t]*+ (?P<transport> [^\s;,/"<>]++ ) [ \t]++
    (?P<host> \[ [0-9A-Fa-f:.]++ \] | [A-Za-z0-9\-._]++ ) (?: [ \t]*+ : [ \t]*+ (?P<port> [0-9]{1,10} ) )?+
    (?P<params> [ \t]*+ (?: ; .*+ )?+ )
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_CSEQ: Final = re.compile(r"[ \t]*+(?P<number>[0-9]++)[ \t]++(?P<method>\S++)[ \t]*+", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r'["\\\x00-\x08\x0b\x0c\x0e-\x1f\x7f]')
_MAX_CSEQ_DIGITS: Final = 32  # leading zeros included; more is refused unread


@dataclass(frozen=True, slots=True)
class NameAddr:
    """The value of From, To, Contact, Route, Refer-To… (section 20.10)."""

    display: str
    """Without quotes and escapes; "" when there is none."""
    uri: str
    params: Params = field(default_factory=lambda: NO_PARAMS)
    """Of the header, not of the URI. Names in lower case; values as written, with quotes."""

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read a name-addr or addr-spec. Raise `MalformedMessage`."""
        parts = _NAME_ADDR.fullmatch(text) or _ADDR_SPEC.fullmatch(text)
        if parts is None:
            raise MalformedMessage("An address is neither <URI> nor a URI.")
        uri = parts["uri"].rstrip(" \t")
        if not _ANY_URI.fullmatch(uri):
            raise MalformedMessage("An address has no URI.")
        display = parts.groupdict().get("display", "").strip(" \t")
        return cls(display=unquoted(display), uri=uri, params=parse_params(parts["params"]))

    def __str__(self) -> str:
        display = f"{quoted(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{write_params(self.params)}"

    @property
    def tag(self) -> str:
        return self.params.get("tag") or ""

    def with_tag(self, tag: str) -> "NameAddr":
        return replace(self, params=MappingProxyType({**self.params, "tag": tag}))


@dataclass(frozen=True, slots=True)
class Via:
    """Section 20.42."""

    transport: str
    """In capitals."""
    host: str
    """An IPv6 address keeps its brackets."""
    port: int | None = None
    params: Params = field(default_factory=lambda: NO_PARAMS)

    @classmethod
    def parse(cls, text: str, *, strict: bool = False) -> "Via":
        """Read one value, of whatever version. Raise `MalformedMessage`; `strict`: also for an empty parameter."""
        parts = _VIA.fullmatch(text)
        if parts is None:
            raise MalformedMessage("A Via is malformed.")
        port = None if parts["port"] is None else int(parts["port"])
        if port is not None and not 1 <= port <= MAX_PORT:
            raise MalformedMessage(f"A Via has a port that is not from 1 to {MAX_PORT}.")
        params = parse_params(parts["params"], strict=strict)
        return cls(transport=parts["transport"].upper(), host=parts["host"], port=port, params=params)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{write_params(self.params)}"

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""

    def with_params(self, **params: str | None) -> "Via":
        return replace(self, params=MappingProxyType({**self.params, **params}))


@dataclass(frozen=True, slots=True)
class CSeq:
    """Section 20.16."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read a CSeq. Raise `MalformedMessage`."""
        parts = _CSEQ.fullmatch(text)
        if parts is None or not is_token(parts["method"]) or len(parts["number"]) > _MAX_CSEQ_DIGITS:
            raise MalformedMessage("A CSeq is not a number and a method.")
        number = int(parts["number"])
        if number > MAX_CSEQ:
            raise MalformedMessage("A CSeq is larger than 32 bits.")
        return cls(number, parts["method"])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class Reason:
    """RFC 3326: why a request was sent, or what another network said."""

    protocol: str
    """In capitals: `Q.850` or `SIP`."""
    cause: int
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reason":
        """Read one value. Raise `MalformedMessage`; one without a cause says nothing, and is malformed, too."""
        protocol, _, rest = text.partition(";")
        params = parse_params(f";{rest}")
        cause = unquoted(params.get("cause") or "")
        if not is_token(protocol.strip(" \t")) or not re.fullmatch("[0-9]{1,6}", cause, re.ASCII):
            raise MalformedMessage("A Reason is not a protocol and a cause.")
        return cls(protocol.strip(" \t").upper(), int(cause), printable(unquoted(params.get("text") or "")))

    def __str__(self) -> str:
        text = f";text={quoted(self.text)}" if self.text else ""
        return f"{self.protocol};cause={self.cause}{text}"


def parse_params(text: str, *, strict: bool = False) -> Params:
    """Read `;name=value;name`. Of a name that comes twice the first one counts. Raise `MalformedMessage`.

    Semicolons with nothing between them, as some peers send at the end, are refused only where `strict` says so.
    """
    params: dict[str, str | None] = {}
    place, end = 0, len(text.rstrip(" \t"))
    while place < end:
        found = _PARAM.match(text, place)
        if found is None:
            raise MalformedMessage("What follows an address or a value is no parameter.")
        name = found["name"].lower()
        if not name and (strict or found["value"] is not None):
            raise MalformedMessage("A parameter has no name.")
        if name:
            params.setdefault(name, found["value"])
        place = found.end()
    return MappingProxyType(params)


def write_params(params: Params) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def quoted(text: str) -> str:
    """Return a quoted-string. A line break stays as it is: `Headers` refuses it."""
    return '"' + _TO_ESCAPE.sub(r"\\\g<0>", text) + '"'


def unquoted(text: str) -> str:
    """Return what a quoted-string says; any other text as it is."""
    if len(text) < len('""') or not (text[0] == text[-1] == '"'):
        return text
    return _ESCAPE.sub(r"\1", text[1:-1])


def is_any_uri(text: str) -> bool:
    """Return whether a text can be a URI of some scheme."""
    return _ANY_URI.fullmatch(text) is not None


def printable(text: str) -> str:
    """Return a text of a peer for logs and reports: bytes that are not UTF-8 and control characters are replaced."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)

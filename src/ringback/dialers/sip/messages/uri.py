"""SIP URIs as they come and go on the wire: tolerant where real peers need it (RFC 3261 section 19.1).

Targets that are stored are stricter, and canonical: `domain/sip_uri.py`. Here a URI is kept as it was written, since a
peer compares it with what it has sent: users such as `*31#`, hosts with `_`, passwords and headers are accepted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from ringback.dialers.sip.messages.message_types import MalformedMessage

MAX_PORT: Final = 65_535

# No production allows a raw '@' after the userinfo, so the first one ends it, whatever ';' or '?' comes before.
_URI: Final = re.compile(
    r"""
    (?P<scheme> sips? ) :
    (?: (?P<user> [^@\s<>"\x00-\x1f\x7f]++ ) @ )?
    (?P<host> \[ [0-9A-Fa-f:.]++ \] | [A-Za-z0-9\-._]++ )
    (?: : (?P<port> [0-9]{1,10} ) )?
    (?P<params> (?: ; [^;?\s<>"\x00-\x1f\x7f]*+ )*+ )
    (?: \? (?P<headers> [^\s<>"\x00-\x1f\x7f]*+ ) )?
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_NO_PARAMS: Final[Mapping[str, str | None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Uri:
    scheme: str
    """`sip` or `sips`."""
    user: str | None
    """Still escaped, and with the password where there is one."""
    host: str
    """An IPv6 address keeps its brackets."""
    port: int | None = None
    params: Mapping[str, str | None] = field(default_factory=lambda: _NO_PARAMS)
    """Names in lower case, in the order sent. None for a name without a value, such as `lr`."""
    headers: str = ""
    """As written, without the '?'. Nothing acts on them (section 19.1.5)."""

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Read a URI in linear time. Raise `MalformedMessage`."""
        parts = _URI.fullmatch(text)
        if parts is None:
            raise MalformedMessage("This is no SIP URI.")
        port = None if parts["port"] is None else int(parts["port"])
        if port is not None and not 1 <= port <= MAX_PORT:
            raise MalformedMessage(f"A SIP URI has a port that is not from 1 to {MAX_PORT}.")
        params: dict[str, str | None] = {}
        for param in parts["params"].split(";"):
            name, equals, value = param.partition("=")
            if name:
                params.setdefault(name.lower(), value if equals else None)
        return cls(
            scheme=parts["scheme"].lower(),
            user=parts["user"],
            host=parts["host"],
            port=port,
            params=MappingProxyType(params),
            headers=parts["headers"] or "",
        )

    def __str__(self) -> str:
        user = "" if self.user is None else f"{self.user}@"
        params = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in self.params.items())
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.hostport}{params}{headers}"

    @property
    def hostport(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def transport(self) -> str:
        """The parameter in lower case; "" when there is none."""
        return (self.params.get("transport") or "").lower()

    @property
    def is_loose(self) -> bool:
        """Whether this Route is that of a loose router (section 16.4)."""
        return "lr" in self.params

    def with_params(self, **params: str | None) -> "Uri":
        """Return the URI with these parameters added or replaced; None is a name without a value."""
        return replace(self, params=MappingProxyType({**self.params, **params}))

"""Names of hosts with their ports, as `Host` and `Origin` have them (RFC 3986, 3.2)."""

import ipaddress
import re
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\[\]:@/?#%\s,]+)(?::(?P<port>[0-9]{0,5}))?")
_MAX_LENGTH: Final = 255
_MAX_PORT: Final = 65535


class Authority(NamedTuple):
    """A host and a port. Two that are the same to a browser are equal."""

    # A name in lower case and without the dot of the root, or an address in its one canonical form, without brackets.
    host: str
    # None where none is given.
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Authority":
        """Parse HOST or HOST:PORT. Raise `ValueError` for anything more, such as a user, or other than ASCII."""
        found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() and len(text) <= _MAX_LENGTH else None
        if found is None:
            raise ValueError("is no host with or without a port")
        port = int(found["port"]) if found["port"] else None
        if port is not None and port > _MAX_PORT:
            raise ValueError("has no port from 0 to 65535")
        return cls(_canonical(found["host"]), port)

    def at(self, default_port: int) -> "Authority":
        """Return the same with the port that is meant where none is given."""
        return self if self.port is not None else Authority(self.host, default_port)


def _canonical(host: str) -> str:
    if host.startswith("["):
        return canonical_address(host[1:-1])
    try:
        return canonical_address(host)
    except ValueError:
        pass
    host = host.removesuffix(".")
    # A name whose last label is a number is an address to browsers, in one of its many notations.
    if not _NAME.fullmatch(host) or host.rpartition(".")[2].isdigit():
        raise ValueError("is no name of a host")
    return host


def canonical_address(text: str) -> str:
    """Return an IP address in its one form: IPv4 within IPv6 is IPv4. Raise `ValueError`."""
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)

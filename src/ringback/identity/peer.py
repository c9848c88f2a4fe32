"""The address of a peer, as gRPC writes it."""

import ipaddress
from typing import Final
from urllib.parse import unquote

_UNIX: Final = "unix"


def address_of(peer: str) -> str:
    """Return the IP address without the port; "unix" for a Unix socket. IPv4 within IPv6 is IPv4.

    gRPC writes ipv4:192.0.2.1:50000, ipv6:%5B2001:db8::1%5D:50000, and unix:.
    """
    scheme, _, rest = peer.partition(":")
    if scheme == _UNIX:
        return _UNIX
    host = unquote(rest).rpartition(":")[0].strip("[]")
    if "." in host and ":" in host:
        mapped = ipaddress.IPv6Address(host).ipv4_mapped
        return host if mapped is None else str(mapped)
    return host

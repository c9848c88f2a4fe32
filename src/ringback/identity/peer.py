"""The address of a peer, as gRPC writes it."""

import ipaddress
from typing import Any, Final
from urllib.parse import quote, unquote

_UNIX: Final = "unix"
_IPV4_IN_IPV6: Final = "::ffff:"
# The bits of an IPv6 address that are the network's (RFC 4291).
_NETWORK: Final = 64


def peer_of(name: tuple[Any, ...]) -> str:
    """Return the peer with the name that a socket of the internet has for it."""
    host, port = name[:2]
    if "." in host and host.startswith(_IPV4_IN_IPV6):
        host = host.removeprefix(_IPV4_IN_IPV6)
    return f"ipv6:{quote(f'[{host}]', safe=':')}:{port}" if ":" in host else f"ipv4:{host}:{port}"


def address_of(peer: str) -> str:
    """Return the IP address without the port; "unix" for a Unix socket. IPv4 within IPv6 is IPv4.

    Of a global IPv6 address it is the network (/64): whoever has one of its addresses usually has all of them.

    gRPC writes ipv4:192.0.2.1:50000, ipv6:%5B2001:db8::1%5D:50000, and unix:.
    """
    scheme, _, rest = peer.partition(":")
    if scheme == _UNIX:
        return _UNIX
    host = unquote(rest).rpartition(":")[0].strip("[]")
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_global:
        return str(ipaddress.IPv6Network((address, _NETWORK), strict=False))
    return host

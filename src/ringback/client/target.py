"""Where a server is: the names of servers that are reached without a proxy."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

_UNIX: Final = "unix:"
# Sockets of the machine itself.
_OF_THIS_MACHINE: Final = (_UNIX, "unix-abstract:", "vsock:")
# The schemes of gRPC whose names have hosts. A name server may be named before them, as in dns://10.0.0.2/host:443.
_HOSTS: Final = re.compile(r"(?:(?:dns|ipv4|ipv6|passthrough):(?://[^/]*/)?)?(?P<hosts>.*)", re.IGNORECASE)
_LOCAL_NETWORKS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/32", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::/128", "::1/128", "fc00::/7", "fe80::/10"),
    )
)


def is_local(target: str) -> bool:
    """Return whether a target of gRPC names this machine, or only private addresses: a proxy cannot reach them."""
    if target.lower().startswith(_OF_THIS_MACHINE):
        return True
    return all(_is_local_host(host) for host in _hosts(target))


def is_this_machine(target: str) -> bool:
    """Return whether a target of gRPC names sockets of this machine, which nobody else's traffic passes."""
    if target.lower().startswith(_OF_THIS_MACHINE):
        return True
    return all(_is_loopback(host) for host in _hosts(target))


def as_grpc(target: str) -> str:
    """Return the target with the path of a Unix socket escaped: it is given as it is."""
    if not target.startswith(_UNIX):
        return target
    return _UNIX + quote(target.removeprefix(_UNIX), safe="/")


def _hosts(target: str) -> Iterator[str]:
    found = _HOSTS.fullmatch(target)
    for address in (found["hosts"] if found else target).split(","):
        host, colon, _ = address.rpartition(":")
        # Without a port; an IPv6 address without a port has colons, too.
        if not colon or (":" in host and not host.endswith("]")):
            host = address
        yield host.strip("[]")


def _is_local_host(host: str) -> bool:
    address = _address(host)
    return _is_localhost(host) if address is None else any(address in network for network in _LOCAL_NETWORKS)


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return _is_localhost(host) if address is None else address.is_loopback


def _is_localhost(host: str) -> bool:
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address

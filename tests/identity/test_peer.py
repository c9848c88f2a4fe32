"""The address of a peer, as gRPC writes peers."""

from collections.abc import Mapping
from typing import Final

import pytest

from ringback.identity.peer import address_of

ADDRESSES: Final[Mapping[str, str]] = {
    "ipv4:192.0.2.1:50000": "192.0.2.1",
    "ipv4:127.0.0.1:1": "127.0.0.1",
    "ipv6:%5B2001:db8::1%5D:50000": "2001:db8::1",
    "ipv6:[::1]:50000": "::1",
    "ipv6:%5B2a00:1450:4001:81b::200e%5D:50000": "2a00:1450:4001:81b::/64",
    "ipv6:%5B2a00:1450:4001:81b:1:2:3:4%5D:50001": "2a00:1450:4001:81b::/64",
    "ipv6:%5B2a00:1450:4001:81c::200e%5D:50000": "2a00:1450:4001:81c::/64",
    "ipv6:%5Bfd00::1%5D:50000": "fd00::1",
    "ipv6:%5Bfe80::1%25eth0%5D:50000": "fe80::1%eth0",
    "ipv6:%5B::ffff:192.0.2.1%5D:50000": "192.0.2.1",
    "unix:": "unix",
    "unix:/run/ringback.sock": "unix",
}


@pytest.mark.parametrize(("peer", "address"), ADDRESSES.items())
def test_addresses(peer: str, address: str) -> None:
    assert address_of(peer) == address

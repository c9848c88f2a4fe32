"""Which hosts of SIP URIs may be dialled: by name, by network, and by address in any notation.

What is written as an address is judged as one, however it is written: resolvers take `0x7f.1`, `2130706433` and
`0177.0.0.1` for 127.0.0.1, and gateways reach IPv4 through several ranges of IPv6.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from encodings import idna
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Final

from msgspec import Struct

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

EVERY_HOST: Final = "*"
MAX_PATTERN_LENGTH: Final = 255


def _networks(*texts: str) -> Sequence[Network]:
    return tuple(ip_network(text) for text in texts)


# The words for the ranges of addresses: IANA's registries of special-purpose addresses. Not the ranges for
# documentation, which lead nowhere.
RANGES: Final[Mapping[str, Sequence[Network]]] = MappingProxyType(
    {
        # With 0.0.0.0, which reaches this machine, too.
        "loopback": _networks("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"),
        # With shared address space, benchmarks, multicast and what is reserved: no phone of the public is there.
        "private": _networks(
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "192.0.0.0/24",
            "198.18.0.0/15",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "fc00::/7",
            "fec0::/10",
            "ff00::/8",
            "100::/64",
            "100:0:0:1::/64",
            "64:ff9b:1::/48",
            "2001:2::/48",
            "2001:10::/28",
            "2001:20::/28",
            "5f00::/16",
        ),
        "link_local": _networks("169.254.0.0/16", "fe80::/10"),
    }
)
# Names that every machine, or most, take for one of their own addresses (RFC 6761).
_LOCAL_NAME: Final = re.compile(r"(?:.+\.)?localhost(?:[46]|\.localdomain[46]?)?|ip6-(?:localhost|loopback)|loopback")
# What is an address ends in a number, a bracket, or one of these names.
_MAY_BE_ADDRESS: Final = re.compile(
    r"\]$|(?:^|\.)(?:0[xX][0-9a-fA-F]*|[0-9]+)\.*$|localhost[46]?\.*$|localdomain[46]?\.*$|loopback\.*$|:"
)
_LOCALHOST: Final = IPv4Address("127.0.0.1")

_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE: Final = IPv6Network("::/96")
_TRANSLATED: Final = IPv6Network("::ffff:0:0:0/96")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)

_MAPPED_BITS: Final = 96
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_NAME: Final = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_LOW_32_BITS: Final = 0xFFFFFFFF


def addresses_of(host: str) -> frozenset[Address]:
    """Return the addresses that a host of a SIP URI stands for; none for a name, unless that is always local.

    Of an IPv6 address that leads to an IPv4 address, both.
    """
    if not _MAY_BE_ADDRESS.search(host):
        return frozenset()
    text = host.strip("[]").rstrip(".")
    if _LOCAL_NAME.fullmatch(text):
        return frozenset((_LOCALHOST,))
    try:
        address = ip_address(text)
    except ValueError:
        old = _old_notation(text)
        return frozenset() if old is None else frozenset((old,))
    if isinstance(address, IPv4Address):
        return frozenset((address,))
    # One that is mapped is the IPv4 address, and no other.
    return frozenset((address.ipv4_mapped,) if address.ipv4_mapped else (address, *_within(address)))


def is_like_address(name: str) -> bool:
    """Return whether a name ends like an address: a resolver takes it for one, or for nothing."""
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def _old_notation(text: str) -> IPv4Address | None:
    """Read an address as `inet_aton` does: one to four numbers, decimal, octal or hexadecimal, the last of any size."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *first, last = [_number(part) for part in parts]
    except ValueError:
        return None
    room = 256 ** (4 - len(first))
    if last >= room or any(number > 255 for number in first):
        return None
    return IPv4Address(sum(number * 256 ** (3 - place) for place, number in enumerate(first)) + last)


def _number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)


def _within(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that packets to this address may reach."""
    number = int(address)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if number > 1 and any(address in network for network in (*_NAT64, _COMPATIBLE, _TRANSLATED)):
        yield IPv4Address(number & _LOW_32_BITS)
    if (number >> 32) & _LOW_32_BITS in _ISATAP:
        yield IPv4Address(number & _LOW_32_BITS)


def parse_pattern(text: str) -> str:
    """Return a host pattern in canonical form: `*`, a name, `*.` and a name, an address or a network.

    Raise `ValueError`; its text continues a sentence about the pattern.
    """
    if text == EVERY_HOST:
        return text
    if text in RANGES:
        raise ValueError("is a word for hosts that are denied; name networks to allow, such as 127.0.0.0/8")
    if not text or len(text) > MAX_PATTERN_LENGTH:
        raise ValueError(f"is empty, or longer than {MAX_PATTERN_LENGTH} characters")
    if not text.isascii():
        raise ValueError("has a character outside ASCII: write the name in punycode (xn--…)")
    try:
        return str(_unmapped(ip_network(text.strip("[]"))))
    except ValueError as fault:
        if "/" in text:
            raise ValueError(f"is not a network such as 203.0.113.0/24: {fault}") from None
    name = text.lower().rstrip(".")
    if _old_notation(name):
        raise ValueError("is an address in an unusual notation: write it as 203.0.113.7")
    if not _NAME.fullmatch(name) or not is_proper(name.removeprefix("*.")):
        raise ValueError('is not a host name, "*.example.com", an address, a network such as 203.0.113.0/24, or "*"')
    return name


def _unmapped(network: Network) -> Network:
    """Return a network of IPv4 addresses that are mapped into IPv6 as what it is: so its addresses are judged."""
    if isinstance(network, IPv6Network) and (first := network.network_address.ipv4_mapped) is not None:
        return IPv4Network((first, network.prefixlen - _MAPPED_BITS)) if network.prefixlen >= _MAPPED_BITS else network
    return network


def parse_denied(text: str) -> str:
    """Return the pattern of a host that is denied, which may be a word for a range. Raise `ValueError`."""
    return text if text in RANGES else parse_pattern(text)


def is_proper(name: str) -> bool:
    """Return whether each label in punycode stands for the text that it says, by IDNA."""
    if "xn--" not in name:
        return True
    try:
        for label in name.split("."):
            if label.startswith("xn--"):
                idna.ToUnicode(label)
    except UnicodeError:
        return False
    return True


class Hosts(Struct, frozen=True, dict=True):
    """Some host patterns, in canonical form."""

    patterns: tuple[str, ...]

    @cached_property
    def _networks(self) -> Sequence[Network]:
        named = [network for pattern in self.patterns for network in RANGES.get(pattern, ())]
        return (*named, *(n for pattern in self.patterns if (n := _network(pattern)) is not None))

    @cached_property
    def _names(self) -> Collection[str]:
        return frozenset(pattern for pattern in self.patterns if not pattern.startswith("*"))

    @cached_property
    def _suffixes(self) -> tuple[str, ...]:
        return tuple(pattern[1:] for pattern in self.patterns if pattern.startswith("*."))

    @cached_property
    def has_every_host(self) -> bool:
        return EVERY_HOST in self.patterns

    def has_address(self, address: Address) -> bool:
        """Return whether a network or an address among the patterns has it."""
        return any(address.version == network.version and address in network for network in self._networks)

    def names(self, name: str) -> bool:
        """Return whether one of the patterns is this very name."""
        return name in self._names

    def has_name(self, name: str) -> bool:
        """Return whether a name among the patterns matches; "*" is none."""
        return self.names(name) or name.endswith(self._suffixes)


def _network(pattern: str) -> Network | None:
    try:
        return ip_network(pattern)
    except ValueError:
        return None

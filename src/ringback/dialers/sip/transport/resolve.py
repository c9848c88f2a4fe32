"""Where a SIP URI leads to: RFC 3263 section 4."""

import asyncio
import itertools
import random
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Protocol

from ringback.dialers.sip.messages.message_types import MalformedMessage
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed

# All look-ups of one URI.
RESOLVE_S: Final = 8.0
# So many addresses of one URI are tried at most.
MAX_DESTINATIONS: Final = 8
# A destination that did not respond is tried after others for so long.
AVOID_S: Final = 60.0
_MAX_AVOIDED: Final = 1000

_SERVICES: Final = {"SIP+D2U": Transport.UDP, "SIP+D2T": Transport.TCP, "SIPS+D2T": Transport.TLS}
_LABELS: Final = {Transport.UDP: "_sip._udp", Transport.TCP: "_sip._tcp", Transport.TLS: "_sips._tcp"}


@dataclass(frozen=True, slots=True)
class Naptr:
    order: int
    preference: int
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    priority: int
    weight: int
    port: int
    target: str


class LookupFailed(Exception):  # noqa: N818 - named for what happened
    """DNS did not respond."""


class Lookup(Protocol):
    """DNS. Names have no dot at their end. No record is no error. Raise `LookupFailed` when nothing responds."""

    async def naptr(self, name: str) -> list[Naptr]: ...

    async def srv(self, name: str) -> list[Srv]: ...

    async def addresses(self, host: str) -> list[str]: ...

    def known_addresses(self, host: str) -> list[str]:
        """Return the addresses that the machine's file of hosts has. Such a name is not looked for in DNS."""


class Resolver:
    """Makes destinations of URIs, the best first."""

    def __init__(
        self,
        lookup: Lookup,
        transports: Iterable[Transport],
        can_reach: Callable[[str], bool],
        now: Callable[[], float],
        draw: Callable[[], float] = random.random,
    ) -> None:
        """The first of the transports is the one of a URI that leaves it open.

        `can_reach` says whether there is a socket for an address; `draw` returns numbers from 0 to 1, without 1.
        """
        self._lookup = lookup
        self._transports = [*dict.fromkeys(transports)]
        self._can_reach = can_reach
        self._now = now
        self._draw = draw
        self._avoided: dict[Destination, float] = {}

    def literal(self, uri: str) -> Destination | None:
        """Return where a URI with an IP address leads to; None when it has a name. Raise as `resolve` does."""
        way = self._way(uri)
        return way.to(way.host) if _is_address(way.host) else None

    async def resolve(self, uri: str) -> list[Destination]:
        """Return all destinations, those that responded lately first. Raise `TransactionFailed` when there is none."""
        way = self._way(uri)
        if _is_address(way.host):
            found = [way.to(way.host)]
        else:
            try:
                async with asyncio.timeout(RESOLVE_S):
                    found = await self._look_up(way)
            except (LookupFailed, TimeoutError):
                raise TransactionFailed(FaultKind.UNRESOLVED, f"DNS did not respond about {way.host}") from None
        if not found:
            raise TransactionFailed(FaultKind.UNRESOLVED, f"{way.host} has no address")
        reachable = [destination for destination in found if self._can_reach(destination.address)]
        if not reachable:
            raise TransactionFailed(FaultKind.REFUSED, f"there is no socket for addresses such as {found[0].address}")
        return self.by_health(dict.fromkeys(reachable))[:MAX_DESTINATIONS]

    def by_health(self, destinations: Iterable[Destination]) -> list[Destination]:
        """Return those that responded lately first; apart from that, the order stays."""
        return sorted(destinations, key=self._is_avoided)

    def note(self, destination: Destination, *, is_alive: bool) -> None:
        """Remember for a while that a destination did not respond."""
        self._avoided.pop(destination, None)
        if not is_alive:
            if len(self._avoided) >= _MAX_AVOIDED:
                del self._avoided[next(iter(self._avoided))]
            self._avoided[destination] = self._now() + AVOID_S

    def _is_avoided(self, destination: Destination) -> bool:
        return self._avoided.get(destination, 0.0) > self._now()

    def _way(self, uri: str) -> "Way":
        try:
            parsed = Uri.parse(uri)
        except MalformedMessage:
            raise TransactionFailed(FaultKind.UNRESOLVED, "only sip: and sips: URIs lead to a host") from None
        possible = [Transport.TLS] if parsed.scheme == "sips" else self._transports
        wanted = parsed.transport
        if wanted:
            # Of sips the parameter names what TLS runs over.
            wanted = "tls" if (parsed.scheme, wanted) == ("sips", "tcp") else wanted
            possible = [transport for transport in possible if transport == wanted]
        if not set(possible) <= set(self._transports) or not possible:
            raise TransactionFailed(FaultKind.REFUSED, f"the transport {wanted or 'tls'} is not used here")
        host = parsed.params.get("maddr") or parsed.host
        return Way(_plain(host), _plain(parsed.host), parsed.port, tuple(possible), bool(wanted))

    async def _look_up(self, way: "Way") -> list[Destination]:
        known = self._lookup.known_addresses(way.host)
        if known or way.port is not None:
            return [way.to(address) for address in known or await self._lookup.addresses(way.host)]
        services = await self._services(way)
        if not services:
            return [way.to(address) for address in await self._lookup.addresses(way.host)]
        found = []
        for transport, service in services:
            found += [
                way.to(address, transport, service.port) for address in await self._lookup.addresses(service.target)
            ]
            if len(found) >= MAX_DESTINATIONS:
                break
        return found

    async def _named_services(self, way: "Way") -> list[tuple[Transport, str]]:
        try:
            return named_services(await self._lookup.naptr(way.host), way.transports)
        except LookupFailed:
            # Some routers drop what they do not know. If nothing else responds either, the next look-ups say so.
            return []

    async def _services(self, way: "Way") -> list[tuple[Transport, Srv]]:
        """Return the services of a name in the order in which they are tried."""
        names = [] if way.is_chosen else await self._named_services(way)
        names = names or [(transport, f"{_LABELS[transport]}.{way.host}") for transport in way.transports]
        found = await asyncio.gather(*(self._lookup.srv(name) for _, name in names))
        services = []
        for (transport, _), records in zip(names, found, strict=True):
            services += [(transport, service) for service in in_order(records, self._draw)]
        # The target "." says that there is no such service (RFC 2782).
        if services and not any(service.target for _, service in services):
            raise TransactionFailed(FaultKind.UNRESOLVED, f"{way.host} has no SIP service, as DNS says")
        return [(transport, service) for transport, service in services if service.target]


@dataclass(frozen=True, slots=True)
class Way:
    """What a URI says about where it leads to."""

    host: str
    name: str
    """The name of the certificate: the URI's host, also where `maddr` leads elsewhere."""
    port: int | None
    transports: tuple[Transport, ...]
    """Those that can be used, the best first."""
    is_chosen: bool
    """The URI names the transport."""

    def to(self, address: str, transport: Transport | None = None, port: int | None = None) -> Destination:
        transport = transport or self.transports[0]
        name = self.name if transport is Transport.TLS else ""
        return Destination(transport, address, port or self.port or transport.default_port, name)


def named_services(records: Iterable[Naptr], transports: Collection[Transport]) -> list[tuple[Transport, str]]:
    """Return the transports that NAPTR records offer, each with the name of its SRV records, the preferred first."""
    found = []
    for record in sorted(records, key=lambda record: (record.order, record.preference)):
        transport = _SERVICES.get(record.service.upper())
        if transport is not None and transport in transports and record.replacement:
            found.append((transport, record.replacement))
    return found


def in_order(records: Iterable[Srv], draw: Callable[[], float]) -> list[Srv]:
    """Return SRV records by priority, and within one by a draw that heeds the weights (RFC 2782)."""
    left = sorted(records, key=lambda record: (record.priority, record.weight))
    found = []
    while left:
        first = [record for record in left if record.priority == left[0].priority]
        number = int(draw() * (sum(record.weight for record in first) + 1))
        sums = itertools.accumulate(record.weight for record in first)
        chosen = next(record for record, so_far in zip(first, sums, strict=True) if so_far >= number)
        left.remove(chosen)
        found.append(chosen)
    return found


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

"""DNS through dnspython, after the machine's file of hosts."""

import asyncio
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from ringback.dialers.sip.transport.resolve import LookupFailed, Naptr, Srv

LOOKUP_S: Final = 3.0
HOSTS: Final = Path("/etc/hosts")
_MAX_CACHED: Final = 1000


class DnsLookup:
    """Looks up in DNS, and keeps answers as long as they are valid."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None, hosts: Path = HOSTS) -> None:
        """Without a resolver, the machine's configuration counts, as it is at the first look-up."""
        self._resolver = resolver
        self._hosts = hosts

    async def naptr(self, name: str) -> list[Naptr]:
        records = await self._resolve(name, dns.rdatatype.NAPTR)
        return [
            Naptr(record.order, record.preference, record.service.decode("ascii", "replace"), _name(record.replacement))
            for record in records
            if isinstance(record, NAPTR)
        ]

    async def srv(self, name: str) -> list[Srv]:
        records = await self._resolve(name, dns.rdatatype.SRV)
        return [
            Srv(record.priority, record.weight, record.port, _name(record.target))
            for record in records
            if isinstance(record, SRV)
        ]

    async def addresses(self, host: str) -> list[str]:
        """Return IPv4 addresses first: those of IPv6 are often published and not reachable by SIP."""
        if known := self.known_addresses(host):
            return known
        found = await asyncio.gather(
            self._resolve(host, dns.rdatatype.A, search=True), self._resolve(host, dns.rdatatype.AAAA, search=True)
        )
        return [record.address for records in found for record in records if isinstance(record, A | AAAA)]

    def known_addresses(self, host: str) -> list[str]:
        """Return the addresses of a name in the file of hosts, IPv4 first."""
        try:
            lines = self._hosts.read_text(errors="replace").splitlines()
        except OSError:
            return []
        entries = [line.partition("#")[0].lower().split() for line in lines]
        found = dict.fromkeys(entry[0].partition("%")[0] for entry in entries if host.lower() in entry[1:])
        return sorted((address for address in found if _is_address(address)), key=lambda address: ":" in address)

    async def _resolve(self, name: str, kind: dns.rdatatype.RdataType, *, search: bool = False) -> list[object]:
        try:
            answer = await self._configured().resolve(
                name, kind, raise_on_no_answer=False, search=search, lifetime=LOOKUP_S
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN, dns.exception.SyntaxError, UnicodeError):
            return []
        except (dns.name.EmptyLabel, dns.name.LabelTooLong, dns.name.NameTooLong):
            return []
        except dns.resolver.NoNameservers:
            # Old servers refuse types that they do not have. For addresses it means that nothing responded.
            if kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
                raise LookupFailed from None
            return []
        except (dns.exception.DNSException, OSError):
            raise LookupFailed from None
        return list(answer)

    def _configured(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            self._resolver = dns.asyncresolver.Resolver()
            self._resolver.cache = dns.resolver.LRUCache(_MAX_CACHED)
        return self._resolver


def _name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).removesuffix(".").lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

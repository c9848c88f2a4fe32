"""RFC 3263: where a URI leads to, by records of a table, and by a real DNS server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import cast

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed
from ringback.dialers.sip.transport.lookup import DnsLookup
from ringback.dialers.sip.transport.resolve import AVOID_S, LookupFailed, Naptr, Resolver, Srv, in_order

ALL = (Transport.UDP, Transport.TCP, Transport.TLS)


@dataclass
class Table:
    """A `Lookup` of records. It notes what it was asked."""

    naptrs: dict[str, list[Naptr]] = field(default_factory=dict)
    srvs: dict[str, list[Srv]] = field(default_factory=dict)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)
    drops: str = ""
    """The type of records that nothing responds to."""
    asked: list[str] = field(default_factory=list)

    async def naptr(self, name: str) -> list[Naptr]:
        self.asked.append(f"NAPTR {name}")
        if self.drops == "NAPTR":
            raise LookupFailed
        return self.naptrs.get(name, [])

    async def srv(self, name: str) -> list[Srv]:
        self.asked.append(f"SRV {name}")
        if self.drops == "SRV":
            raise LookupFailed
        return self.srvs.get(name, [])

    async def addresses(self, host: str) -> list[str]:
        self.asked.append(f"A {host}")
        return self.hosts.get(host, [])

    def known_addresses(self, host: str) -> list[str]:
        return self.known.get(host, [])


def resolver(
    table: Table, transports: Iterable[Transport] = ALL, *, now: Callable[[], float] = lambda: 0.0, ipv6: bool = True
) -> Resolver:
    return Resolver(table, tuple(transports), lambda address: ipv6 or ":" not in address, now, lambda: 0.0)


def table() -> Table:
    return Table(
        naptrs={
            "example.com": [
                Naptr(20, 5, "SIP+D2U", "_sip._udp.example.com"),
                Naptr(10, 5, "SIPS+D2T", "_sips._tcp.example.com"),
                Naptr(10, 9, "sip+d2t", "_sip._tcp.example.com"),
                Naptr(5, 5, "SIP+D2W", "_ws.example.com"),
                Naptr(1, 1, "E2U+sip", ""),
            ],
        },
        srvs={
            "_sips._tcp.example.com": [Srv(1, 0, 5071, "a.example.com")],
            "_sip._tcp.example.com": [Srv(2, 0, 5062, "b.example.com"), Srv(1, 0, 5062, "a.example.com")],
            "_sip._udp.example.com": [Srv(1, 0, 5060, "b.example.com")],
            "_sip._udp.srv.example": [Srv(1, 0, 5090, "b.example.com")],
            "_sip._udp.none.example": [Srv(0, 0, 0, "")],
        },
        hosts={"a.example.com": ["192.0.2.1", "2001:db8::1"], "b.example.com": ["192.0.2.2"], "pbx": ["192.0.2.3"]},
        known={"localhost": ["127.0.0.1", "::1"]},
    )


RESOLVED = [
    ("sip:192.0.2.9", ["192.0.2.9:5060;transport=udp"]),
    ("sip:alice@192.0.2.9:5070", ["192.0.2.9:5070;transport=udp"]),
    ("sip:192.0.2.9;transport=TCP", ["192.0.2.9:5060;transport=tcp"]),
    ("sip:192.0.2.9;transport=tls", ["192.0.2.9:5061;transport=tls"]),
    ("sips:192.0.2.9", ["192.0.2.9:5061;transport=tls"]),
    ("sips:192.0.2.9;transport=tcp", ["192.0.2.9:5061;transport=tls"]),
    ("sip:[2001:DB8::9]:5070", ["[2001:db8::9]:5070;transport=udp"]),
    ("sip:a.example.com:5070", ["192.0.2.1:5070;transport=udp", "[2001:db8::1]:5070;transport=udp"]),
    ("sip:pbx", ["192.0.2.3:5060;transport=udp"]),
    ("sip:pbx;transport=tcp", ["192.0.2.3:5060;transport=tcp"]),
    ("sip:x@elsewhere.example;maddr=192.0.2.7", ["192.0.2.7:5060;transport=udp"]),
    ("sip:srv.example", ["192.0.2.2:5090;transport=udp"]),
    ("sip:SRV.example.", ["192.0.2.2:5090;transport=udp"]),
    ("sip:localhost", ["127.0.0.1:5060;transport=udp", "[::1]:5060;transport=udp"]),
    ("sip:localhost;transport=tls", ["127.0.0.1:5061;transport=tls", "[::1]:5061;transport=tls"]),
    (
        "sip:example.com",
        [
            "192.0.2.1:5071;transport=tls",
            "[2001:db8::1]:5071;transport=tls",
            "192.0.2.1:5062;transport=tcp",
            "[2001:db8::1]:5062;transport=tcp",
            "192.0.2.2:5062;transport=tcp",
            "192.0.2.2:5060;transport=udp",
        ],
    ),
    (
        "sip:example.com;transport=tcp",
        ["192.0.2.1:5062;transport=tcp", "[2001:db8::1]:5062;transport=tcp", "192.0.2.2:5062;transport=tcp"],
    ),
    ("sips:example.com", ["192.0.2.1:5071;transport=tls", "[2001:db8::1]:5071;transport=tls"]),
]


@pytest.mark.parametrize(("uri", "expected"), RESOLVED)
async def test_where_a_uri_leads_to(uri: str, expected: list[str]) -> None:
    assert [str(destination) for destination in await resolver(table()).resolve(uri)] == expected


REFUSED = [
    ("tel:+41781234567", FaultKind.UNRESOLVED, "only sip: and sips: URIs lead to a host"),
    ("sip:nothing.example", FaultKind.UNRESOLVED, "nothing.example has no address"),
    ("sip:none.example;transport=udp", FaultKind.UNRESOLVED, "none.example has no SIP service, as DNS says"),
    ("sip:192.0.2.9;transport=sctp", FaultKind.REFUSED, "the transport sctp is not used here"),
    ("sip:[2001:db8::9]", FaultKind.REFUSED, "there is no socket for addresses such as 2001:db8::9"),
]


@pytest.mark.parametrize(("uri", "kind", "text"), REFUSED)
async def test_why_a_uri_leads_nowhere(uri: str, kind: FaultKind, text: str) -> None:
    with pytest.raises(TransactionFailed) as failure:
        await resolver(table(), ipv6=False).resolve(uri)
    assert (failure.value.kind, failure.value.text) == (kind, text)


@pytest.mark.parametrize(
    ("uri", "transports", "expected"),
    [
        ("sip:192.0.2.9", [Transport.TCP], "192.0.2.9:5060;transport=tcp"),
        ("sip:192.0.2.9", [Transport.TLS], "192.0.2.9:5061;transport=tls"),
        ("sip:example.com", [Transport.UDP], "192.0.2.2:5060;transport=udp"),
        ("sip:a.example.com", [Transport.TLS], "192.0.2.1:5061;transport=tls"),
    ],
)
async def test_only_transports_that_are_used(uri: str, transports: list[Transport], expected: str) -> None:
    found = await resolver(table(), transports).resolve(uri)
    assert str(found[0]) == expected
    assert {destination.transport for destination in found} == set(transports)


async def test_a_router_that_drops_naptr_is_no_hindrance() -> None:
    records = table()
    records.drops = "NAPTR"
    found = await resolver(records).resolve("sip:example.com")
    assert str(found[0]) == "192.0.2.2:5060;transport=udp"


async def test_services_that_are_not_known_are_not_taken_for_none() -> None:
    """Without them the host itself would be called, which may be another machine."""
    records = table()
    records.drops = "SRV"
    with pytest.raises(TransactionFailed, match="DNS did not respond"):
        await resolver(records).resolve("sip:example.com")


async def test_sips_without_tls_is_refused() -> None:
    with pytest.raises(TransactionFailed, match="the transport tls is not used here"):
        await resolver(table(), [Transport.UDP]).resolve("sips:192.0.2.9")


@pytest.mark.parametrize("uri", ["sip:example.com", "sips:example.com", "sip:x@example.com;maddr=a.example.com"])
async def test_a_certificate_has_the_name_of_the_uri_wherever_dns_leads(uri: str) -> None:
    found = await resolver(table(), [Transport.TLS]).resolve(uri)
    assert {destination.name for destination in found} == {"example.com"}


async def test_addresses_and_names_of_the_hosts_file_need_no_dns() -> None:
    records = table()
    for uri in ("sip:192.0.2.9", "sip:localhost", "sip:localhost;transport=tcp"):
        await resolver(records).resolve(uri)
    assert records.asked == []


async def test_a_destination_that_did_not_respond_comes_last_for_a_while() -> None:
    now = [0.0]
    resolving = resolver(table(), now=lambda: now[0])
    first, second, third = await resolving.resolve("sip:example.com;transport=tcp")
    resolving.note(first, is_alive=False)
    assert await resolving.resolve("sip:example.com;transport=tcp") == [second, third, first]
    for destination in (second, third):
        resolving.note(destination, is_alive=False)
    assert await resolving.resolve("sip:example.com;transport=tcp") == [first, second, third]
    resolving.note(second, is_alive=True)
    assert await resolving.resolve("sip:example.com;transport=tcp") == [second, first, third]
    now[0] = AVOID_S
    assert await resolving.resolve("sip:example.com;transport=tcp") == [first, second, third]


@given(
    records=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100)), max_size=8),
    seed=st.integers(0, 2**32),
)
def test_an_order_has_each_record_once_and_never_a_worse_priority_first(
    records: list[tuple[int, int]], seed: int
) -> None:
    given_records = [Srv(priority, weight, place, "h") for place, (priority, weight) in enumerate(records)]
    found = in_order(given_records, Random(seed).random)
    assert sorted(found, key=lambda record: record.port) == given_records
    assert [record.priority for record in found] == sorted(record.priority for record in found)


def test_weights_are_shares() -> None:
    draw = Random(7).random
    records = [Srv(1, 0, 1, "never"), Srv(1, 10, 2, "seldom"), Srv(1, 90, 3, "often")]
    first = [in_order(records, draw)[0].target for _ in range(10_000)]
    assert 800 < first.count("seldom") < 1200
    assert first.count("never") < 200


# --- A real DNS server -----------------------------------------------------------------------------------------

ZONE = {
    ("sip.test.", "NAPTR"): ['10 5 "s" "SIP+D2T" "" _sip._tcp.sip.test.', '20 5 "s" "SIP+D2U" "" _sip._udp.sip.test.'],
    ("_sip._tcp.sip.test.", "SRV"): ["1 5 5062 a.sip.test."],
    ("_sip._udp.sip.test.", "SRV"): ["1 5 5060 b.sip.test."],
    ("a.sip.test.", "A"): ["192.0.2.1"],
    ("a.sip.test.", "AAAA"): ["2001:db8::1"],
    ("b.sip.test.", "CNAME"): ["a.sip.test."],
    ("_sip._udp.gone.test.", "SRV"): ["0 0 0 ."],
}
BROKEN = "broken.test."


class DnsServer(asyncio.DatagramProtocol):
    """Answers from `ZONE`; SERVFAIL for NAPTR of `BROKEN` and nothing at all for what begins with `silent`."""

    def __init__(self) -> None:
        self.queries = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.queries += 1
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        if name.startswith("silent"):
            return
        answer = dns.message.make_response(query)
        alias = ZONE.get((name, "CNAME"))
        if alias and kind != "CNAME":
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *alias))
            name = alias[0]
        if records := ZONE.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *records))
        elif name == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif not any(known == name for known, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        assert self._transport is not None
        self._transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def dns_server() -> AsyncIterator[tuple[DnsServer, DnsLookup]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(DnsServer, local_addr=("127.0.0.1", 0))
    asking = dns.asyncresolver.Resolver(configure=False)
    asking.nameservers = ["127.0.0.1"]
    asking.port = transport.get_extra_info("sockname")[1]
    yield server, DnsLookup(asking, hosts=Path("/nonexistent"))
    transport.close()


async def test_records_of_a_real_server(dns_server: tuple[DnsServer, DnsLookup]) -> None:
    resolving = Resolver(dns_server[1], ALL, lambda _: True, lambda: 0.0)
    assert await resolving.resolve("sip:sip.test") == [
        Destination(Transport.TCP, "192.0.2.1", 5062),
        Destination(Transport.TCP, "2001:db8::1", 5062),
        Destination(Transport.UDP, "192.0.2.1", 5060),
        Destination(Transport.UDP, "2001:db8::1", 5060),
    ]


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("sip:nowhere.test", "nowhere.test has no address"),
        ("sip:gone.test;transport=udp", "gone.test has no SIP service, as DNS says"),
        ("sip:broken.test", "DNS did not respond about broken.test"),
        (f"sip:{'a' * 70}.test", f"{'a' * 70}.test has no address"),
        (f"sip:{'a.' * 150}test", f"{'a.' * 150}test has no address"),
        ("sip:a..test", "a..test has no address"),
        ("sip:under_score.test", "under_score.test has no address"),
    ],
)
async def test_what_a_real_server_does_not_have(uri: str, text: str, dns_server: tuple[DnsServer, DnsLookup]) -> None:
    resolving = Resolver(dns_server[1], ALL, lambda _: True, lambda: 0.0)
    with pytest.raises(TransactionFailed) as failure:
        await resolving.resolve(uri)
    assert (failure.value.kind, failure.value.text) == (FaultKind.UNRESOLVED, text)


async def test_a_server_that_is_silent_is_given_up(
    dns_server: tuple[DnsServer, DnsLookup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringback.dialers.sip.transport.lookup.LOOKUP_S", 0.2)
    with pytest.raises(LookupFailed):
        await dns_server[1].addresses("silent.test")
    with pytest.raises(LookupFailed):
        await dns_server[1].naptr("silent.test")


def test_the_hosts_file(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "# comment\n::1 localhost ip6\n127.0.0.1\tLocalhost pbx # not this\n"
        "192.0.2.1 pbx\nfe80::1%lo0 pbx\nnonsense pbx\n"
    )
    lookup = DnsLookup(hosts=hosts)
    assert lookup.known_addresses("localhost") == ["127.0.0.1", "::1"]
    assert lookup.known_addresses("PBX") == ["127.0.0.1", "192.0.2.1", "fe80::1"]
    assert lookup.known_addresses("not") == []
    assert DnsLookup(hosts=tmp_path / "none").known_addresses("localhost") == []

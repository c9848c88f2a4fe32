"""UDP on real sockets: floods, garbage, ICMP, both families, and the loop that servers run on."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from ringback.dialers.sip.messages.message import encode, parse, top_via
from ringback.dialers.sip.transactions.endpoint import MAX_REFUSALS_PER_S, Endpoint, EndpointSettings
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed
from ringback.dialers.sip.transport.own_address import advertised
from ringback.dialers.sip.transport.tls import TlsFiles
from tests.world.certificates import Authority
from tests.world.sip_endpoints import Recorded, endpoint
from tests.world.sip_messages import request, response, with_via

UDP = [Transport.UDP]
SOON_S = 10.0
Work = Callable[[], Coroutine[Any, Any, None]]


def ok(server: ServerTransaction) -> None:
    server.respond(response(server.request, 200))


async def status_of(sender: Endpoint, uri: str) -> int:
    transaction = await sender.send(request("OPTIONS", uri))
    async with asyncio.timeout(SOON_S):
        return (await transaction.response()).status


async def fault_of(sender: Endpoint, uri: str) -> FaultKind:
    transaction = await sender.send(request("INVITE", uri))
    with pytest.raises(TransactionFailed) as failure:
        async with asyncio.timeout(SOON_S):
            await transaction.response()
    return failure.value.kind


async def refused_and_then_reached() -> None:
    """A port without a socket is reported, more than once, and the socket goes on to send and to receive."""
    async with endpoint(transports=UDP) as (caller, _):
        async with endpoint(transports=UDP) as (gone, _):
            uri = gone.contact("phone")
        async with endpoint(transports=UDP) as (phone, _):
            phone.on_request = ok
            for _ in range(3):
                assert await fault_of(caller, uri) is FaultKind.REFUSED
                assert await status_of(caller, phone.contact("phone")) == 200
                assert await fault_of(caller, uri) is FaultKind.REFUSED


async def call_over_tcp() -> None:
    async with endpoint(transports=[Transport.TCP]) as (caller, _), endpoint(transports=[Transport.TCP]) as (phone, _):
        phone.on_request = ok
        assert await status_of(caller, phone.contact("phone")) == 200
        assert await status_of(caller, phone.contact("phone")) == 200


LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [uvloop.new_event_loop, asyncio.new_event_loop]


@pytest.mark.parametrize("work", [refused_and_then_reached, call_over_tcp])
@pytest.mark.parametrize("loop", LOOPS)
def test_on_each_event_loop(loop: Callable[[], asyncio.AbstractEventLoop], work: Work) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work())


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_on_each_event_loop(
    loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loops have TLS of their own, each with errors of its own."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    cert, key = authority.issue("localhost").write(tmp_path)
    tls = TlsFiles(ca=tmp_path / "ca.pem", cert=cert, key=key)

    async def work() -> None:
        only_tls = [Transport.TLS]
        async with endpoint(transports=only_tls, tls=tls) as (caller, _):
            async with endpoint(transports=only_tls, tls=tls) as (phone, _):
                phone.on_request = ok
                uri = f"sip:localhost:{phone.port};transport=tls"
                wrong = f"sip:127.0.0.1:{phone.port};transport=tls"
                assert await fault_of(caller, wrong) is FaultKind.TLS
                assert await status_of(caller, uri) == 200
                assert await status_of(caller, uri) == 200
            assert await fault_of(caller, f"{uri};maddr=127.0.0.1") is FaultKind.REFUSED
            async with endpoint(transports=[Transport.TCP]) as (no_tls, _):
                monkeypatch.setattr("ringback.dialers.sip.transport.streams.HANDSHAKE_S", 0.2)
                assert await fault_of(caller, f"sip:localhost:{no_tls.port};transport=tls") is FaultKind.TLS

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work())


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_ipv6(transport: Transport) -> None:
    async with (
        endpoint(transports=[transport], host="::1") as (caller, _),
        endpoint(transports=[transport], host="::1") as (phone, trace),
    ):
        phone.on_request = ok
        uri = phone.contact("phone")
        assert uri.startswith(f"sip:phone@[::1]:{phone.port}")
        assert await status_of(caller, uri) == 200
        got = parse(trace.messages[0][2])
        assert top_via(got).host == "[::1]"
        assert trace.messages[0][1].startswith("[::1]:")


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_the_wildcard_of_ipv6_has_both_families(transport: Transport) -> None:
    async with endpoint(transports=[transport], host="::") as (both, trace):
        both.on_request = ok
        for host in ("127.0.0.1", "::1"):
            async with endpoint(transports=[transport], host=host) as (other, _):
                other.on_request = ok
                at = f"[{host}]" if ":" in host else host
                assert await status_of(other, f"sip:{at}:{both.port};transport={transport}") == 200
                assert await status_of(both, other.contact("phone")) == 200
        assert {source.rpartition(":")[0] for _, source, _ in trace.messages} == {"127.0.0.1", "[::1]"}


async def exchange(data: bytes, port: int, answers: int) -> list[bytes]:
    """Send datagrams to an endpoint, and return what came back until its next answer to a good one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.bind(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        via = f"UDP 127.0.0.1:{sender.getsockname()[1]}"
        for _ in range(answers):
            await loop.sock_sendto(sender, data, ("127.0.0.1", port))
        last = encode(with_via(request("OPTIONS", "sip:us@127.0.0.1", call_id="last"), via=via, branch="z9hG4bKlast"))
        await loop.sock_sendto(sender, last, ("127.0.0.1", port))
        got: list[bytes] = []
        async with asyncio.timeout(SOON_S):
            while not got or b"Call-ID: last" not in got[-1]:
                got.append(await loop.sock_recv(sender, 65_535))
        return got[:-1]


GARBAGE = [
    b"",
    b"\0",
    b"\r\n\r\n",
    b"\xff" * 1400,
    b"x" * 65_000,
    b"SIP/2.0 200 OK\r\n\r\n",
    b"INVITE sip:us@127.0.0.1 SIP/2.0\r\n\r\n",
    b"ACK sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n\r\n",
    b"OPTIONS sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP a b c\r\n\r\n",
]


@pytest.mark.parametrize("data", GARBAGE)
async def test_garbage_gets_no_response(data: bytes) -> None:
    async with endpoint(transports=UDP) as (phone, _):
        phone.on_request = ok
        assert await exchange(data, phone.port, 3) == []


async def test_what_is_malformed_is_refused_only_so_often() -> None:
    malformed = b"OPTIONS sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKx\r\n\r\n"
    async with endpoint(transports=UDP) as (phone, _):
        phone.on_request = ok
        refusals = await exchange(malformed, phone.port, 5 * MAX_REFUSALS_PER_S)
        assert {refusal.split(b"\r\n")[0] for refusal in refusals} == {b"SIP/2.0 400 Bad Request"}
        # The flood may lie across the border of a second.
        assert MAX_REFUSALS_PER_S <= len(refusals) <= 2 * MAX_REFUSALS_PER_S
        assert all(len(refusal) < 4 * len(malformed) for refusal in refusals)


@pytest.mark.parametrize(
    ("host", "advertise", "expected"),
    [
        ("127.0.0.1", "", ("127.0.0.1", None)),
        ("127.0.0.1", "203.0.113.5", ("203.0.113.5", None)),
        ("0.0.0.0", "203.0.113.5:5080", ("203.0.113.5", 5080)),
        ("::", "[2001:db8::5]:5080", ("[2001:db8::5]", 5080)),
        ("::1", "sip.example.com", ("sip.example.com", None)),
        ("::1", "", ("::1", None)),
    ],
)
def test_what_peers_are_told(host: str, advertise: str, expected: tuple[str, int | None]) -> None:
    assert advertised(host, advertise) == expected


def test_a_wildcard_is_never_told() -> None:
    assert advertised("0.0.0.0", "")[0] not in ("", "0.0.0.0", "::")


async def test_the_transport_of_what_names_none_is_the_preferred_one() -> None:
    transports = frozenset([Transport.UDP, Transport.TCP])
    for preferred, param in ((None, ""), (Transport.UDP, ""), (Transport.TCP, ";transport=tcp")):
        settings = EndpointSettings(host="127.0.0.1", port=0, transports=transports, transport=preferred)
        caller = await Endpoint.start(settings, trace=Recorded())
        async with endpoint() as (phone, trace):
            phone.on_request = ok
            assert caller.contact("me") == f"sip:me@127.0.0.1:{caller.port}{param}"
            assert await status_of(caller, f"sip:127.0.0.1:{phone.port}") == 200
            assert trace.messages[0][1].endswith("tcp" if param else "udp")
        await caller.stop()


async def test_the_advertised_address_is_in_via_and_contact() -> None:
    settings = EndpointSettings(
        host="127.0.0.1", port=0, advertise="203.0.113.5:5080", transports=frozenset(UDP), user_agent="probe"
    )
    caller = await Endpoint.start(settings, trace=Recorded())
    async with endpoint(transports=UDP) as (phone, trace):
        phone.on_request = ok
        assert caller.contact("") == "sip:203.0.113.5:5080"
        assert caller.contact("me", Transport.TLS) == "sip:me@203.0.113.5:5080;transport=tls"
        assert await status_of(caller, phone.contact("phone")) == 200
        got = parse(trace.messages[0][2])
        assert (top_via(got).host, top_via(got).port) == ("203.0.113.5", 5080)
        assert top_via(parse(trace.messages[1][2])).params["received"] == "127.0.0.1"
        assert [got.headers.get(name) for name in ("User-Agent", "Max-Forwards")] == ["probe", "70"]
    await caller.stop()

"""TCP and TLS on real sockets: connections that are reused, broken, hostile, or lead to the wrong host."""

import asyncio
import itertools
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from ringback.dialers.sip.messages.message import encode, parse
from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointCannotListen, EndpointSettings
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport import stream, streams
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed
from ringback.dialers.sip.transport.tls import TlsFiles
from tests.world.certificates import Authority
from tests.world.sip_endpoints import Recorded, endpoint
from tests.world.sip_messages import request, response, with_via

TCP = [Transport.TCP]
TLS = [Transport.TLS]
SOON_S = 10.0


def ok(server: ServerTransaction) -> None:
    server.respond(response(server.request, 200))


async def status_of(sender: Endpoint, uri: str, *, call_id: str = "call-1") -> int:
    transaction = await sender.send(request("OPTIONS", uri, call_id=call_id))
    async with asyncio.timeout(SOON_S):
        return (await transaction.response()).status


async def fault_of(sender: Endpoint, uri: str, method: str = "OPTIONS") -> tuple[FaultKind, str]:
    transaction = await sender.send(request(method, uri))
    with pytest.raises(TransactionFailed) as failure:
        async with asyncio.timeout(SOON_S):
            await transaction.response()
    return failure.value.kind, failure.value.text


def options(via: str, number: int = 0) -> bytes:
    return encode(with_via(request("OPTIONS", "sip:us@127.0.0.1"), via=via, branch=f"z9hG4bK{number}"))


async def read_message(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SOON_S):
        return await reader.readuntil(b"\r\n\r\n")


async def test_one_connection_carries_requests_of_both_sides() -> None:
    async with endpoint(transports=TCP) as (caller, trace), endpoint(transports=TCP) as (phone, seen):
        caller.on_request = phone.on_request = ok
        assert await status_of(caller, phone.contact("phone")) == 200
        _, source, _ = seen.messages[0]
        back = f"sip:us@{source}"
        assert await status_of(phone, back) == 200
        assert await status_of(caller, phone.contact("phone")) == 200
        assert len({destination for _, destination, _ in trace.messages}) == 1
        assert len({destination for _, destination, _ in seen.messages}) == 1


async def test_a_refused_port_is_known_at_once() -> None:
    async with endpoint(transports=TCP) as (caller, _):
        async with endpoint(transports=TCP) as (gone, _):
            uri = gone.contact("phone")
        kind, text = await fault_of(caller, uri)
        assert kind is FaultKind.REFUSED
        assert "refused" in text


async def test_no_connection_is_opened_after_a_stop() -> None:
    async with endpoint(transports=TCP) as (phone, _), endpoint(transports=TCP) as (caller, _):
        await caller.stop()
        with pytest.raises(TransactionFailed, match="has stopped"):
            await caller.send(request("OPTIONS", phone.contact("phone")))


async def test_a_refused_udp_port_is_known_at_once() -> None:
    async with endpoint(transports=[Transport.UDP]) as (caller, _):
        async with endpoint(transports=[Transport.UDP]) as (gone, _):
            uri = gone.contact("phone")
        assert await fault_of(caller, uri, "INVITE") == (FaultKind.REFUSED, "connection refused")
        async with endpoint(transports=[Transport.UDP]) as (phone, _):
            phone.on_request = ok
            assert await status_of(caller, phone.contact("phone")) == 200


async def test_a_connection_that_the_peer_closed_is_opened_again() -> None:
    """A request whose connection is lost before the response is sent once more: the peer absorbs a copy."""
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        message = parse(await read_message(reader))
        if len(connections) > 1:
            writer.write(encode(response(message, 200)))  # type: ignore[arg-type]
        writer.close()

    async with endpoint(transports=TCP) as (caller, _), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        transaction = await caller.send(request("INVITE", f"sip:127.0.0.1:{port};transport=tcp"))
        async with asyncio.timeout(SOON_S):
            assert (await transaction.response()).status == 200
        assert len(connections) == 2


async def test_a_peer_that_hangs_up_each_time_is_a_fault() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with endpoint(transports=TCP) as (caller, _), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        kind, _ = await fault_of(caller, f"sip:127.0.0.1:{port};transport=tcp", "INVITE")
        assert kind is FaultKind.REFUSED


async def test_messages_and_pings_come_in_pieces_of_any_size() -> None:
    async with endpoint(transports=TCP) as (phone, _):
        phone.on_request = ok
        reader, writer = await asyncio.open_connection("127.0.0.1", phone.port)
        writer.write(b"\r\n\r\n" + options("TCP 127.0.0.1:5070", 1) + options("TCP 127.0.0.1:5070", 2)[:40])
        assert await reader.readexactly(2) == b"\r\n"
        assert (await read_message(reader)).startswith(b"SIP/2.0 200")
        writer.write(options("TCP 127.0.0.1:5070", 2)[40:])
        assert (await read_message(reader)).startswith(b"SIP/2.0 200")
        writer.close()


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01" * 20_000, b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000])
async def test_what_is_no_sip_ends_its_connection_and_no_other(garbage: bytes) -> None:
    async with endpoint(transports=TCP) as (phone, _):
        phone.on_request = ok
        good_reader, good = await asyncio.open_connection("127.0.0.1", phone.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", phone.port)
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(SOON_S):
            with suppress(ConnectionError):
                await reader.read()
        good.write(options("TCP 127.0.0.1:5070"))
        assert (await read_message(good_reader)).startswith(b"SIP/2.0 200")
        good.close()
        writer.close()


async def test_a_peer_that_never_reads_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_UNSENT_BYTES", 10_000)
    async with endpoint(transports=TCP) as (phone, _):
        phone.on_request = ok
        loop = asyncio.get_running_loop()
        with socket.socket() as silent:
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent.setblocking(False)
            await loop.sock_connect(silent, ("127.0.0.1", phone.port))

            async def send_until_it_is_closed() -> None:
                for number in itertools.count():
                    await loop.sock_sendall(silent, options(f"TCP {'a' * 20_000}:5070", number))

            with pytest.raises(ConnectionError):
                async with asyncio.timeout(60):
                    await send_until_it_is_closed()


async def test_no_address_has_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_ACCEPTED_OF_ONE", 3)
    async with endpoint(transports=TCP) as (phone, _):
        phone.on_request = ok
        opened = [await asyncio.open_connection("127.0.0.1", phone.port) for _ in range(4)]
        async with asyncio.timeout(SOON_S):
            assert await opened[3][0].read() == b""
        opened[3][1].close()
        for reader, writer in opened[:3]:
            writer.write(options("TCP 127.0.0.1:5070"))
            assert (await read_message(reader)).startswith(b"SIP/2.0 200")
            writer.close()
            await writer.wait_closed()
        while True:  # the endpoint hears of the close a moment later
            reader, writer = await asyncio.open_connection("127.0.0.1", phone.port)
            writer.write(options("TCP 127.0.0.1:5070"))
            try:
                assert (await read_message(reader)).startswith(b"SIP/2.0 200")
            except (asyncio.IncompleteReadError, ConnectionError):
                continue
            finally:
                writer.close()
            break


async def test_a_request_that_is_too_large_for_udp_goes_by_tcp_and_by_udp_where_there_is_no_tcp() -> None:
    for transports, expected in (([Transport.UDP, Transport.TCP], "tcp"), ([Transport.UDP], "udp")):
        async with endpoint() as (caller, _), endpoint(transports=transports) as (phone, trace):
            phone.on_request = ok
            big = request("OPTIONS", f"sip:phone@127.0.0.1:{phone.port}")
            big.body = b"v" * 1300
            transaction = await caller.send(big)
            async with asyncio.timeout(SOON_S):
                assert (await transaction.response()).status == 200
            assert {destination.rpartition("=")[2] for _, destination, _ in trace.messages} == {expected}


# --- TLS -----------------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> Authority:
    return Authority()


def files(folder: Path, authority: Authority, *names: str, addresses: tuple[str, ...] = ()) -> TlsFiles:
    ca = folder / "ca.pem"
    ca.write_bytes(authority.pem)
    cert, key = authority.issue(*names, addresses=addresses).write(folder)
    return TlsFiles(ca=ca, cert=cert, key=key)


async def test_the_certificate_has_the_name_of_the_uri(tmp_path: Path, authority: Authority) -> None:
    tls = files(tmp_path, authority, "localhost")
    async with endpoint(transports=TLS, tls=tls) as (caller, _), endpoint(transports=TLS, tls=tls) as (phone, _):
        phone.on_request = ok
        kind, text = await fault_of(caller, f"sip:phone@127.0.0.1:{phone.port};transport=tls")
        assert kind is FaultKind.TLS
        assert "127.0.0.1" in text
        assert await status_of(caller, f"sip:phone@localhost:{phone.port};transport=tls") == 200


async def test_a_certificate_of_another_authority_is_refused(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "theirs").mkdir()
    theirs = files(tmp_path / "theirs", Authority("another"), "localhost")
    ours = files(tmp_path, authority, "localhost")
    async with endpoint(transports=TLS, tls=ours) as (caller, _), endpoint(transports=TLS, tls=theirs) as (phone, _):
        kind, text = await fault_of(caller, f"sips:phone@localhost:{phone.port}")
        assert kind is FaultKind.TLS
        assert text.startswith("its certificate is refused")


async def test_a_peer_that_wants_a_certificate_is_shown_ours(tmp_path: Path, authority: Authority) -> None:
    tls = files(tmp_path, authority, "localhost")
    context = tls.server_context()
    assert context is not None
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls.ca)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(response(parse(await read_message(reader)), 200)))  # type: ignore[arg-type]
        writer.close()

    async with (
        endpoint(transports=TLS, tls=tls) as (caller, _),
        await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server,
    ):
        assert await status_of(caller, f"sip:localhost:{server.sockets[0].getsockname()[1]};transport=tls") == 200


async def test_renewed_files_count_from_the_next_connection_on(tmp_path: Path, authority: Authority) -> None:
    tls = files(tmp_path, authority, "localhost")
    async with endpoint(transports=TLS, tls=tls) as (first, _), endpoint(transports=TLS, tls=tls) as (phone, _):
        first.on_request = phone.on_request = ok
        assert await status_of(first, f"sip:phone@localhost:{phone.port};transport=tls") == 200
        files(tmp_path, Authority("another"), "localhost")
        async with endpoint(transports=TLS, tls=tls) as (second, _):
            second.on_request = ok
            assert await status_of(second, f"sip:phone@localhost:{phone.port};transport=tls") == 200
            assert await status_of(first, f"sip:second@localhost:{second.port};transport=tls") == 200
        assert await status_of(first, f"sip:phone@localhost:{phone.port};transport=tls") == 200  # it stands


@pytest.mark.parametrize("name", ["server.pem", "server.key", "ca.pem"])
async def test_files_that_cannot_be_used_change_nothing(
    name: str, tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    tls = files(tmp_path, authority, "localhost")
    async with endpoint(transports=TLS, tls=tls) as (phone, _), endpoint(transports=TLS, tls=tls) as (caller, _):
        phone.on_request = ok
        uri = f"sip:phone@localhost:{phone.port};transport=tls"
        assert await status_of(caller, uri) == 200
        for content in (b"half of it", b"half of it", b""):
            (tmp_path / name).unlink()
            if content:
                (tmp_path / name).write_bytes(content)
            async with endpoint(transports=TLS) as (stranger, _):
                _, text = await fault_of(stranger, uri)
                assert text.startswith("its certificate is refused")
            assert await status_of(caller, uri) == 200
        files(tmp_path, Authority("another"), "localhost")
        async with endpoint(transports=TLS, tls=tls) as (second, _):
            assert await status_of(second, uri) == 200
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == len({"half of it", "missing"})
    assert all("what was read before stays in use" in text for text in told)


@pytest.mark.parametrize("garbage", [b"", b"OPTIONS sip:a SIP/2.0\r\n", b"\x16\x03\x01\x00\x05hello"])
async def test_a_handshake_that_does_not_end_is_given_up(
    garbage: bytes, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HANDSHAKE_S", 0.2)
    tls = files(tmp_path, authority, "localhost")
    async with endpoint(transports=TLS, tls=tls) as (phone, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", phone.port)
        writer.write(garbage)
        async with asyncio.timeout(SOON_S):
            with suppress(ConnectionError):
                await reader.read()
        writer.close()


async def test_a_server_that_never_shakes_hands_is_a_fault(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HANDSHAKE_S", 0.2)
    tls = files(tmp_path, authority, "localhost")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with (
        endpoint(transports=TLS, tls=tls) as (caller, _),
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
    ):
        port = server.sockets[0].getsockname()[1]
        assert await fault_of(caller, f"sip:localhost:{port};transport=tls") == (
            FaultKind.TLS,
            "the TLS handshake was not completed",
        )


async def test_a_peer_over_tls_whose_name_is_not_verified_gets_no_request(tmp_path: Path, authority: Authority) -> None:
    """Responses go back over the connection that a peer has opened; a request wants one whose name was verified."""
    tls = files(tmp_path, authority, "localhost", addresses=("127.0.0.1",))
    async with endpoint(transports=TLS, tls=tls) as (caller, _), endpoint(transports=TLS, tls=tls) as (phone, seen):
        phone.on_request = ok
        assert await status_of(caller, f"sip:localhost:{phone.port};transport=tls") == 200
        source = seen.messages[0][1]
        kind, _ = await fault_of(phone, f"sip:localhost:{source.partition(';')[0].rpartition(':')[2]};transport=tls")
        assert kind is FaultKind.REFUSED


async def test_an_address_stands_for_the_name_that_was_verified_there(tmp_path: Path, authority: Authority) -> None:
    """A proxy that is called by its name writes its address into Record-Route; a BYE follows it."""
    tls = files(tmp_path, authority, "localhost")
    async with endpoint(transports=TLS, tls=tls) as (caller, _), endpoint(transports=TLS, tls=tls) as (phone, seen):
        phone.on_request = ok
        assert await status_of(caller, f"sip:phone@localhost:{phone.port};transport=tls") == 200
        assert await status_of(caller, f"sip:phone@127.0.0.1:{phone.port};transport=tls") == 200
        assert len({source for _, source, _ in seen.messages}) == 1


@pytest.mark.parametrize(("names", "status"), [(("localhost",), 200), (("other", "localhost"), 200), (("other",), 0)])
async def test_an_address_stands_for_the_names_of_our_proxies(
    names: tuple[str, ...], status: int, tmp_path: Path, authority: Authority
) -> None:
    """The first request after a restart may be the BYE of a call whose Record-Route has an address."""
    theirs = files(tmp_path, authority, "localhost")
    ours = TlsFiles(ca=theirs.ca, other_names=names)
    async with endpoint(transports=TLS, tls=ours) as (caller, _), endpoint(transports=TLS, tls=theirs) as (phone, _):
        phone.on_request = ok
        uri = f"sip:phone@127.0.0.1:{phone.port};transport=tls"
        if status:
            assert await status_of(caller, uri) == status
        else:
            assert (await fault_of(caller, uri))[0] is FaultKind.TLS
        kind, _ = await fault_of(caller, f"sip:phone@ip6-localhost:{phone.port};transport=tls;maddr=127.0.0.1")
        assert kind is FaultKind.TLS


@pytest.mark.parametrize("broken", ["tls_ca", "tls_cert"])
async def test_files_that_are_no_certificates_are_told_before_anything_is_served(broken: str, tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("no certificate")
    tls_ca = tmp_path / "broken.pem" if broken == "tls_ca" else None
    tls_cert = tmp_path / "broken.pem" if broken == "tls_cert" else None
    settings = EndpointSettings(
        host="127.0.0.1", port=0, transports=frozenset(TLS), tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_cert
    )
    with pytest.raises(EndpointCannotListen):
        await Endpoint.start(settings, trace=Recorded())


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_a_port_in_use_is_told(transport: Transport) -> None:
    async with endpoint(transports=[transport]) as (first, _):
        settings = EndpointSettings(host="127.0.0.1", port=first.port, transports=frozenset([transport]))
        with pytest.raises(EndpointCannotListen, match="in use"):
            await Endpoint.start(settings, trace=Recorded())

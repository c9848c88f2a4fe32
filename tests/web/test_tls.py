"""TLS of the HTTP port: the same files as of gRPC, certificates of clients, and what changes while it runs."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from ringback.identity.files import FileValue, read_files
from ringback.identity.server_files import ServerFiles, server_files
from ringback.web.peer import CONNECTION, credentials_of
from tests.world.certificates import DAY, Authority, Issued
from tests.world.http_client import connected, connected_http2, trusting
from tests.world.http_stage import HttpStage, ServeHttp
from tests.world.secured import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def _value(files: Files, *, mutual: bool = False) -> FileValue[ServerFiles]:
    files.write()
    if mutual:
        files.trust(files.clients)
    return server_files(files.cert, files.key, files.client_ca if mutual else None)


def _client(files: Files, issued: Issued | None = None, *protocols: str) -> ssl.SSLContext:
    context = trusting(files.authority.pem, *protocols)
    if issued is not None:
        context.load_cert_chain(*issued.write(files.folder, f"client{id(issued)}"))
    return context


async def _get(port: int, context: ssl.SSLContext) -> tuple[int, int]:
    """Return the status, and the serial number of the server's certificate."""
    async with connected(port, ssl=context, server_hostname="localhost") as client:
        response = await client.get()
        secure = client.writer.get_extra_info("ssl_object")
        return response.status, int(secure.getpeercert()["serialNumber"], 16)


async def test_http2_is_chosen_by_alpn(serve_http: ServeHttp, files: Files, stage: HttpStage) -> None:
    async with serve_http(_value(files)) as server:
        context = _client(files, None, "h2", "http/1.1")
        async with connected_http2(server.port, ssl=context, server_hostname="localhost") as client:
            assert (await client.get()).status == 200
        context = _client(files, None, "http/1.1")
        async with connected(server.port, ssl=context, server_hostname="localhost") as second:
            assert (await second.get()).status == 200
        assert [scope["http_version"] for scope in stage.scopes] == ["2", "1.1"]
        assert {scope["scheme"] for scope in stage.scopes} == {"https"}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_comes_with_its_chain(
    version: ssl.TLSVersion, serve_http: ServeHttp, files: Files, stage: HttpStage
) -> None:
    between = Authority("between", files.clients)
    issued = between.issue("crm.clients.example")
    context = _client(files, issued)
    context.maximum_version = version
    async with serve_http(_value(files, mutual=True)) as server:
        assert (await _get(server.port, context))[0] == 200
    for scope in stage.scopes:
        properties = credentials_of(scope).auth_context()
        assert _serials(properties["x509_pem_cert"]) == [issued.certificate.serial_number]
        assert between.certificate.serial_number in _serials(properties["x509_pem_cert_chain"])


def _session_of(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    """Send a request, and return what the server gives to resume the session."""
    with (
        socket.create_connection(("127.0.0.1", port), 20) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
    ):
        secure.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert secure.recv(65536).startswith(b"HTTP/1.1 200")
        return secure.session


def _serials(properties: Sequence[bytes]) -> list[int]:
    return [each.serial_number for pem in properties for each in x509.load_pem_x509_certificates(pem)]


async def test_a_session_is_not_resumed_without_its_chain(
    serve_http: ServeHttp, files: Files, stage: HttpStage
) -> None:
    """What a ticket keeps of a connection are not the certificates between the client's and its authority."""
    between = Authority("between", files.clients)
    context = _client(files, between.issue("crm.clients.example"))
    async with serve_http(_value(files, mutual=True)) as server:
        session = await asyncio.to_thread(_session_of, server.port, context, None)
        await asyncio.to_thread(_session_of, server.port, context, session)
    assert [bool(credentials_of(scope).auth_context()["x509_pem_cert_chain"][0]) for scope in stage.scopes] == [
        True
    ] * 2


async def test_without_a_certificate_there_are_no_properties(
    serve_http: ServeHttp, files: Files, stage: HttpStage
) -> None:
    async with serve_http(_value(files)) as server:
        await _get(server.port, _client(files))
    assert credentials_of(stage.scopes[0]).auth_context() == {}


@pytest.mark.parametrize("kind", ["none", "of another authority", "ended", "of the server's authority"])
async def test_a_certificate_that_does_not_count_gets_no_connection(
    kind: str, serve_http: ServeHttp, files: Files, stage: HttpStage
) -> None:
    issued = {
        "none": None,
        "of another authority": Authority("another").issue("crm.clients.example"),
        "ended": files.clients.issue("crm.clients.example", ends=datetime.now(UTC) - DAY / 2),
        "of the server's authority": files.authority.issue("crm.clients.example"),
    }[kind]
    async with serve_http(_value(files, mutual=True)) as server:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await _get(server.port, _client(files, issued))
        assert stage.scopes == []
        assert (await _get(server.port, _client(files, files.clients.issue("crm.clients.example"))))[0] == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_old_versions_of_tls_get_no_connection(serve_http: ServeHttp, files: Files) -> None:
    context = _client(files)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with serve_http(_value(files)) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await _get(server.port, context)


async def test_plain_text_gets_no_response(serve_http: ServeHttp, files: Files, stage: HttpStage) -> None:
    async with serve_http(_value(files)) as server, connected(server.port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.is_ended()
        assert stage.scopes == []


async def test_connections_go_on_while_the_certificate_changes(
    serve_http: ServeHttp, files: Files, stage: HttpStage
) -> None:
    """New ones get the new certificate, those that are open are not disturbed, and none fails."""
    value = _value(files)
    context = _client(files)
    async with serve_http(value) as server, connected(server.port, ssl=context, server_hostname="localhost") as client:
        for _ in range(5):
            issued = files.write()
            assert value.take(read_files(value.paths))
            found = await asyncio.gather(*(_get(server.port, context) for _ in range(8)))
            assert set(found) == {(200, issued.certificate.serial_number)}
            assert (await client.get()).status == 200


async def test_authorities_of_clients_change_with_the_files(serve_http: ServeHttp, files: Files) -> None:
    value = _value(files, mutual=True)
    other = Authority("other")
    former, latter = _client(files, files.clients.issue("a.example")), _client(files, other.issue("a.example"))
    async with serve_http(value) as server:
        assert (await _get(server.port, former))[0] == 200
        files.trust(other)
        assert value.take(read_files(value.paths))
        assert (await _get(server.port, latter))[0] == 200
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await _get(server.port, former)


async def test_files_that_openssl_does_not_take_change_nothing(
    serve_http: ServeHttp, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """What is faulty has been found before, but for what OpenSSL alone finds."""
    value = _value(files)
    issued = x509.load_pem_x509_certificate(files.cert.read_bytes())
    async with serve_http(value) as server:
        good = value.value
        value.value = ServerFiles(chain=b"no certificate", key=good.key, ends_at=good.ends_at)
        with caplog.at_level(logging.ERROR):
            for _ in range(2):
                assert (await _get(server.port, _client(files))) == (200, issued.serial_number)
        assert len([each for each in caplog.records if "goes on with the certificate" in each.message]) == 1


async def test_the_peer_of_a_connection_is_as_without_tls(
    serve_http: ServeHttp, files: Files, stage: HttpStage
) -> None:
    async with (
        serve_http(_value(files)) as server,
        connected(server.port, ssl=_client(files), server_hostname="localhost") as client,
    ):
        await client.get()
        port = client.writer.get_extra_info("sockname")[1]
        assert stage.scopes[0]["state"][CONNECTION].peer == f"ipv4:127.0.0.1:{port}"


async def test_a_handshake_that_does_not_come_holds_up_nothing(serve_http: ServeHttp, files: Files) -> None:
    async with serve_http(_value(files)) as server, connected(server.port) as silent:
        assert (await _get(server.port, _client(files)))[0] == 200
        await asyncio.wait_for(server.stop(), 20)
        assert await silent.is_ended()


async def test_handshakes_that_do_not_come_make_room(serve_http: ServeHttp, files: Files) -> None:
    async with (
        serve_http(_value(files), max_connections=2) as server,
        connected(server.port) as first,
        connected(server.port),
    ):
        assert (await _get(server.port, _client(files)))[0] == 200
        assert await first.is_ended()


async def test_handshakes_are_paced_as_what_is_read(serve_http: ServeHttp, files: Files) -> None:
    """They are the most work that somebody without credentials can cause, and need nothing that is read."""
    charged: list[float] = []
    async with serve_http(_value(files)) as server:
        pace = server._context.pace
        with pytest.MonkeyPatch.context() as patching:
            patching.setattr(pace, "charge", charged.append)
            async with connected(server.port, ssl=_client(files), server_hostname="localhost"):
                # It is asked for again after the server's part, and after the client's.
                assert len(charged) >= 2

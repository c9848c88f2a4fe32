"""What `ringback sip check` finds out: against real endpoints on real sockets, and TLS with real certificates."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringback.dialers.sip.check import Finding, Level, of_peer, of_registration, of_settings, tls_finding, worst
from ringback.dialers.sip.messages.message import response_to
from ringback.dialers.sip.messages.trace import Trace
from ringback.dialers.sip.opening import open_endpoint
from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.tls import TlsFiles
from ringback.dialers.sip.transport.tls_facts import TlsFacts
from tests.world.certificates import Authority
from tests.world.ports import free_ports
from tests.world.sip_endpoints import endpoint

NOW = datetime.now(UTC)
SETTINGS = SipSettings(listen=("127.0.0.1", 0))
WITH_PASSWORD = replace(SETTINGS, username="ringback", password="hush")
# What the digest of each method must be for ringback, "hush", this realm and nonce, without qop (RFC 2069).
CHALLENGE = 'Digest realm="sbc", nonce="n"'


@asynccontextmanager
async def peer(answer: Callable[[ServerTransaction], None]) -> AsyncIterator[str]:
    async with endpoint() as (started, _):
        started.on_request = answer
        yield f"sip:127.0.0.1:{started.port}"


def with_status(status: int) -> Callable[[ServerTransaction], None]:
    return lambda server: server.respond(response_to(server.request, status, to_tag="peer"))


def challenging(header: str, status: int, answer: str, accepted: int = 200) -> Callable[[ServerTransaction], None]:
    """Refuse what brings no credentials with a challenge, and with the same again when they are wrong."""

    def respond(server: ServerTransaction) -> None:
        credentials = server.request.headers.get(answer)
        is_right = credentials is not None and 'username="ringback"' in credentials
        response = response_to(server.request, accepted if is_right else status, to_tag="peer")
        if not is_right:
            response.headers.add(header, CHALLENGE)
        server.respond(response)

    return respond


async def checked(settings: SipSettings, uri: str) -> list[Finding]:
    async with open_endpoint(settings, Trace()) as ours:
        return [finding async for finding in of_peer(settings, ours, uri, NOW)]


async def test_a_peer_that_responds() -> None:
    async with peer(with_status(200)) as uri:
        dns, options = await checked(SETTINGS, uri)
    assert (dns.level, dns.subject, dns.text) == (Level.OK, "DNS", f"udp 127.0.0.1 port {uri.rpartition(':')[2]}")
    assert (options.level, options.subject) == (Level.OK, "OPTIONS")
    assert options.text.startswith("200 OK, after ")


@pytest.mark.parametrize(
    ("status", "level"), [(404, Level.OK), (405, Level.OK), (403, Level.NOTE), (500, Level.NOTE), (503, Level.FAULT)]
)
async def test_what_the_response_to_options_means(status: int, level: Level) -> None:
    async with peer(with_status(status)) as uri:
        assert (await checked(SETTINGS, uri))[1].level is level


@pytest.mark.parametrize(
    ("settings", "status", "header", "answer", "accepted", "level", "words"),
    [
        (WITH_PASSWORD, 407, "Proxy-Authenticate", "Proxy-Authorization", 200, Level.OK, "accepted: 200"),
        (WITH_PASSWORD, 401, "WWW-Authenticate", "Authorization", 404, Level.OK, "accepted: 404"),
        (WITH_PASSWORD, 401, "WWW-Authenticate", "Authorization", 403, Level.FAULT, "refused: 403"),
        (
            replace(WITH_PASSWORD, username="other"),
            407,
            "Proxy-Authenticate",
            "Proxy-Authorization",
            200,
            Level.FAULT,
            "refused: 407",
        ),
        (
            replace(WITH_PASSWORD, auth_realm="another"),
            407,
            "Proxy-Authenticate",
            "Proxy-Authorization",
            200,
            Level.FAULT,
            "not sent: the realm is sbc, ",
        ),
        (SETTINGS, 407, "Proxy-Authenticate", "Proxy-Authorization", 200, Level.FAULT, "they are asked for, and there"),
    ],
)
async def test_credentials(
    settings: SipSettings, status: int, header: str, answer: str, accepted: int, level: Level, words: str
) -> None:
    async with peer(challenging(header, status, answer, accepted)) as uri:
        _, options, credentials = await checked(settings, uri)
    assert options.level is Level.OK
    assert (credentials.level, credentials.subject) == (level, "credentials")
    assert credentials.text.startswith(words)
    assert "hush" not in credentials.text


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        ('Digest realm="sbc\x1b", nonce="n"', "not sent: the realm is sbc\ufffd, and --sip-auth-realm is pbx"),
        ('Digest realm="pbx", nonce="n", algorithm=SHA-512-256', "not sent: the challenge is no digest with MD5 or"),
        ('Basic realm="pbx"', "not sent: the challenge is no digest with MD5 or SHA-256"),
    ],
)
async def test_a_challenge_that_gets_no_credentials(challenge: str, reason: str) -> None:
    """It is not said that they were refused, or the password would be looked at in vain."""

    def respond(server: ServerTransaction) -> None:
        response = response_to(server.request, 407, to_tag="peer")
        response.headers.add("Proxy-Authenticate", challenge)
        server.respond(response)

    async with peer(respond) as uri:
        found = (await checked(replace(WITH_PASSWORD, auth_realm="pbx"), uri))[-1]
    assert (found.level, found.subject) == (Level.FAULT, "credentials")
    assert found.text.startswith(reason)


async def test_credentials_that_nobody_asks_for() -> None:
    async with peer(with_status(200)) as uri:
        assert (await checked(WITH_PASSWORD, uri))[2].level is Level.NOTE


async def test_nobody_is_there() -> None:
    async with peer(with_status(200)) as gone:
        pass
    dns, options = await checked(SETTINGS, f"{gone};transport=tcp")
    assert dns.level is Level.OK
    assert options == Finding(Level.FAULT, "OPTIONS", "no response: connection refused")
    [nowhere] = await checked(SETTINGS, "sip:nowhere.invalid")
    assert (nowhere.level, nowhere.subject) == (Level.FAULT, "DNS")


@pytest.mark.parametrize(("status", "level"), [(200, Level.OK), (403, Level.FAULT), (404, Level.FAULT)])
async def test_a_registrar(status: int, level: Level) -> None:
    """It is only asked what is registered: no Contact is sent."""
    requests = []

    def respond(server: ServerTransaction) -> None:
        requests.append(server.request)
        with_status(status)(server)

    async with peer(respond) as uri:
        settings = replace(WITH_PASSWORD, proxy=uri, register=uri)
        async with open_endpoint(settings, Trace()) as ours:
            found = await of_registration(settings, ours, uri)
    assert (found.level, found.subject) == (level, "REGISTER")
    [request] = requests
    assert request.method == "REGISTER"
    assert "Contact" not in request.headers
    assert request.headers.get("To") == "<sip:ringback@127.0.0.1>"


# --- TLS -------------------------------------------------------------------------------------------------------------


async def tls_of(folder: Path, authority: Authority, trusted: Authority, *, address: str, ends: datetime) -> Finding:
    """Check an endpoint that shows a certificate."""
    cert, key = authority.issue("sbc.example", addresses=[address], starts=NOW - timedelta(days=10), ends=ends).write(
        folder
    )
    ca = folder / "ca.pem"
    ca.write_bytes(trusted.pem)
    files = TlsFiles(cert=cert, key=key)
    async with endpoint(transports=[Transport.TLS], tls=files) as (started, _):
        started.on_request = with_status(200)
        found = await checked(replace(SETTINGS, tls_ca=ca), f"sip:127.0.0.1:{started.port};transport=tls")
    assert found[1].subject == "TLS"
    # Where it is not accepted, nothing can be asked.
    assert [finding.subject for finding in found[2:]] == ["OPTIONS"] * (found[1].level is not Level.FAULT)
    return found[1]


async def test_a_certificate_that_is_accepted(tmp_path: Path) -> None:
    authority = Authority("Test Authority")
    found = await tls_of(tmp_path, authority, authority, address="127.0.0.1", ends=NOW + timedelta(days=90))
    assert found.level is Level.OK
    assert "TLSv1.3 with TLS_" in found.text
    assert "its certificate is for sbc.example, 127.0.0.1, issued by Test Authority, valid until " in found.text
    assert found.text.endswith("; its chain and its name are right")


@pytest.mark.parametrize(
    ("is_trusted", "address", "days", "words"),
    [
        (False, "127.0.0.1", 90, "unable to get local issuer certificate"),
        (True, "192.0.2.1", 90, "IP address mismatch"),
        (True, "127.0.0.1", -1, "certificate has expired"),
    ],
)
async def test_a_certificate_that_is_not_accepted(
    tmp_path: Path, is_trusted: bool, address: str, days: int, words: str
) -> None:
    """Its facts are shown all the same, with the reason."""
    authority = Authority("Test Authority")
    trusted = authority if is_trusted else Authority("Another Authority")
    found = await tls_of(tmp_path, authority, trusted, address=address, ends=NOW + timedelta(days=days))
    assert found.level is Level.FAULT
    assert "issued by Test Authority" in found.text
    assert words in found.text.partition("; it is not accepted: ")[2]


async def test_a_peer_without_tls() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        dns, tls = await checked(SETTINGS, f"sip:127.0.0.1:{port};transport=tls")
    assert dns.level is Level.OK
    assert tls == Finding(Level.FAULT, "TLS", f"127.0.0.1 port {port}: no handshake: WRONG_VERSION_NUMBER")


def test_a_certificate_that_ends_soon() -> None:
    facts = TlsFacts(
        version="TLSv1.2",
        cipher="ECDHE-RSA-AES128-GCM-SHA256",
        names=("sbc.example",),
        issuer="A \x1b[31mred one",
        valid_from=NOW,
        valid_until=NOW + timedelta(days=30, minutes=1),
    )
    assert tls_finding("h", facts, NOW).level is Level.OK
    soon = tls_finding("h", replace(facts, valid_until=NOW + timedelta(days=29)), NOW)
    assert soon.level is Level.NOTE
    assert "(29 days)" in soon.text
    assert "\x1b" not in soon.text


# --- Settings --------------------------------------------------------------------------------------------------------


async def of(settings: SipSettings) -> dict[str, Finding]:
    async with open_endpoint(settings, Trace()) as ours:
        return {finding.subject: finding for finding in of_settings(settings, ours)}


async def test_what_will_fail_is_said_beforehand() -> None:
    found = await of(SETTINGS)
    assert found["proxy"].level is Level.NOTE
    assert found["proxy"].text.endswith("tel: targets cannot be called")
    assert found["identity"].level is Level.NOTE
    wildcard = await of(replace(SETTINGS, listen=("0.0.0.0", 0)))
    assert wildcard["address"].level is Level.NOTE
    assert "0.0.0.0" not in wildcard["address"].text
    unreachable = await of(replace(SETTINGS, advertise="0.0.0.0"))
    assert unreachable["address"].level is Level.FAULT


async def test_settings_with_nothing_to_note() -> None:
    async with endpoint() as (other, _):
        free = other.port
    settings = replace(SETTINGS, listen=("127.0.0.1", free), proxy="sip:sbc.example", identity="tel:+41445556677")
    assert {finding.level for finding in (await of(settings)).values()} == {Level.OK}


async def test_where_it_listens(tmp_path: Path) -> None:
    """TLS has a port of its own beside TCP, and none without a certificate: an SBC that connects there is refused."""
    port, _ = free_ports(2)
    plain = replace(SETTINGS, listen=("127.0.0.1", port))
    assert (await of(plain))["listening"].text == f"127.0.0.1: udp port {port}, tcp port {port}"
    cert, key = Authority("Authority of the test").issue("localhost").write(tmp_path)
    secure = replace(plain, tls_cert=cert, tls_key=key)
    text = f"127.0.0.1: udp port {port}, tcp port {port}, tls port {port + 1}"
    assert (await of(secure))["listening"] == Finding(Level.OK, "listening", text)
    alone = replace(secure, transport="tls")
    assert (await of(alone))["listening"] == Finding(Level.OK, "listening", f"127.0.0.1: tls port {port}")


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, transport="tls"),
        replace(SETTINGS, proxy="sip:sbc.example;transport=tls"),
        replace(SETTINGS, proxy="sips:sbc.example"),
    ],
)
async def test_tls_without_a_certificate_takes_no_connections(settings: SipSettings) -> None:
    found = await of(settings)
    assert found["TLS"].level is Level.NOTE
    assert "tls port" not in found["listening"].text


def test_the_worst_of_no_findings_is_none() -> None:
    assert worst([]) is Level.OK
    assert worst([Finding(Level.NOTE, "", ""), Finding(Level.FAULT, "", ""), Finding(Level.OK, "", "")]) is Level.FAULT

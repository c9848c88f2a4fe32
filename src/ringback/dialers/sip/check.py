"""What can be found out about the settings without a call: DNS, TLS, OPTIONS, credentials, and what would fail."""

import secrets
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from ringback.dialers.sip.messages.digest import DigestClient, SipCredentials
from ringback.dialers.sip.messages.header_values import printable
from ringback.dialers.sip.messages.message import Request
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.opening import credentials_of, named_transports, registration, transports_of
from ringback.dialers.sip.settings import SipSettings
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import TransactionFailed
from ringback.dialers.sip.transport.tls import TlsFiles
from ringback.dialers.sip.transport.tls_facts import TlsFacts, tls_facts
from ringback.dialers.sip.trunk.health import ping
from ringback.dialers.sip.trunk.standalone import final_response, standalone_request

_CHALLENGES: Final = (401, 407)
_SOON: Final = timedelta(days=30)
# What a peer says whose address, and not its settings, is wrong for a test by OPTIONS.
_OF_SOMETHING_ELSE: Final = frozenset({404, 405, 480, 501})


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    # It works; and better otherwise, or something else will not.
    NOTE = "note"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found out, in plain words."""

    level: Level
    subject: str
    text: str


def of_settings(settings: SipSettings, endpoint: Endpoint) -> Iterator[Finding]:
    """Yield what the settings mean, and which calls will fail with them."""
    host, port = settings.listen
    yield from _of_listening(settings, endpoint)
    told = Uri.parse(f"sip:{endpoint.sent_by}").host.strip("[]")
    if settings.advertise is None and host in ("0.0.0.0", "::"):  # noqa: S104 - to tell it from an address
        text = f"peers are told {told}, the address of the default route; if they reach this machine by another one"
        yield Finding(Level.NOTE, "address", f"{text}, give it with --sip-advertise")
    elif told in ("0.0.0.0", "::"):  # noqa: S104
        yield Finding(Level.FAULT, "address", f"peers are told {told}, to which they cannot send: no call can succeed")
    else:
        yield Finding(Level.OK, "address", f"peers are told {endpoint.sent_by}")
    if settings.proxy is None and settings.customer_proxy is None:
        text = "none for targets: sip: targets are called where they point, and tel: targets cannot be called"
        yield Finding(Level.NOTE, "proxy", text)
    if settings.identity is None:
        text = f"targets see sip:ringback@{endpoint.sent_by}, unless their service has a caller_line_identity"
        yield Finding(Level.NOTE, "identity", text)
    if settings.username is not None and settings.auth_realm is None:
        text = "every realm that asks gets the digest of the password; --sip-auth-realm names the one that may have it"
        yield Finding(Level.NOTE, "credentials", text)
    if port == 0:
        yield Finding(
            Level.NOTE, "port", "the system chooses it: after a restart peers do not find the one that they know"
        )


def _of_listening(settings: SipSettings, endpoint: Endpoint) -> Iterator[Finding]:
    transports = transports_of(settings)
    takes_tls = settings.tls_cert is not None
    ports = [
        f"{transport} port {endpoint.port_of(transport)}"
        for transport in Transport
        if transport in transports and (takes_tls or transport is not Transport.TLS)
    ]
    yield Finding(Level.OK, "listening", f"{settings.listen[0]}: {', '.join(ports) or 'on no port'}")
    if Transport.TLS in named_transports(settings) and not takes_tls:
        text = "without a certificate no connections are taken, and peers have to use those that are made to them"
        yield Finding(Level.NOTE, "TLS", f"{text}; give one with --sip-tls-cert")


async def of_peer(settings: SipSettings, endpoint: Endpoint, uri: str, now: datetime) -> AsyncIterator[Finding]:
    """Yield what is found out about a proxy, or about another SIP URI that is called."""
    request = Request("OPTIONS", uri, standalone_request("OPTIONS", uri, from_uri=endpoint.contact("")).headers)
    try:
        destinations = await endpoint.destinations(request, None, None)
    except TransactionFailed as failure:
        yield Finding(Level.FAULT, "DNS", f"{failure.text}")
        return
    yield Finding(Level.OK, "DNS", ", then ".join(map(_of_destination, destinations)))
    refused = 0
    for destination in destinations:
        if destination.transport is Transport.TLS:
            finding = await _of_tls(settings, destination, now)
            refused += finding.level is Level.FAULT
            yield finding
    if refused == len(destinations):  # there is no connection on which anything could be asked
        return
    async for finding in _of_options(settings, endpoint, uri):
        yield finding


def _of_destination(destination: Destination) -> str:
    return f"{destination.transport} {destination.address} port {destination.port}"


async def _of_tls(settings: SipSettings, destination: Destination, now: datetime) -> Finding:
    files = TlsFiles(ca=settings.tls_ca, cert=settings.tls_cert, key=settings.tls_key)
    where = f"{destination.address} port {destination.port}"
    try:
        return tls_finding(where, await tls_facts(destination, files), now)
    except ssl.SSLError as fault:
        return Finding(Level.FAULT, "TLS", f"{where}: no handshake: {fault.reason or fault}")
    except (OSError, TimeoutError) as fault:
        reason = getattr(fault, "strerror", None) or "no response"
        return Finding(Level.FAULT, "TLS", f"{where}: no connection: {reason}")


def tls_finding(where: str, facts: TlsFacts, now: datetime) -> Finding:
    """Return the facts of a handshake in words."""
    left = facts.valid_until - now
    names = ", ".join(facts.names) or "no name"
    text = (
        f"{where}: {facts.version} with {facts.cipher}; its certificate is for {names}, issued by {facts.issuer}, "
        f"valid until {facts.valid_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({left.days} days)"
    )
    text = printable(text)
    if facts.fault:
        return Finding(Level.FAULT, "TLS", f"{text}; it is not accepted: {facts.fault}")
    return Finding(Level.NOTE if left < _SOON else Level.OK, "TLS", f"{text}; its chain and its name are right")


async def _of_options(settings: SipSettings, endpoint: Endpoint, uri: str) -> AsyncIterator[Finding]:
    credentials = credentials_of(settings)
    found = await ping(endpoint, uri)
    if not found.answered:
        yield Finding(Level.FAULT, "OPTIONS", f"no response: {found.text}")
        return
    text = f"{found}, after {found.rtt_s * 1000:.0f} ms"
    if found.status in _CHALLENGES:
        yield Finding(Level.OK, "OPTIONS", text)
        if credentials is None:
            yield Finding(Level.FAULT, "credentials", "they are asked for, and there are none: give --sip-username")
            return
        if reason := _why_not_answered(credentials, found.realms):
            yield Finding(Level.FAULT, "credentials", f"not sent: {reason}")
            return
        again = await ping(endpoint, uri, credentials=credentials)
        accepted = again.answered and again.status not in _CHALLENGES and again.status != 403
        level = Level.OK if accepted else Level.FAULT
        yield Finding(level, "credentials", f"{'accepted' if accepted else 'refused'}: {again}")
        return
    if found.takes_calls:
        works = found.status < 300 or found.status in _OF_SOMETHING_ELSE
        yield Finding(Level.OK if works else Level.NOTE, "OPTIONS", text)
    else:
        yield Finding(Level.FAULT, "OPTIONS", f"{text}: it takes no calls now")
    if credentials is not None:
        text = "not asked for with OPTIONS: whether they are right shows with the first call"
        yield Finding(Level.NOTE, "credentials", text)


def _why_not_answered(credentials: SipCredentials, realms: Sequence[str]) -> str:
    """Return why a challenge gets no credentials; "" when it gets them."""
    if not realms:
        return "the challenge is no digest with MD5 or SHA-256"
    if credentials.realm not in (None, *realms):
        return f"the realm is {printable(', '.join(realms))}, and --sip-auth-realm is {credentials.realm}"
    return ""


async def of_registration(settings: SipSettings, endpoint: Endpoint, registrar: str) -> Finding:
    """Ask the registrar what is registered (RFC 3261 section 10.2.3), which registers nothing."""
    address = registration(settings, endpoint, registrar).address
    request = standalone_request("REGISTER", registrar, from_uri=address, to_uri=address)
    try:
        digest = DigestClient(credentials_of(settings), lambda: secrets.token_hex(8))
        response = await final_response(endpoint, request, digest)
    except TransactionFailed as failure:
        return Finding(Level.FAULT, "REGISTER", f"{registrar}: no response: {failure.text}")
    text = f"{registrar}: {response.status} {printable(response.reason)}"
    return Finding(Level.OK if response.status < 300 else Level.FAULT, "REGISTER", text)


def worst(findings: Sequence[Finding]) -> Level:
    return max((finding.level for finding in findings), key=[*Level].index, default=Level.OK)

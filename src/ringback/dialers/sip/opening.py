"""What the SIP dialer has open while it is at work: its endpoint, registration, and a look at each proxy."""

import errno
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.trace import Trace, TracedMessage
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.settings import TRACE_LOG, SipSettings
from ringback.dialers.sip.sip_dialer import SipDialer
from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointCannotListen, EndpointSettings
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.tls import TlsFiles
from ringback.dialers.sip.trunk.health import ProxyHealth
from ringback.dialers.sip.trunk.registration import Registration

_trace_log = logging.getLogger(TRACE_LOG)

# How long peers may take to confirm the end of the last calls.
_STOP_S: Final = 2.0


class SipCannotOpen(Exception):  # noqa: N818 - named for what happened
    """The endpoint cannot be had with these settings on this machine. `str()` is a sentence for the operator."""

    def __init__(self, reason: str, *, port_in_use: int = 0) -> None:
        super().__init__(reason)
        self.port_in_use = port_in_use
        """The port that another program has; 0 when that is not the reason."""


@asynccontextmanager
async def open_sip(
    settings: SipSettings,
) -> AsyncIterator[tuple[SipDialer, Sequence[ProxyHealth | Registration], Trace]]:
    """Open the SIP dialer, what is to run beside it, and the trace of its calls. Raise `SipCannotOpen`."""
    trace = Trace(numbers=not settings.trace_redact)
    if settings.trace:
        trace.listeners.append(_log_message)
    async with open_endpoint(settings, trace) as endpoint:
        loops: list[ProxyHealth | Registration] = [
            ProxyHealth(endpoint, proxy, interval_s=settings.options_interval.total_seconds())
            for proxy in settings.proxies
        ]
        if settings.register is not None:
            loops.append(registration(settings, endpoint, settings.register))
        dialer = SipDialer(settings, endpoint)
        try:
            yield dialer, loops, trace
        finally:
            await dialer.stop(_STOP_S)


@asynccontextmanager
async def open_endpoint(settings: SipSettings, trace: Trace) -> AsyncIterator[Endpoint]:
    """Open the endpoint alone. Raise `SipCannotOpen`."""
    if reason := fault_of_files(settings):
        raise SipCannotOpen(reason)
    try:
        endpoint = await Endpoint.start(endpoint_settings(settings), trace=trace)
    except EndpointCannotListen as fault:
        cause = fault.__cause__
        port = cause.filename if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE else 0
        raise SipCannotOpen(f"cannot listen on {fault}", port_in_use=port) from None
    try:
        yield endpoint
    finally:
        await endpoint.stop()


def fault_of_files(settings: SipSettings) -> str:
    """Return which file of TLS cannot be used, and why; "" when all can. It says nothing of what is in them."""
    for path in (settings.tls_ca, settings.tls_cert, settings.tls_key):
        try:
            if path is not None:
                path.read_bytes()
        except OSError as fault:
            return f"{path}: cannot be read: {fault.strerror}"
    try:
        ssl.create_default_context(cafile=settings.tls_ca)
    except (ssl.SSLError, ValueError):
        return f"{settings.tls_ca}: has no certificate in PEM, or one that cannot be read"
    try:
        TlsFiles(cert=settings.tls_cert, key=settings.tls_key).server_context()
    except (ssl.SSLError, ValueError):
        return (
            f"{settings.tls_cert} and {settings.tls_key}: are no certificate and its key, in PEM and without a password"
        )
    return ""


def endpoint_settings(settings: SipSettings) -> EndpointSettings:
    host, port = settings.listen
    return EndpointSettings(
        host=host,
        port=port,
        advertise=settings.advertise or "",
        transports=transports_of(settings),
        transport=Transport(settings.transport),
        tls_ca=settings.tls_ca,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        tls_names=tuple(dict.fromkeys(Uri.parse(proxy).host for proxy in settings.proxies)),
    )


def credentials_of(settings: SipSettings) -> SipCredentials | None:
    if settings.username is None:
        return None
    return SipCredentials(settings.username, settings.password or "", settings.auth_realm)


def registration(settings: SipSettings, endpoint: Endpoint, registrar: str) -> Registration:
    user = ""
    if settings.identity is not None and not settings.identity.startswith("tel:"):
        user = Uri.parse(settings.identity).user or ""
    expires_s = round(settings.register_expires.total_seconds())
    return Registration(endpoint, registrar, credentials_of(settings), user=user, expires_s=expires_s)


def transports_of(settings: SipSettings) -> frozenset[Transport]:
    """Return the transports to have: those that the settings name, and all of them with UDP.

    There is TCP for what is too large for a datagram (RFC 3261 section 18.1.1), and TLS for `sips:` targets.
    """
    return frozenset(Transport) if settings.transport == Transport.UDP else named_transports(settings)


def named_transports(settings: SipSettings) -> frozenset[Transport]:
    """Return the transport of the settings, and those that proxies name."""
    names = {"tls" if (uri := Uri.parse(proxy)).scheme == "sips" else uri.transport for proxy in settings.proxies}
    return frozenset(transport for transport in Transport if transport in names | {settings.transport})


def _log_message(entry: TracedMessage) -> None:
    # Indented, so that nothing in a message can pass for a line of the log.
    text = entry.text.strip().replace("\n", "\n    ")
    _trace_log.info("SIP %s %s\n    %s", entry.direction, entry.peer, text)

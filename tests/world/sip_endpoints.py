"""Endpoints on real sockets of the loopback, with the messages that they have sent and received."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointSettings
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.tls import TlsFiles


@dataclass
class Recorded:
    """A trace that keeps everything as it was."""

    messages: list[tuple[str, str, bytes]] = field(default_factory=list)

    def record(self, direction: str, destination: Destination, data: bytes, at: datetime) -> None:
        self.messages.append((direction, str(destination), data))

    def starts(self, direction: str) -> list[str]:
        """Return the first lines of the messages that went this way."""
        return [data.split(b"\r\n")[0].decode() for way, _, data in self.messages if way == direction]


@asynccontextmanager
async def endpoint(
    *,
    transports: Iterable[Transport] = (Transport.UDP, Transport.TCP),
    tls: TlsFiles | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[tuple[Endpoint, Recorded]]:
    """Start an endpoint on a port that the system chooses."""
    trace = Recorded()
    tls = tls or TlsFiles()
    settings = EndpointSettings(
        host=host,
        port=0,
        transports=frozenset(transports),
        tls_ca=tls.ca,
        tls_cert=tls.cert,
        tls_key=tls.key,
        tls_names=tls.other_names,
    )
    started = await Endpoint.start(settings, trace=trace)
    try:
        yield started, trace
    finally:
        await started.stop()

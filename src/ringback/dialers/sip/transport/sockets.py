"""The real network of an endpoint: a UDP socket, and the listeners of TCP and TLS."""

import asyncio
import socket
from typing import Final

from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind
from ringback.dialers.sip.transport.network import OnData, OnFault
from ringback.dialers.sip.transport.streams import Streams
from ringback.dialers.sip.transport.tls import TlsContexts, TlsFiles
from ringback.dialers.sip.transport.udp import Address, UdpSocket

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - to tell them from addresses
_BACKLOG: Final = 64
_TRIES_FOR_A_PORT: Final = 20


class Sockets:
    """A `Network` on the sockets of this machine."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._udp: UdpSocket | None = None
        self._ports: dict[Transport, int] = {}
        self._listeners: list[socket.socket] = []
        self._streams = Streams("" if host in WILDCARDS else host)
        self._on_message: OnData | None = None
        self._on_fault: OnFault | None = None

    @classmethod
    async def open(cls, host: str, port: int, transports: frozenset[Transport], tls: TlsFiles) -> "Sockets":
        """Listen. UDP and TCP have one port; TLS has it, too, or the next one where there is TCP.

        With port 0 the system chooses. Raise `OSError`.
        """
        sockets = cls(host)
        try:
            if Transport.TLS in transports:
                sockets._streams.use_tls(TlsContexts(tls))
            sockets._bind(port, transports)
            if Transport.TLS in transports:
                listens = tls.cert is not None
                sockets._bind_tls(port + 1 if port and Transport.TCP in transports else port, listens=listens)
        except OSError:
            await sockets.stop()
            raise
        return sockets

    def attach(self, on_message: OnData, on_fault: OnFault) -> None:
        self._on_message, self._on_fault = on_message, on_fault
        self._streams.attach(on_message, on_fault)

    def port(self, transport: Transport) -> int | None:
        return self._ports.get(transport)

    def can_reach(self, address: str) -> bool:
        """Of IPv6 the wildcard has IPv4, too."""
        return self._host == "::" or (":" in address) == (":" in self._host)

    def has_connection(self, destination: Destination) -> bool:
        return self._streams.has_connection(destination)

    def send(self, data: bytes, destination: Destination) -> None:
        if destination.transport is not Transport.UDP:
            self._streams.send(data, destination)
        elif self._udp is not None:
            self._udp.send(data, (destination.address, destination.port))

    async def stop(self) -> None:
        await self._streams.stop()
        for listener in self._listeners:
            listener.close()
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        await asyncio.sleep(0)  # connections close at the loop's next turn

    def _bind(self, port: int, transports: frozenset[Transport]) -> None:
        """Bind UDP and TCP to one port. One that the system has chosen for UDP may be in use by TCP: then try again."""
        for left in reversed(range(1 if port else _TRIES_FOR_A_PORT)):
            udp = UdpSocket.bind(self._host, port) if Transport.UDP in transports else None
            try:
                tcp = self._listener(udp.getsockname()[1] if udp else port) if Transport.TCP in transports else None
            except OSError:
                if udp is not None:
                    udp.close()
                if not left:
                    raise
                continue
            if udp is not None:
                self._ports[Transport.UDP] = udp.getsockname()[1]
                self._udp = UdpSocket(udp, self._datagram, self._refused)
            if tcp is not None:
                self._ports[Transport.TCP] = tcp.getsockname()[1]
                self._streams.listen(tcp, Transport.TCP)
            return

    def _bind_tls(self, port: int, *, listens: bool) -> None:
        """Listen if there is a certificate. Without one, peers use the connections that we open."""
        if not listens and port:
            self._ports[Transport.TLS] = port
            return
        listener = self._listener(port, listens=listens)
        self._ports[Transport.TLS] = listener.getsockname()[1]
        if listens:
            self._streams.listen(listener, Transport.TLS)

    def _listener(self, port: int, *, listens: bool = True) -> socket.socket:
        """Return a socket that listens, or only keeps a port for us, so that nobody else is reached there."""
        family, _, _, _, address = socket.getaddrinfo(self._host, port, type=socket.SOCK_STREAM)[0]
        if listens:
            both = self._host == "::"
            listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both)
        else:
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.bind(address)
        listener.setblocking(False)
        self._listeners.append(listener)
        return listener

    def _datagram(self, data: bytes, source: Address) -> None:
        if self._on_message is not None:
            self._on_message(data, Destination(Transport.UDP, *source))

    def _refused(self, address: Address, text: str) -> None:
        if self._on_fault is not None:
            self._on_fault(Destination(Transport.UDP, *address), FaultKind.REFUSED, text)

"""A network in memory, on which endpoints and scripted peers send datagrams: with loss, delay, copies and disorder.

Datagrams to an address without a socket are reported as refused, as ICMP does it, or vanish (`is_silent`). Made for
`skipping_loop`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from ringback.dialers.sip.messages.message import Message, encode, parse
from ringback.dialers.sip.transactions.endpoint import Endpoint, EndpointSettings
from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind
from ringback.dialers.sip.transport.network import OnData, OnFault
from tests.world.sip_endpoints import Recorded


@dataclass(kw_only=True)
class Weather:
    """What becomes of datagrams. Shares are from 0 to 1."""

    lost: float = 0.0
    doubled: float = 0.0
    delay_s: float = 0.01
    jitter_s: float = 0.0
    """Delays differ by up to so much, so that what was sent later may come first."""


@dataclass
class SipNetwork:
    weather: Weather = field(default_factory=Weather)
    random: Random = field(default_factory=lambda: Random(1))
    is_silent: bool = False
    """Nobody says that there is no socket."""
    loses: Callable[[bytes, Destination], bool] | None = None
    """Decides alone which datagrams are lost, in place of the weather."""
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    """All datagrams with the address (host:port) that sent them, also those that were lost."""
    _sockets: dict[tuple[str, int], "NetworkSocket"] = field(default_factory=dict)

    def endpoint(self, host: str, port: int = 5060, settings: EndpointSettings | None = None) -> Endpoint:
        """Return an endpoint, to which `Endpoint.stop` is called by the test."""
        settings = settings or EndpointSettings(host=host, port=port, transports=frozenset({Transport.UDP}))
        return Endpoint(settings, self.socket(host, port), trace=Recorded())

    def socket(self, host: str, port: int = 5060) -> "NetworkSocket":
        socket = NetworkSocket(self, host, port)
        self._sockets[host, port] = socket
        return socket

    def peer(
        self, host: str, on_message: Callable[["ScriptedPeer", Message], None], port: int = 5060
    ) -> "ScriptedPeer":
        """Return a peer without transactions: what it sends and when is up to the test."""
        return ScriptedPeer(self.socket(host, port), on_message)

    def close(self, host: str, port: int = 5060) -> None:
        """Let the process that has this address die."""
        self._sockets.pop((host, port), None)

    def carry(self, data: bytes, source: "NetworkSocket", destination: Destination) -> None:
        self.sent.append((f"{source.host}:{source.udp_port}", data))
        lost = self.loses(data, destination) if self.loses else self.random.random() < self.weather.lost
        if lost:
            return
        for _ in range(2 if self.random.random() < self.weather.doubled else 1):
            delay_s = self.weather.delay_s + self.random.random() * self.weather.jitter_s
            asyncio.get_running_loop().call_later(delay_s, self._arrive, data, source, destination)

    def _arrive(self, data: bytes, source: "NetworkSocket", destination: Destination) -> None:
        target = self._sockets.get((destination.address, destination.port))
        if target is not None:
            target.take(data, Destination(Transport.UDP, source.host, source.udp_port))
        elif not self.is_silent:
            source.refuse(destination)


class NetworkSocket:
    """A `Network` that has UDP only."""

    def __init__(self, network: SipNetwork, host: str, port: int) -> None:
        self.host = host
        self.udp_port = port
        self._network = network
        self._on_message: OnData | None = None
        self._on_fault: OnFault | None = None

    def attach(self, on_message: OnData, on_fault: OnFault) -> None:
        self._on_message, self._on_fault = on_message, on_fault

    def port(self, transport: Transport) -> int | None:
        return self.udp_port if transport is Transport.UDP else None

    def can_reach(self, address: str) -> bool:
        return (":" in address) == (":" in self.host)

    def has_connection(self, destination: Destination) -> bool:
        return False

    def send(self, data: bytes, destination: Destination) -> None:
        self._network.carry(data, self, destination)

    async def stop(self) -> None:
        self._network.close(self.host, self.udp_port)

    def take(self, data: bytes, source: Destination) -> None:
        if self._on_message is not None:
            self._on_message(data, source)

    def refuse(self, destination: Destination) -> None:
        if self._on_fault is not None:
            self._on_fault(destination, FaultKind.REFUSED, "connection refused")


class ScriptedPeer:
    def __init__(self, socket: NetworkSocket, on_message: Callable[["ScriptedPeer", Message], None]) -> None:
        self.received: list[Message] = []
        self.source: Destination | None = None
        """Where the last message came from."""
        self._socket = socket
        self._on_message = on_message
        socket.attach(self._take, _no_fault)

    @property
    def uri(self) -> str:
        return f"sip:{self._socket.host}:{self._socket.udp_port}"

    def send(self, message: Message, to: Destination | None = None) -> None:
        """Send a message as it is, to where the last one came from unless told otherwise."""
        to = to or self.source
        if to is None:
            raise AssertionError("nothing has been received yet")
        self._socket.send(encode(message), to)

    def _take(self, data: bytes, source: Destination) -> None:
        self.source = source
        message = parse(data)
        self.received.append(message)
        self._on_message(self, message)


def _no_fault(destination: Destination, kind: FaultKind, text: str, *, may_have_arrived: bool = False) -> None: ...

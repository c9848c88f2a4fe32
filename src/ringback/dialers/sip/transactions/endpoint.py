"""The endpoint: one SIP address, from which requests go out and at which requests of peers arrive."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Protocol

from ringback.dialers.sip.messages.message import (
    MalformedMessage,
    Message,
    NameAddr,
    Request,
    Response,
    encode,
    parse,
    response_to,
    top_via,
)
from ringback.dialers.sip.transactions.client_transaction import ClientTransaction, Judge, new_branch
from ringback.dialers.sip.transactions.layer import TransactionLayer
from ringback.dialers.sip.transactions.server_transaction import ServerTransaction
from ringback.dialers.sip.transactions.transaction import Timers
from ringback.dialers.sip.transport.destination import Destination, Transport, bracketed
from ringback.dialers.sip.transport.faults import FaultKind, TransactionFailed
from ringback.dialers.sip.transport.lookup import DnsLookup
from ringback.dialers.sip.transport.network import Network
from ringback.dialers.sip.transport.own_address import advertised
from ringback.dialers.sip.transport.resolve import Lookup, Resolver
from ringback.dialers.sip.transport.response_route import take_source
from ringback.dialers.sip.transport.sockets import Sockets
from ringback.dialers.sip.transport.tls import TlsFiles

_log = logging.getLogger(__name__)

# A request that is larger goes by TCP, where it is possible (RFC 3261 section 18.1.1).
MAX_UDP_REQUEST: Final = 1300
# Refusals of what is malformed, per second: what is sent back to a flood stays small.
MAX_REFUSALS_PER_S: Final = 20
_KEEP_ALIVES: Final = b"\r\n \0"


class EndpointCannotListen(Exception):  # noqa: N818 - named for what happened
    """The address is in use, or a file of TLS cannot be read."""


class Recorder(Protocol):
    """Takes all messages; `trace.Trace` is one."""

    def record(
        self, direction: Literal["sent", "received"], destination: Destination, data: bytes, at: datetime
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    host: str = "0.0.0.0"  # noqa: S104 - all interfaces, as the setting says
    port: int = 5060
    advertise: str = ""
    """What peers are told instead of the listening address: HOST or HOST:PORT, IPv6 in brackets."""
    transports: frozenset[Transport] = frozenset({Transport.UDP, Transport.TCP})
    transport: Transport | None = None
    """The one of what names none; None: UDP if it is used, else TCP, else TLS."""
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_names: tuple[str, ...] = ()
    """Names that a certificate may have where a URI has only an address, as Record-Route does: those of our proxies."""
    timers: Timers = field(default=Timers())
    user_agent: str = "ringback"


class Endpoint:
    """Made by `start`. It drives all transactions; what they are for is the business of dialogs."""

    def __init__(
        self, settings: EndpointSettings, network: Network, *, trace: Recorder, lookup: Lookup | None = None
    ) -> None:
        self._settings = settings
        self._network = network
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._layer = TransactionLayer(settings.timers, self.send_message)
        transports = [self.transport, *(transport for transport in Transport if transport in settings.transports)]
        self._resolver = Resolver(lookup or DnsLookup(), transports, network.can_reach, self._loop.time)
        self._host, self._advertised_port = advertised(settings.host, settings.advertise)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopped = False
        self._refusals = 0
        self._refusals_since = self._loop.time()
        network.attach(self._receive, self._layer.fail)

    @classmethod
    async def start(cls, settings: EndpointSettings, *, trace: Recorder, lookup: Lookup | None = None) -> "Endpoint":
        """Listen. With port 0 the system chooses, the same for UDP and TCP. Raise `EndpointCannotListen`."""
        tls = TlsFiles(ca=settings.tls_ca, cert=settings.tls_cert, key=settings.tls_key, other_names=settings.tls_names)
        try:
            network = await Sockets.open(settings.host, settings.port, settings.transports, tls)
        except OSError as fault:
            port = settings.port if fault.filename is None else fault.filename
            raise EndpointCannotListen(f"{settings.host}:{port}: {fault.strerror or fault}") from fault
        return cls(settings, network, trace=trace, lookup=lookup)

    @property
    def timers(self) -> Timers:
        return self._settings.timers

    @property
    def transport(self) -> Transport:
        """The transport of what names none."""
        return self._settings.transport or next(known for known in Transport if known in self._settings.transports)

    @property
    def port(self) -> int:
        return self._network.port(self.transport) or 0

    def port_of(self, transport: Transport) -> int:
        """Return the port of this transport; 0 where it is not used."""
        return self._network.port(transport) or 0

    @property
    def sent_by(self) -> str:
        return self._sent_by(self.transport)

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is left."""
        return self._layer.is_empty and not self._tasks

    @property
    def on_request(self) -> Callable[[ServerTransaction], None] | None:
        """Called with each new request of a peer, but ACK and CANCEL."""
        return self._layer.on_request

    @on_request.setter
    def on_request(self, handler: Callable[[ServerTransaction], None] | None) -> None:
        self._layer.on_request = handler

    def know_dialogs(self, has_dialog: Callable[[Request], bool]) -> None:
        """Let requests with a To tag count as those of a dialog only if they are: all others share what is left."""
        self._layer.has_dialog = has_dialog

    def contact(self, user: str, transport: Transport | None = None) -> str:
        """Return the URI under which peers reach this endpoint. The user is escaped already."""
        transport = transport or self.transport
        param = "" if transport is Transport.UDP else f";transport={transport}"
        at = f"{user}@" if user else ""
        return f"sip:{at}{self._sent_by(transport)}{param}"

    async def send(
        self, request: Request, *, judge: Judge | None = None, next_hop: str | None = None, branch: str = ""
    ) -> ClientTransaction:
        """Send a request; it is not changed. It has been handed to the network when this returns.

        It goes to `next_hop`, or the topmost Route, or its URI. `judge` returns why an address must not be reached, ""
        when it may be. `branch` is that of the first destination's Via. Raise `TransactionFailed` when there is no
        destination; all other faults are those of `ClientTransaction.response`.
        """
        destinations = await self.destinations(request, next_hop, judge)
        destinations = self._for_size(request, destinations)
        transaction = ClientTransaction(self, self._layer, request, destinations, judge)
        transaction.start(branch)
        return transaction

    def restore(
        self, request: Request, destination: Destination | None, *, branch: str = "", judge: Judge | None = None
    ) -> ClientTransaction:
        """Take over an INVITE that an earlier process has sent: it is not sent again.

        The request has its Via, or it gets the one that it had in the process at its Contact, with `branch`. Without a
        destination it is the one to which the INVITE goes today.
        """
        if branch:
            request = replace(request, headers=request.headers.copy())
            request.headers.remove("Via")
        transaction = ClientTransaction(self, self._layer, request, (), judge)
        if destination is not None:
            transaction.resume(destination, branch)
        else:
            self.run(self._resume(transaction, branch, judge))
        return transaction

    async def stop(self) -> None:
        """End all that is under way, and close all sockets. What is sent afterwards fails at once."""
        self._is_stopped = True
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._layer.stop()
        await self._network.stop()

    # --- What client transactions need ------------------------------------------------------------------------

    def prepared(self, request: Request, destination: Destination, branch: str, sent_by: str = "") -> Request:
        headers = request.headers.copy()
        # What the peer has to send may come over this connection, too (RFC 5923): it may reach no other port.
        alias = ";alias" if destination.transport.is_reliable else ""
        via = f"SIP/2.0/{destination.transport.upper()} {sent_by or self._sent_by(destination.transport)}"
        headers.prepend("Via", f"{via};rport{alias};branch={branch}")
        if "Max-Forwards" not in headers:
            headers.add("Max-Forwards", "70")
        if "User-Agent" not in headers and self._settings.user_agent:
            headers.add("User-Agent", self._settings.user_agent)
        return Request(request.method, request.uri, headers, request.body)

    def literal(self, request: Request, next_hop: str | None) -> Destination | None:
        """Return where a request goes to if that is an IP address."""
        try:
            return None if self._is_stopped else self._resolver.literal(next_hop or _next_hop(request))
        except TransactionFailed:
            return None

    async def destinations(self, request: Request, next_hop: str | None, judge: Judge | None) -> list[Destination]:
        """Return where a request may go to, the best first. Raise `TransactionFailed` if nowhere."""
        if self._is_stopped:
            raise TransactionFailed(FaultKind.REFUSED, "the endpoint has stopped")
        found = await self._resolver.resolve(next_hop or _next_hop(request))
        if judge is None:
            return found
        reasons = [judge(destination.address) for destination in found]
        allowed = [destination for destination, reason in zip(found, reasons, strict=True) if not reason]
        if not allowed:
            raise TransactionFailed(FaultKind.FORBIDDEN, reasons[0])
        return allowed

    def send_message(self, message: Message, destination: Destination) -> None:
        """Send a message as it is. A response whose connection is gone goes to the port of its Via (section 18.2.2)."""
        is_stream = destination.transport.is_reliable
        if isinstance(message, Response) and is_stream and not self._network.has_connection(destination):
            via = top_via(message)
            destination = replace(destination, port=via.port or destination.transport.default_port)
        data = encode(message)
        self._trace.record("sent", destination, data, datetime.now(UTC))
        self._network.send(data, destination)

    def note(self, destination: Destination, *, is_alive: bool) -> None:
        self._resolver.note(destination, is_alive=is_alive)

    def run(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- What comes -------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: Destination) -> None:
        if not data.strip(_KEEP_ALIVES):
            return
        try:
            message = parse(data)
            if isinstance(message, Request):
                source = take_source(message, source)
        except MalformedMessage as fault:
            _log.debug("SIP: a message of %s is malformed: %s", source, fault)
            self._refuse(fault, source)
            return
        self._trace.record("received", source, data, datetime.now(UTC))
        self._layer.receive(message, source, len(data))

    def _refuse(self, fault: MalformedMessage, source: Destination) -> None:
        """Refuse a malformed request without a transaction, and only so often."""
        if fault.request is None:
            return
        now = self._loop.time()
        if now - self._refusals_since >= 1.0:
            self._refusals, self._refusals_since = 0, now
        self._refusals += 1
        if self._refusals > MAX_REFUSALS_PER_S:
            return
        try:
            response = response_to(fault.request, fault.status, to_tag=secrets.token_hex(8))
            self._network.send(encode(response), take_source(fault.request, source))
        except ValueError:
            _log.debug("SIP: a malformed request has no way back")

    # --- How what goes out gets there --------------------------------------------------------------------------

    def _for_size(self, request: Request, destinations: list[Destination]) -> list[Destination]:
        """Put TCP ahead of UDP for a request that could be cut into fragments; UDP remains, if TCP is refused."""
        first = destinations[0]
        if Transport.TCP not in self._settings.transports or not any(
            destination.transport is Transport.UDP for destination in destinations
        ):
            return destinations
        if len(encode(self.prepared(request, first, new_branch()))) <= MAX_UDP_REQUEST:
            return destinations
        found: list[Destination] = []
        for destination in destinations:
            if destination.transport is Transport.UDP:
                found.append(replace(destination, transport=Transport.TCP))
            found.append(destination)
        return self._resolver.by_health(found)

    async def _resume(self, transaction: ClientTransaction, branch: str, judge: Judge | None) -> None:
        try:
            transaction.resume((await self.destinations(transaction.request, None, judge))[0], branch)
        except TransactionFailed as failure:
            transaction.fail(failure.kind, failure.text)

    def _sent_by(self, transport: Transport) -> str:
        port = self._advertised_port or self._network.port(transport) or self.port
        return f"{bracketed(self._host)}:{port}"


def _next_hop(request: Request) -> str:
    routes = request.headers.values("Route")
    try:
        return NameAddr.parse(routes[0]).uri if routes else request.uri
    except MalformedMessage:
        raise TransactionFailed(FaultKind.UNRESOLVED, "the Route leads nowhere, as it is malformed") from None

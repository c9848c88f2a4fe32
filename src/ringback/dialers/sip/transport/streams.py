"""All TCP and TLS connections: those that we open, and those that peers open.

A connection is used in both directions by whichever side has something to say (RFC 3261 section 18). One that a peer
has opened by TLS carries responses only, since its name is not verified.

The system chooses the source port of a connection that we open. To bind it to the listening port would leave no way to
open a second one to the same peer while the first one is closing. Its source address is the listening one, unless that
is a wildcard.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Coroutine
from typing import Final

from ringback.dialers.sip.transport.destination import Destination, Transport
from ringback.dialers.sip.transport.faults import FaultKind
from ringback.dialers.sip.transport.network import OnData, OnFault
from ringback.dialers.sip.transport.stream import StreamConnection
from ringback.dialers.sip.transport.tls import TlsContexts

_log = logging.getLogger(__name__)

CONNECT_S: Final = 5.0
HANDSHAKE_S: Final = 5.0
# What peers have opened, handshakes included: in all, and from one address.
MAX_ACCEPTED: Final = 256
MAX_ACCEPTED_OF_ONE: Final = 64
# Names that are tried for one address, each with a handshake.
MAX_NAMES: Final = 4
# Messages that wait for a connection that is being opened.
MAX_WAITING: Final = 256
# After an accept that failed, as when no file descriptors are left.
_REST_S: Final = 0.5


class Streams:
    def __init__(self, source: str) -> None:
        """`source` is the address that connections go out from; "" leaves it to the system."""
        self._source = source
        self._tls: TlsContexts | None = None
        self._on_message: OnData | None = None
        self._on_fault: OnFault | None = None
        self._connections: dict[Destination, StreamConnection] = {}
        self._waiting: dict[Destination, list[bytes]] = {}
        self._accepted: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._is_stopped = False

    def attach(self, on_message: OnData, on_fault: OnFault) -> None:
        self._on_message, self._on_fault = on_message, on_fault

    def use_tls(self, tls: TlsContexts) -> None:
        """Open connections by TLS with this."""
        self._tls = tls

    def has_connection(self, destination: Destination) -> bool:
        return destination in self._connections

    def send(self, data: bytes, destination: Destination) -> None:
        connection = self._connections.get(destination) or self._of_another_name(destination)
        if connection is not None:
            connection.send(data)
        elif self._is_stopped:
            return
        elif (waiting := self._waiting.get(destination)) is None:
            self._waiting[destination] = [data]
            self._run(self._connect(destination))
        elif len(waiting) < MAX_WAITING:
            waiting.append(data)

    def listen(self, listener: socket.socket, transport: Transport) -> None:
        """Accept connections; of TLS, `use_tls` was called before, with a certificate."""
        self._run(self._accept(listener, transport))

    async def stop(self) -> None:
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in [*self._connections.values()]:
            connection.close()

    async def _connect(self, destination: Destination) -> None:
        try:
            connection = await self._open(destination)
        except OSError as fault:
            del self._waiting[destination]
            self._report(destination, *_fault(fault))
            return
        except BaseException:
            self._waiting.pop(destination, None)
            raise
        for data in self._waiting.pop(destination):
            connection.send(data)

    def _of_another_name(self, destination: Destination) -> StreamConnection | None:
        """Return a connection to this address of which the name is verified, if the URI has no name.

        A proxy that is called by its name writes its address into Record-Route, and a phone into its Contact.
        """
        if destination.transport is not Transport.TLS or destination.name != destination.address:
            return None
        place = (destination.transport, destination.address, destination.port)
        for peer, connection in self._connections.items():
            if connection.is_ours and (peer.transport, peer.address, peer.port) == place:
                return connection
        return None

    async def _open(self, destination: Destination) -> StreamConnection:
        if destination.transport is not Transport.TLS:
            return await self._open_as(destination, None)
        name = destination.name or destination.address
        others = self._tls.other_names if self._tls is not None and name == destination.address else ()
        for one in (name, *others[:MAX_NAMES]):
            try:
                return await self._open_as(destination, one)
            except ssl.SSLCertVerificationError as fault:
                refused = fault
        raise refused

    async def _open_as(self, destination: Destination, name: str | None) -> StreamConnection:
        """Open a connection; by TLS, if there is a name that the certificate must have."""
        connection = self._connection(destination, is_ours=True)
        opened = await self._connected_socket(destination)
        try:
            await self._loop.create_connection(
                lambda: connection,
                sock=opened,
                ssl=self._tls.client() if self._tls is not None and name else None,
                server_hostname=name,
                ssl_handshake_timeout=HANDSHAKE_S if name else None,
            )
        except BaseException:
            opened.close()
            raise
        return connection

    async def _connected_socket(self, destination: Destination) -> socket.socket:
        family = socket.AF_INET6 if ":" in destination.address else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            if self._source:
                opened.bind((self._source, 0))
            async with asyncio.timeout(CONNECT_S):
                await self._loop.sock_connect(opened, (destination.address, destination.port))
        except BaseException:
            opened.close()
            raise
        return opened

    async def _accept(self, listener: socket.socket, transport: Transport) -> None:
        while True:
            try:
                accepted, address = await self._loop.sock_accept(listener)
            except OSError as fault:
                _log.warning("SIP: a connection was not accepted: %s", fault)
                await asyncio.sleep(_REST_S)
                continue
            host = address[0].removeprefix("::ffff:")
            if self._accepted.total() >= MAX_ACCEPTED or self._accepted[host] >= MAX_ACCEPTED_OF_ONE:
                accepted.close()
                continue
            self._accepted[host] += 1
            self._run(self._greet(accepted, Destination(transport, host, address[1])))

    async def _greet(self, accepted: socket.socket, peer: Destination) -> None:
        context = self._tls.server() if self._tls is not None and peer.transport is Transport.TLS else None
        connection = self._connection(peer, is_ours=False)
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_S if context else None,
            )
        except OSError as fault:
            _log.debug("SIP: %s did not complete its handshake: %s", peer, _fault(fault)[1])
            accepted.close()
            self._leave(peer)
        except BaseException:
            accepted.close()
            raise

    def _connection(self, peer: Destination, *, is_ours: bool) -> StreamConnection:
        return StreamConnection(
            peer, is_ours=is_ours, on_message=self._receive, on_opened=self._opened, on_closed=self._closed
        )

    def _opened(self, connection: StreamConnection) -> None:
        self._connections[connection.peer] = connection

    def _closed(self, connection: StreamConnection, reason: str) -> None:
        """Forget a connection that was open: its handshake is complete."""
        if self._connections.get(connection.peer) is connection:
            del self._connections[connection.peer]
        if not connection.is_ours:
            self._leave(connection.peer)
        self._report(connection.peer, FaultKind.REFUSED, reason, may_have_arrived=True)

    def _receive(self, data: bytes, source: Destination) -> None:
        if self._on_message is not None:
            self._on_message(data, source)

    def _report(self, peer: Destination, kind: FaultKind, text: str, *, may_have_arrived: bool = False) -> None:
        if self._on_fault is not None:
            self._on_fault(peer, kind, text, may_have_arrived=may_have_arrived)

    def _leave(self, peer: Destination) -> None:
        self._accepted[peer.address] -= 1
        if self._accepted[peer.address] <= 0:
            del self._accepted[peer.address]

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fault(fault: OSError) -> tuple[FaultKind, str]:
    """Return what went wrong, in words for people."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return FaultKind.TLS, f"its certificate is refused: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        return FaultKind.TLS, f"the TLS handshake failed: {(fault.reason or str(fault)).lower().replace('_', ' ')}"
    if isinstance(fault, TimeoutError):
        return FaultKind.TIMEOUT, f"no connection within {CONNECT_S:g} s"
    if isinstance(fault, ConnectionAbortedError) and "SSL" in str(fault):
        return FaultKind.TLS, "the TLS handshake was not completed"
    # By its number: the loops have texts of their own.
    return FaultKind.REFUSED, os.strerror(fault.errno).lower() if fault.errno else "the connection was closed"

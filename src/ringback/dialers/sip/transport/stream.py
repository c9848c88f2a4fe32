"""One TCP or TLS connection, which either side may have opened (RFC 3261 section 18, RFC 5626 section 3.5.1)."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from typing import Final, cast

from ringback.dialers.sip.messages.framing import KeepAlive, StreamFramer
from ringback.dialers.sip.messages.message import MalformedMessage
from ringback.dialers.sip.transport.destination import Destination

_log = logging.getLogger(__name__)

# A peer that does not read gets no more than this kept for it.
MAX_UNSENT_BYTES: Final = 1 << 20
# Below what NAT gateways forget (RFC 5626 section 4.4.1: 120 s at most over TCP).
PING_AFTER_S: Final = 90.0
# Without a message for so long a connection is closed. Calls have one at each probe.
IDLE_CLOSE_S: Final = 900.0
# A peer that connects has to send something whole within this time.
FIRST_MESSAGE_S: Final = 30.0
# A peer that has vanished is found within about this time (keep-alives of TCP).
_SILENT_PEER_S: Final = 60

_PING: Final = b"\r\n\r\n"
_PONG: Final = b"\r\n"


class StreamConnection(asyncio.Protocol):
    """Cuts what comes into messages, answers pings, and sends them. Closes what is idle, broken, or never read."""

    def __init__(
        self,
        peer: Destination,
        *,
        is_ours: bool,
        on_message: Callable[[bytes, Destination], None],
        on_opened: Callable[["StreamConnection"], None],
        on_closed: Callable[["StreamConnection", str], None],
    ) -> None:
        self.peer = peer
        self.is_ours = is_ours
        """Whether we have opened it: then the peer's name is verified, and we keep it alive."""
        self._on_message = on_message
        self._on_opened = on_opened
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._reason = "the connection was closed"
        self._last_message = self._last_sent = self._loop.time()
        self._is_silent = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        _find_silent_peers(transport.get_extra_info("socket"))
        self._last_message = self._last_sent = self._loop.time()
        self._on_opened(self)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if exc is not None and str(exc):
            self._reason = str(exc)
        self._transport = None
        self._on_closed(self, self._reason)

    def data_received(self, data: bytes) -> None:
        try:
            pieces = self._framer.feed(data)
        except MalformedMessage as fault:
            self.abort(f"what came is no SIP: {fault}")
            return
        for piece in pieces:
            if piece is KeepAlive.PING:
                self._write(_PONG)
            elif isinstance(piece, bytes):
                self._is_silent = False
                self._last_message = self._loop.time()
                self._on_message(piece, self.peer)
        if self._framer.fault is not None:
            self.abort(f"what came is no SIP: {self._framer.fault}")

    def send(self, data: bytes) -> None:
        self._last_message = self._loop.time()
        self._write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._last_sent = self._loop.time()
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.abort("the peer does not read")

    def _watch(self) -> None:
        """Close or ping when the time has come, and come back when it may have come next."""
        now = self._loop.time()
        idle_since = self._last_message
        close_at = idle_since + (FIRST_MESSAGE_S if self._is_silent and not self.is_ours else IDLE_CLOSE_S)
        if now >= close_at:
            self._reason = "the connection was idle"
            self.close()
            return
        ping_at = self._last_sent + PING_AFTER_S
        if self.is_ours and now >= ping_at:
            self._write(_PING)
            ping_at = now + PING_AFTER_S
        self._timer = self._loop.call_at(min(close_at, ping_at) if self.is_ours else close_at, self._watch)


def _find_silent_peers(connection: socket.socket | None) -> None:
    """Let the kernel find a peer that is gone: without a message nothing else would."""
    if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_PEER_S // 2)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENT_PEER_S // 6)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_PEER_S // 2 * 1000)

"""The HTTP server: hypercorn's protocols on the event loop of the process, behind a listener of our own.

hypercorn's own listener has no client certificates, no certificate that changes, and no limits for clients that do not
get on.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, Final, TypeAlias

from hypercorn.config import Config

from ringback.config import Listen
from ringback.entry.few_lines import FewLines
from ringback.entry.open_files import most_http_connections
from ringback.identity.files import FileValue
from ringback.identity.peer import peer_of
from ringback.identity.server_files import ServerFiles
from ringback.listening import listening_sockets
from ringback.web.peer import ConnectionPeer
from ringback.web.server_connection import Application, ClientTimes, HttpConnection, Serving
from ringback.web.server_context import DrainContext
from ringback.web.server_refusals import MAX_HEADER_BYTES, refused_connection
from ringback.web.tls import HttpTls, certificates_of

_log = logging.getLogger(__name__)

Supervise: TypeAlias = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

_NO_LIMIT: Final = 2**31 - 1
_HANDSHAKE_S: Final = 10.0
_SHUTDOWN_S: Final = 1.0
_READ_AHEAD_BYTES: Final = 64 * 1024
# What a process lacks that cannot accept a connection; it may have it again soon.
_LACKING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S: Final = 0.5
# The longest that requests which no gate waits for hold up a stop.
_STOP_S: Final = 0.5


class WebServer:
    """The HTTP port. `bind` comes first, then `start`, with the application to serve."""

    def __init__(
        self,
        tls: FileValue[ServerFiles] | None = None,
        times: ClientTimes | None = None,
        max_connections: int | None = None,
    ) -> None:
        """Without `tls` it serves plain text. Raise `UnusableFileError` for files that OpenSSL does not take.

        More than `max_connections` take the place of the one that has waited longest without a request.
        """
        self._times = times or ClientTimes()
        self._max_connections = max_connections or most_http_connections()
        self._context = DrainContext()
        self._contexts = None if tls is None else HttpTls(tls, self._context.pace)
        self._sockets: Sequence[socket.socket] = ()
        self._accepting: list[asyncio.Task[None]] = []
        self._open: set[_Accepted] = set()
        self._lacking = FewLines(_tell_lacking)
        self._crowded = FewLines(_tell_refused)
        # The port that it listens on.
        self.port = 0

    def bind(self, listen: Listen) -> str:
        """Listen on the address, and return where clients on this machine reach it. Raise `CannotListen`."""
        self._sockets = listening_sockets(listen)
        self.port = self._sockets[0].getsockname()[1]
        return f"{listen.host}:{self.port}"

    def open_connections(self) -> Collection[str]:
        """Return the peers of the connections that are open."""
        return {each.peer for each in self._open}

    async def start(self, app: Application, supervise: Supervise = asyncio.create_task) -> None:
        """Serve the application. `supervise` makes the tasks without which nothing is served any more."""
        serving = Serving(app, _config(), self._context, self._times)
        self._accepting = [supervise(self._accept(each, serving)) for each in self._sockets]
        self._accepting.append(supervise(self._check()))

    def drain(self) -> None:
        """Have clients use their connections no longer than for the requests that they have sent."""
        self._context.is_draining = True

    async def _accept(self, listening: socket.socket, serving: Serving) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._context.pace.wait()
            try:
                accepted, name = await loop.sock_accept(listening)
            except OSError as fault:
                if fault.errno in _LACKING:
                    if self._lacking.is_told():
                        _log.warning("HTTP connections cannot be accepted for the moment: %s", fault.strerror)
                    await asyncio.sleep(_PAUSE_S)
                continue
            if len(self._open) >= self._max_connections and not self._make_room():
                self._refuse(accepted)
                continue
            try:
                one = _Accepted(accepted, name)
            except OSError:  # the client has gone by now
                accepted.close()
                continue
            self._open.add(one)
            one.task = loop.create_task(self._serve(one, serving))
            one.task.add_done_callback(one.close_unserved)
            # To accept the next one waits for nothing if it is there: what has to be closed would not be, and nobody
            # else would have the loop.
            await asyncio.sleep(0)

    def _refuse(self, accepted: socket.socket) -> None:
        """End a connection for which there is no room; without TLS its client is told why."""
        if self._crowded.is_told():
            _log.warning("%d HTTP connections have requests: others are refused until there are fewer", len(self._open))
        if self._contexts is None:
            with suppress(OSError):
                accepted.send(refused_connection())
        accepted.close()

    async def _serve(self, one: "_Accepted", serving: Serving) -> None:
        one.is_served = True
        try:
            reader, writer = await self._opened(one.socket)
        except OSError as fault:
            _log.debug("the handshake with %s has failed: %s", one.peer, fault)
        else:
            begun_s = perf_counter()
            certificate, chain = certificates_of(writer.get_extra_info("ssl_object"))
            peer = ConnectionPeer(one.peer, certificate, chain)
            one.connection = HttpConnection(serving, reader, writer, peer, one.names)
            self._context.pace.charge(perf_counter() - begun_s)
            await one.connection.run()
        finally:
            self._open.discard(one)

    async def _opened(self, accepted: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the connection, after its handshake if there is one. Raise `OSError`."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_READ_AHEAD_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        secured: dict[str, Any] = {}
        try:
            if self._contexts is not None:
                secured = {
                    "ssl": self._contexts.present(),
                    "ssl_handshake_timeout": _HANDSHAKE_S,
                    "ssl_shutdown_timeout": _SHUTDOWN_S,
                }
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, **secured)
        except BaseException:
            accepted.close()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    def _connections(self) -> list[HttpConnection]:
        return [each.connection for each in self._open if each.connection is not None]

    def _make_room(self) -> bool:
        """End the connection that has waited longest without a request. Return False if there is none."""
        waiting = [(since_s, each) for each in self._open if (since_s := each.idle_since_s) is not None]
        if not waiting:
            return False
        _, longest = min(waiting, key=lambda pair: pair[0])
        self._open.discard(longest)
        longest.abort()
        return True

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(self._times.check_s)
            for connection in self._connections():
                connection.check()

    async def stop(self) -> None:
        """Refuse connections, end those that have no request, and soon also the others."""
        for task in self._accepting:
            task.cancel()
        for each in self._sockets:
            each.close()
        for lines in (self._lacking, self._crowded):
            lines.close()
        await self._context.terminated.set()
        for connection in self._connections():
            connection.leave()
        tasks = [each.task for each in self._open if each.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_S)
            for connection in self._connections():
                connection.abort()
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


class _Accepted:
    """A connection, from the moment on at which it is accepted."""

    def __init__(self, accepted: socket.socket, name: tuple[Any, ...]) -> None:
        self.socket = accepted
        # Else a response in several parts waits for the client's kernel to acknowledge the first: 40 ms.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = peer_of(name)
        # Of the client, and of the server. The system forgets the first as soon as the client has gone.
        self.names = (name[0], name[1]), accepted.getsockname()[:2]
        self.task: asyncio.Task[None] | None = None
        self.is_served = False
        # None while there is a handshake.
        self.connection: HttpConnection | None = None
        self._accepted_s = asyncio.get_running_loop().time()

    @property
    def idle_since_s(self) -> float | None:
        """Since when it has no request; None while it has one."""
        return self._accepted_s if self.connection is None else self.connection.idle_since_s

    def close_unserved(self, _: asyncio.Task[None]) -> None:
        """Close it if its task was cancelled before it began."""
        if not self.is_served:
            self.socket.close()

    def abort(self) -> None:
        """End it now."""
        if self.connection is not None:
            self.connection.abort()
        elif self.task is not None:
            self.task.cancel()


def _tell_lacking(count: int) -> None:
    _log.warning("HTTP connections could not be accepted %d times more", count)


def _tell_refused(count: int) -> None:
    _log.warning("%d more HTTP connections were refused", count)


def _config() -> Config:
    config = Config()
    config.include_server_header = False
    config.accesslog = config.errorlog = None
    config.h11_max_incomplete_size = config.h2_max_header_list_size = MAX_HEADER_BYTES
    config.keep_alive_max_requests = _NO_LIMIT
    return config

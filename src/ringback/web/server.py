"""The HTTP server: hypercorn's protocols on the event loop of the process, behind a listener of our own.

hypercorn's own listener has no client certificates, no certificate that changes, and no limits for clients that do not
get on.
"""

import asyncio
import errno
import logging
import resource
import socket
from collections.abc import Collection, Sequence
from typing import Any, Final

from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config

from ringback.config import Listen
from ringback.identity.files import FileValue
from ringback.identity.peer import peer_of
from ringback.identity.server_files import ServerFiles
from ringback.listening import listening_sockets
from ringback.web.peer import ConnectionPeer
from ringback.web.server_connection import Application, HttpConnection, Patience, Serving
from ringback.web.server_protocols import MAX_HEADER_BYTES
from ringback.web.tls import HttpTls, certificates_of

_log = logging.getLogger(__name__)

_NO_LIMIT: Final = 2**31 - 1
_HANDSHAKE_S: Final = 10.0
_SHUTDOWN_S: Final = 1.0
_READ_AHEAD_BYTES: Final = 64 * 1024
# More connections than this take the place of the one that has waited longest without a request. It is less where the
# process may open few files: its database and the gRPC port need some, too.
_MAX_CONNECTIONS: Final = 5_000
_SHARE_OF_FILES: Final = 4
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
        patience: Patience | None = None,
        max_connections: int | None = None,
    ) -> None:
        """Without `tls` it serves plain text. Raise `UnusableFileError` for files that OpenSSL does not take."""
        self._patience = patience or Patience()
        self._max_connections = max_connections or _most_connections()
        self._contexts = None if tls is None else HttpTls(tls)
        self._context = WorkerContext(None)
        self._sockets: Sequence[socket.socket] = ()
        self._accepting: list[asyncio.Task[None]] = []
        # By peer; None while there is a handshake.
        self._open: dict[str, HttpConnection | None] = {}
        self._serving_tasks: set[asyncio.Task[None]] = set()
        # The port that it listens on.
        self.port = 0

    def bind(self, listen: Listen) -> str:
        """Listen on the address, and return where clients on this machine reach it. Raise `CannotListen`."""
        self._sockets = listening_sockets(listen)
        self.port = self._sockets[0].getsockname()[1]
        return f"{listen.host}:{self.port}"

    def open_connections(self) -> Collection[str]:
        """Return the peers of the connections that are open."""
        return self._open.keys()

    async def start(self, app: Application) -> None:
        serving = Serving(app, _config(), self._context, self._patience)
        loop = asyncio.get_running_loop()
        self._accepting = [loop.create_task(self._accept(each, serving)) for each in self._sockets]
        self._accepting.append(loop.create_task(self._check()))

    async def _accept(self, listening: socket.socket, serving: Serving) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, name = await loop.sock_accept(listening)
            except OSError as fault:
                if fault.errno in _LACKING:
                    _log.warning("HTTP connections cannot be accepted for the moment: %s", fault.strerror)
                    await asyncio.sleep(_PAUSE_S)
                continue
            if len(self._open) >= self._max_connections and not self._make_room():
                accepted.close()
                continue
            task = loop.create_task(self._serve(accepted, peer_of(name), serving))
            self._serving_tasks.add(task)
            task.add_done_callback(self._serving_tasks.discard)

    async def _serve(self, accepted: socket.socket, peer: str, serving: Serving) -> None:
        self._open[peer] = None
        try:
            reader, writer = await self._opened(accepted)
        except (OSError, asyncio.IncompleteReadError) as fault:
            _log.debug("the handshake with %s has failed: %s", peer, fault)
        else:
            certificate, chain = certificates_of(writer.get_extra_info("ssl_object"))
            connection = self._open[peer] = HttpConnection(
                serving, reader, writer, ConnectionPeer(peer, certificate, chain)
            )
            await connection.run()
        finally:
            del self._open[peer]

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

    def _make_room(self) -> bool:
        """End the connection that has waited longest without a request. Return False if there is none."""
        waiting = [each for each in self._open.values() if each is not None and each.idle_since_s is not None]
        if not waiting:
            return False
        min(waiting, key=lambda each: each.idle_since_s or 0.0).abort()
        return True

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(self._patience.check_s)
            for connection in list(self._open.values()):
                if connection is not None:
                    connection.check()

    async def stop(self) -> None:
        """Refuse connections, end those that have no request, and soon also the others."""
        for task in self._accepting:
            task.cancel()
        for each in self._sockets:
            each.close()
        await self._context.terminated.set()
        for connection in list(self._open.values()):
            if connection is not None:
                connection.leave()
        if self._serving_tasks:
            _, late = await asyncio.wait(self._serving_tasks, timeout=_STOP_S)
            for connection in list(self._open.values()):
                if connection is not None:
                    connection.abort()
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(_MAX_CONNECTIONS, files // _SHARE_OF_FILES)


def _config() -> Config:
    config = Config()
    config.include_server_header = False
    config.accesslog = config.errorlog = None
    config.h11_max_incomplete_size = config.h2_max_header_list_size = MAX_HEADER_BYTES
    config.keep_alive_max_requests = _NO_LIMIT
    return config

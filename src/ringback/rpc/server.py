"""The grpc.aio server: what is served besides our own services, its limits, and how it stops."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ringback.application.limits import LimitRules
from ringback.config import Listen, UnixSocket
from ringback.entry.open_files import most_grpc_connections
from ringback.entry.undecodable import UndecodableLog
from ringback.entry.way_in import WayIn
from ringback.listening import BoundSocket, bind_port
from ringback.rpc.connection_room import ConnectionRoom
from ringback.rpc.connections import (
    Address,
    close_connections,
    end_connections,
    open_connections,
    stop_listening,
)
from ringback.rpc.core import grpc_server
from ringback.rpc.health import Health
from ringback.rpc.open_registrar import OpenRegistrar
from ringback.rpc.reflection import add_reflection
from ringback.rpc.registrar import Registrar
from ringback.rpc.tls import Tls
from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceServicer, add_CallbacksServiceServicer_to_server
from ringback.v1.dialer_service_pb2_grpc import DialerServiceServicer, add_DialerServiceServicer_to_server
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceServicer, add_DirectoryServiceServicer_to_server

SERVICES = ("ringback.v1.CallbacksService", "ringback.v1.DialerService", "ringback.v1.DirectoryService")
# More than the largest request that the contract allows, a batch of 1000 with the longest texts. Larger messages are
# refused by gRPC with RESOURCE_EXHAUSTED.
MAX_RECEIVE_BYTES = 32 * 1024 * 1024
# Calls at a time on one connection, besides the watches and polls of one caller.
_OTHER_CALLS = 300
_NO_LIMIT = 2**31 - 1
_HEALTH_UPDATE_S = 1.0
_UNIX = "unix:"
# The longest that clients which do not read hold up a stop, once their calls are over.
_CLOSE_S = 0.5
# Clients look for new servers when a connection ends, so none lasts for ever. The grace is longer than any watch.
_CONNECTION_AGE_MS = 30 * 60_000
_CONNECTION_GRACE_MS = 40 * 60_000

OPTIONS: Sequence[tuple[str, Any]] = (
    # Without this a second server binds the same port silently, and gets half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
    ("grpc.max_send_message_length", -1),
    # Clients may ping every ten seconds, also between calls, to keep their way through NATs and proxies open.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # Detect within half a minute that a client is gone without closing its connection.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # else it is a minute, whatever the line above says
    # A connection that says nothing takes a place, by default for two minutes.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # Calls that Python has not taken yet wait in one queue. When it is full, gRPC cancels some, of whatever connection.
    ("grpc.server.max_pending_requests", _NO_LIMIT),
    ("grpc.server.max_pending_requests_hard_limit", _NO_LIMIT),
    # It counts calls that are over, as long as Python keeps anything of them, and refuses new ones for that.
    ("grpc.http.overload_protection", 0),
    ("grpc.max_connection_age_ms", _CONNECTION_AGE_MS),
    ("grpc.max_connection_age_grace_ms", _CONNECTION_GRACE_MS),
)


class Server:
    """A gRPC server with health and, if wanted, reflection; our services are added before `start`."""

    def __init__(
        self,
        tls: Tls | None = None,
        *,
        reflection: bool = True,
        limits: LimitRules | None = None,
        undecodable: UndecodableLog | None = None,
        most_connections: int | None = None,
    ) -> None:
        """Without `tls` it serves plain text."""
        self._tls = tls
        most_connections = most_connections or most_grpc_connections(http=False)
        self.grpc = grpc_server(
            [
                *OPTIONS,
                ("grpc.max_concurrent_streams", _streams(limits)),
                # Of each address by itself.
                ("grpc.max_allowed_incoming_connections", most_connections),
            ]
        )
        self.room = ConnectionRoom(
            most_connections, self.open_connections, lambda peers: end_connections(self._bound, peers)
        )
        self._health = Health()
        # What was reported last of the server as a whole.
        self.is_serving = False
        self._updates: set[asyncio.Task[None]] = set()
        self._socket: BoundSocket | None = None
        self._bound: Address = 0
        self._is_stopping = False
        registrar: Any = OpenRegistrar(self.grpc, undecodable or UndecodableLog())
        health_pb2_grpc.add_HealthServicer_to_server(self._health, registrar)
        if reflection:
            add_reflection(registrar, (*SERVICES, health.SERVICE_NAME))

    def add_services(
        self,
        way_in: WayIn,
        callbacks: CallbacksServiceServicer,
        dialers: DialerServiceServicer,
        directory: DirectoryServiceServicer,
    ) -> None:
        """Add our services, each of whose calls goes through the one way in."""
        registrar: Any = Registrar(self.grpc, way_in, self.room)
        add_CallbacksServiceServicer_to_server(callbacks, registrar)
        add_DialerServiceServicer_to_server(dialers, registrar)
        add_DirectoryServiceServicer_to_server(directory, registrar)

    def bind(self, listen: Listen | UnixSocket) -> str:
        """Bind the address, and return it as clients on this machine reach it; those that connect wait for `start`.

        Raise `CannotListen`.
        """
        if isinstance(listen, UnixSocket):
            self._socket = BoundSocket.bind(listen, self._bind)
            return str(listen)
        return str(Listen(listen.host, bind_port(listen, self._bind)))

    def _bind(self, target: str) -> int:
        if self._tls is None:
            port = self.grpc.add_insecure_port(target)
        else:
            port = self.grpc.add_secure_port(target, self._tls.credentials())
        self._bound = unquote(target.removeprefix(_UNIX)) if target.startswith(_UNIX) else port
        return port

    def open_connections(self) -> Sequence[str]:
        """Return the peers of the connections that are open."""
        return open_connections(self._bound)

    async def start(self) -> None:
        # This name says that the process responds, and nothing about the database: a restart does not help that.
        await self._report_health_of(health.SERVICE_NAME, serving=True)
        await self.report_health(serving=True)
        await self.grpc.start()

    async def run(self) -> None:
        """Return when it stops. Raise when gRPC ends by itself: a process that no call reaches is better restarted."""
        await self.grpc.wait_for_termination()
        if not self._is_stopping:
            raise RuntimeError("gRPC has ended by itself")

    async def report_health(self, *, serving: bool) -> None:
        """Report to `grpc.health.v1` clients, for the server as a whole and for each service."""
        self.is_serving = serving
        await asyncio.gather(*(self._report_health_of(service, serving=serving) for service in ("", *SERVICES)))

    async def _report_health_of(self, service: str, *, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        # The health service holds a lock while it writes to a watcher. One that does not read must not block the
        # server; it gets the change, as all others do, when the lock is free.
        update = asyncio.create_task(self._health.set(service, status))
        self._updates.add(update)
        update.add_done_callback(self._updates.discard)
        await asyncio.wait([update], timeout=_HEALTH_UPDATE_S)

    async def stop(self) -> None:
        """Refuse connections, close those that there are, and then stop: calls in progress fail with UNAVAILABLE."""
        self._is_stopping = True
        with suppress(OSError):  # not one more file can be opened: it listens until gRPC stops
            stop_listening(self._bound)
        await close_connections(self._bound, _CLOSE_S)
        await self.grpc.stop(_CLOSE_S)
        if self._socket is not None:
            self._socket.remove()


def _streams(limits: LimitRules | None) -> int:
    """Return how many calls there may be at a time on one connection: what is beyond waits at the client.

    Nobody's watches and polls may wait there, without a word, so there is room for as many as anybody may have.
    """
    if limits is None:
        return _NO_LIMIT
    held = [(each.watches, each.polls) for each in (limits.default, *limits.identities.values())]
    if any(None in pair for pair in held):
        return _NO_LIMIT
    return _OTHER_CALLS + max((watches or 0) + (polls or 0) for watches, polls in held)

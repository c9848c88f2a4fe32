"""The ports of a server: gRPC and, where it is wanted, HTTP, with the one way in that both have."""

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ringback.app.handlers import Handlers
from ringback.app.use_cases import UseCases
from ringback.config import Settings
from ringback.dialers.built_in import Loop
from ringback.dialers.runner import DialerRunner
from ringback.entry.admission import Admission
from ringback.entry.gate import Gate
from ringback.entry.open_files import most_grpc_connections
from ringback.entry.undecodable import UndecodableLog
from ringback.entry.way_in import WayIn
from ringback.identity.authenticator import Authenticator
from ringback.identity.credential_files import CredentialFiles
from ringback.identity.files import FileValue
from ringback.identity.server_files import ServerFiles, server_files
from ringback.rpc.callbacks_servicer import CallbacksServicer
from ringback.rpc.dialer_servicer import DialerServicer
from ringback.rpc.directory_servicer import DirectoryServicer
from ringback.rpc.server import Server
from ringback.rpc.tls import Tls
from ringback.tracing.call_log import CallLog
from ringback.tracing.calls import CallTraces
from ringback.tracing.provider import Tracer

if TYPE_CHECKING:
    # What serves HTTP takes as long to load as all the rest: it is loaded where it is wanted.
    from ringback.app.http_edge import HttpEdge
    from ringback.web.server import Supervise, WebServer


class Secured(NamedTuple):
    """What lets calls in, from files that have been read: a faulty one is found before anything is opened."""

    authenticator: Authenticator
    # None: plain text is served.
    tls: FileValue[ServerFiles] | None
    # None: HTTP is not served.
    web: "WebServer | None"


def secured(settings: Settings) -> Secured:
    """Read the files of TLS and of identities. Raise `UnusableFileError`."""
    tls, authorities = None, None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = server_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        authorities = tls.value.authorities
    web = None if settings.http is None else _web_server(tls)
    return Secured(Authenticator(settings.access, authorities), tls, web)


def _web_server(tls: FileValue[ServerFiles] | None) -> "WebServer":
    from ringback.web.server import WebServer  # noqa: PLC0415 - see above

    return WebServer(tls)


class Edges:
    """Where calls come in, and which handlers get them."""

    def __init__(self, settings: Settings, files: Secured, use_cases: UseCases, tracer: Tracer | None) -> None:
        self._settings = settings
        self.authenticator, tls, web = files
        self._undecodable = UndecodableLog()
        self.grpc = Server(
            None if tls is None else Tls(tls),
            reflection=settings.reflection,
            limits=settings.limits,
            undecodable=self._undecodable,
            most_connections=most_grpc_connections(http=web is not None),
        )
        # Where clients on this machine reach it, once it is bound.
        self.address = ""
        self.gate = Gate()
        self.admission = Admission(self.authenticator, use_cases.clock, use_cases.usage, self.open_connections)
        self.way_in = WayIn(self.gate, self.admission, use_cases.turns, undecodable=self._undecodable)
        self.way_in.follow(CallTraces(tracer), CallLog())
        self.credential_files = CredentialFiles(self.authenticator, tls, use_cases.clock)
        self.handlers = Handlers.of(use_cases)
        # None: HTTP is not served.
        self.http = None if web is None else self._http(web, tls, use_cases)

    def _http(self, web: "WebServer", tls: FileValue[ServerFiles] | None, use_cases: UseCases) -> "HttpEdge":
        from ringback.app.http_edge import HttpEdge  # noqa: PLC0415 - see above

        return HttpEdge(self._settings, web, tls, use_cases, self.way_in, self.authenticator, self.handlers, self.grpc)

    @property
    def web_address(self) -> str:
        """Return where clients on this machine reach it over HTTP; empty where that is not served."""
        return "" if self.http is None else self.http.address

    def open_connections(self) -> Collection[str]:
        """Return the peers of the connections that are open, on both ports."""
        over_grpc = frozenset(self.grpc.open_connections())
        return over_grpc if self.http is None else over_grpc.union(self.http.server.open_connections())

    def bind(self) -> None:
        """Bind the addresses; clients that connect wait for `start`. Raise `CannotListen`."""
        self.address = self.grpc.bind(self._settings.listen)
        if self.http is not None:
            self.http.bind()

    def loops(self, dialer: DialerRunner | None) -> Sequence[Loop]:
        """Return what runs for as long as the server does. `dialer` is what places calls, for the metrics."""
        own: tuple[Loop, ...] = (self.grpc, self.grpc.room, self.admission.long_calls, self.credential_files)
        return own if self.http is None else (*own, *self.http.loops(dialer))

    async def start(self, supervise: "Supervise") -> None:
        """Serve. `supervise` has the tasks that serve HTTP."""
        self.grpc.add_services(
            self.way_in,
            CallbacksServicer(self.handlers.callbacks, self.handlers.encoder),
            DialerServicer(self.handlers.dialers),
            DirectoryServicer(self.handlers.directory),
        )
        await self.grpc.start()
        if self.http is not None:
            await self.http.start(supervise)

    def drain(self) -> None:
        """Refuse calls from now on."""
        self.gate.close()
        if self.http is not None:
            self.http.server.drain()

    async def stop(self) -> None:
        """Refuse connections, and close those that are open."""
        await asyncio.gather(self.grpc.stop(), *([] if self.http is None else [self.http.server.stop()]))
        self._undecodable.close()

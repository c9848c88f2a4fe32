"""The ports of a server: gRPC and, where it is wanted, HTTP, with the one way in that both have."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ringback.app.use_cases import UseCases
from ringback.config import Settings
from ringback.dialers.built_in import Loop
from ringback.dialers.runner import DialerRunner
from ringback.entry.admission import Admission
from ringback.entry.gate import Gate
from ringback.entry.way_in import WayIn
from ringback.identity.authenticator import Authenticator
from ringback.identity.credential_files import CredentialFiles
from ringback.identity.files import FileValue
from ringback.identity.server_files import ServerFiles, server_files
from ringback.metrics.metrics import Metrics
from ringback.metrics.server_figures import ServerParts
from ringback.rpc.callbacks_servicer import CallbacksServicer
from ringback.rpc.dialer_servicer import DialerServicer
from ringback.rpc.directory_servicer import DirectoryServicer
from ringback.rpc.server import SERVICES, Server
from ringback.rpc.tls import Tls
from ringback.tracing.call_log import CallLog
from ringback.tracing.calls import CallTraces
from ringback.tracing.provider import Tracer
from ringback.web.application import WebApplication
from ringback.web.connect.application import PREFIXES, connect_app
from ringback.web.connect.health import HealthOverConnect
from ringback.web.door.door import Door
from ringback.web.door.hosts import OwnHosts
from ringback.web.door.origins import Origins
from ringback.web.door.sessions import Sessions
from ringback.web.door.sign_in import session_routes
from ringback.web.health import health_routes
from ringback.web.metrics import metrics_routes
from ringback.web.peer import credentials_of
from ringback.web.rest.routes import rest_routes
from ringback.web.server import Supervise, WebServer
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.dialer import DialerHandlers
from ringback.wire.handlers.directory import DirectoryHandlers
from ringback.wire.watch_encoder import WatchEncoder


class Secured(NamedTuple):
    """What lets calls in, from files that have been read: a faulty one is found before anything is opened."""

    authenticator: Authenticator
    # None: plain text is served.
    tls: FileValue[ServerFiles] | None
    # None: HTTP is not served.
    web: WebServer | None


def secured(settings: Settings) -> Secured:
    """Read the files of TLS and of identities. Raise `UnusableFileError`."""
    tls, authorities = None, None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = server_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        authorities = tls.value.authorities
    web = None if settings.http is None else WebServer(tls)
    return Secured(Authenticator(settings.access, authorities), tls, web)


class Edges:
    """Where calls come in, and which handlers get them."""

    def __init__(self, settings: Settings, files: Secured, use_cases: UseCases, tracer: Tracer | None) -> None:
        self._settings = settings
        self._use_cases = use_cases
        self.authenticator, self._tls, self.web = files
        self.grpc = Server(
            None if self._tls is None else Tls(self._tls), reflection=settings.reflection, limits=settings.limits
        )
        # Where clients on this machine reach them, once they are bound.
        self.address = self.web_address = ""
        clock = use_cases.clock
        self.gate = Gate()
        self.admission = Admission(self.authenticator, clock, use_cases.usage, self.open_connections)
        self.way_in = WayIn(self.gate, self.admission, use_cases.turns)
        self.way_in.follow(CallTraces(tracer), CallLog())
        self.credential_files = CredentialFiles(self.authenticator, self._tls, clock)
        self.sessions = Sessions(
            keys=settings.http_session_keys, lasts=settings.http_session, https=self._tls is not None, clock=clock
        )
        self.sessions.listen(self.authenticator.judge_again)
        self.metrics = None if self.web is None else self._metrics(self.web)
        self._add_handlers()

    def _add_handlers(self) -> None:
        use_cases = self._use_cases
        self.watch_encoder = WatchEncoder(use_cases.clock)
        self.callbacks_handlers = CallbacksHandlers(
            use_cases.creation, use_cases.queries, use_cases.changes, use_cases.watches, use_cases.directory
        )
        self.dialer_handlers = DialerHandlers(
            use_cases.assigner, use_cases.leases, use_cases.directory, use_cases.clock
        )
        self.directory_handlers = DirectoryHandlers(
            use_cases.directory, use_cases.queries, use_cases.queue_views, use_cases.erasure
        )

    def _metrics(self, web: WebServer) -> Metrics:
        """Return the metrics, which HTTP serves: without it nothing is counted for them."""
        use_cases = self._use_cases
        parts = ServerParts(
            database="sqlite" if isinstance(self._settings.database, Path) else "postgresql",
            store=use_cases.store,
            clock=use_cases.clock,
            feed=use_cases.feed,
            watches=use_cases.watches,
            assigner=use_cases.assigner,
            election=use_cases.leader_election,
            scheduler=use_cases.scheduler,
            scheduler_loop=use_cases.scheduler_loop,
            tls=self._tls,
            connections={"grpc": self.grpc.open_connections, "http": web.open_connections},
        )
        metrics = Metrics(
            parts, use_cases.queue_figures, use_cases.directory, use_cases.presence, use_cases.agent_rests
        )
        self.way_in.observers.append(metrics.rpcs)
        return metrics

    def open_connections(self) -> Collection[str]:
        """Return the peers of the connections that are open, on both ports."""
        over_grpc = self.grpc.open_connections()
        return over_grpc if self.web is None else {*over_grpc, *self.web.open_connections()}

    # --- Their life --------------------------------------------------------------------------------------------------

    def bind(self) -> None:
        """Bind the addresses; clients that connect wait for `start`. Raise `CannotListen`."""
        self.address = self.grpc.bind(self._settings.listen)
        if self.web is not None and self._settings.http is not None:
            self.web_address = self.web.bind(self._settings.http)

    def loops(self, dialer: DialerRunner | None) -> Sequence[Loop]:
        """Return what runs for as long as the server does. `dialer` is what places calls, for the metrics."""
        loops: list[Loop] = [self.admission.long_calls, self.credential_files]
        if self.web is not None:
            loops.append(self.sessions)
        if self.metrics is not None:
            self.metrics.watch_dialer(dialer)
            loops += self.metrics.loops
        return loops

    async def start(self, supervise: Supervise) -> None:
        """Serve. `supervise` has the tasks that serve HTTP."""
        self.grpc.add_services(
            self.way_in,
            CallbacksServicer(self.callbacks_handlers, self.watch_encoder),
            DialerServicer(self.dialer_handlers),
            DirectoryServicer(self.directory_handlers),
        )
        await self.grpc.start()
        if self.web is not None:
            await self.web.start(self._web_application(), supervise)

    def drain(self) -> None:
        """Refuse calls from now on."""
        self.gate.close()
        if self.web is not None:
            self.web.drain()

    async def stop(self) -> None:
        """Refuse connections, and close those that are open."""
        await asyncio.gather(self.grpc.stop(), *([] if self.web is None else [self.web.stop()]))

    # --- What HTTP serves --------------------------------------------------------------------------------------------

    def _web_application(self) -> WebApplication:
        over_connect = connect_app(
            self.way_in,
            self.callbacks_handlers,
            self.dialer_handlers,
            self.directory_handlers,
            self.watch_encoder,
            credentials_of,
            HealthOverConnect(lambda: self.grpc.is_serving, SERVICES),
        )
        use_cases = self._use_cases
        routes = [
            *health_routes(lambda: self.grpc.is_serving),
            *rest_routes(self.way_in, self.callbacks_handlers, self.directory_handlers),
            *session_routes(self.authenticator, self.sessions, self.gate, use_cases.turns, use_cases.clock),
        ]
        if self.metrics is not None:
            routes += metrics_routes(self.way_in, self.metrics.scrape)
        return WebApplication(routes, prefixes=dict.fromkeys(PREFIXES, over_connect), door=self._door())

    def _door(self) -> "partial[Door]":
        settings, tls = self._settings, self._tls
        listened = "" if settings.http is None else settings.http.host
        certified: Callable[[], Collection[str]] = tuple if tls is None else lambda: tls.value.hosts
        return partial(
            Door,
            hosts=OwnHosts(listened, settings.http_hosts, certified),
            origins=Origins(settings.http_origins),
            sessions=self.sessions,
        )

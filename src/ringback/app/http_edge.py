"""The HTTP port: all that it serves, behind its door."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from ringback.app.handlers import Handlers
from ringback.app.use_cases import UseCases
from ringback.config import Settings
from ringback.dialers.built_in import Loop
from ringback.dialers.runner import DialerRunner
from ringback.entry.way_in import WayIn
from ringback.identity.authenticator import Authenticator
from ringback.identity.files import FileValue
from ringback.identity.server_files import ServerFiles
from ringback.metrics.metrics import Metrics
from ringback.metrics.server_figures import ServerParts
from ringback.rpc.server import SERVICES, Server
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
from ringback.web.page.routes import page_routes
from ringback.web.peer import credentials_of
from ringback.web.rest.routes import rest_routes
from ringback.web.server import Supervise, WebServer

# Where a server listens on all addresses, none of which is this one.
_UNSPECIFIED: Final = ("0.0.0.0", "[::]", "::")  # noqa: S104 - nothing is bound here


class HttpEdge:
    """It passes calls through the way in that gRPC has, to the same handlers."""

    def __init__(
        self,
        settings: Settings,
        server: WebServer,
        tls: FileValue[ServerFiles] | None,
        use_cases: UseCases,
        way_in: WayIn,
        authenticator: Authenticator,
        handlers: Handlers,
        grpc: Server,
    ) -> None:
        self._settings = settings
        self.server = server
        self._tls = tls
        self._use_cases = use_cases
        self._way_in = way_in
        self._authenticator = authenticator
        self._handlers = handlers
        self._grpc = grpc
        # Where clients on this machine reach it, once it is bound.
        self.address = ""
        self.sessions = Sessions(
            keys=settings.http_session_keys,
            lasts=settings.http_session,
            https=tls is not None,
            clock=use_cases.clock,
        )
        self.sessions.listen(authenticator.judge_again)
        self.metrics = self._metrics()
        way_in.observers.append(self.metrics.rpcs)

    def _metrics(self) -> Metrics:
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
            connections={"grpc": self._grpc.open_connections, "http": self.server.open_connections},
        )
        return Metrics(parts, use_cases.queue_figures, use_cases.directory, use_cases.presence, use_cases.agent_rests)

    def bind(self) -> None:
        """Bind the address. Raise `CannotListen`."""
        assert self._settings.http is not None
        self.address = self.server.bind(self._settings.http)

    @property
    def page(self) -> str:
        """Return where a browser on this machine finds the page."""
        host, _, port = self.address.rpartition(":")
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{'localhost' if host in _UNSPECIFIED else host}:{port}/"

    def loops(self, dialer: DialerRunner | None) -> Sequence[Loop]:
        """Return what runs for as long as the server does. `dialer` is what places calls, for the metrics."""
        self.metrics.watch_dialer(dialer)
        return (self.sessions, *self.metrics.loops)

    async def start(self, supervise: Supervise) -> None:
        """Serve. `supervise` has the tasks that do it."""
        await self.server.start(self._application(), supervise)

    def _application(self) -> WebApplication:
        way_in, handlers, use_cases = self._way_in, self._handlers, self._use_cases
        over_connect = connect_app(
            way_in,
            handlers.callbacks,
            handlers.dialers,
            handlers.directory,
            handlers.encoder,
            credentials_of,
            HealthOverConnect(lambda: self._grpc.is_serving, SERVICES),
        )
        routes = [
            *health_routes(lambda: self._grpc.is_serving),
            *rest_routes(way_in, handlers.callbacks, handlers.directory),
            *session_routes(self._authenticator, self.sessions, way_in.gate, use_cases.turns, use_cases.clock),
            *metrics_routes(way_in, self.metrics.scrape),
            *page_routes(),
        ]
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

"""The composition root: the only place that names concrete classes. The binary and the tests both use it."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from ringback.application.callbacks.change import CallbackChanges
from ringback.application.callbacks.create import CallbackCreation
from ringback.application.callbacks.query import CallbackQueries
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.application.dispatch.assigner import DEFAULT_LEASE, Assigner
from ringback.application.dispatch.dialer_presence import DialerPresence
from ringback.application.dispatch.kept_calls import CallOwner, KeptCalls
from ringback.application.dispatch.lease_watch import LeaseWatch
from ringback.application.dispatch.leases import Leases
from ringback.application.dispatch.queue_view import Pace, QueueViews
from ringback.application.erasure import Erasure
from ringback.application.events.feed import EventFeed
from ringback.application.events.transition_log import TransitionLog
from ringback.application.events.watch import Watches
from ringback.application.limits import LimitRules
from ringback.application.queue_figures import QueueFigures
from ringback.application.recent_dials import RecentDials
from ringback.application.scheduling.clock_jumps import ClockJumps
from ringback.application.scheduling.leader_election import LeaderElection
from ringback.application.scheduling.loop import SchedulerLoop
from ringback.application.scheduling.scheduler import Scheduler
from ringback.application.turns import Turns
from ringback.application.usage import Usage
from ringback.clocks import SharedClock, SystemClock
from ringback.config import Settings
from ringback.dialers.built_in import BuiltIn, Loop, built_in_dialer, check_files
from ringback.dialers.leased_call import CallTools
from ringback.dialers.runner import DialerRunner
from ringback.domain.dial_rules import DialRules
from ringback.entry.admission import Admission
from ringback.entry.gate import Gate
from ringback.entry.way_in import WayIn
from ringback.identity.authenticator import Authenticator
from ringback.identity.credential_files import CredentialFiles
from ringback.identity.files import FileValue
from ringback.identity.rules import AccessRules
from ringback.identity.server_files import ServerFiles, server_files
from ringback.metrics.metrics import Metrics
from ringback.metrics.server_figures import ServerParts
from ringback.ports.clock import SharedTime
from ringback.ports.store import Store
from ringback.rpc.callbacks_servicer import CallbacksServicer
from ringback.rpc.dialer_servicer import DialerServicer
from ringback.rpc.directory_servicer import DirectoryServicer
from ringback.rpc.server import SERVICES, Server
from ringback.rpc.tls import Tls
from ringback.storage.open import open_store
from ringback.tracing.call_log import CallLog
from ringback.tracing.callbacks import CallbackTraces
from ringback.tracing.calls import CallTraces
from ringback.tracing.provider import Tracer, TracerProvider, tracer_of
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
from ringback.web.server import WebServer
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.dialer import DialerHandlers
from ringback.wire.handlers.directory import DirectoryHandlers
from ringback.wire.watch_encoder import WatchEncoder

_log = logging.getLogger(__name__)

# Without calls, all of a stop takes less than ten seconds: orchestrators kill what takes longer than thirty, people
# sooner.
_GRACE_S = 4.0
# Beyond the time that the dialer has for its calls, so that it can record what became of them.
_DIALER_GRACE_S = 3.0
_HEALTH_CHECK_S = 1.0


class App:
    """A running server. `async with await App.start(settings) as app:` serves until the block ends."""

    def __init__(  # noqa: PLR0915 - all that there is is made here
        self,
        settings: Settings,
        store: Store,
        wall_clock: SystemClock | SharedClock,
        secured: "_Secured",
        tracer: Tracer | None,
    ) -> None:
        self._settings = settings
        self.store = store
        self._wall_clock = wall_clock
        self._clock = clock = ClockJumps(store, wall_clock)
        self.feed = EventFeed(store)
        self.directory = Directory(store, clock)
        self.leader_election = LeaderElection(store, clock)
        store.listen(TransitionLog(self.directory.find).tell)
        if tracer is not None:
            store.listen(CallbackTraces(tracer).tell)
        self.dial_policy = DialPolicy(settings.dial_rules)
        self.recent_dials = RecentDials(store, clock, self.feed, self.dial_policy)
        self.scheduler = Scheduler(store, self.directory, settings.retention, self.dial_policy)
        self.scheduler_loop = SchedulerLoop(self.scheduler, clock, self.leader_election, self.directory, self.feed)
        self.dial_policy.listen(self.scheduler_loop.look_at_all)
        self.presence = DialerPresence(store, clock)
        self.agent_rests = AgentRests(self.feed)
        self.assigner = Assigner(
            store, self.directory, clock, self.feed, self.presence, self.dial_policy, self.agent_rests
        )
        clock.listen(self.assigner.look_at_all)
        self.leases = Leases(store, self.directory, clock, self.feed, self.dial_policy, self.recent_dials)
        self.turns = Turns(clock.monotonic)
        self.usage = Usage(settings.limits, clock.monotonic)
        self.feed.listen(self.usage.open_callbacks.on_events)
        self.callback_creation = CallbackCreation(
            store, self.directory, clock, self.dial_policy, self.recent_dials, self.usage, self.turns.portion
        )
        self.callback_queries = CallbackQueries(store, self.directory)
        self.callback_changes = CallbackChanges(
            store, self.directory, self.callback_queries, clock, self.dial_policy, self.recent_dials
        )
        self.queue_figures = QueueFigures(store, self.feed)
        self.queue_views = QueueViews(
            store,
            self.queue_figures,
            self.directory,
            self.presence,
            clock,
            Pace(self.feed),
            self.dial_policy,
            self.agent_rests,
        )
        self.erasure = Erasure(store, self.directory, clock)
        self.directory_handlers = DirectoryHandlers(
            self.directory, self.callback_queries, self.queue_views, self.erasure
        )
        self.watches = Watches(store, self.feed, self.directory, clock)
        self.watch_encoder = WatchEncoder(clock)
        self.callbacks_handlers = CallbacksHandlers(
            self.callback_creation, self.callback_queries, self.callback_changes, self.watches, self.directory
        )
        self.dialer_handlers = DialerHandlers(self.assigner, self.leases, self.directory, clock)
        self.authenticator, tls, self.web = secured
        self._tls = tls
        self.sessions = Sessions(
            keys=settings.http_session_keys, lasts=settings.http_session, https=tls is not None, clock=clock
        )
        self.sessions.listen(self.authenticator.judge_again)
        self.server = Server(None if tls is None else Tls(tls), reflection=settings.reflection, limits=settings.limits)
        self.admission = Admission(self.authenticator, clock, self.usage, self._open_connections)
        self.credential_files = CredentialFiles(self.authenticator, tls, clock)
        # Where clients on this machine reach it, once it serves.
        self.address = ""
        self.web_address = ""
        self.gate = Gate()
        self.way_in = WayIn(self.gate, self.admission, self.turns)
        self.metrics = None if self.web is None else self._metrics(self.web, tls)
        self.way_in.follow(CallTraces(tracer), CallLog())
        self.lease_watch = LeaseWatch(self.feed)
        self._dialer: DialerRunner | None = None
        # What the dialer has open.
        self._open = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._dialer_task: asyncio.Task[None] | None = None
        # Set when a loop has died, which is a bug: the process ends, so that its supervisor restarts it.
        self.failed = asyncio.Event()

    @classmethod
    async def start(cls, settings: Settings, tracers: TracerProvider | None = None) -> Self:
        """Open the database, continue from its state, and serve.

        Spans go to `tracers`, or else to the OpenTelemetry SDK of the process if there is one.

        Raise `UnusableFileError`, `StoreCannotOpen`, `CannotListen`, `DialerCannotOpen`.
        """
        secured = _secured(settings)
        check_files(settings)
        store = await open_store(settings.database)
        app = cls(settings, store, _clock_for(store), secured, tracer_of(tracers))
        try:
            await app._start()
        except BaseException:
            await app.stop()
            raise
        return app

    async def _start(self) -> None:
        # First of all: no call may be placed by a server that then cannot serve.
        address = self.server.bind(self._settings.listen)
        if self.web is not None and self._settings.http is not None:
            self.web_address = self.web.bind(self._settings.http)
        loops: list[Loop] = [
            self.feed,
            self.queue_figures,
            self.directory,
            self.leader_election,
            self.scheduler_loop,
            self.assigner,
            self.presence,
            self.admission.long_calls,
            self.credential_files,
        ]
        if self.web is not None:
            loops.append(self.sessions)
        if isinstance(self._wall_clock, SharedClock):
            await self._wall_clock.start()
            loops.append(self._wall_clock)
        await self._clock.start()
        await self.directory.start()
        await self.feed.start()
        await self.recent_dials.start()
        await self.usage.open_callbacks.start(self.store)
        built_in = await self._open.enter_async_context(built_in_dialer(self._settings))
        if built_in is not None:
            loops += built_in.loops
            self._dialer = await self._recovered(built_in)
        if self.metrics is not None:
            loops += self.metrics.loops
            self.metrics.watch_dialer(self._dialer)
        await self.assigner.start()
        self._add_services()
        self._tasks += [self._supervise(loop.run()) for loop in loops]
        self._tasks.append(self._supervise(self._report_health()))
        if self._dialer is not None:
            self._dialer_task = self._supervise(self._dialer.run())
        await self.server.start()
        if self.web is not None:
            await self.web.start(self._web_application())
        self.address = address

    async def _recovered(self, built_in: BuiltIn) -> DialerRunner:
        """Return what runs the dialer, with the calls that an earlier process has left to it."""
        dialer = built_in.dialer
        # This process has the database for itself, so an earlier dialer of this name is gone. Of many servers each has
        # its own dialer id: what one of them has lost must not be taken from the others.
        is_alone = isinstance(self._settings.database, Path)
        dialer_id = f"ringback.{dialer.name}" if is_alone else f"ringback.{dialer.name}-{secrets.token_hex(4)}"
        owner = CallOwner(
            dialer=dialer.name, owner=dialer.owner, dialer_id=dialer_id, lease=DEFAULT_LEASE, is_alone=is_alone
        )
        kept_calls = KeptCalls(self.store, self.directory, self._clock, self.dial_policy, owner)
        tools = CallTools(
            leases=self.leases,
            watch=self.lease_watch,
            service_of=self.directory.get,
            policy=self.dial_policy,
            kept_calls=kept_calls if dialer.owner else None,
            lease=DEFAULT_LEASE,
        )
        runner = DialerRunner(
            dialer,
            dialer_id,
            self.assigner,
            tools,
            max_calls=built_in.max_calls,
            looks_for_others=not is_alone,
        )
        taken = await runner.recover()
        if is_alone and (orphans := await self.scheduler.release_orphans(dialer_id, self._clock.now(), taken)):
            _log.warning("%d calls of the built-in dialer were cut off by the last stop", orphans)
        return runner

    def _add_services(self) -> None:
        self.server.add_services(
            self.way_in,
            CallbacksServicer(self.callbacks_handlers, self.watch_encoder),
            DialerServicer(self.dialer_handlers),
            DirectoryServicer(self.directory_handlers),
        )

    def _web_application(self) -> WebApplication:
        """Return what HTTP serves: all its parts."""
        over_connect = connect_app(
            self.way_in,
            self.callbacks_handlers,
            self.dialer_handlers,
            self.directory_handlers,
            self.watch_encoder,
            credentials_of,
            HealthOverConnect(lambda: self.server.is_serving, SERVICES),
        )
        settings, tls = self._settings, self._tls
        listened = "" if settings.http is None else settings.http.host
        certified: Callable[[], Collection[str]] = tuple if tls is None else lambda: tls.value.hosts
        door = partial(
            Door,
            hosts=OwnHosts(listened, settings.http_hosts, certified),
            origins=Origins(settings.http_origins),
            sessions=self.sessions,
        )
        routes = [
            *health_routes(lambda: self.server.is_serving),
            *rest_routes(self.way_in, self.callbacks_handlers, self.directory_handlers),
            *session_routes(self.authenticator, self.sessions, self.gate, self.turns, self._clock),
        ]
        if self.metrics is not None:
            routes += metrics_routes(self.way_in, self.metrics.scrape)
        return WebApplication(routes, prefixes=dict.fromkeys(PREFIXES, over_connect), door=door)

    def _metrics(self, web: WebServer, tls: FileValue[ServerFiles] | None) -> Metrics:
        """Return the metrics, which HTTP serves: without it nothing is counted for them."""
        parts = ServerParts(
            database="sqlite" if isinstance(self._settings.database, Path) else "postgresql",
            store=self.store,
            clock=self._clock,
            feed=self.feed,
            watches=self.watches,
            assigner=self.assigner,
            election=self.leader_election,
            scheduler=self.scheduler,
            scheduler_loop=self.scheduler_loop,
            tls=tls,
            connections={"grpc": self.server.open_connections, "http": web.open_connections},
        )
        metrics = Metrics(parts, self.queue_figures, self.directory, self.presence, self.agent_rests)
        self.way_in.observers.append(metrics.rpcs)
        return metrics

    def _open_connections(self) -> Collection[str]:
        """Return the peers of the connections that are open, on both ports."""
        over_grpc = self.server.open_connections()
        return over_grpc if self.web is None else {*over_grpc, *self.web.open_connections()}

    def replace_access(self, rules: AccessRules | None) -> None:
        """Take other identities. Raise `UnusableFileError` for a JWKS that cannot be used; nothing has changed then."""
        self.authenticator.replace(rules)

    def replace_session_keys(self, keys: Sequence[str]) -> None:
        """Take other keys of sessions. What was sealed with one that is gone is a session no more."""
        self.sessions.replace(keys)

    def replace_limits(self, limits: LimitRules | None) -> None:
        """Take other limits."""
        self.usage.replace(limits)

    def replace_dial_rules(self, rules: DialRules) -> None:
        """Judge by these rules from now on. What waits, or is leased, is judged by them before it is dialled."""
        self.dial_policy.replace(rules)

    @property
    def port(self) -> int:
        """Return the port that it listens on; it has none on a Unix socket."""
        return int(self.address.rpartition(":")[2])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Drain: report it, end the streams with their last token, let writes and calls finish, close the database."""
        await self.server.report_health(serving=False)
        self.gate.close()
        self.turns.close()
        if self._dialer is not None:
            self._dialer.stop()
        self.feed.close()
        self.assigner.close()
        self.queue_figures.close()
        if self.address:
            await asyncio.sleep(self._settings.lame_duck.total_seconds())
        await self.gate.empty(_GRACE_S)
        await asyncio.gather(self.server.stop(), *([] if self.web is None else [self.web.stop()]))
        if self._dialer is not None and self._dialer_task is not None:
            await asyncio.wait([self._dialer_task], timeout=self._dialer.drain_timeout_s + _DIALER_GRACE_S)
            self._tasks.append(self._dialer_task)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._open.aclose()
        await self.leader_election.stop()
        await self.store.close()

    def _supervise(self, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(loop)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.critical("%s has died, stopping", task.get_coro(), exc_info=fault)
            self.failed.set()

    async def _report_health(self) -> None:
        """Report NOT_SERVING while the database does not take writes."""
        serving = True
        while True:
            await asyncio.sleep(_HEALTH_CHECK_S)
            healthy = await self.store.probe()
            if healthy is not serving:
                serving = healthy
                await self.server.report_health(serving=serving)
                _log.warning("the database %s", "takes writes again" if serving else "does not take writes")


class _Secured(NamedTuple):
    """What lets calls in, from files that have been read: a faulty one is found before anything is opened."""

    authenticator: Authenticator
    # None: plain text is served.
    tls: FileValue[ServerFiles] | None
    # None: HTTP is not served.
    web: WebServer | None


def _secured(settings: Settings) -> _Secured:
    tls, authorities = None, None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = server_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        authorities = tls.value.authorities
    web = None if settings.http is None else WebServer(tls)
    return _Secured(Authenticator(settings.access, authorities), tls, web)


def _clock_for(store: Store) -> SystemClock | SharedClock:
    """Return the clock to use: that of the database for servers that share one."""
    return SharedClock(store.read_clock) if isinstance(store, SharedTime) else SystemClock()

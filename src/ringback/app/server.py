"""One server process: its parts are opened, watched while they run, and drained when it stops."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from ringback.app.dialer import recovered_dialer
from ringback.app.edges import Edges, Secured, secured
from ringback.app.use_cases import UseCases
from ringback.application.events.transition_log import TransitionLog
from ringback.application.limits import LimitRules
from ringback.clocks import SharedClock, SystemClock
from ringback.config import Settings
from ringback.dialers.built_in import Loop, built_in_dialer, check_files
from ringback.domain.dial_rules import DialRules
from ringback.identity.rules import AccessRules
from ringback.ports.clock import SharedTime
from ringback.ports.errors import HistoryLost
from ringback.ports.store import Store
from ringback.storage.open import open_store
from ringback.tracing.callbacks import CallbackTraces
from ringback.tracing.provider import Tracer, TracerProvider, tracer_of

if TYPE_CHECKING:
    from ringback.dialers.runner import DialerRunner

_log = logging.getLogger(__name__)

# Without calls, all of a stop takes less than ten seconds: orchestrators kill what takes longer than thirty, people
# sooner.
_GRACE_S = 4.0
# Beyond the time that the dialer has for its calls, so that it can record what became of them.
_DIALER_GRACE_S = 3.0
_HEALTH_CHECK_S = 1.0


class App:
    """A running server. `async with await App.start(settings) as app:` serves until the block ends."""

    def __init__(self, settings: Settings, store: Store, files: Secured, tracer: Tracer | None) -> None:
        self._settings = settings
        self.store = store
        self.use_cases = UseCases(settings, store, _clock_for(store))
        store.listen(TransitionLog(self.use_cases.directory.find).tell)
        if tracer is not None:
            store.listen(CallbackTraces(tracer).tell)
        # Whether the database can be used has changed.
        self._turned = asyncio.Event()
        store.listen_health(lambda _: self._turned.set())
        self.edges = Edges(settings, files, self.use_cases, tracer)
        self._serves = False
        self._dialer: DialerRunner | None = None
        # What the dialer has open.
        self._open = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._dialer_task: asyncio.Task[None] | None = None
        self._reporting: asyncio.Task[None] | None = None
        # Set when a loop has died, which is a bug: the process ends, so that its supervisor restarts it.
        self.failed = asyncio.Event()
        store.listen_death(self.failed.set)

    @classmethod
    async def start(cls, settings: Settings, tracers: TracerProvider | None = None) -> Self:
        """Open the database, continue from its state, and serve.

        Spans go to `tracers`, or else to the OpenTelemetry SDK of the process if there is one.

        Raise `UnusableFileError`, `StoreCannotOpen`, `CannotListen`, `DialerCannotOpen`.
        """
        files = secured(settings)
        check_files(settings)
        store = await open_store(settings.database, must_exist=settings.must_exist)
        app = cls(settings, store, files, tracer_of(tracers))
        try:
            await app._start()
        except BaseException:
            await app.stop()
            raise
        return app

    async def _start(self) -> None:
        # First of all: no call may be placed by a server that then cannot serve.
        self.edges.bind()
        await self.use_cases.start()
        loops: list[Loop] = [*self.use_cases.loops]
        built_in = await self._open.enter_async_context(built_in_dialer(self._settings))
        if built_in is not None:
            loops += built_in.loops
            self.use_cases.attempt_traces.attach(built_in.signalling)
            self._dialer = await recovered_dialer(self._settings, self.use_cases, built_in)
        loops += self.edges.loops(self._dialer)
        await self.use_cases.assigner.start()
        self._tasks += [self._supervise(loop.run()) for loop in loops]
        self._tasks.append(self._supervise(self._check_health()))
        self._reporting = self._supervise(self._report_health())
        if self._dialer is not None:
            self._dialer_task = self._supervise(self._dialer.run())
        await self.edges.start(self._supervise)
        if not self.store.healthy:  # meanwhile; it has just been reported that the server serves
            await self.edges.grpc.report_health(serving=False)
        self._serves = True

    def replace_access(self, rules: AccessRules | None) -> None:
        """Take other identities. Raise `UnusableFileError` for a JWKS that cannot be used; nothing has changed then."""
        self.edges.authenticator.replace(rules)

    def replace_session_keys(self, keys: Sequence[str]) -> None:
        """Take other keys of sessions. What was sealed with one that is gone is a session no more."""
        if self.edges.http is not None:
            self.edges.http.sessions.replace(keys)

    def replace_limits(self, limits: LimitRules | None) -> None:
        """Take other limits."""
        self.use_cases.usage.replace(limits)

    def replace_dial_rules(self, rules: DialRules) -> None:
        """Judge by these rules from now on. What waits, or is leased, is judged by them before it is dialled."""
        self.use_cases.dial_policy.replace(rules)

    @property
    def address(self) -> str:
        """Return where clients on this machine reach it over gRPC."""
        return self.edges.address

    @property
    def port(self) -> int:
        """Return the port of gRPC; it has none on a Unix socket."""
        return int(self.address.rpartition(":")[2])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Drain: report it, end the streams with their last token, let writes and calls finish, close the database."""
        if self._reporting is not None:
            self._reporting.cancel()  # else it could take back what comes next
        await self.edges.grpc.report_health(serving=False)
        self.edges.drain()
        if self._dialer is not None:
            self._dialer.stop()
        self.use_cases.close()
        if self._serves:
            await asyncio.sleep(self._settings.lame_duck.total_seconds())
        await self.edges.gate.empty(_GRACE_S)
        await self.edges.stop()
        if self._dialer is not None and self._dialer_task is not None:
            await asyncio.wait([self._dialer_task], timeout=self._dialer.drain_timeout_s + _DIALER_GRACE_S)
            self._tasks.append(self._dialer_task)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._open.aclose()
        await self.use_cases.leader_election.stop()
        await self.store.close()

    def _supervise(self, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(loop)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            if isinstance(fault, HistoryLost):
                _log.critical("stopping: %s", fault)
            else:
                _log.critical("%s has died, stopping", task.get_coro(), exc_info=fault)
            self.failed.set()

    async def _check_health(self) -> None:
        while True:
            await asyncio.sleep(_HEALTH_CHECK_S)
            await self.store.check_health()

    async def _report_health(self) -> None:
        """Report NOT_SERVING as soon as the database cannot be used, for as long as it cannot."""
        while True:
            await self._turned.wait()
            self._turned.clear()
            await self.edges.grpc.report_health(serving=self.store.healthy)


def _clock_for(store: Store) -> SystemClock | SharedClock:
    """Return the clock to use: that of the database for servers that share one."""
    return SharedClock(store.read_clock) if isinstance(store, SharedTime) else SystemClock()

"""The state of this server, as it is at the moment of a scrape."""

import platform
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from cryptography.x509 import Certificate
from prometheus_client.metrics_core import Metric as Family

from ringback import __version__
from ringback.application.dispatch.assigner import Assigner
from ringback.application.events.feed import EventFeed
from ringback.application.events.watch import Watches
from ringback.application.scheduling.leader_election import LeaderElection
from ringback.application.scheduling.loop import SchedulerLoop
from ringback.application.scheduling.scheduler import Scheduler, Work
from ringback.dialers.leased_call import CallPhase
from ringback.dialers.runner import DialerRunner
from ringback.identity.files import FileValue
from ringback.identity.server_files import ServerFiles
from ringback.metrics import catalogue
from ringback.metrics.distribution import Distribution
from ringback.metrics.families import distribution, value, values
from ringback.ports.clock import Clock
from ringback.ports.store import Store
from ringback.ports.values import LoggedEvent

PASS_BOUNDS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)


class ServerParts(NamedTuple):
    """What is looked at."""

    # Where the callbacks are: sqlite or postgresql.
    database: str
    store: Store
    clock: Clock
    feed: EventFeed
    watches: Watches
    assigner: Assigner
    election: LeaderElection
    scheduler: Scheduler
    scheduler_loop: SchedulerLoop
    tls: FileValue[ServerFiles] | None
    # Those of clients that are open, by edge.
    connections: Mapping[str, Callable[[], Collection[str]]]


class ServerFigures:
    """Figures that are read where they are kept."""

    def __init__(self, parts: ServerParts) -> None:
        self._parts = parts
        # Known once it runs.
        self.dialer: DialerRunner | None = None
        self._events = 0
        self._passes: Final = Distribution(PASS_BOUNDS_S)
        self._last_pass: datetime | None = None
        parts.feed.listen(self._on_events)
        parts.scheduler_loop.listen(self._on_pass)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        self._events += len(events)

    def _on_pass(self, seconds: float) -> None:
        self._passes.observe(seconds)
        self._last_pass = self._parts.clock.now()

    def collect(self) -> Iterator[Family]:
        parts = self._parts
        labels = (__version__, platform.python_version(), parts.database)
        yield values(catalogue.BUILD_INFO, [(labels, 1)])
        yield value(catalogue.TIME, parts.clock.now().timestamp())
        yield value(catalogue.DATABASE_WRITABLE, parts.store.healthy)
        yield value(catalogue.EVENTS, self._events)
        yield value(catalogue.POLLS, parts.assigner.open_polls)
        lag = parts.watches.lag()
        yield value(catalogue.WATCHES, lag.watches)
        yield value(catalogue.WATCH_LAG_EVENTS, lag.events)
        yield value(catalogue.WATCH_LAG, lag.seconds)
        yield from self._scheduler()
        if self.dialer is not None:
            yield from _dialer(self.dialer)
        if parts.tls is not None:
            yield _certificates(parts.tls.value)

    def _scheduler(self) -> Iterator[Family]:
        yield value(catalogue.LEADER, self._parts.election.leads)
        yield distribution(catalogue.PASS_DURATION, self._passes)
        if self._last_pass is not None:
            yield value(catalogue.LAST_PASS, self._last_pass.timestamp())
        yield values(catalogue.MOVED, [((work.value,), self._parts.scheduler.moved[work]) for work in Work])


def _dialer(dialer: DialerRunner) -> Iterator[Family]:
    calls = dialer.calls()
    yield values(catalogue.DIALER_CALLS, [((dialer.name, phase.value), calls.get(phase, 0)) for phase in CallPhase])
    yield values(catalogue.DIALER_MAX_CALLS, [((dialer.name,), dialer.max_calls)])


def _certificates(files: ServerFiles) -> Family:
    ends = [(("server",), files.ends_at.timestamp())]
    if files.authorities:
        ends.append((("client_ca",), min(map(_end, files.authorities)).timestamp()))
    return values(catalogue.CERTIFICATE_END, ends)


def _end(certificate: Certificate) -> datetime:
    return certificate.not_valid_after_utc

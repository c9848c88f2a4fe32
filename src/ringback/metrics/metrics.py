"""All metrics of one server: who counts what, and the registry that has them."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

from ringback.application.directory import Directory
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.dialers.built_in import Loop
from ringback.dialers.runner import DialerRunner
from ringback.metrics.commits import CommitFigures
from ringback.metrics.event_loop import EventLoopDelay
from ringback.metrics.promises import PromiseFigures
from ringback.metrics.queue_sums import Figures
from ringback.metrics.queues import Attendance, QueueMetrics
from ringback.metrics.rpcs import RpcFigures
from ringback.metrics.scrape import Scrape
from ringback.metrics.server_figures import ServerFigures, ServerParts
from ringback.metrics.service_labels import ServiceLabels
from ringback.metrics.slow_figures import SlowFigures


class Metrics:
    """The metrics of a server. Made only where they can be read: without it nothing is counted."""

    def __init__(
        self,
        parts: ServerParts,
        figures: Figures,
        directory: Directory,
        attendance: Attendance,
        rests: AgentRests,
    ) -> None:
        labels = ServiceLabels(directory)
        # To be added to the observers of the entry.
        self.rpcs: Final = RpcFigures()
        self._server: Final = ServerFigures(parts)
        promises, commits = PromiseFigures(labels), CommitFigures()
        parts.store.listen(promises.tell)
        parts.store.listen_commits(commits.tell)
        loop_delay, slow = EventLoopDelay(), SlowFigures(parts.store, parts.connections)
        self._loops: Final = (loop_delay, slow)
        queues = QueueMetrics(figures, directory, attendance, rests.resting, parts.clock, labels)
        # Collectors describe nothing, so that registering them collects nothing.
        self.registry: Final = CollectorRegistry(auto_describe=False)
        for collector in (self.rpcs, promises, queues, self._server, commits, slow, loop_delay):
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        self.scrape: Final = Scrape(self.registry, queues.prepare, parts.clock.monotonic)

    @property
    def loops(self) -> Sequence[Loop]:
        """What is to be run as long as the server runs."""
        return self._loops

    def watch_dialer(self, dialer: DialerRunner | None) -> None:
        """Have the metrics of the built-in dialer, too, if there is one."""
        self._server.dialer = dialer

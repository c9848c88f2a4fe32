"""The use cases of a server, each made of those that it needs, and the loops that they run."""

from collections.abc import Sequence

from ringback.application.callbacks.attempt_traces import AttemptTraces
from ringback.application.callbacks.change import CallbackChanges
from ringback.application.callbacks.count import CallbackCounts
from ringback.application.callbacks.create import CallbackCreation
from ringback.application.callbacks.history import Histories
from ringback.application.callbacks.query import CallbackQueries
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.application.dispatch.assigner import Assigner
from ringback.application.dispatch.decisions import CallsInProgress, Decisions
from ringback.application.dispatch.dialer_presence import DialerPresence
from ringback.application.dispatch.lease_watch import LeaseWatch
from ringback.application.dispatch.leases import Leases
from ringback.application.dispatch.queue_board import QueueBoard
from ringback.application.dispatch.queue_view import QueueViews
from ringback.application.dispatch.queue_watch import QueueWatches
from ringback.application.dispatch.reports import Reports
from ringback.application.erasure import Erasure
from ringback.application.events.feed import EventFeed
from ringback.application.events.watch import Watches
from ringback.application.outcomes import OutcomeQueries
from ringback.application.queue_figures import QueueFigures
from ringback.application.recent_dials import RecentDials
from ringback.application.scheduling.clock_jumps import ClockJumps
from ringback.application.scheduling.leader_election import LeaderElection
from ringback.application.scheduling.loop import SchedulerLoop
from ringback.application.scheduling.scheduler import Scheduler
from ringback.application.turns import Turns
from ringback.application.usage import Usage
from ringback.clocks import SharedClock, SystemClock, machine_boot
from ringback.config import Settings
from ringback.dialers.built_in import Loop
from ringback.ports.store import Store


class UseCases:
    """What a server can do, on one store."""

    def __init__(self, settings: Settings, store: Store, wall_clock: SystemClock | SharedClock) -> None:
        self.store = store
        self._wall_clock = wall_clock
        self.clock = clock = ClockJumps(store, wall_clock, machine_boot())
        self.feed = EventFeed(store)
        self.directory = Directory(store, clock)
        self.dial_policy = DialPolicy(settings.dial_rules)
        self.recent_dials = RecentDials(store, clock, self.feed, self.dial_policy)
        self.leader_election = LeaderElection(store, clock)
        self.turns = Turns(clock.monotonic)
        self._add_dispatch()
        self.scheduler = Scheduler(store, self.directory, settings.retention, self.dial_policy, self.assigner.take_due)
        self.scheduler_loop = SchedulerLoop(self.scheduler, clock, self.leader_election, self.directory, self.feed)
        self.dial_policy.listen(self.scheduler_loop.look_at_all)
        if isinstance(wall_clock, SharedClock):
            # Until all servers have noticed a jump, some extend leases by the time from before it.
            clock.listen_ahead(self.scheduler.note_outage)
        self._add_callbacks(settings)

    def _add_dispatch(self) -> None:
        """Add what hands callbacks to dialers, and shows how they wait."""
        store, clock = self.store, self.clock
        self.presence = DialerPresence(store, clock, self.feed)
        self.agent_rests = AgentRests(self.feed)
        self.assigner = Assigner(
            store,
            self.directory,
            clock,
            self.feed,
            self.presence,
            self.dial_policy,
            self.agent_rests,
            self.recent_dials,
        )
        clock.listen(self.assigner.look_at_all)
        decisions, calls = Decisions(self.directory, self.dial_policy, self.recent_dials), CallsInProgress(self.feed)
        self.leases = Leases(store, self.directory, clock, self.dial_policy, decisions, calls)
        self.reports = Reports(store, self.directory, clock, decisions, calls, self.turns.portion)
        self.lease_watch = LeaseWatch(self.feed)
        self.queue_figures = QueueFigures(store, self.feed)
        self.queue_views = QueueViews(
            store,
            self.queue_figures,
            self.directory,
            self.presence,
            clock,
            self.feed,
            self.dial_policy,
            self.agent_rests,
        )
        board = QueueBoard(self.queue_views, self.queue_figures, self.directory, self.presence, clock)
        self.queue_watches = QueueWatches(board, self.directory, clock)

    def _add_callbacks(self, settings: Settings) -> None:
        """Add what creates, reads, changes, erases and watches callbacks."""
        store, clock = self.store, self.clock
        self.usage = Usage(settings.limits, clock.monotonic)
        self.feed.listen(self.usage.open_callbacks.on_events)
        self.creation = CallbackCreation(
            store, self.directory, clock, self.dial_policy, self.recent_dials, self.usage, self.turns.portion
        )
        self.queries = CallbackQueries(store, self.directory)
        self.counts = CallbackCounts(store, self.directory, self.queue_figures)
        self.outcomes = OutcomeQueries(store, self.directory, clock)
        self.changes = CallbackChanges(
            store, self.directory, self.queries, clock, self.dial_policy, self.recent_dials, self.turns.portion
        )
        self.watches = Watches(store, self.feed, self.directory, clock)
        self.histories = Histories(store, self.directory, self.queries)
        self.attempt_traces = AttemptTraces(self.queries)
        self.erasure = Erasure(store, self.directory, clock, self.attempt_traces.forget)

    async def start(self) -> None:
        """Continue from the state of the database. Raise `StorageUnavailable`."""
        if isinstance(self._wall_clock, SharedClock):
            await self._wall_clock.start()
        await self.clock.start()
        await self.directory.start()
        await self.feed.start()
        await self.recent_dials.start()
        await self.usage.open_callbacks.start(self.store)

    @property
    def loops(self) -> Sequence[Loop]:
        """Return what runs for as long as the server does."""
        shared = [self._wall_clock] if isinstance(self._wall_clock, SharedClock) else []
        return (
            self.feed,
            self.queue_figures,
            self.queue_views,
            self.directory,
            self.leader_election,
            self.scheduler_loop,
            self.scheduler_loop.pauses,
            self.assigner,
            self.presence,
            self.queue_watches,
            *shared,
        )

    def close(self) -> None:
        """End what waits: turns, watches with their last token, polls."""
        self.turns.close()
        self.feed.close()
        self.assigner.close()
        self.queue_figures.close()
        self.queue_watches.close()

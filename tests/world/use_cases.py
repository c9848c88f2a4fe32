"""The use cases without a server, and a clock that a test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ringback.application.access import ANYBODY, Caller
from ringback.application.callbacks.change import CallbackChanges
from ringback.application.callbacks.count import CallbackCounts
from ringback.application.callbacks.create import CallbackCreation, CreateCommand
from ringback.application.callbacks.query import CallbackQueries
from ringback.application.dial_policy import DialPolicy
from ringback.application.directory import Directory
from ringback.application.dispatch.agent_rests import AgentRests
from ringback.application.dispatch.assigner import Assigner
from ringback.application.dispatch.decisions import CallsInProgress, Decisions
from ringback.application.dispatch.dialer_presence import DialerPresence
from ringback.application.dispatch.lease_request import DEFAULT_LEASE, LeaseRequest
from ringback.application.dispatch.leases import Leases
from ringback.application.dispatch.queue_board import QueueBoard
from ringback.application.dispatch.queue_view import QueueView, QueueViews
from ringback.application.dispatch.queue_watch import QueueWatches
from ringback.application.dispatch.reports import Reports
from ringback.application.erasure import Erasure
from ringback.application.events.feed import EventFeed
from ringback.application.outcomes import OutcomeQueries
from ringback.application.queue_figures import QueueFigures
from ringback.application.recent_dials import RecentDials
from ringback.application.scheduling.clock_jumps import ClockJumps
from ringback.application.scheduling.leader_election import LeaderElection
from ringback.application.scheduling.loop import SchedulerLoop
from ringback.application.scheduling.scheduler import Scheduler
from ringback.application.usage import Usage
from ringback.domain.callback import Callback, State
from ringback.domain.dial_rules import DEFAULT_RULES, DialRules
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service
from ringback.ports.store import Store
from ringback.ports.values import Retention

MONDAY_9 = datetime(2026, 11, 2, 9, tzinfo=UTC)
# Monday to Friday, eight to six.
OFFICE_HOURS = OpeningHours("UTC", tuple(OpeningPeriod(day, 8 * 60, 18 * 60) for day in range(1, 6)))


@dataclass
class ManualClock:
    """Stands still until it is moved. A jump moves the wall clock alone."""

    wall: datetime = MONDAY_9
    running_s: float = 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.running_s

    def pass_time(self, span: timedelta) -> datetime:
        self.wall += span
        self.running_s += span.total_seconds()
        return self.wall

    def jump(self, span: timedelta) -> None:
        self.wall += span


@dataclass
class World:
    """The use cases on a real store, without a server, and a clock of their own."""

    store: Store
    clock: ManualClock = field(default_factory=ManualClock)
    dial_rules: DialRules = DEFAULT_RULES
    boot: str = "this boot"

    def __post_init__(self) -> None:
        self.clock_jumps = clock = ClockJumps(self.store, self.clock, self.boot)
        self.feed = EventFeed(self.store)
        self.directory = Directory(self.store, clock)
        self.leader_election = LeaderElection(self.store, clock)
        self.dial_policy = DialPolicy(self.dial_rules)
        self.recent_dials = RecentDials(self.store, clock, self.feed, self.dial_policy)
        self.presence = DialerPresence(self.store, clock, self.feed)
        self.agent_rests = AgentRests(self.feed)
        self.assigner = Assigner(
            self.store,
            self.directory,
            clock,
            self.feed,
            self.presence,
            self.dial_policy,
            self.agent_rests,
            self.recent_dials,
        )
        self.scheduler = Scheduler(self.store, self.directory, Retention(), self.dial_policy, self.assigner.take_due)
        self.scheduler_loop = SchedulerLoop(self.scheduler, clock, self.leader_election, self.directory, self.feed)
        self.dial_policy.listen(self.scheduler_loop.look_at_all)
        self.queue_figures = QueueFigures(self.store, self.feed)
        self.queue_views = QueueViews(
            self.store,
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
        clock.listen(self.assigner.look_at_all)
        self.decisions = Decisions(self.directory, self.dial_policy, self.recent_dials)
        self.calls = CallsInProgress(self.feed)
        self.leases = Leases(self.store, self.directory, clock, self.dial_policy, self.decisions, self.calls)
        self.reports = Reports(self.store, self.directory, clock, self.decisions, self.calls)
        self.usage = Usage(None, clock.monotonic)
        self.callback_creation = CallbackCreation(
            self.store, self.directory, clock, self.dial_policy, self.recent_dials, self.usage
        )
        self.callback_queries = CallbackQueries(self.store, self.directory)
        self.callback_counts = CallbackCounts(self.store, self.directory, self.queue_figures)
        self.outcomes = OutcomeQueries(self.store, self.directory, clock)
        self.erasure = Erasure(self.store, self.directory, clock)
        self.callback_changes = CallbackChanges(
            self.store, self.directory, self.callback_queries, clock, self.dial_policy, self.recent_dials
        )

    async def service(self, **settings: Any) -> Service:
        now = self.clock.now()
        draft = Service(service_id="", sip_address="sip:q@cc.example", create_time=now, update_time=now)
        return await self.directory.create(ANYBODY, replace(draft, **settings))

    async def create(self, service: Service, target: str = "sip:a@b.example", **fields: Any) -> Callback:
        request = CallbackRequest(
            **{
                "target": target,
                "service_id": service.service_id,
                "priority": Priority.NORMAL,
                "seconds_between_retries": 60,
                **fields,
            }
        )
        return (await self.callback_creation.create(ANYBODY, CreateCommand(request))).callback

    async def look(self, caller: Caller, service: Service, callback: Callback | None = None) -> QueueView:
        """Return the queue of a service. No loop follows the log here, so the queues are counted each time."""
        await self.queue_figures.count()
        return await self.queue_views.look(caller, service, callback)

    async def run_until(self, span: timedelta) -> datetime:
        """Let time pass, and make a pass then."""
        return await self.scheduler.run_once(self.clock.pass_time(span))

    async def state(self, callback: Callback) -> State:
        return (await self.callback_queries.get(ANYBODY, callback.callback_id)).state

    async def serve(self, request: LeaseRequest) -> Sequence[Callback]:
        """Serve one poll, as a round of the assigner would."""
        self.assigner._readiness.begin_round()
        return await self.assigner._serve(request)

    async def lease(self, duration: timedelta = DEFAULT_LEASE) -> Callback:
        """Lease the callback that is next, as a poll would, without its loop."""
        request = LeaseRequest(dialer_id="test", duration=duration)
        await self.assigner.start()
        [leased] = await self.serve(request)
        return leased

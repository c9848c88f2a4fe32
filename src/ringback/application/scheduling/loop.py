"""When the scheduler makes its passes: one timer for the earliest work, however many callbacks wait.

Of many servers on one database, one makes the passes (`leader_election.py`).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from ringback.application.directory import Directory
from ringback.application.events.feed import EventFeed
from ringback.application.outage import OutageLog
from ringback.application.scheduling.clock_jumps import ClockJumps
from ringback.application.scheduling.leader_election import LeaderElection
from ringback.application.scheduling.process_pauses import ProcessPauses
from ringback.application.scheduling.scheduler import Scheduler
from ringback.domain.errors import StorageUnavailable
from ringback.domain.service import Service
from ringback.ports.values import LoggedEvent

_log = logging.getLogger(__name__)

# How long to sleep at most before the clock is checked again for a jump.
_CLOCK_CHECK_S = 1.0
_RETRY_S = 1.0
_PATIENCE_S = 1.0
_NOW, _FAR = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class SchedulerLoop:
    """The loop of passes: `run()` makes one whenever the next work is due, while this server leads."""

    def __init__(
        self,
        scheduler: Scheduler,
        clock: ClockJumps,
        election: LeaderElection,
        directory: Directory,
        feed: EventFeed,
    ) -> None:
        self._scheduler = scheduler
        self._election = election
        self._clock = clock
        self.pauses = ProcessPauses(clock, scheduler.note_outage)
        # When the next pass begins, as far as is known.
        self._wake_time = _FAR
        self._woken = asyncio.Event()
        # Set when the pass is over that begins next.
        self._next_pass = asyncio.Event()
        self._listeners: list[Callable[[float], None]] = []
        self._outage = OutageLog()
        election.listen(self.look_at_all)
        clock.listen_set_back(self._on_set_back)
        directory.listen(self._on_service, self.settle)
        feed.listen(self._on_events)

    def listen(self, listener: Callable[[float], None]) -> None:
        """Call `listener` after each pass with how many seconds it took."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Make passes until cancelled. Storage faults are waited out."""
        while True:
            self._wake_time = _FAR  # what is committed during the pass may lower it
            this_pass, self._next_pass = self._next_pass, asyncio.Event()
            try:
                await self._clock.follow()
                if self._election.leads:
                    await self._make_pass()
            except StorageUnavailable as fault:
                _log.log(self._outage.level(), "the scheduler cannot reach the database, trying again: %s", fault)
                self._scheduler.note_outage(self._clock.now())
                await asyncio.sleep(_RETRY_S)
                continue
            self._outage.end()
            this_pass.set()
            await self._sleep()

    async def _make_pass(self) -> None:
        begun_s = monotonic()
        # Nothing is awaited before the time is read by which leases are judged.
        self.pauses.look()
        self._wake_at(await self._scheduler.run_once(self._clock.now()))
        for listener in self._listeners:
            listener(monotonic() - begun_s)

    async def settle(self) -> None:
        """Return when a pass that has seen everything up to now is over: at the latest after a second.

        At once where another server makes the passes.
        """
        if self._election.leads:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._next_pass.wait()

    async def _sleep(self) -> None:
        """Sleep until the wake time, also if it is moved meanwhile, or until the clock has jumped."""
        while not self._clock.jump_s():
            await self._scheduler.look_for_outage(self._clock.now())
            self._woken.clear()
            remaining_s = (self._wake_time - self._clock.now()).total_seconds()
            if remaining_s <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(remaining_s, _CLOCK_CHECK_S)):
                    await self._woken.wait()

    def _wake_at(self, moment: datetime) -> None:
        if moment < self._wake_time:
            self._wake_time = moment
            self._woken.set()

    def look_at_all(self) -> None:
        """Let a pass, which begins at once, apply all settings again."""
        self._scheduler.note_all_services()
        self._wake_at(_NOW)

    def _on_set_back(self) -> None:
        self._scheduler.note_set_back()
        self._wake_at(_NOW)

    def _on_service(self, service: Service) -> None:
        self._scheduler.note_service(service)
        self._wake_at(_NOW)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        """Wake earlier when a callback that was just committed is due before all known work."""
        if not self._election.leads:
            return  # `look_at_all` makes up for it
        now = self._clock.now()
        for event in events:
            for moment in self._scheduler.note_callback(event.callback, now):
                self._wake_at(moment)

"""Which of many servers on one database does the work that only one needs to do.

This saves work and is not needed for safety: every change of a callback compares revisions. So a server that is
suspended in the middle of its work, and continues when another one leads, does no harm.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from ringback.domain.errors import StorageUnavailable
from ringback.ports.clock import Clock
from ringback.ports.store import Coordination

_log = logging.getLogger(__name__)

# A leader that has not renewed its lead for this long is gone.
TERM = timedelta(seconds=2)
_RENEWAL_S = 0.5


class LeaderElection:
    """Whether this server leads; `run` takes the lead when no server has it, and keeps it."""

    def __init__(self, store: Coordination, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._server = str(uuid4())
        # It leads up to this moment, unless it is granted another term before.
        self._until = datetime.min.replace(tzinfo=UTC)
        self._listeners: list[Callable[[], None]] = []

    @property
    def leads(self) -> bool:
        return self._clock.now() < self._until

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever this server takes the lead."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Take or keep the lead until cancelled, whatever happens to the database meanwhile."""
        while True:
            with suppress(StorageUnavailable):  # those that use it log that
                await self.ask()
            await asyncio.sleep(_RENEWAL_S)

    async def ask(self) -> None:
        """Take the lead if no server has it, or keep it. Raise `StorageUnavailable`."""
        now = self._clock.now()
        granted = await self._store.lead(self._server, now, now + TERM)
        led = self.leads  # false if the store took too long to respond
        self._until = now + TERM if granted else now
        if granted and not led:
            for listener in self._listeners:
                listener()

    async def stop(self) -> None:
        """Let another server take over at once. It is called after `run` has been cancelled."""
        now = self._clock.now()
        if now < self._until:
            self._until = now
            with suppress(StorageUnavailable):
                await self._store.lead(self._server, now, until=now)

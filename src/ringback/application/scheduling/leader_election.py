"""Which of many servers on one database does the work that only one needs to do.

It is about work saved, not about safety: whoever changes a callback compares revisions. So a server that is suspended
in the middle of its work, and goes on when another one leads, does no harm.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from ringback.domain.errors import StorageUnavailable
from ringback.ports.clock import Clock
from ringback.ports.store import Store

_log = logging.getLogger(__name__)

# A leader that is not heard of for this long is gone.
TERM = timedelta(seconds=2)
_RENEWAL_S = 0.5


class LeaderElection:
    """Whether this server leads; `run` takes the lead when nobody has it, and keeps it."""

    def __init__(self, store: Store, clock: Clock) -> None:
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
        """Until cancelled, whatever happens to the database meanwhile."""
        while True:
            with suppress(StorageUnavailable):  # whoever uses it says so in the log
                await self.ask()
            await asyncio.sleep(_RENEWAL_S)

    async def ask(self) -> None:
        """Take the lead if nobody has it, or keep it. Raises `StorageUnavailable`."""
        now = self._clock.now()
        granted = await self._store.lead(self._server, now, now + TERM)
        led = self.leads  # not while it waited too long for the answer
        self._until = now + TERM if granted else now
        if granted and not led:
            for listener in self._listeners:
                listener()

    async def stop(self) -> None:
        """Let another server take over at once. To be called when `run` has been cancelled."""
        now = self._clock.now()
        if now < self._until:
            self._until = now
            with suppress(StorageUnavailable):
                await self._store.lead(self._server, now, until=now)

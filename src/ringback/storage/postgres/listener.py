"""News of what other servers commit: by notification where there is one, by polling in any case.

A notification is a hint. Every server polls the newest numbers once a second, so a lost one costs no more than that.
Behind a pooler it polls ten times a second, and so it does where they do not come (an engine without LISTEN), which it
notices by what a poll finds.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import psycopg

from ringback.domain.errors import StorageUnavailable
from ringback.storage.postgres.connection import Connection, Link, is_pooled
from ringback.storage.postgres.continuity import Continuity
from ringback.storage.postgres.dsn import Address

LISTENING_INTERVAL_S: Final = 1.0
POLLING_INTERVAL_S: Final = 0.1
# For so long after a poll found something that had not been notified.
POLLING_S: Final = 60.0
_QUERY_LIMIT_S: Final = 3.0


def channel_of(database_id: str) -> str:
    """Return the channel of one schema: PostgreSQL's notifications reach the whole database, which may have several."""
    return f"ringback_{database_id}"


class Listener:
    """The task that reports the newest numbers of the log and of the services, whichever server changed them."""

    def __init__(
        self, address: Address, server: int, channel: str, continuity: Continuity, heard: Callable[[int, int], None]
    ) -> None:
        """`server` is the number of this server, which hears of its own commits before."""
        self._server = str(server)
        self._channel = channel
        self._continuity = continuity
        self._heard = heard
        self._link = Link(address, self._listen)
        # The sum of both numbers, as polled, and as notified.
        self._found: int | None = None
        self._notified = 0
        self._polls_until = 0.0
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="ringback store listener")

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._link.close()

    async def _run(self) -> None:
        while True:
            interval_s = POLLING_INTERVAL_S if self._loop.time() < self._polls_until else LISTENING_INTERVAL_S
            hear = partial(self._hear, interval_s=interval_s)
            try:
                await self._link.run(hear, interval_s + _QUERY_LIMIT_S)
            except (StorageUnavailable, psycopg.Error):  # callers get it from the writer and the readers
                await asyncio.sleep(interval_s)

    async def _listen(self, connection: Connection) -> None:
        await self._continuity.on_connect(connection)
        if await is_pooled(connection):
            # Other clients may get the connection that listens, and what it hears.
            self._polls_until = float("inf")
            return
        self._polls_until = 0.0
        with suppress(psycopg.ProgrammingError, psycopg.NotSupportedError):
            await connection.execute(f"LISTEN {self._channel}")

    async def _hear(self, connection: Connection, interval_s: float) -> None:
        """Poll once, then pass on notifications until it is time for the next poll."""
        newest, services_version = await self._continuity.look(connection)
        self._heard(newest, services_version)
        async for notification in connection.notifies(timeout=interval_s):
            if notification.channel != self._channel:  # of another Ringback in this database, by way of a pooler
                continue
            newest_event, version, *servers = notification.payload.split()  # earlier versions do not say who they are
            if servers != [self._server]:
                self._heard(int(newest_event), int(version))
            self._notified = int(newest_event) + int(version)
        found = newest + services_version
        if self._found is not None and found > max(self._found, self._notified):
            self._polls_until = max(self._polls_until, self._loop.time() + POLLING_S)
        self._found = found

"""Hearing of what other servers commit: by notification where there is one, by asking at any rate.

A notification is a hint. Every server asks the database once a second what the newest numbers are, so one that is
lost costs no more than that. Where nobody is notified (a pooler between, an engine that has no LISTEN), it asks ten
times a second.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import psycopg

from ringback.domain.errors import StorageUnavailable
from ringback.storage.postgres.address import Address
from ringback.storage.postgres.connection import Connection, Link, ask
from ringback.storage.postgres.transaction import NEWEST_EVENT

_log = logging.getLogger(__name__)

LISTENING_INTERVAL_S: Final = 1.0
POLLING_INTERVAL_S: Final = 0.1
_ANSWER_LIMIT_S: Final = 3.0

_NUMBERS: Final = f"SELECT {NEWEST_EVENT}, (SELECT services_version FROM ringback)"  # noqa: S608 - SQL of ours
# Given the channel.
RING: Final = f"""
    SELECT pg_notify($1, concat({NEWEST_EVENT}, ' ', (SELECT services_version FROM ringback)))
"""  # noqa: S608 - SQL of ours


def channel_of(database_id: str) -> str:
    """Notifications are those of a whole PostgreSQL database, which may have several of ours, each in a schema."""
    return f"ringback_{database_id}"


class Bell:
    """Tells how far the log and the services have come, whoever has changed them."""

    def __init__(self, address: Address, channel: str, heard: Callable[[int, int], None]) -> None:
        self._channel = channel
        self._heard = heard
        self._link = Link(address, self._listen)
        self._notified = False
        self._task = asyncio.create_task(self._run(), name="ringback store bell")

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._link.close()

    async def _run(self) -> None:
        while True:
            interval_s = LISTENING_INTERVAL_S if self._notified else POLLING_INTERVAL_S
            hear = partial(self._hear, interval_s=interval_s)
            try:
                await self._link.run(hear, interval_s + _ANSWER_LIMIT_S)
            except StorageUnavailable:  # the writer and the readers say so to whom it concerns
                await asyncio.sleep(interval_s)

    async def _listen(self, connection: Connection) -> None:
        """Ask for notifications. Whether they come is shown by one of our own."""
        self._notified = False
        with suppress(psycopg.ProgrammingError, psycopg.NotSupportedError):
            await connection.execute(f"LISTEN {self._channel}")
            await connection.execute(RING, [self._channel])

    async def _hear(self, connection: Connection, interval_s: float) -> None:
        """Ask once, then pass on what is notified until it is time to ask again."""
        [(newest, services_version)] = await ask(connection, _NUMBERS)
        self._heard(newest, services_version)
        async for notification in connection.notifies(timeout=interval_s):
            self._notified = True
            newest, services_version = map(int, notification.payload.split())
            self._heard(newest, services_version)

"""Which of several hosts is the primary of today: the one that writes the newest timeline.

Each standby that takes over begins a new timeline. A former primary that is started again, or was cut off, takes writes
as well, and may be the first host of the URL: what it is given is lost. So all hosts are asked at start, and each new
connection is compared with the newest timeline that was seen of its cluster.
"""

import asyncio
import logging
from typing import Final, Self

import psycopg

from ringback.domain.errors import StorageUnavailable
from ringback.storage.postgres.connection import Connection, ask, connect
from ringback.storage.postgres.dsn import Address

_log = logging.getLogger(__name__)

# A standby has the same identifier as its primary.
_PLACE: Final = """
    SELECT system_identifier::text, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
      FROM pg_control_system()
"""


class Timelines:
    """The newest timeline of each cluster, by its identifier."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._told: set[tuple[str, int]] = set()

    @classmethod
    async def survey(cls, address: Address) -> Self:
        """Ask each host, where there are several; those that do not answer are left out."""
        timelines = cls()
        hosts = address.each_host()
        if len(hosts) > 1:
            await asyncio.gather(*(timelines._ask(host) for host in hosts))
        return timelines

    async def look(self, connection: Connection) -> None:
        """Raise `StorageUnavailable` when it is a connection to a former primary."""
        place = await _place_of(connection)
        if place is None:
            return
        cluster, timeline = place
        newest = self._newest.get(cluster, timeline)
        if timeline < newest:
            host = f"{connection.info.host}:{connection.info.port}"
            reason = f"{host} is a former primary: it writes timeline {timeline}, and another host {newest}"
            if (host, timeline) not in self._told:
                self._told.add((host, timeline))
                _log.error("%s; it is not used, and has to be stopped", reason)
            raise StorageUnavailable(reason)
        self._newest[cluster] = timeline

    async def _ask(self, host: Address) -> None:
        try:
            connection = await connect(host)
        except (psycopg.Error, TimeoutError):
            return
        try:
            place = await _place_of(connection)
        except psycopg.Error:
            return
        finally:
            await connection.close()
        if place is not None:
            cluster, timeline = place
            self._newest[cluster] = max(timeline, self._newest.get(cluster, timeline))


async def _place_of(connection: Connection) -> tuple[str, int] | None:
    try:
        [(cluster, timeline)] = await ask(connection, _PLACE)
    except (psycopg.ProgrammingError, psycopg.errors.ObjectNotInPrerequisiteState):
        # An engine without timelines, a role that may not see them, or a standby, which writes none.
        return None
    return cluster, timeline

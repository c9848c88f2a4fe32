"""Which of several hosts is the primary of today: the one that writes the newest timeline.

Each standby that takes over begins a new timeline. A former primary that is started again, or was cut off, takes writes
as well, and may be the first host of the URL: what it is given is lost. So before a connection is used, all hosts are
asked for theirs. A host that does not answer may be the new primary, at the moment of a crash or behind a broken
network: it is asked again for ten seconds, and then given up with a warning.

As soon as a newer timeline is seen, all connections to older ones are cut: a former primary may never have stopped.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringback.domain.errors import StorageUnavailable
from ringback.storage.postgres.connection import CONNECT_TIMEOUT_S, Connection, ask, connect, cut
from ringback.storage.postgres.dsn import Address

_log = logging.getLogger(__name__)

# A standby has the same identifier as its primary.
_PLACE: Final = """
    SELECT system_identifier::text, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
      FROM pg_control_system()
"""
_PAUSE_S: Final = 0.1
# How long a timeline that has just been seen to begin is the newest without a question: all connections are made
# again then, and the former primary is down.
_NEW_S: Final = 10.0


class Timelines:
    """The newest timeline of each cluster, by its identifier. Has a task, so it must be closed."""

    def __init__(self, address: Address) -> None:
        hosts = address.each_host()
        # A standby answers, too.
        self._hosts = [_of_any_kind(host) for host in hosts] if len(hosts) > 1 else []
        self._newest: dict[str, int] = {}
        # The cluster and the timeline of each connection that is used.
        self._used: WeakKeyDictionary[Connection, tuple[str, int]] = WeakKeyDictionary()
        # Former primaries that the log has told of, and hosts that were given up.
        self._told: set[tuple[str, int]] = set()
        self._silent: set[str] = set()
        self._turn = asyncio.Lock()
        # How many surveys have begun, and the last one that is complete.
        self._begun = 0
        self._complete = 0
        self._is_opening = True
        self._known_until = float("-inf")
        self._background: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait([self._background])

    def opened(self) -> None:
        """Note that all first connections are made: they share one question, and those to come ask for themselves."""
        self._is_opening = False

    async def look(self, connection: Connection) -> None:
        """Raise `StorageUnavailable` when it is a connection to a former primary. Take up to ten seconds."""
        place = await _place_of(connection)
        if place is None:
            return
        if not self._begins(*place):
            await self._survey()
        self._compare(connection, *place)

    async def glance(self, connection: Connection) -> None:
        """Do the same as `look` by what is known, and ask no other host."""
        place = await _place_of(connection)
        if place is not None:
            self._compare(connection, *place)

    def _begins(self, cluster: str, timeline: int) -> bool:
        """Return whether a standby has taken over since the last connection was made, or just before that."""
        now = asyncio.get_running_loop().time()
        if timeline > self._newest.get(cluster, timeline):
            self._learn(cluster, timeline)
            self._known_until = now + _NEW_S
            if self._background is None or self._background.done():
                # The former primary is given up before a connection is lost again.
                self._background = asyncio.create_task(self._survey(), name="ringback store hosts")
        return timeline == self._newest.get(cluster) and now < self._known_until

    def _compare(self, connection: Connection, cluster: str, timeline: int) -> None:
        self._learn(cluster, timeline)
        newest = self._newest[cluster]
        if timeline == newest:
            self._used[connection] = cluster, timeline
            return
        host = f"{connection.info.host}:{connection.info.port}"
        reason = f"{host} is a former primary: it writes timeline {timeline}, and another host {newest}"
        if (host, timeline) not in self._told:
            self._told.add((host, timeline))
            _log.error("%s; it is not used, and has to be stopped", reason)
        raise StorageUnavailable(reason)

    def _learn(self, cluster: str, timeline: int) -> None:
        if timeline <= self._newest.get(cluster, 0):
            return
        self._newest[cluster] = timeline
        for connection, (its_cluster, its_timeline) in list(self._used.items()):
            if its_cluster == cluster and its_timeline < timeline and not connection.closed:
                cut(connection)

    async def _survey(self) -> None:
        """Ask each host for its timeline. Connections that are made at the same time share one that is to begin."""
        before = self._begun
        async with self._turn:
            if self._complete > before or (self._is_opening and self._complete):
                return
            self._begun += 1
            await asyncio.gather(*map(self._ask, self._hosts))
            self._complete = self._begun

    async def _ask(self, host: Address) -> None:
        name = _name_of(host)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                place = await _answer_of(host, insist=name not in self._silent)
        except (TimeoutError, psycopg.Error):
            if name not in self._silent:
                self._silent.add(name)
                _log.warning(
                    "%s has not answered for %g s, and is left out: if a standby has taken over there, the primary "
                    "that is used now is a former one",
                    name,
                    CONNECT_TIMEOUT_S,
                )
        else:
            self._silent.discard(name)
            if place is not None:
                self._learn(*place)


async def _answer_of(host: Address, *, insist: bool) -> tuple[str, int] | None:
    """Return its timeline, None when it writes none. When insisting, ask until it answers: it may just be starting."""
    while True:
        try:
            connection = await connect(host)
            try:
                return await _place_of(connection)
            finally:
                await connection.close()
        except psycopg.Error:
            if not insist:
                raise
            await asyncio.sleep(_PAUSE_S)


async def _place_of(connection: Connection) -> tuple[str, int] | None:
    try:
        [(cluster, timeline)] = await ask(connection, _PLACE)
    except (psycopg.ProgrammingError, psycopg.errors.ObjectNotInPrerequisiteState):
        # An engine without timelines, a role that may not see them, or a standby, which writes none.
        return None
    return cluster, timeline


def _of_any_kind(host: Address) -> Address:
    return replace(host, conninfo=make_conninfo(host.conninfo, target_session_attrs="any"))


def _name_of(host: Address) -> str:
    parameters = conninfo_to_dict(host.conninfo)
    return f"{parameters.get('host') or parameters.get('hostaddr') or 'localhost'}:{parameters.get('port') or 5432}"

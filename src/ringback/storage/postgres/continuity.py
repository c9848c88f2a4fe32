"""Whether the database still has all that this server has seen in it.

A standby that takes over without the newest commits, a disk that has forgotten them, a restored copy: the log then
ends earlier than this server knows, or goes on with other events under the same numbers. Whoever went on from a
number would miss some of them for ever. So the newest event that was seen is looked up again: on each new connection
before anything else, and with each poll (behind a pooler no new connection is seen).

What is lost cannot be mended by a server. It gives the database a new id, so that no token of the lost history is
taken any more, and ends: what is in its memory is of that history, too. Started again, it serves what is there.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from ringback.domain.errors import StorageUnavailable
from ringback.ports.errors import HistoryLost
from ringback.storage.naming import new_database_id
from ringback.storage.postgres.connection import Connection, ask
from ringback.storage.postgres.timelines import Timelines
from ringback.storage.postgres.transaction import NEWEST_EVENT

_CONTENT: Final = "(SELECT callback_id || ' ' || event_us FROM event WHERE event.number = {})"
_LOOK: Final = f"""
    SELECT database_id, services_version, (SELECT number FROM log_start), {_CONTENT.format("$1")},
           newest.number, {_CONTENT.format("newest.number")}
      FROM ringback, (SELECT {NEWEST_EVENT}) AS newest (number)
"""  # noqa: S608 - SQL of ours
_RENAME: Final = "UPDATE ringback SET database_id = $1 WHERE database_id = $2"


class _Event(NamedTuple):
    number: int
    # What tells it from another one with the same number.
    content: str


class Continuity:
    """What one server has seen of the database, and the comparison with what is there."""

    def __init__(self, database_id: str, timelines: Timelines, lost: Callable[[HistoryLost], None]) -> None:
        """`lost` is called once, when something that was seen is not there any more."""
        self._database_id = database_id
        self._when_lost = lost
        self._lost: HistoryLost | None = None
        self._seen = _Event(0, "")
        # That of an event which was passed on may be above it, for up to a poll.
        self._newest = 0
        self._services_version = 0
        self._timelines = timelines

    def saw(self, number: int, callback_id: str, event_us: int) -> None:
        """Note an event of the log that was acknowledged here."""
        self._note(_Event(number, f"{callback_id} {event_us}"))

    def passed_on(self, number: int) -> None:
        """Note the number of an event that was told to those who follow the log."""
        self._newest = max(number, self._newest)

    def saw_services(self, version: int) -> None:
        """Note a version of the services that was acknowledged here."""
        self._services_version = max(version, self._services_version)

    async def on_connect(self, connection: Connection) -> None:
        """Look at a new connection. Raise `StorageUnavailable` when it must not be used."""
        await self._timelines.look(connection)
        await self.look(connection)

    async def on_brief_connect(self, connection: Connection) -> None:
        """Do the same for a connection that is made for one question, without asking other hosts for each."""
        await self._timelines.glance(connection)
        await self.look(connection)

    async def look(self, connection: Connection) -> tuple[int, int]:
        """Return the newest numbers of the log and of the services. Raise `StorageUnavailable` when history is lost."""
        seen, seen_newest, seen_version = self._seen, self._newest, self._services_version
        rows = await ask(connection, _LOOK, seen.number)
        if not rows:
            raise self._fail("the database has been emptied")
        [(database_id, version, log_start, content, newest, newest_content)] = rows
        if database_id != self._database_id:
            raise self._fail("it is not the database that this server has opened: a copy, or one that has lost events")
        is_another = log_start < seen.number and content != seen.content
        if newest < seen_newest or version < seen_version or is_another:
            # The first server to notice it does so for all.
            await connection.execute(_RENAME, [new_database_id(), self._database_id])
            if newest < seen_newest:
                lost = f"what came after event {newest}"
            else:
                lost = f"event {seen.number}" if is_another else "a change of services"
            raise self._fail(f"the database has lost what was acknowledged: {lost} was in it, and is not")
        self.saw_services(version)
        if newest_content is not None:
            self._note(_Event(newest, newest_content))
        return int(newest), int(version)

    def insist(self) -> None:
        """Raise `StorageUnavailable` when history is lost, also on a connection that was there before."""
        if self._lost is not None:
            raise StorageUnavailable(str(self._lost))

    def _note(self, event: _Event) -> None:
        self.passed_on(event.number)
        if event.number > self._seen.number:
            self._seen = event

    def _fail(self, reason: str) -> StorageUnavailable:
        if self._lost is None:
            self._lost = HistoryLost(reason)
            self._when_lost(self._lost)
        return StorageUnavailable(str(self._lost))

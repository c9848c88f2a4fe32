"""The questions that an index answers. Each runs whole on the thread of a reader.

`INDEXED BY` makes a query fail that its index cannot answer, so none ever turns into a scan when the schema or the
planner's statistics change.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Final

from ringback.domain.callback import Callback
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.priority import Priority
from ringback.domain.queue import Line, Queue, Turn
from ringback.ports.values import History, LoggedEvent, Services
from ringback.storage.body import read_callback, read_json, read_service, time_of, time_us
from ringback.storage.event_row import logged_event
from ringback.storage.operations import PAGE_BYTES
from ringback.storage.sqlite.readers import one_moment


def get(database: sqlite3.Connection, key: Key) -> Callback | None:
    if isinstance(key, ExternalTaskKey):
        found = database.execute(
            "SELECT body, lease_expire_us FROM callback WHERE caller_id = ? AND external_task_id = ?",
            (key.caller_id, key.external_task_id),
        )
    else:
        found = database.execute("SELECT body, lease_expire_us FROM callback WHERE callback_id = ?", (key,))
    row = found.fetchone()
    return None if row is None else read_callback(*row)


def get_by_request_id(database: sqlite3.Connection, request_id: str) -> Callback | None:
    row = database.execute("SELECT body, lease_expire_us FROM callback WHERE request_id = ?", (request_id,)).fetchone()
    return None if row is None else read_callback(*row)


def get_many(database: sqlite3.Connection, callback_ids: Sequence[str]) -> list[Callback]:
    found = (get(database, callback_id) for callback_id in dict.fromkeys(callback_ids))
    return [callback for callback in found if callback is not None]


# --- The scheduler's questions ---------------------------------------------------------------------------------

DUE: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_to_queue
     WHERE state = 'SCHEDULED' AND next_attempt_us <= ? ORDER BY next_attempt_us LIMIT ?
"""
EXPIRED: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_to_expire
     WHERE next_attempt_us IS NOT NULL AND expire_us <= ? ORDER BY expire_us LIMIT ?
"""
LAPSED: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_to_lapse
     WHERE lease_expire_us <= ? ORDER BY lease_expire_us LIMIT ?
"""
NEXT_TIME: Final = """
    SELECT min(at_us) FROM (
        SELECT min(next_attempt_us) AS at_us FROM callback INDEXED BY callback_to_queue WHERE state = 'SCHEDULED'
        UNION ALL
        SELECT min(expire_us) FROM callback INDEXED BY callback_to_expire WHERE next_attempt_us IS NOT NULL
        UNION ALL
        SELECT min(lease_expire_us) FROM callback INDEXED BY callback_to_lapse WHERE lease_expire_us IS NOT NULL
    )
"""
MOVED_BY_HOURS: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_to_open
     WHERE state = 'SCHEDULED' AND next_attempt_us > ready_us AND service_id = ? AND callback_id > ?
     ORDER BY callback_id LIMIT ?
"""


def due(database: sqlite3.Connection, now: datetime, limit: int) -> list[Callback]:
    return _callbacks(database.execute(DUE, (time_us(now), limit)))


def expired(database: sqlite3.Connection, now: datetime, limit: int) -> list[Callback]:
    return _callbacks(database.execute(EXPIRED, (time_us(now), limit)))


def lapsed(database: sqlite3.Connection, now: datetime, limit: int) -> list[Callback]:
    return _callbacks(database.execute(LAPSED, (time_us(now), limit)))


def clock_jumps(database: sqlite3.Connection) -> int:
    (jumps,) = database.execute("SELECT clock_jumps FROM ringback").fetchone()
    return int(jumps)


def next_time(database: sqlite3.Connection) -> datetime | None:
    (at_us,) = database.execute(NEXT_TIME).fetchone()
    return None if at_us is None else time_of(at_us)


def moved_by_hours(database: sqlite3.Connection, service_id: str, after_id: str, limit: int) -> list[Callback]:
    return _callbacks(database.execute(MOVED_BY_HOURS, (service_id, after_id, limit)))


# --- The dispatcher's questions --------------------------------------------------------------------------------

HELD_BY: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_by_lease WHERE lease_dialer = ?
"""
LEASED_FOR: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_by_lease
     WHERE lease_dialer = ? AND lease_request = ?
"""
# Jumps from one service to the next, instead of reading the whole queue of each.
QUEUED_SERVICES: Final = """
    WITH RECURSIVE queued (service_id) AS (
        SELECT min(service_id) FROM callback INDEXED BY callback_queue WHERE state = 'QUEUED'
        UNION ALL
        SELECT (
            SELECT min(service_id) FROM callback INDEXED BY callback_queue
             WHERE state = 'QUEUED' AND service_id > queued.service_id
        ) FROM queued WHERE queued.service_id IS NOT NULL
    )
    SELECT service_id FROM queued WHERE service_id IS NOT NULL
"""
QUEUED: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_queue
     WHERE state = 'QUEUED' AND service_id = ? ORDER BY priority, ready_us, callback_id LIMIT ?
"""
SERVICE_WITH_TURN: Final = """
    SELECT body, credits, service_turn.revision FROM service JOIN service_turn USING (service_id)
     WHERE service_id = ?
"""
IN_PROGRESS_OF_SERVICE: Final = """
    SELECT count(*) FROM callback INDEXED BY callback_by_service
     WHERE service_id = ? AND state IN ('OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING')
"""
_IN_CALL: Final = """
    EXISTS (
        SELECT 1 FROM callback AS other INDEXED BY callback_in_call
         WHERE other.dial_target = waiting.dial_target AND other.lease_dialer IS NOT NULL
    )
"""
# One seek per level: a single query in the order of the levels would read all of the first to get to the second.
QUEUE_HEADS: Final = " UNION ALL ".join(
    f"""
    SELECT * FROM (
        SELECT {level.value}, body, lease_expire_us FROM callback AS waiting INDEXED BY callback_queue
         WHERE state = 'QUEUED' AND service_id = :service_id AND priority = {level.value} AND NOT {_IN_CALL}
         ORDER BY ready_us, callback_id LIMIT :depth
    )
    """  # noqa: S608 - SQL of ours
    for level in Priority
)
# Asked for the levels whose line is short (NULL for the others): there are few in those who are not held.
IS_HELD: Final = f"""
    SELECT 1 FROM callback AS waiting INDEXED BY callback_queue
     WHERE state = 'QUEUED' AND service_id = ? AND priority IN ({", ".join("?" * len(Priority))}) AND {_IN_CALL} LIMIT 1
"""  # noqa: S608 - SQL of ours


LINE: Final = """
    SELECT priority, count(*), min(ready_us) FROM callback INDEXED BY callback_queue
     WHERE state = 'QUEUED' AND service_id = ? GROUP BY priority
"""
AHEAD: Final = """
    SELECT count(*) FROM callback INDEXED BY callback_queue
     WHERE state = 'QUEUED' AND service_id = ? AND priority = ? AND (ready_us, callback_id) < (?, ?)
"""


def held_by(database: sqlite3.Connection, dialer_id: str) -> list[Callback]:
    return _callbacks(database.execute(HELD_BY, (dialer_id,)))


def leased_for(database: sqlite3.Connection, dialer_id: str, request_id: str) -> list[Callback]:
    return _callbacks(database.execute(LEASED_FOR, (dialer_id, request_id)))


def queued_services(database: sqlite3.Connection) -> list[str]:
    return [service_id for (service_id,) in database.execute(QUEUED_SERVICES)]


def queued(database: sqlite3.Connection, service_id: str, limit: int) -> list[Callback]:
    return _callbacks(database.execute(QUEUED, (service_id, limit)))


def queue(database: sqlite3.Connection, service_id: str, depth: int) -> Queue | None:
    with one_moment(database):
        row = database.execute(SERVICE_WITH_TURN, (service_id,)).fetchone()
        if row is None:
            return None
        (in_progress,) = database.execute(IN_PROGRESS_OF_SERVICE, (service_id,)).fetchone()
        heads: dict[Priority, list[Callback]] = {}
        for level, *columns in database.execute(QUEUE_HEADS, {"service_id": service_id, "depth": depth}):
            heads.setdefault(Priority(level), []).append(read_callback(*columns))
        short = [level if len(heads.get(level, ())) < depth else None for level in Priority]
        held = database.execute(IS_HELD, (service_id, *short)).fetchone() is not None
    return Queue(read_service(row[0]), _turn(service_id, row), in_progress, heads, held)


def line(database: sqlite3.Connection, service_id: str) -> Line | None:
    with one_moment(database):
        row = database.execute(SERVICE_WITH_TURN, (service_id,)).fetchone()
        if row is None:
            return None
        (in_progress,) = database.execute(IN_PROGRESS_OF_SERVICE, (service_id,)).fetchone()
        levels = database.execute(LINE, (service_id,)).fetchall()
    return Line(
        turn=_turn(service_id, row),
        in_progress=in_progress,
        waiting={Priority(level): count for level, count, _ in levels},
        oldest=min((time_of(ready_us) for _, _, ready_us in levels), default=None),
    )


def ahead(database: sqlite3.Connection, callback: Callback) -> int:
    place = (callback.service_id, callback.request.priority, time_us(callback.ready_time), callback.callback_id)
    (count,) = database.execute(AHEAD, place).fetchone()
    return int(count)


def _turn(service_id: str, service_with_turn: Any) -> Turn:
    _, credits_, revision = service_with_turn
    return Turn(service_id, tuple(read_json(credits_)), revision)


# --- Services and events ---------------------------------------------------------------------------------------

# SQLite's own table of AUTOINCREMENT: it knows the last number also when the log is empty.
NEWEST_EVENT: Final = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'"
EVENTS: Final = """
    SELECT number, kind, previous_state, previous, lease_expire_us, body FROM event
     WHERE number > ? ORDER BY number LIMIT ?
"""


def services(database: sqlite3.Connection) -> Services:
    with one_moment(database):
        (version,) = database.execute("SELECT services_version FROM ringback").fetchone()
        bodies = database.execute("SELECT body FROM service ORDER BY service_id").fetchall()
    return Services(version, [read_service(body) for (body,) in bodies])


def newest_event(database: sqlite3.Connection) -> int:
    (number,) = database.execute(NEWEST_EVENT).fetchone()
    return int(number)


def history(database: sqlite3.Connection) -> History:
    with one_moment(database):
        newest = newest_event(database)
        (first,) = database.execute("SELECT min(number) FROM event").fetchone()
    return History(oldest=newest if first is None else first - 1, newest=newest)


def events(database: sqlite3.Connection, after: int, limit: int) -> list[LoggedEvent]:
    page: list[LoggedEvent] = []
    size = 0
    with closing(database.execute(EVENTS, (after, limit))) as rows:
        for row in rows:
            page.append(logged_event(*row))
            size += len(row[-1])
            if size >= PAGE_BYTES:
                break
    return page


def _callbacks(rows: Iterable[Any]) -> list[Callback]:
    return [read_callback(*row) for row in rows]

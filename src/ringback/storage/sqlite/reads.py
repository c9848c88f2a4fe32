"""The queries that an index serves. Each is one statement, which sees one snapshot of the database.

`INDEXED BY` makes a query fail that its index cannot serve, so none ever turns into a scan when the schema or the
planner's statistics change.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Final

from aiosqlite import Connection

from ringback.domain.callback import Callback
from ringback.domain.priority import Priority
from ringback.domain.queue import Queue, Turn
from ringback.ports.calls import KeptCall
from ringback.ports.values import History, LineHeads, LineName, LoggedEvent, Services
from ringback.storage.body import read_callback, read_json, read_service, time_of, time_us, times_of, write_json
from ringback.storage.call_row import kept_call
from ringback.storage.callback_row import callbacks
from ringback.storage.dialect import Statements
from ringback.storage.event_row import logged_event
from ringback.storage.operations import PAGE_BYTES
from ringback.storage.sqlite.calls import CALLS_LEFT, CALLS_OF, CALLS_OF_CALLBACKS
from ringback.storage.sqlite.connection import ask
from ringback.storage.sqlite.search import EVENT_OWNERS, SEARCH_CALLBACKS, SEARCH_EVENTS
from ringback.storage.sqlite.transaction import NEWEST_EVENT

GET: Final = "SELECT body, lease_expire_us FROM callback WHERE callback_id = ?"
GET_BY_TASK: Final = "SELECT body, lease_expire_us FROM callback WHERE caller_id = ? AND external_task_id = ?"
GET_BY_REQUEST: Final = "SELECT body, lease_expire_us FROM callback WHERE request_id = ? AND coalesce(identity, '') = ?"
GET_MANY: Final = """
    SELECT body, lease_expire_us FROM callback WHERE callback_id IN (SELECT value FROM json_each(?))
"""


async def get_many(connection: Connection, callback_ids: Sequence[str]) -> list[Callback]:
    return callbacks(await ask(connection, GET_MANY, write_json(list(callback_ids))))


async def calls_of_callbacks(connection: Connection, callback_ids: Sequence[str]) -> list[KeptCall]:
    return [kept_call(*row) for row in await ask(connection, CALLS_OF_CALLBACKS, write_json(list(callback_ids)))]


# --- The scheduler's queries -----------------------------------------------------------------------------------

AGENDA: Final = """
    SELECT * FROM (
        SELECT 'LAPSED', body, lease_expire_us FROM callback INDEXED BY callback_to_lapse
         WHERE lease_expire_us <= ?2 ORDER BY lease_expire_us LIMIT ?3
    )
    UNION ALL
    SELECT * FROM (
        SELECT 'EXPIRED', body, lease_expire_us FROM callback INDEXED BY callback_to_expire
         WHERE next_attempt_us IS NOT NULL AND expire_us <= ?1 ORDER BY expire_us LIMIT ?3
    )
    UNION ALL
    SELECT * FROM (
        SELECT 'DUE', body, lease_expire_us FROM callback INDEXED BY callback_to_queue
         WHERE state = 'SCHEDULED' AND next_attempt_us <= ?1 ORDER BY next_attempt_us LIMIT ?3
    )
    UNION ALL
    SELECT NULL, NULL, min(at_us) FROM (
        SELECT min(next_attempt_us) AS at_us FROM callback INDEXED BY callback_to_queue
         WHERE state = 'SCHEDULED' AND next_attempt_us > ?1
        UNION ALL
        SELECT min(expire_us) FROM callback INDEXED BY callback_to_expire
         WHERE next_attempt_us IS NOT NULL AND expire_us > ?1
        UNION ALL
        SELECT min(lease_expire_us) FROM callback INDEXED BY callback_to_lapse WHERE lease_expire_us > ?2
    )
"""
OUTLASTING: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_to_lapse
     WHERE lease_expire_us > ? ORDER BY lease_expire_us LIMIT ?
"""
CLOCK_JUMPS: Final = "SELECT clock_jumps FROM ringback"
CLOCK_MARK: Final = "SELECT clock_boot, clock_ahead_us, clock_marked_jumps FROM ringback"
SCHEDULED: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_by_service
     WHERE service_id = ? AND state = 'SCHEDULED' AND callback_id > ? ORDER BY callback_id LIMIT ?
"""
MOVED_BY_HOURS: Final = """
    SELECT body, lease_expire_us FROM callback INDEXED BY callback_to_open
     WHERE state = 'SCHEDULED' AND next_attempt_us > ready_us AND service_id = ? AND callback_id > ?
     ORDER BY callback_id LIMIT ?
"""


# --- The dispatcher's queries ----------------------------------------------------------------------------------

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
_IN_PROGRESS: Final = """
    SELECT count(*) FROM callback INDEXED BY callback_by_service
     WHERE service_id = :service_id AND state IN ('OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING')
"""
_IN_CALL: Final = """
    EXISTS (
        SELECT 1 FROM callback AS other INDEXED BY callback_phone_in_call
         WHERE coalesce(other.phone, other.dial_target) = coalesce(waiting.phone, waiting.dial_target)
           AND other.lease_dialer IS NOT NULL
    )
"""
# NULL when it is not kept.
_KEPT_UNTIL: Final = """
    (
        SELECT until_us FROM kept_phone
         WHERE kept_phone.phone = coalesce(waiting.phone, waiting.dial_target) AND until_us > :now_us
    )
"""
PHONE_USE: Final = """
    SELECT (
        SELECT callback_id FROM callback INDEXED BY callback_phone_in_call
         WHERE coalesce(callback.phone, dial_target) = wanted.phone AND lease_dialer IS NOT NULL
    ), (
        SELECT until_us FROM kept_phone WHERE kept_phone.phone = wanted.phone AND until_us > wanted.now_us
    ) FROM (SELECT ? AS phone, ? AS now_us) AS wanted
"""
DIALLED: Final = """
    SELECT phone, at_us FROM dialled INDEXED BY dialled_by_time WHERE at_us > ? ORDER BY at_us DESC LIMIT ?
"""
DIALLED_OF: Final = "SELECT at_us FROM dialled WHERE phone = ? AND at_us > ?"
# As text, times with commas between; NULL when there are none. Of the number without its extension.
_DIALLED: Final = """
    (
        SELECT group_concat(at_us) FROM dialled
         WHERE dialled.phone = substr(
             coalesce(waiting.phone, waiting.dial_target),
             1, instr(coalesce(waiting.phone, waiting.dial_target) || ';ext=', ';ext=') - 1
         )
    )
"""
# One seek per level: a single query in the order of the levels would read all of the first to get to the second.
_HEADS: Final = " UNION ALL ".join(
    f"""
    SELECT * FROM (
        SELECT {level.value} AS level, body, {_DIALLED} AS dialled
          FROM callback AS waiting INDEXED BY callback_queue
         WHERE state = 'QUEUED' AND service_id = :service_id AND priority = {level.value}
           AND NOT {_IN_CALL} AND {_KEPT_UNTIL} IS NULL
         ORDER BY ready_us, callback_id LIMIT :depth
    )
    """  # noqa: S608 - SQL of ours
    for level in Priority
)
_LEVELS: Final = ", ".join(f"({level.value})" for level in Priority)
_IN_SHORT_LINE: Final = """
    state = 'QUEUED' AND service_id = :service_id AND priority IN (
        SELECT level FROM line WHERE (SELECT count(*) FROM head WHERE head.level = line.level) < :depth
    )
"""
# The service, then the heads of its lines. Held callbacks are looked for where the line is short: there are few in it
# that are not held.
QUEUE: Final = f"""
    WITH head AS MATERIALIZED ({_HEADS}), line (level) AS (VALUES {_LEVELS})
    SELECT NULL, service.body, credits, service_turn.revision, ({_IN_PROGRESS}), EXISTS (
        SELECT 1 FROM callback AS waiting INDEXED BY callback_queue WHERE {_IN_SHORT_LINE} AND {_IN_CALL}
    ), (
        SELECT min({_KEPT_UNTIL}) FROM callback AS waiting INDEXED BY callback_queue
         WHERE EXISTS (SELECT 1 FROM kept_phone WHERE until_us > :now_us) AND {_IN_SHORT_LINE}
    )
      FROM service JOIN service_turn USING (service_id) WHERE service_id = :service_id
    UNION ALL
    SELECT level, body, dialled, NULL, NULL, NULL, NULL FROM head
"""  # noqa: S608 - SQL of ours
TURNS: Final = """
    SELECT service_id, credits, revision FROM service_turn WHERE service_id IN (SELECT value FROM json_each(?))
"""
OUTLOOKS: Final = """
    SELECT wanted.value, (
        SELECT count(*) FROM (
            SELECT 1 FROM callback INDEXED BY callback_to_come
             WHERE state = 'SCHEDULED' AND service_id = wanted.value AND next_attempt_us <= ?1 LIMIT ?2
        )
    ), (
        SELECT min(expire_us) FROM callback INDEXED BY callback_queue_end
         WHERE state = 'QUEUED' AND service_id = wanted.value
    ) FROM json_each(?3) AS wanted
"""
# How many expire before a time, and when the first of each line do, in its order: an index has all of either.
_LINE_ENDS: Final = " UNION ALL ".join(
    f"""
    SELECT {level.value}, group_concat(expire_us) FROM (
        SELECT expire_us FROM callback INDEXED BY callback_queue
         WHERE state = 'QUEUED' AND service_id = ?1 AND priority = {level.value}
         ORDER BY ready_us, callback_id LIMIT coalesce((SELECT depth FROM line WHERE level = {level.value}), 0)
    )
    """  # noqa: S608 - SQL of ours
    for level in Priority
)
LINE_ENDS: Final = f"""
    WITH line (level, depth) AS MATERIALIZED (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?4)
    )
    SELECT NULL, count(*) FROM (
        SELECT 1 FROM callback INDEXED BY callback_queue_end
         WHERE state = 'QUEUED' AND service_id = ?1 AND expire_us < ?2 LIMIT ?3
    )
    UNION ALL {_LINE_ENDS}
"""  # noqa: S608 - SQL of ours
# From the callback to the front: what has just left the queue is at its front.
AHEAD: Final = """
    SELECT count(*) FROM (
        SELECT 1 FROM callback INDEXED BY callback_queue
         WHERE state = 'QUEUED' AND service_id = ? AND priority = ? AND (ready_us, callback_id) < (?, ?)
         ORDER BY ready_us DESC, callback_id DESC LIMIT ?
    )
"""


async def leased_for(connection: Connection, dialer_id: str, request_id: str) -> list[Callback]:
    return callbacks(await ask(connection, LEASED_FOR, dialer_id, request_id))


async def queue(connection: Connection, service_id: str, depth: int, now: datetime) -> Queue | None:
    rows = await ask(connection, QUEUE, service_id=service_id, depth=depth, now_us=time_us(now))
    if not rows or rows[0][0] is not None:
        return None
    (_, body, credits_, revision, in_progress, held, held_until_us), *line_heads = rows
    heads: dict[Priority, list[Callback]] = {}
    dialled: dict[str, Sequence[datetime]] = {}
    for level, waiting, dialled_us, *_ in line_heads:
        heads.setdefault(Priority(level), []).append(callback := read_callback(waiting, None))  # it has no lease
        if dialled_us is not None:
            dialled[callback.callback_id] = times_of(dialled_us)
    for waiting_line in heads.values():  # sorted already; SQL does not promise the order of a UNION
        waiting_line.sort(key=attrgetter("ready_time", "callback_id"))
    return Queue(
        service=read_service(body),
        turn=Turn(service_id, tuple(read_json(credits_)), revision),
        in_progress=in_progress,
        heads=heads,
        held=bool(held),
        held_until=None if held_until_us is None else time_of(held_until_us),
        dialled=dialled,
    )


async def line_heads(connection: Connection, names: Sequence[LineName]) -> LineHeads:
    rows = await ask(connection, LINE_HEADS, write_json([[service_id, level.value] for service_id, level in names]))
    heads = [((service_id, Priority(level)), at_us) for _, service_id, level, at_us in rows]
    return LineHeads(rows[0][0], {name: time_of(at_us) for name, at_us in heads if at_us is not None})


# --- What has ended --------------------------------------------------------------------------------------------

# All callers, where the list of them is null.
OUTCOMES: Final = """
    SELECT service_id, begin_us, result, sum(ended) FROM json_each(?) AS wanted CROSS JOIN outcome_count
        ON service_id = json_extract(wanted.value, '$[0]') AND begin_us >= ? AND begin_us < ?
     WHERE json_type(wanted.value, '$[1]') = 'null'
        OR caller_id IN (SELECT value FROM json_each(wanted.value, '$[1]'))
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT ?
"""

# --- Services and events ---------------------------------------------------------------------------------------

HISTORY: Final = f"SELECT (SELECT min(number) FROM event), ({NEWEST_EVENT})"  # noqa: S608 - SQL of ours
OPEN_BY_IDENTITY: Final = f"""
    SELECT newest.number, open.identity, open.callbacks FROM (SELECT ({NEWEST_EVENT}) AS number) AS newest
      LEFT JOIN (
        SELECT identity, count(*) AS callbacks FROM callback INDEXED BY callback_open_by_identity
         WHERE end_us IS NULL AND identity IS NOT NULL GROUP BY identity
      ) AS open ON true
"""  # noqa: S608 - SQL of ours
# Each is seen by an index that has all that is counted. What is open is of a service that is there.
OPEN_BY_SERVICE: Final = f"""
    SELECT newest.number, open.* FROM (SELECT ({NEWEST_EVENT}) AS number) AS newest LEFT JOIN (
        SELECT service_id, 'QUEUED' AS state, priority, count(*) AS callbacks, min(ready_us) AS oldest_us
          FROM callback INDEXED BY callback_queue WHERE state = 'QUEUED' GROUP BY service_id, priority
        UNION ALL
        SELECT service_id, 'SCHEDULED', NULL, callbacks, NULL FROM (
            SELECT service_id, (
                SELECT count(*) FROM callback INDEXED BY callback_by_service
                 WHERE callback.service_id = service.service_id AND state = 'SCHEDULED'
            ) AS callbacks FROM service
        ) WHERE callbacks > 0
        UNION ALL
        SELECT service_id, state, priority, count(*), NULL FROM callback INDEXED BY callback_to_lapse
         WHERE lease_expire_us IS NOT NULL GROUP BY service_id, state, priority
    ) AS open ON true
"""  # noqa: S608 - SQL of ours
LINE_HEADS: Final = f"""
    SELECT ({NEWEST_EVENT}), json_extract(value, '$[0]'), json_extract(value, '$[1]'), (
        SELECT min(ready_us) FROM callback INDEXED BY callback_queue
         WHERE state = 'QUEUED' AND service_id = json_extract(value, '$[0]') AND priority = json_extract(value, '$[1]')
    ) FROM json_each(?)
"""  # noqa: S608 - SQL of ours
# SQLite counts the characters of a text; its own octet_length() came with 3.43.
OCTETS: Final = "length(CAST(body AS BLOB))"
# The bodies are the large part. The sum has no ORDER BY, for which SQLite would sort the rows once more: it takes them
# as they come.
EVENTS: Final = f"""
    SELECT number, kind, previous_state, previous, lease_expire_us, identity, body FROM (
        SELECT *, sum({OCTETS}) OVER (ROWS UNBOUNDED PRECEDING) AS size FROM (
            SELECT * FROM event WHERE number > ? ORDER BY number LIMIT ?
        )
    ) WHERE size - {OCTETS} < {PAGE_BYTES}
"""  # noqa: S608 - SQL of ours
EVENTS_OF: Final = f"""
    SELECT found, number, kind, previous_state, previous, lease_expire_us, identity, body FROM (
        SELECT *, count(*) OVER () AS found, sum({OCTETS}) OVER (ROWS UNBOUNDED PRECEDING) AS size FROM (
            SELECT * FROM event INDEXED BY event_by_callback
             WHERE callback_id = ? AND number > ? ORDER BY number LIMIT ?
        )
    ) WHERE size - {OCTETS} < {PAGE_BYTES}
"""  # noqa: S608 - SQL of ours
SERVICES_VERSION: Final = "SELECT services_version FROM ringback"
SERVICES: Final = f"{SERVICES_VERSION} UNION ALL SELECT body FROM service"  # noqa: S608 - SQL of ours

EVENT_TIME: Final = "SELECT number, event_us FROM event WHERE number > ? ORDER BY number LIMIT 1"


async def services(connection: Connection) -> Services:
    (version,), *bodies = await ask(connection, SERVICES)
    return Services(version, sorted((read_service(body) for (body,) in bodies), key=attrgetter("service_id")))


async def history(connection: Connection) -> History:
    [(first, newest)] = await ask(connection, HISTORY)
    return History(oldest=newest if first is None else first - 1, newest=newest)


async def events(connection: Connection, after: int, limit: int) -> list[LoggedEvent]:
    rows = await ask(connection, EVENTS, after, limit)
    rows.sort(key=itemgetter(0))  # sorted already; SQL does not promise it
    return [logged_event(*row) for row in rows]


STATEMENTS: Final = Statements(
    get=GET,
    get_by_task=GET_BY_TASK,
    get_by_request=GET_BY_REQUEST,
    agenda=AGENDA,
    outlasting=OUTLASTING,
    scheduled=SCHEDULED,
    moved_by_hours=MOVED_BY_HOURS,
    held_by=HELD_BY,
    queued_services=QUEUED_SERVICES,
    queued=QUEUED,
    phone_use=PHONE_USE,
    dialled=DIALLED,
    dialled_of=DIALLED_OF,
    turns=TURNS,
    outlooks=OUTLOOKS,
    line_ends=LINE_ENDS,
    ahead=AHEAD,
    clock_jumps=CLOCK_JUMPS,
    clock_mark=CLOCK_MARK,
    open_by_identity=OPEN_BY_IDENTITY,
    open_by_service=OPEN_BY_SERVICE,
    search_callbacks=SEARCH_CALLBACKS,
    search_events=SEARCH_EVENTS,
    event_owners=EVENT_OWNERS,
    events_of=EVENTS_OF,
    event_time=EVENT_TIME,
    outcomes=OUTCOMES,
    calls_of=CALLS_OF,
    calls_left=CALLS_LEFT,
)

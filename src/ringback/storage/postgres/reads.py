"""The queries that an index serves. Each is one statement, which sees one snapshot of the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringback.domain.callback import Callback
from ringback.domain.priority import Priority
from ringback.domain.queue import Queue, Turn
from ringback.ports.calls import KeptCall
from ringback.ports.values import History, LineHeads, LineName, LoggedEvent, Services
from ringback.storage.body import read_callback, read_json, read_service, time_of, time_us, times_of
from ringback.storage.call_row import kept_call
from ringback.storage.callback_row import callbacks
from ringback.storage.dialect import Statements
from ringback.storage.event_row import logged_event
from ringback.storage.operations import PAGE_BYTES
from ringback.storage.postgres.calls import CALLS_LEFT, CALLS_OF, CALLS_OF_CALLBACKS
from ringback.storage.postgres.connection import Connection, ask
from ringback.storage.postgres.search import EVENT_OWNERS, SEARCH_CALLBACKS, SEARCH_EVENTS
from ringback.storage.postgres.transaction import AWAIT_POLL, NEWEST_EVENT, poll_lock

GET: Final = "SELECT body, lease_expire_us FROM callback WHERE callback_id = $1"
GET_BY_TASK: Final = "SELECT body, lease_expire_us FROM callback WHERE caller_id = $1 AND external_task_id = $2"
GET_BY_REQUEST: Final = """
    SELECT body, lease_expire_us FROM callback WHERE request_id = $1 AND coalesce(identity, '') = $2
"""

GET_MANY: Final = "SELECT body, lease_expire_us FROM callback WHERE callback_id = ANY($1)"


async def get_many(connection: Connection, callback_ids: Sequence[str]) -> list[Callback]:
    return callbacks(await ask(connection, GET_MANY, list(callback_ids)))


async def calls_of_callbacks(connection: Connection, callback_ids: Sequence[str]) -> list[KeptCall]:
    return [kept_call(*row) for row in await ask(connection, CALLS_OF_CALLBACKS, list(callback_ids))]


# --- The scheduler's queries -----------------------------------------------------------------------------------

AGENDA: Final = """
    (
        SELECT 'LAPSED', body, lease_expire_us FROM callback
         WHERE lease_expire_us IS NOT NULL AND lease_expire_us <= $2 ORDER BY lease_expire_us LIMIT $3
    )
    UNION ALL
    (
        SELECT 'EXPIRED', body, lease_expire_us FROM callback
         WHERE next_attempt_us IS NOT NULL AND expire_us <= $1 ORDER BY expire_us LIMIT $3
    )
    UNION ALL
    (
        SELECT 'DUE', body, lease_expire_us FROM callback
         WHERE state = 'SCHEDULED' AND next_attempt_us <= $1 ORDER BY next_attempt_us LIMIT $3
    )
    UNION ALL
    SELECT NULL, NULL, least(
        (SELECT min(next_attempt_us) FROM callback WHERE state = 'SCHEDULED' AND next_attempt_us > $1),
        (SELECT min(expire_us) FROM callback WHERE next_attempt_us IS NOT NULL AND expire_us > $1),
        (SELECT min(lease_expire_us) FROM callback WHERE lease_expire_us IS NOT NULL AND lease_expire_us > $2)
    )
"""
OUTLASTING: Final = """
    SELECT body, lease_expire_us FROM callback WHERE lease_expire_us > $1 ORDER BY lease_expire_us LIMIT $2
"""
CLOCK_JUMPS: Final = "SELECT clock_jumps FROM ringback"
CLOCK_MARK: Final = "SELECT clock_boot, clock_ahead_us, clock_marked_jumps FROM ringback"
SCHEDULED: Final = """
    SELECT body, lease_expire_us FROM callback
     WHERE service_id = $1 AND state = 'SCHEDULED' AND callback_id > $2 ORDER BY callback_id LIMIT $3
"""
MOVED_BY_HOURS: Final = """
    SELECT body, lease_expire_us FROM callback
     WHERE state = 'SCHEDULED' AND next_attempt_us > ready_us AND service_id = $1 AND callback_id > $2
     ORDER BY callback_id LIMIT $3
"""


async def clock(connection: Connection) -> datetime:
    [(now,)] = await ask(connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return time_of(now)


# --- The dispatcher's queries ----------------------------------------------------------------------------------

HELD_BY: Final = "SELECT body, lease_expire_us FROM callback WHERE lease_dialer = $1"
LEASED_FOR: Final = "SELECT body, lease_expire_us FROM callback WHERE lease_dialer = $1 AND lease_request = $2"
# Jumps from one service to the next, instead of reading the whole queue of each.
QUEUED_SERVICES: Final = """
    WITH RECURSIVE queued (service_id) AS (
        SELECT min(service_id) FROM callback WHERE state = 'QUEUED'
        UNION ALL
        SELECT (SELECT min(service_id) FROM callback WHERE state = 'QUEUED' AND service_id > queued.service_id)
          FROM queued WHERE queued.service_id IS NOT NULL
    )
    SELECT service_id FROM queued WHERE service_id IS NOT NULL
"""
QUEUED: Final = """
    SELECT body, lease_expire_us FROM callback
     WHERE state = 'QUEUED' AND service_id = $1 ORDER BY priority, ready_us, callback_id LIMIT $2
"""
_IN_CALL: Final = """
    EXISTS (
        SELECT 1 FROM callback AS other
         WHERE coalesce(other.phone, other.dial_target) = coalesce(waiting.phone, waiting.dial_target)
           AND other.lease_dialer IS NOT NULL
    )
"""
# NULL when it is not kept.
_KEPT_UNTIL: Final = """
    (
        SELECT until_us FROM kept_phone
         WHERE kept_phone.phone = coalesce(waiting.phone, waiting.dial_target) AND until_us > $4
    )
"""
PHONE_USE: Final = """
    SELECT (
        SELECT callback_id FROM callback WHERE coalesce(phone, dial_target) = $1 AND lease_dialer IS NOT NULL LIMIT 1
    ), (SELECT until_us FROM kept_phone WHERE phone = $1 AND until_us > $2)
"""
DIALLED: Final = "SELECT phone, at_us FROM dialled WHERE at_us > $1 ORDER BY at_us DESC LIMIT $2"
DIALLED_OF: Final = "SELECT at_us FROM dialled WHERE phone = $1 AND at_us > $2"
# As text, times with commas between; NULL when there are none. Of the number without its extension.
_DIALLED: Final = """
    (
        SELECT string_agg(at_us::text, ',') FROM dialled
         WHERE dialled.phone = split_part(coalesce(waiting.phone, waiting.dial_target), ';ext=', 1)
    )
"""
_IN_PROGRESS: Final = """
    SELECT count(*) FROM callback
     WHERE callback.service_id = $1 AND state IN ('OFFERED', 'DIALING', 'CONNECTED', 'CANCELLING')
"""
# One seek per level: a single query in the order of the levels would read all of the first to get to the second.
# Held callbacks are looked for where the line is short: there are few in it that are not held. (With EXISTS, or
# without an order, PostgreSQL may prefer to read all that are queued.)
QUEUE: Final = f"""
    SELECT service.body, credits, service_turn.revision, ({_IN_PROGRESS}), level, line.bodies, line.dialled,
           line.short AND (
               SELECT true FROM callback AS waiting
                WHERE state = 'QUEUED' AND service_id = $1 AND priority = level AND {_IN_CALL}
                ORDER BY ready_us, callback_id LIMIT 1
           ),
           CASE WHEN line.short AND EXISTS (SELECT FROM kept_phone WHERE until_us > $4) THEN (
               SELECT min(until_us) FROM (
                   SELECT {_KEPT_UNTIL} AS until_us FROM callback AS waiting
                    WHERE state = 'QUEUED' AND service_id = $1 AND priority = level ORDER BY ready_us, callback_id
               ) AS kept
           ) END
      FROM service JOIN service_turn USING (service_id)
     CROSS JOIN unnest($3::smallint[]) AS level
     CROSS JOIN LATERAL (
        SELECT array_agg(body ORDER BY place) AS bodies, array_agg(dialled ORDER BY place) AS dialled,
               count(*) < $2 AS short
          FROM (
            SELECT body, dialled, row_number() OVER () AS place FROM (
                SELECT body, {_DIALLED} AS dialled FROM callback AS waiting
                 WHERE state = 'QUEUED' AND service_id = $1 AND priority = level
                   AND NOT {_IN_CALL} AND {_KEPT_UNTIL} IS NULL
                 ORDER BY ready_us, callback_id LIMIT $2
            ) AS head
        ) AS placed
     ) AS line
     WHERE service_id = $1
"""  # noqa: S608 - SQL of ours
TURNS: Final = """
    SELECT service_id, credits, revision FROM service_turn
     WHERE service_id IN (SELECT json_array_elements_text($1::json))
"""
# (The order is one that only its index has.)
OUTLOOKS: Final = """
    SELECT wanted.service_id, (
        SELECT count(*) FROM (
            SELECT FROM callback
             WHERE state = 'SCHEDULED' AND callback.service_id = wanted.service_id AND next_attempt_us <= $1
             ORDER BY callback.service_id, next_attempt_us LIMIT $2
        ) AS due
    ), (
        SELECT expire_us FROM callback WHERE state = 'QUEUED' AND callback.service_id = wanted.service_id
         ORDER BY callback.service_id, expire_us LIMIT 1
    ) FROM json_array_elements_text($3::json) AS wanted (service_id)
"""
LINE_ENDS: Final = """
    SELECT NULL::integer, count(*)::text FROM (
        SELECT FROM callback WHERE state = 'QUEUED' AND service_id = $1 AND expire_us < $2
         ORDER BY service_id, expire_us LIMIT $3
    ) AS soon
    UNION ALL
    SELECT (line ->> 0)::integer, ends.texts FROM json_array_elements($4::json) AS line CROSS JOIN LATERAL (
        SELECT string_agg(expire_us::text, ',') AS texts FROM (
            SELECT expire_us FROM callback
             WHERE state = 'QUEUED' AND service_id = $1 AND priority = (line ->> 0)::smallint
             ORDER BY ready_us, callback_id LIMIT (line ->> 1)::bigint
        ) AS head
    ) AS ends
"""
# From the callback to the front: what has just left the queue is at its front, and takes time until a VACUUM.
AHEAD: Final = """
    SELECT count(*) FROM (
        SELECT FROM callback
         WHERE state = 'QUEUED' AND service_id = $1 AND priority = $2 AND (ready_us, callback_id) < ($3, $4)
         ORDER BY ready_us DESC, callback_id DESC LIMIT $5
    ) AS before
"""


async def leased_for(connection: Connection, dialer_id: str, request_id: str) -> list[Callback]:
    # Another server may be writing them just now, or have died after it sent the COMMIT.
    await connection.execute(AWAIT_POLL, [poll_lock(dialer_id, request_id)])
    return callbacks(await ask(connection, LEASED_FOR, dialer_id, request_id))


async def queue(connection: Connection, service_id: str, depth: int, now: datetime) -> Queue | None:
    rows = await ask(connection, QUEUE, service_id, depth, [level.value for level in Priority], time_us(now))
    if not rows:
        return None
    body, credits_, revision, in_progress, *_ = rows[0]
    heads: dict[Priority, Sequence[Callback]] = {}
    dialled: dict[str, Sequence[datetime]] = {}
    for *_, level, bodies, dialled_us, _, _ in rows:
        if bodies:
            heads[Priority(level)] = [read_callback(body, None) for body in bodies]  # none of them has a lease
            begun = zip(heads[Priority(level)], dialled_us, strict=True)
            dialled |= {callback.callback_id: times_of(times) for callback, times in begun if times is not None}
    return Queue(
        service=read_service(body),
        turn=Turn(service_id, tuple(read_json(credits_)), revision),
        in_progress=in_progress,
        heads=heads,
        held=any(held for *_, held, _ in rows),
        held_until=min((time_of(until_us) for *_, until_us in rows if until_us is not None), default=None),
        dialled=dialled,
    )


async def line_heads(connection: Connection, names: Sequence[LineName]) -> LineHeads:
    service_ids, levels = [service_id for service_id, _ in names], [level.value for _, level in names]
    rows = await ask(connection, LINE_HEADS, service_ids, levels)
    heads = [((service_id, Priority(level)), at_us) for _, service_id, level, at_us in rows]
    return LineHeads(rows[0][0], {name: time_of(at_us) for name, at_us in heads if at_us is not None})


# --- Services and events ---------------------------------------------------------------------------------------

SERVICES_VERSION: Final = "SELECT services_version FROM ringback"
SERVICES: Final = "SELECT services_version, body FROM ringback LEFT JOIN service ON true ORDER BY service_id"
HISTORY: Final = f"SELECT (SELECT number FROM log_start), {NEWEST_EVENT}"  # noqa: S608 - SQL of ours
OPEN_BY_IDENTITY: Final = f"""
    SELECT newest.number, open.identity, open.callbacks FROM (SELECT ({NEWEST_EVENT}) AS number) AS newest
      LEFT JOIN (
        SELECT identity, count(*) AS callbacks FROM callback
         WHERE end_us IS NULL AND identity IS NOT NULL GROUP BY identity
      ) AS open ON true
"""  # noqa: S608 - SQL of ours
# Each is seen by an index that has all that is counted. What is open is of a service that is there. (Without an order
# that only this index has, PostgreSQL may prefer another one, and read all that are scheduled again for each service.)
OPEN_BY_SERVICE: Final = f"""
    SELECT newest.number, open.* FROM (SELECT ({NEWEST_EVENT}) AS number) AS newest LEFT JOIN (
        SELECT service_id, 'QUEUED' AS state, priority, count(*) AS callbacks, min(ready_us) AS oldest_us
          FROM (
            SELECT service_id, priority, ready_us FROM callback
             WHERE state = 'QUEUED' ORDER BY service_id, priority, ready_us
        ) AS waiting GROUP BY service_id, priority
        UNION ALL
        SELECT service_id, 'SCHEDULED', NULL, scheduled.callbacks, NULL FROM service CROSS JOIN LATERAL (
            SELECT count(*) AS callbacks FROM (
                SELECT FROM callback
                 WHERE (callback.service_id, state) >= (service.service_id, 'SCHEDULED')
                   AND (callback.service_id, state) <= (service.service_id, 'SCHEDULED')
                 ORDER BY callback.service_id, state
            ) AS its
        ) AS scheduled WHERE scheduled.callbacks > 0
        UNION ALL
        SELECT service_id, state, priority, count(*), NULL FROM (
            SELECT service_id, state, priority FROM callback
             WHERE lease_expire_us IS NOT NULL ORDER BY lease_expire_us
        ) AS leased GROUP BY service_id, state, priority
    ) AS open ON true
"""  # noqa: S608 - SQL of ours
# (The order is one that only its index has.)
LINE_HEADS: Final = f"""
    SELECT newest.number, wanted.service_id, wanted.priority, (
        SELECT ready_us FROM callback
         WHERE state = 'QUEUED' AND callback.service_id = wanted.service_id AND callback.priority = wanted.priority
         ORDER BY callback.service_id, callback.priority, ready_us LIMIT 1
    ) FROM (SELECT ({NEWEST_EVENT}) AS number) AS newest
     CROSS JOIN unnest($1::text[], $2::smallint[]) AS wanted (service_id, priority)
"""  # noqa: S608 - SQL of ours
# The bodies are the large part; their total size is computed before they are sent.
EVENTS: Final = f"""
    SELECT number, kind, previous_state, previous, lease_expire_us, identity, body FROM (
        SELECT *, sum(octet_length(body)) OVER (ORDER BY number ROWS UNBOUNDED PRECEDING) AS size
          FROM event WHERE number > $1 ORDER BY number LIMIT $2
    ) AS entry
     WHERE size - octet_length(body) < {PAGE_BYTES} ORDER BY number
"""  # noqa: S608 - SQL of ours

EVENTS_OF: Final = f"""
    SELECT found, number, kind, previous_state, previous, lease_expire_us, identity, body FROM (
        SELECT *, count(*) OVER () AS found,
               sum(octet_length(body)) OVER (ORDER BY number ROWS UNBOUNDED PRECEDING) AS size
          FROM (SELECT * FROM event WHERE callback_id = $1 AND number > $2 ORDER BY number LIMIT $3) AS first
    ) AS entry WHERE size - octet_length(body) < {PAGE_BYTES}
"""  # noqa: S608 - SQL of ours
EVENT_TIME: Final = "SELECT number, event_us FROM event WHERE number > $1 ORDER BY number LIMIT 1"


async def services(connection: Connection) -> Services:
    rows = await ask(connection, SERVICES)
    return Services(rows[0][0], [read_service(body) for _, body in rows if body is not None])


async def history(connection: Connection) -> History:
    [(oldest, newest)] = await ask(connection, HISTORY)
    return History(oldest, newest)


async def events(connection: Connection, after: int, limit: int) -> list[LoggedEvent]:
    return [logged_event(*row) for row in await ask(connection, EVENTS, after, limit)]


# All callers, where the list of them is null.
OUTCOMES: Final = """
    SELECT counted.service_id, begin_us, result, sum(ended)::bigint
      FROM json_array_elements($1::json) AS wanted CROSS JOIN LATERAL (
        SELECT * FROM outcome_count
         WHERE service_id = wanted ->> 0 AND begin_us >= $2 AND begin_us < $3
           AND (wanted ->> 1 IS NULL OR caller_id = ANY (ARRAY(SELECT json_array_elements_text(wanted -> 1))))
      ) AS counted
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT $4
"""

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

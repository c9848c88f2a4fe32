"""Deletion of what need not be kept, a bounded number of rows at a time, by one server at a time."""

from datetime import datetime
from itertools import takewhile
from typing import Final

from ringback.ports.values import Retention
from ringback.storage import event_row
from ringback.storage.body import read_callback, time_us
from ringback.storage.event_row import LogEntry
from ringback.storage.operations import DIALLED_KEPT, LEFT_CALLS_KEPT, Purge
from ringback.storage.outcome_row import KEPT as COUNTS_KEPT
from ringback.storage.postgres.labels import delete_labels
from ringback.storage.postgres.transaction import NEWEST_EVENT, PostgresTransaction, each

# Finds nothing while another server purges.
_LOCK: Final = "SELECT number FROM log_start FOR UPDATE SKIP LOCKED"
# A callback that another server is about to write is left for the next time.
ENDED: Final = """
    SELECT callback_id, state, body FROM callback WHERE service_id = $1 AND end_us IS NOT NULL AND end_us < $2
     ORDER BY end_us LIMIT $3 FOR UPDATE SKIP LOCKED
"""
# Also those that are deleted by now. Each is one step in the index, however many callbacks it has.
SERVICES_WITH_ENDED: Final = """
    WITH RECURSIVE owner (service_id) AS (
        (SELECT service_id FROM callback WHERE end_us IS NOT NULL ORDER BY service_id LIMIT 1)
        UNION ALL
        SELECT following.service_id FROM owner CROSS JOIN LATERAL (
            SELECT service_id FROM callback WHERE end_us IS NOT NULL AND callback.service_id > owner.service_id
             ORDER BY service_id LIMIT 1
        ) AS following
    )
    SELECT service_id FROM owner
"""
OLDEST_EVENTS: Final = f"""
    SELECT number, event_us FROM event WHERE number > $1 AND number <= {NEWEST_EVENT} - $2 ORDER BY number LIMIT $3
"""  # noqa: S608 - SQL of ours


# One that is kept for longer by now stays.
KEPT_NO_LONGER: Final = """
    DELETE FROM kept_phone USING (
        SELECT phone FROM kept_phone WHERE until_us <= $1 ORDER BY until_us LIMIT $2 FOR UPDATE SKIP LOCKED
    ) AS over
     WHERE kept_phone.phone = over.phone RETURNING kept_phone.phone
"""
DIALLED_LONG_AGO: Final = """
    DELETE FROM dialled USING (
        SELECT phone, at_us FROM dialled WHERE at_us <= $1 ORDER BY at_us LIMIT $2 FOR UPDATE SKIP LOCKED
    ) AS over
     WHERE dialled.phone = over.phone AND dialled.at_us = over.at_us RETURNING dialled.phone
"""
CALLS_LEFT_LONG_AGO: Final = """
    DELETE FROM kept_call USING (
        SELECT callback_id, lease_fencing FROM kept_call
         WHERE kept_until_us <= $1 ORDER BY kept_until_us LIMIT $2 FOR UPDATE SKIP LOCKED
    ) AS over
     WHERE kept_call.callback_id = over.callback_id AND kept_call.lease_fencing = over.lease_fencing
    RETURNING kept_call.callback_id
"""
# No other server counts for a half hour that is over for so long, unless its clock is.
COUNTED_LONG_AGO: Final = """
    DELETE FROM outcome_count USING (
        SELECT service_id, begin_us, result, caller_id, server FROM outcome_count
         WHERE begin_us <= $1 ORDER BY begin_us LIMIT $2 FOR UPDATE SKIP LOCKED
    ) AS over
     WHERE outcome_count.service_id = over.service_id AND outcome_count.begin_us = over.begin_us
       AND outcome_count.result = over.result AND outcome_count.caller_id = over.caller_id
       AND outcome_count.server = over.server
    RETURNING outcome_count.service_id
"""


async def _purge(transaction: PostgresTransaction, request: Purge) -> int:
    now, retention, limit = request
    locked = await transaction.ask(_LOCK)
    if not locked:
        return 0
    callbacks = await _purge_callbacks(transaction, now, retention, limit)
    [(start,)] = locked
    events = await _purge_events(transaction, start, time_us(now - retention.events), retention.min_events, limit)
    kept = await transaction.ask(KEPT_NO_LONGER, time_us(now), limit)
    dialled = await transaction.ask(DIALLED_LONG_AGO, time_us(now - DIALLED_KEPT), limit)
    left = await transaction.ask(CALLS_LEFT_LONG_AGO, time_us(now - LEFT_CALLS_KEPT), limit)
    counted = await transaction.ask(COUNTED_LONG_AGO, time_us(now - COUNTS_KEPT), limit)
    return callbacks + events + len(kept) + len(dialled) + len(left) + len(counted)


async def _purge_callbacks(transaction: PostgresTransaction, now: datetime, retention: Retention, limit: int) -> int:
    ended: list[tuple[str, str, str]] = []
    for (service_id,) in await transaction.ask(SERVICES_WITH_ENDED):
        before_us = time_us(now - retention.of(service_id))
        ended += await transaction.ask(ENDED, service_id, before_us, limit - len(ended))
    await delete_labels(transaction, [read_callback(body, None) for _, _, body in ended])
    await transaction.send("DELETE FROM callback WHERE callback_id = ANY($1)", [row[0] for row in ended])
    for callback_id, _, _ in ended:
        transaction.locked.callbacks.pop(callback_id, None)
    transaction.entries += [LogEntry(event_row.purged(now, *row)) for row in ended]
    return len(ended)


async def _purge_events(
    transaction: PostgresTransaction, start: int, before_us: int, min_events: int, limit: int
) -> int:
    """Delete only the oldest entries, without a gap, so that one number tells what can still be read."""
    oldest = await transaction.ask(OLDEST_EVENTS, start, min_events, limit)
    old = [number for number, event_us in takewhile(lambda row: row[1] < before_us, oldest)]
    if old:
        await transaction.send("DELETE FROM event WHERE number > $1 AND number <= $2", start, old[-1])
        await transaction.send("UPDATE log_start SET number = $1", old[-1])
    return len(old)


purge = each(_purge)

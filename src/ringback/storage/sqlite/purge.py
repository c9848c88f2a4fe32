"""Deletion of what need not be kept, a bounded number of rows at a time."""

import sqlite3
from datetime import datetime
from itertools import takewhile
from typing import Final

from ringback.ports.values import Retention
from ringback.storage import event_row
from ringback.storage.body import read_callback, time_us
from ringback.storage.operations import DIALLED_KEPT, LEFT_CALLS_KEPT, Purge
from ringback.storage.outcome_row import KEPT as COUNTS_KEPT
from ringback.storage.sqlite.transaction import NEWEST_EVENT, Transaction, delete_labels, each

KEPT_NO_LONGER: Final = """
    DELETE FROM kept_phone WHERE phone IN (
        SELECT phone FROM kept_phone INDEXED BY kept_phone_by_end WHERE until_us <= ? ORDER BY until_us LIMIT ?
    )
"""
DIALLED_LONG_AGO: Final = """
    DELETE FROM dialled WHERE (phone, at_us) IN (
        SELECT phone, at_us FROM dialled INDEXED BY dialled_by_time WHERE at_us <= ? ORDER BY at_us LIMIT ?
    )
"""
CALLS_LEFT_LONG_AGO: Final = """
    DELETE FROM kept_call WHERE (callback_id, lease_fencing) IN (
        SELECT callback_id, lease_fencing FROM kept_call INDEXED BY kept_call_to_purge
         WHERE kept_until_us <= ? ORDER BY kept_until_us LIMIT ?
    )
"""
COUNTED_LONG_AGO: Final = """
    DELETE FROM outcome_count WHERE (service_id, begin_us, result, caller_id, server) IN (
        SELECT service_id, begin_us, result, caller_id, server
          FROM outcome_count INDEXED BY outcome_count_by_time WHERE begin_us <= ? ORDER BY begin_us LIMIT ?
    )
"""


def _purge(transaction: Transaction, request: Purge) -> int:
    now, retention, limit = request
    callbacks = _purge_callbacks(transaction, now, retention, limit)
    events = _purge_events(transaction.database, time_us(now - retention.events), retention.min_events, limit)
    kept = transaction.database.execute(KEPT_NO_LONGER, (time_us(now), limit)).rowcount
    dialled = transaction.database.execute(DIALLED_LONG_AGO, (time_us(now - DIALLED_KEPT), limit)).rowcount
    left = transaction.database.execute(CALLS_LEFT_LONG_AGO, (time_us(now - LEFT_CALLS_KEPT), limit)).rowcount
    counted = transaction.database.execute(COUNTED_LONG_AGO, (time_us(now - COUNTS_KEPT), limit)).rowcount
    return callbacks + events + kept + dialled + left + counted


# Also those that are deleted by now. Each is one step in the index, however many callbacks it has.
SERVICES_WITH_ENDED: Final = """
    WITH RECURSIVE owner (service_id) AS (
        SELECT min(service_id) FROM callback INDEXED BY callback_to_purge WHERE end_us IS NOT NULL
        UNION ALL
        SELECT (
            SELECT min(service_id) FROM callback INDEXED BY callback_to_purge
             WHERE end_us IS NOT NULL AND callback.service_id > owner.service_id
        ) FROM owner WHERE owner.service_id IS NOT NULL
    )
    SELECT service_id FROM owner WHERE service_id IS NOT NULL
"""
ENDED: Final = """
    SELECT callback_id, state, body FROM callback INDEXED BY callback_to_purge
     WHERE service_id = ? AND end_us < ? ORDER BY end_us LIMIT ?
"""


def _purge_callbacks(transaction: Transaction, now: datetime, retention: Retention, limit: int) -> int:
    database = transaction.database
    ended: list[tuple[str, str, str]] = []
    for (service_id,) in database.execute(SERVICES_WITH_ENDED).fetchall():
        place = (service_id, time_us(now - retention.of(service_id)), limit - len(ended))
        ended += database.execute(ENDED, place).fetchall()
    delete_labels(database, [read_callback(body, None) for _, _, body in ended])
    database.executemany("DELETE FROM callback WHERE callback_id = ?", [row[:1] for row in ended])
    if ended:
        transaction.log_rows([event_row.purged(now, *row) for row in ended])
    return len(ended)


def _purge_events(database: sqlite3.Connection, before_us: int, min_events: int, limit: int) -> int:
    """Delete only the oldest entries, without a gap, so that one number tells what can still be read."""
    # Numbers have no gaps here: SQLite rolls them back with the transaction.
    (newest,) = database.execute(NEWEST_EVENT).fetchone()
    beyond_count = newest - min_events
    oldest = database.execute(
        "SELECT number, event_us FROM event WHERE number <= ? ORDER BY number LIMIT ?", (beyond_count, limit)
    ).fetchall()
    old = [number for number, event_us in takewhile(lambda row: row[1] < before_us, oldest)]
    if old:
        database.execute("DELETE FROM event WHERE number <= ?", (old[-1],))
    return len(old)


purge = each(_purge)

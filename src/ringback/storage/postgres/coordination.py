"""What servers on one database share: which one leads, and which services dialers ask for."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from ringback.ports.values import ALL_SERVICES, LONGEST_DEMAND
from ringback.storage.body import time_us
from ringback.storage.operations import Demand, Term
from ringback.storage.postgres.connection import Connection, ask
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.transaction import PostgresTransaction, each

_LEAD: Final = """
    UPDATE leader SET server = $1, until_us = $3 WHERE server = $1 OR until_us <= $2 RETURNING until_us > $2
"""


async def _lead(transaction: PostgresTransaction, term: Term) -> bool:
    rows = await transaction.ask(_LEAD, term.server, time_us(term.now), time_us(term.until))
    return rows == [(True,)]


_COLUMNS: Final = ("service_id", "until_us")
_NOTE: Final = f"""
    INSERT INTO asked_for (service_id, until_us)
    SELECT service_id, until_us FROM {recordset(_COLUMNS, "new")} ORDER BY service_id
        ON CONFLICT (service_id) DO UPDATE SET until_us = excluded.until_us
         WHERE asked_for.until_us NOT BETWEEN excluded.until_us AND $2
"""  # noqa: S608 - SQL of ours
_FORGET: Final = """
    DELETE FROM asked_for WHERE service_id IN (
        SELECT service_id FROM asked_for WHERE until_us <= $1 OR until_us > $2 FOR UPDATE SKIP LOCKED
    )
"""
_ASKED_FOR: Final = "SELECT service_id FROM asked_for WHERE until_us > $1 AND until_us <= $2"
_IS_ASKED_FOR: Final = """
    SELECT 1 FROM asked_for WHERE service_id = ANY($1) AND until_us > $2 AND until_us <= $3 LIMIT 1
"""


async def _note_asked_for(transaction: PostgresTransaction, demand: Demand) -> None:
    latest_us = time_us(demand.now + LONGEST_DEMAND)
    await transaction.send(_FORGET, time_us(demand.now), latest_us)
    rows = [(service_id, time_us(until)) for service_id, until in demand.until.items()]
    await transaction.send(_NOTE, rows_json(_COLUMNS, rows), latest_us)


async def asked_for(connection: Connection, now: datetime) -> Collection[str]:
    return {service_id for (service_id,) in await ask(connection, _ASKED_FOR, *_span(now))}


async def is_asked_for(connection: Connection, service_id: str, now: datetime) -> bool:
    return bool(await ask(connection, _IS_ASKED_FOR, [ALL_SERVICES, service_id], *_span(now)))


def _span(now: datetime) -> tuple[int, int]:
    return time_us(now), time_us(now + LONGEST_DEMAND)


lead = each(_lead)
note_asked_for = each(_note_asked_for)

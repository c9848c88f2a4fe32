"""What servers on one database share: which one leads, and which services dialers poll for."""

from datetime import datetime
from typing import Final

from ringback.ports.values import LONGEST_DEMAND, Demand
from ringback.storage.body import time_of, time_us
from ringback.storage.operations import Noting, Term
from ringback.storage.postgres.connection import Connection, ask
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.transaction import PostgresTransaction, each

_LEAD: Final = """
    UPDATE leader SET server = $1, until_us = $3 WHERE server = $1 OR until_us <= $2 RETURNING until_us > $2
"""


async def _lead(transaction: PostgresTransaction, term: Term) -> bool:
    rows = await transaction.ask(_LEAD, term.server, time_us(term.now), time_us(term.until))
    return rows == [(True,)]


_COLUMNS: Final = ("service_id", "dialer_id", "until_us")
_NOTE: Final = f"""
    INSERT INTO polling (service_id, dialer_id, until_us)
    SELECT service_id, dialer_id, until_us FROM {recordset(_COLUMNS, "new")} ORDER BY service_id, dialer_id
        ON CONFLICT (service_id, dialer_id) DO UPDATE SET until_us = excluded.until_us
         WHERE polling.until_us NOT BETWEEN excluded.until_us AND $2
"""  # noqa: S608 - SQL of ours
_FORGET: Final = """
    DELETE FROM polling WHERE (service_id, dialer_id) IN (
        SELECT service_id, dialer_id FROM polling WHERE until_us <= $1 OR until_us > $2 FOR UPDATE SKIP LOCKED
    )
"""
# The same without the dialers, for servers of earlier versions, which look there, and note what they have there.
_SERVICE_COLUMNS: Final = ("service_id", "until_us")
_NOTE_SERVICES: Final = f"""
    INSERT INTO asked_for (service_id, until_us)
    SELECT service_id, until_us FROM {recordset(_SERVICE_COLUMNS, "new")} ORDER BY service_id
        ON CONFLICT (service_id) DO UPDATE SET until_us = excluded.until_us
         WHERE asked_for.until_us NOT BETWEEN excluded.until_us AND $2
"""  # noqa: S608 - SQL of ours
_FORGET_SERVICES: Final = """
    DELETE FROM asked_for WHERE service_id IN (
        SELECT service_id FROM asked_for WHERE until_us <= $1 OR until_us > $2 FOR UPDATE SKIP LOCKED
    )
"""
_DEMAND: Final = """
    SELECT service_id, dialer_id, until_us FROM polling WHERE until_us > $1 AND until_us <= $2
    UNION ALL
    SELECT service_id, '', until_us FROM asked_for WHERE until_us > $1 AND until_us <= $2
"""


async def _note_demand(transaction: PostgresTransaction, noting: Noting) -> None:
    now_us, latest_us = _span(noting.now)
    rows = [(each.service_id, each.dialer_id, time_us(each.until)) for each in noting.demand]
    await transaction.send(_FORGET, now_us, latest_us)
    await transaction.send(_NOTE, rows_json(_COLUMNS, rows), latest_us)
    until_us: dict[str, int] = {}
    for service_id, _, end_us in rows:
        until_us[service_id] = max(end_us, until_us.get(service_id, end_us))
    await transaction.send(_FORGET_SERVICES, now_us, latest_us)
    await transaction.send(_NOTE_SERVICES, rows_json(_SERVICE_COLUMNS, [*until_us.items()]), latest_us)


async def demand(connection: Connection, now: datetime) -> list[Demand]:
    rows = await ask(connection, _DEMAND, *_span(now))
    return [Demand(service_id, dialer_id, time_of(until_us)) for service_id, dialer_id, until_us in rows]


def _span(now: datetime) -> tuple[int, int]:
    return time_us(now), time_us(now + LONGEST_DEMAND)


lead = each(_lead)
note_demand = each(_note_demand)

"""Millions of waiting callbacks, made by PostgreSQL itself: one row of the adapter, with the values of each put in.

Half of them wait for one service, the others for 999; half are due within the next thirty days, the others wait in
their queues, at all levels. What `check` reads back through the adapter has to make the same row again.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from ringback.domain.callback import Callback, State
from ringback.domain.planning import plan
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service
from ringback.storage.event import EVENT_COLUMNS, created
from ringback.storage.postgres import PostgresStore
from ringback.storage.record import time_us
from ringback.storage.row import CALLBACK_COLUMNS, row_of

SERVICES: Final = 1000
# The log is forgotten after a day, however many wait.
MOST_EVENTS: Final = 1_000_000
_CREATED_WITHIN: Final = timedelta(days=3)
_DUE_WITHIN: Final = timedelta(days=30)
_CHECKED: Final = 20

# Values of the row that stand for those of each callback.
_LONG_AGO: Final = datetime(2000, 1, 1, 0, 0, 0, 111111, UTC)
_DUE: Final = datetime(2001, 2, 2, 0, 0, 0, 222222, UTC)
_EXPIRE: Final = datetime(2002, 3, 3, 0, 0, 0, 333333, UTC)
_SERVICE: Final = Service(
    service_id="ffffffff-ffff-4fff-8fff-ffffffffffff", sip_address="", create_time=_LONG_AGO, update_time=_LONG_AGO
)
REQUEST: Final = CallbackRequest(
    target="sip:answer@999999999999.example",
    service_id=_SERVICE.service_id,
    seconds_between_retries=60,
    priority=Priority.NORMAL,
    context_url="https://crm.example/cases/999999999999",
    description="Wants to know where the order is",
    external_task_id="task-999999999999",
    caller_id="crm",
    expire_time=_EXPIRE,
)
_ID: Final = "eeeeeeee-eeee-7eee-8eee-eeeeeeeeeeee"
_VALUES: Final = {
    _ID: "id",
    _SERVICE.service_id: "service",
    "999999999999": "lpad(n::text, 12, '0')",
    str(time_us(_LONG_AGO)): "created_us",
    str(time_us(_DUE)): "due_us",
    str(time_us(_EXPIRE)): "expire_us",
    '"priority":5': """'"priority":' || 1 + n / 4 % 9""",
}
_NUMBERED: Final = """
    SELECT n, created_us, {id} AS id, {service} AS service, ({due_us})::bigint AS due_us,
           {expire_us} AS expire_us
      FROM (SELECT n, {created_us} AS created_us FROM generate_series({first}, {last}) AS n) AS created
"""


def service_id(number: int) -> str:
    """Number 0 is the one for which half of all wait."""
    return f"00000000-0000-4000-8000-{number:012}"


async def add_services(store: PostgresStore, count: int = SERVICES) -> None:
    now = datetime.now(UTC)
    service = replace(_SERVICE, max_concurrent_calls=10_000, create_time=now, update_time=now)
    services = [
        replace(service, service_id=service_id(number), sip_address=f"sip:{number}@cc.example")
        for number in range(count)
    ]
    await asyncio.gather(*(store.put_service(service) for service in services))


class Filling:
    """`count` waiting callbacks, the same ones in each database that is filled."""

    def __init__(self, count: int) -> None:
        now_us = time_us(datetime.now(UTC))
        step_us = _CREATED_WITHIN // timedelta(microseconds=1) // count
        self.count = count
        self._terms = {
            "created_us": f"({now_us - count * step_us}::bigint + n * {step_us}::bigint)",
            # A UUIDv7, as the server makes them.
            "id": """regexp_replace(
                lpad(to_hex(created_us / 1000), 12, '0')
                    || '7' || left(md5(n::text), 3) || '8' || right(md5(n::text), 15),
                '(.{8})(.{4})(.{4})(.{4})(.{12})', '\\1-\\2-\\3-\\4-\\5')""",
            "service": f"""'{service_id(0)[:24]}'
                || lpad((CASE WHEN n % 2 = 0 THEN 0 ELSE 1 + n / 4 % {SERVICES - 1} END)::text, 12, '0')""",
            "due_us": f"""CASE WHEN n % 4 < 2 THEN created_us
                ELSE {now_us} + 3600000000 + hashint8(n)::bigint % {_DUE_WITHIN // timedelta(microseconds=2)}
                    + {_DUE_WITHIN // timedelta(microseconds=2)} END""",
            "expire_us": str(now_us + 2 * (_DUE_WITHIN // timedelta(microseconds=1))),
        }

    def fill(self, connection: psycopg.Connection[Any]) -> None:
        """Fill the tables of a database that has the services. Indexes are built at the end, which is far quicker."""
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'callback' AND indexname <> 'callback_pkey'"
        ).fetchall()
        with connection.transaction():
            # In the transaction that has emptied them, nothing needs to be logged.
            connection.execute("TRUNCATE callback, event")
            for name, _ in indexes:
                connection.execute(f"DROP INDEX {name}".encode())
            for first in range(1, self.count + 1, 100_000):
                for state in (State.QUEUED, State.SCHEDULED):
                    connection.execute(self._insert(state, first, min(first + 99_999, self.count)).encode())
            connection.execute(_log(self.count).encode())
            for _, definition in indexes:
                connection.execute(definition.encode())
        connection.execute("VACUUM (ANALYZE) callback, event")
        connection.execute("CHECKPOINT")

    def some_ids(self, connection: psycopg.Connection[Any], wanted: int) -> Sequence[str]:
        """The ids of some of them, each once, without a look at the tables."""
        numbers = random.sample(range(1, self.count + 1), wanted)
        rows = [connection.execute(f"SELECT id FROM ({self._numbered(n, n)}) AS one".encode()) for n in numbers]  # noqa: S608 - SQL of ours
        return [callback_id for row in rows for (callback_id,) in row]

    async def check(self, store: PostgresStore, connection: psycopg.Connection[Any]) -> None:
        columns = ", ".join(CALLBACK_COLUMNS)
        for callback_id in self.some_ids(connection, _CHECKED):
            callback = await store.get(callback_id)
            query = f"SELECT {columns} FROM callback WHERE callback_id = $1"  # noqa: S608 - SQL of ours
            stored = connection.execute(query.encode(), [callback_id]).fetchone()
            if callback is None or row_of(callback) != stored:
                raise RuntimeError(f"not as the adapter writes it: {stored}")

    def _numbered(self, first: int, last: int) -> str:
        return _NUMBERED.format(first=first, last=last, **self._terms)

    def _insert(self, state: State, first: int, last: int) -> str:
        callback = _sample(state)
        values = [_expression(column, value) for column, value in zip(CALLBACK_COLUMNS, row_of(callback), strict=True)]
        wanted = "< 2" if state is State.QUEUED else ">= 2"
        return f"""
            INSERT INTO callback ({", ".join(CALLBACK_COLUMNS)})
            SELECT {", ".join(values)} FROM ({self._numbered(first, last)}) AS numbered WHERE n % 4 {wanted}
        """  # noqa: S608 - SQL of ours


def _sample(state: State) -> Callback:
    request = REQUEST if state is State.QUEUED else replace(REQUEST, due_date=_DUE)
    callback = plan(request, service=_SERVICE, callback_id=_ID, now=_LONG_AGO)
    assert callback.state is state
    return callback


def _expression(column: str, value: Any) -> str:
    if value is None:
        return "NULL"
    if column == "priority":
        return "1 + n / 4 % 9"
    return _in_text(str(value)) if isinstance(value, str) else _VALUES.get(str(value), str(value))


def _in_text(text: str, values: Mapping[str, str] = _VALUES) -> str:
    """The SQL that makes this text, with the values of each callback in the place of ours."""
    if text in values:
        return values[text]
    used = {mark: value for mark, value in values.items() if mark in text}
    text = text.replace("%", "%%")
    for place, mark in enumerate(used, start=1):
        text = text.replace(mark, f"%{place}$s")
    return f"format('{text}', {', '.join(used.values())})" if used else f"'{text}'"


def _log(count: int) -> str:
    """The entries of those that were created last."""
    row = dict(zip(EVENT_COLUMNS, created(_sample(State.QUEUED), ""), strict=True))
    values = row | {"callback_id": "callback_id", "event_us": "(body::json->>'create_time')::bigint", "body": "body"}
    listed = ", ".join("NULL" if value is None else str(value) for value in values.values())
    return f"""
        INSERT INTO event (number, {", ".join(values)})
        SELECT row_number() OVER (ORDER BY callback_id), {listed}
          FROM (SELECT * FROM callback ORDER BY callback_id DESC LIMIT {min(count, MOST_EVENTS)}) AS newest
    """  # noqa: S608 - SQL of ours

"""Fills a PostgreSQL database with callbacks that wait (`bench/backlog.py`)."""

import random
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from bench.backlog import MOST_EVENTS, Backlog, check, insert_callbacks, insert_events, service_id
from ringback.domain.callback import State
from ringback.storage.callback_row import CALLBACK_COLUMNS
from ringback.storage.postgres import PostgresStore

_CHECKED: Final = 20
_AT_ONCE: Final = 100_000
# With a UUIDv7, as the server makes them.
_NUMBERED: Final = """
    SELECT *, lpad(n::text, 12, '0') AS number, '{service}' || lpad(service_number::text, 12, '0') AS service,
           regexp_replace(
               lpad(to_hex(created_us / 1000), 12, '0')
                   || '7' || left(md5(scattered::text), 3) || '8' || right(md5(scattered::text), 15),
               '(.{{8}})(.{{4}})(.{{4}})(.{{4}})(.{{12}})', '\\1-\\2-\\3-\\4-\\5'
           ) AS id
      FROM ({numbers}) AS numbers
"""


class PostgresBacklog:
    """`count` waiting callbacks."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._backlog = Backlog(count)

    def fill(self, connection: psycopg.Connection[Any]) -> None:
        """Fill the tables of a database that has the services. Indexes are built at the end, which is far quicker."""
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'callback' AND indexname <> 'callback_pkey'"
        ).fetchall()
        forgotten = max(self.count - MOST_EVENTS, 0)
        with connection.transaction():
            # In the transaction that has emptied them, nothing needs to be logged.
            connection.execute("TRUNCATE callback, event")
            for name, _ in indexes:
                connection.execute(f"DROP INDEX {name}".encode())
            for first in range(1, self.count + 1, _AT_ONCE):
                numbered = self._numbered(first, min(first + _AT_ONCE - 1, self.count))
                for state in (State.QUEUED, State.SCHEDULED):
                    connection.execute(insert_callbacks(numbered, state).encode())
            for state in (State.QUEUED, State.SCHEDULED):
                numbered = self._numbered(forgotten + 1, self.count)
                connection.execute(insert_events(numbered, state, after=forgotten).encode())
            for _, definition in indexes:
                connection.execute(definition.encode())
        connection.execute("VACUUM (ANALYZE) callback, event")
        connection.execute("CHECKPOINT")

    def some_ids(self, connection: psycopg.Connection[Any], wanted: int) -> Sequence[str]:
        """Return the ids of some of them, each once, without a look at the tables."""
        numbers = random.sample(range(1, self.count + 1), wanted)
        rows = [connection.execute(f"SELECT id FROM ({self._numbered(n, n)}) AS one".encode()) for n in numbers]  # noqa: S608 - SQL of ours
        return [callback_id for row in rows for (callback_id,) in row]

    async def check(self, store: PostgresStore, connection: psycopg.Connection[Any]) -> None:
        columns = ", ".join(CALLBACK_COLUMNS)
        for callback_id in self.some_ids(connection, _CHECKED):
            query = f"SELECT {columns} FROM callback WHERE callback_id = $1"  # noqa: S608 - SQL of ours
            stored = connection.execute(query.encode(), [callback_id]).fetchone()
            check(stored, await store.get(callback_id))

    def _numbered(self, first: int, last: int) -> str:
        series = f"SELECT generate_series({first}::bigint, {last}) AS n"
        return _NUMBERED.format(numbers=self._backlog.numbers(series), service=service_id(0)[:24])

"""PostgreSQL as the source or the target of a move."""

import asyncio
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringback.storage.callback_row import Row
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.postgres.dsn import Address
from ringback.storage.postgres.schema import prepare, refusals
from ringback.storage.postgres.timelines import Timelines
from ringback.storage.transfer.sides import NotMoved, check_empty, check_version
from ringback.storage.transfer.tables import CONTENT, TABLES, About, Table

_Connection = psycopg.Connection[tuple[Any, ...]]

_ROWS_PER_FETCH: Final = 2000
# The connections of a server that was stopped a moment ago, and the term of a leader that was killed, have ended by
# then; so has a lock of autovacuum, which gives way.
_PATIENCE_S: Final = 4.0
_PAUSE_S: Final = 0.1

# Tells one schema from all others: no two servers of PostgreSQL start in the same microsecond.
_PLACE: Final = """
    SELECT pg_postmaster_start_time(), current_database(), current_schema()
"""
# A server leads whenever any is up; one that lost the lead still has its connections.
_SERVERS: Final = """
    SELECT EXISTS (SELECT FROM leader WHERE until_us > extract(epoch FROM clock_timestamp()) * 1000000)
        OR EXISTS (SELECT FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name IN ('ringback', %s))
"""
# The lock of another client is waited for, but not for as long as its work takes; and one side is idle while the other
# one works. Not by a query: that would fix the snapshot of the transaction before it has its lock.
_SETTINGS: Final = """
    SET LOCAL lock_timeout = {patience_ms};
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0
"""
# A server that opens the database reads this table: no server, and no other move, starts before the transaction ends.
_KEEP_OUT: Final = "LOCK TABLE ringback IN ACCESS EXCLUSIVE MODE"
_ABOUT: Final = """
    SELECT database_id, services_version, clock_jumps, log_start.number,
           coalesce((SELECT max(number) FROM event), log_start.number)
      FROM ringback, log_start
"""
# Indexes of constraints stay: rows come in the order of the primary key, so its index grows at its end.
_INDEXES: Final = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
     WHERE indrelid = ANY(%s::regclass[])
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def place(address: Address) -> object:
    """Return a value that is the same for two addresses of one database. Raise `StoreCannotOpen`."""
    with _connected(address) as connection:
        return _ask(connection, _PLACE)


@contextmanager
def source(address: Address) -> Iterator["PostgresSide"]:
    """Open the database to be read as it is now. Raise `StoreCannotOpen`, and `NotMoved` while a server uses it."""
    with _connected(address) as connection:
        with refusals(address):
            if not _has(connection, "ringback"):
                raise StoreCannotOpen(address, "it is not a database of Ringback")
            [(version,)] = _ask(connection, "SELECT schema_version FROM ringback")
            check_version(address, version, "postgres")
            _wait_for_servers(address, connection)
            _begin(address, connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield PostgresSide(address, connection)


@contextmanager
def target(address: Address) -> Iterator["PostgresTarget"]:
    """Open the database to be filled. Raise `StoreCannotOpen`, and `NotMoved` when it is not empty or in use."""
    with _connected(address) as connection:
        with refusals(address):
            check_empty(address, _content(connection))
            named = _under_its_name(address)
            asyncio.run(prepare(named, Timelines(named)))
            _wait_for_servers(address, connection)
            _begin(address, connection, "BEGIN ISOLATION LEVEL READ COMMITTED")
            check_empty(address, _content(connection))
            filled = PostgresTarget(address, connection)
        yield filled


@contextmanager
def _connected(address: Address) -> Iterator[_Connection]:
    conninfo = _under_its_name(address).conninfo
    with refusals(address):
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
    with closing(connection):  # rolls back what was not committed
        yield connection


def _under_its_name(address: Address) -> Address:
    """Return the address for connections of the move. They have another name: servers are found by theirs."""
    name = f"{_name(address)} migrate-store"
    return replace(address, conninfo=make_conninfo(address.conninfo, application_name=name))


def _name(address: Address) -> str:
    return str(conninfo_to_dict(address.conninfo)["application_name"])


def _ask(connection: _Connection, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    return connection.execute(statement.encode(), values).fetchall()


def _has(connection: _Connection, table: str) -> bool:
    return _ask(connection, "SELECT to_regclass(%s) IS NOT NULL", [table]) == [(True,)]


def _content(connection: _Connection) -> Iterator[Table]:
    for table in CONTENT:
        if _has(connection, table.name) and _ask(connection, f"SELECT 1 FROM {table.name} LIMIT 1"):  # noqa: S608
            yield table


def _wait_for_servers(address: Address, connection: _Connection) -> None:
    """Wait until no server uses the database. Raise `NotMoved` when one still does."""
    deadline = time.monotonic() + _PATIENCE_S
    while _is_used(address, connection):
        if time.monotonic() > deadline:
            raise NotMoved(f"a server is using {address}: stop all servers first")
        time.sleep(_PAUSE_S)


def _begin(address: Address, connection: _Connection, begin: str) -> None:
    connection.execute(begin.encode())
    connection.execute(_SETTINGS.format(patience_ms=1 + round(_PATIENCE_S * 1000)).encode())
    try:
        connection.execute(_KEEP_OUT)
    except psycopg.errors.LockNotAvailable:
        raise NotMoved(f"{address} is in use: a server that starts, a backup, another move") from None
    if _is_used(address, connection):
        raise NotMoved(f"a server has just begun to use {address}: stop all servers first")


def _is_used(address: Address, connection: _Connection) -> bool:
    return _ask(connection, _SERVERS, [_name(address)]) == [(True,)]


@contextmanager
def _faults(address: Address) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise NotMoved(f"nothing was moved: {address}: {' '.join(str(error).split())}") from error


class PostgresSide:
    """A database in a transaction that reads."""

    def __init__(self, address: Address, connection: _Connection) -> None:
        self._address = address
        self._connection = connection

    def count(self, table: Table) -> int:
        with _faults(self._address):
            [(count,)] = _ask(self._connection, f"SELECT count(*) FROM {table.name}")  # noqa: S608 - ours
        return int(count)

    def rows(self, table: Table) -> Generator[Row, None, None]:
        with _faults(self._address), self._connection.cursor(name="rows") as rows:
            rows.itersize = _ROWS_PER_FETCH
            yield from rows.execute(table.select.encode())

    def about(self) -> About:
        with _faults(self._address):
            [row] = _ask(self._connection, _ABOUT)
        return About(*row)


class PostgresTarget(PostgresSide):
    """A database in a transaction that writes. Its indexes are dropped, to be built after all rows are written."""

    def __init__(self, address: Address, connection: _Connection) -> None:
        super().__init__(address, connection)
        self._indexes = dict(_ask(connection, _INDEXES, [[table.name for table in TABLES]]))
        for name in self._indexes:
            connection.execute(f"DROP INDEX {name}".encode())

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        statement = f"COPY {table.name} ({table.column_list}) FROM STDIN"
        with _faults(self._address), self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def set_about(self, about: About) -> None:
        with _faults(self._address):
            self._connection.execute(
                "UPDATE ringback SET database_id = %s, services_version = %s, clock_jumps = %s", about[:3]
            )
            self._connection.execute("UPDATE log_start SET number = %s", [about.oldest])

    def build_indexes(self) -> None:
        with _faults(self._address):
            for statement in self._indexes.values():
                self._connection.execute(statement.encode())
            # Else the first queries would be planned for empty tables.
            for table in TABLES:
                self._connection.execute(f"ANALYZE {table.name}".encode())

    def commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except psycopg.Error as error:
            fault = " ".join(str(error).split())
            raise NotMoved(f"{self._address} has everything or nothing, it did not say which: {fault}") from error

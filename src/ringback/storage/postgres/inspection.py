"""A look at a PostgreSQL database beside the servers that use it: one connection, which reads."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from ringback.storage.body import read_service
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.migrations import scripts
from ringback.storage.postgres.connection import Connection, ask, closed_on_failure, connect
from ringback.storage.postgres.dsn import Address
from ringback.storage.postgres.schema import refusals
from ringback.storage.postgres_facts import LONG_TRANSACTION_S, PostgresFacts, Standby

# A statement that waits for longer says enough about the database.
_STATEMENT_LIMIT: Final = "5s"
# Not of information_schema, which leaves out what this role has no rights to.
_TABLES: Final = """
    SELECT count(*), count(*) FILTER (WHERE relname = 'ringback')
      FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
"""
_SERVER: Final = """
    SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
           current_setting('server_encoding'), pg_is_in_recovery(), clock_timestamp(),
           pg_database_size(current_database()),
           current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer,
           (SELECT sum(numbackends)::integer FROM pg_stat_database),
           (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())
"""
_DURABILITY: Final = ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names")
_SETTINGS: Final = "SELECT name, setting FROM pg_settings WHERE name = ANY($1)"
# What it takes to serve, of tables; to bring the schema up to date, a server has to own them and to create others.
_RIGHTS: Final = """
    SELECT has_schema_privilege(current_schema(), 'CREATE'),
           coalesce(array_agg(relname::text ORDER BY relname) FILTER (WHERE NOT (
               has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
               AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
           )), '{}'),
           coalesce(array_agg(relname::text ORDER BY relname) FILTER (WHERE NOT pg_has_role(relowner, 'USAGE')), '{}')
      FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = ANY($1)
"""
# Others may have tables beside them, such as those of an extension.
_OURS: Final = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)
# Of other roles only those see the beginning who may read all statistics (pg_monitor).
_LONG_TRANSACTIONS: Final = """
    SELECT count(*)::integer, coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float
      FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND xact_start < clock_timestamp() - make_interval(secs => $1)
"""
_PREPARED: Final = "SELECT count(*)::integer FROM pg_prepared_xacts WHERE database = current_database()"
_STANDBYS: Final = """
    SELECT application_name, state, sync_state, extract(epoch FROM replay_lag)::float FROM pg_stat_replication
"""


async def look_at(url: str) -> PostgresFacts:
    """Read what a database is. Raise `StoreCannotOpen`."""
    address = Address.parse(url)
    with refusals(address):
        connection = await connect(address)
        # Behind a pooler others get this connection: what is set ends with the transaction.
        async with closed_on_failure(connection), connection.transaction():
            await connection.execute("SET TRANSACTION READ ONLY")
            # Whatever happens to this process, the database does not work on its behalf for long.
            await connection.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_LIMIT}'")
            facts = await _facts(address, connection)
        await connection.close()
    return facts


async def _facts(address: Address, connection: Connection) -> PostgresFacts:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    [server] = await ask(connection, _SERVER)
    took_s = loop.time() - begun
    asked_at = datetime.fromtimestamp(datetime.now(UTC).timestamp() - took_s / 2, UTC)
    number, version, encoding, is_standby, clock, size_bytes, allowed, connections, age = server
    schema_version = await _schema_version(address, connection)
    newest = len(scripts("postgres"))
    [(may_create, without_rights, of_others)] = await ask(
        connection, _RIGHTS, _OURS.findall("".join(scripts("postgres")))
    )
    [(count, longest_s)] = await ask(connection, _LONG_TRANSACTIONS, LONG_TRANSACTION_S)
    [(prepared,)] = await ask(connection, _PREPARED)
    # What another program's schema has in the table is not for this one to read.
    readable = schema_version == newest and "service" not in without_rights
    services = await ask(connection, "SELECT body FROM service") if readable else []
    return PostgresFacts(
        version_number=number,
        version=version,
        encoding=encoding,
        is_standby=is_standby,
        clock=clock,
        asked_at=asked_at,
        took_s=took_s,
        size_bytes=size_bytes,
        connections_allowed=allowed,
        connections=connections,
        transaction_age=age,
        durability=dict(await ask(connection, _SETTINGS, list(_DURABILITY))),
        schema_version=schema_version,
        newest_schema=newest,
        services=[read_service(body) for (body,) in services],
        may_create=may_create,
        tables_without_rights=without_rights,
        tables_of_others=of_others,
        long_transactions=count,
        longest_transaction_s=longest_s,
        prepared_transactions=prepared,
        standbys=await _standbys(connection),
    )


async def _schema_version(address: Address, connection: Connection) -> int:
    """Return the version of the schema, 0 for an empty database. Raise `StoreCannotOpen` for another program's."""
    [(tables, ours)] = await ask(connection, _TABLES)
    if not tables:
        return 0
    if not ours:
        raise StoreCannotOpen(address, "it is the database of another program")
    rows: list[tuple[Any, ...]] = await ask(connection, "SELECT schema_version FROM ringback")
    return int(rows[0][0]) if rows else 0


async def _standbys(connection: Connection) -> Sequence[Standby]:
    try:
        async with connection.transaction():
            return [Standby(*row) for row in await ask(connection, _STANDBYS)]
    except psycopg.errors.InsufficientPrivilege:
        return []

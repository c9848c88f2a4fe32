"""Opening a database: refusals in plain sentences, the schema brought up to date by one of the servers that open it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from ringback.domain.errors import StorageUnavailable
from ringback.storage.callback_row import stored_phone
from ringback.storage.errors import StoreCannotOpen, check_content, check_known
from ringback.storage.migrations import scripts
from ringback.storage.naming import UNNAMED, Prepared, new_database_id, tell_of_restore
from ringback.storage.postgres.connection import Connection, ask, connect_to_accepted
from ringback.storage.postgres.dsn import Address
from ringback.storage.postgres.durability import warn_of_settings
from ringback.storage.postgres.pooling import check_session
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.timelines import Timelines

# "RINGBACK" in ASCII: another program with advisory locks in this database is unlikely to use it.
_LOCK_KEY: Final = 0x52494E474241434B
_OTHERS_LIMIT: Final = "60s"
# The script with the column for phones.
_PHONES: Final = 2
_PHONE_COLUMNS: Final = ("dial_target", "phone")
_FILL_PHONES: Final = f"""
    UPDATE callback SET phone = new.phone FROM {recordset(_PHONE_COLUMNS, "new")}
     WHERE callback.dial_target = new.dial_target AND end_us IS NULL
"""  # noqa: S608 - SQL of ours
_TABLES: Final = """
    SELECT count(*), count(*) FILTER (WHERE table_name = 'ringback') FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
"""


async def prepare(address: Address, timelines: Timelines, *, must_exist: bool = False) -> Prepared:
    """Bring the schema up to date. Raise `StoreCannotOpen`."""
    with refusals(address):
        connection = await connect_to_accepted(address, timelines.look)
        try:
            return await _prepare(address, connection, must_exist=must_exist)
        finally:
            await connection.close()


@contextmanager
def refusals(address: Address) -> Iterator[None]:
    """Turn errors of opening a database into `StoreCannotOpen`, with a sentence."""
    try:
        yield
    except TimeoutError:
        raise StoreCannotOpen(address, "it does not answer") from None
    except StorageUnavailable as refusal:
        raise StoreCannotOpen(address, str(refusal)) from refusal
    except psycopg.Error as error:
        raise StoreCannotOpen(address, " ".join(str(error).split())) from error


async def _prepare(address: Address, connection: Connection, *, must_exist: bool) -> Prepared:
    [(encoding,)] = await ask(connection, "SELECT current_setting('server_encoding')")
    if encoding != "UTF8":
        raise StoreCannotOpen(address, f"its encoding is {encoding}; it has to be UTF8")
    await check_session(address, connection)
    # All in one transaction, so the lock ends with it, also when this server is killed in the middle.
    async with connection.transaction():
        await connection.execute("SELECT set_config('lock_timeout', $1, true)", [_OTHERS_LIMIT])
        await connection.execute("SELECT pg_advisory_xact_lock($1)", [_LOCK_KEY])
        version = await _version_of_ours(address, connection)
        check_content(address, version, must_exist=must_exist)
        await _migrate(connection, version)
        naming = "UPDATE ringback SET database_id = $1 WHERE database_id = $2"
        if (await connection.execute(naming, [new_database_id(), UNNAMED])).rowcount:
            tell_of_restore()
        [(database_id,)] = await ask(connection, "SELECT database_id FROM ringback")
    await warn_of_settings(connection)
    return Prepared(str(database_id), is_new=not version)


async def _version_of_ours(address: Address, connection: Connection) -> int:
    """Return the version of the schema; 0 when the database is empty. Refuse one that this program must not touch."""
    [(tables, ours)] = await ask(connection, _TABLES)
    if not tables:
        return 0
    if not ours:
        raise StoreCannotOpen(address, "it is the database of another program")
    [(version,)] = await ask(connection, "SELECT schema_version FROM ringback")
    check_known(address, version, len(scripts("postgres")))
    return int(version)


async def _migrate(connection: Connection, version: int) -> None:
    for number, script in enumerate(scripts("postgres")[version:], start=version + 1):
        await connection.execute(script.encode())
        if number == 1:
            name = new_database_id()
            await connection.execute("INSERT INTO ringback (database_id, schema_version) VALUES ($1, 1)", [name])
        else:
            await connection.execute("UPDATE ringback SET schema_version = $1", [number])
        if number == _PHONES:
            await _fill_phones(connection)


async def _fill_phones(connection: Connection) -> None:
    """Store the phones of callbacks that may still be dialled."""
    targets = await ask(connection, "SELECT DISTINCT dial_target FROM callback WHERE end_us IS NULL")
    rows = [(target, phone) for (target,) in targets if (phone := stored_phone(target)) is not None]
    await connection.execute(_FILL_PHONES, [rows_json(_PHONE_COLUMNS, rows)])

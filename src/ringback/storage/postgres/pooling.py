"""What a pooler between a server and its database may take away, looked for at start.

Transactions, and locks that end with them, are the same through any pooler that lets a transaction have one
connection; so who leads, and in what order events are numbered, does not depend on it. Sessions are not: settings,
LISTEN, statements that are prepared.
"""

import re
from contextlib import AsyncExitStack
from typing import Final

import psycopg

from ringback.storage.errors import StoreCannotOpen
from ringback.storage.postgres.connection import Connection, ask, connect, is_pooled
from ringback.storage.postgres.dsn import Address

# As PostgreSQL reads options: separated by spaces, escaped by backslashes, and the last one counts.
_SEARCH_PATH: Final = re.compile(r"(?:-c\s*|--)search_path=((?:\\.|[^\s\\])*)")
# So many clients take turns so often: a pooler that hands its connections round gives one of them another's.
_CLIENTS: Final = 3
_TURNS: Final = 4


async def check_session(address: Address, connection: Connection) -> None:
    """Raise `StoreCannotOpen` when a pooler takes away what the URL asks for."""
    options = _SEARCH_PATH.findall(connection.info.options)
    if options:
        wanted = re.sub(r"\\(.)", r"\1", options[-1])
        [(search_path,)] = await ask(connection, "SELECT current_setting('search_path')")
        if search_path != wanted:
            # Another schema is another database: two Ringbacks would share one.
            fault = f"a pooler has dropped its options: search_path is {search_path}, not {wanted}"
            raise StoreCannotOpen(address, f"{fault}; set it for the role, or go round the pooler")
    if address.prepared_statements and await is_pooled(connection) and not await _keeps_statements_apart(address):
        fault = "the pooler mixes up the prepared statements of its clients"
        raise StoreCannotOpen(address, f"{fault}; take prepared_statements=on out of the URL")


async def _keeps_statements_apart(address: Address) -> bool:
    """Return whether each of several clients gets what it has prepared, all under the same names."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(_CLIENTS):
            clients.append(await connect(address))
            stack.push_async_callback(clients[-1].close)
        try:
            for _ in range(_TURNS):
                for number, client in enumerate(clients):
                    cursor = await client.execute(f"SELECT {number}".encode(), prepare=True)
                    if await cursor.fetchall() != [(number,)]:
                        return False
        except (psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName):
            return False
    return True

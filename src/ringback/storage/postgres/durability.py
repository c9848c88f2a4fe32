"""What keeps a commit: settings of PostgreSQL that would have it acknowledge what a crash loses."""

import logging
from typing import Final

from ringback.storage.postgres.connection import Connection, ask

_log = logging.getLogger(__name__)

# For one transaction. A URL, a role or a database may turn it off; what waits for more than the disk stays so. Nor may
# a limit of the role end the wait for a standby: PostgreSQL then reports the commit as done, with a warning.
KEEP_COMMITS: Final = """
    set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), true),
    set_config('statement_timeout', '0', true),
    set_config('client_min_messages', 'warning', true)
"""
# They belong to the whole server of PostgreSQL, so that no client can turn them on.
_OF_THE_SERVER: Final = ("fsync", "full_page_writes")
_OFF: Final = "SELECT name FROM pg_settings WHERE name = ANY($1) AND setting = 'off' ORDER BY name"


async def warn_of_settings(connection: Connection) -> None:
    """Tell the operator what is off; the server goes on, as for a test it may be meant so."""
    off = [name for (name,) in await ask(connection, _OFF, list(_OF_THE_SERVER))]
    if off:
        _log.warning("PostgreSQL runs with %s off: a crash of its machine loses what was acknowledged", ", ".join(off))

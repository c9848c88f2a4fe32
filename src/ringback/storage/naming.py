"""The id of a database, which resume and page tokens are bound to.

A backup has none: the first server that opens it gives it one. So tokens of the time after the backup are foreign to
the restored database, also once its log has grown beyond them; and two restores of one backup are two databases.
"""

import logging
import secrets
from typing import Final, NamedTuple

_log = logging.getLogger(__name__)

UNNAMED: Final = ""


def new_database_id() -> str:
    return secrets.token_hex(8)


class Prepared(NamedTuple):
    """The id of a database that can be used now, and whether it was empty before."""

    database_id: str
    is_new: bool


def tell_of_new(database: object) -> None:
    _log.warning("there was no database: a new, empty one was made: %s", database)


def tell_of_restore() -> None:
    _log.warning("the database is a restored backup: it has a new id, and watches need a new snapshot")

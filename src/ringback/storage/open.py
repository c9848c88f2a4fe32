"""The choice of the dialect, in one place. What PostgreSQL needs is an extra, imported only for it."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ringback.ports.location import PostgresUrl
from ringback.ports.store import Store
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite import SqliteStore

R = TypeVar("R")
Location = Path | PostgresUrl


async def open_store(location: Location, *, must_exist: bool = False) -> Store:
    """Open the database, or create it unless it must exist. Raise `StoreCannotOpen`."""
    return await by_dialect(
        location,
        partial(SqliteStore.open, must_exist=must_exist),
        partial(_open_postgres, must_exist=must_exist),
    )


def _open_postgres(location: PostgresUrl, *, must_exist: bool) -> Awaitable[Store]:
    from ringback.storage.postgres import PostgresStore  # noqa: PLC0415 - an extra of its own

    return PostgresStore.open(location.url, must_exist=must_exist)


def by_dialect(location: Location, sqlite: Callable[[Path], R], postgres: Callable[[PostgresUrl], R]) -> R:
    """Return the result of the function for the location's dialect; `postgres` imports what it needs itself.

    Raise `StoreCannotOpen` where that is not installed.
    """
    if isinstance(location, Path):
        return sqlite(location)
    try:
        return postgres(location)
    except ImportError:
        raise StoreCannotOpen(location, "install 'ringback[postgres]' for it") from None

"""A look at a PostgreSQL database. What that needs is an extra, imported only for it."""

from ringback.ports.location import PostgresUrl
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.postgres_facts import PostgresFacts


async def look_at_postgres(location: PostgresUrl) -> PostgresFacts:
    """Read what a database is. Raise `StoreCannotOpen`."""
    try:
        from ringback.storage.postgres.inspection import look_at  # noqa: PLC0415
    except ImportError:
        raise StoreCannotOpen(location, "install 'ringback[postgres]' for it") from None
    return await look_at(location.url)

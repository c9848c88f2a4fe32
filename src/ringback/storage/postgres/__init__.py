"""The `Store` in a PostgreSQL database that any number of servers share."""

from ringback.storage.postgres.store import PostgresStore

__all__ = ["PostgresStore"]

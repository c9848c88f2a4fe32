"""The `Store` in one SQLite file: one connection that writes, a few that read, each on a thread of its own."""

from ringback.storage.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]

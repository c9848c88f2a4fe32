"""Databases for the contract suite: an adapter is one more `Database` here."""

from pathlib import Path
from typing import Protocol

from ringback.ports.store import Store
from ringback.storage.postgres import PostgresStore
from ringback.storage.sqlite import SqliteStore


class Database(Protocol):
    """An empty database of the test's own. It can be opened again after it was closed."""

    async def open(self, *, must_exist: bool = False) -> Store: ...


class SqliteDatabase:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "ringback.db"

    async def open(self, *, must_exist: bool = False) -> SqliteStore:
        return await SqliteStore.open(self.path, must_exist=must_exist)


class PostgresDatabase:
    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self, *, must_exist: bool = False) -> PostgresStore:
        return await PostgresStore.open(self.url, must_exist=must_exist)

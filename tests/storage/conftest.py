"""The contract suite runs against every adapter: an adapter is one more `Database` here."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ringback.ports.store import Store
from ringback.storage.postgres import PostgresStore
from ringback.storage.sqlite import SqliteStore
from tests.world.postgres import Cluster
from tests.world.samples import OTHER_SERVICE, SERVICE


class Database(Protocol):
    """An empty database of the test's own. It can be opened again after it was closed."""

    async def open(self) -> Store: ...


class SqliteDatabase:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "ringback.db"

    async def open(self) -> SqliteStore:
        return await SqliteStore.open(self.path)


class PostgresDatabase:
    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self) -> PostgresStore:
        return await PostgresStore.open(self.url)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.start()
    yield cluster
    cluster.destroy()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest) -> Callable[[Path], Database]:
    """Make one; SQLite's in a folder."""
    if request.param == "sqlite":
        return SqliteDatabase
    cluster: Cluster = request.getfixturevalue("cluster")
    return lambda _: PostgresDatabase(cluster.new_schema())


@pytest.fixture
def database(new_database: Callable[[Path], Database], tmp_path: Path) -> Database:
    return new_database(tmp_path)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    """An open store with two services."""
    store = await database.open()
    try:
        await store.put_service(SERVICE)
        await store.put_service(OTHER_SERVICE)
        yield store
    finally:
        await store.close()


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """For what only this adapter promises."""
    store = await SqliteStore.open(tmp_path / "ringback.db")
    try:
        await store.put_service(SERVICE)
        yield store
    finally:
        await store.close()

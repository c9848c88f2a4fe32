"""The contract suite runs against every adapter."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from ringback.ports.store import Store
from ringback.storage.sqlite import SqliteStore
from tests.world.databases import Database, PostgresDatabase, SqliteDatabase
from tests.world.postgres import Cluster
from tests.world.samples import OTHER_SERVICE, SERVICE


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.start()
    yield cluster
    cluster.destroy()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest) -> Callable[[Path], Database]:
    """Return a function that makes a database; SQLite's in a folder."""
    if request.param == "sqlite":
        return SqliteDatabase
    cluster: Cluster = request.getfixturevalue("cluster")
    return lambda _: PostgresDatabase(cluster.new_schema())


@pytest.fixture
def database(new_database: Callable[[Path], Database], tmp_path: Path) -> Database:
    return new_database(tmp_path)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    """Open a store with two services."""
    store = await database.open()
    try:
        await store.put_service(SERVICE)
        await store.put_service(OTHER_SERVICE)
        yield store
    finally:
        await store.close()


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Open a store for what only this adapter promises."""
    store = await SqliteStore.open(tmp_path / "ringback.db")
    try:
        await store.put_service(SERVICE)
        yield store
    finally:
        await store.close()

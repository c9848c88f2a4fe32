"""Databases that the processes of a test share."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ringback.ports.store import Store
from ringback.storage.postgres import PostgresStore
from ringback.storage.sqlite import SqliteStore
from tests.world.dialer_process import OpenStore
from tests.world.postgres import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.start()
    yield cluster
    cluster.destroy()


@pytest.fixture(params=["sqlite", "postgres"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Return a function that opens one database: SQLite's is the same object for all."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            sqlite = await SqliteStore.open(tmp_path / "ringback.db")
            stack.push_async_callback(sqlite.close)

            async def open_sqlite() -> Store:
                return sqlite

            yield open_sqlite
        else:
            url = request.getfixturevalue("cluster").new_schema()

            async def open_postgres() -> Store:
                store = await PostgresStore.open(url)
                stack.push_async_callback(store.close)
                return store

            yield open_postgres

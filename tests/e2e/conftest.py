"""A PostgreSQL that loses nothing, and two servers on it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.hunts.database import Durable
from tests.world.replicas import Replica, pair


@pytest.fixture(scope="session")
def cluster() -> Iterator[Durable]:
    cluster = Durable.start({})  # PostgreSQL's defaults are safe
    yield cluster
    cluster.destroy()


@pytest.fixture
async def replicas(cluster: Durable) -> AsyncIterator[tuple[Replica, Replica]]:
    async with pair(cluster.new_schema()) as servers:
        yield servers

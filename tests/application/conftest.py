"""The use cases on a database of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.storage.sqlite import SqliteStore
from tests.world.use_cases import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "ringback.db")
    yield World(store)
    await store.close()

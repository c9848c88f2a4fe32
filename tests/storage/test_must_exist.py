"""A database that is not there is made, which is said, or refused."""

import logging

import pytest

from ringback.storage.errors import StoreCannotOpen
from tests.world.databases import Database


async def test_a_new_database_is_announced_once(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        await (await database.open()).close()
    [record] = [each for each in caplog.records if each.name.endswith(".naming")]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("there was no database: a new, empty one was made: ")


async def test_one_that_must_exist_is_not_made(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with pytest.raises(StoreCannotOpen, match=r"there is no such file|there is nothing in it"):
            await database.open(must_exist=True)
    assert caplog.records == []
    await (await database.open()).close()
    await (await database.open(must_exist=True)).close()

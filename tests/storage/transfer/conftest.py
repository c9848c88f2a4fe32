"""Databases to move from and to."""

from pathlib import Path
from typing import Final

import pytest

from ringback.ports.location import PostgresUrl
from ringback.storage.transfer import postgres
from tests.world.transfer_ends import End, NewEnd, PostgresEnd, SqliteEnd

DIALECTS: Final = ("sqlite", "postgres")


@pytest.fixture
def new_end(tmp_path: Path, request: pytest.FixtureRequest) -> NewEnd:
    """Return a function that makes an end: without a database (SQLite), or with an empty one."""
    numbers = iter(range(100))

    def make(dialect: str) -> End:
        if dialect == "sqlite":
            return SqliteEnd(tmp_path / f"{next(numbers)}.db")
        return PostgresEnd(PostgresUrl(request.getfixturevalue("cluster").new_database()))

    return make


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for servers to go away."""
    monkeypatch.setattr(postgres, "_PATIENCE_S", 0)


@pytest.fixture(params=DIALECTS)
def source(request: pytest.FixtureRequest, new_end: NewEnd) -> End:
    return new_end(request.param)


@pytest.fixture
def filled(new_end: NewEnd) -> End:
    """Return a source to be filled, whose dialect is beside the point."""
    return new_end("sqlite")


@pytest.fixture
def unused(new_end: NewEnd) -> End:
    """Return a target that a move does not get to."""
    return new_end("sqlite")


@pytest.fixture(params=DIALECTS)
def target(request: pytest.FixtureRequest, new_end: NewEnd) -> End:
    return new_end(request.param)

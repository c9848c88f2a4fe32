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
    """An end that has no database yet (SQLite), or an empty one."""
    numbers = iter(range(100))

    def make(dialect: str) -> End:
        if dialect == "sqlite":
            return SqliteEnd(tmp_path / f"{next(numbers)}.db")
        return PostgresEnd(PostgresUrl(request.getfixturevalue("cluster").new_database()))

    return make


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is up stays up."""
    monkeypatch.setattr(postgres, "_PATIENCE_S", 0)


@pytest.fixture(params=DIALECTS)
def source(request: pytest.FixtureRequest, new_end: NewEnd) -> End:
    return new_end(request.param)


@pytest.fixture
def filled(new_end: NewEnd) -> End:
    """A source whose dialect is beside the point; to be filled."""
    return new_end("sqlite")


@pytest.fixture
def unused(new_end: NewEnd) -> End:
    """A target that a move does not come to."""
    return new_end("sqlite")


@pytest.fixture(params=DIALECTS)
def target(request: pytest.FixtureRequest, new_end: NewEnd) -> End:
    return new_end(request.param)

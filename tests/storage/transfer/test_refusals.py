"""What cannot be moved is refused in one plain line, and nothing is changed."""

from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from ringback.ports.location import PostgresUrl
from tests.world.samples import SERVICE
from tests.world.transfer_content import fill
from tests.world.transfer_ends import End, NewEnd, PostgresEnd, SqliteEnd, Steps, contents, moved, refusal

pytestmark = pytest.mark.long


async def test_a_target_that_is_not_empty(filled: End, target: End) -> None:
    await fill(filled)
    store = await target.open()
    await store.put_service(SERVICE)
    await store.close()
    before = contents(target)

    assert await refusal(filled, target) == f"{target.database} is not empty: it has services"

    assert contents(target) == before


async def test_the_same_database(source: End) -> None:
    await (await source.open()).close()
    assert await refusal(source, source) == "the source and the target are the same database"


async def test_the_same_database_by_another_name(tmp_path: Path, new_end: NewEnd) -> None:
    file, database = new_end("sqlite"), new_end("postgres")
    await (await file.open()).close()
    link = tmp_path / "link.db"
    assert isinstance(file.database, Path)
    assert isinstance(database.database, PostgresUrl)
    link.symlink_to(file.database)
    localhost = PostgresEnd(PostgresUrl(database.database.url.replace("127.0.0.1", "localhost")))

    assert "the same database" in await refusal(file, SqliteEnd(link))
    assert "the same database" in await refusal(database, localhost)


def in_use(end: End) -> str:
    if isinstance(end, SqliteEnd):
        return f"cannot open {end.database}: another server is using it"
    return f"a server is using {end.database}: stop all servers first"


async def test_a_server_on_the_source(source: End, unused: End, no_patience: None) -> None:
    store = await source.open()
    try:
        assert await refusal(source, unused) == in_use(source)
    finally:
        await store.close()


async def test_a_server_on_the_target(filled: End, target: End, no_patience: None) -> None:
    await fill(filled)
    store = await target.open()
    try:
        assert await refusal(filled, target) == in_use(target)
        assert (await store.services()).services == []
    finally:
        await store.close()


async def test_a_leader_whose_connections_do_not_show(new_end: NewEnd, no_patience: None) -> None:
    """Its connections may carry a name of their own."""
    source, target = new_end("postgres"), new_end("sqlite")
    await (await source.open()).close()
    source.execute("UPDATE leader SET server = 'other', until_us = extract(epoch FROM now() + '1 hour') * 1000000")
    assert await refusal(source, target) == in_use(source)


async def test_a_leader_that_was_killed_is_waited_for(new_end: NewEnd) -> None:
    source, target = new_end("postgres"), new_end("sqlite")
    await (await source.open()).close()
    source.execute("UPDATE leader SET server = 'other', until_us = extract(epoch FROM now() + '1 s') * 1000000")
    assert await moved(source, target)


CONNECTED = """
    SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ringback'
"""


async def test_somebody_who_keeps_a_lock(filled: End, new_end: NewEnd, no_patience: None) -> None:
    await fill(filled)
    target = new_end("postgres")
    await (await target.open()).close()
    while target.execute(CONNECTED):  # PostgreSQL ends a backend after its client has gone
        continue
    with psycopg.connect(target.url) as other:
        other.execute("SELECT schema_version FROM ringback")
        assert await refusal(filled, target) == (
            f"{target.database} is in use: a server that starts, a backup, another move"
        )


async def test_no_server_starts_during_a_move(new_end: NewEnd) -> None:
    ends = new_end("postgres"), new_end("postgres")
    await fill(ends[0])
    kept_out = []

    class Starting(Steps):
        def begin(self, step: str, rows: int | None) -> None:
            """Do what a server does first when it opens its database."""
            for end in ends:
                with suppress(psycopg.errors.LockNotAvailable):
                    end.execute("SET lock_timeout = 1; SELECT schema_version FROM ringback")
                    continue
                kept_out.append(end)

    await moved(*ends, Starting())

    assert len(kept_out) > len(ends)
    assert len(kept_out) % len(ends) == 0
    assert set(kept_out) == set(ends)


async def test_what_is_written_meanwhile_does_not_tear_the_copy(source: End, target: End) -> None:
    """No program should write then, but a database shell can."""
    await fill(source)
    before = contents(source)

    class Meddling(Steps):
        def begin(self, step: str, rows: int | None) -> None:
            if step == "copying callbacks":
                source.execute("DELETE FROM event")
                source.execute("UPDATE service SET body = ''")

    assert all(each.same for each in await moved(source, target, Meddling()))
    assert contents(target) == before


async def test_a_missing_file(tmp_path: Path, unused: End) -> None:
    path = tmp_path / "missing.db"
    assert await refusal(SqliteEnd(path), unused) == f"cannot open {path}: there is no such file"
    assert list(tmp_path.glob("missing*")) == []  # noqa: ASYNC240 - a test


async def test_a_missing_folder_for_the_target(filled: End, tmp_path: Path) -> None:
    await fill(filled)
    path = tmp_path / "missing" / "ringback.db"
    assert await refusal(filled, SqliteEnd(path)) == f"cannot open {path}: the folder {path.parent} does not exist"


async def test_a_database_that_is_not_there(filled: End, new_end: NewEnd) -> None:
    await fill(filled)
    end = new_end("postgres")
    assert isinstance(end.database, PostgresUrl)
    missing = PostgresEnd(PostgresUrl(f"{end.database.url}_missing"))
    said = await refusal(filled, missing)
    assert said.endswith('_missing" does not exist')
    assert "\n" not in said


async def test_another_program_has_it(source: End, unused: End) -> None:
    source.execute("CREATE TABLE invoice (id integer)")
    assert await refusal(source, unused) == f"cannot open {source.database}: it is not a database of Ringback"


async def test_another_program_has_the_target(filled: End, target: End) -> None:
    await fill(filled)
    target.execute("CREATE TABLE invoice (id integer)")
    assert await refusal(filled, target) == f"cannot open {target.database}: it is the database of another program"


@pytest.mark.parametrize("change", [-1, 1])
async def test_another_version_of_the_schema(change: int, source: End, unused: End) -> None:
    await (await source.open()).close()
    if isinstance(source, SqliteEnd):
        [(version,)] = source.execute("PRAGMA user_version")
        source.execute(f"PRAGMA user_version = {version + change}")
    else:
        source.execute(f"UPDATE ringback SET schema_version = schema_version + {change}")

    said = await refusal(source, unused)

    assert said.startswith(f"cannot open {source.database}: ")
    assert ("start the server on it once" if change < 0 else "a newer Ringback has used it") in said

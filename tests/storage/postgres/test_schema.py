"""PostgreSQL: opened by many at once; one that cannot be used is refused in one plain line."""

import asyncio
import socket

import psycopg
import pytest

from ringback.storage.errors import StoreCannotOpen
from ringback.storage.migrations import scripts
from ringback.storage.postgres import PostgresStore
from tests.world.postgres import Cluster
from tests.world.samples import SERVICE

KNOWN = len(scripts("postgres"))


async def refusal(url: str) -> str:
    with pytest.raises(StoreCannotOpen) as refused:
        await PostgresStore.open(url)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def test_many_servers_open_an_empty_database_at_once(cluster: Cluster) -> None:
    url = cluster.new_schema()
    stores = await asyncio.gather(*(PostgresStore.open(url) for _ in range(8)))
    try:
        assert len({store.database_id for store in stores}) == 1
        await stores[0].put_service(SERVICE)
        assert (await stores[7].services()).services == [SERVICE]
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_a_restored_database_gets_one_new_id(cluster: Cluster) -> None:
    """As docs/backup.md has it: the operator takes the id away, and the first server gives it another one."""
    url = cluster.new_schema()
    first = await PostgresStore.open(url)
    await first.close()
    execute(url, "UPDATE ringback SET database_id = ''")
    stores = await asyncio.gather(*(PostgresStore.open(url) for _ in range(4)))
    try:
        [restored] = {store.database_id for store in stores}
    finally:
        await asyncio.gather(*(store.close() for store in stores))
    assert len(restored) == 16
    assert restored != first.database_id


async def test_many_servers_bring_the_schema_up_to_date_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    url = cluster.new_schema()
    first = await PostgresStore.open(url)
    await first.put_service(SERVICE)
    await first.close()
    monkeypatch.setattr(
        "ringback.storage.postgres.schema.scripts",
        lambda dialect: [*scripts(dialect), "ALTER TABLE service ADD COLUMN colour text;"],
    )
    stores = await asyncio.gather(*(PostgresStore.open(url) for _ in range(4)))
    for store in stores:
        assert store.database_id == first.database_id
        assert (await store.services()).services == [SERVICE]
        await store.close()
    assert execute(url, "SELECT schema_version FROM ringback") == [(KNOWN + 1,)]


async def test_a_failed_migration_leaves_the_database_as_it_was(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = cluster.new_schema()
    await (await PostgresStore.open(url)).close()
    broken = [*scripts("postgres"), "CREATE TABLE half (id int); CREATE TABLE callback (id int);"]
    with monkeypatch.context() as patch:
        patch.setattr("ringback.storage.postgres.schema.scripts", lambda _: broken)
        assert 'relation "callback" already exists' in await refusal(url)

    await (await PostgresStore.open(url)).close()
    assert execute(url, "SELECT to_regclass('half'), schema_version FROM ringback") == [(None, KNOWN)]


async def test_a_newer_schema(cluster: Cluster) -> None:
    url = cluster.new_schema()
    await (await PostgresStore.open(url)).close()
    execute(url, f"UPDATE ringback SET schema_version = {KNOWN + 1}")
    assert await refusal(url) == (
        f"cannot open {cluster.url()}: a newer Ringback has used it: its schema has version {KNOWN + 1}, "
        f"and this one knows up to {KNOWN}"
    ).replace("ringback@", "")


async def test_a_database_of_another_program(cluster: Cluster) -> None:
    url = cluster.new_schema()
    execute(url, "CREATE TABLE invoice (id int)")
    assert (await refusal(url)).endswith("it is the database of another program")


async def test_a_database_that_is_not_there(cluster: Cluster) -> None:
    assert 'database "nowhere" does not exist' in await refusal(cluster.url("nowhere"))


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        refused = await refusal(f"postgresql://ringback:secret@127.0.0.1:{port}/ringback")
    assert refused.startswith(f"cannot open postgresql://127.0.0.1:{port}/ringback: ")
    assert "Connection refused" in refused
    assert "secret" not in refused


async def test_a_wrong_password(cluster: Cluster) -> None:
    cluster.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    url = cluster.url().replace("ringback@", "guarded:wrong@")
    assert 'password authentication failed for user "guarded"' in await refusal(url)


async def test_an_encoding_that_cannot_hold_every_name(cluster: Cluster) -> None:
    cluster.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert "its encoding is LATIN1; it has to be UTF8" in await refusal(cluster.url("latin"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://localhost/ringback?sslmode=perhaps", "sslmode"),
        ("postgresql://localhost/ringback?colour=red", 'invalid URI query parameter: "colour"'),
        ("postgresql://localhost/ringback?prepared_statements=maybe", "prepared_statements is on or off, not 'maybe'"),
        ("postgresql://localhost:port/ringback", "port"),
    ],
)
async def test_a_url_that_makes_no_sense(url: str, reason: str) -> None:
    assert reason in await refusal(url)


async def test_without_prepared_statements(cluster: Cluster) -> None:
    url = cluster.new_schema()
    store = await PostgresStore.open(f"{url}&prepared_statements=off")
    try:
        await store.put_service(SERVICE)
        for _ in range(10):
            assert (await store.services()).services == [SERVICE]
    finally:
        await store.close()

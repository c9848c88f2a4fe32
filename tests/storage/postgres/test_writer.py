"""PostgreSQL: a failed write fails for the callers it concerns, and no caller ever waits in vain."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest
from msgspec.structs import replace

from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import MATCH_ALL
from ringback.ports.errors import RevisionConflict
from ringback.storage.postgres import PostgresStore
from ringback.storage.postgres.transaction import PostgresOperation, PostgresTransaction
from tests.world.event_log import events_after
from tests.world.postgres import Cluster
from tests.world.samples import NOW, SERVICE, cancel, changes, new


@pytest.fixture
async def postgres_store(cluster: Cluster) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(cluster.new_schema())
    try:
        await store.put_service(SERVICE)
        yield store
    finally:
        await store.close()


async def _delete_and_break(transaction: PostgresTransaction, requests: Sequence[None]) -> list[None]:
    await transaction.send("DELETE FROM callback")
    raise ZeroDivisionError


broken_operation = PostgresOperation(_delete_and_break)


async def test_only_the_guilty_one_fails(postgres_store: PostgresStore) -> None:
    """One transaction holds writes that succeed, one that is refused and two that are broken."""
    there, good, better = new(), new(), new()
    await postgres_store.create([there])
    refused = changes(cancel(there), replace(cancel(there), revision=3))

    results = await asyncio.gather(
        postgres_store.create([good]),
        postgres_store._write(broken_operation, None),
        postgres_store.create([replace(new(), end_time=NOW)]),
        postgres_store.apply(refused),
        postgres_store.create([better]),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [
        list,
        ZeroDivisionError,
        psycopg.errors.CheckViolation,
        RevisionConflict,
        list,
    ]
    assert (await postgres_store.snapshot(MATCH_ALL, "", 10)).callbacks == [there, good, better]
    assert [event.callback for event in await postgres_store.events(0, 10)] == [there, good, better]
    assert postgres_store.healthy


def refused(condition: str) -> tuple[PostgresOperation[None, None], list[None]]:
    """Return an operation that the database refuses like this, and what grows with each attempt of it."""
    attempts: list[None] = []

    async def run(transaction: PostgresTransaction, _: Sequence[None]) -> list[None]:
        attempts.append(None)
        await transaction.ask(f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{condition}'; END $$")
        return [None]

    return PostgresOperation(run), attempts


async def test_what_fits_is_written_beside_what_does_not(postgres_store: PostgresStore) -> None:
    """A disk that is nearly full still has room for a lease that is extended."""
    too_large, _ = refused("disk_full")
    results = await asyncio.gather(
        postgres_store.create([new()]),
        postgres_store._write(too_large, None),
        postgres_store.create([new()]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [list, StorageUnavailable, list]
    assert not postgres_store.healthy


async def test_requests_that_are_written_alone_wait_for_a_database_once(postgres_store: PostgresStore) -> None:
    waits, attempts = refused("lock_not_available")
    results = await asyncio.gather(
        postgres_store._write(broken_operation, None),
        *(postgres_store._write(waits, None) for _ in range(5)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [ZeroDivisionError] + [StorageUnavailable] * 5
    assert len(attempts) == 1


async def test_a_rivalry_is_told_without_the_values(
    postgres_store: PostgresStore, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL tells which value was there already: a number."""

    async def duplicate(transaction: PostgresTransaction, _: Sequence[None]) -> list[None]:
        await transaction.send("CREATE TEMPORARY TABLE called (target text UNIQUE) ON COMMIT DROP")
        await transaction.ask("INSERT INTO called VALUES ('tel:+41785556677'), ('tel:+41785556677') RETURNING 1")
        return [None]

    with caplog.at_level(logging.INFO), pytest.raises(psycopg.errors.UniqueViolation):
        await postgres_store._write(PostgresOperation(duplicate), None)
    assert any("gave way to a rival: duplicate key value" in message for message in caplog.messages)
    assert not any("41785556677" in message for message in caplog.messages)


async def test_what_failed_leaves_the_connection_as_it_was(postgres_store: PostgresStore) -> None:
    """The driver prepares statements on the way; those skipped with a failed one have to be prepared again."""
    for _ in range(20):
        with pytest.raises(psycopg.errors.CheckViolation):
            await postgres_store.create([replace(new(labels={"a": "b"}), end_time=NOW)])
        callback = new(labels={"a": "b"})
        await postgres_store.create([callback])
        await postgres_store.apply(changes(callback, cancel(callback)))
    assert (await postgres_store.history()).newest == 40


@pytest.mark.parametrize("column", ["state = 'PENDING'", "state = NULL", "lease_fencing = 0", "supervisor = ''"])
async def test_the_database_refuses_what_cannot_even_be_said(postgres_store: PostgresStore, column: str) -> None:
    async def update(transaction: PostgresTransaction, _: Sequence[None]) -> list[None]:
        await transaction.ask(f"UPDATE callback SET {column} RETURNING 1")
        return [None]

    await postgres_store.create([new()])
    with pytest.raises(psycopg.IntegrityError):
        await postgres_store._write(PostgresOperation(update), None)


async def test_no_text_with_a_nul_is_there_to_be_found(postgres_store: PostgresStore) -> None:
    assert await postgres_store.get("callback\0") is None
    assert await postgres_store.held_by("dialer\0") == []


async def test_nobody_waits_for_a_writer_that_is_gone(postgres_store: PostgresStore) -> None:
    writes = [asyncio.create_task(postgres_store.create([new()])) for _ in range(3)]
    watcher = asyncio.create_task(events_after(postgres_store, 100))
    await asyncio.sleep(0)
    postgres_store._writer._task.cancel()

    results = await asyncio.gather(*writes, watcher, return_exceptions=True)

    assert [type(result) for result in results] == [StorageUnavailable] * 4
    with pytest.raises(StorageUnavailable):
        await postgres_store.create([new()])
    assert not postgres_store.healthy
    assert not await postgres_store.probe()


async def test_a_failed_commit_concerns_all_of_the_batch(postgres_store: PostgresStore) -> None:
    """A deferred constraint that is broken is found by COMMIT alone."""

    async def break_at_commit(transaction: PostgresTransaction, _: Sequence[None]) -> list[None]:
        await transaction.send("CREATE TABLE parent (id bigint PRIMARY KEY)")
        await transaction.send(
            "ALTER TABLE callback ADD FOREIGN KEY (due_us) REFERENCES parent DEFERRABLE INITIALLY DEFERRED"
        )
        return [None]

    await postgres_store._write(PostgresOperation(break_at_commit), None)
    results = await asyncio.gather(
        postgres_store.create([new()]), postgres_store.create([new()]), return_exceptions=True
    )
    assert [type(result) for result in results] == [psycopg.errors.ForeignKeyViolation] * 2
    assert (await postgres_store.history()).newest == 0

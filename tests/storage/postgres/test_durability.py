"""PostgreSQL: settings that would have it acknowledge what a crash loses."""

import logging
from collections.abc import Sequence

import pytest

from ringback.storage.postgres import PostgresStore
from ringback.storage.postgres.transaction import PostgresOperation, PostgresTransaction
from tests.world.postgres import Cluster
from tests.world.samples import SERVICE


async def _settings(transaction: PostgresTransaction, _: Sequence[None]) -> list[tuple[str, str]]:
    rows = await transaction.ask("SELECT current_setting('synchronous_commit'), current_setting('statement_timeout')")
    return [(rows[0][0], rows[0][1])]


@pytest.mark.parametrize(
    ("asked_for", "kept"), [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)
async def test_a_commit_waits_for_the_disk_whatever_the_url_says(cluster: Cluster, asked_for: str, kept: str) -> None:
    """Nor does a limit of the role end the wait for a standby, after which a commit is reported as done."""
    options = f"%20-csynchronous_commit%3D{asked_for}%20-cstatement_timeout%3D2000"
    store = await PostgresStore.open(cluster.new_schema() + options)
    try:
        assert await store._write(PostgresOperation(_settings), None) == (kept, "0")
        await store.put_service(SERVICE)
    finally:
        await store.close()


async def test_a_server_that_loses_commits_is_told_of_at_start(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await (await PostgresStore.open(cluster.new_schema())).close()
    told = "PostgreSQL runs with fsync, full_page_writes off: a crash of its machine loses what was acknowledged"
    assert told in caplog.messages

"""PostgreSQL: the statements of a pipeline, sent together."""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator

import psycopg
import pytest

from ringback.storage.postgres.connection import Connection, connect
from ringback.storage.postgres.dsn import Address
from tests.world.postgres import Cluster

# An upper limit only: before, it took for ever.
PATIENCE_S = 60


@pytest.fixture
async def connection(cluster: Cluster) -> AsyncIterator[Connection]:
    connection = await connect(Address.parse(cluster.url()))
    yield connection
    await connection.close()


async def test_what_no_buffer_holds_is_sent_to_its_end(connection: Connection) -> None:
    """PostgreSQL answers when it has everything: who waits for that with something left to send waits for ever."""
    with socket.socket(fileno=os.dup(connection.fileno())) as its_socket:
        its_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    async with asyncio.timeout(PATIENCE_S), connection.pipeline() as pipeline:
        small = await connection.gather("SELECT $1::text", ["a"])
        large = await connection.gather("SELECT length($1::text)", ["x" * 1_000_000])
        await pipeline.sync()
        assert [await small.fetchall(), await large.fetchall()] == [[("a",)], [(1_000_000,)]]


async def test_of_a_connection_that_breaks_nothing_is_left_behind(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's own work ends with the fault: what it does to clean up would be told by nobody, and fail."""
    left: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", left.append)

    async def work() -> None:
        async with connection.pipeline():
            await connection.gather("SELECT pg_sleep(10)", [])  # it does not read meanwhile, so that something is left
            await connection.gather("SELECT length($1::text)", ["x" * 20_000_000])
            asyncio.get_running_loop().call_soon(cut)

    def cut() -> None:
        with socket.socket(fileno=os.dup(connection.fileno())) as its_socket:
            its_socket.shutdown(socket.SHUT_RDWR)

    with pytest.raises(psycopg.OperationalError):
        await work()
    gc.collect()
    assert connection.closed
    assert not left


async def test_a_statement_that_fails_is_told_by_the_sync(connection: Connection) -> None:
    async with connection.pipeline() as pipeline:
        await connection.gather("SELECT 1 / $1::bigint", [0])
        await connection.gather("SELECT 1", [])
        with pytest.raises(psycopg.errors.DivisionByZero):
            await pipeline.sync()
    async with connection.pipeline() as pipeline:
        after = await connection.gather("SELECT 1", [])
        await pipeline.sync()
        assert await after.fetchall() == [(1,)]

"""SQLite: a reading connection has one question at a time, whatever becomes of the caller."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ringback.domain.errors import StorageUnavailable
from ringback.storage.operations import READ_LIMIT_S
from ringback.storage.sqlite import connection
from ringback.storage.sqlite.connection import Query, Readers, WritingConnection, ask

Rows = list[tuple[Any, ...]]

ENDLESS = partial(
    ask, statement="WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
)
QUICK = partial(ask, statement="SELECT 1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (path := tmp_path / "some.db").touch()
    return path


@pytest.fixture
async def readers(path: Path) -> AsyncIterator[Readers]:
    async with Readers.open(path, 2) as readers:
        yield readers


async def started(readers: Readers, query: Query[Rows], times: int) -> list[asyncio.Task[Rows]]:
    tasks = [asyncio.create_task(readers.read(query)) for _ in range(times)]
    await asyncio.sleep(0)  # each of them is with its connection now, or waits for one
    return tasks


async def cancelled(tasks: list[asyncio.Task[Rows]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_question_without_a_caller_is_given_up(readers: Readers) -> None:
    """Long before its time is over; its connection answers the next one only then."""
    await cancelled(await started(readers, ENDLESS, 2))
    begun = time.monotonic()
    assert await asyncio.gather(*(readers.read(QUICK) for _ in range(10))) == [[(1,)]] * 10
    assert time.monotonic() - begun < READ_LIMIT_S / 2


async def test_who_waits_for_a_connection_may_go(readers: Readers) -> None:
    running = await started(readers, ENDLESS, 2)
    waiting = await started(readers, QUICK, 4)
    assert not any(task.done() for task in waiting)
    await cancelled(waiting[::2])
    await cancelled(running)
    assert await asyncio.gather(*waiting[1::2]) == [[(1,)]] * 2
    assert await readers.read(QUICK) == [(1,)]


async def test_cancelled_at_the_moment_of_its_turn(readers: Readers) -> None:
    """The connection was given to it already, and goes to the next one."""
    busy = [readers._idle.pop(), readers._idle.pop()]
    waiting = await started(readers, QUICK, 1)
    readers._give_back(busy[0])
    await cancelled(waiting)
    assert readers._idle == busy[:1]
    readers._give_back(busy[1])


async def test_time_counts_from_the_moment_of_the_connection(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not while others are before it."""
    monkeypatch.setattr(connection, "READ_LIMIT_S", 0.2)
    running = await started(readers, ENDLESS, 2)
    assert await readers.read(QUICK) == [(1,)]
    for refused in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(refused, StorageUnavailable)
        assert str(refused) == "the database took more than 0.2 s for an answer"


async def test_closing_ends_all_that_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_LIMIT_S", 0.2)
    async with Readers.open(path, 1) as readers:
        running, waiting = await started(readers, ENDLESS, 2)
    with pytest.raises(StorageUnavailable, match="took more than"):
        await running
    with pytest.raises(StorageUnavailable, match="the database is closed"):
        await waiting
    with pytest.raises(StorageUnavailable, match="the database is closed"):
        await readers.read(QUICK)


async def test_closing_while_all_tasks_are_cancelled(path: Path) -> None:
    """As the end of a program does it: the one that waits for an abandoned question is cancelled, too."""
    async with asyncio.timeout(5):
        async with Readers.open(path, 1) as readers:
            await cancelled(await started(readers, ENDLESS, 1))
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()


async def test_work_is_done_whole_though_its_caller_is_cancelled(path: Path) -> None:
    def work(database: object) -> None:
        loop.call_soon_threadsafe(begun.set)
        over.wait()
        done.append(database)

    loop = asyncio.get_running_loop()
    begun, over = asyncio.Event(), threading.Event()
    done: list[object] = []
    async with WritingConnection.open(path) as writing:
        task = asyncio.create_task(writing.run(work))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        over.set()
    assert len(done) == 1


async def test_who_reads_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        async with Readers.open(tmp_path / "none.db", 1):
            pass
    assert not (tmp_path / "none.db").exists()

"""The writer waits for its crowd, and nobody waits in vain. In a time that passes only while all wait."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ringback.storage.writer import Submission, Writer
from tests.world.skipping_loop import skipping

CROWD = 32
# Of the crowd, those who are enough.
MOST = 25


class Batches:
    """What was written since the crowd was: how many requests at a time, and how many seconds later."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.waits_s: list[float] = []
        self._begun = 0.0

    async def write(self, batch: Sequence[Submission[str]]) -> Sequence[object]:
        self.sizes.append(len(batch))
        self.waits_s.append(asyncio.get_running_loop().time() - self._begun)
        return [None] * len(batch)

    def forget(self) -> None:
        self.sizes.clear()
        self.waits_s.clear()
        self._begun = asyncio.get_running_loop().time()


@asynccontextmanager
async def after_a_crowd() -> AsyncIterator[tuple[Writer[str], Batches]]:
    """Yield a writer that has just written for a crowd."""
    batches = Batches()
    writer = Writer(batches.write, stopped=lambda: None)
    try:
        await asyncio.gather(*(writer.submit("write", None, 1) for _ in range(CROWD)))
        assert batches.sizes == [CROWD]
        batches.forget()
        yield writer, batches
    finally:
        await writer.close()


@skipping
async def test_who_comes_alone_after_a_crowd_waits_for_it_but_not_for_long() -> None:
    async with after_a_crowd() as (writer, batches):
        await writer.submit("write", None, 1)
        assert batches.sizes == [1]
        assert 0 < batches.waits_s[0] < 0.006


@skipping
async def test_most_of_a_crowd_are_written_together_as_soon_as_they_are_there() -> None:
    async with after_a_crowd() as (writer, batches):
        writes = []
        for _ in range(MOST):
            assert batches.sizes == []
            writes.append(asyncio.create_task(writer.submit("write", None, 1)))
            await asyncio.sleep(0)
        await asyncio.gather(*writes)
        assert (batches.sizes, batches.waits_s) == ([MOST], [0.0])


@skipping
async def test_many_rows_wait_for_nobody() -> None:
    async with after_a_crowd() as (writer, batches):
        await writer.submit("write", None, 100)
        assert batches.waits_s == [0.0]


@skipping
async def test_what_is_apart_waits_for_nobody() -> None:
    async with after_a_crowd() as (writer, batches):
        await writer.submit("write", None, 1, apart=True)
        assert batches.waits_s == [0.0]


@skipping
async def test_a_writer_that_is_closed_waits_for_nobody() -> None:
    async with after_a_crowd() as (writer, batches):
        write = asyncio.create_task(writer.submit("write", None, 1))
        await asyncio.sleep(0)
        await writer.close()
        await write
        assert batches.waits_s == [0.0]

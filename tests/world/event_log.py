"""The event log as one who follows it hears of it, and its lock."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from ringback.ports.store import EventLog
from ringback.ports.values import LoggedEvent
from ringback.storage.postgres import PostgresStore
from ringback.storage.postgres.transaction import PostgresOperation, PostgresTransaction


async def events_after(log: EventLog, number: int) -> Sequence[LoggedEvent]:
    """Wait for the next events above a number."""
    async with aclosing(log.follow(number)) as batches:
        return await anext(batches)


async def hold_log_end(store: PostgresStore) -> tuple[asyncio.Task[None], asyncio.Event]:
    """Return a transaction that holds the lock which every write needs, and what lets it go on."""
    hanging, over = asyncio.Event(), asyncio.Event()

    async def hang(transaction: PostgresTransaction, _: Sequence[None]) -> list[None]:
        await transaction.ask("SELECT lock FROM log_end FOR UPDATE")
        hanging.set()
        await over.wait()
        return [None]

    holding_up = asyncio.create_task(store._write(PostgresOperation(hang), None))
    await hanging.wait()
    return holding_up, over

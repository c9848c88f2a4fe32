"""The event log as one who follows it hears of it."""

from collections.abc import Sequence
from contextlib import aclosing

from ringback.ports.store import EventLog
from ringback.ports.values import LoggedEvent


async def events_after(log: EventLog, number: int) -> Sequence[LoggedEvent]:
    """Wait for the next events above a number."""
    async with aclosing(log.follow(number)) as batches:
        return await anext(batches)

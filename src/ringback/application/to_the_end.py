"""Changes that are made whole, also for callers that give up in the middle."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from ringback.domain.errors import RingbackError

T = TypeVar("T")


async def to_the_end(change: Awaitable[T]) -> T:
    """Return what a change returns; it goes on when the caller is cancelled. Raise what it raises.

    A refusal that nobody waits for any more is no bug, which asyncio would log with a traceback.
    """
    result, refusal = await asyncio.shield(_ended(change))
    if refusal is not None:
        raise refusal
    return result  # type: ignore[return-value] # there is one where there is no refusal


async def _ended(change: Awaitable[T]) -> tuple[T | None, RingbackError | None]:
    try:
        return await change, None
    except RingbackError as refusal:
        return None, refusal

"""What a client does while the database is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ringback.domain.errors import StorageUnavailable

R = TypeVar("R")

_PAUSE_S = 0.01


async def insist(call: Callable[[], Awaitable[R]]) -> R:
    """Repeat the call while the database is unavailable, as clients do."""
    while True:
        try:
            return await call()
        except StorageUnavailable:
            await asyncio.sleep(_PAUSE_S)

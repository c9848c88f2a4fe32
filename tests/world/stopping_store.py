"""A store that stops at one call until the test lets it go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from ringback.ports.store import Store


class StoppingStore:
    """The store below, but for one call of one method, which stops before or after it is made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._method = ""
        self._after = False
        self._stopped = asyncio.Event()
        self._go_on = asyncio.Event()

    @asynccontextmanager
    async def stopped(self, method: str, run: Awaitable[Any], *, after: bool) -> AsyncIterator[asyncio.Task[Any]]:
        """Run something until it makes the call; then the block runs, and after it the rest."""
        self._method, self._after = method, after
        self._stopped.clear()
        self._go_on.clear()
        task = asyncio.ensure_future(run)
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        assert self._stopped.is_set(), f"{method} was not called"
        yield task
        self._go_on.set()
        await asyncio.wait([task])

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        return self._stopping(call) if name == self._method else call

    def _stopping(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        self._method = ""  # only this call: others go past it

        async def stop(*args: Any) -> Any:
            if not self._after:
                await self._stop()
                return await call(*args)
            result = await call(*args)
            await self._stop()
            return result

        return stop

    async def _stop(self) -> None:
        self._stopped.set()
        await self._go_on.wait()

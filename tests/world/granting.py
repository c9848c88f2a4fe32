"""An assigner whose loops run on a store of the test's choice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from ringback.application.dispatch.assigner import Assigner
from ringback.application.dispatch.lease_request import LeaseRequest
from ringback.domain.queue import Queue
from tests.world.use_cases import World


class CountingStore:
    """A store that tells how often the queue was read."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self._looks = 0
        self._looked = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def queue(self, service_id: str, depth: int, now: datetime) -> Queue | None:
        self._looks += 1
        self._looked.set()
        return await self._store.queue(service_id, depth, now)

    async def looked(self, times: int) -> None:
        while self._looks < times:
            self._looked.clear()
            await self._looked.wait()


@asynccontextmanager
async def granting_of(world: World, store: Any) -> AsyncIterator[Assigner]:
    """Run the loops of an assigner on that store."""
    granting = Assigner(
        store,
        world.directory,
        world.clock_jumps,
        world.feed,
        world.presence,
        world.dial_policy,
        world.agent_rests,
        world.recent_dials,
    )
    world.clock_jumps.listen(granting.look_at_all)
    await world.feed.start()
    await granting.start()
    loops = [asyncio.create_task(loop) for loop in (world.feed.run(), granting.run())]
    try:
        yield granting
        assert not any(loop.done() for loop in loops)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


def poll(wait_s: float = 10, **fields: Any) -> LeaseRequest:
    return LeaseRequest(dialer_id="test", wait_s=wait_s, **fields)

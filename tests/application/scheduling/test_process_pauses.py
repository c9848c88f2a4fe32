"""A process that was stopped lets no lease lapse before its dialer could extend it, wherever it stood meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ringback.application.access import ANYBODY
from ringback.application.scheduling import leader_election
from ringback.application.scheduling.process_pauses import ProcessPauses
from ringback.domain.callback import State
from tests.world.dialer import PATIENCE_S
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, World


def test_a_pause_is_told_once_with_its_beginning(world: World) -> None:
    told: list[Any] = []
    pauses = ProcessPauses(world.clock, told.append)
    for span in (0.0, 1.0, 2.9):
        world.clock.pass_time(seconds(span))
        pauses.look()
    assert told == []
    world.clock.pass_time(seconds(3.5))
    pauses.look()
    pauses.look()
    assert told == [MONDAY_9 + seconds(3.9)]


def test_a_clock_that_jumps_is_no_pause(world: World) -> None:
    told: list[Any] = []
    pauses = ProcessPauses(world.clock, told.append)
    pauses.look()
    world.clock.jump(timedelta(hours=1))
    pauses.look()
    assert told == []


@asynccontextmanager
async def looping(world: World) -> AsyncIterator[Callable[[], Any]]:
    """Run the loop; yield a function that returns when the pass is over that begins next."""
    passes = asyncio.Condition()
    count = 0

    async def tell() -> None:
        nonlocal count
        async with passes:
            count += 1
            passes.notify_all()

    told: set[asyncio.Task[None]] = set()
    world.scheduler_loop.listen(lambda _: told.add(asyncio.create_task(tell())))

    async def next_pass() -> None:
        seen = count
        world.scheduler_loop.look_at_all()
        async with asyncio.timeout(PATIENCE_S), passes:
            await passes.wait_for(lambda: count > seen)

    await world.leader_election.ask()
    running = asyncio.create_task(world.scheduler_loop.run())
    try:
        await next_pass()
        yield next_pass
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("where", ["probe", "agenda"])
async def test_a_lease_that_ended_during_a_pause_can_be_extended_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The process stands still while it waits for the database, in a pass or before it."""
    monkeypatch.setattr(leader_election, "TERM", timedelta(hours=1))
    await world.create(await world.service(), max_retries=0)
    leased = await world.lease(seconds(30))
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    async with looping(world) as next_pass:
        asked, paused = getattr(world.store, where), asyncio.Event()

        async def ask(*arguments: Any) -> Any:
            answer = await asked(*arguments)
            if not paused.is_set():
                paused.set()
                world.clock.pass_time(seconds(60))
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(world.store, where, ask)
            await next_pass()
        await next_pass()
        await next_pass()
        assert await world.state(leased) is State.DIALING
        [kept] = await world.leases.extend(ANYBODY, [leased.lease.token], seconds(30))
        assert kept.lost is None
        world.clock.pass_time(seconds(2))
        await next_pass()
        assert await world.state(leased) is State.DIALING

"""Waiting for the bell: nobody is forgotten, and nobody's leaving disturbs the others."""

import asyncio

from ringback.bell import Bell


async def waiting(bell: Bell, count: int, timeout_s: float) -> list[asyncio.Task[None]]:
    """So many who wait by now."""
    waits = [asyncio.create_task(bell.wait(timeout_s)) for _ in range(count)]
    await asyncio.sleep(0)
    return waits


async def test_it_wakes_all_who_wait() -> None:
    bell = Bell()
    for _ in range(2):
        waits = await waiting(bell, 3, timeout_s=60)
        assert not any(wait.done() for wait in waits)
        bell.ring()
        await asyncio.gather(*waits)


async def test_who_has_waited_long_enough_goes_and_the_others_stay() -> None:
    bell = Bell()
    patient = await waiting(bell, 2, timeout_s=60)
    await asyncio.gather(*(bell.wait(0) for _ in range(2)))
    assert not any(wait.done() for wait in patient)
    bell.ring()
    await asyncio.gather(*patient)


async def test_who_is_cancelled_does_not_hold_up_the_others() -> None:
    bell = Bell()
    gone, just_now, stays = await waiting(bell, 3, timeout_s=60)
    gone.cancel()
    await asyncio.wait([gone])
    just_now.cancel()
    bell.ring()
    await stays
    assert gone.cancelled()


async def test_it_can_be_waited_for_again_when_nobody_has_for_a_while() -> None:
    bell = Bell()
    await bell.wait(0)
    await asyncio.wait_for(bell.wait(0), timeout=30)
    [wait] = await waiting(bell, 1, timeout_s=60)
    bell.ring()
    await wait

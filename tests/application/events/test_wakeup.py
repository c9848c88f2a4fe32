"""The wakeup: it forgets no task that waits, and one that leaves does not disturb the others."""

import asyncio

from ringback.application.events.wakeup import Wakeup


async def waiting(wakeup: Wakeup, count: int, timeout_s: float) -> list[asyncio.Task[None]]:
    """Return this many tasks, all of which wait by now."""
    waits = [asyncio.create_task(wakeup.wait(timeout_s)) for _ in range(count)]
    await asyncio.sleep(0)
    return waits


async def test_it_wakes_all_who_wait() -> None:
    wakeup = Wakeup()
    for _ in range(2):
        waits = await waiting(wakeup, 3, timeout_s=60)
        assert not any(wait.done() for wait in waits)
        wakeup.wake()
        await asyncio.gather(*waits)


async def test_who_has_waited_long_enough_goes_and_the_others_stay() -> None:
    wakeup = Wakeup()
    patient = await waiting(wakeup, 2, timeout_s=60)
    await asyncio.gather(*(wakeup.wait(0) for _ in range(2)))
    assert not any(wait.done() for wait in patient)
    wakeup.wake()
    await asyncio.gather(*patient)


async def test_who_is_cancelled_does_not_hold_up_the_others() -> None:
    wakeup = Wakeup()
    gone, just_now, stays = await waiting(wakeup, 3, timeout_s=60)
    gone.cancel()
    await asyncio.wait([gone])
    just_now.cancel()
    wakeup.wake()
    await stays
    assert gone.cancelled()


async def test_it_can_be_waited_for_again_when_nobody_has_for_a_while() -> None:
    wakeup = Wakeup()
    await wakeup.wait(0)
    await asyncio.wait_for(wakeup.wait(0), timeout=30)
    [wait] = await waiting(wakeup, 1, timeout_s=60)
    wakeup.wake()
    await wait

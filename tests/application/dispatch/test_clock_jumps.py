"""A clock that jumps ends no lease, and no phone's keeping, before it is noticed or while the leases are moved."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from ringback.application.access import ANYBODY
from ringback.domain.callback import Callback, State
from ringback.domain.errors import StorageUnavailable
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport
from tests.world.dialer import PATIENCE_S
from tests.world.granting import CountingStore, granting_of, poll
from tests.world.samples import seconds
from tests.world.use_cases import World

PHONE, GATEWAY = "tel:+41785556677", "sip:+41785556677@gw.example;user=phone"
MOMENT = timedelta(microseconds=1)
AHEAD_OR_BACK = pytest.mark.parametrize(
    "jump", [timedelta(hours=1), -timedelta(hours=1), seconds(40), -seconds(40)], ids=str
)


def token(callback: Callback) -> str:
    assert callback.lease is not None
    return callback.lease.token


async def keep_a_phone(world: World) -> Callback:
    """Lose a dialer in a call; return another callback to its phone, which waits."""
    service = await world.service()
    await world.create(service, PHONE, max_retries=0)
    leased = await world.lease()
    await world.leases.dialing(ANYBODY, token(leased))
    await world.leases.ended(ANYBODY, token(leased), OutcomeReport(outcome=Outcome.INTERRUPTED))
    return await world.create(service, GATEWAY)


@AHEAD_OR_BACK
async def test_a_phone_is_kept_before_the_jump_is_noticed(world: World, jump: timedelta) -> None:
    waiting = await keep_a_phone(world)
    world.clock.jump(jump)
    world.clock.pass_time(seconds(30) - MOMENT)
    await world.assigner.start()
    assert await world.serve(poll()) == []
    await world.clock_jumps.follow()
    await world.assigner.start()
    assert await world.serve(poll()) == []
    world.clock.pass_time(MOMENT)
    assert (await world.lease()).callback_id == waiting.callback_id


@AHEAD_OR_BACK
async def test_a_poll_that_waits_for_a_kept_phone_looks_again(world: World, jump: timedelta) -> None:
    waiting = await keep_a_phone(world)
    store = CountingStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(PATIENCE_S):
        world.clock.jump(jump)
        granted = asyncio.create_task(granting.lease(ANYBODY, poll()))
        await store.looked(1)
        world.clock.pass_time(seconds(30))
        assert not granted.done()
        await world.clock_jumps.follow()
        assert [c.callback_id for c in await granted] == [waiting.callback_id]


async def require_lapse(world: World, leased: Callback, held: State, lapsed: State) -> None:
    """Require that a lease lapses in thirty seconds, not before."""
    await world.run_until(seconds(30) - MOMENT)
    assert await world.state(leased) is held
    await world.run_until(MOMENT)
    assert await world.state(leased) is lapsed


async def extend(world: World, leased: Callback) -> None:
    [extended] = await world.leases.extend(ANYBODY, [token(leased)], seconds(30))
    assert extended.lost is None


async def report(world: World, leased: Callback) -> None:
    await world.leases.ringing(ANYBODY, token(leased))


@AHEAD_OR_BACK
@pytest.mark.parametrize("sign_of_life", [extend, report])
@pytest.mark.parametrize("together", [False, True], ids=["before", "while the leases are moved"])
async def test_a_sign_of_life_keeps_the_lease_for_as_long_as_ever(
    world: World, jump: timedelta, sign_of_life: Callable[[World, Callback], Awaitable[None]], together: bool
) -> None:
    """It comes after the jump of the clock, and before it is noticed, or just when it is."""
    await world.create(await world.service())
    leased = await world.lease(seconds(30))
    await world.leases.dialing(ANYBODY, token(leased))
    world.clock.pass_time(seconds(20))
    world.clock.jump(jump)
    if together:
        moved = asyncio.create_task(world.clock_jumps.follow())
        await asyncio.gather(sign_of_life(world, leased), moved, sign_of_life(world, leased))
    else:
        await sign_of_life(world, leased)
        await world.clock_jumps.follow()
    await require_lapse(world, leased, State.DIALING, State.SCHEDULED)


@AHEAD_OR_BACK
async def test_an_extension_that_is_under_way_goes_by_the_clock_as_it_is(
    world: World, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have read its callback before the jump, and be stored after the leases were moved."""
    await world.create(await world.service())
    leased = await world.lease(seconds(30))
    await world.leases.dialing(ANYBODY, token(leased))
    read = world.store.get_many

    async def read_while_the_clock_is_set(callback_ids: Sequence[str]) -> list[Callback]:
        found = await read(callback_ids)
        world.clock.jump(jump)
        await world.clock_jumps.follow()
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(world.store, "get_many", read_while_the_clock_is_set)
        [extended] = await world.leases.extend(ANYBODY, [token(leased)], seconds(30))
    assert extended.expire_time == world.clock.now() + seconds(30)
    await require_lapse(world, leased, State.DIALING, State.SCHEDULED)


@AHEAD_OR_BACK
async def test_a_lease_that_is_granted_after_the_jump_lasts_as_long_as_any(world: World, jump: timedelta) -> None:
    await world.create(await world.service())
    world.clock.jump(jump)
    leased = await world.lease(seconds(30))
    await world.clock_jumps.follow()
    await require_lapse(world, leased, State.OFFERED, State.QUEUED)


@AHEAD_OR_BACK
async def test_the_time_stays_as_it_was_until_the_leases_can_be_moved(
    world: World, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StorageUnavailable("away")

    before = world.clock.now()
    world.clock.jump(jump)
    with monkeypatch.context() as outage:
        outage.setattr(world.store, "shift_leases", away)
        with pytest.raises(StorageUnavailable):
            await world.clock_jumps.follow()
    assert abs(world.clock_jumps.now() - before) <= MOMENT
    await world.clock_jumps.follow()
    assert world.clock_jumps.now() == before + jump

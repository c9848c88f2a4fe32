"""Whether a dialer is there: for a minute after its last poll, whatever the wall clock does, and while it is busy."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.ports.values import ALL_SERVICES, LONGEST_DEMAND
from tests.world.use_cases import World

MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=5), timedelta(hours=-5)], ids=["none", "ahead", "back"])
@pytest.mark.parametrize("services", [None, frozenset({"one"})], ids=["all services", "one"])
async def test_a_dialer_is_there_until_a_minute_after_its_poll(
    world: World, services: frozenset[str] | None, jump: timedelta
) -> None:
    world.presence.ask("pbx", services, wait_s=20.0)
    world.clock.jump(jump)
    await world.clock_jumps.follow()
    world.clock.pass_time(timedelta(seconds=80) - MOMENT)
    assert await world.presence.has_dialer("one")
    assert await world.presence.polled_for() == {ALL_SERVICES if services is None else "one"}
    world.clock.pass_time(MOMENT)
    assert not await world.presence.has_dialer("one")
    assert await world.presence.polled_for() == set()


async def test_what_another_server_noted_ends_though_the_clock_was_set_back(world: World) -> None:
    now = world.clock.now()
    await world.store.note_asked_for({"one": now + timedelta(seconds=80)}, now)
    assert await world.presence.has_dialer("one")
    world.clock.jump(timedelta(hours=-5))
    await world.clock_jumps.follow()
    world.clock.pass_time(LONGEST_DEMAND)
    assert not await world.presence.has_dialer("one")


async def read_log(world: World) -> None:
    world.feed._append(await world.store.events(world.feed.newest, 100))


async def test_a_dialer_that_is_busy_is_there_until_a_minute_after_its_last_lease(world: World) -> None:
    """One that has as many calls as it can carry out polls no more, for as long as they last."""
    await world.create(await world.service())
    leased = await world.lease()
    assert leased.lease is not None
    world.presence.ask("test", frozenset({"before"}), wait_s=0)
    world.presence.ask("test", frozenset({"one", "other"}), wait_s=0)
    world.presence.ask("idle", frozenset({"third"}), wait_s=0)
    await read_log(world)
    world.clock.pass_time(timedelta(hours=1))
    assert await world.presence.polled_for() == {"one", "other"}
    world.presence._forget_gone()  # as its loop does
    await world.leases.release(ANYBODY, leased.lease.token)
    await read_log(world)
    world.clock.pass_time(timedelta(seconds=60) - MOMENT)
    assert await world.presence.has_dialer("one")
    world.clock.pass_time(MOMENT)
    assert await world.presence.polled_for() == set()


async def test_what_may_have_ended_unseen_counts_no_more(world: World) -> None:
    await world.create(await world.service())
    await world.lease()
    world.presence.ask("test", None, wait_s=0)
    await read_log(world)
    newest = world.feed.newest
    [last] = await world.store.events(newest - 1, 1)
    world.feed._append([replace(last, number=newest + 5, callback=replace(last.callback, callback_id="x", lease=None))])
    world.clock.pass_time(timedelta(hours=1))
    assert not await world.presence.has_dialer("one")

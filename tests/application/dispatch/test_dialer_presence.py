"""Whether a dialer is there: for a minute after its last poll, whatever the wall clock does."""

from datetime import timedelta

import pytest

from ringback.ports.values import ALL_SERVICES, LONGEST_DEMAND
from tests.world.use_cases import World

MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=5), timedelta(hours=-5)], ids=["none", "ahead", "back"])
@pytest.mark.parametrize("services", [None, frozenset({"one"})], ids=["all services", "one"])
async def test_a_dialer_is_there_until_a_minute_after_its_poll(
    world: World, services: frozenset[str] | None, jump: timedelta
) -> None:
    world.presence.ask(services, wait_s=20.0)
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

"""Whether a dialer is there: for a minute after its last poll, whatever the wall clock does, and while it is busy."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.domain.service import Service
from ringback.ports.values import ALL_SERVICES, LONGEST_DEMAND, Demand
from tests.world.samples import SERVICE
from tests.world.use_cases import World

MOMENT = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)


def service(service_id: str = "one") -> Service:
    return replace(SERVICE, service_id=service_id)


async def dialers(world: World, service_id: str = "one") -> int:
    return (await world.presence.attendances()).of(service(service_id)).dialers


async def missing_since(world: World, of: Service | None = None) -> datetime | None:
    return (await world.presence.attendances()).of(of or service()).missing_since


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=5), timedelta(hours=-5)], ids=["none", "ahead", "back"])
@pytest.mark.parametrize("services", [None, frozenset({"one"})], ids=["all services", "one"])
async def test_a_dialer_is_there_until_a_minute_after_its_poll(
    world: World, services: frozenset[str] | None, jump: timedelta
) -> None:
    world.presence.ask("pbx", services, wait_s=20.0)
    world.clock.jump(jump)
    await world.clock_jumps.follow()
    world.clock.pass_time(timedelta(seconds=80) - MOMENT)
    assert await dialers(world) == 1
    assert await world.presence.polled_for() == {ALL_SERVICES if services is None else "one"}
    world.clock.pass_time(MOMENT)
    assert await dialers(world) == 0
    assert await world.presence.polled_for() == set()


async def test_what_another_server_noted_ends_though_the_clock_was_set_back(world: World) -> None:
    now = world.clock.now()
    await world.store.note_demand([Demand("one", "pbx", now + timedelta(seconds=80))], now)
    assert await dialers(world) == 1
    world.clock.jump(timedelta(hours=-5))
    await world.clock_jumps.follow()
    world.clock.pass_time(LONGEST_DEMAND)
    assert await dialers(world) == 0


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
    assert await dialers(world) == 1
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
    assert await dialers(world) == 0


async def test_dialers_are_counted_by_name_wherever_they_poll(world: World) -> None:
    now = world.clock.now()
    world.presence.ask("a", None, wait_s=0)
    world.presence.ask("b", frozenset({"one"}), wait_s=0)
    world.presence.ask("b", frozenset({"two"}), wait_s=0)
    until = now + MINUTE
    noted = [Demand(ALL_SERVICES, "a", until), Demand("one", "c", until), Demand("one", "", until)]
    await world.store.note_demand([*noted, Demand("three", "", until)], now)
    assert [await dialers(world, name) for name in ("one", "two", "three", "four")] == [3, 2, 1, 1]


async def test_one_that_is_known_by_no_name_counts_once(world: World) -> None:
    now = world.clock.now()
    await world.store.note_demand([Demand("one", "", now + MINUTE), Demand(ALL_SERVICES, "", now + MINUTE)], now)
    assert await dialers(world) == 1


async def test_who_holds_a_callback_is_there_for_its_service(world: World) -> None:
    held = await world.service()
    await world.create(held)
    leased = await world.lease()
    assert leased.lease is not None
    await read_log(world)
    world.clock.pass_time(timedelta(hours=1))
    assert await dialers(world, held.service_id) == 1
    assert await missing_since(world, held) is None
    await world.leases.release(ANYBODY, leased.lease.token)
    await read_log(world)
    assert await dialers(world, held.service_id) == 0


async def test_a_service_is_without_a_dialer_since_the_last_poll_ended(world: World) -> None:
    begun = world.clock.now()
    assert await missing_since(world) == begun
    world.clock.pass_time(MINUTE)
    assert await missing_since(world) == begun
    world.presence.ask("pbx", frozenset({"one"}), wait_s=20)
    assert await missing_since(world) is None
    world.clock.pass_time(timedelta(hours=1))
    assert await missing_since(world) == begun + MINUTE + timedelta(seconds=20)
    assert await missing_since(world, service("two")) == begun
    now = world.clock.now()
    await world.store.note_demand([Demand(ALL_SERVICES, "other", now + MINUTE)], now)
    assert await missing_since(world) is None
    world.clock.pass_time(timedelta(hours=1))
    assert {await missing_since(world, service(name)) for name in ("one", "two")} == {now}


async def test_a_new_service_has_never_had_a_dialer(world: World) -> None:
    world.clock.pass_time(timedelta(hours=1))
    made = await world.service()
    assert await missing_since(world, made) == made.create_time


async def test_a_jump_of_the_clock_makes_nobody_miss_longer(world: World) -> None:
    world.presence.ask("pbx", frozenset({"one"}), wait_s=0)
    await world.presence.attendances()
    world.clock.jump(timedelta(hours=5))
    await world.clock_jumps.follow()
    world.clock.pass_time(timedelta(minutes=2))
    assert await missing_since(world) == world.clock.now() - timedelta(minutes=2)


async def test_names_without_end_do_not_fill_the_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringback.application.dispatch.dialer_presence._MOST_SEEN", 10)
    for n in range(100):
        world.presence.ask("pbx", frozenset({str(n)}), wait_s=0)
        world.clock.pass_time(timedelta(minutes=2))
        await world.presence.attendances()
    assert len(world.presence._missing._seen_s) <= 10

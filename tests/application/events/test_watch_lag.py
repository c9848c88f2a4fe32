"""How far watches are behind: what the slowest of them has not taken yet."""

from contextlib import aclosing
from datetime import timedelta

from ringback.application.access import ANYBODY
from ringback.application.events.watch import Watches, WatchLag
from ringback.domain.filter import CallbackFilter
from tests.world.use_cases import World


async def _follow(world: World) -> None:
    """Read what is committed, as the feed does by itself in a server."""
    world.feed._append(await world.store.events(world.feed.newest, 1000))


async def test_no_watch_is_behind(world: World) -> None:
    watches = Watches(world.store, world.feed, world.directory, world.clock)
    service = await world.service()
    await world.create(service)
    await _follow(world)
    assert watches.lag() == WatchLag(0, 0, 0.0)


async def test_the_slowest_watch_counts_and_only_while_it_is_open(world: World) -> None:
    watches = Watches(world.store, world.feed, world.directory, world.clock)
    service = await world.service()
    await world.create(service)
    await _follow(world)
    batches = watches.watch(ANYBODY, CallbackFilter(), "", snapshot_when_needed=False, heartbeat_s=60)
    async with aclosing(batches):
        await anext(batches)
        assert watches.lag() == WatchLag(1, 0, 0.0)
        world.clock.pass_time(timedelta(seconds=1))
        await world.create(service)
        await world.create(service)
        await _follow(world)
        world.clock.pass_time(timedelta(seconds=5))
        assert watches.lag() == WatchLag(1, 2, 5.0)
        await anext(batches)
        assert watches.lag() == WatchLag(1, 0, 0.0)
    assert watches.lag().watches == 0

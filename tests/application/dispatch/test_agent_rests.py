"""A service whose agents do not answer is left alone for a while, on every server, and nothing else is."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.dispatch.assigner import Assigner
from ringback.application.dispatch.queue_position import WaitingReason
from ringback.application.dispatch.queue_view import QueueView
from ringback.domain.callback import Callback, State
from ringback.domain.queue import Queue
from ringback.domain.service import Service
from tests.world.dialer import PATIENCE_S
from tests.world.granting import granting_of, poll
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, OFFICE_HOURS, World

MOMENT = timedelta(microseconds=1)


async def give_back(world: World, leased: Callback) -> Callback:
    """Release the lease because no agent answered, and let it be heard of."""
    assert leased.lease is not None
    released = await world.leases.release(ANYBODY, leased.lease.token, agents_unavailable=True)
    await world.feed.catch_up()
    return released


async def lease(granting: Assigner, service: Service | None = None, **fields: Any) -> list[str]:
    services = None if service is None else frozenset({service.service_id})
    granting.look_at_all()  # its timers go by another clock than the test's
    return [c.callback_id for c in await granting.lease(ANYBODY, poll(wait_s=0, service_ids=services, **fields))]


async def leased_one(world: World, granting: Assigner) -> Callback:
    [callback_id] = await lease(granting)
    return await world.callback_queries.get(ANYBODY, callback_id)


async def queue_of(world: World, service: Service, callback: Callback | None = None) -> QueueView:
    return await world.look(ANYBODY, service, callback)


async def test_nothing_is_granted_while_it_rests_and_the_place_is_kept(world: World) -> None:
    service = await world.service()
    first = await world.create(service, "sip:1@b.example")
    await world.create(service, "sip:2@b.example")
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        back = await give_back(world, await leased_one(world, granting))
        assert (back.state, back.attempts, back.ready_time) == (State.QUEUED, (), first.ready_time)
        assert await lease(granting) == []
        world.clock.pass_time(seconds(1) - MOMENT)
        assert await lease(granting) == []
        world.clock.pass_time(MOMENT)
        assert await lease(granting) == [first.callback_id]


async def test_the_rest_grows_with_each_call_that_no_agent_answers(world: World) -> None:
    service = await world.service()
    await world.create(service)
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        for length_s in (1, 2, 4, 8, 16, 32, 60, 60):
            await give_back(world, await leased_one(world, granting))
            assert (await queue_of(world, service)).agents_rest_until == world.clock.now() + seconds(length_s)
            world.clock.pass_time(seconds(length_s) - MOMENT)
            assert await lease(granting) == []
            world.clock.pass_time(MOMENT)


async def test_calls_to_the_same_agents_that_were_under_way_make_it_no_longer(world: World) -> None:
    service = await world.service()
    for n in range(3):
        await world.create(service, f"sip:{n}@b.example")
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        granted = await granting.lease(ANYBODY, poll(max_leases=3))
        for leased in granted:
            await give_back(world, leased)
        assert (await queue_of(world, service)).agents_rest_until == world.clock.now() + seconds(1)


async def test_an_agent_who_answers_ends_the_rest(world: World) -> None:
    """Of two calls one reaches an agent: the service is not left alone, and the next rest is a short one again."""
    service = await world.service()
    for n in range(3):
        await world.create(service, f"sip:{n}@b.example")
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        first, second = await granting.lease(ANYBODY, poll(max_leases=2))
        await give_back(world, first)
        world.clock.pass_time(seconds(1))
        await give_back(world, (await granting.lease(ANYBODY, poll()))[0])
        waiting = asyncio.create_task(granting.lease(ANYBODY, poll()))
        assert await lease(granting) == []
        assert second.lease is not None
        await world.leases.dialing(ANYBODY, second.lease.token)
        [next_one] = await waiting  # at once: the clock stands still
        assert (await queue_of(world, service)).agents_rest_until is None
        await give_back(world, next_one)
        assert (await queue_of(world, service)).agents_rest_until == world.clock.now() + seconds(1)


async def test_other_services_are_not_affected(world: World) -> None:
    service, other = await world.service(), await world.service(sip_address="sip:other@cc.example")
    await world.create(service, "sip:1@b.example")
    theirs = await world.create(other, "sip:2@b.example")
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        [mine] = await granting.lease(ANYBODY, poll(service_ids=frozenset({service.service_id})))
        await give_back(world, mine)
        assert await lease(granting, max_leases=10) == [theirs.callback_id]
        view = await queue_of(world, other)
        assert view.agents_rest_until is None


async def test_what_is_declined_or_lapses_makes_no_rest(world: World) -> None:
    service = await world.service()
    callback = await world.create(service)
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        leased = await leased_one(world, granting)
        assert leased.lease is not None
        await world.leases.release(ANYBODY, leased.lease.token)
        assert await lease(granting) == [callback.callback_id]
        await world.run_until(seconds(31))
        assert await lease(granting) == [callback.callback_id]


async def test_a_cancel_within_the_rest_works_at_once(world: World) -> None:
    service = await world.service()
    await world.create(service)
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        back = await give_back(world, await leased_one(world, granting))
        cancelled = await world.callback_changes.cancel(ANYBODY, back.callback_id, "", "")
        assert (cancelled.state, cancelled.attempts) == (State.CANCELLED, ())


async def test_a_poll_that_waits_gets_it_when_the_rest_is_over(world: World) -> None:
    """No event tells of that: the assigner looks again by itself."""
    service = await world.service()
    callback = await world.create(service)
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        await give_back(world, await leased_one(world, granting))
        waiting = asyncio.create_task(granting.lease(ANYBODY, poll()))
        assert await lease(granting) == []
        world.clock.pass_time(seconds(1))
        assert [c.callback_id for c in await waiting] == [callback.callback_id]


class LateLog:
    """A store that gives a lease back just before the queue is read: the log has not told of it yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.gives_back: Callback | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.store, name)

    async def queue(self, service_id: str, depth: int, now: datetime) -> Queue | None:
        if (leased := self.gives_back) is not None and leased.lease is not None:
            self.gives_back = None
            await self._world.leases.release(ANYBODY, leased.lease.token, agents_unavailable=True)
        return await self._world.store.queue(service_id, depth, now)


async def test_a_poll_that_is_faster_than_the_log_gets_nothing_either(world: World) -> None:
    """As on another server, to which a dialer turns next."""
    service = await world.service()
    await world.create(service)
    store = LateLog(world)
    async with granting_of(world, store) as granting, asyncio.timeout(PATIENCE_S):
        store.gives_back = await leased_one(world, granting)
        assert await lease(granting) == []
        world.clock.pass_time(seconds(1))
        assert len(await lease(granting)) == 1


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1)], ids=["ahead", "back"])
async def test_a_clock_that_jumps_ends_the_rest_at_worst(world: World, jump: timedelta) -> None:
    service = await world.service()
    callback = await world.create(service)
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        await give_back(world, await leased_one(world, granting))
        world.clock.jump(jump)
        await world.clock_jumps.follow()
        assert await lease(granting) == [callback.callback_id]


async def test_given_back_to_a_closed_service_it_waits_for_the_opening(world: World) -> None:
    service = await world.service()
    await world.create(service)
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        leased = await leased_one(world, granting)
        await world.directory.update(
            ANYBODY, service.service_id, "", lambda current: replace(current, opening_hours=OFFICE_HOURS)
        )
        world.clock.pass_time(timedelta(hours=12))
        back = await give_back(world, await world.callback_queries.get(ANYBODY, leased.callback_id))
        assert (back.state, back.next_attempt_time) == (State.SCHEDULED, MONDAY_9 + timedelta(hours=23))


async def test_the_queue_tells_it(world: World) -> None:
    service = await world.service()
    await world.create(service)
    async with granting_of(world, world.store) as granting, asyncio.timeout(PATIENCE_S):
        back = await give_back(world, await leased_one(world, granting))
        view = await queue_of(world, service, back)
        assert view.agents_rest_until == world.clock.now() + seconds(1)
        assert view.estimated_wait is None
        assert view.estimate_basis == "the agents do not answer"
        assert view.standing is not None
        assert view.standing.reason is WaitingReason.AGENTS_DO_NOT_ANSWER
        explanation = "Position 1 of 1. The agents do not answer; they are called again at 2026-11-02T09:00:01Z."
        assert view.standing.explanation == explanation
        assert view.standing.position == 1

"""The assigner under races that the wire seldom shows: what happens while the store is being read."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.dispatch.lease_request import LeaseRequest
from ringback.domain.assignment import draw
from ringback.domain.callback import MAX_RESPONSE_BYTES, MAX_WEIGHT, Attempt, State, weight
from ringback.domain.errors import StorageUnavailable
from ringback.domain.outcome import Outcome
from ringback.domain.queue import Queue, Turn
from ringback.ports.dialer import OutcomeReport
from ringback.ports.values import Change
from tests.world.dialer import PATIENCE_S
from tests.world.granting import granting_of, poll
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, World


class SlowStore:
    """A store that holds back the result of `queue`, once read, until the test lets it go."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.read = asyncio.Event()
        self.go_on = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def queue(self, service_id: str, depth: int, now: datetime) -> Queue | None:
        queue = await self._store.queue(service_id, depth, now)
        self.read.set()
        await self.go_on.wait()
        return queue


async def test_a_poll_that_gives_up_while_another_is_served(world: World) -> None:
    service = await world.service()
    await world.create(service, "sip:1@b.example")
    await world.create(service, "sip:2@b.example")
    store = SlowStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(5):
        first = asyncio.create_task(granting.lease(ANYBODY, poll()))
        await store.read.wait()
        assert await granting.lease(ANYBODY, poll(wait_s=0.01)) == ()
        store.go_on.set()
        assert len(await first) == 1
        assert len(await granting.lease(ANYBODY, poll())) == 1


async def test_a_call_that_ends_while_somebody_is_found_to_wait_for_it(world: World) -> None:
    """The call is of another service: no other event makes the assigner look at this service's queue again."""
    service, other = await world.service(), await world.service(sip_address="sip:other@cc.example")
    calling = await world.create(other, "sip:same@b.example")
    leased = await world.lease()
    assert leased.callback_id == calling.callback_id
    assert leased.lease is not None
    await world.leases.dialing(ANYBODY, leased.lease.token)
    waiting = await world.create(service, "sip:same@b.example")
    store = SlowStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(5):
        granted = asyncio.create_task(granting.lease(ANYBODY, poll(service_ids=frozenset({service.service_id}))))
        await store.read.wait()
        await world.leases.ended(ANYBODY, leased.lease.token, OutcomeReport(outcome=Outcome.INVALID_NUMBER))
        await world.feed.catch_up()
        store.go_on.set()
        assert [c.callback_id for c in await granted] == [waiting.callback_id]


async def test_a_callback_that_comes_while_one_poll_is_served_is_for_the_longest_waiting(world: World) -> None:
    """What the first poll has found was read before; the second one is looked at after."""
    service = await world.service()
    store = SlowStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(5):
        polls = [asyncio.create_task(granting.lease(ANYBODY, poll())) for _ in range(2)]
        granting.look_at_all()
        await store.read.wait()
        callback = await world.create(service, "sip:1@b.example")
        await world.feed.catch_up()
        store.go_on.set()
        assert [c.callback_id for c in await polls[0]] == [callback.callback_id]
        granting.close()
        assert list(await polls[1]) == []


async def test_who_stands_behind_one_that_has_expired(world: World) -> None:
    """The scheduler is late: the head of the line is passed over, and ends only then."""
    service = await world.service()
    expired = await world.create(service, "sip:1@b.example", expire_time=world.clock.now() + seconds(1))
    behind = await world.create(service, "sip:2@b.example")
    world.clock.pass_time(seconds(2))
    store = SlowStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(5):
        granted = asyncio.create_task(granting.lease(ANYBODY, poll()))
        await store.read.wait()
        store.go_on.set()
        await world.scheduler.run_once(world.clock.now())
        assert [c.callback_id for c in await granted] == [behind.callback_id]
    assert await world.state(expired) is State.EXPIRED


class LosingStore:
    """A store that writes the next leases, and then raises as if it could not tell."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self.loses = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def apply(self, changes: Sequence[Change], turn: Turn | None = None) -> None:
        await self._store.apply(changes, turn)
        if self.loses:
            self.loses = False
            raise StorageUnavailable("lost during the commit")


async def test_a_poll_whose_leases_may_have_been_written_gets_just_these_when_it_is_repeated(world: World) -> None:
    service = await world.service()
    for n in range(3):
        await world.create(service, f"sip:{n}@b.example")
    store = LosingStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(5):
        request = poll(max_leases=2, request_id=str(uuid4()))
        with pytest.raises(StorageUnavailable):
            await granting.lease(ANYBODY, request)
        written = {c.callback_id for c in await world.store.leased_for("test", request.request_id)}
        assert len(written) == 2
        assert {c.callback_id for c in await granting.lease(ANYBODY, request)} == written
        assert len(await granting.lease(ANYBODY, poll(max_leases=2))) == 1


@pytest.mark.parametrize("granted", [True, False])
async def test_what_a_client_that_has_gone_was_granted_goes_straight_back(world: World, *, granted: bool) -> None:
    service = await world.service(max_concurrent_calls=1 if granted else 0)
    callback = await world.create(service)
    store = SlowStore(world)
    async with granting_of(world, store) as granting, asyncio.timeout(5):
        gone = asyncio.create_task(granting.lease(ANYBODY, poll(duration=timedelta(minutes=10))))
        await store.read.wait()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        store.go_on.set()
        again = await granting.lease(ANYBODY, poll(wait_s=2 if granted else 0))
        assert [c.callback_id for c in again] == [callback.callback_id] * granted
    assert (await world.callback_queries.get(ANYBODY, callback.callback_id)).attempts == ()


async def test_leases_with_long_histories_come_in_smaller_answers(world: World) -> None:
    """The response has to fit into a message."""
    service = await world.service(max_concurrent_calls=100)
    for number in range(12):
        await world.create(service, f"sip:{number}@b.example")
    queue = await world.store.queue(service.service_id, 12, world.clock.now())
    assert queue is not None
    [(level, heads)] = queue.heads.items()
    texts: Any = {"detail": "d" * 512, "agent": "a" * 128, "disposition": "d" * 64}
    attempt = Attempt(number=1, dialer_id="test", fencing_token=1, start_time=world.clock.now(), **texts)
    long = replace(queue, heads={level: [replace(head, attempts=(attempt,) * 100) for head in heads]})
    assert len(draw(queue, 12, world.clock.now())[0]) == 12
    drawn, _ = draw(long, 40, world.clock.now())
    assert MAX_RESPONSE_BYTES - MAX_WEIGHT < sum(map(weight, drawn)) <= MAX_RESPONSE_BYTES


async def test_a_call_that_ends_while_the_queue_is_read_is_not_overlooked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is read while the target is in a call, and that call ends before the result is used."""
    await world.feed.start()
    following = asyncio.create_task(world.feed.run())
    sales = await world.service()
    support = await world.service(sip_address="sip:support@cc.example")
    await world.create(sales, "sip:same@b.example")
    leased = await world.lease()
    await world.create(support, "sip:same@b.example")
    await world.feed.catch_up()
    read = world.store.queue

    async def read_slowly(service_id: str, depth: int, now: datetime) -> Queue | None:
        queue = await read(service_id, depth, now)
        await world.callback_changes.cancel(ANYBODY, leased.callback_id, "", "")
        await world.feed.catch_up()
        return queue

    poll = LeaseRequest(dialer_id="test", service_ids=frozenset({support.service_id}))
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "queue", read_slowly)
        assert await world.serve(poll) == []
    assert len(await world.serve(poll)) == 1
    following.cancel()


async def test_who_waits_for_a_call_elsewhere_is_not_forgotten_behind_two_to_one_target(world: World) -> None:
    """The poll has room for two, and the first two share one target: it gets one lease, and looks no further."""
    await world.feed.start()
    following = asyncio.create_task(world.feed.run())
    sales = await world.service()
    support = await world.service(sip_address="sip:support@cc.example")
    await world.create(sales, "sip:busy@b.example")
    elsewhere = await world.lease()
    await world.create(support, "sip:same@b.example")
    await world.create(support, "sip:same@b.example")
    waiting = await world.create(support, "sip:busy@b.example")
    await world.feed.catch_up()
    poll = LeaseRequest(dialer_id="test", max_leases=2)
    assert len(await world.serve(poll)) == 1
    assert await world.serve(poll) == []
    await world.callback_changes.cancel(ANYBODY, elsewhere.callback_id, "", "")
    await world.feed.catch_up()
    assert [c.callback_id for c in await world.serve(poll)] == [waiting.callback_id]
    following.cancel()


async def test_one_that_expires_in_front_of_others_does_not_hold_them_up(world: World) -> None:
    """A poll comes after the expiry, and before the scheduler has noticed it."""
    await world.feed.start()
    following = asyncio.create_task(world.feed.run())
    service = await world.service()
    await world.create(service, expire_time=MONDAY_9 + seconds(10))
    behind = await world.create(service, "sip:behind@b.example")
    await world.feed.catch_up()
    now = world.clock.pass_time(seconds(10))
    poll = LeaseRequest(dialer_id="test")
    assert await world.serve(poll) == []
    await world.scheduler.run_once(now)
    await world.feed.catch_up()
    assert [c.callback_id for c in await world.serve(poll)] == [behind.callback_id]
    following.cancel()


async def test_a_poll_that_comes_in_while_the_server_drains_does_not_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased_for = world.store.leased_for

    async def drain_meanwhile(dialer_id: str, request_id: str) -> Any:
        world.assigner.close()
        return await leased_for(dialer_id, request_id)

    monkeypatch.setattr(world.store, "leased_for", drain_meanwhile)
    async with asyncio.timeout(PATIENCE_S):
        assert await world.assigner.lease(ANYBODY, LeaseRequest(dialer_id="test", request_id=str(uuid4()))) == ()


async def test_within_a_level_the_earlier_due_goes_first(world: World) -> None:
    service = await world.service()
    due_after = [3, 1, 2, 5, 4]
    callbacks = {
        s: await world.create(service, f"sip:{s}@b.example", due_date=MONDAY_9 + seconds(s)) for s in due_after
    }
    await world.run_until(seconds(10))
    order = [(await world.lease()).callback_id for _ in due_after]
    assert order == [callbacks[s].callback_id for s in sorted(due_after)]

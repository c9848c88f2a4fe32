"""A process of a built-in dialer is killed, paused or drained at any point: each call goes on once, or is ended."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest

from ringback.application.access import ANYBODY
from ringback.application.dispatch import kept_calls
from ringback.application.scheduling import leader_election, loop
from ringback.dialers import leased_call
from ringback.dialers import runner as runner_module
from ringback.domain.callback import Callback, State
from ringback.domain.outcome import Outcome
from ringback.ports.calls import KEPT_FOR
from ringback.ports.dialer import HandedOver, NotDialled, OutcomeReport
from ringback.ports.store import Store
from tests.world.dialer_process import Network, OpenStore, PlacedCall, Point, Process, process
from tests.world.samples import seconds
from tests.world.use_cases import ManualClock, World

ONE, TWO = "192.0.2.1:5060;udp", "192.0.2.2:5060;udp"
ANSWERED = OutcomeReport(outcome=Outcome.ANSWERED, sip_status=200)
INTERRUPTED = OutcomeReport(outcome=Outcome.INTERRUPTED)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is done every few seconds be done all the time: the clock of the test stands still."""
    monkeypatch.setattr(kept_calls, "_RENEW_S", 0.002)
    monkeypatch.setattr(runner_module, "_LOOK_S", 0.002)
    monkeypatch.setattr(kept_calls, "_RETRY_S", 0.002)
    monkeypatch.setattr(leased_call, "RETRY_S", 0)


async def until(world: World, callback: Callback, condition: Callable[[Callback], bool]) -> Callback:
    async with asyncio.timeout(10):
        while True:
            found = await world.callback_queries.get(ANYBODY, callback.callback_id)
            if condition(found):
                return found
            await asyncio.sleep(0.001)


async def next_of(queue: "asyncio.Queue[PlacedCall]") -> PlacedCall:
    async with asyncio.timeout(10):
        return await queue.get()


async def until_forgotten(store: Store) -> None:
    async with asyncio.timeout(10):
        while await store.left_calls("sip", None, 10):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.001)


async def live(one: Process, callback: Callback) -> None:
    """Let a call connect and end, as far as its process lives."""
    placed = await next_of(one.dialer.placed)
    await placed.call.connected()
    await until(one.world, callback, lambda c: c.state is State.CONNECTED)
    placed.result.set_result(ANSWERED)


# What the process does for a call: it is granted (1), dialling (2), connected (3) and ended (4), each one `apply`.
NOTHING_BEGUN = [Point("keep_call", 1, "before")]
NOBODY_DIALLED = [Point("keep_call", 1, "after"), Point("apply", 2, "before")]
IN_PROGRESS = {
    Point("apply", 2, "after"): State.DIALING,
    Point("apply", 3, "before"): State.DIALING,
    Point("apply", 3, "after"): State.CONNECTED,
    Point("apply", 4, "before"): State.CONNECTED,
}
OVER = [Point("apply", 4, "after"), Point("forget_call", 1, "before")]
FORGOTTEN = [Point("forget_call", 1, "after")]


async def killed_at(point: Point, store: Store, clock: ManualClock, network: Network) -> Callback:
    """Run a process with one call until the point, and kill it there."""
    async with process(store, clock, network, ONE, is_alone=True) as one:
        one.store.stop_at(point)
        callback = await one.world.create(await one.world.service(), max_retries=3)
        living = asyncio.create_task(live(one, callback))
        async with asyncio.timeout(10):
            await one.store.stopped.wait()
        await one.kill()
        living.cancel()
    return callback


@pytest.mark.parametrize("point", [*NOTHING_BEGUN, *NOBODY_DIALLED], ids=str)
async def test_killed_before_anybody_was_dialled(open_store: OpenStore, point: Point) -> None:
    """The agents' side is hung up, if it was called at all; no attempt is used, and the callback keeps its place."""
    store, clock, network = await open_store(), ManualClock(), Network()
    callback = await killed_at(point, store, clock, network)
    async with process(store, clock, network, ONE, is_alone=True) as one:
        if point in NOBODY_DIALLED:
            left = await next_of(one.dialer.resumed)
            assert left.callback is None
            left.result.set_result(INTERRUPTED)
        await live(one, callback)
        ended = await until(one.world, callback, lambda c: c.ended)
        assert (ended.state, [a.outcome for a in ended.attempts]) == (State.COMPLETED, [Outcome.ANSWERED])
        await until_forgotten(store)
        assert one.dialer.resumed.empty()
    assert (network.calls, network.rung) == ({}, [callback.callback_id])


@pytest.mark.parametrize("point", IN_PROGRESS, ids=str)
async def test_killed_in_a_call(open_store: OpenStore, point: Point) -> None:
    """The next process goes on with the same attempt under a new lease, once."""
    store, clock, network = await open_store(), ManualClock(), Network()
    callback = await killed_at(point, store, clock, network)
    async with process(store, clock, network, ONE, is_alone=True) as one:
        left = await next_of(one.dialer.resumed)
        assert left.callback is not None
        assert left.callback.state is IN_PROGRESS[point]
        assert left.callback.lease is not None
        assert left.callback.lease.fencing_token == 2
        await left.call.connected()
        await until(one.world, callback, lambda c: c.state is State.CONNECTED)
        left.result.set_result(ANSWERED)
        ended = await until(one.world, callback, lambda c: c.ended)
        assert (ended.state, [a.outcome for a in ended.attempts]) == (State.COMPLETED, [Outcome.ANSWERED])
        assert ended.attempts[0].call_ids == ("agent", "target")
        await until_forgotten(store)
        assert one.dialer.resumed.empty()
    assert network.calls == {}


@pytest.mark.parametrize("point", [*OVER, *FORGOTTEN], ids=str)
async def test_killed_after_the_outcome(open_store: OpenStore, point: Point) -> None:
    """What is recorded stays so; the next process is told only of what may be left on the network."""
    store, clock, network = await open_store(), ManualClock(), Network()
    callback = await killed_at(point, store, clock, network)
    async with process(store, clock, network, ONE, is_alone=True) as one:
        before = await until(one.world, callback, lambda c: c.ended)
        if point in OVER:
            left = await next_of(one.dialer.resumed)
            assert left.callback is None
            left.result.set_result(INTERRUPTED)
        await until_forgotten(store)
        assert one.dialer.resumed.empty()
        assert await until(one.world, callback, lambda c: c.ended) == before
    assert (network.calls, network.rung) == ({}, [callback.callback_id])


async def test_a_second_kill_changes_nothing(open_store: OpenStore) -> None:
    """The process that takes over is killed as well: the third one goes on."""
    store, clock, network = await open_store(), ManualClock(), Network()
    callback = await killed_at(Point("apply", 3, "after"), store, clock, network)
    async with process(store, clock, network, ONE, is_alone=True) as one:
        await next_of(one.dialer.resumed)
        await one.kill()
    async with process(store, clock, network, ONE, is_alone=True) as one:
        left = await next_of(one.dialer.resumed)
        assert left.callback is not None
        assert left.callback.lease is not None
        assert (left.callback.state, left.callback.lease.fencing_token) == (State.CONNECTED, 3)
        left.result.set_result(ANSWERED)
        ended = await until(one.world, callback, lambda c: c.ended)
        assert [a.outcome for a in ended.attempts] == [Outcome.ANSWERED]
    assert network.calls == {}


async def test_a_cancellation_while_nobody_had_the_call(open_store: OpenStore) -> None:
    store, clock, network = await open_store(), ManualClock(), Network()
    callback = await killed_at(Point("apply", 2, "after"), store, clock, network)
    world = World(store, clock)
    await world.directory.start()
    await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
    async with process(store, clock, network, ONE, is_alone=True) as one:
        left = await next_of(one.dialer.resumed)
        assert left.call.hang_up.is_set()
        left.result.set_result(OutcomeReport(outcome=Outcome.NO_ANSWER))
        ended = await until(one.world, callback, lambda c: c.ended)
        assert ended.state is State.CANCELLED


# --- Several servers -------------------------------------------------------------------------------------------


async def test_another_server_goes_on_when_one_is_gone(open_store: OpenStore) -> None:
    """Not before, however long the call lasts; and of two that look for it, one."""
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        callback = await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.placed)
        await placed.call.connected()
        await until(one.world, callback, lambda c: c.state is State.CONNECTED)
        async with (
            process(await open_store(), clock, network, TWO) as two,
            process(await open_store(), clock, network, "192.0.2.3:5060;udp") as three,
        ):
            for _ in range(3):
                clock.pass_time(seconds(10))
                await until(one.world, callback, lambda c: c.lease is not None)
                await renewed(one, clock)
            assert two.dialer.resumed.empty()
            assert three.dialer.resumed.empty()
            await one.kill()
            clock.pass_time(KEPT_FOR)
            takers = {
                asyncio.create_task(two.dialer.resumed.get()): two,
                asyncio.create_task(three.dialer.resumed.get()): three,
            }
            [done], [pending] = await asyncio.wait(takers, return_when=asyncio.FIRST_COMPLETED)
            left = done.result()
            assert left.callback is not None
            assert left.callback.lease is not None
            assert left.callback.lease.dialer_id == takers[done].dialer_id
            left.result.set_result(ANSWERED)
            ended = await until(two.world, callback, lambda c: c.ended)
            assert [a.outcome for a in ended.attempts] == [Outcome.ANSWERED]
            await until_forgotten(two.world.store)
            assert not pending.done()
            pending.cancel()
    assert network.calls == {}


async def test_after_an_outage_who_lives_is_first(open_store: OpenStore) -> None:
    """Nobody could show that it lives meanwhile, so nobody is taken for gone at once."""
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        callback = await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.placed)
        await placed.call.connected()
        await until(one.world, callback, lambda c: c.state is State.CONNECTED)
        async with process(await open_store(), clock, network, TWO) as two:
            one.store.is_away = two.store.is_away = True
            await two.store.failed("left_calls")
            clock.pass_time(KEPT_FOR)
            one.store.is_away = two.store.is_away = False
            await renewed(one, clock)
            assert two.dialer.resumed.empty()
            assert not placed.cut_off.is_set()
            placed.result.set_result(ANSWERED)
            await until(one.world, callback, lambda c: c.state is State.COMPLETED)


async def renewed(one: Process, clock: ManualClock) -> None:
    """Wait until what a process keeps is kept from now on."""
    async with asyncio.timeout(10):
        while any(  # noqa: ASYNC110 - no event tells of it
            call.kept_until < clock.now() + KEPT_FOR
            for call in await one.world.store.kept_calls("sip", one.dialer.owner)
        ):
            await asyncio.sleep(0.001)


async def test_a_paused_server_lets_go_of_what_another_one_has(open_store: OpenStore) -> None:
    """When it comes back it hangs nothing up, and reports nothing: its lease is superseded."""
    clock, network = ManualClock(), Network()
    async with (
        process(await open_store(), clock, network, ONE) as one,
        process(await open_store(), clock, network, TWO) as two,
    ):
        callback = await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.placed if (await first_of(one, two)) is one else two.dialer.placed)
        first, second = (one, two) if network.calls[callback.callback_id] == ONE else (two, one)
        await placed.call.connected()
        await until(first.world, callback, lambda c: c.state is State.CONNECTED)
        first.store.pause()
        clock.pass_time(KEPT_FOR)
        left = await next_of(second.dialer.resumed)
        first.store.go_on()
        async with asyncio.timeout(10):
            await placed.cut_off.wait()
        assert placed.call.superseded
        assert network.calls == {callback.callback_id: second.dialer.owner}
        assert [call.owner for call in await second.world.store.left_calls("sip", None, 10)] == [second.dialer.owner]
        left.result.set_result(ANSWERED)
        ended = await until(second.world, callback, lambda c: c.ended)
        assert [a.outcome for a in ended.attempts] == [Outcome.ANSWERED]


@pytest.mark.parametrize("is_resumed", [False, True])
async def test_what_nobody_keeps_any_more_is_kept_again(open_store: OpenStore, is_resumed: bool) -> None:
    """It was lost, and no other process has the call: it goes on, and nobody is left in half of it."""
    store, clock, network = await open_store(), ManualClock(), Network()
    if is_resumed:
        await killed_at(Point("apply", 3, "after"), store, clock, network)
    async with process(store, clock, network, ONE) as one:
        if not is_resumed:
            await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.resumed if is_resumed else one.dialer.placed)
        await placed.call.connected()
        await lose_what_is_kept(one)
        await until_kept(one)
        assert not placed.cut_off.is_set()
        placed.result.set_result(ANSWERED)
        await until_forgotten(store)
    assert network.calls == {}


async def test_a_call_that_was_lost_with_its_lease_is_hung_up(open_store: OpenStore) -> None:
    """As by a database that lost its last commits: no other process can end it."""
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        callback = await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.placed)
        await lose_what_is_kept(one)
        found = await until(one.world, callback, lambda c: c.state is State.DIALING)
        assert found.lease is not None
        await one.world.scheduler.run_once(found.lease.expire_time)
        async with asyncio.timeout(10):
            await placed.call.hang_up.wait()
        assert not placed.call.superseded
        placed.result.set_result(ANSWERED)
        await until_forgotten(one.world.store)
    assert network.calls == {}


async def lose_what_is_kept(one: Process) -> None:
    for call in await one.world.store.left_calls("sip", None, 10):
        await one.world.store.forget_call(call.key, one.dialer.owner)


async def until_kept(one: Process) -> None:
    async with asyncio.timeout(10):
        while not await one.world.store.left_calls("sip", None, 10):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.001)


async def first_of(one: Process, two: Process) -> Process:
    async with asyncio.timeout(10):
        while one.dialer.placed.empty() and two.dialer.placed.empty():  # noqa: ASYNC110 - either of two
            await asyncio.sleep(0.001)
    return one if two.dialer.placed.empty() else two


async def test_a_server_that_drains_hands_its_call_over(open_store: OpenStore) -> None:
    """At once, without waiting until it seems to be gone; the lease is as long as ever."""
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        callback = await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.placed)
        await placed.call.connected()
        async with process(await open_store(), clock, network, TWO) as two:
            await until(one.world, callback, lambda c: c.state is State.CONNECTED)
            clock.pass_time(seconds(5))
            draining = asyncio.create_task(one.drain())
            await one.dialer.drains.wait()
            placed.result.set_result(HandedOver())
            await draining
            left = await next_of(two.dialer.resumed)
            assert left.callback is not None
            assert (left.callback.state, left.callback.attempts[0].outcome) == (State.CONNECTED, None)
            left.result.set_result(ANSWERED)
            await until(two.world, callback, lambda c: c.state is State.COMPLETED)
    assert network.calls == {}


async def test_a_lease_that_is_over_is_not_taken(open_store: OpenStore) -> None:
    """All servers were away for longer: the callback was closed, and what is left on the network is told of alone."""
    store, clock, network = await open_store(), ManualClock(), Network()
    callback = await killed_at(Point("apply", 3, "after"), store, clock, network)
    world = World(store, clock)
    await world.directory.start()
    await world.run_until(seconds(31))
    async with process(store, clock, network, TWO) as two:
        left = await next_of(two.dialer.resumed)
        assert left.callback is None
        left.result.set_result(ANSWERED)
        await until_forgotten(store)
        ended = await until(two.world, callback, lambda c: c.ended)
        assert [a.outcome for a in ended.attempts] == [Outcome.INTERRUPTED]


async def test_a_call_outlasts_an_outage_that_is_longer_than_its_lease(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler is there as soon as the database is back, and gives the dialer the time to extend its lease."""
    for name in ("_CLOCK_CHECK_S", "_RETRY_S"):
        monkeypatch.setattr(loop, name, 0.002)
    monkeypatch.setattr(leader_election, "_RENEWAL_S", 0.002)
    monkeypatch.setattr(leased_call, "RETRY_S", 0.1)  # so that the scheduler is first
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE, lease=seconds(0.03)) as one:
        await one.run_scheduler()
        callback = await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.placed)
        await placed.call.connected()
        await until(one.world, callback, lambda c: c.state is State.CONNECTED)
        one.store.is_away = True
        await one.store.failed("get_many")
        await one.store.failed("lead")
        lapsed = clock.pass_time(seconds(60))
        one.store.is_away = False
        held = await until(one.world, callback, lambda c: c.lease is None or c.lease.expire_time > lapsed)
        assert held.state is State.CONNECTED
        assert not placed.call.hang_up.is_set()
        placed.result.set_result(ANSWERED)
        ended = await until(one.world, callback, lambda c: c.ended)
        assert (ended.state, [a.outcome for a in ended.attempts]) == (State.COMPLETED, [Outcome.ANSWERED])
    assert network.calls == {}


async def test_a_call_outlasts_a_pause_of_its_process_that_is_longer_than_its_lease(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else has taken it meanwhile. The scheduler is first to go on, and gives the dialer the same time."""
    paused_s = 0.0
    monkeypatch.setattr(loop, "_CLOCK_CHECK_S", 0.002)
    monkeypatch.setattr(leader_election, "_RENEWAL_S", 0.002)
    monkeypatch.setattr(loop, "monotonic", lambda: monotonic() + paused_s)
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE, is_alone=True, lease=seconds(0.1)) as one:
        await one.run_scheduler()
        callback = await one.world.create(await one.world.service())
        placed = await next_of(one.dialer.placed)
        await placed.call.connected()
        await until(one.world, callback, lambda c: c.state is State.CONNECTED)
        paused_s = 60.0
        lapsed = clock.pass_time(seconds(paused_s))
        held = await until(one.world, callback, lambda c: c.lease is None or c.lease.expire_time > lapsed)
        assert held.state is State.CONNECTED
        assert not placed.call.hang_up.is_set()
        placed.result.set_result(ANSWERED)
        ended = await until(one.world, callback, lambda c: c.ended)
        assert (ended.state, [a.outcome for a in ended.attempts]) == (State.COMPLETED, [Outcome.ANSWERED])
    assert network.calls == {}


# --- One process -----------------------------------------------------------------------------------------------


async def cancel(world: World, callback: Callback) -> None:
    await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")


async def expire(world: World, callback: Callback) -> None:
    world.clock.wall = callback.expire_time
    await world.scheduler.run_once(callback.expire_time)


@pytest.mark.parametrize(("end", "state"), [(cancel, State.CANCELLED), (expire, State.EXPIRED)])
async def test_the_agents_phone_is_hung_up_at_once(
    open_store: OpenStore, end: Callable[[World, Callback], Awaitable[None]], state: State
) -> None:
    """When the callback is over: the dialer hears of it without reporting anything."""
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        one.dialer.agent_rings = True
        callback = await one.world.create(await one.world.service(), expire_time=clock.now() + seconds(5))
        async with asyncio.timeout(10):
            call = await one.dialer.ringing.get()
        assert await one.world.state(callback) is State.OFFERED
        await end(one.world, callback)
        assert await one.world.state(callback) is state
        async with asyncio.timeout(10):
            await call.hang_up.wait()
        assert not call.superseded
        await until_forgotten(one.world.store)
    assert network.calls == {}


async def test_a_lease_that_lapsed_and_was_granted_again_is_no_takeover(open_store: OpenStore) -> None:
    """Nobody else has the call that rings, so it is hung up, and not just forgotten."""
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        one.dialer.agent_rings = True
        callback = await one.world.create(await one.world.service())
        async with asyncio.timeout(10):
            first = await one.dialer.ringing.get()
        lease = (await one.world.callback_queries.get(ANYBODY, callback.callback_id)).lease
        assert lease is not None
        await one.world.leases.release(ANYBODY, lease.token)
        async with asyncio.timeout(10):
            await first.hang_up.wait()
            again = await one.dialer.ringing.get()
        assert not first.superseded
        assert not again.hang_up.is_set()


async def test_what_cannot_be_taken_over_does_not_stop_the_server(
    open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    """At each start it would end by the same call again."""
    store, clock, network = await open_store(), ManualClock(), Network()
    callback = await killed_at(Point("apply", 2, "after"), store, clock, network)
    one = Process(store, clock, network, ONE, is_alone=True)
    one.dialer.has_bug = True
    await one.start()
    ended = await until(one.world, callback, lambda c: c.lease is None)
    assert [a.outcome for a in ended.attempts] == [Outcome.INTERRUPTED]
    await until_forgotten(store)
    assert one.run is not None
    assert not one.run.done()
    assert "cannot be taken over" in caplog.text
    await one.kill()


async def test_a_cancellation_while_the_agents_phone_rings(open_store: OpenStore) -> None:
    """The callback is CANCELLED at once, and the dialer hears of it although it has reported nothing yet."""
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        one.store.stop_at(Point("apply", 2, "before"))
        callback = await one.world.create(await one.world.service())
        async with asyncio.timeout(10):
            await one.store.stopped.wait()
        world = World(await open_store(), clock)
        await world.directory.start()
        cancelled = await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
        assert cancelled.state is State.CANCELLED
        one.store.go_on()
        await until_forgotten(world.store)
        assert one.dialer.placed.empty()
    assert (network.calls, network.rung) == ({}, [])


async def test_what_was_not_dialled_keeps_its_place(open_store: OpenStore) -> None:
    clock, network = ManualClock(), Network()
    async with process(await open_store(), clock, network, ONE) as one:
        one.dialer.agents = [NotDialled("the agents' side is busy", agents_unavailable=True)]
        callback = await one.world.create(await one.world.service())
        given_back = await until(one.world, callback, lambda c: c.revision > 2 and c.state is State.QUEUED)
        assert (given_back.attempts, given_back.ready_time) == ((), callback.ready_time)
        assert given_back.agents_failed_at is not None
        await until_forgotten(one.world.store)
    assert (network.calls, network.rung) == ({}, [])

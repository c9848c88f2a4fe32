"""PostgreSQL: many servers on one database. What one commits, all see, in one order, and one of several rivals wins."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.events import LeaseLapsed
from ringback.domain.lifecycle import after
from ringback.domain.queue import Turn
from ringback.ports.errors import RevisionConflict, UnknownService
from ringback.ports.values import Change, Demand, EventKind, LoggedEvent, Retention
from ringback.storage.postgres import PostgresStore, listener, reads
from tests.world.dialer import until
from tests.world.event_log import events_after, hold_log_end
from tests.world.postgres import Cluster, until_waiting
from tests.world.samples import NOW, SERVICE, cancel, changes, dial, new, offer, seconds

Servers = Sequence[PostgresStore]
FOREVER_S = 1e6


@pytest.fixture
async def servers(cluster: Cluster) -> AsyncIterator[Servers]:
    url = cluster.new_schema()
    async with AsyncExitStack() as stack:
        stores = []
        for _ in range(3):
            stores.append(await PostgresStore.open(url))
            stack.push_async_callback(stores[-1].close)
        await stores[0].put_service(SERVICE)
        yield stores


async def at_once(*calls: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


# --- Waking up -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hint", ["notification", "poll"])
async def test_a_commit_wakes_those_who_wait_on_another_server(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, hint: str
) -> None:
    """By the notification alone and, where there is none, by polling alone."""
    if hint == "notification":
        monkeypatch.setattr(listener, "LISTENING_INTERVAL_S", FOREVER_S)
    else:
        monkeypatch.setattr(listener, "channel_of", lambda _: "nobody_listens_here")
        monkeypatch.setattr("ringback.storage.postgres.store.channel_of", lambda _: "somebody_else")
    url = cluster.new_schema()
    one, two = await PostgresStore.open(url), await PostgresStore.open(url)
    try:
        version = await two.services_version()
        waiting = [asyncio.create_task(two.wait_for_services(version)), asyncio.create_task(events_after(two, 0))]
        await one.put_service(SERVICE)
        await one.create([new()])
        await asyncio.wait_for(asyncio.gather(*waiting), 30)
        assert len(await two.events(0, 10)) == 1
        assert (await two.services()).services == [SERVICE]
    finally:
        await one.close()
        await two.close()


@pytest.mark.parametrize("sender", ["", " 4711"])
async def test_a_server_hears_others_of_every_version(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, sender: str
) -> None:
    """Earlier ones do not say who they are."""
    monkeypatch.setattr(listener, "LISTENING_INTERVAL_S", FOREVER_S)
    store = await PostgresStore.open(cluster.new_schema())
    try:
        version = await store.services_version()
        waiting = asyncio.create_task(store.wait_for_services(version))
        channel = listener.channel_of(store.database_id)
        while not waiting.done():  # it may not listen yet
            await asyncio.to_thread(cluster.execute, f"SELECT pg_notify('{channel}', '0 {version + 1}{sender}')")
    finally:
        await store.close()


async def test_two_databases_in_one_do_not_hear_each_other(cluster: Cluster) -> None:
    one, other = [await PostgresStore.open(cluster.new_schema()) for _ in range(2)]
    try:
        await one.put_service(SERVICE)
        waiting = asyncio.create_task(events_after(other, 0))
        for _ in range(5):
            await one.create([new()])
        await other.put_service(SERVICE)
        assert not waiting.done()
        waiting.cancel()
    finally:
        await one.close()
        await other.close()


# --- One order -----------------------------------------------------------------------------------------------------


async def follow(store: PostgresStore, newest: int) -> list[LoggedEvent]:
    """Return all events, each read as early as it can be: one that commits late would be passed over."""
    seen: list[LoggedEvent] = []
    while len(seen) < newest:
        seen += await store.events(seen[-1].number if seen else 0, 1000)
    return seen


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
async def test_no_reader_ever_passes_over_an_event(servers: Servers, seed: int) -> None:
    """This holds however the commits of three servers fall together."""
    dice = random.Random(seed)

    async def write(store: PostgresStore) -> None:
        for _ in range(30):
            callbacks = [new(labels={"a": "b"}) for _ in range(dice.choice((1, 1, 5, 60)))]
            await store.create(callbacks)
            await store.apply([Change(callback, cancel(callback)) for callback in callbacks[:3]])

    readers = [asyncio.create_task(follow(store, 1000)) for store in servers]
    await asyncio.gather(*(write(store) for store in servers for _ in range(4)))
    logs = await asyncio.gather(*readers)
    complete = await servers[0].events(0, 100_000)

    assert [event.number for event in complete] == list(range(1, len(complete) + 1))
    for log in logs:
        assert log == complete[: len(log)]


async def test_followers_hear_what_is_in_the_log_whoever_has_written_it(servers: Servers) -> None:
    """What a server has written itself it passes on without reading it, in its place among what it has read."""

    async def write(store: PostgresStore) -> None:
        for count in (1, 5, 1, 60, 1):
            callbacks = [new(labels={"a": "b"}) for _ in range(count)]
            await store.create(callbacks)
            await asyncio.gather(*(store.apply(changes(callback, cancel(callback))) for callback in callbacks))

    async def hear(store: PostgresStore) -> list[LoggedEvent]:
        heard: list[LoggedEvent] = []
        async with aclosing(store.follow(0)) as batches:
            while len(heard) < 3 * 2 * (1 + 5 + 1 + 60 + 1):
                heard += await anext(batches)
        return heard

    logs = [asyncio.create_task(hear(store)) for store in servers]
    await asyncio.gather(*(write(store) for store in servers))
    in_the_log = await servers[0].events(0, 1000)
    for log in await asyncio.gather(*logs):
        assert [known(event) for event in log] == [known(event) for event in in_the_log]


def known(event: LoggedEvent) -> LoggedEvent:
    """Return it with what the log knows of the callback as it was before."""
    if event.previous is None:
        return event
    return replace(event, previous=replace(event.callback, state=event.previous.state, end_time=None))


async def test_a_server_does_not_read_what_it_has_written(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*_: object, **__: object) -> None:
        raise AssertionError("it reads")

    async with aclosing(servers[0].follow(0)) as batches:
        first = asyncio.create_task(anext(batches))
        await asyncio.sleep(0)  # it has begun to follow
        monkeypatch.setattr(reads, "events", read)
        callback = new()
        await servers[0].create([callback])
        [created] = await first
        await servers[0].apply(changes(callback, cancel(callback)))
        [cancelled] = await anext(batches)
    monkeypatch.undo()
    assert [known(event) for event in (created, cancelled)] == await servers[0].events(0, 10)


# --- Rivals --------------------------------------------------------------------------------------------------------


async def test_equal_requests_to_different_servers_store_one(servers: Servers) -> None:
    """Also when each server is given the same requests in another order."""
    tasks = [f"task-{n}" for n in range(40)]

    def rivals(seed: int) -> list[Callback]:
        chosen = random.Random(seed).sample(tasks, len(tasks))
        return [new(caller_id="crm", external_task_id=task, request_id=f"request-of-{task}") for task in chosen]

    calls = [rivals(seed) for seed in range(6)]
    results = await at_once(*(store.create(call) for store, call in zip([*servers, *servers], calls, strict=True)))

    winners: dict[str, set[str]] = {task: set() for task in tasks}
    for call, result in zip(calls, results, strict=True):
        for callback, other in zip(call, result, strict=True):
            winners[callback.request.external_task_id].add((other or callback).callback_id)
    assert all(len(ids) == 1 for ids in winners.values())
    assert (await servers[0].history()).newest == len(tasks)


async def test_of_many_on_different_servers_one_is_alone(servers: Servers) -> None:
    rivals = [new(target="sip:anna@example.com") for _ in range(30)]
    results = await at_once(
        *(servers[n % 3].create([rival], alone=[rival.callback_id]) for n, rival in enumerate(rivals))
    )
    [winner] = [rival for rival, [other] in zip(rivals, results, strict=True) if other is None]
    assert [other for [other] in results].count(winner) == 29


async def test_of_many_grants_of_a_turn_one_is_made(servers: Servers) -> None:
    callbacks = [new() for _ in range(12)]
    await servers[0].create(callbacks)
    results = await at_once(
        *(
            servers[n % 3].apply([Change(callback, offer(callback))], Turn(SERVICE.service_id, (0,) * 8, 1))
            for n, callback in enumerate(callbacks)
        )
    )
    assert results.count(None) == 1
    assert sum(isinstance(result, RevisionConflict) for result in results) == 11
    assert (await servers[0].history()).newest == 13


SPELLINGS = ("tel:+41785556677", "sip:+41785556677@gw.example;user=phone", "sips:+41-78-555-66-77@pbx.example")


@pytest.mark.parametrize("targets", [("sip:anna@example.com",) * 3, SPELLINGS], ids=["one spelling", "three"])
async def test_of_many_calls_to_a_phone_one_begins(servers: Servers, targets: Sequence[str]) -> None:
    """The writes share no row, so that only the lock of the phone stands between them."""
    for _ in range(10):
        rivals = [new(target=target) for target in targets]
        await servers[0].create(rivals)
        results = await at_once(*(store.apply([Change(c, offer(c))]) for store, c in zip(servers, rivals, strict=True)))
        assert results.count(None) == 1
        assert sum(isinstance(result, RevisionConflict) for result in results) == 2, results
        winner = rivals[results.index(None)]
        await servers[0].apply(changes(offer(winner), cancel(offer(winner))))


async def test_a_call_waits_for_one_to_the_same_phone_that_is_being_written(servers: Servers, cluster: Cluster) -> None:
    """Otherwise it would be decided by what was read before that call, and before the loss of its dialer."""
    one, two = (new(target=target) for target in SPELLINGS[:2])
    await servers[0].create([one, two])
    holding_up, over = await hold_log_end(servers[2])
    first = asyncio.create_task(servers[0].apply([Change(one, offer(one))]))
    await until_waiting(cluster, 1)  # the lease is written, and not committed
    second = asyncio.create_task(servers[1].apply([Change(two, offer(two))]))
    await until_waiting(cluster, 2)
    over.set()
    await asyncio.gather(holding_up, first)
    with pytest.raises(RevisionConflict) as refusal:
        await second
    assert refusal.value.callback_ids == {two.callback_id}


async def test_a_phone_that_one_server_keeps_is_kept_by_all(servers: Servers) -> None:
    one, two = dial(offer(new(target=SPELLINGS[0]))), new(target=SPELLINGS[1])
    await servers[0].create([one, two])
    lost, begun = await at_once(
        servers[0].apply([Change(one, after(one, LeaseLapsed(at=NOW, service=SERVICE)))]),
        servers[1].apply([Change(two, offer(two))]),
    )
    assert lost is None
    assert isinstance(begun, RevisionConflict)
    for server in servers:
        queue = await server.queue(SERVICE.service_id, 1, NOW)
        assert queue is not None
        assert (dict(queue.heads), queue.held_until) == ({}, NOW + SERVICE.ring_timeout)
    assert sum(await at_once(*(s.purge(NOW + SERVICE.ring_timeout, Retention(), 10) for s in servers))) == 1


async def test_locks_in_whatever_order_end_well(servers: Servers) -> None:
    """All change the same callbacks at once, each in an order of its own."""
    callbacks = [new() for _ in range(20)]
    await servers[0].create(callbacks)

    async def change_all(store: PostgresStore, seed: int) -> None:
        for callback in random.Random(seed).sample(callbacks, len(callbacks)):
            try:
                await store.apply([Change(callback, cancel(callback))])
            except RevisionConflict:
                continue

    await asyncio.gather(*(change_all(servers[seed % 3], seed) for seed in range(6)))
    assert (await servers[0].history()).newest == 40


async def test_a_service_is_deleted_or_created_for(servers: Servers) -> None:
    """Never both: no callback waits for a service that is gone."""
    for n in range(20):
        service = replace(SERVICE, service_id=f"service-{n}", sip_address=f"sip:{n}@example.com")
        await servers[0].put_service(service)
        callback = new(service=service)
        deleted, created = await at_once(
            servers[n % 2].delete_service(service.service_id, 1), servers[1 - n % 2].create([callback])
        )
        assert (deleted, created) == (False, [None]) or (deleted is True and isinstance(created, UnknownService))
        assert (await servers[2].get(callback.callback_id) is None) is deleted


async def test_what_is_purged_by_all_at_once_is_logged_once(servers: Servers) -> None:
    old = [cancel(new(now=NOW - seconds(200), labels={"a": "b"}), NOW - seconds(200)) for _ in range(100)]
    await servers[0].create(old)
    while await servers[2].get_many([callback.callback_id for callback in old]):
        purged = await at_once(
            *(s.purge(NOW, Retention(ended_callbacks=seconds(100)), 7) for s in servers for _ in "12")
        )
        assert all(isinstance(count, int) for count in purged)
    gone = [event.callback.callback_id for event in await servers[1].events(100, 1000)]
    assert sorted(gone) == [callback.callback_id for callback in old]
    assert {event.kind for event in await servers[1].events(100, 1000)} == {EventKind.PURGED}


async def test_of_many_servers_one_leads(servers: Servers) -> None:
    results = await at_once(*(store.lead(str(n), NOW, NOW + seconds(2)) for n, store in enumerate(servers)))
    leader = results.index(True)
    assert results.count(False) == 2
    others = [n for n in range(3) if n != leader]
    assert not await servers[others[0]].lead(str(others[0]), NOW + seconds(1), NOW + seconds(3))
    assert await servers[others[0]].lead(str(others[0]), NOW + seconds(2), NOW + seconds(4))
    assert not await servers[leader].lead(str(leader), NOW + seconds(3), NOW + seconds(5))


async def test_what_dialers_of_one_server_ask_for_is_known_to_all(servers: Servers) -> None:
    later, sooner = (Demand(SERVICE.service_id, "pbx", NOW + seconds(n)) for n in (60, 30))
    other = Demand(SERVICE.service_id, "other", NOW + seconds(40))
    await servers[0].note_demand([later], NOW)
    await servers[1].note_demand([sooner, other], NOW)
    assert {later, other} <= set(await servers[2].demand(NOW + seconds(39)))
    assert [each for each in await servers[2].demand(NOW + seconds(59)) if each.dialer_id] == [later]


async def test_servers_of_earlier_versions_have_no_names_of_dialers(servers: Servers, cluster: Cluster) -> None:
    """They look into the table that they have, and note there what they have."""
    until = NOW + seconds(60)
    await servers[0].note_demand([Demand(SERVICE.service_id, "pbx", until)], NOW)
    await servers[0].note_demand([Demand(SERVICE.service_id, "other", NOW + seconds(30))], NOW)
    noted = {each for each in await servers[1].demand(NOW) if not each.dialer_id}
    assert noted == {Demand(SERVICE.service_id, "", until)}


async def test_all_servers_read_one_clock(servers: Servers) -> None:
    times = [await store.read_clock() for store in [*servers, *servers]]
    assert times == sorted(times)


async def test_a_server_needs_six_connections(servers: Servers, cluster: Cluster) -> None:
    """As its docstring tells the operator who sets `max_connections`."""
    for server, other in zip(servers, [*servers[1:], servers[0]], strict=True):
        newest = (await server.history()).newest
        await other.create([new()])
        await events_after(server, newest)  # heard over the last of its connections

    def count() -> int:
        [(found,)] = cluster.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ringback'")
        return int(found)

    # The seventh, which each needs to start, is closed by then, and its process may still be ending.
    await until(lambda: count() <= 6 * len(servers))
    assert count() == 6 * len(servers)

"""Contract: what was acknowledged stays, whatever happens to the caller or the store."""

import asyncio
import random

import pytest

from ringback.domain.errors import StorageUnavailable
from ringback.domain.filter import MATCH_ALL
from ringback.domain.queue import Turn
from ringback.ports.store import Store
from ringback.ports.values import Change, Extension, Retention
from tests.world.databases import Database
from tests.world.event_log import events_after
from tests.world.samples import NOW, OTHER_SERVICE, SERVICE, cancel, changes, every_state, new, offer, seconds


async def test_everything_is_there_after_reopening(store: Store, database: Database) -> None:
    callbacks = [*every_state(), new(request_id="request-1", labels={"a": "b"})]
    offered = callbacks[2]
    await store.create(callbacks)
    await store.apply(changes(callbacks[1], cancel(callbacks[1])), Turn(SERVICE.service_id, (1,) * 8, 1))
    await store.extend([Extension(offered.callback_id, 1, NOW + seconds(99))])
    before = await everything(store)

    await store.close()
    reopened = await database.open()
    try:
        assert await everything(reopened) == before
        assert await reopened.get_by_request_id("", "request-1") == callbacks[-1]
    finally:
        await reopened.close()


async def everything(store: Store) -> list[object]:
    return [
        store.database_id,
        await store.snapshot(MATCH_ALL, "", 1000),
        await store.events(0, 1000),
        await store.history(),
        (await store.services()).services,
        await store.queue(SERVICE.service_id, 10, NOW),
        await store.agenda(NOW, NOW, 10),
    ]


async def test_the_database_id_is_sixteen_hexadecimal_digits(store: Store) -> None:
    assert len(store.database_id) == 16
    int(store.database_id, 16)


async def test_a_cancelled_caller_leaves_nothing_half_done(store: Store) -> None:
    """Wherever the cancellation hits, each write is there as a whole, or it is not there."""
    dice = random.Random(10)
    pairs = [(new(labels={"n": str(n)}), new()) for n in range(300)]
    tasks = [asyncio.create_task(store.create(pair)) for pair in pairs]
    for task in tasks:
        for _ in range(dice.randrange(3)):
            await asyncio.sleep(0)
        if dice.random() < 0.5:
            task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await store.create([])  # everything handed in before has been written then

    events = await store.events(0, 10_000)

    assert {type(result) for result in results} == {list, asyncio.CancelledError}
    logged = {event.callback.callback_id for event in events}
    for pair, result in zip(pairs, results, strict=True):
        found = await store.get_many([callback.callback_id for callback in pair])
        assert len(found) in ((2,) if isinstance(result, list) else (0, 2))
        assert {callback.callback_id for callback in found} == logged & {callback.callback_id for callback in pair}


async def test_cancelling_readers_harms_nobody(store: Store) -> None:
    callbacks = [new() for _ in range(50)]
    await store.create(callbacks)
    readers = [asyncio.create_task(store.list(MATCH_ALL, "", 50)) for _ in range(50)]
    for reader in readers[::2]:
        await asyncio.sleep(0)
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert (await store.snapshot(MATCH_ALL, "", 50)).callbacks == callbacks
    assert await store.get(callbacks[0].callback_id) == callbacks[0]


async def test_a_write_is_seen_by_whoever_reads_after_it(store: Store) -> None:
    async def write_and_read() -> None:
        callback = new()
        await store.create([callback])
        assert await store.get(callback.callback_id) == callback
        offered = offer(callback)
        await store.apply([Change(callback, offered)])
        assert (await store.list(MATCH_ALL, "", 1000)).callbacks.count(offered) == 1

    await asyncio.gather(*(write_and_read() for _ in range(50)))


# --- Closing -------------------------------------------------------------------------------------------------


async def test_closing_twice(database: Database) -> None:
    store = await database.open()
    await asyncio.gather(store.close(), store.close())
    await store.close()


async def test_closing_lets_writes_under_way_finish(database: Database) -> None:
    store = await database.open()
    await store.put_service(SERVICE)
    callbacks = [new() for _ in range(50)]
    writes = [asyncio.create_task(store.create([callback])) for callback in callbacks]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*writes) == [[None]] * 50

    reopened = await database.open()
    try:
        assert (await reopened.snapshot(MATCH_ALL, "", 100)).callbacks == callbacks
    finally:
        await reopened.close()


async def test_a_closed_store_is_unavailable(database: Database) -> None:
    store = await database.open()
    waiting = asyncio.create_task(events_after(store, 0))
    await asyncio.sleep(0)
    await store.close()

    callback = new()
    for refused in (
        waiting,
        store.create([callback]),
        store.apply(changes(callback, cancel(callback))),
        store.extend([]),
        store.shift_leases(seconds(1), 0),
        store.purge(NOW, Retention(), 10),
        store.put_service(OTHER_SERVICE),
        store.delete_service(SERVICE.service_id, 1),
        store.get("x"),
        store.list(MATCH_ALL, "", 1),
        store.agenda(NOW, NOW, 10),
        store.events(0, 1),
        events_after(store, 0),
    ):
        with pytest.raises(StorageUnavailable):
            await refused

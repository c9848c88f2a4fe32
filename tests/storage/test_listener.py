"""What a store tells of its own writes: each that is durable, once, whatever became of its caller.

It tells its callers first, so each test closes the store before it looks.
"""

import asyncio
from datetime import datetime, timedelta

import pytest

from ringback.domain.callback import Callback
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, Demand
from tests.world.samples import NOW, cancel, new, offer

Told = list[tuple[Callback | None, Callback]]


@pytest.fixture
def told(store: Store) -> Told:
    told: Told = []
    store.listen(lambda before, after: told.append((before, after)))
    return told


async def test_creations_and_changes(store: Store, told: Told) -> None:
    one, two = new(), new()
    await store.create([one, two])
    await store.create_one(three := new())
    offered = offer(one)
    await store.apply([Change(one, offered), Change(two, cancel(two))])
    await store.close()
    assert told == [(None, one), (None, two), (None, three), (one, offered), (two, told[-1][1])]


async def test_what_was_not_written_is_not_told(store: Store, told: Told) -> None:
    callback = new(external_task_id="4711", caller_id="crm")
    await store.create_one(callback)
    again = new(external_task_id="4711", caller_id="crm")
    assert await store.create_one(again) == callback
    await store.apply([Change(callback, cancel(callback))])
    with pytest.raises(RevisionConflict):
        await store.apply([Change(callback, offer(callback))])
    await store.close()
    assert [after.revision for _, after in told] == [1, 2]


async def test_a_caller_that_has_gone_changes_nothing(store: Store, told: Told) -> None:
    first, second = new(), new()
    gone = asyncio.create_task(store.create_one(first))
    await asyncio.sleep(0)  # it has submitted
    gone.cancel()
    await store.create_one(second)
    await store.close()
    assert told == [(None, first), (None, second)]


async def test_everybody_who_listens_is_told(store: Store, told: Told) -> None:
    also: Told = []
    store.listen(lambda before, after: also.append((before, after)))
    await store.create_one(new())
    await store.close()
    assert len(told) == 1
    assert also == told


async def test_commits(store: Store) -> None:
    commits: list[tuple[int, bool]] = []
    store.listen_commits(lambda operations, seconds, durable: commits.append((operations, durable and seconds > 0)))
    await asyncio.gather(store.create_one(new()), store.create_one(new()))
    await store.close()
    assert sum(operations for operations, _ in commits) == 2
    assert all(durable for _, durable in commits)
    assert store.healthy is False  # nothing more can be written


async def test_the_size_of_the_database(store: Store) -> None:
    before = await store.size()
    await store.create([new(description="x" * 1000) for _ in range(100)])
    after = await store.size()
    assert after.database + (after.write_ahead_log or 0) > before.database + (before.write_ahead_log or 0)
    assert (after.free is None) is (after.write_ahead_log is None)  # PostgreSQL's disk is that of another machine


def demand(service_id: str, until: datetime, dialer_id: str = "pbx") -> Demand:
    return Demand(service_id, dialer_id, until)


async def polled_for(store: Store, now: datetime) -> set[str]:
    return {each.service_id for each in await store.demand(now)}


async def test_what_dialers_of_all_servers_poll_for(store: Store) -> None:
    later = NOW + timedelta(minutes=1)
    await store.note_demand([demand("one", later), demand("two", NOW + timedelta(seconds=1))], NOW)
    assert await polled_for(store, NOW) == {"one", "two"}
    assert await polled_for(store, NOW + timedelta(seconds=1)) == {"one"}
    assert await polled_for(store, later) == set()


async def test_each_dialer_counts_until_its_own_end(store: Store) -> None:
    noted = [demand("one", NOW + timedelta(seconds=n), str(n)) for n in range(1, 4)]
    await store.note_demand(noted, NOW)
    for n in range(4):
        found = {each for each in await store.demand(NOW + timedelta(seconds=n)) if each.dialer_id}
        assert found == set(noted[n:])


async def test_what_was_polled_for_before_the_clock_was_set_back_counts_no_more(store: Store) -> None:
    ahead = NOW + timedelta(hours=1)
    late = ahead + timedelta(minutes=1)
    await store.note_demand([demand("one", late), demand("two", late)], ahead)
    assert await polled_for(store, NOW) == set()
    await store.note_demand([demand("one", NOW + timedelta(minutes=1))], NOW)
    assert await polled_for(store, NOW) == {"one"}
    assert await polled_for(store, NOW + timedelta(minutes=1)) == set()

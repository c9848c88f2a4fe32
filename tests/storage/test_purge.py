"""Contract: what need not be kept is purged, in batches, and the log tells how far back it goes."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.filter import MATCH_ALL, CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.ports.store import Store
from ringback.ports.values import EventKind, History, Retention
from tests.world.databases import Database
from tests.world.samples import NOW, OTHER_SERVICE, SERVICE, cancel, connect, every_state, new, offer, seconds

KEEP_EVENTS = Retention(ended_callbacks=seconds(100), events=seconds(1_000_000))
KEEP_NONE = Retention(ended_callbacks=seconds(100), events=seconds(10), min_events=0)


def ended(at: datetime, **fields: Any) -> Callback:
    return cancel(new(now=at, **fields), at)


# --- Callbacks -----------------------------------------------------------------------------------------------


async def test_callbacks_that_ended_long_ago_are_forgotten(store: Store) -> None:
    old, young = ended(NOW - seconds(101)), ended(NOW - seconds(99))
    await store.create([young, old])

    assert await store.purge(NOW, KEEP_EVENTS, 10) == 1

    assert await store.get(old.callback_id) is None
    assert (await store.list(MATCH_ALL, "", 10)).callbacks == [young]
    assert await store.purge(NOW, KEEP_EVENTS, 10) == 0


async def test_what_has_not_ended_is_kept_for_ever(store: Store) -> None:
    living = [callback for callback in every_state() if not callback.ended]
    await store.create(living)
    await store.purge(NOW + seconds(10_000_000), KEEP_EVENTS, 100)
    assert {callback.callback_id for callback in (await store.snapshot(MATCH_ALL, "", 100)).callbacks} == {
        callback.callback_id for callback in living
    }


async def test_each_service_has_its_own_time(store: Store) -> None:
    """Shorter or longer than the server's; one that is deleted has the server's again."""
    deleted = replace(SERVICE, service_id="00000000-0000-4000-8000-000000000003", sip_address="sip:gone@cc.example")
    await store.put_service(deleted)
    kept = [ended(NOW - seconds(age), service=OTHER_SERVICE) for age in (20, 101, 150)]
    over = [
        *(ended(NOW - seconds(age)) for age in (20, 101, 150, 301)),
        ended(NOW - seconds(301), service=OTHER_SERVICE),
        ended(NOW - seconds(101), service=deleted),
    ]
    await store.create([*kept, *over])
    await store.delete_service(deleted.service_id, 1)
    own = Retention(
        ended_callbacks=seconds(100),
        events=seconds(1_000_000),
        of_services={SERVICE.service_id: seconds(10), OTHER_SERVICE.service_id: seconds(300)},
    )

    assert await store.purge(NOW, own, 2) == 2
    assert await store.purge(NOW, own, 100) == len(over) - 2

    assert (await store.list(MATCH_ALL, "", 100)).callbacks == kept[::-1]
    assert await store.purge(NOW, own, 100) == 0


async def test_purging_is_logged(store: Store) -> None:
    old = ended(NOW - seconds(101))
    await store.create([old])
    await store.purge(NOW, KEEP_EVENTS, 10)

    [event] = await store.events(1, 10)

    assert event.kind is EventKind.PURGED
    assert event.callback == old
    assert event.previous == old


async def test_the_events_of_a_purged_callback_can_still_be_read(store: Store) -> None:
    callback = new(now=NOW - seconds(200))
    call = offer(callback, at=NOW - seconds(200))
    await store.create([call])
    await store.create([old := ended(NOW - seconds(101))])
    await store.purge(NOW, KEEP_EVENTS, 10)
    assert [event.callback for event in await store.events(0, 10)] == [call, old, old]


async def test_a_purged_callback_gives_back_its_names(store: Store) -> None:
    names: dict[str, Any] = {
        "caller_id": "crm",
        "external_task_id": "task-1",
        "request_id": "request-1",
        "labels": {"a": "b"},
    }
    await store.create([ended(NOW - seconds(101), **names)])
    await store.purge(NOW, KEEP_EVENTS, 10)

    assert await store.get(ExternalTaskKey(caller_id="crm", external_task_id="task-1")) is None
    again = new(**names)
    assert await store.create([again]) == [None]
    assert (await store.list(CallbackFilter(labels={"a": "b"}), "", 10)).callbacks == [again]


async def test_the_longest_ended_go_first_up_to_the_limit(store: Store) -> None:
    old = [ended(NOW - seconds(1000 - n)) for n in range(10)]
    await store.create(old)
    assert await store.purge(NOW, KEEP_EVENTS, 4) == 4
    assert (await store.snapshot(MATCH_ALL, "", 100)).callbacks == old[4:]
    assert await store.purge(NOW, KEEP_EVENTS, 4) == 4
    assert await store.purge(NOW, KEEP_EVENTS, 4) == 2


# --- Events --------------------------------------------------------------------------------------------------


async def test_old_events_beyond_the_count_are_forgotten(store: Store) -> None:
    await store.create([new(now=NOW - seconds(100 - n)) for n in range(10)])

    assert await store.purge(NOW, Retention(events=seconds(10), min_events=4), 100) == 6

    assert await store.history() == History(6, 10)
    assert [event.number for event in await store.events(0, 100)] == [7, 8, 9, 10]


async def test_young_events_are_kept_whatever_their_count(store: Store) -> None:
    await store.create([new(now=NOW - seconds(age_s)) for age_s in (30, 20, 10, 0)])
    assert await store.purge(NOW, Retention(events=seconds(15), min_events=0), 100) == 2
    assert await store.history() == History(2, 4)


async def test_events_go_up_to_the_limit(store: Store) -> None:
    await store.create([new(now=NOW - seconds(100)) for _ in range(10)])
    retention = Retention(events=seconds(10), min_events=0)
    assert [await store.purge(NOW, retention, 4) for _ in range(4)] == [4, 4, 2, 0]


async def test_no_event_is_forgotten_before_an_older_number(store: Store) -> None:
    """The clock may jump back; what can be read has no gap."""
    await store.create([new(now=NOW)])
    await store.create([new(now=NOW - seconds(100))])
    assert await store.purge(NOW, Retention(events=seconds(10), min_events=0), 100) == 0
    assert await store.history() == History(0, 2)


async def test_an_emptied_log_remembers_its_numbers(store: Store, database: Database) -> None:
    await store.create([new(now=NOW - seconds(100)) for _ in range(3)])
    await store.purge(NOW, KEEP_NONE, 100)
    assert await store.history() == History(3, 3)
    assert (await store.list(MATCH_ALL, "", 10)).number == 3

    await store.close()
    reopened = await database.open()
    try:
        assert await reopened.history() == History(3, 3)
        await reopened.create([new()])
        assert [event.number for event in await reopened.events(0, 10)] == [4]
        assert await reopened.history() == History(3, 4)
    finally:
        await reopened.close()


async def test_callbacks_and_events_are_counted_together(store: Store) -> None:
    """The events of a purge are young themselves."""
    await store.create([ended(NOW - seconds(101)) for _ in range(3)])
    await store.create([connect(offer(new()))])
    assert await store.purge(NOW, KEEP_NONE, 10) == 6
    assert await store.history() == History(3, 7)
    assert await store.purge(NOW + seconds(11), KEEP_NONE, 10) == 4
    assert await store.history() == History(7, 7)

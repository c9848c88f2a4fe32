"""Contract: the queries of the scheduler, and the dispatcher's about a queue."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.priority import FRESH_ROUND, Priority
from ringback.domain.queue import Turn
from ringback.ports.store import Store
from ringback.ports.values import Agenda, LevelCount, LineHeads, OpenByService
from tests.world.samples import (
    NOW,
    OTHER_SERVICE,
    SERVICE,
    cancel,
    changes,
    connect,
    dial,
    every_state,
    new,
    offer,
    seconds,
)


def scheduled(delay_s: float, **fields: Any) -> Callback:
    return new(due_date=NOW + seconds(delay_s), **fields)


def moved_by_hours(delay_s: float, **fields: Any) -> Callback:
    waiting = scheduled(delay_s, **fields)
    return replace(waiting, next_attempt_time=waiting.ready_time + seconds(3600))


async def agenda(store: Store, now: datetime = NOW, limit: int = 10) -> Agenda:
    return await store.agenda(now, now, limit)


# --- Time ----------------------------------------------------------------------------------------------------


async def test_due_tells_what_is_scheduled_until_now_earliest_first(store: Store) -> None:
    late, early, ahead = scheduled(20), scheduled(10), scheduled(20.000001)
    await store.create([late, early, ahead, *(c for c in every_state() if c.state.name != "SCHEDULED")])

    assert (await agenda(store, NOW + seconds(20), 10)).due == [early, late]
    assert (await agenda(store, NOW + seconds(20), 1)).due == [early]
    assert (await agenda(store, NOW, 10)).due == []


async def test_due_goes_by_the_next_attempt(store: Store) -> None:
    waiting = moved_by_hours(10)
    await store.create([waiting])
    assert (await agenda(store, NOW + seconds(3609), 10)).due == []
    assert (await agenda(store, NOW + seconds(3610), 10)).due == [waiting]


async def test_expired_tells_what_nobody_was_dialled_for_in_time(store: Store) -> None:
    queued = new(expire_time=NOW + seconds(20))
    waiting = scheduled(5, expire_time=NOW + seconds(10))
    offered = offer(new(expire_time=NOW + seconds(15)))
    in_time = new(expire_time=NOW + seconds(20.000001))
    too_late = [
        step(new(expire_time=NOW + seconds(1)))
        for step in (lambda c: dial(offer(c)), lambda c: connect(offer(c)), lambda c: cancel(dial(offer(c))), cancel)
    ]
    await store.create([queued, waiting, offered, in_time, *too_late])

    assert (await agenda(store, NOW + seconds(20), 10)).expired == [waiting, offered, queued]
    assert (await agenda(store, NOW + seconds(20), 2)).expired == [waiting, offered]


async def test_next_time_is_the_first_of_all(store: Store) -> None:
    assert (await agenda(store)).next_time is None
    queued = new(expire_time=NOW + seconds(300))
    await store.create([queued])
    assert (await agenda(store)).next_time == NOW + seconds(300)
    await store.create([scheduled(200)])
    assert (await agenda(store)).next_time == NOW + seconds(200)
    await store.create([offer(new(), duration=seconds(100))])
    assert (await agenda(store)).next_time == NOW + seconds(100)


async def test_next_time_is_after_what_is_to_be_done_now(store: Store) -> None:
    """Leases are judged by a time of their own."""
    await store.create([scheduled(10, expire_time=NOW + seconds(300)), offer(new(), duration=seconds(20))])

    assert (await agenda(store, NOW + seconds(10))).next_time == NOW + seconds(20)
    assert (await agenda(store, NOW + seconds(20))).next_time == NOW + seconds(300)
    late = await store.agenda(NOW + seconds(20), NOW + seconds(19), 10)
    assert (late.lapsed, late.next_time) == ([], NOW + seconds(20))
    assert (await store.agenda(NOW + seconds(19), NOW + seconds(20), 10)).lapsed


async def test_next_time_of_what_has_ended_is_never(store: Store) -> None:
    await store.create([cancel(new()), cancel(offer(new()))])
    assert (await agenda(store)).next_time is None


async def test_the_expiry_of_a_call_that_has_begun_is_no_next_time(store: Store) -> None:
    call = dial(offer(new(expire_time=NOW + seconds(5)), duration=seconds(30)))
    await store.create([call])
    assert (await agenda(store)).next_time == NOW + seconds(30)


# --- Opening hours -------------------------------------------------------------------------------------------


async def test_moved_by_hours_tells_who_waits_for_the_opening_by_id(store: Store) -> None:
    waiting = [moved_by_hours(delay_s) for delay_s in (30, 10, 20)]
    await store.create([*waiting, scheduled(10), new(), moved_by_hours(10, service=OTHER_SERVICE)])

    assert await store.moved_by_hours(SERVICE.service_id, "", 10) == waiting
    assert await store.moved_by_hours(SERVICE.service_id, "", 2) == waiting[:2]
    assert await store.moved_by_hours(SERVICE.service_id, waiting[1].callback_id, 10) == waiting[2:]


async def test_scheduled_tells_all_that_wait_for_a_time_by_id(store: Store) -> None:
    waiting = [scheduled(30), moved_by_hours(10), scheduled(20)]
    await store.create([*waiting, new(), offer(new()), scheduled(10, service=OTHER_SERVICE)])

    assert await store.scheduled(SERVICE.service_id, "", 10) == waiting
    assert await store.scheduled(SERVICE.service_id, "", 2) == waiting[:2]
    assert await store.scheduled(SERVICE.service_id, waiting[1].callback_id, 10) == waiting[2:]


async def test_queued_tells_the_queue_of_a_service(store: Store) -> None:
    low, first, second = (
        new(priority=priority, now=NOW - seconds(ago_s))
        for priority, ago_s in ((Priority.LOW, 99), (Priority.HIGH, 20), (Priority.HIGH, 10))
    )
    await store.create([low, second, first, scheduled(10), offer(new()), new(service=OTHER_SERVICE)])

    queued = await store.queued(SERVICE.service_id, 10)

    assert sorted(queued, key=lambda callback: callback.callback_id) == [low, first, second]
    assert [callback for callback in queued if callback.priority is Priority.HIGH] == [first, second]
    assert len(await store.queued(SERVICE.service_id, 2)) == 2


async def test_queued_services_are_those_with_somebody_in_the_queue(store: Store) -> None:
    assert await store.queued_services() == []
    queued = new(service=OTHER_SERVICE)
    await store.create([queued, new(service=OTHER_SERVICE), scheduled(10), offer(new()), cancel(new())])
    assert await store.queued_services() == [OTHER_SERVICE.service_id]
    await store.create([new(), new(priority=Priority.LOWEST)])
    assert sorted(await store.queued_services()) == [SERVICE.service_id, OTHER_SERVICE.service_id]


# --- The queue of a service ----------------------------------------------------------------------------------


async def test_the_queue_of_a_new_service_is_empty(store: Store) -> None:
    queue = await store.queue(SERVICE.service_id, 10, NOW)
    assert queue is not None
    assert queue.service == SERVICE
    assert queue.turn == Turn(SERVICE.service_id, FRESH_ROUND, 0)
    assert (queue.in_progress, dict(queue.heads), queue.held) == (0, {}, False)


async def test_no_service_has_no_queue(store: Store) -> None:
    assert await store.queue("no-such-service", 10, NOW) is None


async def test_each_level_has_its_own_line_first_in_first_out(store: Store) -> None:
    lines = {
        level: [new(priority=level, now=NOW - seconds(ago_s)) for ago_s in (30, 20, 10)]
        for level in (Priority.STRICT_PRIORITY, Priority.NORMAL, Priority.NOTHING_ELSE)
    }
    for arrival in (1, 0, 2):
        await store.create([line[arrival] for line in lines.values()])
    await store.create([new(service=OTHER_SERVICE), scheduled(10)])

    queue = await store.queue(SERVICE.service_id, 2, NOW)

    assert queue is not None
    assert queue.heads == {level: line[:2] for level, line in lines.items()}


async def test_those_who_came_at_the_same_time_go_by_id(store: Store) -> None:
    line = [new() for _ in range(3)]
    await store.create(line[::-1])
    queue = await store.queue(SERVICE.service_id, 10, NOW)
    assert queue is not None
    assert queue.heads == {Priority.NORMAL: line}


async def test_the_place_in_the_queue_is_kept_by_ready_time(store: Store) -> None:
    """The opening moved all to the same next attempt; the first to come still goes first."""
    late, early = new(), new()
    late = replace(late, ready_time=NOW - seconds(1))
    early = replace(early, ready_time=NOW - seconds(2))
    await store.create([late, early])
    queue = await store.queue(SERVICE.service_id, 10, NOW)
    assert queue is not None
    assert queue.heads == {Priority.NORMAL: [early, late]}


async def test_calls_in_progress_are_counted_by_service(store: Store) -> None:
    await store.create(every_state())
    await store.create([offer(new(service=OTHER_SERVICE))])
    queue = await store.queue(SERVICE.service_id, 10, NOW)
    assert queue is not None
    assert queue.in_progress == 4


async def test_whose_target_is_in_a_call_is_passed_over(store: Store) -> None:
    anna = "sip:anna@example.com"
    in_call = connect(offer(new(target=anna, service=OTHER_SERVICE)))
    held, free = new(target=anna, priority=Priority.HIGH), new(priority=Priority.HIGH)
    only_held = new(target=anna, priority=Priority.LOW)
    await store.create([in_call, held, free, only_held])

    queue = await store.queue(SERVICE.service_id, 1, NOW)

    assert queue is not None
    assert queue.heads == {Priority.HIGH: [free]}
    assert queue.held

    await store.apply(changes(in_call, replace(cancel(offer(new())), callback_id=in_call.callback_id, revision=9)))
    queue = await store.queue(SERVICE.service_id, 1, NOW)
    assert queue is not None
    assert queue.heads == {Priority.HIGH: [held], Priority.LOW: [only_held]}
    assert not queue.held


async def test_held_tells_of_a_line_that_is_shorter_than_asked_for(store: Store) -> None:
    anna = "sip:anna@example.com"
    await store.create([offer(new(target=anna)), new(), new(target=anna)])
    queue = await store.queue(SERVICE.service_id, 2, NOW)
    assert queue is not None
    assert queue.held


async def test_nobody_is_held_by_a_call_to_somebody_else(store: Store) -> None:
    await store.create([offer(new()), new(), new(target="sip:anna@example.com")])
    queue = await store.queue(SERVICE.service_id, 10, NOW)
    assert queue is not None
    assert len(queue.heads[Priority.NORMAL]) == 2
    assert not queue.held


# --- The length of the line ----------------------------------------------------------------------------------


async def test_what_is_open_is_counted(store: Store) -> None:
    """What is scheduled has no level."""
    await store.create(every_state())
    await store.create([new(priority=Priority.LOW, now=NOW - seconds(ago_s)) for ago_s in (10, 30, 20)])
    await store.create([new(service=OTHER_SERVICE, now=NOW - seconds(99)), scheduled(10), scheduled(20)])

    counted = await store.open_by_service()

    mine, other = SERVICE.service_id, OTHER_SERVICE.service_id
    assert counted.number == (await store.history()).newest
    assert sorted(counted.counts, key=lambda one: (one.service_id != mine, one.state, one.priority or 0)) == [
        LevelCount(mine, State.CANCELLING, Priority.NORMAL, 1, None),
        LevelCount(mine, State.CONNECTED, Priority.NORMAL, 1, None),
        LevelCount(mine, State.DIALING, Priority.NORMAL, 1, None),
        LevelCount(mine, State.OFFERED, Priority.NORMAL, 1, None),
        LevelCount(mine, State.QUEUED, Priority.NORMAL, 1, NOW),
        LevelCount(mine, State.QUEUED, Priority.LOW, 3, NOW - seconds(30)),
        LevelCount(mine, State.SCHEDULED, None, 4, None),
        LevelCount(other, State.QUEUED, Priority.NORMAL, 1, NOW - seconds(99)),
    ]


async def test_an_empty_database_has_nothing_open(store: Store) -> None:
    assert await store.open_by_service() == OpenByService(0, [])


async def test_the_first_of_each_line(store: Store) -> None:
    await store.create([new(priority=Priority.LOW, now=NOW - seconds(ago_s)) for ago_s in (10, 30, 20)])
    await store.create([new(service=OTHER_SERVICE, now=NOW - seconds(99)), offer(new(now=NOW - seconds(200)))])
    names = [(SERVICE.service_id, Priority.LOW), (SERVICE.service_id, Priority.NORMAL), ("nobody", Priority.LOW)]
    found = await store.line_heads([*names, (OTHER_SERVICE.service_id, Priority.NORMAL)])
    assert found == LineHeads(
        5,
        {
            (SERVICE.service_id, Priority.LOW): NOW - seconds(30),
            (OTHER_SERVICE.service_id, Priority.NORMAL): NOW - seconds(99),
        },
    )


async def test_the_turn_of_a_service(store: Store) -> None:
    assert await store.turns([SERVICE.service_id]) == {SERVICE.service_id: Turn(SERVICE.service_id, FRESH_ROUND, 0)}
    after = Turn(SERVICE.service_id, (1, *FRESH_ROUND[1:]), 1)
    await store.create([waiting := new()])
    await store.apply(changes(waiting, offer(waiting)), after)
    assert await store.turns([SERVICE.service_id, "no-such-service"]) == {SERVICE.service_id: after}


async def test_ahead_counts_those_before_in_the_same_line(store: Store) -> None:
    line = [new(now=NOW - seconds(ago_s)) for ago_s in (20, 10, 10, 10, 5)]
    await store.create([*line, new(priority=Priority.HIGH), new(service=OTHER_SERVICE), offer(new())])
    assert [await store.ahead(callback, 3) for callback in line] == [0, 1, 2, 3, 3]


async def test_ahead_of_one_that_is_not_in_the_line(store: Store) -> None:
    line = [new(), new()]
    await store.create(line)
    assert await store.ahead(scheduled(10), 10) == 2

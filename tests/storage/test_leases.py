"""Contract: leases are extended and moved without a change of the callback, and found by the dialer that holds them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.ports.store import Store
from ringback.ports.values import ClockMark, Extension
from tests.world.samples import NOW, cancel, changes, connect, dial, new, offer, seconds

LATER = NOW + seconds(90)


def until(callback: Callback, end: datetime) -> Callback:
    assert callback.lease is not None
    return replace(callback, lease=replace(callback.lease, expire_time=end))


async def lapsed(store: Store, at: datetime, limit: int) -> Sequence[Callback]:
    return (await store.agenda(NOW, at, limit)).lapsed


async def test_a_held_lease_is_extended(store: Store) -> None:
    """Whatever the state of the call; no event tells of it."""
    calls = [offer(new()), dial(offer(new())), connect(offer(new())), cancel(dial(offer(new())))]
    await store.create(calls)

    kept = await store.extend([Extension(call.callback_id, 1, LATER) for call in calls])

    assert kept == [True] * 4
    assert [await store.get(call.callback_id) for call in calls] == [until(call, LATER) for call in calls]
    assert (await store.history()).newest == 4


async def test_a_lease_that_is_over_is_not_extended(store: Store) -> None:
    waiting, ended = new(), cancel(offer(new()))
    offered_again = offer(replace(new(), fencing_token=1))
    await store.create([waiting, ended, offered_again])

    kept = await store.extend(
        [
            Extension(waiting.callback_id, 1, LATER),
            Extension(ended.callback_id, 1, LATER),
            Extension("callback-x", 1, LATER),
            Extension(offered_again.callback_id, 1, LATER),
            Extension(offered_again.callback_id, 2, LATER),
        ]
    )

    assert kept == [False, False, False, False, True]
    assert await store.get(offered_again.callback_id) == until(offered_again, LATER)


async def test_nothing_to_extend(store: Store) -> None:
    assert await store.extend([]) == []


async def test_all_leases_move_with_the_clock(store: Store) -> None:
    calls, waiting = [offer(new()), connect(offer(new()))], new()
    await store.create([*calls, waiting, cancel(new())])

    assert await store.shift_leases(seconds(3600.5), 0) == 2

    end = NOW + seconds(3630.5)
    assert [await store.get(call.callback_id) for call in calls] == [until(call, end) for call in calls]
    assert await store.get(waiting.callback_id) == waiting
    assert (await store.history()).newest == 4
    assert await store.clock_jumps() == 1
    assert await store.shift_leases(seconds(-3600.5), 1) == 2
    assert await store.get(calls[0].callback_id) == calls[0]


async def test_of_all_who_see_a_jump_of_the_clock_one_moves_the_leases(store: Store) -> None:
    call = offer(new())
    await store.create([call])
    moved = await asyncio.gather(*(store.shift_leases(seconds(60), 0) for _ in range(3)))
    assert sorted(moved, key=str) == [1, None, None]
    assert await store.get(call.callback_id) == until(call, NOW + seconds(90))
    assert await store.clock_jumps() == 1


async def test_what_is_noted_about_a_clock_can_be_read(store: Store) -> None:
    assert await store.clock_mark() is None
    for mark in (ClockMark("boot 1", seconds(1_790_000_000.123456), 0), ClockMark("boot 2", seconds(-7.5), 3)):
        await store.mark_clock(mark)
        assert await store.clock_mark() == mark


async def test_outlasting_tells_the_leases_that_end_later(store: Store) -> None:
    early, late = offer(new(), duration=seconds(10)), dial(offer(new(), duration=seconds(20)))
    await store.create([late, early, new(), cancel(offer(new()))])
    assert await store.outlasting(NOW + seconds(10), 10) == [late]
    assert await store.outlasting(NOW + seconds(9), 10) == [early, late]
    assert await store.outlasting(NOW + seconds(9), 1) == [early]
    assert await store.outlasting(NOW + seconds(20), 10) == []


async def test_whoever_leads_can_give_it_up(store: Store) -> None:
    assert await store.lead("a", NOW, NOW + seconds(2))
    assert await store.lead("a", NOW + seconds(1), NOW + seconds(3))
    assert not await store.lead("a", NOW + seconds(2), NOW + seconds(2))
    assert await store.lead("b", NOW + seconds(2), NOW + seconds(4))


async def test_lapsed_tells_the_leases_that_have_ended_earliest_first(store: Store) -> None:
    late = dial(offer(new(), duration=seconds(20)))
    early = offer(new(), duration=seconds(10))
    held = connect(offer(new(), duration=seconds(21)))
    await store.create([late, early, held, new(), cancel(offer(new()))])

    assert await lapsed(store, NOW + seconds(20), 10) == [early, late]
    assert await lapsed(store, NOW + seconds(20), 1) == [early]
    assert await lapsed(store, NOW + seconds(9.999999), 10) == []


async def test_an_extended_lease_does_not_lapse(store: Store) -> None:
    offered = offer(new())
    await store.create([offered])
    await store.extend([Extension(offered.callback_id, 1, LATER)])
    assert await lapsed(store, LATER - seconds(1), 10) == []
    assert await lapsed(store, LATER, 10) == [until(offered, LATER)]


async def test_held_by_tells_what_a_dialer_holds(store: Store) -> None:
    offered, connected = offer(new(), request_id="poll-1"), connect(offer(new()))
    others = offer(new(), dialer_id="other")
    await store.create([offered, connected, others, cancel(offer(new())), new()])

    held = await store.held_by("dialer")

    assert sorted(held, key=lambda callback: callback.callback_id) == [offered, connected]
    assert await store.held_by("nobody") == []


async def test_leased_for_tells_what_a_poll_got(store: Store) -> None:
    offered, dialing = offer(new(), request_id="poll-1"), dial(offer(new(), request_id="poll-1"))
    await store.create(
        [
            offered,
            dialing,
            offer(new(), request_id="poll-2"),
            offer(new(), request_id="poll-1", dialer_id="other"),
            cancel(offer(new(), request_id="poll-1")),
        ]
    )

    leased = await store.leased_for("dialer", "poll-1")

    assert sorted(leased, key=lambda callback: callback.callback_id) == [offered, dialing]
    assert await store.leased_for("dialer", "poll-3") == []


async def test_a_lease_given_back_is_held_by_nobody(store: Store) -> None:
    offered = offer(new(), request_id="poll-1")
    await store.create([offered])
    await store.apply(changes(offered, cancel(offered)))
    assert await store.held_by("dialer") == []
    assert await store.leased_for("dialer", "poll-1") == []

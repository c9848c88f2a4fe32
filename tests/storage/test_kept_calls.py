"""Contract: what is kept of a call is one owner's at a time, and goes to another one once, with the callback."""

import asyncio
from datetime import datetime
from typing import Any, Final

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback, Lease, State
from ringback.domain.events import LeaseTaken
from ringback.domain.lifecycle import after
from ringback.ports.calls import KeptCall
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, Retention
from tests.world.databases import Database
from tests.world.samples import NOW, SERVICE, cancel, dial, new, offer, seconds

ONE: Final = "192.0.2.1:5060;udp"
TWO: Final = "192.0.2.2:5060;udp"
END: Final = NOW + seconds(12)
KEEP_ALL: Final = Retention(ended_callbacks=seconds(1_000_000), events=seconds(1_000_000))


def kept(callback: Callback, **fields: Any) -> KeptCall:
    call = KeptCall(callback.callback_id, callback.fencing_token, "sip", ONE, END, '{"to":"sip:ä@b"}'.encode())
    return replace(call, **fields)


def taken(callback: Callback, at: datetime = END) -> Callback:
    assert callback.lease is not None
    lease = Lease(
        token="another",
        dialer_id="other",
        fencing_token=callback.fencing_token + 1,
        duration=seconds(30),
        expire_time=at + seconds(30),
    )
    return after(callback, LeaseTaken(at=at, lease=lease))


async def dialing(store: Store) -> Callback:
    callback = dial(offer(new()))
    await store.create([callback])
    return callback


async def calls(store: Store, owner: str = ONE) -> list[KeptCall]:
    return sorted(await store.kept_calls("sip", owner), key=lambda call: call.key)


async def test_what_is_kept_is_there_after_a_restart(database: Database) -> None:
    store = await database.open()
    await store.put_service(SERVICE)
    call = kept(await dialing(store))
    await store.keep_call(call)
    await store.close()
    store = await database.open()
    try:
        assert await calls(store) == [call]
        assert await calls(store, TWO) == []
        assert await store.kept_calls("http", ONE) == []
    finally:
        await store.close()


async def test_what_is_kept_later_replaces_what_was_kept_before(store: Store) -> None:
    """Of each call, also when many are written at once; and no event tells of it."""
    some = [kept(await dialing(store)) for _ in range(3)]
    await asyncio.gather(*map(store.keep_call, some))
    newest = (await store.history()).newest
    again = [replace(call, body=b'{"n":%d}' % n) for call in some for n in range(3)]
    await asyncio.gather(*map(store.keep_again, again))
    assert [call.body for call in await calls(store)] == [b'{"n":2}'] * 3
    await store.keep_call(replace(some[0], body=b"{}"))
    assert [call.body for call in await calls(store)] == [b"{}", b'{"n":2}', b'{"n":2}']
    assert (await store.history()).newest == newest


async def test_another_owner_s_call_is_not_replaced_nor_forgotten(store: Store) -> None:
    call = kept(await dialing(store))
    await store.keep_call(call)
    for keep in (store.keep_call, store.keep_again):
        with pytest.raises(RevisionConflict):
            await keep(replace(call, owner=TWO, body=b"{}"))
    await store.forget_call(call.key, TWO)
    await store.leave_call(call.key, TWO, NOW)
    await store.renew_calls(TWO, END + seconds(10))
    assert await calls(store) == [call]


async def test_what_is_forgotten_is_not_kept_again(store: Store) -> None:
    """A process that was passed over must not bring back a call that went on without it."""
    call = kept(await dialing(store))
    await store.keep_call(call)
    await store.forget_call(call.key, ONE)
    with pytest.raises(RevisionConflict):
        await store.keep_again(call)
    assert await calls(store) == []
    await store.forget_call(call.key, ONE)


async def test_two_calls_of_one_callback_are_kept_side_by_side(store: Store) -> None:
    """What an earlier attempt has left on the network, and the next attempt."""
    callback = await dialing(store)
    both = [kept(callback, fencing_token=1), kept(callback, fencing_token=2, body=b"[]")]
    for call in both:
        await store.keep_call(call)
    await store.forget_call(both[0].key, ONE)
    assert await calls(store) == both[1:]


async def test_one_sign_of_life_is_for_all_calls_of_an_owner(store: Store) -> None:
    mine = [kept(await dialing(store)) for _ in range(2)]
    other = kept(await dialing(store), owner=TWO)
    for call in (*mine, other):
        await store.keep_call(call)
    assert await store.left_calls("sip", END - seconds(0.000001), 10) == []
    await store.renew_calls(ONE, END + seconds(5))
    assert await store.left_calls("sip", END, 10) == [other]
    assert {call.kept_until for call in await calls(store)} == {END + seconds(5)}


async def test_those_that_are_left_come_earliest_first(store: Store) -> None:
    some = [kept(await dialing(store), kept_until=END - seconds(n)) for n in range(3)]
    for call in some:
        await store.keep_call(call)
    assert await store.left_calls("sip", END, 2) == [some[2], some[1]]
    assert await store.left_calls("http", END, 2) == []
    await store.leave_call(some[0].key, ONE, NOW)
    assert [call.key for call in await store.left_calls("sip", NOW, 10)] == [some[0].key]
    assert len(await store.left_calls("sip", None, 10)) == 3


async def test_a_call_is_taken_with_its_lease(store: Store) -> None:
    callback = await dialing(store)
    before = kept(callback)
    await store.keep_call(before)
    later = taken(callback)
    moved = replace(before, fencing_token=2, owner=TWO, kept_until=END + seconds(12))
    await store.take_call(before, moved, [Change(callback, later)])
    assert await calls(store) == []
    assert await calls(store, TWO) == [moved]
    assert await store.get(callback.callback_id) == later
    event = (await store.events(0, 10))[-1]
    assert (event.callback, event.previous and event.previous.state) == (later, State.DIALING)


async def test_a_call_is_taken_once(store: Store) -> None:
    """Of many that try at once, one succeeds: with its callback, or without."""
    for with_lease in (True, False):
        callback = await dialing(store)
        before = kept(callback)
        await store.keep_call(before)
        change = [Change(callback, taken(callback))] if with_lease else []

        async def take(number: int, before: KeptCall = before, change: list[Change] = change) -> str | None:
            after = replace(before, owner=f"process {number}", kept_until=END + seconds(12))
            try:
                await store.take_call(before, after, change)
            except RevisionConflict:
                return None
            return after.owner

        owners = [owner for owner in await asyncio.gather(*map(take, range(5))) if owner]
        assert len(owners) == 1
        assert [call.owner for call in await store.left_calls("sip", None, 10) if call.key == before.key] == owners


async def test_a_call_whose_owner_lives_is_not_taken(store: Store) -> None:
    """Its sign of life came after it was read."""
    callback = await dialing(store)
    before = kept(callback)
    await store.keep_call(before)
    await store.renew_calls(ONE, END + seconds(1))
    with pytest.raises(RevisionConflict):
        await store.take_call(before, replace(before, owner=TWO), [Change(callback, taken(callback))])
    assert await store.get(callback.callback_id) == callback
    assert await calls(store, TWO) == []


async def test_a_call_is_not_taken_when_its_callback_has_changed(store: Store) -> None:
    callback = await dialing(store)
    before = kept(callback)
    await store.keep_call(before)
    cancelled = cancel(callback)
    await store.apply([Change(callback, cancelled)])
    with pytest.raises(RevisionConflict):
        await store.take_call(before, replace(before, owner=TWO, fencing_token=2), [Change(callback, taken(callback))])
    assert await calls(store) == [before]
    assert await store.get(callback.callback_id) == cancelled


async def test_the_ends_move_when_the_clock_jumps(store: Store) -> None:
    call = kept(await dialing(store))
    await store.keep_call(call)
    await store.shift_leases(seconds(-3600), 0)
    assert await calls(store) == [replace(call, kept_until=END - seconds(3600))]


async def test_no_end_is_later_than_a_bound(store: Store) -> None:
    call = kept(await dialing(store))
    await store.keep_call(call)
    await store.bound_keeping(phones=END, calls=END)
    assert await calls(store) == [call]
    await store.bound_keeping(phones=END, calls=END - seconds(1))
    assert await calls(store) == [replace(call, kept_until=END - seconds(1))]


async def test_what_nobody_goes_on_with_is_purged_after_a_day(store: Store) -> None:
    call = kept(await dialing(store))
    await store.keep_call(call)
    await store.purge(END + seconds(86_399), KEEP_ALL, 10)
    assert await calls(store) == [call]
    assert await store.purge(END + seconds(86_400), KEEP_ALL, 10) == 1
    assert await calls(store) == []


async def test_an_erasure_deletes_what_is_kept_of_the_callback(store: Store) -> None:
    callback, other = cancel(offer(new())), await dialing(store)
    await store.create([callback])
    mine = [kept(callback, fencing_token=number) for number in (1, 2)]
    for call in (*mine, kept(other)):
        await store.keep_call(call)
    ids = [callback.callback_id, "callback-x"]
    assert sorted(await store.calls_of_callbacks(ids), key=lambda call: call.key) == mine
    await store.erase([callback], NOW, "")
    assert await calls(store) == [kept(other)]
    assert await store.calls_of_callbacks(ids) == []

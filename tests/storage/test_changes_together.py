"""Contract: changes that are written together are judged, and told, each on its own."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.domain.queue import Turn
from ringback.ports.errors import PhoneInUse, RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, Extension
from tests.world.samples import NOW, SERVICE, cancel, changes, connect, dial, ending, new, offer, seconds

# More than one statement can hold, in portions of several sizes.
MANY = 45


def target(number: int) -> str:
    return f"tel:+4178555{number:04}"


async def created(store: Store, count: int = MANY) -> list[Callback]:
    callbacks = [new(target=target(number)) for number in range(count)]
    await store.create(callbacks)
    return callbacks


async def apply_at_once(store: Store, *calls: Sequence[Change]) -> list[BaseException | None]:
    return await asyncio.gather(*(store.apply(call) for call in calls), return_exceptions=True)


async def stored(store: Store, callbacks: Sequence[Callback]) -> list[Callback]:
    found = {callback.callback_id: callback for callback in await store.get_many([c.callback_id for c in callbacks])}
    return [found[callback.callback_id] for callback in callbacks]


async def test_all_kinds_of_changes_at_once(store: Store) -> None:
    """Each row gets its own values, whatever the others get."""
    queued = await created(store)
    offered = [offer(one) for one in queued]
    await store.apply(changes_of(queued, offered))
    dialing = [dial(one) for one in offered]
    await apply_at_once(store, *([change] for change in changes_of(offered, dialing)))

    ways = [connect, cancel, lambda one: after(one, ending(Outcome.BUSY))]
    later = [ways[place % len(ways)](one) for place, one in enumerate(dialing)]
    assert await apply_at_once(store, *([change] for change in changes_of(dialing, later))) == [None] * MANY

    assert await stored(store, queued) == later
    events = await store.events(0, 10 * MANY)
    assert {event.callback.callback_id: event.callback for event in events} == {one.callback_id: one for one in later}
    assert len(events) == 4 * MANY


@pytest.mark.parametrize("stale", [0, 31, MANY - 1])
async def test_one_that_is_out_of_date_spoils_no_other(store: Store, stale: int) -> None:
    queued = await created(store)
    offered = [offer(one) for one in queued]
    ended = cancel(queued[stale])
    await store.apply(changes(queued[stale], ended))

    results = await apply_at_once(store, *([change] for change in changes_of(queued, offered)))

    assert [place for place, result in enumerate(results) if result is not None] == [stale]
    assert isinstance(results[stale], RevisionConflict)
    assert await stored(store, queued) == [*offered[:stale], ended, *offered[stale + 1 :]]
    # Nothing was logged of what was not stored.
    assert len(await store.events(0, 10 * MANY)) == 2 * MANY


async def test_what_is_written_with_one_that_is_out_of_date_is_written_once(store: Store) -> None:
    """Whatever else is in the transaction that is written again."""
    queued = await created(store, 6)
    ended = cancel(queued[0])
    await store.apply(changes(queued[0], ended))
    late = [new(target=target(number)) for number in (100, 101)]
    renamed = replace(SERVICE, display_name="Renamed", revision=2)

    results = await asyncio.gather(
        store.create(late[:1]),
        *(store.apply(changes(one, offer(one))) for one in queued[:4]),
        store.put_service(renamed),
        store.create(late[1:]),
        *(store.apply(changes(one, offer(one))) for one in queued[4:]),
        return_exceptions=True,
    )

    assert [result for result in results if isinstance(result, BaseException)] == [results[1]]
    assert isinstance(results[1], RevisionConflict)
    assert await stored(store, [*queued, *late]) == [ended, *map(offer, queued[1:]), *late]
    assert renamed in (await store.services()).services
    assert len(await store.events(0, 100)) == 6 + 1 + 5 + 2


async def test_a_call_with_one_that_is_out_of_date_is_refused_as_a_whole(store: Store) -> None:
    queued = await created(store, 6)
    offered = [offer(one) for one in queued]
    await store.apply(changes(queued[0], cancel(queued[0])))

    first, second = changes_of(queued[:3], offered[:3]), changes_of(queued[3:], offered[3:])
    refusal, result = await apply_at_once(store, first, second)

    assert isinstance(refusal, RevisionConflict)
    assert refusal.callback_ids == {queued[0].callback_id}
    assert result is None
    assert await stored(store, queued[1:]) == [*queued[1:3], *offered[3:]]


async def test_two_changes_of_one_callback_among_others(store: Store) -> None:
    """The second is one of a version that is not there any more; versions of one call follow each other."""
    one, two, three = await created(store, 3)
    calls = [changes(one, offer(one)), changes(one, cancel(one)), changes(two, offer(two), dial(offer(two)))]
    results = await apply_at_once(store, *calls, changes(three, offer(three)))

    assert [type(result) for result in results].count(RevisionConflict) == 1
    assert results[2:] == [None, None]
    assert await stored(store, [two, three]) == [dial(offer(two)), offer(three)]


async def test_a_call_that_ends_makes_room_for_one_that_begins(store: Store) -> None:
    one, two, other = (new(target=number) for number in (target(0), target(0), target(1)))
    await store.create([one, two, other])
    await store.apply(changes(one, offer(one)))

    given_back = cancel(offer(one))
    calls = [changes(offer(one), given_back), changes(two, offer(two)), changes(other, offer(other))]
    assert await apply_at_once(store, *calls) == [None] * 3
    assert await stored(store, [one, two, other]) == [given_back, offer(two), offer(other)]


async def test_of_two_calls_to_one_phone_one_begins(store: Store) -> None:
    gateway = "sip:+41785550000@gw.example;user=phone"
    one, two, other = (new(target=number) for number in (target(0), gateway, target(1)))
    await store.create([one, two, other])
    results = await apply_at_once(store, *(changes(queued, offer(queued)) for queued in (one, two, other)))
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NoneType", PhoneInUse.__name__]


async def test_a_turn_is_taken_once(store: Store) -> None:
    queued = await created(store, 4)
    turn = Turn(SERVICE.service_id, (0,) * 8, 1)
    grants = [changes_of(some, [offer(one) for one in some]) for some in (queued[:2], queued[2:])]
    results = await asyncio.gather(*(store.apply(grant, turn) for grant in grants), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", RevisionConflict.__name__]


async def test_a_lease_that_was_extended_meanwhile_is_another_one(store: Store) -> None:
    """A lease that was extended meanwhile is another one than what was read."""
    queued = await created(store, 3)
    offered = [offer(one) for one in queued]
    await store.apply(changes_of(queued, offered))
    lease = offered[1].lease
    assert lease is not None
    await store.extend([Extension(offered[1].callback_id, lease.fencing_token, NOW + seconds(999))])
    results = await apply_at_once(store, *([change] for change in changes_of(offered, [dial(one) for one in offered])))
    assert [type(result).__name__ for result in results] == ["NoneType", RevisionConflict.__name__, "NoneType"]


def changes_of(before: Sequence[Callback], later: Sequence[Callback]) -> list[Change]:
    return [Change(*pair) for pair in zip(before, later, strict=True)]

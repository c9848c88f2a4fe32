"""Contract: when a number was dialled is kept for two days, whatever becomes of the callbacks."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, DialOuts, Retention
from tests.world.databases import Database
from tests.world.samples import NOW, OTHER_SERVICE, cancel, changes, dial, ending, new, offer, seconds

PHONE = "tel:+41785556677"
DAY = seconds(24 * 3600)


async def call(store: Store, target: str = PHONE, at: datetime = NOW) -> Callback:
    """Store a callback, and its call, which ends at once."""
    created = new(target=target, now=at, max_retries=0)
    offered = offer(created, at=at)
    dialing = dial(offered, at)
    ended = after(dialing, ending(Outcome.BUSY, at))
    await store.create([created])
    await store.apply(changes(created, offered, dialing, ended))
    return ended


async def dialled(store: Store, waiting: Callback, at: datetime = NOW) -> Sequence[datetime]:
    queue = await store.queue(waiting.service_id, 10, at)
    assert queue is not None
    assert [[c.callback_id for c in line] for line in queue.heads.values()] == [[waiting.callback_id]]
    return sorted(queue.dialled.get(waiting.callback_id, ()))


async def test_a_dial_out_is_noted_once_and_when_it_began(store: Store) -> None:
    created = new(target=PHONE)
    offered = offer(created)
    dialing = dial(offered, NOW + seconds(1))
    await store.create([created])
    await store.apply([Change(created, offered)])
    assert await store.dialled(NOW - DAY, 10) == []
    await store.apply([Change(offered, dialing)])
    await store.apply(changes(dialing, cancel(dialing)))
    assert await store.dialled(NOW - DAY, 10) == [(PHONE, NOW + seconds(1))]


@pytest.mark.parametrize(
    "spelling", ["tel:+41 78 555 66 77;ext=12", "sip:+41785556677@gw.example;user=phone", "sips:+41785556677;ext=4@h"]
)
async def test_all_spellings_and_extensions_of_a_number_count_together(store: Store, spelling: str) -> None:
    await call(store, spelling)
    await call(store, PHONE, NOW + seconds(1))
    for target in (PHONE, spelling):
        waiting = new(target=target, service=OTHER_SERVICE)
        await store.create([waiting])
        assert await dialled(store, waiting) == [NOW, NOW + seconds(1)]
        await store.apply([Change(waiting, cancel(waiting))])


async def test_other_numbers_count_for_themselves(store: Store) -> None:
    await call(store, "tel:+41785556678")
    await call(store, "sip:anna@h.example")
    waiting = new(target=PHONE)
    await store.create([waiting])
    assert await dialled(store, waiting) == []


async def test_the_latest_ones_in_order(store: Store) -> None:
    for n in (3, 1, 2):
        await call(store, f"tel:+4178555667{n}", NOW + seconds(n))
    expected = [(f"tel:+4178555667{n}", NOW + seconds(n)) for n in (1, 2, 3)]
    assert await store.dialled(NOW, 10) == expected
    assert await store.dialled(NOW, 2) == expected[1:]
    assert await store.dialled(NOW + seconds(2), 10) == expected[2:]


async def test_they_survive_the_purge_of_their_callbacks_and_go_after_two_days(store: Store) -> None:
    await call(store)
    at_once = Retention(ended_callbacks=seconds(0), events=seconds(0), min_events=0)
    while await store.purge(NOW + DAY, at_once, 10):
        pass
    assert await store.dialled(NOW - DAY, 10) == [(PHONE, NOW)]
    while await store.purge(NOW + 2 * DAY - seconds(1), at_once, 10):
        pass
    assert await store.dialled(NOW - DAY, 10) == [(PHONE, NOW)]
    await store.purge(NOW + 2 * DAY, at_once, 10)
    assert await store.dialled(NOW - DAY, 10) == []


async def test_a_purge_takes_no_more_than_its_limit(store: Store) -> None:
    for n in range(5):
        await call(store, at=NOW + seconds(n))
    keep = Retention(ended_callbacks=100 * DAY, events=100 * DAY)
    assert [await store.purge(NOW + 3 * DAY, keep, 2) for _ in range(4)] == [2, 2, 1, 0]


async def test_a_change_that_is_refused_is_not_noted(store: Store) -> None:
    offered = offer(new(target=PHONE))
    await store.create([offered])
    dialing = dial(offered)
    await store.apply([Change(offered, cancel(offered))])
    with pytest.raises(Exception, match="changed since"):
        await store.apply([Change(offered, dialing)])
    assert await store.dialled(NOW - DAY, 10) == []


async def test_they_survive_a_restart(store: Store, database: Database) -> None:
    await call(store)
    await store.close()
    again = await database.open()
    assert await again.dialled(NOW - DAY, 10) == [(PHONE, NOW)]
    await again.close()


async def test_of_two_that_are_decided_by_the_same_dial_outs_one_is_stored(store: Store) -> None:
    """At once, so that a writer that takes several in one transaction has both in it."""
    await call(store, at=NOW - seconds(60))
    await call(store, at=NOW - seconds(7200))
    since = NOW - seconds(3600)
    known = DialOuts(since, len(await store.dialled_of(PHONE, since)))
    assert known.count == 1
    created = [new(target=f"{PHONE};ext={n}") for n in range(5)]
    offered = [offer(callback) for callback in created]
    await store.create(created)
    for pair in zip(created, offered, strict=True):
        await store.apply(changes(*pair))
    rivals = [Change(c, dial(c, NOW + seconds(n)), dial_outs=known) for n, c in enumerate(offered)]
    results = await asyncio.gather(*(store.apply([rival]) for rival in rivals), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [RevisionConflict] * 4
    assert len(await store.dialled_of(PHONE, since)) == 2
    lost = next(rival for rival, result in zip(rivals, results, strict=True) if result is not None)
    await store.apply([replace(lost, dial_outs=replace(known, count=2))])
    assert len(await store.dialled_of(PHONE, since)) == 3


async def test_dial_outs_to_others_do_not_count(store: Store) -> None:
    await call(store, "tel:+41785556678")
    created = new(target=PHONE)
    offered = offer(created)
    await store.create([created])
    await store.apply(changes(created, offered))
    await store.apply([Change(offered, dial(offered), dial_outs=DialOuts(NOW - DAY, 0))])
    assert await store.dialled_of(PHONE, NOW - DAY) == [NOW]

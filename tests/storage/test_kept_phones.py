"""Contract: a phone is called once at a time, and kept while it may still ring, whatever became of the callback."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.events import BecameDue, LeaseLapsed, LeaseReleased
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.queue import Queue
from ringback.domain.service import Service
from ringback.domain.target import Target
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, PhoneUse, Retention
from tests.world.databases import Database
from tests.world.samples import NOW, OTHER_SERVICE, SERVICE, cancel, changes, connect, dial, ending, new, offer, seconds

PHONE: Final = "tel:+41785556677"
# One phone, as different callers write it.
SPELLINGS: Final = (
    PHONE,
    "tel:+41 (0)78 555 66 77",
    "sip:+41785556677@gw.example;user=phone",
    "sips:+41-78-555-66-77@other.example:5070;transport=tls",
)
RING: Final = SERVICE.ring_timeout
END: Final = NOW + RING
A_MOMENT: Final = seconds(0.000001)
KEEP_ALL: Final = Retention(ended_callbacks=seconds(1_000_000), events=seconds(1_000_000))


def lapse(callback: Callback, at: datetime = NOW) -> Callback:
    return after(callback, LeaseLapsed(at=at, service=SERVICE))


def interrupt(callback: Callback, at: datetime = NOW) -> Callback:
    return after(callback, ending(Outcome.INTERRUPTED, at))


CALLS: Final[dict[str, Callable[[Callback], Callback]]] = {
    "DIALING": dial,
    "CONNECTED": connect,
    "CANCELLING": lambda offered: cancel(dial(offered)),
}
LOSSES: Final = {"lapsed": lapse, "reported": interrupt}


async def lose(store: Store, target: str = PHONE, *, at: datetime = NOW, **fields: Any) -> Callback:
    """Store a callback that is dialled, and the loss of its dialer; return it as it is then."""
    dialing = dial(offer(new(target=target, max_retries=0, **fields)))
    await store.create([dialing])
    lost = lapse(dialing, at)
    await store.apply([Change(dialing, lost)])
    return lost


async def queue_at(store: Store, at: datetime, depth: int = 10, service: Service = SERVICE) -> Queue:
    queue = await store.queue(service.service_id, depth, at)
    assert queue is not None
    return queue


# --- One call at a time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [SERVICE, OTHER_SERVICE], ids=["same service", "other service"])
@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_phone_in_a_call_is_passed_over_however_it_is_written(
    store: Store, spelling: str, service: Service
) -> None:
    one, two = new(target=PHONE), new(target=spelling, service=service)
    await store.create([one, two])
    await store.apply([Change(one, offer(one))])

    queue = await queue_at(store, NOW, service=service)
    assert (dict(queue.heads), queue.held, queue.held_until) == ({}, True, None)
    assert await store.phone_use(two.phone, NOW) == PhoneUse(one.callback_id, None)
    with pytest.raises(RevisionConflict) as refusal:
        await store.apply([Change(two, offer(two))])
    assert refusal.value.callback_ids == {two.callback_id}

    await store.apply([Change(offer(one), cancel(offer(one)))])
    assert (await queue_at(store, NOW, service=service)).heads == {Priority.NORMAL: [two]}
    await store.apply([Change(two, offer(two))])


async def test_a_call_to_another_target_is_a_call_to_its_phone(store: Store) -> None:
    """The target was changed, which may change the phone to one that is written differently, or back."""
    moved, other = new(target="sip:anna@example.com"), new(target=SPELLINGS[2])
    await store.create([moved, other])
    waiting = _retarget(moved, Target.parse(SPELLINGS[3]).uri)
    await store.apply([Change(moved, waiting)])
    await store.apply([Change(waiting, offer(waiting))])
    assert await store.phone_use(PHONE, NOW) == PhoneUse(moved.callback_id, None)
    with pytest.raises(RevisionConflict):
        await store.apply([Change(other, offer(other))])

    released = after(offer(waiting), LeaseReleased(at=NOW))
    back = _retarget(released, "sip:anna@example.com")
    await store.apply(changes(offer(waiting), released, back))
    assert await store.phone_use(PHONE, NOW) == PhoneUse(None, None)
    await store.apply([Change(back, offer(back))])
    assert await store.phone_use("sip:anna@example.com", NOW) == PhoneUse(moved.callback_id, None)


def _retarget(callback: Callback, dial_target: str) -> Callback:
    return replace(callback, dial_target=dial_target, revision=callback.revision + 1)


async def test_of_two_spellings_in_one_write_one_is_refused(store: Store) -> None:
    one, two = new(target=SPELLINGS[0]), new(target=SPELLINGS[2])
    await store.create([one, two])
    with pytest.raises(RevisionConflict):
        await store.apply([Change(one, offer(one)), Change(two, offer(two))])
    assert (await store.history()).newest == 2


# --- A lost dialer ---------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("service", [SERVICE, OTHER_SERVICE], ids=["same service", "other service"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_the_phone_is_kept_until_its_ring_has_ended(
    store: Store, call: Callable[[Callback], Callback], loss: Callable[[Callback], Callback], service: Service
) -> None:
    one, two = call(offer(new(target=PHONE))), new(target=SPELLINGS[2], service=service)
    await store.create([one, two])
    await store.apply([Change(one, loss(one))])

    for at in (NOW, END - A_MOMENT):
        queue = await queue_at(store, at, service=service)
        assert (dict(queue.heads), queue.held, queue.held_until) == ({}, False, END)
        assert await store.phone_use(PHONE, at) == PhoneUse(None, END)
        with pytest.raises(RevisionConflict) as refusal:
            await store.apply([Change(two, offer(two, at=at))])
        assert refusal.value.callback_ids == {two.callback_id}

    queue = await queue_at(store, END, service=service)
    assert (dict(queue.heads), queue.held, queue.held_until) == ({Priority.NORMAL: [two]}, False, None)
    assert await store.phone_use(PHONE, END) == PhoneUse(None, None)
    await store.apply([Change(two, offer(two, at=END))])


async def test_a_call_that_has_ended_otherwise_keeps_nothing(store: Store) -> None:
    for end in (
        lapse,  # nobody was dialled
        cancel,
        lambda offered: after(dial(offered), ending(Outcome.NO_ANSWER)),
        lambda offered: after(connect(offered), ending(Outcome.ANSWERED)),
        lambda offered: after(cancel(dial(offered)), ending(Outcome.NO_ANSWER)),
    ):
        one = offer(new(target=PHONE))
        await store.create([one])
        await store.apply([Change(one, end(one))])
        assert await store.phone_use(PHONE, NOW) == PhoneUse(None, None)


@pytest.mark.long
async def test_the_phone_is_kept_from_its_own_callback_too(store: Store) -> None:
    """The retry waits for as long by itself, but may be due earlier: by a clock that was set, for example."""
    dialing = dial(offer(new(target=PHONE)))
    await store.create([dialing])
    lost = lapse(dialing)
    queued = after(lost, BecameDue(at=NOW))
    await store.apply(changes(dialing, lost, queued))
    assert (await queue_at(store, END - A_MOMENT)).held_until == END
    with pytest.raises(RevisionConflict):
        await store.apply([Change(queued, offer(queued, at=END - A_MOMENT))])
    await store.apply([Change(queued, offer(queued, at=END))])


async def test_the_later_of_two_ends_counts(store: Store) -> None:
    for at in (NOW + seconds(5), NOW, NOW + seconds(2)):
        await lose(store, SPELLINGS[2], at=at)
    assert await store.phone_use(PHONE, NOW) == PhoneUse(None, END + seconds(5))


async def test_a_loss_and_a_call_in_one_write_are_refused(store: Store) -> None:
    one, two = dial(offer(new(target=PHONE))), new(target=SPELLINGS[2])
    await store.create([one, two])
    with pytest.raises(RevisionConflict):
        await store.apply([Change(one, lapse(one)), Change(two, offer(two))])
    assert await store.get(one.callback_id) == one
    assert await store.phone_use(PHONE, NOW) == PhoneUse(one.callback_id, None)


async def test_a_refused_write_keeps_nothing(store: Store) -> None:
    one, stale = dial(offer(new(target=PHONE))), new()
    await store.create([one, stale])
    await store.apply(changes(stale, cancel(stale)))
    with pytest.raises(RevisionConflict):
        await store.apply([Change(one, lapse(one)), Change(stale, offer(stale))])
    assert await store.phone_use(PHONE, NOW) == PhoneUse(one.callback_id, None)


async def test_a_call_that_comes_while_the_loss_is_written_is_refused(store: Store) -> None:
    """Both were read while the first call was in progress, and are written together."""
    for _ in range(10):
        one, two = dial(offer(new(target=PHONE))), new(target=SPELLINGS[2])
        await store.create([one, two])
        results = await asyncio.gather(
            store.apply([Change(one, lapse(one))]), store.apply([Change(two, offer(two))]), return_exceptions=True
        )
        assert results[0] is None
        assert isinstance(results[1], RevisionConflict)


async def test_those_behind_are_not_held_up(store: Store) -> None:
    await lose(store)
    held, free = new(target=SPELLINGS[1]), new()
    await store.create([held, free])
    queue = await queue_at(store, NOW, depth=1)
    assert queue.heads == {Priority.NORMAL: [free]}


async def test_the_first_of_the_ends_is_told(store: Store) -> None:
    """Of those that hold up somebody of this service where the line is short; in a call is told by itself."""
    late, early, elsewhere, busy = (f"tel:+4178555667{n}" for n in range(4))
    for phone, after_s in ((late, 3), (early, 2), (elsewhere, 1)):
        await lose(store, phone, at=NOW + seconds(after_s))
    await store.create([offer(new(target=busy))])
    await store.create([new(target=elsewhere, service=OTHER_SERVICE)])
    await store.create([new(target=late, priority=Priority.HIGH)])
    assert (await queue_at(store, NOW)).held_until == END + seconds(3)
    await store.create([new(target=early), new(target=busy)])
    queue = await queue_at(store, NOW)
    assert (queue.held, queue.held_until) == (True, END + seconds(2))
    assert (await queue_at(store, END + seconds(2))).held_until == END + seconds(3)


# --- How long it lasts -----------------------------------------------------------------------------------------


async def test_nothing_that_becomes_of_the_first_ends_it(store: Store) -> None:
    """Its callback is deleted, its service, too, and the server is another one."""
    service = Service(service_id="gone", sip_address="sip:gone@example.com", create_time=NOW, update_time=NOW)
    await store.put_service(service)
    lost = await lose(store, service=service)
    assert await store.purge(NOW + seconds(1), Retention(ended_callbacks=seconds(0)), 10) == 1
    assert await store.delete_service("gone", 1)
    assert await store.get(lost.callback_id) is None
    assert await store.phone_use(PHONE, NOW + seconds(1)) == PhoneUse(None, END)


async def test_it_survives_a_restart(store: Store, database: Database) -> None:
    await lose(store)
    await store.create([new(target=SPELLINGS[2])])
    await store.close()
    again = await database.open()
    try:
        assert (await queue_at(again, NOW)).held_until == END
    finally:
        await again.close()


@pytest.mark.parametrize("jump_s", [3600.5, -3600.5])
async def test_it_moves_with_the_clock(store: Store, jump_s: float) -> None:
    await lose(store)
    moved = END + seconds(jump_s)
    assert await store.shift_leases(seconds(jump_s), 0) == 0
    assert await store.phone_use(PHONE, moved - A_MOMENT) == PhoneUse(None, moved)
    assert await store.phone_use(PHONE, moved) == PhoneUse(None, None)


async def test_it_is_kept_no_longer_than_a_bound(store: Store) -> None:
    await lose(store)
    await store.bound_keeping(phones=END, calls=NOW)
    assert (await store.phone_use(PHONE, NOW)).kept_until == END
    await store.bound_keeping(phones=END - seconds(1), calls=NOW)
    assert (await store.phone_use(PHONE, NOW)).kept_until == END - seconds(1)


async def test_a_clock_that_jumps_while_a_call_begins(store: Store) -> None:
    """The jump is written first, perhaps together with the call: by then the phone is kept for longer."""
    await lose(store)
    two = new(target=PHONE)
    await store.create([two])
    moved, begun = await asyncio.gather(
        store.shift_leases(seconds(3600), 0),
        store.apply([Change(two, offer(two, at=END + seconds(3599)))]),
        return_exceptions=True,
    )
    assert moved == 0
    assert isinstance(begun, RevisionConflict)


async def test_the_end_is_forgotten_when_it_has_passed(store: Store) -> None:
    for number in range(3):
        await lose(store, f"tel:+4178555667{number}", at=NOW + seconds(number))
    assert await store.purge(END - A_MOMENT, KEEP_ALL, 2) == 0
    assert await store.purge(END + seconds(1), KEEP_ALL, 1) == 1
    assert await store.purge(END + seconds(1), KEEP_ALL, 2) == 1
    assert await store.purge(END + seconds(1), KEEP_ALL, 2) == 0
    assert await store.phone_use("tel:+41785556672", NOW) == PhoneUse(None, END + seconds(2))

"""Contract: changes are compared and swapped, all or none."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.events import BecameDue, LeaseReleased
from ringback.domain.filter import CallbackFilter
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.domain.planning import replan
from ringback.domain.queue import Turn
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service
from ringback.domain.update import RequestUpdate
from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.ports.store import Store
from ringback.ports.values import Change, DialOuts, EventKind, Extension
from tests.world.samples import (
    NOW,
    OTHER_SERVICE,
    SERVICE,
    cancel,
    changes,
    connect,
    dial,
    ending,
    new,
    offer,
    seconds,
)

CREDITS = (7, -6, 5, -4, 3, -2, 1, 0)


async def test_a_whole_life(store: Store) -> None:
    """Every version is stored as it is, and logged."""
    scheduled = new(due_date=NOW + seconds(60), request_id="request-1", caller_id="crm", external_task_id="task-1")
    queued = after(scheduled, BecameDue(at=NOW + seconds(60)))
    offered = offer(queued)
    dialing = dial(offered)
    retrying = after(dialing, ending(Outcome.BUSY))
    queued_again = after(retrying, BecameDue(at=NOW + seconds(120)))
    offered_again = offer(queued_again)
    connected = connect(offered_again)
    completed = after(connected, ending(Outcome.ANSWERED))
    life = [scheduled, queued, offered, dialing, retrying, queued_again, offered_again, connected, completed]
    await store.create([scheduled])

    for change in changes(*life):
        await store.apply([change])
        assert await store.get(scheduled.callback_id) == change.after

    events = await store.events(0, 100)
    assert [event.callback for event in events] == life
    assert [event.kind for event in events] == [EventKind.CREATED] + [EventKind.UPDATED] * 8
    assert [event.previous.state if event.previous else None for event in events] == [
        None,
        *(version.state for version in life[:-1]),
    ]


async def test_a_refusal_names_all_that_were_changed(store: Store) -> None:
    stale, fresh, gone = new(), new(), new()
    await store.create([stale, fresh])
    await store.apply(changes(stale, offer(stale)))
    with pytest.raises(RevisionConflict) as refusal:
        await store.apply([Change(c, cancel(c)) for c in (fresh, stale, gone)])
    assert refusal.value.callback_ids == {stale.callback_id, gone.callback_id}


async def test_a_stale_change_is_refused(store: Store) -> None:
    callback = new()
    await store.create([callback])
    await store.apply([Change(callback, offer(callback))])

    with pytest.raises(RevisionConflict):
        await store.apply([Change(callback, cancel(callback))])

    assert await store.get(callback.callback_id) == offer(callback)
    assert (await store.history()).newest == 2


async def test_a_change_of_what_is_not_there_is_refused(store: Store) -> None:
    callback = new()
    with pytest.raises(RevisionConflict):
        await store.apply([Change(callback, cancel(callback))])
    assert (await store.history()).newest == 0


async def test_a_change_is_refused_when_the_lease_was_extended_since(store: Store) -> None:
    """Extending leaves the revision alone, so a lease's end counts as well: it may not lapse any more."""
    offered = offer(new())
    await store.create([offered])
    await store.extend([Extension(offered.callback_id, 1, NOW + seconds(60))])

    with pytest.raises(RevisionConflict):
        await store.apply([Change(offered, dial(offered))])

    now_read = await store.get(offered.callback_id)
    assert now_read is not None
    await store.apply([Change(now_read, dial(now_read))])


async def test_a_change_may_move_the_end_of_the_lease(store: Store) -> None:
    offered = offer(new())
    await store.create([offered])
    assert offered.lease is not None
    renewed = replace(offered, lease=replace(offered.lease, expire_time=NOW + seconds(90)))

    await store.apply([Change(offered, renewed)])

    assert await store.get(offered.callback_id) == renewed
    assert (await store.events(1, 1))[0].callback == renewed


async def test_all_or_none(store: Store) -> None:
    fresh, stale = new(), new()
    await store.create([fresh, stale])
    await store.apply([Change(stale, cancel(stale))])

    with pytest.raises(RevisionConflict):
        await store.apply([Change(fresh, cancel(fresh)), Change(stale, offer(stale))])

    assert await store.get(fresh.callback_id) == fresh
    assert (await store.history()).newest == 3


async def test_several_steps_of_one_callback(store: Store) -> None:
    """An outcome can stand for two events; both are logged."""
    dialing = dial(offer(new()))
    await store.create([dialing])
    connected = replace(connect(offer(new())), callback_id=dialing.callback_id, revision=dialing.revision + 1)
    completed = after(connected, ending(Outcome.ANSWERED))

    await store.apply(changes(dialing, connected, completed))

    assert await store.get(dialing.callback_id) == completed
    assert [event.callback for event in await store.events(1, 10)] == [connected, completed]


async def test_steps_that_do_not_follow_each_other_are_refused(store: Store) -> None:
    callback = new()
    await store.create([callback])
    offered = offer(callback)
    with pytest.raises(RevisionConflict):
        await store.apply([Change(callback, offered), Change(callback, cancel(callback))])
    assert await store.get(callback.callback_id) == callback


async def test_rivals_win_in_turn(store: Store) -> None:
    callback = new()
    await store.create([callback])

    results = await asyncio.gather(
        *(store.apply([Change(callback, offer(callback, dialer_id=f"dialer-{n}"))]) for n in range(20)),
        return_exceptions=True,
    )

    assert results.count(None) == 1
    assert sum(isinstance(result, RevisionConflict) for result in results) == 19


async def test_each_of_many_groups_is_stored_for_itself(store: Store) -> None:
    fresh, stale, other, dialing = new(), new(), new(), dial(offer(new()))
    await store.create([fresh, stale, other, dialing])
    await store.apply([Change(stale, cancel(stale))])
    connected = replace(connect(offer(new())), callback_id=dialing.callback_id, revision=dialing.revision + 1)
    completed = after(connected, ending(Outcome.ANSWERED))
    told: list[tuple[Callback | None, Callback]] = []
    store.listen(lambda before, after: told.append((before, after)))

    groups = [
        changes(fresh, cancel(fresh)),
        changes(stale, offer(stale)),
        [*changes(other, cancel(other)), *changes(stale, cancel(stale))],
        changes(dialing, connected, completed),
    ]
    kept, first, second, life = await store.apply_many(groups)

    assert (kept, life) == (None, None)
    assert [refusal.callback_ids for refusal in (first, second) if isinstance(refusal, RevisionConflict)] == [
        {stale.callback_id},
        {stale.callback_id},
    ]
    assert [await store.get(c.callback_id) for c in (fresh, other, dialing)] == [cancel(fresh), other, completed]
    assert [e.callback for e in await store.events(5, 10)] == [cancel(fresh), connected, completed]
    assert told == [(fresh, cancel(fresh)), (dialing, connected), (connected, completed)]


async def test_the_dial_outs_of_one_group_count_for_the_next(store: Store) -> None:
    """Both were decided by no dial-out to the number; the second is to be decided again."""
    first, second = (offer(new(target=f"tel:+4930123456;ext={n}")) for n in (1, 2))
    await store.create([first, second])

    kept, refused = await store.apply_many(
        [[Change(c, dial(c), dial_outs=DialOuts(NOW - seconds(60), 0))] for c in (first, second)]
    )

    assert kept is None
    assert isinstance(refused, RevisionConflict)
    assert await store.get(second.callback_id) == second


async def test_nothing_to_apply(store: Store) -> None:
    await store.apply([])
    assert (await store.history()).newest == 0


async def test_many_changes_in_one_call(store: Store) -> None:
    callbacks = [new() for _ in range(500)]
    await store.create(callbacks)
    await store.apply([Change(callback, cancel(callback)) for callback in callbacks])
    assert [event.callback for event in await store.events(500, 1000)] == [cancel(c) for c in callbacks]


# --- Never two calls to one target at once -------------------------------------------------------------------


async def test_a_second_call_to_a_target_is_refused(store: Store) -> None:
    one, two = new(target="sip:anna@example.com"), new(target="sip:anna@example.com")
    await store.create([one, two])
    await store.apply([Change(one, offer(one))])

    with pytest.raises(RevisionConflict) as refusal:
        await store.apply([Change(two, offer(two))])

    assert refusal.value.callback_ids == {two.callback_id}
    assert await store.get(two.callback_id) == two


async def test_two_calls_to_a_target_in_one_write_are_refused(store: Store) -> None:
    one, two = new(target="sip:anna@example.com"), new(target="sip:anna@example.com")
    await store.create([one, two])
    with pytest.raises(RevisionConflict):
        await store.apply([Change(one, offer(one)), Change(two, offer(two))])
    assert (await store.history()).newest == 2


async def test_the_target_is_free_when_the_call_has_ended(store: Store) -> None:
    one, two = new(target="sip:anna@example.com"), new(target="sip:anna@example.com")
    await store.create([one, two])
    offered = offer(one)
    await store.apply([Change(one, offered)])
    await store.apply(changes(offered, cancel(offered)))
    await store.apply([Change(two, offer(two))])


async def test_one_write_may_end_a_call_and_begin_the_next(store: Store) -> None:
    one, two = offer(new(target="sip:anna@example.com")), new(target="sip:anna@example.com")
    await store.create([one, two])
    await store.apply([Change(one, cancel(one)), Change(two, offer(two))])
    assert await store.get(two.callback_id) == offer(two)


async def test_the_targets_of_two_services_are_the_same(store: Store) -> None:
    one = new(target="sip:anna@example.com")
    two = new(target="sip:anna@example.com", service=OTHER_SERVICE)
    await store.create([one, two])
    await store.apply([Change(one, offer(one))])
    with pytest.raises(RevisionConflict):
        await store.apply([Change(two, offer(two))])


# --- Turns ---------------------------------------------------------------------------------------------------


async def test_a_turn_is_stored_with_its_grants(store: Store) -> None:
    callback = new()
    await store.create([callback])

    await store.apply([Change(callback, offer(callback))], Turn(SERVICE.service_id, CREDITS, 1))

    queue = await store.queue(SERVICE.service_id, 1, NOW)
    assert queue is not None
    assert queue.turn == Turn(SERVICE.service_id, CREDITS, 1)


async def test_what_comes_to_the_queue_can_be_granted_by_the_same_write(store: Store) -> None:
    waiting = new(due_date=NOW + seconds(10))
    queued = after(waiting, BecameDue(at=NOW + seconds(10)))
    leased = offer(queued)
    await store.create([waiting])

    await store.apply([Change(waiting, queued), Change(queued, leased)], Turn(SERVICE.service_id, CREDITS, 1))

    assert await store.get(waiting.callback_id) == leased
    assert [e.callback.state for e in await store.events(0, 10)] == [State.SCHEDULED, State.QUEUED, State.OFFERED]


@pytest.mark.parametrize("revision", [1, 3])
async def test_a_turn_that_is_not_the_next_is_refused(store: Store, revision: int) -> None:
    one, two = new(), new()
    await store.create([one, two])
    await store.apply([Change(one, offer(one))], Turn(SERVICE.service_id, CREDITS, 1))

    with pytest.raises(RevisionConflict):
        await store.apply([Change(two, offer(two))], Turn(SERVICE.service_id, (0,) * 8, revision))

    assert await store.get(two.callback_id) == two
    queue = await store.queue(SERVICE.service_id, 1, NOW)
    assert queue is not None
    assert queue.turn.credits == CREDITS


async def test_a_turn_is_not_stored_when_a_change_is_refused(store: Store) -> None:
    callback = new()
    await store.create([callback])
    await store.apply([Change(callback, cancel(callback))])
    with pytest.raises(RevisionConflict):
        await store.apply([Change(callback, offer(callback))], Turn(SERVICE.service_id, CREDITS, 1))
    queue = await store.queue(SERVICE.service_id, 1, NOW)
    assert queue is not None
    assert queue.turn.revision == 0


async def test_a_turn_of_no_service_is_refused(store: Store) -> None:
    with pytest.raises(RevisionConflict):
        await store.apply([], Turn("no-such-service", CREDITS, 1))


# --- What else moves with a change ---------------------------------------------------------------------------


async def test_the_event_of_an_update_tells_what_filters_looked_at(store: Store) -> None:
    before = new(target="sip:anna@example.com", labels={"team": "blue"}, supervisor="eve", caller_id="crm")
    values: dict[str, Any] = {
        "due_date": NOW + seconds(600),
        "priority": 2,
        "target": "sip:bert@example.com",
        "labels": {"team": "red", "new": "1"},
        "supervisor": "bob",
    }
    update = RequestUpdate(CallbackRequest(**values), tuple(values))
    updated = after(before, replan(before, update, service=SERVICE, now=NOW))
    await store.create([before])
    await store.apply([Change(before, updated)])

    [logged] = await store.events(1, 10)

    assert logged.callback == updated
    assert logged.previous is not None
    for version in (logged.previous, before):
        assert version.state is before.state
        assert version.request.priority == before.request.priority
        assert version.due_date == before.due_date
        assert version.dial_target == before.dial_target
        assert version.request.labels == before.request.labels
        assert version.request.supervisor == before.request.supervisor
        assert version.request.caller_id == before.request.caller_id
    assert await store.get(before.callback_id) == updated


async def test_changed_labels_are_found(store: Store) -> None:
    before = new(labels={"team": "blue", "tier": "gold"})
    relabelled = replace(before, request=replace(before.request, labels={"team": "red"}), revision=2)
    await store.create([before])
    await store.apply([Change(before, relabelled)])
    assert await found_by_label(store, "team", "red") == [relabelled]
    assert await found_by_label(store, "team", "blue") == []
    assert await found_by_label(store, "tier", "gold") == []


async def found_by_label(store: Store, key: str, value: str) -> list[Callback]:
    return list((await store.list(CallbackFilter(labels={key: value}), "", 10)).callbacks)


# --- Settings that a decision rests on -------------------------------------------------------------------------


def decided(*versions: Callback, service: Service = SERVICE) -> list[Change]:
    return [replace(change, settings=service) for change in changes(*versions)]


async def test_a_decision_by_the_settings_as_they_are_is_stored(store: Store) -> None:
    callback = new()
    await store.create([callback])
    await store.apply(decided(callback, offered := offer(callback), dialing := dial(offered)))
    assert await store.get(callback.callback_id) == dialing


async def test_a_decision_by_settings_that_were_changed_is_not_stored(store: Store) -> None:
    callback, other = new(), new(service=OTHER_SERVICE)
    await store.create([callback, other])
    paused = replace(SERVICE, paused=True, revision=2)
    for stale, fresh in ((SERVICE, paused), (paused, replace(SERVICE, revision=3))):
        await store.apply(decided(callback, offered := offer(callback), service=stale))
        await store.put_service(fresh)
        with pytest.raises(RevisionConflict):
            await store.apply(decided(offered, dial(offered), service=stale))
        assert await store.get(callback.callback_id) == offered
        await store.apply(changes(offered, callback := after(offered, LeaseReleased(at=NOW))))
    # Another service has not changed.
    await store.apply(decided(other, offer(other), service=OTHER_SERVICE))


async def test_a_decision_by_the_settings_of_a_service_that_is_gone_is_not_stored(store: Store) -> None:
    callback, ended = new(service=OTHER_SERVICE), cancel(new())
    await store.create([callback, ended])
    await store.delete_service(SERVICE.service_id, 1)
    with pytest.raises(RevisionConflict):
        await store.apply(decided(callback, offer(callback)))


async def test_settings_that_were_refused_change_nothing(store: Store) -> None:
    callback = new()
    await store.create([callback])
    with pytest.raises(DuplicateService):
        await store.put_service(replace(SERVICE, sip_address=OTHER_SERVICE.sip_address, revision=2))
    await store.apply(decided(callback, offer(callback)))


async def test_of_a_pause_and_a_decision_at_once_one_comes_first(store: Store) -> None:
    """Both are submitted together: the decision was either stored before the pause, or not at all."""
    line = [new() for _ in range(10)]
    await store.create(line)
    for number, callback in enumerate(line, 1):
        service = replace(SERVICE, revision=number)
        pause = store.put_service(replace(SERVICE, paused=True, revision=number + 1))
        results = await asyncio.gather(
            store.apply(decided(callback, offer(callback), service=service)), pause, return_exceptions=True
        )
        stored = await store.get(callback.callback_id)
        assert stored is not None
        assert results[1] is None
        assert (results[0] is None) is (stored.revision == 2)
        assert results[0] is None or isinstance(results[0], RevisionConflict)

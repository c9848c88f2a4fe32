"""Contract: creating stores a callback once, however often it is asked for."""

import asyncio

import pytest

from ringback.domain.callback import Callback, State
from ringback.domain.key import ExternalTaskKey
from ringback.ports.errors import UnknownService
from ringback.ports.store import Store
from ringback.ports.values import Change, EventKind
from tests.world.samples import NOW, OTHER_SERVICE, cancel, changes, every_state, new, seconds


async def test_what_was_created_is_found_by_each_of_its_names(store: Store) -> None:
    callback = new(caller_id="crm", external_task_id="task-1", request_id="request-1")

    assert await store.create([callback]) == [None]

    assert await store.get(callback.callback_id) == callback
    assert await store.get(ExternalTaskKey(caller_id="crm", external_task_id="task-1")) == callback
    assert await store.get_by_request_id("", "request-1") == callback


async def test_a_request_id_is_unique_within_its_identity(store: Store) -> None:
    first, other, nobody = (
        new(request_id="request-1", identity="crm"),
        new(request_id="request-1", identity="erp"),
        new(request_id="request-1"),
    )
    assert await store.create([first, other, nobody]) == [None, None, None]
    again = new(request_id="request-1", identity="crm")
    # On PostgreSQL one by one and together are two ways.
    assert [await store.create_one(again), *await store.create([again, again])] == [first, first, first]
    for identity, expected in (("crm", first), ("erp", other), ("", nobody), ("x", None)):
        assert await store.get_by_request_id(identity, "request-1") == expected


async def test_the_log_has_who_requested_a_change(store: Store) -> None:
    callback = new(identity="crm")
    await store.create([callback])
    await store.apply([Change(callback, cancel(callback), identity="ops")])
    await store.create([new()])
    assert [entry.identity for entry in await store.events(0, 10)] == ["crm", "ops", ""]


async def test_what_was_not_created_is_not_found(store: Store) -> None:
    await store.create([new(caller_id="crm", external_task_id="task-1")])

    assert await store.get("callback-x") is None
    assert await store.get(ExternalTaskKey(caller_id="erp", external_task_id="task-1")) is None
    assert await store.get(ExternalTaskKey(caller_id="", external_task_id="task-1")) is None
    assert await store.get_by_request_id("", "request-1") is None


@pytest.mark.long
@pytest.mark.parametrize("callback", every_state(), ids=lambda callback: callback.state.name)
async def test_every_field_is_kept(store: Store, callback: Callback) -> None:
    await store.create([callback])
    assert await store.get(callback.callback_id) == callback


async def test_every_field_of_a_request_is_kept(store: Store) -> None:
    callback = new(
        target="tel:+41785556677",
        alternative_target="sip:anna@example.com",
        max_retries=0,
        seconds_between_retries=0,
        incoming_service_sip_uri="sip:in@example.com",
        context_url="https://example.com/?q=ü",
        due_date=NOW + seconds(0.000001),
        supervisor="Zoë 🦊",
        description="'quoted' \"twice\" \\ 日本語",
        caller_id="crm",
        external_task_id="task-1",
        expire_time=NOW + seconds(7200),
        labels={"team": "blue", "größe": "1"},
    )
    await store.create([callback])
    assert await store.get(callback.callback_id) == callback


async def test_repeating_an_id_answers_the_first(store: Store) -> None:
    first = new()
    await store.create([first])
    assert await store.create([new(), first]) == [None, first]


async def test_repeating_an_external_task_id_answers_the_first(store: Store) -> None:
    first = new(caller_id="crm", external_task_id="task-1")
    await store.create([first])

    assert await store.create([new(caller_id="crm", external_task_id="task-1")]) == [first]


async def test_an_external_task_id_belongs_to_its_caller(store: Store) -> None:
    calls = [new(caller_id=caller, external_task_id="task-1") for caller in ("crm", "erp", "")]
    assert await store.create(calls) == [None, None, None]
    assert await store.create([new(external_task_id="task-1")]) == [calls[2]]


async def test_repeating_a_request_id_answers_the_first(store: Store) -> None:
    first = new(request_id="request-1")
    await store.create([first])
    assert await store.create([new(request_id="request-1")]) == [first]


async def test_callbacks_without_these_ids_are_all_different(store: Store) -> None:
    assert await store.create([new(caller_id="crm"), new(caller_id="crm"), new(), new()]) == [None] * 4


async def test_the_one_there_already_is_answered_as_it_is_now(store: Store) -> None:
    first = new(request_id="request-1")
    await store.create([first])
    cancelled = cancel(first)
    await store.apply(changes(first, cancelled))

    [result] = await store.create([new(request_id="request-1")])

    assert result == cancelled


async def test_repetitions_within_a_call(store: Store) -> None:
    """Results keep the order of the call, and the first of equals is the one that is stored."""
    by_id = new()
    by_task, by_task_again = (new(caller_id="crm", external_task_id="task-1") for _ in range(2))
    by_request, by_request_again = (new(request_id="request-1") for _ in range(2))

    results = await store.create([by_id, by_task, by_request, by_request_again, by_id, by_task_again, new()])

    assert results == [None, None, None, by_request, by_id, by_task, None]
    assert await store.get(by_task_again.callback_id) is None


async def test_what_was_there_already_is_not_logged_again(store: Store) -> None:
    first = new(request_id="request-1")
    await store.create([first])
    await store.create([new(request_id="request-1"), first])

    events = await store.events(0, 10)

    assert [(event.kind, event.callback, event.previous) for event in events] == [(EventKind.CREATED, first, None)]


async def test_nothing_to_create(store: Store) -> None:
    assert await store.create([]) == []
    assert (await store.history()).newest == 0


async def test_a_thousand_in_one_call(store: Store) -> None:
    callbacks = [new(labels={"n": str(n)}) for n in range(1000)]
    assert await store.create(callbacks) == [None] * 1000
    assert [event.callback for event in await store.events(0, 2000)] == callbacks
    found = await store.get_many([callback.callback_id for callback in callbacks])
    assert sorted(found, key=lambda callback: callback.callback_id) == callbacks


async def test_equal_requests_at_the_same_time_store_one(store: Store) -> None:
    """Whichever of many comes first, all callers get to know the same callback."""
    rivals = [new(caller_id="crm", external_task_id="task-1") for _ in range(50)]

    results = await asyncio.gather(*(store.create([rival]) for rival in rivals))

    [winner] = [rival for rival, [result] in zip(rivals, results, strict=True) if result is None]
    assert all(result in (None, winner) for [result] in results)
    assert (await store.history()).newest == 1


async def test_many_at_the_same_time_are_each_stored(store: Store) -> None:
    callbacks = [new() for _ in range(200)]
    results = await asyncio.gather(*(store.create([callback]) for callback in callbacks))
    assert results == [[None]] * 200
    assert {event.callback.callback_id for event in await store.events(0, 1000)} == {
        callback.callback_id for callback in callbacks
    }


# --- Alone at its target ---------------------------------------------------------------------------------------

ANNA = "sip:anna@example.com"


async def create_alone(store: Store, *callbacks: Callback) -> list[Callback | None]:
    return list(await store.create(callbacks, alone=[callback.callback_id for callback in callbacks]))


@pytest.mark.parametrize("state", State)
async def test_alone_means_no_other_open_callback_to_the_target(store: Store, state: State) -> None:
    sample = next(callback for callback in every_state() if callback.state is state)
    second = new(target=sample.dial_target)
    await store.create([sample])
    assert await create_alone(store, second) == [None if sample.ended else sample]


async def test_alone_is_of_one_service(store: Store) -> None:
    await store.create([new(target=ANNA, service=OTHER_SERVICE)])
    assert await create_alone(store, new(target=ANNA)) == [None]


async def test_alone_among_those_of_the_same_call(store: Store) -> None:
    first, second, free = new(target=ANNA), new(target=ANNA), new()
    assert await create_alone(store, first, second, free) == [None, first, None]


async def test_only_those_in_alone_are_alone(store: Store) -> None:
    first, second, third = new(target=ANNA), new(target=ANNA), new(target=ANNA)
    assert await store.create([first, second, third], alone={second.callback_id}) == [None, first, None]


async def test_a_repeated_request_comes_before_its_target(store: Store) -> None:
    """The request gets its own callback, not the older one to the same target."""
    older, own = new(target=ANNA), new(target=ANNA, request_id="request-1")
    await store.create([older, own])
    assert await create_alone(store, new(target=ANNA, request_id="request-1")) == [own]


async def test_of_many_at_the_same_time_one_is_alone(store: Store) -> None:
    rivals = [new(target=ANNA) for _ in range(50)]
    results = await asyncio.gather(*(create_alone(store, rival) for rival in rivals))
    [winner] = [rival for rival, [result] in zip(rivals, results, strict=True) if result is None]
    assert [result for [result] in results].count(winner) == 49


# --- Reading ---------------------------------------------------------------------------------------------------


async def test_get_many_answers_those_that_exist_once(store: Store) -> None:
    one, two = new(), new()
    await store.create([one, two])

    found = await store.get_many([two.callback_id, "callback-x", one.callback_id, two.callback_id])

    assert sorted(found, key=lambda callback: callback.callback_id) == [one, two]
    assert await store.get_many([]) == []


async def test_all_states_are_covered_by_the_samples() -> None:
    assert {callback.state for callback in every_state()} == set(State)


async def test_a_callback_of_a_service_that_is_gone_is_refused_with_all_of_its_call(store: Store) -> None:
    """The service may have been deleted since the callback was planned."""
    assert await store.delete_service(OTHER_SERVICE.service_id, 1)
    one, orphan = new(), new(service=OTHER_SERVICE)
    with pytest.raises(UnknownService, match=OTHER_SERVICE.service_id):
        await store.create([one, orphan])
    assert await store.get_many([one.callback_id, orphan.callback_id]) == []
    assert await store.create([one]) == [None]

"""Contract: lists and snapshots, compared with `CallbackFilter.matches`, which says what a filter means."""

import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.filter import MATCH_ALL, CallbackFilter
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.priority import Priority
from ringback.domain.view import EVERYTHING, Area, View
from ringback.ports.store import Store
from ringback.ports.values import Extension, StateCount
from tests.world.databases import Database
from tests.world.samples import NOW, OTHER_SERVICE, SERVICE, every_state, new, offer, seconds

CALLERS = ("", "crm", "erp")
SUPERVISORS = ("", "eve", "Zoë")
TARGETS = tuple(f"sip:{name}@example.com" for name in ("anna", "bert", "carl"))
LABELS = (("team", "blue"), ("team", "red"), ("tier", "gold"))
DUE_TIMES = tuple(NOW + seconds(hours * 3600) for hours in range(4))


def assorted(count: int) -> list[Callback]:
    """Return callbacks in every state, with fields that filters look at in every combination."""
    dice = random.Random(7)
    callbacks = []
    # Each caller has numbers of its own, so that several have the same.
    tasks = {caller_id: itertools.count() for caller_id in CALLERS}
    for _ in range(count):
        caller_id = dice.choice(CALLERS)
        by_chance = dice.choice(every_state())
        fields = new(
            service=dice.choice((SERVICE, OTHER_SERVICE)),
            priority=dice.choice(list(Priority)),
            caller_id=caller_id,
            external_task_id=dice.choice(("", f"task-{next(tasks[caller_id])}")),
            supervisor=dice.choice(SUPERVISORS),
            labels=dict(dice.sample(LABELS, dice.randrange(3))),
        )
        # Never two calls to one target at once.
        target = by_chance.dial_target if by_chance.lease else dice.choice(TARGETS)
        callbacks.append(
            replace(
                by_chance,
                callback_id=fields.callback_id,
                service_id=fields.service_id,
                request=fields.request,
                dial_target=target,
                due_date=dice.choice(DUE_TIMES),
                end_time=dice.choice(DUE_TIMES) if by_chance.ended else None,
            )
        )
    return callbacks


CALLBACKS = assorted(300)


@pytest.fixture(scope="module")
async def full_store(
    new_database: Callable[[Path], Database], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    """Open a store with all callbacks. Read only."""
    store = await new_database(tmp_path_factory.mktemp("lists")).open()
    try:
        await store.put_service(SERVICE)
        await store.put_service(OTHER_SERVICE)
        await store.create(random.Random(8).sample(CALLBACKS, len(CALLBACKS)))
        yield store
    finally:
        await store.close()


def matching(wanted: CallbackFilter) -> list[Callback]:
    return [callback for callback in CALLBACKS if wanted.matches(callback)]


def some(values: Sequence[object]) -> st.SearchStrategy[tuple[object, ...]]:
    """Draw mostly none; sometimes a value that no callback has, sometimes one twice."""
    return st.just(()) | st.lists(st.sampled_from(values), min_size=1, max_size=4).map(tuple)


KEYS: list[Key] = [
    "callback-x",
    ExternalTaskKey(caller_id="crm", external_task_id="task-x"),
    *(callback.callback_id for callback in CALLBACKS[:50]),
    *(
        ExternalTaskKey(caller_id=callback.request.caller_id, external_task_id=callback.request.external_task_id)
        for callback in CALLBACKS[:50]
        if callback.request.external_task_id
    ),
]
AREAS = st.builds(
    Area,
    caller_ids=st.none() | some([*CALLERS, "x"]),
    service_ids=st.none() | some([SERVICE.service_id, OTHER_SERVICE.service_id, "x"]),
    masked=st.booleans(),
)
# Mostly everything; sometimes nothing.
VIEWS = st.just(EVERYTHING) | st.lists(AREAS, max_size=3).map(tuple).map(View)
FILTERS = st.builds(
    CallbackFilter,
    keys=st.just(()) | st.just(()) | some(KEYS),
    caller_ids=some([*CALLERS, "x"]),
    service_ids=some([SERVICE.service_id, OTHER_SERVICE.service_id, "x"]),
    states=some(list(State)),
    priorities=some(list(Priority)),
    supervisors=some([*SUPERVISORS, "x"]),
    labels=st.just({}) | st.lists(st.sampled_from([*LABELS, ("x", "y")]), max_size=3).map(dict),
    due_after=st.none() | st.sampled_from(DUE_TIMES),
    due_before=st.none() | st.sampled_from(DUE_TIMES),
    external_task_ids=some(["", "task-0", "task-7", "task-x"]),
    end_after=st.none() | st.sampled_from(DUE_TIMES),
    end_before=st.none() | st.sampled_from(DUE_TIMES),
    dial_target=st.just("") | st.sampled_from([*TARGETS, "sip:x@example.com"]),
    view=VIEWS,
)


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(wanted=FILTERS)
async def test_a_list_is_what_matches_newest_first(full_store: Store, wanted: CallbackFilter) -> None:
    page = await full_store.list(wanted, "", 1000)
    assert page.callbacks == matching(wanted)[::-1]
    assert not page.more


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(wanted=FILTERS, limit=st.integers(1, 40))
async def test_pages_continue_where_the_one_before_ended(full_store: Store, wanted: CallbackFilter, limit: int) -> None:
    found: list[Callback] = []
    more = True
    while more:
        page = await full_store.list(wanted, found[-1].callback_id if found else "", limit)
        assert len(page.callbacks) == limit if page.more else len(page.callbacks) <= limit
        found += page.callbacks
        more = page.more
    assert found == matching(wanted)[::-1]


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(wanted=FILTERS, limit=st.integers(1, 40))
async def test_snapshots_are_the_same_oldest_first(full_store: Store, wanted: CallbackFilter, limit: int) -> None:
    found: list[Callback] = []
    more = True
    while more:
        page = await full_store.snapshot(wanted, found[-1].callback_id if found else "", limit)
        found += page.callbacks
        more = page.more
    assert found == matching(wanted)


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(wanted=FILTERS)
async def test_a_count_is_that_of_what_matches(full_store: Store, wanted: CallbackFilter) -> None:
    expected = Counter(callback.state for callback in matching(wanted))
    assert await full_store.count(wanted) == {state: StateCount(expected[state]) for state in State}


async def test_the_largest_filter(full_store: Store) -> None:
    """As many values as the contract allows, in as many streams as are merged: each of them checks all values."""
    many = tuple(f"no-{n}" for n in range(996))
    for services in ((SERVICE.service_id, OTHER_SERVICE.service_id, *many[:4]), (SERVICE.service_id, *many[:60])):
        wanted = CallbackFilter(
            states=() if len(services) < 10 else (State.QUEUED,),
            service_ids=services,
            caller_ids=(*CALLERS, *many),
            supervisors=(*SUPERVISORS, *many),
            external_task_ids=("", *many),
        )
        expected = matching(wanted)
        assert expected
        assert (await full_store.list(wanted, "", 1000)).callbacks == expected[::-1]
        assert {
            state: count.count for state, count in (await full_store.count(wanted)).items() if count.count
        } == Counter(callback.state for callback in expected)


async def test_what_is_named_twice_is_counted_once(full_store: Store) -> None:
    twice = CallbackFilter(
        states=(State.QUEUED, State.QUEUED), service_ids=(SERVICE.service_id,) * 2, external_task_ids=("task-0",) * 2
    )
    for wanted in (twice, replace(twice, external_task_ids=()), CallbackFilter(states=twice.states)):
        expected = Counter(callback.state for callback in matching(wanted))
        assert (await full_store.count(wanted))[State.QUEUED] == StateCount(expected[State.QUEUED])


async def test_an_empty_store_has_an_empty_list(store: Store) -> None:
    for page in (await store.list(MATCH_ALL, "", 10), await store.snapshot(MATCH_ALL, "", 10)):
        assert (page.number, list(page.callbacks), page.more) == (0, [], False)


async def test_more_says_whether_another_one_matches(store: Store) -> None:
    callbacks = [new(), new(), new()]
    await store.create(callbacks)
    assert not (await store.list(MATCH_ALL, "", 3)).more
    assert (await store.list(MATCH_ALL, "", 2)).more
    assert not (await store.list(MATCH_ALL, callbacks[2].callback_id, 2)).more
    assert not (await store.snapshot(MATCH_ALL, "", 3)).more
    assert (await store.snapshot(MATCH_ALL, "", 2)).more


async def test_a_list_has_the_present_end_of_a_lease(store: Store) -> None:
    offered = offer(new())
    await store.create([offered])
    await store.extend([Extension(offered.callback_id, 1, NOW + seconds(99))])
    [listed] = (await store.list(MATCH_ALL, "", 10)).callbacks
    assert listed == await store.get(offered.callback_id)


async def test_a_page_ends_early_at_about_two_mebibytes(store: Store) -> None:
    url = "https://example.com/" + "x" * 20_000
    large = [new(context_url=url) for _ in range(300)]
    await store.create(large)

    page = await store.list(MATCH_ALL, "", 1000)
    assert page.more
    assert 90 <= len(page.callbacks) <= 110
    assert page.callbacks == large[::-1][: len(page.callbacks)]

    snapshot = await store.snapshot(MATCH_ALL, "", 1000)
    assert snapshot.more
    assert snapshot.callbacks == large[: len(snapshot.callbacks)]

    events = await store.events(0, 1000)
    assert 90 <= len(events) <= 110


async def test_a_page_has_at_least_one(store: Store) -> None:
    large = [new(description="x" * 3_000_000) for _ in range(2)]
    await store.create(large)
    assert (await store.list(MATCH_ALL, "", 10)).callbacks == large[1:]
    assert [event.callback for event in await store.events(0, 10)] == large[:1]
    assert [event.callback for event in await store.events(1, 10)] == large[1:]


@pytest.mark.parametrize("count", [30, 300])
async def test_a_filter_with_many_values(store: Store, count: int) -> None:
    """As many as are worth a search each, and more than that."""
    callbacks = [new(caller_id=f"caller-{n}", supervisor=f"supervisor-{n}") for n in range(count)]
    await store.create(callbacks)
    wanted = CallbackFilter(
        caller_ids=tuple(f"caller-{n}" for n in range(0, count, 2)),
        supervisors=tuple(f"supervisor-{n}" for n in range(0, count, 3)),
    )
    assert (await store.list(wanted, "", 1000)).callbacks == callbacks[::6][::-1]

"""How many callbacks match, by state: exact where the queues' figures are, and never of what a caller may not see."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ringback.application.access import ANYBODY, Caller, Grant, Role
from ringback.domain.callback import Callback, State
from ringback.domain.errors import NotAllowed
from ringback.domain.filter import MATCH_ALL, CallbackFilter
from ringback.domain.priority import Priority
from ringback.domain.service import Service
from ringback.ports.values import StateCount
from ringback.storage import count_plan
from tests.world.use_cases import World

MOST = 3
CRM = Caller("crm", [Grant(role=Role.CALLER, caller_ids=("crm",))])
MASKED = Caller("wall", [Grant(role=Role.VIEWER, masked=True)])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no more than a few rows counted."""
    for name, limit in (("ENOUGH", MOST + 1), ("ROWS_PER_STATE", MOST + 2), ("ROWS", MOST + 3)):
        monkeypatch.setattr(count_plan, name, limit)


async def counts(world: World, wanted: CallbackFilter = MATCH_ALL, caller: Caller = ANYBODY) -> dict[State, StateCount]:
    """Return what is counted; it has every state, in order."""
    counted = await world.callback_counts.count(caller, wanted)
    assert list(counted) == list(State)
    return {state: count for state, count in counted.items() if count != StateCount()}


async def fill(world: World) -> tuple[Service, Service]:
    """Have eight queued callbacks, half of them of each of two services, four of which are HIGH; five scheduled."""
    services = await world.service(), await world.service(sip_address="sip:other@cc.example")
    for number in range(8):
        priority = Priority.HIGH if number < 4 else Priority.NORMAL
        caller_id = "crm" if number < 2 else "erp"
        await world.create(services[number % 2], f"sip:{number}@b.example", priority=priority, caller_id=caller_id)
    for number in range(5):
        due = world.clock.now() + timedelta(hours=1)
        await world.create(services[0], f"sip:later{number}@b.example", due_date=due)
    await world.queue_figures.count()
    return services


@pytest.mark.usefixtures("few")
async def test_what_is_open_is_exact_however_much_there_is(world: World) -> None:
    one, other = await fill(world)
    queued, scheduled = State.QUEUED, State.SCHEDULED
    assert await counts(world) == {queued: StateCount(8), scheduled: StateCount(5)}
    assert await counts(world, CallbackFilter(states=(queued,))) == {queued: StateCount(8)}
    assert await counts(world, CallbackFilter(service_ids=(one.service_id,))) == {
        queued: StateCount(4),
        scheduled: StateCount(5),
    }
    both = CallbackFilter(service_ids=(one.service_id, other.service_id, one.service_id))
    assert (await counts(world, both))[queued] == StateCount(8)
    assert (await counts(world, CallbackFilter(priorities=(Priority.HIGH,))))[queued] == StateCount(4)
    granted = Caller("a", [Grant(role=Role.VIEWER, services=frozenset({other.sip_address}))])
    assert await counts(world, caller=granted) == {queued: StateCount(4)}


@pytest.mark.usefixtures("few")
async def test_what_no_figure_has_is_counted_up_to_a_limit(world: World) -> None:
    await fill(world)
    service = await world.directory.by_sip("sip:q@cc.example")
    for number in range(5):
        cancelled = await world.create(service, f"sip:gone{number}@b.example")
        await world.callback_changes.cancel(ANYBODY, cancelled.callback_id, "", "")
    await world.queue_figures.count()
    assert (await counts(world))[State.CANCELLED] == StateCount(MOST, at_least=True)
    assert (await counts(world, CallbackFilter(states=(State.CANCELLED,))))[State.CANCELLED].at_least
    wanted = CallbackFilter(due_after=world.clock.now())
    assert any(count.at_least for count in (await counts(world, wanted)).values())
    ended = await counts(world, CallbackFilter(end_after=world.clock.now()))
    assert ended[State.CANCELLED] == StateCount(MOST, at_least=True)
    # What is open has no end, so none of it can be there.
    assert {state for state, count in ended.items() if count.at_least} <= {
        State.COMPLETED,
        State.FAILED,
        State.CANCELLED,
        State.EXPIRED,
    }


@pytest.mark.usefixtures("few")
async def test_as_many_as_are_counted_are_exact(world: World) -> None:
    service = await world.service()
    for number in range(MOST):
        cancelled = await world.create(service, f"sip:gone{number}@b.example")
        await world.callback_changes.cancel(ANYBODY, cancelled.callback_id, "", "")
    assert await counts(world) == {State.CANCELLED: StateCount(MOST)}


async def test_a_caller_counts_its_own(world: World) -> None:
    await fill(world)
    assert await counts(world, caller=CRM) == {State.QUEUED: StateCount(2)}
    assert await counts(world, CallbackFilter(caller_ids=("erp",)), CRM) == {}
    assert await counts(world, CallbackFilter(priorities=(Priority.NORMAL,)), CRM) == {}


@pytest.mark.usefixtures("few")
async def test_a_caller_has_no_figures_of_others(world: World) -> None:
    """Those of the queues do not tell callers apart, also where the caller has more than are counted."""
    await fill(world)
    assert await counts(world, caller=CRM) == {State.QUEUED: StateCount(2)}
    erp = Caller("erp", [Grant(role=Role.CALLER, caller_ids=("erp",))])
    assert (await counts(world, caller=erp))[State.QUEUED] == StateCount(MOST, at_least=True)


@pytest.mark.parametrize(
    "hidden",
    [
        {"external_task_id": "task +41785556677"},
        {"labels": {"phone": "+41785556677"}},
        {"supervisor": "of +41785556677"},
    ],
    ids=["task", "label", "supervisor"],
)
async def test_a_text_that_is_hidden_is_not_found_by_counting(world: World, hidden: dict[str, Any]) -> None:
    """Else a number could be guessed digit by digit."""
    service = await world.service()
    await world.create(service, "tel:+41785556677", **hidden)
    wanted = CallbackFilter(
        external_task_ids=(hidden["external_task_id"],) if "external_task_id" in hidden else (),
        labels=hidden.get("labels", {}),
        supervisors=(hidden["supervisor"],) if "supervisor" in hidden else (),
    )
    assert await counts(world, wanted) == {State.QUEUED: StateCount(1)}
    assert await counts(world, wanted, MASKED) == {}
    assert await counts(world, CallbackFilter(priorities=(Priority.NORMAL,)), MASKED) == {State.QUEUED: StateCount(1)}


async def test_nobody_counts_by_a_number_that_it_sees_masked(world: World) -> None:
    await world.create(await world.service(), "tel:+41785556677")
    with pytest.raises(NotAllowed):
        await counts(world, CallbackFilter(dial_target="tel:+41785556677"), MASKED)


async def test_who_may_not_read_callbacks_may_not_count_them(world: World) -> None:
    with pytest.raises(NotAllowed):
        await counts(world, caller=Caller("pbx", [Grant(role=Role.DIALER)]))


async def test_others_have_their_turn_while_callbacks_are_read_to_be_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To mask a callback takes long enough that a thousand would hold up everybody."""
    service = await world.service()
    tasks = tuple(f"task {n}" for n in range(20))
    for task in tasks:
        await world.create(service, external_task_id=task)
    wanted = CallbackFilter(external_task_ids=tasks)
    turns, seen, matches = 0, set[int](), CallbackFilter.matches

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def noting(wanted: CallbackFilter, callback: Callback) -> bool:
        seen.add(turns)
        return matches(wanted, callback)

    monkeypatch.setattr(CallbackFilter, "matches", noting)
    other = asyncio.create_task(others())
    await counts(world, wanted, MASKED)
    counted = len(seen)
    seen.clear()
    await world.callback_queries.list(MASKED, wanted, 100, "")
    other.cancel()
    assert counted > 1
    assert len(seen) > 1

"""Counts of what ended: of services that exist, as far as a caller sees them, and no more than a response holds."""

from datetime import timedelta

import pytest

from ringback.application import outcomes
from ringback.application.access import ANYBODY, Caller, Grant, Role
from ringback.domain.callback import State
from ringback.domain.ends import EndCount, half_hour_of
from ringback.domain.errors import InvalidRequest, NotAllowed
from ringback.domain.service import Service
from tests.world.use_cases import World


def of(role: Role, *services: Service, caller_ids: tuple[str, ...] = ()) -> Grant:
    named = frozenset(service.sip_address for service in services)
    return Grant(role=role, caller_ids=caller_ids, services=named or None)


async def end_one(world: World, service: Service, caller_id: str = "crm") -> None:
    callback = await world.create(service, caller_id=caller_id)
    await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")


async def read(world: World, caller: Caller, *service_ids: str) -> dict[str, int]:
    """Return how many were cancelled, by service."""
    now = world.clock.now()
    found = await world.outcomes.read(caller, now, None, service_ids)
    assert found.at == now
    assert {(count.begin, count.result) for count in found.counts} <= {(half_hour_of(now), State.CANCELLED)}
    return {count.service_id: count.count for count in found.counts}


async def test_each_sees_the_counts_of_what_it_may_read(world: World) -> None:
    one, two = await world.service(), await world.service(sip_address="sip:two@cc.example")
    for service, caller_id in ((one, "crm"), (one, "erp"), (two, "crm"), (two, "erp"), (two, "erp")):
        await end_one(world, service, caller_id)
    first, second = one.service_id, two.service_id
    for grants, expected in (
        ([Grant(role=Role.OPERATOR)], {first: 2, second: 3}),
        ([of(Role.VIEWER)], {first: 2, second: 3}),
        ([of(Role.VIEWER, one)], {first: 2}),
        ([of(Role.CALLER, caller_ids=("crm",))], {first: 1, second: 1}),
        ([of(Role.CALLER, two, caller_ids=("crm", "erp"))], {second: 3}),
        # Where two roles hold it is the wider one, and only there.
        ([of(Role.CALLER, caller_ids=("crm",)), of(Role.VIEWER, two)], {first: 1, second: 3}),
        ([of(Role.CALLER, one, caller_ids=("crm",)), of(Role.CALLER, two, caller_ids=("erp",))], {first: 1, second: 2}),
        ([of(Role.CALLER, caller_ids=("x",))], {}),
    ):
        caller = Caller("someone", grants)
        assert await read(world, caller) == expected
        assert await read(world, caller, second, "none") == {k: n for k, n in expected.items() if k == second}


async def test_a_service_that_is_deleted_has_no_counts(world: World) -> None:
    service = await world.service()
    await end_one(world, service)
    await world.directory.delete(ANYBODY, service.service_id, "")
    assert await read(world, ANYBODY) == {}
    assert await read(world, ANYBODY, service.service_id) == {}


async def test_nobody_without_a_right_reads_any(world: World) -> None:
    with pytest.raises(NotAllowed):
        await read(world, Caller("nobody", []))


async def test_more_than_a_response_holds_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "MAX_COUNTS", 2)
    monkeypatch.setattr(outcomes, "_PORTION", 1)
    services = [await world.service(sip_address=f"sip:{number}@cc.example") for number in range(3)]
    for service in services[:2]:
        await end_one(world, service)
    assert len(await read(world, ANYBODY)) == 2
    await end_one(world, services[2])
    with pytest.raises(InvalidRequest, match="begin_time"):
        await read(world, ANYBODY)
    assert len(await read(world, ANYBODY, *(service.service_id for service in services[1:]))) == 2


async def test_half_hours_are_whole_at_both_ends(world: World) -> None:
    service = await world.service()
    begin = half_hour_of(world.clock.now())
    await end_one(world, service)
    minutes = [timedelta(minutes=n) for n in (29, 30, 31)]
    counted = [EndCount(service.service_id, begin, State.CANCELLED, 1)]
    for start, end, expected in (
        (begin + minutes[0], None, counted),
        (begin, begin, []),
        (begin, begin + timedelta(microseconds=1), counted),
        (begin + minutes[0], begin + minutes[0], counted),
        (begin + minutes[1], begin + minutes[2], []),
        (begin - minutes[2], begin, []),
        (begin - minutes[2], begin + minutes[0], counted),
    ):
        assert (await world.outcomes.read(ANYBODY, start, end, ())).counts == expected

"""Services that callers name by address, and that another server on the same database has replaced meanwhile."""

import pytest

from ringback.application.access import ANYBODY
from ringback.application.callbacks.create import CreateCommand, Created
from ringback.domain.errors import RingbackError, ServiceNotFound
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest, ServiceName
from tests.world.use_cases import World

SIP = "sip:q@cc.example"
COMMAND = CreateCommand(
    CallbackRequest(
        target="sip:a@b.example", service_sip="SIP:q@CC.example", priority=Priority.NORMAL, seconds_between_retries=60
    )
)


async def create(world: World, *, in_batch: bool) -> Created | RingbackError:
    if in_batch:
        [result] = await world.callback_creation.create_many(ANYBODY, [COMMAND])
        return result
    return await world.callback_creation.create(ANYBODY, COMMAND)


@pytest.mark.parametrize("in_batch", [False, True])
async def test_the_service_that_has_the_address_now_gets_the_callback(world: World, in_batch: bool) -> None:
    other_server = World(world.store)
    old = await other_server.service(sip_address=SIP)
    await world.directory.refresh()
    await other_server.directory.delete(ANYBODY, old.service_id, "")
    new = await other_server.service(sip_address=SIP)
    created = await create(world, in_batch=in_batch)
    assert isinstance(created, Created)
    assert created.created
    assert created.callback.service_id == new.service_id


async def test_an_address_in_a_filter_is_that_of_the_service_that_has_it_now(world: World) -> None:
    other_server = World(world.store)
    old = await other_server.service(sip_address=SIP)
    await world.directory.refresh()
    await other_server.directory.delete(ANYBODY, old.service_id, "")
    new = await other_server.service(sip_address=SIP)
    assert await world.directory.known([ServiceName("service_sip", SIP)]) == [new]


@pytest.mark.parametrize("in_batch", [False, True])
async def test_a_service_that_is_gone_is_refused_by_the_name_in_the_request(world: World, in_batch: bool) -> None:
    other_server = World(world.store)
    old = await other_server.service(sip_address=SIP)
    await world.directory.refresh()
    await other_server.directory.delete(ANYBODY, old.service_id, "")
    try:
        refusal = await create(world, in_batch=in_batch)
    except ServiceNotFound as raised:
        refusal = raised
    assert isinstance(refusal, ServiceNotFound)
    assert (refusal.field, refusal.key) == ("service_sip", SIP)

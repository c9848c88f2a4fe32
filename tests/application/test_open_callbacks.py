"""The count of open callbacks follows the log, however late it reads it."""

import pytest

from ringback.application.access import ANYBODY, Caller, Grant, Role
from ringback.application.callbacks.create import CreateCommand
from ringback.application.open_callbacks import OpenCallbacks
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.target import Target
from tests.world.use_cases import World

CRM = Caller("crm", [Grant(role=Role.OPERATOR)])
PHONE = Target.parse("tel:+41785556677")


async def create(world: World, service_id: str, task: str) -> None:
    request = CallbackRequest(
        target=PHONE.uri,
        service_id=service_id,
        priority=Priority.NORMAL,
        seconds_between_retries=60,
        external_task_id=task,
    )
    await world.callback_creation.create(CRM, CreateCommand(request))


@pytest.mark.parametrize("seen", range(3))
async def test_what_was_erased_before_its_end_was_read_is_open_no_longer(world: World, seen: int) -> None:
    """As with several servers: this one reads some events before an erasure elsewhere, and the rest after it."""
    counted = OpenCallbacks(world.clock.monotonic)
    await counted.start(world.store)
    service = await world.service()
    await create(world, service.service_id, "1")
    await create(world, service.service_id, "2")
    counted.on_events((await world.store.events(0, 100))[:seen])
    await world.erasure.erase(ANYBODY, PHONE)
    counted.on_events((await world.store.events(0, 100))[seen:])
    assert counted.reserve("crm", "3", 1)


def test_an_account_with_nothing_open_takes_no_memory() -> None:
    """Where there are no identities, an account is an address: there may be any number of them."""
    counted = OpenCallbacks(lambda: 0.0)
    for number in range(100):
        assert counted.reserve(f"192.0.2.{number}", f"{number}", 1)
        counted.release(f"{number}")
    assert not counted._reserved_of

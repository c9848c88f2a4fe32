"""The use case that creates callbacks."""

from ringback.application.access import ANYBODY
from ringback.application.callbacks.create import CreateCommand
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, World


async def test_a_repetition_is_answered_although_its_expiry_has_passed_meanwhile(world: World) -> None:
    service = await world.service()
    request = CallbackRequest(
        target="sip:a@b.example",
        service_id=service.service_id,
        priority=Priority.NORMAL,
        seconds_between_retries=0,
        external_task_id="7",
        due_date=MONDAY_9 + seconds(5),
        expire_time=MONDAY_9 + seconds(10),
    )
    first = await world.callback_creation.create(ANYBODY, CreateCommand(request))
    await world.run_until(seconds(20))
    again = await world.callback_creation.create(ANYBODY, CreateCommand(request))
    assert (first.created, again.created) == (True, False)
    assert again.callback == await world.callback_queries.get(ANYBODY, first.callback.callback_id)
    assert again.callback.ended

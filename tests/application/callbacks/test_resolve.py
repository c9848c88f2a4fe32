"""What is open to one target ends together, and what others have changed meanwhile ends all the same."""

from collections.abc import Sequence
from typing import Any

import pytest

from ringback.application.access import ANYBODY
from ringback.domain.callback import State
from ringback.domain.faults import Faults
from ringback.domain.request import CallbackRequest
from ringback.domain.target import Target
from ringback.domain.update import RequestUpdate
from ringback.ports.values import Change
from tests.world.use_cases import World

ANNA = "sip:anna@b.example"
COUNT = 20


async def fill(world: World) -> Sequence[str]:
    """Return the ids of callbacks to one target, in their order."""
    service = await world.service()
    return [(await world.create(service, ANNA)).callback_id for _ in range(COUNT)]


async def test_they_are_stored_together(world: World) -> None:
    callback_ids = await fill(world)
    commits: list[int] = []
    world.store.listen_commits(lambda operations, _seconds, _durable: commits.append(operations))
    resolved = await world.callback_changes.resolve(ANYBODY, Target.parse(ANNA), "rang in", lambda _: True)
    assert [callback.callback_id for callback in resolved.callbacks] == callback_ids
    assert {(callback.state, callback.cancel_reason) for callback in resolved.callbacks} == {
        (State.CANCELLED, "rang in")
    }
    assert not resolved.more
    stored = await world.store.get_many(callback_ids)
    assert sorted(stored, key=lambda callback: callback.callback_id) == list(resolved.callbacks)
    assert commits == [1]  # told after the answer, and before that of a read


async def test_no_more_than_fit(world: World) -> None:
    callback_ids = await fill(world)
    left = iter([True, True, False])
    resolved = await world.callback_changes.resolve(ANYBODY, Target.parse(ANNA), "", lambda _: next(left))
    assert [callback.callback_id for callback in resolved.callbacks] == callback_ids[:2]
    assert resolved.more
    open_ids = {c.callback_id for c in await world.store.get_many(callback_ids) if c.state is State.QUEUED}
    assert open_ids == set(callback_ids[2:])


async def test_what_others_change_meanwhile_keeps_their_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    callback_ids = await fill(world)
    changed, cancelled = callback_ids[3], callback_ids[-1]
    apply_many = world.store.apply_many

    async def be_late(groups: Sequence[Sequence[Change]]) -> Any:
        update = RequestUpdate(CallbackRequest(description="about the invoice"), ("description",))
        await world.callback_changes.update(ANYBODY, changed, update, Faults(), "")
        await world.callback_changes.cancel(ANYBODY, cancelled, "not needed", "")
        return await apply_many(groups)

    monkeypatch.setattr(world.store, "apply_many", be_late)
    resolved = await world.callback_changes.resolve(ANYBODY, Target.parse(ANNA), "rang in", lambda _: True)
    assert [callback.callback_id for callback in resolved.callbacks] == callback_ids
    by_id = {callback.callback_id: callback for callback in resolved.callbacks}
    assert {callback.state for callback in resolved.callbacks} == {State.CANCELLED}
    assert by_id[changed].request.description == "about the invoice"
    assert by_id[changed].cancel_reason == "rang in"
    assert by_id[cancelled].cancel_reason == "not needed"

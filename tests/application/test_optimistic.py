"""Compare and swap, with a callback that was read and with one that is remembered."""

from typing import Any

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.optimistic import apply_each, change
from ringback.domain.callback import Callback, State
from ringback.domain.errors import LeaseExpired
from ringback.domain.events import CancelRequested
from ringback.domain.faults import Faults
from ringback.domain.lifecycle import after as following
from ringback.domain.outcome import Outcome
from ringback.domain.request import CallbackRequest
from ringback.domain.update import RequestUpdate
from ringback.ports.dialer import OutcomeReport
from ringback.ports.values import Change
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, World


async def test_change_decides_again_when_somebody_else_was_faster(world: World) -> None:
    callback = await world.create(await world.service(), due_date=MONDAY_9 + seconds(5))
    rivals = [True]
    seen: list[int] = []

    async def read() -> Callback:
        found = await world.callback_queries.get(ANYBODY, callback.callback_id)
        if rivals.pop() if rivals else False:  # between our read and our write
            later = RequestUpdate(CallbackRequest(due_date=MONDAY_9 + seconds(9)), ("due_date",))
            await world.callback_changes.update(ANYBODY, callback.callback_id, later, Faults(), etag="")
        return found

    async def decide(found: Callback) -> tuple[Callback]:
        seen.append(found.revision)
        return (
            replace(
                found, state=State.CANCELLED, end_time=MONDAY_9, next_attempt_time=None, revision=found.revision + 1
            ),
        )

    after = await change(world.store, read, decide)
    assert seen == [1, 2]
    assert after.revision == 3


async def test_those_that_somebody_else_was_faster_with_are_left_out(world: World) -> None:
    service = await world.service()
    callbacks = [await world.create(service, f"sip:{n}@b.example") for n in range(3)]
    changes = [Change(c, following(c, CancelRequested(at=MONDAY_9, reason=""))) for c in callbacks]
    await world.callback_changes.cancel(ANYBODY, callbacks[1].callback_id, "faster", "")
    assert len(await apply_each(world.store, changes)) == 2
    reasons = [(await world.callback_queries.get(ANYBODY, c.callback_id)).cancel_reason for c in callbacks]
    assert reasons == ["", "faster", ""]


# --- Remembered calls ----------------------------------------------------------------------------------------


@pytest.fixture
async def call(world: World) -> Callback:
    """Return a leased callback that the log has told of."""
    await world.create(await world.service())
    leased = await world.lease()
    await hear(world)
    return leased


async def hear(world: World) -> None:
    """Let the log tell everything that was committed."""
    world.feed._append(await world.store.events(world.feed.newest, 100))


def token_of(call: Callback) -> str:
    assert call.lease is not None
    return call.lease.token


async def test_reports_on_a_remembered_call_read_nothing(
    world: World, call: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(*_: Any) -> None:
        pytest.fail("read")

    monkeypatch.setattr(world.store, "get", get)
    for report in (world.leases.dialing, world.leases.ringing, world.leases.connected):
        await report(ANYBODY, token_of(call))
        await hear(world)
    ended, replayed = await world.leases.ended(ANYBODY, token_of(call), OutcomeReport(outcome=Outcome.ANSWERED))
    assert (ended.state, replayed) == (State.COMPLETED, False)


async def test_a_report_is_taken_although_more_has_happened_than_is_remembered(world: World, call: Callback) -> None:
    await world.leases.dialing(ANYBODY, token_of(call))
    await world.leases.extend(ANYBODY, [token_of(call)], seconds(60))
    assert (await world.leases.connected(ANYBODY, token_of(call))).state is State.CONNECTED


async def test_a_refusal_is_never_from_memory(world: World, call: Callback) -> None:
    """The log has told that the lease was given back, and not yet that it was granted again."""
    await world.leases.release(ANYBODY, token_of(call))
    await hear(world)
    again = await world.lease()
    with pytest.raises(LeaseExpired):
        await world.leases.dialing(ANYBODY, "made-up")
    assert (await world.leases.dialing(ANYBODY, token_of(again))).state is State.DIALING


async def test_what_was_remembered_cannot_undo_a_cancel(world: World, call: Callback) -> None:
    await world.callback_changes.cancel(ANYBODY, call.callback_id, "", "")
    with pytest.raises(LeaseExpired):
        await world.leases.dialing(ANYBODY, token_of(call))
    assert await world.state(call) is State.CANCELLED


async def test_a_repeated_outcome_is_a_replay_before_the_log_tells_of_the_first(world: World, call: Callback) -> None:
    await world.leases.dialing(ANYBODY, token_of(call))
    report = OutcomeReport(outcome=Outcome.BUSY)
    first, replayed = await world.leases.ended(ANYBODY, token_of(call), report)
    assert not replayed
    assert await world.leases.ended(ANYBODY, token_of(call), report) == (first, True)

"""One phone, one call: a phone that may still ring, since its dialer was lost, is not called by another callback."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.app import App
from ringback.config import Settings
from ringback.ports.values import Retention
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id
from tests.world.dialer import CONNECTED, DIALING, PATIENCE_S, Dialer, let_pass, until_polling
from tests.world.requests import cancel, from_now, ids, reschedule, update, update_service

PHONE = "tel:+41785556677"
SPELLINGS = (
    PHONE,
    "tel:+41 (0)78 555 66 77",
    "sip:+41785556677@gw.example;user=phone",
    "sips:+41-78-555-66-77@other.example:5070;transport=tls",
)
LEASE_S = 30
REQUEST_ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
INTERRUPTED = cb.CALL_OUTCOME_INTERRUPTED


async def why_waiting(api: Api, callback: cb.Callback) -> tuple[str, str]:
    """Return reason and explanation."""
    request = directory_pb.GetQueueRequest(service_id=callback.service_id, callback_key=by_id(callback.callback_id))
    position = (await api.directory.GetQueue(request)).position
    return directory_pb.WaitingReason.Name(position.reason).removeprefix("WAITING_REASON_"), position.explanation


async def check_kept(api: Api, dialer: Dialer, waiting: cb.Callback) -> None:
    """Check that the callback, which nothing else keeps from it, is not leased, and that GetQueue says why."""
    assert await dialer.lease(10) == []
    assert await kept_until(api, waiting) > datetime.now(UTC)


async def kept_until(api: Api, waiting: cb.Callback) -> datetime:
    """Return until when the phone of the callback is kept, as GetQueue says."""
    reason, explanation = await why_waiting(api, waiting)
    assert reason == "TARGET_IN_CALL"
    before, kept, end = explanation.partition(" Its target is kept until ")
    assert before.startswith("Position ")
    assert kept
    assert end.endswith(", because the dialer of a call to it was lost.")
    return datetime.fromisoformat(end.partition(",")[0])


async def call(api: Api, dialer: Dialer, target: str = PHONE, *, state: str = "DIALING", **fields: Any) -> Any:
    """Create a callback and begin its call; return the lease."""
    callback = await api.create(target, **fields)
    lease = await dialer.lease_one(lease_s=LEASE_S)
    await dialer.report(lease, DIALING, *[CONNECTED] * (state == "CONNECTED"))
    if state == "CANCELLING":
        await cancel(api, callback)
    return lease


# --- Each way to lose a dialer -----------------------------------------------------------------------------------


async def lapse(app: App, _: Dialer, __: Any) -> None:
    await let_pass(app, LEASE_S + 1)


async def report(_: App, dialer: Dialer, lease: Any) -> None:
    await dialer.end(lease, INTERRUPTED)


Loss = Callable[[App, Dialer, Any], Awaitable[None]]
LOSSES: dict[str, Loss] = {"lapsed": lapse, "reported": report}
ENDS = {
    "DIALING": cb.CALLBACK_STATE_SCHEDULED,
    "CONNECTED": cb.CALLBACK_STATE_COMPLETED,
    "CANCELLING": cb.CALLBACK_STATE_CANCELLED,
}


@pytest.mark.long
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same service", "other service"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("state", ENDS)
async def test_the_phone_of_a_lost_dialer_is_kept(
    app: App, api: Api, dialer: Dialer, state: str, loss: Loss, elsewhere: bool, spelling: str
) -> None:
    other = await api.add_service("sip:sales@cc.example") if elsewhere else api.service_id
    lease = await call(api, dialer, state=state, seconds_between_retries=600)
    waiting = await api.create(spelling, service_id=other)
    why = f"Position 1 of 1. Its target is in a call because of {lease.callback.callback_id}."
    assert (await why_waiting(api, waiting))[1] == why
    await loss(app, dialer, lease)
    assert (await api.get(lease.callback.callback_id)).state == ENDS[state]
    await check_kept(api, dialer, waiting)
    await check_kept(api, dialer, await api.create(spelling, service_id=other, priority=cb.PRIORITY_STRICT_PRIORITY))


async def test_a_lease_that_lapses_before_it_is_dialled_keeps_nothing(app: App, api: Api, dialer: Dialer) -> None:
    first = await api.create(PHONE)
    await dialer.lease_one(lease_s=LEASE_S)
    await let_pass(app, LEASE_S + 1)
    assert ids(await dialer.lease(10)) == [first.callback_id]


async def test_the_calls_of_a_built_in_dialer_that_the_last_stop_cut_off(settings: Settings) -> None:
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        service_id = await api.add_service()
        await call(api, Dialer(api, "ringback.simulated"))
        waiting = await api.create(SPELLINGS[2])
        after_it = await api.create("sip:answer@sim.example")
    async with await App.start(replace(settings, dialer="simulated")) as app, Api.connect(app.port) as api:
        api.service_id = service_id
        await api.until_ended(after_it.callback_id)
        await until_polling(app)
        assert (await api.get(waiting.callback_id)).state == cb.CALLBACK_STATE_QUEUED
        await check_kept(api, Dialer(api), waiting)


# --- Whatever becomes of the first -------------------------------------------------------------------------------


async def is_retried(_: App, __: Api, ___: cb.Callback) -> Any:
    return cb.CALLBACK_STATE_SCHEDULED


async def is_cancelled(_: App, api: Api, first: cb.Callback) -> Any:
    await cancel(api, first)
    return cb.CALLBACK_STATE_CANCELLED


async def gets_another_target(_: App, api: Api, first: cb.Callback) -> Any:
    await reschedule(api, first, target="sip:x@y.example", due_date=from_now(hours=1))
    return cb.CALLBACK_STATE_SCHEDULED


async def is_due_at_once(_: App, api: Api, first: cb.Callback) -> Any:
    await reschedule(api, first, due_date=from_now(hours=-1))
    return cb.CALLBACK_STATE_SCHEDULED  # not before its own delay


async def gets_another_text(_: App, api: Api, first: cb.Callback) -> Any:
    await update(api, first, description="a word to the agent")
    return cb.CALLBACK_STATE_SCHEDULED


async def fails(_: App, __: Api, ___: cb.Callback) -> Any:
    return cb.CALLBACK_STATE_FAILED


async def expires(_: App, __: Api, ___: cb.Callback) -> Any:
    return cb.CALLBACK_STATE_EXPIRED


async def is_deleted(app: App, api: Api, first: cb.Callback) -> Any:
    await cancel(api, first)
    later = datetime.now(UTC) + timedelta(seconds=LEASE_S + 2)  # than the end of one whose lease has lapsed
    assert await app.store.purge(later, Retention(ended_callbacks=timedelta(0)), 10) == 1
    return None


async def is_deleted_with_its_service(app: App, api: Api, first: cb.Callback) -> Any:
    await is_deleted(app, api, first)
    await api.directory.DeleteService(directory_pb.DeleteServiceRequest(service_id=first.service_id))
    return None


FATES: list[tuple[Any, dict[str, Any]]] = [
    (is_retried, {}),
    (is_cancelled, {}),
    (gets_another_target, {}),
    (is_due_at_once, {}),
    (gets_another_text, {}),
    (fails, {"max_retries": 0}),
    (expires, {"expire_time": 300, "seconds_between_retries": 3600}),
    (is_deleted, {}),
    (is_deleted_with_its_service, {}),
]


@pytest.mark.long
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same service", "other service"])
@pytest.mark.parametrize(("fate", "fields"), FATES, ids=[fate.__name__ for fate, _ in FATES])
async def test_whatever_becomes_of_the_first(
    app: App, api: Api, dialer: Dialer, fate: Any, fields: dict[str, Any], elsewhere: bool, loss: Loss
) -> None:
    first_service = await api.add_service("sip:first@cc.example", ring_timeout=Duration(seconds=2 * LEASE_S))
    if "expire_time" in fields:
        fields = {**fields, "expire_time": from_now(seconds=fields["expire_time"])}
    lease = await call(api, dialer, service_id=first_service, **{"seconds_between_retries": 600, **fields})
    gone = fate is is_deleted_with_its_service
    waiting = await api.create(SPELLINGS[2], service_id=api.service_id if elsewhere or gone else first_service)
    await loss(app, dialer, lease)
    state = await fate(app, api, lease.callback)
    if state is not None:
        assert (await api.get(lease.callback.callback_id)).state == state
    await check_kept(api, dialer, waiting)


async def test_an_update_to_a_kept_phone_waits_for_it(app: App, api: Api, dialer: Dialer) -> None:
    lease = await call(api, dialer, seconds_between_retries=600)
    await report(app, dialer, lease)
    moved = await api.create("sip:x@y.example", due_date=from_now(hours=1))
    await reschedule(api, moved, target=SPELLINGS[2], due_date=from_now(hours=-1))
    queued = await api.until(moved.callback_id, lambda callback: callback.state == cb.CALLBACK_STATE_QUEUED)
    await check_kept(api, dialer, queued)
    await update(api, queued, target="sip:x@y.example", priority=cb.PRIORITY_HIGH)
    [lease] = await dialer.lease(10, wait_s=PATIENCE_S)
    assert lease.callback.callback_id == moved.callback_id


# --- Until when --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [PHONE, SPELLINGS[2]])
async def test_the_phone_is_called_as_soon_as_the_ring_has_ended(api: Api, dialer: Dialer, spelling: str) -> None:
    """A poll that waits for nothing else gets it, by no event: that of the service which dialled has the timeout."""
    dialling = await api.add_service("sip:first@cc.example", ring_timeout=Duration(seconds=1))
    lease = await call(api, dialer, service_id=dialling, max_retries=0)
    waiting = await api.create(spelling)
    poll = asyncio.create_task(dialer.lease_one(wait_s=PATIENCE_S))
    ended = (await dialer.end(lease, INTERRUPTED)).callback
    granted = await poll
    assert granted.callback.callback_id == waiting.callback_id
    begun = (await dialer.report(granted, DIALING)).callback.attempts[-1].start_time
    assert begun.ToDatetime() - ended.attempts[-1].end_time.ToDatetime() >= timedelta(seconds=1)


@pytest.mark.long
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("point", ["offered", "DIALING", "CONNECTED"])
@pytest.mark.parametrize(("granted_s", "changed_s"), [(120, 1), (1, 120)], ids=["shorter", "longer"])
async def test_a_ring_timeout_that_changes_after_the_lease(
    app: App, api: Api, dialer: Dialer, point: str, granted_s: int, changed_s: int, loss: Loss
) -> None:
    """The dialer lets it ring for as long as its lease says, and may have looked at the service since."""
    dialling = await api.add_service("sip:first@cc.example", ring_timeout=Duration(seconds=granted_s))
    await api.create(PHONE, service_id=dialling, max_retries=0)
    lease = await dialer.lease_one(lease_s=LEASE_S, request_id=REQUEST_ID)
    before = {"offered": [], "DIALING": [DIALING], "CONNECTED": [DIALING, CONNECTED]}[point]
    await dialer.report(lease, *before)
    await update_service(api, dialling, ring_timeout=Duration(seconds=changed_s))
    repeated = await dialer.lease_one(lease_s=LEASE_S, request_id=REQUEST_ID)
    assert (lease.ring_timeout.seconds, repeated.ring_timeout.seconds) == (granted_s, granted_s)
    await dialer.report(lease, *before or [DIALING])
    waiting = await api.create(SPELLINGS[2])
    lost_at = datetime.now(UTC)
    await loss(app, dialer, lease)
    assert await kept_until(api, waiting) >= lost_at + timedelta(seconds=119)
    await check_kept(api, dialer, waiting)


async def test_a_poll_of_a_later_server_gets_it_too(settings: Settings) -> None:
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        service_id = await api.add_service(ring_timeout=Duration(seconds=2))
        ended = await Dialer(api).end(await call(api, Dialer(api), max_retries=0), INTERRUPTED)
        waiting = await api.create(SPELLINGS[2])
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        api.service_id = service_id
        granted = await Dialer(api).lease_one(wait_s=PATIENCE_S)
        assert granted.callback.callback_id == waiting.callback_id
        begun = (await Dialer(api).report(granted, DIALING)).callback.attempts[-1].start_time
        end = ended.callback.attempts[-1].end_time
        assert begun.ToDatetime() - end.ToDatetime() >= timedelta(seconds=2)


async def test_those_behind_a_kept_phone_are_not_held_up(api: Api, dialer: Dialer) -> None:
    lease = await call(api, dialer, seconds_between_retries=600)
    for spelling in SPELLINGS:
        await api.create(spelling, priority=cb.PRIORITY_STRICT_PRIORITY)
    behind = [await api.create(f"sip:{n}@b.example") for n in range(3)]
    await dialer.end(lease, INTERRUPTED)
    assert ids(await dialer.lease(10)) == ids(behind)


async def test_a_phone_is_in_a_call_however_it_is_written(api: Api, dialer: Dialer) -> None:
    for spelling in SPELLINGS:
        await api.create(spelling)
    for left in range(len(SPELLINGS), 0, -1):
        [lease] = await dialer.lease(10)
        await dialer.report(lease, DIALING)
        await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)
        assert len(await api.list_all(states=[cb.CALLBACK_STATE_QUEUED])) == left - 1


async def test_a_watch_tells_nothing_of_a_kept_phone(api: Api, dialer: Dialer) -> None:
    """No revision, and no event, comes of it: the waiting callback is as it was."""
    lease = await call(api, dialer, seconds_between_retries=600)
    waiting = await api.create(PHONE)
    await dialer.end(lease, INTERRUPTED)
    await check_kept(api, dialer, waiting)
    assert await api.get(waiting.callback_id) == waiting
    page = await api.callbacks.ListCallbacks(pb.ListCallbacksRequest())
    assert ids(page.callbacks) == [waiting.callback_id, lease.callback.callback_id]

"""GetQueue: how a queue looks, where a callback stands in it, and why it has not been dialled yet."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api, by_external_id, by_id
from tests.world.dialer import CONNECTED, DIALING, PATIENCE_S, Dialer, until, until_polling
from tests.world.requests import cancel, create_many, from_now, ids, refused, update_service

PRIORITIES = range(cb.PRIORITY_STRICT_PRIORITY, cb.PRIORITY_NOTHING_ELSE + 1)


async def look(api: Api, callback: cb.Callback | None = None, **fields: Any) -> pb.GetQueueResponse:
    """Return the queue of the service, or of the callback's service with the callback's place in it."""
    if callback is not None:
        fields["callback_key"] = by_id(callback.callback_id)
    elif not fields:
        fields["service_id"] = api.service_id
    return await api.directory.GetQueue(pb.GetQueueRequest(**fields))


async def standing(api: Api, callback: cb.Callback) -> tuple[int, str, str]:
    """Return position, reason and explanation."""
    position = (await look(api, callback)).position
    name = pb.WaitingReason.Name(position.reason).removeprefix("WAITING_REASON_")
    return position.position, name, position.explanation


def waiting(queue: pb.GetQueueResponse) -> dict[int, int]:
    assert [entry.priority for entry in queue.waiting] == list(PRIORITIES)
    return {entry.priority: entry.count for entry in queue.waiting if entry.count}


def closed_now() -> dict[str, Any]:
    """Return settings of a service that opens in half a week, for a part of that day."""
    opening = datetime.now(UTC) + timedelta(days=3, hours=12)
    times = {"open_time": opening.strftime("%H:%M"), "close_time": "24:00"}
    return {"opening_hours": [pb.OpeningPeriod(day_of_week=pb.DayOfWeek.ValueType(opening.isoweekday()), **times)]}


# --- Numbers ---------------------------------------------------------------------------------------------------


async def test_an_empty_queue(api: Api) -> None:
    queue = await look(api)
    assert (queue.service_id, waiting(queue), queue.in_progress, queue.capacity) == (api.service_id, {}, 0, 10)
    assert not queue.HasField("oldest_waiting_time")
    assert not queue.HasField("position")
    assert queue.estimated_wait.ToTimedelta() == timedelta(0)
    assert queue.estimate_basis == "nobody is waiting and a call may begin"


async def test_numbers_of_a_queue(api: Api, dialer: Dialer) -> None:
    await update_service(api, max_concurrent_calls=4)
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(4)))
    offered, dialing, connected, cancelling = await dialer.lease(4)
    await dialer.report(dialing, DIALING)
    await dialer.report(connected, DIALING, CONNECTED)
    await dialer.report(cancelling, DIALING)
    await cancel(api, cancelling.callback)
    [oldest] = await create_many(api, [api.request("sip:o@b.example", priority=cb.PRIORITY_LOW)])
    await create_many(api, (api.request(f"sip:h{n}@b.example", priority=cb.PRIORITY_HIGH) for n in range(3)))
    await api.create("sip:later@b.example", due_date=from_now(hours=1))
    queue = await look(api)
    assert waiting(queue) == {cb.PRIORITY_HIGH: 3, cb.PRIORITY_LOW: 1}
    assert (queue.in_progress, queue.capacity) == (4, 4)
    assert queue.oldest_waiting_time == oldest.next_attempt_time
    await dialer.release(offered)
    queue = await look(api)
    assert (waiting(queue)[cb.PRIORITY_NORMAL], queue.in_progress) == (1, 3)
    assert queue.oldest_waiting_time == offered.callback.create_time


async def test_a_queue_is_found_by_id_by_address_and_by_callback(api: Api) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    callback = await api.create(service_id=elsewhere, external_task_id="7", due_date=from_now(hours=1))
    by_callback = await look(api, callback)
    assert by_callback.service_id == elsewhere
    assert await look(api, callback, service_id=elsewhere) == by_callback
    assert await look(api, callback, sip_address="SIP:sales@CC.example") == by_callback
    assert await look(api, callback_key=by_external_id("", "7")) == by_callback
    assert not (await look(api, service_id=elsewhere)).HasField("position")


async def test_what_is_not_there(api: Api) -> None:
    callback = await api.create()
    elsewhere = await api.add_service("sip:sales@cc.example")
    not_found, invalid = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
    cases: list[tuple[dict[str, Any], grpc.StatusCode, str]] = [
        ({"service_id": str(uuid4())}, not_found, "SERVICE_NOT_FOUND"),
        ({"sip_address": "sip:nobody@cc.example"}, not_found, "SERVICE_NOT_FOUND"),
        ({"callback_key": by_id(str(uuid4()))}, not_found, "CALLBACK_NOT_FOUND"),
        ({"service_id": elsewhere, "callback_key": by_id(callback.callback_id)}, invalid, "INVALID_FIELD"),
        ({"service_id": "x"}, invalid, "INVALID_FIELD"),
        ({"sip_address": "x"}, invalid, "INVALID_FIELD"),
    ]
    for fields, code, reason in cases:
        refusal = await refused(look(api, **fields))
        assert (refusal.code, refusal.reason) == (code, reason), fields
    assert (await refused(api.directory.GetQueue(pb.GetQueueRequest()))).fields == ("service",)


async def test_each_level_has_its_own_oldest(api: Api) -> None:
    first, _, high = await create_many(
        api,
        [
            api.request("sip:1@b.example"),
            api.request("sip:2@b.example"),
            api.request("sip:3@b.example", priority=cb.PRIORITY_HIGH),
        ],
    )
    queue = await look(api)
    oldest = {
        level.priority: level.oldest_waiting_time for level in queue.waiting if level.HasField("oldest_waiting_time")
    }
    assert oldest == {cb.PRIORITY_NORMAL: first.next_attempt_time, cb.PRIORITY_HIGH: high.next_attempt_time}
    assert queue.oldest_waiting_time == min(oldest.values(), key=lambda at: at.ToNanoseconds())


async def test_what_is_in_progress_by_state(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(10)))
    leases = await dialer.lease(10)
    for count, lease in enumerate(leases[:6]):
        await dialer.report(lease, DIALING, *([CONNECTED] if count < 3 else []))
    await cancel(api, leases[5].callback)
    queue = await look(api)
    assert [(each.state, each.count) for each in queue.in_progress_by_state] == [
        (cb.CALLBACK_STATE_OFFERED, 4),
        (cb.CALLBACK_STATE_DIALING, 2),
        (cb.CALLBACK_STATE_CONNECTED, 3),
        (cb.CALLBACK_STATE_CANCELLING, 1),
    ]
    assert (queue.in_progress, queue.dialers) == (10, 1)


async def test_what_is_scheduled(api: Api) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example", due_date=from_now(hours=n + 0.5)) for n in range(3)))
    queue = await look(api)
    assert (queue.scheduled, queue.due_within_hour) == (3, 1)


# --- The state ---------------------------------------------------------------------------------------------------


async def test_a_service_that_has_never_had_a_dialer(api: Api) -> None:
    service = (await api.directory.GetService(pb.GetServiceRequest(service_id=api.service_id))).service
    queue = await look(api)
    assert (queue.state, queue.dialers) == (pb.QUEUE_STATE_NO_DIALER, 0)
    assert queue.no_dialer_since == service.create_time
    assert await look(api) == queue


async def test_dialers_are_counted(app: App, api: Api) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    for name, wanted in (("one", []), ("other", [api.service_id]), ("other", [api.service_id, elsewhere])):
        request = dialer_pb.LeaseCallbacksRequest(dialer_id=name, service_ids=wanted, wait_duration=Duration())
        await api.dialers.LeaseCallbacks(request)
    queue = await look(api)
    assert (queue.state, queue.dialers, queue.HasField("no_dialer_since")) == (pb.QUEUE_STATE_OPEN, 2, False)
    assert (await look(api, service_id=elsewhere)).dialers == 2


@pytest.mark.parametrize(
    ("change", "back", "state"),
    [
        ({"paused": True}, {"paused": False}, pb.QUEUE_STATE_PAUSED),
        ({"max_concurrent_calls": 0}, {"max_concurrent_calls": 3}, pb.QUEUE_STATE_DIALING_OFF),
    ],
    ids=["paused", "no calls"],
)
async def test_since_when_it_is_halted(
    api: Api, dialer: Dialer, change: dict[str, Any], back: dict[str, Any], state: Any
) -> None:
    await dialer.lease()
    assert not (await look(api)).HasField("pause_time")
    halted = await update_service(api, **change)
    await update_service(api, display_name="Support")
    queue = await look(api)
    assert (queue.state, queue.pause_time, queue.paused_by) == (state, halted.update_time, "")
    await update_service(api, **back)
    queue = await look(api)
    assert (queue.state, queue.HasField("pause_time")) == (pb.QUEUE_STATE_OPEN, False)


async def test_when_it_opens_and_closes(api: Api, dialer: Dialer) -> None:
    await dialer.lease()
    queue = await look(api)
    assert not queue.HasField("next_open_time")
    assert not queue.HasField("next_close_time")
    await update_service(api, **closed_now())
    queue = await look(api)
    assert queue.state == pb.QUEUE_STATE_CLOSED
    opening = queue.next_open_time.ToDatetime(UTC)
    assert timedelta(days=3) < opening - datetime.now(UTC) < timedelta(days=4)
    assert not queue.HasField("next_close_time")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    await update_service(api, opening_hours=[], closed_dates=[str(tomorrow)])
    queue = await look(api)
    assert queue.next_close_time.ToDatetime(UTC).date() == tomorrow
    assert not queue.HasField("next_open_time")


async def test_callbacks_that_will_not_have_their_turn(api: Api, dialer: Dialer) -> None:
    await update_service(api, max_concurrent_calls=1)
    for n in range(3):
        await api.create(f"sip:{n}@b.example")
        lease = await dialer.lease_one()
        await dialer.report(lease, DIALING)
        await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)
    await create_many(api, (api.request(f"sip:w{n}@b.example") for n in range(400)))
    queue = await look(api)
    assert (queue.state, queue.expiring) == (pb.QUEUE_STATE_OPEN, 0)
    wait_h = queue.estimated_wait.ToTimedelta() / timedelta(hours=1)
    soon = [api.request(f"sip:s{n}@b.example", expire_time=from_now(hours=wait_h / 2)) for n in range(2)]
    await create_many(api, soon)
    queue = await look(api)
    assert (queue.state, queue.expiring) == (pb.QUEUE_STATE_BEHIND, 2)


# --- The estimate ----------------------------------------------------------------------------------------------


async def test_the_estimate_rests_on_calls_that_began(api: Api, dialer: Dialer) -> None:
    await update_service(api, max_concurrent_calls=1)
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(6)))
    queue = await look(api)
    assert not queue.HasField("estimated_wait")
    assert queue.estimate_basis == "0 calls began in the last 15 min: too few to tell"
    for _ in range(3):
        lease = await dialer.lease_one()
        await dialer.report(lease, DIALING)
        await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)
    queue = await look(api)
    assert queue.HasField("estimated_wait")
    # Three wait; the new one would be the fourth.
    assert queue.estimate_basis.startswith("3 calls began in the last ")
    assert queue.estimate_basis.endswith("; 4 more begin up to and including the new one's")
    assert timedelta(0) < queue.estimated_wait.ToTimedelta() < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "basis"),
    [
        ({"paused": True}, "the service is paused"),
        ({"max_concurrent_calls": 0}, "the service is paused"),
        (closed_now(), "the service is closed"),
    ],
    ids=["paused", "no calls", "closed"],
)
async def test_without_a_prospect_there_is_no_estimate(api: Api, change: dict[str, Any], basis: str) -> None:
    await update_service(api, **change)
    queue = await look(api)
    assert (queue.HasField("estimated_wait"), queue.estimate_basis) == (False, basis)


# --- The place of a callback -----------------------------------------------------------------------------------


async def test_positions_are_the_order_in_which_the_queue_drains(api: Api, dialer: Dialer) -> None:
    """The queue drains from the middle of a round on, with levels that run empty on the way."""
    await update_service(api, max_concurrent_calls=100)
    await create_many(
        api, (api.request(f"sip:first{n}.{p}@b.example", priority=p) for n in range(2) for p in PRIORITIES)
    )
    await dialer.lease(5)
    await create_many(
        api, (api.request(f"sip:{n}.{p}@b.example", priority=p) for p in PRIORITIES for n in range(p % 4))
    )
    queued = await api.list_all(states=[cb.CALLBACK_STATE_QUEUED])
    positions = {c.callback_id: (await look(api, c)).position.position for c in queued}
    order = ids([await dialer.lease_one() for _ in queued])
    assert order == sorted(positions, key=positions.__getitem__)
    assert sorted(positions.values()) == list(range(1, len(queued) + 1))


async def test_one_that_is_not_due(api: Api) -> None:
    callback = await api.create(due_date=from_now(hours=1))
    due = callback.callback_request.due_date.ToDatetime().isoformat("T", "seconds")
    assert await standing(api, callback) == (0, "NOT_DUE", f"It is due at {due}Z. Nobody waits in its queue.")


async def test_one_that_waits_for_its_next_attempt(api: Api, dialer: Dialer) -> None:
    callback = await api.create(seconds_between_retries=600)
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING)
    waits = (await dialer.end(lease, cb.CALL_OUTCOME_BUSY)).callback
    due = waits.next_attempt_time.ToDatetime().isoformat("T", "seconds")
    assert await standing(api, callback) == (
        0,
        "NOT_DUE",
        f"Attempt 2, after BUSY, is due at {due}Z. Nobody waits in its queue.",
    )


async def test_one_that_is_due_while_the_service_is_closed(api: Api) -> None:
    await update_service(api, **closed_now())
    callback = await api.create()
    opening = callback.next_attempt_time.ToDatetime().isoformat("T", "seconds")
    due = callback.create_time.ToDatetime().replace(microsecond=0).isoformat("T", "seconds")
    explanation = f"The service is closed until {opening}Z. It has been due since {due}Z. Nobody waits in its queue."
    assert await standing(api, callback) == (0, "CLOSED", explanation)


async def test_one_whose_agents_do_not_answer(app: App, api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    [released] = await dialer.release(lease, reason="480 Temporarily Unavailable", agents_unavailable=True)
    assert released.released
    await until(lambda: app.use_cases.agent_rests.until(api.service_id, datetime.now(UTC)) is not None)
    queue = await look(api, callback)
    assert 0 < queue.agents_rest_until.ToNanoseconds() - callback.create_time.ToNanoseconds() < 1e9 * (PATIENCE_S + 1)
    assert queue.position.reason == pb.WAITING_REASON_AGENTS_DO_NOT_ANSWER
    at = queue.agents_rest_until.ToDatetime().isoformat("T", "seconds")
    assert queue.position.explanation == f"Position 1 of 1. The agents do not answer; they are called again at {at}Z."
    assert not queue.HasField("estimated_wait")
    again = await dialer.lease_one(wait_s=PATIENCE_S)
    assert (again.callback.callback_id, again.callback.attempt_count) == (callback.callback_id, 0)
    await dialer.report(again, DIALING)
    assert not (await look(api)).HasField("agents_rest_until")


@pytest.mark.parametrize(
    ("change", "explanation"),
    [
        ({"paused": True}, "paused"),
        ({"max_concurrent_calls": 0}, "set to 0 concurrent calls"),
    ],
)
async def test_one_whose_service_is_paused(api: Api, change: dict[str, Any], explanation: str) -> None:
    await update_service(api, **change)
    since = (await look(api)).pause_time.ToDatetime().replace(microsecond=0).isoformat("T", "seconds")
    explanation = f"Position 1 of 1. The service is {explanation} since {since}Z."
    assert await standing(api, await api.create()) == (1, "PAUSED", explanation)


async def test_one_for_which_there_is_no_slot(api: Api, dialer: Dialer) -> None:
    await update_service(api, max_concurrent_calls=2)
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(3)))
    await dialer.lease(2)
    last = await api.create("sip:last@b.example")
    explanation = "Position 2 of 2. All 2 slots are in use; 1 normal goes first."
    assert await standing(api, last) == (2, "NO_CAPACITY", explanation)


async def test_one_for_which_no_dialer_asks(app: App, api: Api, dialer: Dialer) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    callback = await api.create()
    poll = dialer.poll(wait_s=60, service_ids=[elsewhere])
    await until_polling(app)
    since = (await look(api)).no_dialer_since.ToDatetime().replace(microsecond=0).isoformat("T", "seconds")
    explanation = f"Position 1 of 1. No dialer polls for callbacks of this service, since {since}Z."
    assert await standing(api, callback) == (1, "NO_DIALER", explanation)
    poll.cancel()


async def test_one_whose_target_is_in_a_call(api: Api, dialer: Dialer) -> None:
    first, second = await api.create("sip:same@b.example"), await api.create("sip:same@b.example")
    await dialer.lease_one()
    explanation = f"Position 1 of 1. Its target is in a call because of {first.callback_id}."
    assert await standing(api, second) == (1, "TARGET_IN_CALL", explanation)


async def test_one_behind_others(api: Api, dialer: Dialer) -> None:
    assert await dialer.lease() == []  # a dialer that asks now and then
    await api.create("sip:1@b.example", priority=cb.PRIORITY_HIGH)
    second = await api.create("sip:2@b.example")
    assert await standing(api, second) == (2, "BEHIND_OTHERS", "Position 2 of 2. 1 high goes first.")


@pytest.mark.parametrize("state", ["OFFERED", "DIALING", "CONNECTED", "CANCELLING", "COMPLETED"])
async def test_one_that_does_not_wait(api: Api, dialer: Dialer, state: str) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    if state != "OFFERED":
        await dialer.report(lease, DIALING)
    if state == "CANCELLING":
        await cancel(api, callback)
    if state in {"CONNECTED", "COMPLETED"}:
        await dialer.report(lease, CONNECTED)
    if state == "COMPLETED":
        await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)
    assert await standing(api, callback) == (0, "UNSPECIFIED", f"It is {state}.")


async def test_looking_holds_up_nobody(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(10)))
    looks = asyncio.gather(*(look(api) for _ in range(50)))
    assert len(await dialer.lease(10)) == 10
    assert {sum(waiting(queue).values()) for queue in await looks} <= {0, 10}

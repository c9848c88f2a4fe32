"""DialerService: who is handed out when, and what a dialer may report about it."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import grpc
import pytest

from clients.python.dialer import dialer as example
from ringback.app import App
from ringback.application.dispatch.assigner import LeaseRequest
from ringback.config import Settings
from ringback.domain.callback import Callback, Lease, State
from ringback.domain.errors import LeaseExpired
from ringback.domain.outcome import Outcome
from ringback.domain.queue import Queue
from ringback.ports.dialer import OutcomeReport
from ringback.storage.sqlite import SqliteStore
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callback_service_pb2 as callbacks_pb
from ringback.v1 import error_reason_pb2 as reasons
from tests.application.scheduling.test_scheduler import MONDAY_9, World, seconds
from tests.world.api import ENDED, Api, refusal_of
from tests.world.dialer import (
    CONNECTED,
    DIALING,
    PATIENCE_S,
    RINGING,
    Dialer,
    cancel,
    create_many,
    from_now,
    ids,
    let_pass,
    refused,
    second_client,
    until,
    until_polling,
    update_service,
)

ANSWERED, BUSY = cb.CALL_OUTCOME_ANSWERED, cb.CALL_OUTCOME_BUSY
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
EXAMPLE = Path(example.__file__)
LEVELS = tuple(range(cb.PRIORITY_HIGHEST, cb.PRIORITY_LOWEST + 1))
IN_PROGRESS = frozenset(
    {
        cb.CALLBACK_STATE_OFFERED,
        cb.CALLBACK_STATE_DIALING,
        cb.CALLBACK_STATE_CONNECTED,
        cb.CALLBACK_STATE_CANCELLING,
    }
)
WEIGHTS = dict(zip(LEVELS, range(7, 0, -1), strict=True))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, dialer="none")


@pytest.fixture
def dialer(api: Api) -> Dialer:
    return Dialer(api)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await SqliteStore.open(tmp_path / "world.db")
    yield World(store)
    await store.close()


# --- Polls -----------------------------------------------------------------------------------------------------


async def test_a_lease_says_all_that_a_dialer_needs(api: Api, dialer: Dialer) -> None:
    callback = await api.create("tel:+41 78 555 66 77", description="about the invoice")
    lease = await dialer.lease_one(lease_s=20)
    assert lease.callback.callback_id == callback.callback_id
    assert lease.callback.state == cb.CALLBACK_STATE_OFFERED
    assert (lease.callback.dial_target, lease.callback.attempt_count) == ("tel:+41785556677", 0)
    assert lease.callback.callback_request.description == "about the invoice"
    assert (lease.fencing_token, lease.service_sip_address) == (1, "sip:support@cc.example")
    assert lease.ring_timeout.ToTimedelta() == timedelta(seconds=30)
    assert timedelta(seconds=10) < lease.time_to_live.ToTimedelta() <= timedelta(seconds=20)
    assert lease.expire_time.ToDatetime() - lease.callback.update_time.ToDatetime() == timedelta(seconds=20)


async def test_without_waiting_an_empty_queue_is_answered_at_once(dialer: Dialer) -> None:
    async with asyncio.timeout(PATIENCE_S):
        assert await dialer.lease() == []


async def test_without_waiting_a_poll_sees_what_was_just_acknowledged(api: Api, dialer: Dialer) -> None:
    await update_service(api, max_concurrent_calls=20)
    for number in range(20):
        callback = await api.create(f"sip:{number}@b.example")
        assert ids(await dialer.lease()) == [callback.callback_id]


async def test_a_wait_that_was_in_vain_ends_ok(dialer: Dialer) -> None:
    assert await dialer.lease(wait_s=0.05) == []


async def test_a_poll_waits_for_what_is_created(app: App, api: Api, dialer: Dialer) -> None:
    poll = dialer.poll(wait_s=60)
    await until_polling(app)
    callback = await api.create()
    async with asyncio.timeout(PATIENCE_S):
        assert ids((await poll).leases) == [callback.callback_id]


async def test_a_poll_waits_for_what_becomes_due(app: App, api: Api, dialer: Dialer) -> None:
    callback = await api.create(due_date=from_now(milliseconds=200))
    poll = dialer.poll(wait_s=60)
    await until_polling(app)
    async with asyncio.timeout(PATIENCE_S):
        assert ids((await poll).leases) == [callback.callback_id]


@pytest.mark.parametrize(
    ("stopped", "going"),
    [
        ({"max_concurrent_calls": 0}, {"max_concurrent_calls": 1}),
        ({"paused": True}, {"paused": False}),
    ],
    ids=["capacity", "pause"],
)
async def test_a_poll_waits_for_a_service_that_stands_still(
    app: App, api: Api, dialer: Dialer, stopped: dict[str, Any], going: dict[str, Any]
) -> None:
    await update_service(api, **stopped)
    callback = await api.create()
    assert callback.state == cb.CALLBACK_STATE_QUEUED
    assert await dialer.lease() == []
    poll = dialer.poll(wait_s=60)
    await until_polling(app)
    await update_service(api, **going)
    async with asyncio.timeout(PATIENCE_S):
        assert ids((await poll).leases) == [callback.callback_id]


@pytest.mark.parametrize("freeing", ["outcome", "release", "cancel", "lapse"])
async def test_a_poll_waits_for_a_slot(app: App, api: Api, dialer: Dialer, freeing: str) -> None:
    await update_service(api, max_concurrent_calls=1)
    first, second = await api.create("sip:1@b.example"), await api.create("sip:2@b.example")
    lease = await dialer.lease_one()
    assert lease.callback.callback_id == first.callback_id
    poll = dialer.poll(wait_s=60)
    await until_polling(app)
    expected = first  # it keeps its place
    match freeing:
        case "outcome":
            await dialer.report(lease, DIALING)
            await dialer.end(lease, ANSWERED)
            expected = second
        case "cancel":
            await cancel(api, first)
            expected = second
        case "release":
            await dialer.release(lease)
        case "lapse":
            await let_pass(app, seconds=31)
    async with asyncio.timeout(PATIENCE_S):
        assert ids((await poll).leases) == [expected.callback_id]


async def test_a_poll_waits_for_the_end_of_a_call_to_the_same_target(app: App, api: Api, dialer: Dialer) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    await api.create("sip:same@b.example")
    lease = await dialer.lease_one()
    second = await api.create("sip:same@b.example", service_id=elsewhere)
    assert await dialer.lease() == []
    poll = dialer.poll(wait_s=60)
    await until_polling(app)
    await dialer.report(lease, DIALING)
    await dialer.end(lease, ANSWERED)
    async with asyncio.timeout(PATIENCE_S):
        assert ids((await poll).leases) == [second.callback_id]


async def test_a_call_that_ends_while_the_queue_is_read_is_not_overlooked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is read while the target is in a call, and that call ends before the answer is looked at."""
    await world.feed.start()
    following = asyncio.create_task(world.feed.run())
    sales = await world.service()
    support = await world.service(sip_address="sip:support@cc.example")
    await world.create(sales, "sip:same@b.example")
    leased = await world.lease()
    await world.create(support, "sip:same@b.example")
    await world.feed.catch_up()
    read = world.store.queue

    async def read_slowly(service_id: str, depth: int) -> Queue | None:
        queue = await read(service_id, depth)
        await world.callbacks.cancel(leased.callback_id, "", "")
        await world.feed.catch_up()
        return queue

    poll = LeaseRequest(dialer_id="test", service_ids=frozenset({support.service_id}))
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "queue", read_slowly)
        assert await world.assigner._serve(poll) == []
    assert len(await world.assigner._serve(poll)) == 1
    following.cancel()


async def test_who_waits_for_a_call_elsewhere_is_not_forgotten_behind_two_to_one_target(world: World) -> None:
    """The poll has room for two, and those in front are two to one target: one lease, and nobody else is looked at."""
    await world.feed.start()
    following = asyncio.create_task(world.feed.run())
    sales = await world.service()
    support = await world.service(sip_address="sip:support@cc.example")
    await world.create(sales, "sip:busy@b.example")
    elsewhere = await world.lease()
    await world.create(support, "sip:same@b.example")
    await world.create(support, "sip:same@b.example")
    waiting = await world.create(support, "sip:busy@b.example")
    await world.feed.catch_up()
    poll = LeaseRequest(dialer_id="test", max_leases=2)
    assert len(await world.assigner._serve(poll)) == 1
    assert await world.assigner._serve(poll) == []
    await world.callbacks.cancel(elsewhere.callback_id, "", "")
    await world.feed.catch_up()
    assert [c.callback_id for c in await world.assigner._serve(poll)] == [waiting.callback_id]
    following.cancel()


async def test_one_that_expires_in_front_of_others_does_not_hold_them_up(world: World) -> None:
    """A poll comes after the expiry, and before the scheduler has noticed."""
    await world.feed.start()
    following = asyncio.create_task(world.feed.run())
    service = await world.service()
    await world.create(service, expire_time=MONDAY_9 + seconds(10))
    behind = await world.create(service, "sip:behind@b.example")
    await world.feed.catch_up()
    now = world.clock.pass_time(seconds(10))
    poll = LeaseRequest(dialer_id="test")
    assert await world.assigner._serve(poll) == []
    await world.scheduler.run_once(now)
    await world.feed.catch_up()
    assert [c.callback_id for c in await world.assigner._serve(poll)] == [behind.callback_id]
    following.cancel()


async def test_a_repeated_request_id_answers_the_same_open_leases(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(4)))
    request_id = str(uuid4())
    first = await dialer.lease(3, request_id=request_id)
    again = await dialer.lease(3, request_id=request_id.upper())
    assert [lease.lease_token for lease in again] == [lease.lease_token for lease in first]
    await dialer.report(first[0], DIALING)
    await dialer.end(first[0], ANSWERED)
    left = await dialer.lease(3, request_id=request_id)
    assert [lease.lease_token for lease in left] == [lease.lease_token for lease in first[1:]]


async def test_a_request_that_is_repeated_while_it_waits_is_granted_once(app: App, api: Api, dialer: Dialer) -> None:
    """As after a broken connection of which the server has not heard yet."""
    request_id = str(uuid4())
    first = asyncio.ensure_future(_leased(dialer.poll(wait_s=60, request_id=request_id)))
    await until_polling(app)
    again = asyncio.ensure_future(_leased(dialer.poll(wait_s=60, request_id=request_id)))
    async with asyncio.timeout(PATIENCE_S):
        assert await first == []
        callbacks = await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(2)))
        assert await again == ids(callbacks[:1])


async def test_a_poll_that_comes_in_while_the_server_drains_does_not_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased_for = world.store.leased_for

    async def drain_meanwhile(dialer_id: str, request_id: str) -> Any:
        world.assigner.close()
        return await leased_for(dialer_id, request_id)

    monkeypatch.setattr(world.store, "leased_for", drain_meanwhile)
    async with asyncio.timeout(PATIENCE_S):
        assert await world.assigner.lease(LeaseRequest(dialer_id="test", request_id=str(uuid4()))) == ()


async def test_a_request_id_belongs_to_one_dialer(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(2)))
    request_id = str(uuid4())
    mine = await dialer.lease_one(request_id=request_id)
    theirs = await Dialer(api, "other").lease_one(request_id=request_id)
    assert mine.callback.callback_id != theirs.callback.callback_id


@pytest.mark.parametrize(
    "other", [{"max_leases": 1}, {"lease_s": 60}, {"service_ids": ["0b7c8e5e-0000-4000-8000-000000000000"]}], ids=str
)
async def test_a_request_id_with_other_fields_is_refused(api: Api, dialer: Dialer, other: dict[str, Any]) -> None:
    await api.add_service("sip:sales@cc.example", service_id="0b7c8e5e-0000-4000-8000-000000000000")
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(2)))
    request_id = str(uuid4())
    assert len(await dialer.lease(2, request_id=request_id)) == 2
    refusal = await refused(dialer.poll(**{"max_leases": 2, "request_id": request_id, **other}))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")


async def test_the_leases_of_a_client_that_has_gone_go_straight_back(
    app: App, api: Api, dialer: Dialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes at the worst moment: while its leases are being written."""
    callback = await api.create()
    apply = app.store.apply
    poll: Any = None

    async def apply_as_it_goes(*args: Any) -> None:
        monkeypatch.setattr(app.store, "apply", apply)
        waiting = app.assigner._polls[0]
        poll.cancel()
        await until(lambda: waiting not in app.assigner._polls)
        await apply(*args)

    monkeypatch.setattr(app.store, "apply", apply_as_it_goes)
    poll = dialer.poll(wait_s=60)
    with pytest.raises(asyncio.CancelledError):
        await poll
    lease = await Dialer(api, "other").lease_one(wait_s=PATIENCE_S)
    assert (lease.callback.callback_id, lease.fencing_token) == (callback.callback_id, 2)
    assert lease.callback.attempt_count == 0


async def test_a_poll_that_was_given_up_takes_nothing(app: App, api: Api, dialer: Dialer) -> None:
    poll = dialer.poll(wait_s=60)
    await until_polling(app)
    poll.cancel()
    await until(lambda: not app.assigner._polls)
    await api.create()
    assert (await dialer.lease_one()).fencing_token == 1


async def test_the_poll_that_has_waited_longest_is_served_first(app: App, api: Api) -> None:
    polls = []
    for number in range(5):
        polls.append(asyncio.ensure_future(_leased(Dialer(api, f"dialer-{number}").poll(wait_s=60))))
        await until_polling(app, number + 1)
    for poll in polls:
        callback = await api.create(f"sip:{uuid4()}@b.example")
        async with asyncio.timeout(PATIENCE_S):
            assert await poll == [callback.callback_id]


async def _leased(poll: Any) -> list[str]:
    return ids((await poll).leases)


async def test_one_poll_is_served_by_many_services(api: Api, dialer: Dialer) -> None:
    services = [api.service_id, *[await api.add_service(f"sip:{n}@cc.example") for n in range(3)]]
    for number, service_id in enumerate(services):
        await update_service(api, service_id, max_concurrent_calls=2)
        await create_many(api, (api.request(f"sip:{number}.{n}@b.example", service_id=service_id) for n in range(3)))
    some = await dialer.lease(5)
    rest = await dialer.lease(100)
    assert (len(some), len(rest)) == (5, 3)
    assert Counter(lease.callback.service_id for lease in (*some, *rest)) == dict.fromkeys(services, 2)


async def test_a_poll_takes_from_the_services_it_names_only(app: App, api: Api, dialer: Dialer) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    await api.create("sip:1@b.example")
    poll = dialer.poll(wait_s=60, service_ids=[elsewhere])
    await until_polling(app)
    wanted = await api.create("sip:2@b.example", service_id=elsewhere)
    async with asyncio.timeout(PATIENCE_S):
        assert ids((await poll).leases) == [wanted.callback_id]


async def test_a_poll_for_a_service_that_does_not_exist_is_refused(dialer: Dialer) -> None:
    refusal = await refused(dialer.poll(service_ids=[str(uuid4())]))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "SERVICE_NOT_FOUND")


async def test_all_faults_of_a_poll_are_told_at_once(dialer: Dialer) -> None:
    refusal = await refused(
        Dialer(dialer.api, "no spaces").poll(101, lease_s=4, wait_s=61, service_ids=["x"], request_id="y")
    )
    assert refusal.reason == "INVALID_FIELD"
    assert set(refusal.fields) == {
        *("dialer_id", "max_leases", "lease_duration", "wait_duration", "service_ids[0]", "request_id"),
    }


# --- Order and capacity ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 10])
async def test_levels_get_their_exact_shares(api: Api, dialer: Dialer, at_once: int) -> None:
    await update_service(api, max_concurrent_calls=1000)
    await create_many(api, (api.request(f"sip:{n}.{p}@b.example", priority=p) for n in range(60) for p in LEVELS))
    taken: list[Any] = []
    while len(taken) < 220:  # until then all seven levels wait
        taken += [lease.callback.callback_request.priority for lease in await dialer.lease(at_once)]
    assert Counter(taken[:56]) == {level: 2 * weight for level, weight in WEIGHTS.items()}
    for start in range(220 - 28):
        assert Counter(taken[start : start + 28]) == WEIGHTS


async def test_strict_goes_first_and_nothing_else_last(api: Api, dialer: Dialer) -> None:
    await update_service(api, max_concurrent_calls=100)
    last = await api.create("sip:1@b.example", priority=cb.PRIORITY_NOTHING_ELSE)
    between = await create_many(api, (api.request(f"sip:{p}@c.example", priority=p) for p in reversed(LEVELS)))
    first = await create_many(
        api, (api.request(f"sip:{n}@d.example", priority=cb.PRIORITY_STRICT_PRIORITY) for n in range(3))
    )
    order = ids([await dialer.lease_one() for _ in range(1 + len(between) + len(first))])
    assert order == [*ids(first), *ids(reversed(between)), last.callback_id]


async def test_within_a_level_the_earlier_due_goes_first(world: World) -> None:
    service = await world.service()
    due_after = [3, 1, 2, 5, 4]
    callbacks = {
        s: await world.create(service, f"sip:{s}@b.example", due_date=MONDAY_9 + seconds(s)) for s in due_after
    }
    await world.run_until(seconds(10))
    order = [(await world.lease()).callback_id for _ in due_after]
    assert order == [callbacks[s].callback_id for s in sorted(due_after)]


async def test_what_is_given_back_keeps_its_place(api: Api, dialer: Dialer) -> None:
    callbacks = await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(4)))
    leases = await dialer.lease(3)
    results = await dialer.release(leases[2], leases[0])
    assert [result.released for result in results] == [True, True]
    assert ids(await dialer.lease(10)) == [callbacks[n].callback_id for n in (0, 2, 3)]
    returned = await api.get(callbacks[0].callback_id)
    assert (returned.state, returned.attempt_count) == (cb.CALLBACK_STATE_OFFERED, 0)
    assert returned.queue_time == callbacks[0].queue_time


async def test_many_dialers_at_once_never_exceed_the_capacity(api: Api) -> None:
    """Counted at every event of the log, while dialers finish calls, decline, and ask for more than there is room."""
    await update_service(api, max_concurrent_calls=5)
    changes: Any = api.callbacks.WatchCallbacks(callbacks_pb.WatchCallbacksRequest())
    await changes.read()
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(60)))
    dialers = [asyncio.create_task(_work(Dialer(api, f"dialer-{n}"))) for n in range(20)]
    in_progress, counts, ended = set[str](), [], 0
    async with asyncio.timeout(3 * PATIENCE_S):
        while ended < 60:
            for event in (await changes.read()).events:
                if event.callback.state in IN_PROGRESS:
                    in_progress.add(event.callback.callback_id)
                else:
                    in_progress.discard(event.callback.callback_id)
                counts.append(len(in_progress))
                ended += event.callback.state in ENDED
    assert max(counts) == 5
    assert {(c.state, c.attempt_count) for c in await api.list_all()} == {(cb.CALLBACK_STATE_COMPLETED, 1)}
    for task in dialers:
        task.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*dialers, return_exceptions=True)
    )


async def _work(dialer: Dialer) -> None:
    """Decline every other callback the first time; for ever."""
    while True:
        for lease in await dialer.lease(3, wait_s=60):
            if lease.fencing_token == 1 and int(lease.callback.callback_id[-1], 16) % 2:
                await dialer.release(lease)
            else:
                await dialer.report(lease, DIALING)
                await dialer.end(lease, ANSWERED)


async def test_lowering_the_capacity_ends_no_call_and_lets_none_begin(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(4)))
    leases = await dialer.lease(3)
    await update_service(api, max_concurrent_calls=1)
    for lease in leases[:2]:
        await dialer.report(lease, DIALING)
        await dialer.end(lease, ANSWERED)
        assert await dialer.lease() == []
    await dialer.report(leases[2], DIALING)
    await dialer.end(leases[2], ANSWERED)
    assert len(await dialer.lease()) == 1


# --- Reports ---------------------------------------------------------------------------------------------------


async def test_a_call_reported_step_by_step(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    dialing = await dialer.report(lease, DIALING)
    assert (dialing.callback.state, dialing.callback.attempt_count) == (cb.CALLBACK_STATE_DIALING, 1)
    ringing = await dialer.report(lease, RINGING)
    assert ringing.callback.attempts[0].HasField("ring_time")
    connected = await dialer.report(lease, CONNECTED)
    assert connected.callback.state == cb.CALLBACK_STATE_CONNECTED
    ended = await dialer.end(lease, ANSWERED, sip_status=200, q850_cause=16, detail="wants an invoice")
    assert (ended.callback.state, ended.replayed) == (cb.CALLBACK_STATE_COMPLETED, False)
    [attempt] = ended.callback.attempts
    assert (attempt.number, attempt.dialer_id, attempt.outcome) == (1, "test", ANSWERED)
    assert (attempt.sip_status, attempt.q850_cause, attempt.detail) == (200, 16, "wants an invoice")
    times = [attempt.start_time, attempt.ring_time, attempt.answer_time, attempt.end_time]
    assert sorted(times, key=lambda time: time.ToNanoseconds()) == times


@pytest.mark.parametrize(
    "steps",
    [[DIALING, DIALING], [DIALING, RINGING, RINGING, DIALING], [DIALING, CONNECTED, CONNECTED, RINGING, DIALING]],
    ids=["dialing", "ringing", "connected"],
)
async def test_repeated_and_overtaken_progress_changes_nothing(api: Api, dialer: Dialer, steps: list[Any]) -> None:
    await api.create()
    lease = await dialer.lease_one()
    furthest = await dialer.report(lease, *sorted(set(steps)))
    again = await dialer.report(lease, *steps)
    assert again.callback == furthest.callback


@pytest.mark.parametrize("step", [RINGING, CONNECTED])
async def test_progress_before_dialing_is_refused(api: Api, dialer: Dialer, step: Any) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    refusal = await refused(dialer.report(lease, step))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "ATTEMPT_NOT_STARTED")
    assert refusal.metadata["callback_id"] == callback.callback_id


async def test_an_outcome_before_dialing_is_refused_and_uses_nothing(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    for outcome in (BUSY, ANSWERED):
        refusal = await refused(dialer.end(lease, outcome))
        assert (refusal.code, refusal.reason) == (PRECONDITION, "ATTEMPT_NOT_STARTED")
    assert await api.get(lease.callback.callback_id) == lease.callback


async def test_a_repeated_outcome_is_replayed_and_another_one_conflicts(api: Api, dialer: Dialer) -> None:
    callback = await api.create(max_retries=1)
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING)
    first = await dialer.end(lease, BUSY, detail="first")
    again = await dialer.end(lease, BUSY, detail="second")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.callback.attempts[0].detail == "first"
    refusal = await refused(dialer.end(lease, ANSWERED))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "OUTCOME_CONFLICT")
    retry = await dialer.lease_one(wait_s=PATIENCE_S)
    await dialer.report(retry, DIALING)
    assert (await dialer.end(lease, BUSY)).replayed  # also while the next attempt is under way
    ended = await dialer.end(retry, BUSY)
    assert ended.callback.state == cb.CALLBACK_STATE_FAILED
    assert [attempt.number for attempt in ended.callback.attempts] == [1, 2]
    assert (await dialer.end(retry, BUSY)).callback == await api.get(callback.callback_id)


async def test_what_contradicts_an_answered_call_is_refused(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    connected = await dialer.report(lease, DIALING, CONNECTED)
    for outcome in (BUSY, cb.CALL_OUTCOME_NO_ANSWER, cb.CALL_OUTCOME_INVALID_NUMBER):
        refusal = await refused(dialer.end(lease, outcome))
        assert (refusal.code, refusal.reason) == (PRECONDITION, "OUTCOME_CONFLICT")
    assert await api.get(lease.callback.callback_id) == connected.callback


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (ANSWERED, cb.CALLBACK_STATE_COMPLETED),
        (cb.CALL_OUTCOME_INTERRUPTED, cb.CALLBACK_STATE_COMPLETED),
        (cb.CALL_OUTCOME_MACHINE, cb.CALLBACK_STATE_FAILED),
        (cb.CALL_OUTCOME_ABANDONED, cb.CALLBACK_STATE_FAILED),
    ],
)
async def test_how_an_answered_call_may_end(api: Api, dialer: Dialer, outcome: Any, state: Any) -> None:
    await api.create(max_retries=0)
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING, CONNECTED)
    assert (await dialer.end(lease, outcome)).callback.state == state


async def test_answered_out_of_dialing_passes_through_connected(api: Api, dialer: Dialer) -> None:
    changes: Any = api.callbacks.WatchCallbacks(callbacks_pb.WatchCallbacksRequest())
    await changes.read()
    await api.create()
    lease = await dialer.lease_one()
    await dialer.report(lease, DIALING)
    await dialer.end(lease, ANSWERED)
    states: list[Any] = []
    while cb.CALLBACK_STATE_COMPLETED not in states:
        states += [event.callback.state for event in (await changes.read()).events]
    assert states == [
        cb.CALLBACK_STATE_QUEUED,
        cb.CALLBACK_STATE_OFFERED,
        cb.CALLBACK_STATE_DIALING,
        cb.CALLBACK_STATE_CONNECTED,
        cb.CALLBACK_STATE_COMPLETED,
    ]


async def test_faults_of_reports(api: Api, dialer: Dialer) -> None:
    await api.create()
    lease = await dialer.lease_one()
    bad_outcome = await refused(dialer.end(lease, 0, sip_status=99, q850_cause=128, detail="x" * 513))
    assert set(bad_outcome.fields) == {"outcome", "sip_status", "q850_cause", "detail"}
    assert (await refused(dialer.report(lease, 0))).fields == ("progress",)
    assert (await refused(dialer.extend())).fields == ("lease_tokens",)
    assert (await refused(dialer.release())).fields == ("lease_tokens",)
    lease.lease_token = ""
    assert (await refused(dialer.report(lease, DIALING))).fields == ("lease_token",)


async def test_a_token_that_was_never_given_out(dialer: Dialer, api: Api) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    forged = type(lease)()
    forged.CopyFrom(lease)
    last = lease.lease_token[-2]
    forged.lease_token = lease.lease_token[:-2] + ("A" if last != "A" else "B") + lease.lease_token[-1]
    for token in (forged.lease_token, "x"):
        forged.lease_token = token
        refusal = await refused(dialer.report(forged, DIALING))
        assert (refusal.code, refusal.reason) == (PRECONDITION, "LEASE_EXPIRED")
    assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_OFFERED


# --- Keeping, losing and giving back ---------------------------------------------------------------------------


async def test_what_extending_says_about_each_lease(app: App, api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(4)))
    kept, dialing, released, retaken = await dialer.lease(4)
    await dialer.report(dialing, DIALING)
    await cancel(api, dialing.callback)
    await dialer.release(retaken)
    await dialer.lease_one()
    await dialer.release(released)
    tokens = [lease.lease_token for lease in (kept, dialing, released, retaken)]
    results = await dialer.extend(*tokens, "unknown", lease_s=60)
    assert [result.lease_token for result in results] == [*tokens, "unknown"]
    assert [result.lost_reason for result in results] == [
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_LEASE_EXPIRED,
        reasons.ERROR_REASON_LEASE_SUPERSEDED,
        reasons.ERROR_REASON_LEASE_EXPIRED,
    ]
    assert [result.cancel_requested for result in results] == [False, True, False, False, False]
    assert [result.HasField("expire_time") for result in results] == [True, True, False, False, False]
    assert timedelta(seconds=50) < results[0].time_to_live.ToTimedelta() <= timedelta(seconds=60)
    await let_pass(app, seconds=45)
    assert (await api.get(kept.callback.callback_id)).state == cb.CALLBACK_STATE_OFFERED


async def test_a_lapsed_lease_goes_back_and_its_late_reports_are_refused(app: App, api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lost = await dialer.lease_one()
    await let_pass(app, seconds=31)
    assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_QUEUED
    assert (await refused(dialer.report(lost, DIALING))).reason == "LEASE_EXPIRED"
    taken = await Dialer(api, "other").lease_one()
    assert (taken.callback.callback_id, taken.fencing_token) == (callback.callback_id, 2)
    refusal = await refused(dialer.report(lost, DIALING))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "LEASE_SUPERSEDED")
    assert refusal.metadata["callback_id"] == callback.callback_id
    assert (await refused(dialer.end(lost, BUSY))).reason == "LEASE_SUPERSEDED"


async def test_a_lapsed_attempt_is_interrupted_and_its_late_outcome_refused(app: App, api: Api, dialer: Dialer) -> None:
    callback = await api.create(max_retries=0)
    lost = await dialer.lease_one()
    await dialer.report(lost, DIALING)
    await let_pass(app, seconds=31)
    for outcome in (ANSWERED, cb.CALL_OUTCOME_INTERRUPTED):  # the server's own word is not a replay of the dialer's
        assert (await refused(dialer.end(lost, outcome))).reason == "LEASE_EXPIRED"
    ended = await api.get(callback.callback_id)
    assert ended.state == cb.CALLBACK_STATE_FAILED
    assert [attempt.outcome for attempt in ended.attempts] == [cb.CALL_OUTCOME_INTERRUPTED]


async def test_a_late_report_counts_until_the_server_has_closed_the_lease(world: World) -> None:
    await world.create(await world.service(), max_retries=0)
    token = _held(await world.lease(seconds(30))).token
    world.clock.pass_time(seconds(40))
    await world.leases.dialing(token)
    assert (await world.run_until(seconds(29))) == MONDAY_9 + seconds(70)  # the report was a sign of life
    world.clock.pass_time(seconds(40))
    connected = await world.leases.connected(token)
    assert connected.state is State.CONNECTED
    await world.run_until(seconds(30))
    with pytest.raises(LeaseExpired):
        await world.leases.ended(token, OutcomeReport(outcome=Outcome.ANSWERED))
    assert await world.state(connected) is State.COMPLETED


async def test_releasing_twice_or_too_late(api: Api, dialer: Dialer) -> None:
    await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(2)))
    unused, dialing = await dialer.lease(2)
    await dialer.report(dialing, DIALING)
    results = [*await dialer.release(unused, dialing), *await dialer.release(unused)]
    assert [result.released for result in results] == [True, False, False]
    assert [result.refused_reason for result in results] == [
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_CALLBACK_IN_PROGRESS,
        reasons.ERROR_REASON_LEASE_EXPIRED,
    ]
    assert (await dialer.lease_one()).callback.callback_id == unused.callback.callback_id
    [again] = await dialer.release(unused)
    assert again.refused_reason == reasons.ERROR_REASON_LEASE_SUPERSEDED


# --- Cancelling ------------------------------------------------------------------------------------------------


async def test_a_cancel_before_dialing_refuses_the_report(api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    assert (await cancel(api, callback)).state == cb.CALLBACK_STATE_CANCELLED
    refusal = await refused(dialer.report(lease, DIALING))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "LEASE_EXPIRED")
    assert (await api.get(callback.callback_id)).attempt_count == 0


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (ANSWERED, cb.CALLBACK_STATE_COMPLETED),
        (BUSY, cb.CALLBACK_STATE_CANCELLED),
        (cb.CALL_OUTCOME_NO_ANSWER, cb.CALLBACK_STATE_CANCELLED),
    ],
)
async def test_a_cancel_while_dialing_tells_the_dialer(api: Api, dialer: Dialer, outcome: Any, state: Any) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    assert not (await dialer.report(lease, DIALING)).cancel_requested
    assert (await cancel(api, callback, "served at the counter")).state == cb.CALLBACK_STATE_CANCELLING
    for step in (DIALING, RINGING, CONNECTED):
        assert (await dialer.report(lease, step)).cancel_requested
    [extended] = await dialer.extend(lease.lease_token)
    assert extended.cancel_requested
    ended = (await dialer.end(lease, outcome)).callback
    assert (ended.state, ended.cancel_reason) == (state, "served at the counter")


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize(
    ("before", "report"),
    [
        ([], DIALING),
        ([DIALING], RINGING),
        ([DIALING], CONNECTED),
        ([DIALING], "BUSY"),
        ([DIALING], "ANSWERED"),
        ([DIALING, CONNECTED], "MACHINE"),
        ([DIALING, CONNECTED], "ANSWERED"),
    ],
    ids=str,
)
async def test_a_cancel_that_races_with_a_report(
    app: App, api: Api, dialer: Dialer, before: list[Any], report: Any, retries: int
) -> None:
    """Over two connections, some this way and some the other; whoever wins, the answers agree with the end."""
    await update_service(api, max_concurrent_calls=100)
    await create_many(
        api, (api.request(f"sip:{n}@b.example", max_retries=retries, seconds_between_retries=60) for n in range(16))
    )
    leases = await dialer.lease(16)
    for lease in leases:
        await dialer.report(lease, *before)
    async with second_client(app, api) as other:
        await asyncio.gather(*(_race(dialer, other, lease, report) for lease in leases))


async def _race(dialer: Dialer, other: Api, lease: Any, report: Any) -> None:
    outcome = cb.CallOutcome.Value(f"CALL_OUTCOME_{report}") if isinstance(report, str) else None
    reporting = dialer.report(lease, report) if outcome is None else dialer.end(lease, outcome)
    reported, cancelled = await asyncio.gather(reporting, cancel(other, lease.callback), return_exceptions=True)
    if isinstance(reported, BaseException):
        assert refusal_of(cast("Any", reported)).reason == "LEASE_EXPIRED"
        assert (report, cast("Any", cancelled).state) == (DIALING, cb.CALLBACK_STATE_CANCELLED)
    elif outcome is None:
        await dialer.end(lease, outcome := ANSWERED)
    final = await other.get(lease.callback.callback_id)
    if isinstance(cancelled, BaseException):
        assert refusal_of(cast("Any", cancelled)).reason in {"CALLBACK_CONNECTED", "CALLBACK_ENDED"}
        assert final.state != cb.CALLBACK_STATE_CANCELLED
        assert not final.HasField("cancel_time")
    elif cancelled.state == cb.CALLBACK_STATE_CANCELLED:
        assert final == cancelled
    else:
        assert cancelled.state == cb.CALLBACK_STATE_CANCELLING
        assert final.state == (cb.CALLBACK_STATE_COMPLETED if outcome == ANSWERED else cb.CALLBACK_STATE_CANCELLED)
    assert final.attempt_count == (0 if isinstance(reported, BaseException) else 1)


# --- The example that people copy ------------------------------------------------------------------------------


@asynccontextmanager
async def example_dialer(port: int, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), "--server", f"127.0.0.1:{port}", "--dialer-id", "example"),
        *options,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def sigterm(process: asyncio.subprocess.Process) -> str:
    """Its log, once it has exited with 0."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        _, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    assert b"Traceback" not in log
    return log.decode()


async def test_the_example_makes_calls_and_exits_0(api: Api, app: App) -> None:
    callbacks = await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(10)))
    async with example_dialer(app.port, "--lines", "5") as process:
        for callback in callbacks:
            ended = await api.until_ended(callback.callback_id)
            assert ended.state == cb.CALLBACK_STATE_COMPLETED
            assert [attempt.dialer_id for attempt in ended.attempts] == ["example"]
            assert ended.attempts[0].HasField("ring_time")
        await sigterm(process)


async def test_the_example_finishes_its_call_before_it_exits(api: Api, app: App) -> None:
    talking = await api.create("sip:1@b.example")
    async with example_dialer(app.port, "--lines", "1") as process:
        await api.until(talking.callback_id, lambda callback: callback.state == cb.CALLBACK_STATE_CONNECTED)
        left = await api.create("sip:2@b.example")
        await sigterm(process)
    ended = await api.get(talking.callback_id)
    assert (ended.state, ended.attempts[0].outcome) == (cb.CALLBACK_STATE_COMPLETED, ANSWERED)
    assert await api.get(left.callback_id) == left


async def test_the_example_hangs_up_when_told(api: Api) -> None:
    callback = await api.create()
    telephone = example.Telephone()
    telephone.ring_s = 60
    copied = example.Dialer(api.dialers, telephone, "example", lines=1, lease_s=5)
    running = asyncio.create_task(copied.run())
    await api.until(callback.callback_id, lambda c: c.attempt_count == 1 and c.attempts[0].HasField("ring_time"))
    await cancel(api, callback)
    async with asyncio.timeout(PATIENCE_S):
        ended = await api.until_ended(callback.callback_id)
        copied.stopping.set()
        await running
    assert ended.state == cb.CALLBACK_STATE_CANCELLED
    assert ended.attempts[0].outcome == cb.CALL_OUTCOME_NO_ANSWER


async def test_the_example_gives_back_what_it_has_not_dialled(api: Api, dialer: Dialer) -> None:
    callback = await api.create()
    lease = await dialer.lease_one()
    copied = example.Dialer(api.dialers, example.Telephone(), "example", lines=1)
    copied.stopping.set()
    await copied._call(lease)
    given_back = await api.get(callback.callback_id)
    assert (given_back.state, given_back.attempt_count) == (cb.CALLBACK_STATE_QUEUED, 0)


async def test_the_example_places_no_call_after_a_cancel(api: Api, dialer: Dialer) -> None:
    class Silent(example.Telephone):
        async def call(self, *_: Any) -> Any:
            raise AssertionError("a call was placed")

    callback = await api.create()
    lease = await dialer.lease_one()
    await cancel(api, callback)
    await example.Dialer(api.dialers, Silent(), "example", lines=1)._call(lease)
    assert (await api.get(callback.callback_id)).attempt_count == 0


def _held(callback: Callback) -> Lease:
    assert callback.lease is not None
    return callback.lease

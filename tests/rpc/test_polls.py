"""LeaseCallbacks: what a poll waits for, and what it returns."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from tests.world.api import Api
from tests.world.dialer import ANSWERED, DIALING, PATIENCE_S, Dialer, let_pass, until, until_polling
from tests.world.requests import cancel, create_many, from_now, ids, refused, update_service


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


@pytest.mark.long
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
    """As after a broken connection that the server has not noticed yet."""
    request_id = str(uuid4())
    first = asyncio.ensure_future(_leased(dialer.poll(wait_s=60, request_id=request_id)))
    await until_polling(app)
    again = asyncio.ensure_future(_leased(dialer.poll(wait_s=60, request_id=request_id)))
    async with asyncio.timeout(PATIENCE_S):
        assert await first == []
        callbacks = await create_many(api, (api.request(f"sip:{n}@b.example") for n in range(2)))
        assert await again == ids(callbacks[:1])


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
    """The client goes at the worst moment: while its leases are being written."""
    callback = await api.create()
    apply = app.store.apply
    poll: Any = None

    async def apply_as_it_goes(*args: Any) -> None:
        monkeypatch.setattr(app.store, "apply", apply)
        waiting = app.use_cases.assigner._polls[0]
        poll.cancel()
        await until(lambda: waiting not in app.use_cases.assigner._polls)
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
    await until(lambda: not app.use_cases.assigner._polls)
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


@pytest.mark.long
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

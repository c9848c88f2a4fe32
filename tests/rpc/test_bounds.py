"""Every response stays below 4 MiB, and every request that the contract allows is accepted."""

import asyncio
import dataclasses
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from ringback.app import App
from ringback.config import Settings
from ringback.domain.dial_rules import DEFAULT_RULES
from ringback.domain.opening_hours import OpeningHours
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, refusal_in
from tests.world.dialer import BUSY, DIALING, Dialer
from tests.world.requests import from_now, refused, update_request, update_service

pytestmark = pytest.mark.long

LIMIT = 4 * 1024 * 1024
# The character that takes most bytes.
WIDE = "\U0001f4de"
CALL_IDS = [f"{n}" * 255 for n in range(4)]
# The longest texts that a request may have.
LARGEST: dict[str, Any] = {
    "context_url": "https://crm.example/" + WIDE * 2028,
    "supervisor": WIDE * 128,
    "description": WIDE * 150,
    "labels": {f"{n:02}" + WIDE * 61: WIDE * 128 for n in range(16)},
    "incoming_service_sip_uri": "sip:" + "i" * 239 + "@in.example",
    "caller_id": "c" * 128,
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with which a phone may be dialled as often as a callback may have attempts."""
    return dataclasses.replace(settings, dial_rules=replace(DEFAULT_RULES, attempts_per_number_and_day=None))


def largest(api: Api, number: int, target: str = "") -> pb.CreateCallbackRequest:
    """Return a request that is as long as it may be, with a name of its own."""
    target = target or "sip:" + f"{number:04}" + "t" * 236 + "@t.example"
    request = api.request(
        target,
        alternative_target=target,
        external_task_id=f"{number:04}" + WIDE * 124,
        due_date=from_now(hours=1),
        max_retries=100,
        **LARGEST,
    )
    assert len(request.target) <= 255
    return pb.CreateCallbackRequest(callback_request=request)


async def create(api: Api, requests: list[pb.CreateCallbackRequest], **options: Any) -> pb.BatchCreateCallbacksResponse:
    response = await api.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests, **options))
    assert response.ByteSize() < LIMIT
    return response


async def test_a_batch_of_a_thousand_of_the_largest_requests(api: Api) -> None:
    requests = [largest(api, n) for n in range(1000)]
    assert sum(request.ByteSize() for request in requests) > 5 * LIMIT
    response = await create(api, requests)
    assert [result.created for result in response.results] == [True] * 1000
    assert all(result.callback_id and not result.HasField("callback") for result in response.results)
    again = await create(api, requests)
    assert [(r.callback_id, r.created) for r in again.results] == [(r.callback_id, False) for r in response.results]


@pytest.mark.parametrize("count", [100, 700])
async def test_a_batch_whose_response_could_not_be_sent_stores_nothing(api: Api, count: int) -> None:
    requests = [largest(api, n) for n in range(count)]
    batch = pb.BatchCreateCallbacksRequest(requests=requests, include_callbacks=True)
    if count == 100:
        response = await create(api, requests, include_callbacks=True)
        assert [result.callback.callback_id for result in response.results] == [r.callback_id for r in response.results]
    else:
        refusal = await refused(api.callbacks.BatchCreateCallbacks(batch))
        assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("include_callbacks",))
        assert await api.list_all() == []


async def test_a_repetition_counts_with_what_the_callback_has_become(api: Api, dialer: Dialer) -> None:
    """A small request may stand for a callback with a long history."""
    await update_service(api, max_concurrent_calls=100)
    requests = [
        pb.CreateCallbackRequest(
            callback_request=api.request(f"sip:{n}@b.example", external_task_id=str(n), max_retries=100)
        )
        for n in range(20)
    ]
    await create(api, requests, include_callbacks=True)
    attempts = 0
    while attempts < 60 * len(requests):
        leases = await dialer.lease(20, wait_s=10)
        await asyncio.gather(*(attempt(dialer, lease) for lease in leases))
        attempts += len(leases)
    refusal = await refused(
        api.callbacks.BatchCreateCallbacks(
            pb.BatchCreateCallbacksRequest(
                requests=[*requests, *(largest(api, n) for n in range(60))], include_callbacks=True
            )
        )
    )
    assert refusal.fields == ("include_callbacks",)
    assert len(await api.list_all()) == len(requests)


async def attempt(dialer: Dialer, lease: dialer_pb.Lease) -> None:
    await dialer.report(lease, DIALING)
    await dialer.end(lease, BUSY, detail=WIDE * 512, agent=WIDE * 128, disposition=WIDE * 64, call_ids=CALL_IDS)


async def test_an_item_counts_with_the_callback_of_an_earlier_item_that_it_stands_for(api: Api) -> None:
    await update_service(api, same_target_policy=directory_pb.TARGET_POLICY_RETURN_EXISTING)
    first = largest(api, 0)
    same = api.request(first.callback_request.target, due_date=from_now(hours=1))
    batch = [first, *(pb.CreateCallbackRequest(callback_request=same) for _ in range(300))]
    request = pb.BatchCreateCallbacksRequest(requests=batch, include_callbacks=True)
    refusal = await refused(api.callbacks.BatchCreateCallbacks(request))
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("include_callbacks",))
    assert await api.list_all() == []
    few = await create(api, batch[:100], include_callbacks=True)
    assert {result.callback.callback_id for result in few.results} == {few.results[0].callback_id}
    assert [result.created for result in few.results] == [True] + [False] * 99


async def test_a_thousand_bad_items(api: Api) -> None:
    bad = pb.CreateCallbackRequest(
        callback_request=cb.CallbackRequest(
            target="sip:" + WIDE * 250,
            service_id="x" * 200,
            priority=cb.Priority.ValueType(99),
            labels={"\n" + WIDE * 100 + str(n): "\n" * 200 for n in range(16)},
            description="\n" + WIDE * 151,
        )
    )
    response = await create(api, [bad] * 1000, include_callbacks=True)
    assert {refusal_in(result.error).reason for result in response.results} == {"INVALID_FIELD"}


async def test_lists_and_watches_of_the_largest_callbacks(api: Api) -> None:
    await create(api, [largest(api, n) for n in range(400)])
    token, listed = "", 0
    while True:
        page = await api.callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=1000, page_token=token))
        assert page.ByteSize() < LIMIT
        listed += len(page.callbacks)
        token = page.next_page_token
        if not token:
            break
    assert listed == 400
    watched = 0
    request = pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED)
    async for response in api.callbacks.WatchCallbacks(request):
        assert response.ByteSize() < LIMIT
        watched += len(response.events)
        if response.snapshot_complete:
            break
    assert watched == 400


async def test_leases_of_the_largest_callbacks(api: Api, dialer: Dialer) -> None:
    """Leased, repeated after they have grown, and extended."""
    await update_service(api, max_concurrent_calls=1000)
    requests = [largest(api, n) for n in range(300)]
    for request in requests:
        request.callback_request.ClearField("due_date")
        request.callback_request.ClearField("labels")
    await create(api, requests)
    request_id = "6f1c2c1e-6a0e-4c5e-9d55-0c8a3d2f7b11"
    response = await dialer.poll(100, request_id=request_id)
    assert len(response.leases) == 100
    assert response.ByteSize() < LIMIT
    for lease in response.leases:
        await api.callbacks.UpdateCallback(update_request(lease.callback, labels=LARGEST["labels"]))
    assert (await dialer.poll(100, request_id=request_id)).ByteSize() < LIMIT
    tokens = [lease.lease_token for lease in response.leases] * 10
    extended = await api.dialers.ExtendLeases(dialer_pb.ExtendLeasesRequest(lease_tokens=tokens))
    assert extended.ByteSize() < LIMIT
    assert [result.lost_reason for result in extended.results] == [0] * 1000
    assert any(result.HasField("callback") for result in extended.results)


@pytest.mark.parametrize("include", [False, True])
async def test_resolving_more_than_a_response_holds(api: Api, include: bool) -> None:
    target = "tel:+41785556677"
    requests = [largest(api, n, target) for n in range(300)] + [
        pb.CreateCallbackRequest(callback_request=api.request(target, due_date=from_now(hours=1))) for n in range(800)
    ]
    for start in range(0, len(requests), 550):
        await create(api, requests[start : start + 550])
    request = pb.ResolveCallbacksRequest(target=target, reason=WIDE * 512, include_callbacks=include)
    ended: set[str] = set()
    calls = 0
    more = True
    while more:
        response = await api.callbacks.ResolveCallbacks(request)
        assert response.ByteSize() < LIMIT
        assert all(result.HasField("callback") is include for result in response.results)
        ids = {result.callback_id for result in response.results}
        assert len(ids) == len(response.results)
        assert not ids & ended
        ended |= ids
        more = response.more
        calls += 1
    assert len(ended) == 1100
    assert calls > 1
    assert {callback.state for callback in await api.list_all()} == {cb.CALLBACK_STATE_CANCELLED}


async def test_the_services_of_a_page_fit(api: Api, app: App) -> None:
    first = date(2027, 1, 1)
    hours = OpeningHours(closed_dates=frozenset(first + timedelta(days=day) for day in range(1000)))
    service = await app.use_cases.directory.get(api.service_id)
    for n in range(320):
        one = replace(service, service_id=str(uuid4()), sip_address=f"sip:{n}@cc.example", opening_hours=hours)
        await app.store.put_service(one)
    found, token = 0, ""
    while True:
        page = await api.directory.ListServices(directory_pb.ListServicesRequest(page_size=1000, page_token=token))
        assert page.ByteSize() < LIMIT
        found += len(page.services)
        token = page.next_page_token
        if not token:
            break
    assert found == 321


async def test_a_long_lease_token_is_refused(api: Api) -> None:
    """Every token comes back in the response."""
    tokens = ["x" * 128, "x" * 129]
    for call in (
        api.dialers.ExtendLeases(dialer_pb.ExtendLeasesRequest(lease_tokens=tokens)),
        api.dialers.ReleaseLeases(dialer_pb.ReleaseLeasesRequest(lease_tokens=tokens)),
    ):
        refusal = await refused(call)
        assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("lease_tokens[1]",))

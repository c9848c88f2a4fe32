"""DirectoryService: services are created, changed, deleted and listed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace

from ringback.app import App
from ringback.application.access import ANYBODY
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api
from tests.world.requests import ask, cancel, create_many, from_now, refused, update_service

EXISTS = grpc.StatusCode.ALREADY_EXISTS
PRECONDITION, NOT_FOUND = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND


async def service_of(api: Api, **key: str) -> directory_pb.Service:
    return (await api.directory.GetService(directory_pb.GetServiceRequest(**key))).service


async def delete_service(api: Api, service_id: str, etag: str = "") -> directory_pb.DeleteServiceResponse:
    return await api.directory.DeleteService(directory_pb.DeleteServiceRequest(service_id=service_id, etag=etag))


async def test_a_service_is_created_with_everything_filled_in(api: Api) -> None:
    service_id = await api.add_service("SIP:Sales@CC.example")
    service = await service_of(api, service_id=service_id.upper())
    assert service == await service_of(api, sip_address="sip:Sales@cc.example")
    assert (service.max_concurrent_calls, service.default_max_retries, service.time_zone) == (10, 3, "UTC")
    assert (service.ring_timeout, service.max_queue_time) == (Duration(seconds=30), Duration(seconds=7 * 86400))
    assert list(service.priority_weights) == [7, 6, 5, 4, 3, 2, 1]
    assert (service.first_leg, service.same_target_policy) == (
        directory_pb.FIRST_LEG_AGENT,
        directory_pb.TARGET_POLICY_ALLOW,
    )
    callback = await api.create(service_sip="sip:Sales@cc.example")
    assert callback.service_id == service_id


async def test_two_services_cannot_share_an_id_or_an_address(api: Api) -> None:
    for taken in ({"service_id": api.service_id}, {"sip_address": "sip:support@CC.example"}):
        refusal = await refused(api.add_service(**{"sip_address": "sip:new@cc.example", **taken}))
        assert (refusal.code, refusal.reason) == (EXISTS, "SERVICE_ALREADY_EXISTS")
        assert refusal.metadata["service_id"] == api.service_id
    other = await api.add_service("sip:sales@cc.example")
    refusal = await refused(update_service(api, other, sip_address="sip:support@cc.example"))
    assert (refusal.code, refusal.reason) == (EXISTS, "SERVICE_ALREADY_EXISTS")
    assert (await service_of(api, service_id=other)).sip_address == "sip:sales@cc.example"


async def test_an_update_changes_what_its_mask_names(api: Api) -> None:
    before = await service_of(api, service_id=api.service_id)
    request = directory_pb.UpdateServiceRequest(
        service=directory_pb.Service(service_id=api.service_id, paused=True, display_name="not in the mask")
    )
    request.update_mask.paths[:] = ["paused", "default_max_retries", "ring_timeout"]
    after = (await api.directory.UpdateService(request)).service
    assert (after.paused, after.default_max_retries, after.display_name) == (True, 3, "")
    assert (after.sip_address, after.create_time) == (before.sip_address, before.create_time)
    assert after.etag != before.etag
    assert after == await service_of(api, service_id=api.service_id)


async def test_a_star_replaces_the_whole_service(api: Api) -> None:
    await update_service(api, display_name="Support", priority_weights=[1] * 7, max_concurrent_calls=3)
    request = directory_pb.UpdateServiceRequest(
        service=directory_pb.Service(service_id=api.service_id, sip_address="sip:help@cc.example")
    )
    request.update_mask.paths[:] = ["*"]
    after = (await api.directory.UpdateService(request)).service
    assert (after.sip_address, after.display_name, after.max_concurrent_calls) == ("sip:help@cc.example", "", 10)
    assert list(after.priority_weights) == [7, 6, 5, 4, 3, 2, 1]
    assert (await refused(service_of(api, sip_address="sip:support@cc.example"))).reason == "SERVICE_NOT_FOUND"


@pytest.mark.parametrize("path", ["service_id", "etag", "create_time", "colour", "paused.x", ""])
async def test_masks_that_name_what_cannot_be_changed(api: Api, path: str) -> None:
    request = directory_pb.UpdateServiceRequest(service=directory_pb.Service(service_id=api.service_id, paused=True))
    request.update_mask.paths[:] = ["paused", path]
    assert (await refused(api.directory.UpdateService(request))).reason == "INVALID_FIELD"
    request.update_mask.Clear()
    assert (await refused(api.directory.UpdateService(request))).reason == "INVALID_FIELD"
    assert not (await service_of(api, service_id=api.service_id)).paused


async def test_updates_at_once_without_an_etag_all_count(api: Api) -> None:
    changes: list[dict[str, Any]] = [
        {"display_name": "Support"},
        {"max_concurrent_calls": 3},
        {"default_max_retries": 1},
        {"time_zone": "Europe/Zurich"},
    ]
    await asyncio.gather(*(update_service(api, **change) for change in changes))
    service = await service_of(api, service_id=api.service_id)
    for change in changes:
        for name, value in change.items():
            assert getattr(service, name) == value


async def test_a_change_whose_client_has_gone_meanwhile_is_known_all_the_same(
    app: App, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client goes while the change is being written."""
    put = app.store.put_service
    writing, gone = asyncio.Event(), asyncio.Event()

    async def put_slowly(service: Any) -> None:
        writing.set()
        await gone.wait()
        await put(service)

    monkeypatch.setattr(app.store, "put_service", put_slowly)
    request = asyncio.create_task(
        app.use_cases.directory.update(ANYBODY, api.service_id, "", lambda s: replace(s, display_name="first"))
    )
    await writing.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    gone.set()
    after = await update_service(api, max_concurrent_calls=3)
    assert (after.display_name, after.max_concurrent_calls) == ("first", 3)


async def test_an_update_or_deletion_with_an_old_etag_is_refused(api: Api) -> None:
    before = await service_of(api, service_id=api.service_id)
    after = await update_service(api, etag=before.etag, paused=True)
    for attempt in (
        update_service(api, etag=before.etag, paused=False),
        delete_service(api, api.service_id, before.etag),
    ):
        refusal = await refused(attempt)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
        assert refusal.metadata["current_etag"] == after.etag


async def test_a_service_in_use_cannot_be_deleted_and_one_that_is_not_is_gone(api: Api) -> None:
    callback = await api.create(due_date=from_now(hours=1), external_task_id="7")
    refusal = await refused(delete_service(api, api.service_id))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "SERVICE_IN_USE")
    assert refusal.metadata["service_id"] == api.service_id
    cancelled = await cancel(api, callback)
    await delete_service(api, api.service_id)
    for call in (api.create(), service_of(api, service_id=api.service_id), delete_service(api, api.service_id)):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (NOT_FOUND, "SERVICE_NOT_FOUND")
    assert await api.get(callback.callback_id) == cancelled
    repeated = await ask(api, callback.callback_request)
    assert (repeated.created, repeated.callback) == (False, cancelled)


async def test_services_are_listed_in_pages_by_id(api: Api) -> None:
    made = [api.service_id, *[await api.add_service(f"sip:u{n}@cc.example") for n in range(4)]]
    listed: list[str] = []
    token = ""
    while not listed or token:
        page = await api.directory.ListServices(directory_pb.ListServicesRequest(page_size=2, page_token=token))
        assert len(page.services) <= 2
        listed += [service.service_id for service in page.services]
        token = page.next_page_token
    assert listed == sorted(made)
    bad = directory_pb.ListServicesRequest(page_token="x")
    assert (await refused(api.directory.ListServices(bad))).reason == "PAGE_TOKEN_INVALID"


async def test_an_update_that_closes_a_service_has_taken_effect_when_it_returns(api: Api) -> None:
    await create_many(api, (api.request(f"sip:u{n}@b.example") for n in range(600)))
    today = datetime.now(UTC).date()
    await update_service(api, closed_dates=[str(today), str(today + timedelta(days=1))])
    assert {callback.state for callback in await api.list_all()} == {cb.CALLBACK_STATE_SCHEDULED}

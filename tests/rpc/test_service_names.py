"""A service is named by its id or its SIP address, wherever one is named."""

from typing import Any

import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api
from tests.world.dialer import Dialer
from tests.world.requests import from_now, ids, refused, update_service

SUPPORT, SALES, NOBODY = "sip:support@cc.example", "sip:sales@cc.example", "sip:nobody@cc.example"
# Another spelling of the same address.
SHOUTED = "SIP:support@CC.Example"


async def test_filters(api: Api) -> None:
    sales = await api.add_service(SALES)
    due = from_now(hours=1)
    one = await api.create("sip:1@b.example", due_date=due)
    two = await api.create("sip:2@b.example", due_date=due, service_id=sales)
    for wanted, expected in (
        ({"service_sips": [SHOUTED]}, [one]),
        ({"service_sips": [SALES, SUPPORT]}, [two, one]),
        ({"service_sips": [SALES], "service_ids": [api.service_id]}, [two, one]),
        ({"service_sips": [SALES, SALES], "service_ids": [sales]}, [two]),
        ({"service_sips": [NOBODY]}, []),
        ({"service_sips": [NOBODY, SALES]}, [two]),
        ({"service_sips": [NOBODY], "service_ids": [sales]}, [two]),
        ({"service_sips": [SALES], "states": [cb.CALLBACK_STATE_QUEUED]}, []),
    ):
        assert await api.list_all(**wanted) == expected, wanted


async def test_a_watch_and_its_token(api: Api) -> None:
    """The token belongs to the address, not to the service that has it now."""
    wanted = cb.CallbackFilter(service_sips=[SUPPORT])
    request = pb.WatchCallbacksRequest(filter=wanted, snapshot_mode=pb.SNAPSHOT_MODE_NEVER)
    stream: Any = api.callbacks.WatchCallbacks(request)
    request.resume_token = (await stream.read()).resume_token
    callback = await api.create(due_date=from_now(hours=1))
    assert [event.callback for event in (await stream.read()).events] == [callback]
    stream.cancel()
    await update_service(api, sip_address="sip:moved@cc.example")
    resumed: Any = api.callbacks.WatchCallbacks(request)
    assert not (await resumed.read()).events, "no service has the address now"
    resumed.cancel()


async def test_a_page_token_belongs_to_the_address(api: Api) -> None:
    for n in range(2):
        await api.create(f"sip:{n}@b.example", due_date=from_now(hours=1))
    request = pb.ListCallbacksRequest(filter=cb.CallbackFilter(service_sips=[SUPPORT]), page_size=1)
    request.page_token = (await api.callbacks.ListCallbacks(request)).next_page_token
    assert len((await api.callbacks.ListCallbacks(request)).callbacks) == 1
    request.filter.service_sips[0] = SALES
    assert (await refused(api.callbacks.ListCallbacks(request))).reason == "PAGE_TOKEN_INVALID"


async def test_polls(api: Api, dialer: Dialer) -> None:
    sales = await api.add_service(SALES)
    one = await api.create("sip:1@b.example")
    two = await api.create("sip:2@b.example", service_id=sales)
    [first] = await dialer.lease(10, service_sips=[SHOUTED])
    assert first.callback.callback_id == one.callback_id
    await dialer.release(first)
    leases = await dialer.lease(10, service_sips=[SALES], service_ids=[api.service_id], wait_s=10)
    leases += await dialer.lease(10)
    assert set(ids(leases)) == {one.callback_id, two.callback_id}
    refusal = await refused(dialer.lease(service_sips=[SALES, NOBODY]))
    assert (refusal.reason, refusal.metadata["service_sip"]) == ("SERVICE_NOT_FOUND", NOBODY)
    refusal = await refused(dialer.lease(service_sips=["tel:+41785556677", ""]))
    assert refusal.fields == ("service_sips[0]", "service_sips[1]")


async def test_a_service_is_updated_by_its_address(api: Api) -> None:
    request = directory_pb.UpdateServiceRequest(
        service=directory_pb.Service(sip_address=SHOUTED, display_name="Help", paused=True)
    )
    request.update_mask.paths.extend(["display_name", "paused"])
    updated = (await api.directory.UpdateService(request)).service
    assert (updated.service_id, updated.sip_address) == (api.service_id, SUPPORT)
    assert (updated.display_name, updated.paused) == ("Help", True)
    request.update_mask.paths[:] = ["*"]
    assert (await api.directory.UpdateService(request)).service.sip_address == SUPPORT
    request.update_mask.paths[:] = ["paused", "sip_address"]
    assert (await refused(api.directory.UpdateService(request))).fields == ("update_mask",)
    request.service.sip_address = NOBODY
    request.update_mask.paths[:] = ["paused"]
    assert (await refused(api.directory.UpdateService(request))).reason == "SERVICE_NOT_FOUND"


@pytest.mark.parametrize(
    ("name", "field"),
    [({}, "service"), ({"service_id": "7"}, "service_id"), ({"sip_address": "tel:1"}, "sip_address")],
    ids=str,
)
async def test_a_service_is_deleted_by_its_address(api: Api, name: dict[str, Any], field: str) -> None:
    assert (await refused(api.directory.DeleteService(directory_pb.DeleteServiceRequest(**name)))).fields == (field,)
    await api.directory.DeleteService(directory_pb.DeleteServiceRequest(sip_address=SHOUTED))
    refusal = await refused(api.directory.DeleteService(directory_pb.DeleteServiceRequest(sip_address=SHOUTED)))
    assert (refusal.reason, refusal.metadata["service_sip"]) == ("SERVICE_NOT_FOUND", SUPPORT)
    assert (await refused(api.create())).reason == "SERVICE_NOT_FOUND"


async def test_its_settings_reach_the_dialer(api: Api, dialer: Dialer) -> None:
    await update_service(api, caller_line_identity="tel: +41 44 555 66 77")
    await api.create()
    assert (await dialer.lease_one()).caller_line_identity == "tel:+41445556677"


@pytest.mark.parametrize(
    "values",
    [
        {"caller_line_identity": "fax:1"},
        {"caller_line_identity": "tel:0445556677"},
        {"default_region": "XX"},
        {"default_region": "Switzerland"},
        {"default_region": "001"},
        {"default_region": "\u00df"},  # whose capital is "SS", South Sudan
        {"default_region": "l\u0131"},
    ],
    ids=str,
)
async def test_settings_that_are_none(api: Api, values: dict[str, Any]) -> None:
    refusal = await refused(update_service(api, **values))
    assert refusal.fields == tuple(f"service.{name}" for name in values)

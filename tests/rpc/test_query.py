"""GetCallback and ListCallbacks."""

from typing import Any
from uuid import uuid4

import grpc

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, by_external_id, by_id
from tests.world.requests import create_many, from_now, ids, refused

NOT_FOUND = grpc.StatusCode.NOT_FOUND
SCHEDULED, CANCELLED = cb.CALLBACK_STATE_SCHEDULED, cb.CALLBACK_STATE_CANCELLED


async def list_page(api: Api, size: int, **wanted: Any) -> pb.ListCallbacksResponse:
    return await api.callbacks.ListCallbacks(
        pb.ListCallbacksRequest(page_size=size, filter=cb.CallbackFilter(**wanted))
    )


async def test_a_callback_is_found_by_both_keys(api: Api) -> None:
    callback = await api.create(caller_id="crm", external_task_id="7")
    for key in (by_id(callback.callback_id), by_id(callback.callback_id.upper()), by_external_id("crm", "7")):
        assert (await api.callbacks.GetCallback(pb.GetCallbackRequest(key=key))).callback == callback
    for key in (by_id(str(uuid4())), by_external_id("crm", "8"), by_external_id("", "7")):
        refusal = await refused(api.callbacks.GetCallback(pb.GetCallbackRequest(key=key)))
        assert (refusal.code, refusal.reason) == (NOT_FOUND, "CALLBACK_NOT_FOUND")


async def test_lists_are_newest_first_and_pages_as_large_as_asked_for(api: Api) -> None:
    made = [await create_many(api, (api.request() for _ in range(n))) for n in (1000, 10)]
    newest_first = ids([*made[0], *made[1]])[::-1]
    for asked, expected in ((0, 100), (1, 1), (7, 7), (1000, 1000), (5000, 1000)):
        page = await list_page(api, asked)
        assert ids(page.callbacks) == newest_first[:expected]
        assert page.next_page_token
    rest = await api.callbacks.ListCallbacks(
        pb.ListCallbacksRequest(page_size=1000, page_token=(await list_page(api, 1000)).next_page_token)
    )
    assert (ids(rest.callbacks), rest.next_page_token) == (newest_first[1000:], "")
    assert (await refused(list_page(api, -1))).fields == ("page_size",)


async def test_filters_by_each_field(api: Api) -> None:
    elsewhere = await api.add_service("sip:sales@cc.example")
    plain = await api.create()
    special = await api.create(
        "tel:+41785556677",
        caller_id="crm",
        external_task_id="7",
        service_id=elsewhere,
        priority=cb.PRIORITY_HIGH,
        supervisor="ines",
        labels={"campaign": "spring", "lang": "de"},
        due_date=from_now(days=1),
    )
    filters: list[dict[str, Any]] = [
        {"keys": [by_id(special.callback_id)]},
        {"keys": [by_external_id("crm", "7"), by_id(str(uuid4()))]},
        {"caller_ids": ["crm", "web"]},
        {"service_ids": [elsewhere]},
        {"states": [SCHEDULED, CANCELLED]},
        {"priorities": [cb.PRIORITY_HIGH, cb.PRIORITY_LOW]},
        {"supervisors": ["ines"]},
        {"labels": {"lang": "de"}},
        {"labels": {"lang": "de", "campaign": "spring"}},
        {"due_after": special.callback_request.due_date},
        {"external_task_ids": ["7", "8"]},
        {"dial_target": "tel: +41 78 555 66 77"},
    ]
    for wanted in filters:
        assert await api.list_all(**wanted) == [special], wanted
    everything: dict[str, Any] = {}
    for wanted in filters[:-1]:
        everything |= wanted
    everything["keys"] = [by_id(plain.callback_id), by_id(special.callback_id)]
    assert await api.list_all(**everything) == [special]
    assert await api.list_all(**{**everything, "priorities": [cb.PRIORITY_LOW]}) == []
    assert await api.list_all(labels={"lang": "de", "campaign": "autumn"}) == []
    assert await api.list_all(due_before=special.callback_request.due_date) == [plain]
    assert await api.list_all(caller_ids=[""]) == [plain]
    assert await api.list_all(external_task_ids=[""]) == [plain]
    assert await api.list_all(end_before=from_now(days=9)) == []
    assert await api.list_all(service_ids=[str(uuid4())]) == []

"""Every call of the contract, and every answer that its table names."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from ringback.v1 import callback_pb2 as cb
from ringback.web.rest import calls
from tests.world.api import Api
from tests.world.dialer import CONNECTED, DIALING, Dialer
from tests.world.rest import CALLBACKS, SERVICES, Rest, at

FULL = {
    "Target": "tel: +41785556677",
    "AlternativeTarget": "sip:bob@example.com",
    "MaxRetries": 5,
    "SecondsBetweenRetries": 600,
    "IncomingServiceSipUri": "sip:hotline@cc.example",
    "Priority": "VeryHigh",
    "ContextUrl": "https://crm.example.com/tasks/1",
    "Supervisor": "jdoe",
    "Description": "Füße & 😀",
    "ExternalTaskId": "task 1/2",
    "CallerId": "crm+web",
}


@pytest.fixture
def dialer(api: Api) -> Dialer:
    return Dialer(api)


async def test_a_callback_is_created_with_all_its_fields_and_found_again(rest: Rest, api: Api) -> None:
    due = datetime.now().astimezone() + timedelta(days=30)
    created = await rest.create(**FULL, DueDate=f"{due.astimezone(tz=None):%d.%m.%Y} 08:30:00")
    assert created.status == 201
    assert created.headers["content-type"] == "application/json"
    callback = created.json
    assert created.headers["location"] == at(callback["Id"])
    assert UUID(callback["Id"]).version == 7
    assert {name: callback[name] for name in FULL} == FULL
    assert callback["ServiceId"] == api.service_id
    assert callback["State"] == "SCHEDULED"
    assert callback["AttemptCount"] == 0
    assert callback["DueDate"] == callback["NextAttemptTime"] == f"{due:%Y-%m-%d}T08:30:00Z"
    assert callback["DialTarget"] == "sip:bob@example.com"
    assert callback["Attempts"] == []
    assert callback["EndTime"] is callback["CancelReason"] is callback["ServiceSip"] is None
    stored = await api.get(callback["Id"])
    assert stored.callback_request.target == FULL["Target"]
    assert stored.callback_request.priority == cb.PRIORITY_VERY_HIGH

    for found in (
        await rest.get(at(callback["Id"])),
        await rest.get(at(callback["Id"].upper())),
        await rest.get(at(f"{{{callback['Id']}}}")),
        await rest.get(CALLBACKS, ExternalTaskId="task 1/2", CallerId="crm+web"),
    ):
        assert (found.status, found.json) == (200, callback)


async def test_the_same_request_finds_what_it_created_and_another_one_is_refused(rest: Rest) -> None:
    first = await rest.create(ExternalTaskId="t", CallerId="crm")
    again = await rest.create(ExternalTaskId="t", CallerId="crm")
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert again.headers["location"] is None

    other = await rest.create(ExternalTaskId="t", CallerId="crm", Priority="Low", MaxRetries=1)
    assert other.outcome() == (409, "CALLBACK_ALREADY_EXISTS")
    assert sorted(other.fields) == ["MaxRetries", "Priority"]
    assert other.json["detail"].endswith("differs in: MaxRetries, Priority")
    assert other.json["Id"] == first.json["Id"]
    assert other.json["State"] == first.json["State"]
    assert (await rest.create(ExternalTaskId="t", CallerId="erp", Priority="Low")).status == 201
    assert (await rest.create(ExternalTaskId="t", Priority="Low")).status == 201

    await rest.delete(at(first.json["Id"]))
    ended = await rest.create(ExternalTaskId="t", CallerId="crm")
    assert (ended.status, ended.json["State"]) == (200, "CANCELLED")


async def test_requests_without_an_id_of_their_own_are_all_different(rest: Rest) -> None:
    first, second = await rest.create(), await rest.create()
    assert (first.status, second.status) == (201, 201)
    assert first.json["Id"] != second.json["Id"]


async def test_services_are_all_listed(rest: Rest, api: Api) -> None:
    other = await api.add_service("sip:sales@cc.example", display_name="Sales & more")
    answer = await rest.get(SERVICES)
    assert answer.status == 200
    assert sorted(answer.json, key=lambda service: service["ServiceSip"]) == [
        {"ServiceId": other, "ServiceSip": "sip:sales@cc.example", "DisplayName": "Sales & more"},
        {"ServiceId": api.service_id, "ServiceSip": "sip:support@cc.example", "DisplayName": ""},
    ]


async def test_more_services_than_a_page_has_are_listed_at_once(
    rest: Rest, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MAX_PAGE_SIZE", 2)
    ids = [api.service_id, *[await api.add_service(f"sip:{number}@cc.example") for number in range(4)]]
    assert sorted(service["ServiceId"] for service in (await rest.get(SERVICES)).json) == sorted(ids)


async def test_a_cancel_by_either_key_is_told_and_can_be_repeated(rest: Rest) -> None:
    by_id = (await rest.create()).json
    cancelled = await rest.delete(at(by_id["Id"]), Reason="rang in, 100 % sure")
    assert (cancelled.status, cancelled.json["State"]) == (200, "CANCELLED")
    assert cancelled.json["CancelReason"] == "rang in, 100 % sure"
    assert cancelled.json["EndTime"] == cancelled.json["CancelTime"] is not None
    assert cancelled.json["NextAttemptTime"] is None
    again = await rest.delete(at(by_id["Id"]), Reason="another one")
    assert (again.status, again.json) == (200, cancelled.json)

    await rest.create(ExternalTaskId="t", CallerId="crm")
    by_key = await rest.delete(CALLBACKS, ExternalTaskId="t", CallerId="crm")
    assert (by_key.status, by_key.json["State"], by_key.json["CancelReason"]) == (200, "CANCELLED", None)


async def test_what_has_ended_otherwise_or_is_answered_is_not_cancelled(rest: Rest, dialer: Dialer) -> None:
    callback = (await rest.create(ExternalTaskId="t")).json
    [lease] = await dialer.lease()
    await dialer.report(lease, DIALING, CONNECTED)
    connected = await rest.delete(at(callback["Id"]))
    assert connected.outcome() == (409, "CALLBACK_CONNECTED")
    assert connected.json["State"] == "CONNECTED"
    await dialer.end(lease, cb.CALL_OUTCOME_ANSWERED)
    for ended in (await rest.delete(at(callback["Id"])), await rest.delete(CALLBACKS, ExternalTaskId="t")):
        assert ended.outcome() == (409, "CALLBACK_ENDED")
        assert (ended.json["Id"], ended.json["State"]) == (callback["Id"], "COMPLETED")
    final = (await rest.get(at(callback["Id"]))).json
    assert final["State"] == "COMPLETED"
    assert final["AttemptCount"] == 1
    [attempt] = final["Attempts"]
    assert (attempt["Number"], attempt["Outcome"]) == (1, "ANSWERED")
    assert attempt["StartTime"] <= attempt["AnswerTime"] <= attempt["EndTime"]


async def test_what_is_not_there_is_not_found(rest: Rest) -> None:
    for method in (rest.get, rest.delete):
        absent = await method(at(str(uuid4())))
        assert absent.outcome() == (404, "CALLBACK_NOT_FOUND")
        absent = await method(CALLBACKS, ExternalTaskId="t", CallerId="crm")
        assert absent.outcome() == (404, "CALLBACK_NOT_FOUND")
        malformed = await method(at("4711"))
        assert malformed.outcome() == (400, "INVALID_FIELD")
        assert malformed.fields == ["Id"]


async def test_a_list_has_pages_newest_first_of_a_service_and_of_states(rest: Rest, api: Api) -> None:
    other = await api.add_service("sip:sales@cc.example")
    ids = [(await rest.create()).json["Id"] for _ in range(5)]
    sales = (await rest.create(ServiceId=other)).json["Id"]
    await rest.delete(at(ids[0]))

    seen, token = [], ""
    while token is not None:
        page = (await rest.get(CALLBACKS, ServiceId=api.service_id.upper(), PageSize=2, PageToken=token)).json
        assert len(page["Items"]) <= 2
        seen += page["Items"]
        token = page["NextPageToken"]
    assert [item["Id"] for item in seen] == list(reversed(ids))
    assert seen[-1] == (await rest.get(at(ids[0]))).json

    async def listed(**query: object) -> list[str]:
        return [item["Id"] for item in (await rest.get(CALLBACKS, **query)).json["Items"]]

    assert await listed() == [sales, *reversed(ids)]
    assert await listed(ServiceId=[other, api.service_id], State="QUEUED") == [sales, *reversed(ids[1:])]
    assert await listed(State=["CANCELLED", "FAILED"]) == [ids[0]]
    assert await listed(State="CANCELLED,FAILED") == [ids[0]]
    assert await listed(State="EXPIRED", PageSize=0) == []
    assert await listed(ServiceId=str(uuid4())) == []

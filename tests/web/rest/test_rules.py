"""Every rule of a request in the contract, on the wire."""

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ringback.web.rest.contract import FIELDS, FieldKind
from ringback.web.rest.routes import MAX_BODY_BYTES
from ringback.web.rest.strict_json import MAX_MEMBERS
from tests.world.api import Api
from tests.world.rest import CALLBACKS, SERVICES, Rest

UNKNOWN = str(uuid4())
NIL = "00000000-0000-0000-0000-000000000000"


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def own_form(date: datetime) -> str:
    return f"{date:%d.%m.%Y %H:%M:%S}"


# --- Accepted ------------------------------------------------------------------------------------------------------


ACCEPTED: Sequence[Any] = (
    ({"Target": "tel:+41785556677"}, {"DialTarget": "tel:+41785556677"}),
    ({"Target": "tel: +41785556677"}, {"Target": "tel: +41785556677", "DialTarget": "tel:+41785556677"}),
    ({"Target": "tel: +41 78 555 66 77"}, {"DialTarget": "tel:+41785556677"}),
    ({"Target": "sip:alice@Example.com"}, {"DialTarget": "sip:alice@example.com"}),
    ({"AlternativeTarget": "tel: +41443334455"}, {"DialTarget": "tel:+41443334455"}),
    ({"AlternativeTarget": "sip:bob@example.com"}, {"DialTarget": "sip:bob@example.com"}),
    ({"AlternativeTarget": ""}, {"DialTarget": "tel:+41785556677", "AlternativeTarget": None}),
    ({"AlternativeTarget": None}, {"DialTarget": "tel:+41785556677"}),
    ({"MaxRetries": 0}, {"MaxRetries": 0}),
    ({"MaxRetries": 100}, {"MaxRetries": 100}),
    ({"MaxRetries": None}, {"MaxRetries": None}),
    ({}, {"MaxRetries": None, "Priority": "Normal", "DueDate": None, "State": "QUEUED"}),
    ({"SecondsBetweenRetries": 0}, {"SecondsBetweenRetries": 0}),
    ({"SecondsBetweenRetries": 604800}, {"SecondsBetweenRetries": 604800}),
    ({"Description": "ä" * 150}, {"Description": "ä" * 150}),
    ({"Description": "😀" * 150}, {"Description": "😀" * 150}),
    ({"DueDate": ""}, {"DueDate": None, "State": "QUEUED"}),
    ({"DueDate": None}, {"DueDate": None, "State": "QUEUED"}),
    ({"DueDate": "24.12.2020 08:30:00"}, {"DueDate": "2020-12-24T08:30:00Z", "State": "QUEUED"}),
    ({"DueDate": "2020-12-24T09:30:00+01:00"}, {"DueDate": "2020-12-24T08:30:00Z"}),
    ({"DueDate": "2020-12-24T08:30:00.1234567"}, {"DueDate": "2020-12-24T08:30:00.123456Z"}),
    *(
        ({"Priority": word}, {"Priority": word})
        for word in (
            "StrictPriority",
            "Highest",
            "VeryHigh",
            "High",
            "Normal",
            "Low",
            "VeryLow",
            "Lowest",
            "NothingElse",
        )
    ),
)


async def test_a_request_within_the_rules_is_accepted(rest: Rest) -> None:
    for fields, stored in ACCEPTED:
        answer = await rest.create(**fields)
        assert (fields, answer.status) == (fields, 201)
        assert {name: answer.json[name] for name in stored} == stored


async def test_an_empty_text_is_the_same_as_none_wherever_one_is_optional(rest: Rest) -> None:
    for field in FIELDS:
        if field.kind is not FieldKind.INTEGER and not field.required and field.name != "ServiceId":
            answer = await rest.create(**{field.name: ""})
            assert (field.name, answer.status) == (field.name, 201)
            assert answer.json[field.name] is None


async def test_a_due_date_ahead_is_waited_for(rest: Rest) -> None:
    due = in_days(365).replace(microsecond=0)
    for text in (own_form(due), due.isoformat(), f"{due:%Y-%m-%dT%H:%M:%SZ}"):
        answer = await rest.create(DueDate=text)
        assert answer.json["State"] == "SCHEDULED"
        assert answer.json["DueDate"] == answer.json["NextAttemptTime"] == f"{due:%Y-%m-%dT%H:%M:%SZ}"


# --- The service ---------------------------------------------------------------------------------------------------


async def test_a_service_sip_counts_when_the_service_id_is_not_valid(rest: Rest) -> None:
    for given in (..., None, "", "sales", UNKNOWN, NIL, f"{{{UNKNOWN}}}"):
        answer = await rest.create(ServiceId=given, ServiceSip="sip:support@cc.example")
        assert (given, answer.status) == (given, 201)
        assert (answer.json["ServiceId"], answer.json["ServiceSip"]) == (rest.service_id, "sip:support@cc.example")


async def test_a_service_sip_does_not_count_beside_a_valid_service_id(rest: Rest, api: Api) -> None:
    await api.add_service("sip:sales@cc.example")
    for sip in ("sip:sales@cc.example", "sip:nothing@cc.example", "no address", "", None):
        for written in (rest.service_id, rest.service_id.upper(), f"{{{rest.service_id}}}"):
            answer = await rest.create(ServiceId=written, ServiceSip=sip)
            assert (sip, answer.status) == (sip, 201)
            assert (answer.json["ServiceId"], answer.json["ServiceSip"]) == (rest.service_id, None)


async def test_a_repetition_may_write_the_guid_in_another_way(rest: Rest) -> None:
    first = await rest.create(ExternalTaskId="t")
    for written in (rest.service_id.upper(), f"{{{rest.service_id}}}", f"{{{rest.service_id.upper()}}}"):
        answer = await rest.create(ExternalTaskId="t", ServiceId=written)
        assert (written, answer.status) == (written, 200)
        assert answer.json == first.json


WITHOUT_SERVICE: Sequence[Any] = (
    ({"ServiceId": ...}, (400, "INVALID_FIELD"), ["ServiceId"]),
    ({"ServiceId": None, "ServiceSip": None}, (400, "INVALID_FIELD"), ["ServiceId"]),
    ({"ServiceId": "", "ServiceSip": ""}, (400, "INVALID_FIELD"), ["ServiceId"]),
    ({"ServiceId": "4711"}, (400, "INVALID_FIELD"), ["ServiceId"]),
    ({"ServiceId": "4711", "ServiceSip": "no address"}, (400, "INVALID_FIELD"), ["ServiceSip"]),
    ({"ServiceId": 4711, "ServiceSip": "sip:support@cc.example"}, (400, "INVALID_FIELD"), ["ServiceId"]),
    ({"ServiceId": ..., "ServiceSip": 4711}, (400, "INVALID_FIELD"), ["ServiceSip"]),
    ({"ServiceId": UNKNOWN}, (404, "SERVICE_NOT_FOUND"), ["ServiceId"]),
    ({"ServiceId": NIL}, (404, "SERVICE_NOT_FOUND"), ["ServiceId"]),
    ({"ServiceId": UNKNOWN, "ServiceSip": "sip:x@cc.example"}, (404, "SERVICE_NOT_FOUND"), ["ServiceSip"]),
    ({"ServiceId": ..., "ServiceSip": "sip:x@cc.example"}, (404, "SERVICE_NOT_FOUND"), ["ServiceSip"]),
)


async def test_a_request_without_a_service_is_refused(rest: Rest) -> None:
    for fields, outcome, named in WITHOUT_SERVICE:
        answer = await rest.create(**fields)
        assert (fields, answer.outcome()) == (fields, outcome)
        assert (fields, answer.fields) == (fields, named)
    answer = await rest.create(ServiceId=...)
    assert answer.faults == {"ServiceId": "is required: set ServiceId or ServiceSip"}


# --- Refused -------------------------------------------------------------------------------------------------------


REFUSED: Sequence[Any] = (
    ("Target", ...),
    ("Target", None),
    ("Target", ""),
    ("Target", "+41785556677"),
    ("Target", "tel:0785556677"),
    ("Target", "tel:  "),
    ("Target", "mailto:alice@example.com"),
    ("Target", "sip:" + "a" * 250 + "@example.com"),
    ("Target", "tel:+41785556677\u0000"),
    ("Target", "sip:alice\nbob@example.com"),
    ("AlternativeTarget", "none"),
    ("AlternativeTarget", " "),
    ("MaxRetries", -1),
    ("MaxRetries", 101),
    ("MaxRetries", 2**31),
    ("MaxRetries", -(2**63)),
    ("MaxRetries", "3"),
    ("MaxRetries", 3.0),
    ("SecondsBetweenRetries", ...),
    ("SecondsBetweenRetries", None),
    ("SecondsBetweenRetries", -1),
    ("SecondsBetweenRetries", 604801),
    ("SecondsBetweenRetries", 2**40),
    ("SecondsBetweenRetries", False),
    ("IncomingServiceSipUri", "hotline"),
    ("Priority", ...),
    ("Priority", None),
    ("Priority", ""),
    ("Priority", "normal"),
    ("Priority", "NORMAL"),
    ("Priority", " Normal"),
    ("Priority", "PRIORITY_NORMAL"),
    ("Priority", 5),
    ("ContextUrl", "ftp://crm.example.com"),
    ("ContextUrl", "javascript:alert(1)"),
    ("ContextUrl", "https://crm.example.com/" + "a" * 2048),
    ("DueDate", " "),
    ("DueDate", "tomorrow"),
    ("DueDate", "24.12.2026"),
    ("DueDate", "12/24/2026 08:30:00"),
    ("DueDate", "31.11.2026 08:30:00"),
    ("DueDate", 1798101000),
    ("DueDate", own_form(in_days(367))),
    ("DueDate", in_days(367).isoformat()),
    ("Supervisor", "x" * 129),
    ("Description", "x" * 151),
    ("Description", "a\nb"),
    ("Description", "\u0000"),
    ("Description", "\ud83d"),
    ("ExternalTaskId", "x" * 129),
    ("ExternalTaskId", "\udc00"),
    ("CallerId", "x" * 129),
    ("CallerId", "crm;web"),
)


async def test_a_field_against_its_rule_is_named_alone(rest: Rest, api: Api) -> None:
    for field, value in REFUSED:
        answer = await rest.create(**{field: value})
        assert answer.outcome() == (400, "INVALID_FIELD")
        assert (value, answer.fields) == (value, [field])
    assert await api.list_all() == []


async def test_what_is_no_string_is_refused(rest: Rest) -> None:
    values: Sequence[Any] = (1, 1.5, True, [], ["x"], {}, {"x": {"x": []}})
    texts = [field.name for field in FIELDS if field.kind is not FieldKind.INTEGER]
    for field, value in itertools.product(texts, values):
        answer = await rest.create(**{field: value})
        assert answer.outcome() == (400, "INVALID_FIELD")
        assert answer.faults == {field: "is not a string"}


async def test_what_is_no_integer_is_refused(rest: Rest, api: Api) -> None:
    texts = ("NaN", "-Infinity", "1e400", "1.0", "1e1", "true", '"1"', "[]", "{}", "9" * 5000)
    for field, text in itertools.product(("MaxRetries", "SecondsBetweenRetries"), texts):
        answer = await rest.post(json.dumps(rest.request(**{field: "@"})).replace('"@"', text).encode())
        assert answer.outcome() == (400, "INVALID_FIELD")
        assert (text, answer.fields) == (text, [field])
    assert await api.list_all() == []


async def test_all_faults_are_named_at_once_each_field_once(rest: Rest, api: Api) -> None:
    body = (
        '{"Target": 1, "AlternativeTarget": "none", "MaxRetries": 101, "SecondsBetweenRetries": NaN, "ServiceId": "x",'
        '"IncomingServiceSipUri": "x", "Priority": "normal", "ContextUrl": "x", "DueDate": "x", '
        f'"Supervisor": "\\u0007", "Description": "{"x" * 151}", "ExternalTaskId": "{"x" * 129}", "CallerId": ";",'
        '"Callerid": "crm", "Labels": {}, "Description": ""}'
    )
    answer = await rest.post(body.encode())
    assert answer.outcome() == (400, "INVALID_FIELD")
    assert sorted(answer.fields) == sorted(
        [field.name for field in FIELDS if field.name != "ServiceSip"] + ["Callerid", "Labels"]
    )
    assert answer.faults["Callerid"] == "is no field of a callback request; CallerId is meant"
    assert answer.faults["Description"] == "is given more than once"
    for field in answer.fields:
        assert field in answer.json["detail"] or answer.json["detail"].endswith("…")
    assert await api.list_all() == []


async def test_nothing_is_left_out_however_many_faults_there_are(rest: Rest) -> None:
    names = [f"x{number}" for number in range(MAX_MEMBERS)]
    answer = await rest.post(dict.fromkeys(names, 1))
    assert answer.outcome() == (400, "INVALID_FIELD")
    assert answer.fields == [*names, "Target", "SecondsBetweenRetries", "ServiceId", "Priority"]
    listed = await rest.get(CALLBACKS, State="a,b,,c", PageSize="x")
    assert sorted(listed.fields) == ["PageSize", "State"]


async def test_a_repetition_with_a_fault_beside_it_is_refused_all_the_same(rest: Rest) -> None:
    await rest.create(ExternalTaskId="t", CallerId="crm")
    answer = await rest.create(ExternalTaskId="t", CallerId="crm", Colour="red")
    assert answer.outcome() == (400, "INVALID_FIELD")
    assert answer.fields == ["Colour"]


async def test_an_unknown_field_is_named_as_it_was_sent(rest: Rest) -> None:
    for name in ("target", "service", "reason", "page_size", "callback_request.target", "", "$.x", "é"):
        assert (await rest.create(**{name: "x"})).fields == [name]


async def test_a_number_where_a_name_should_be_is_masked_in_what_people_read(rest: Rest) -> None:
    body = rest.request() | {"tel: +41785556677": "Target", "+41785556688": 1}
    for answer in (await rest.post(body), await rest.get(CALLBACKS, **{"+41785556677": 1, "sip:+41785556688@x": 1})):
        assert answer.outcome() == (400, "INVALID_FIELD")
        assert len(answer.fields) == 2
        assert "555" not in answer.json["detail"]
        assert "77:" in answer.json["detail"]


async def test_a_target_that_may_not_be_dialled_is_refused_by_its_rule(rest: Rest) -> None:
    answer = await rest.create(AlternativeTarget="sip:alice@127.0.0.1")
    assert answer.outcome() == (400, "DIAL_RULE")
    assert answer.fields == ["AlternativeTarget"]
    assert answer.json["Rule"] == "sip.deny_hosts"


NO_REQUESTS = (
    (b"", "is empty"),
    (b"[]", "is not a JSON object"),
    (b'{"Target": "x"', "line 1, column 15"),
    (b'{"Target": "\xff"}', "byte at 12"),
    (b"[" * 9_999, "nested too deep"),
    (b"[" * MAX_BODY_BYTES, "too many values"),
    (b'{"Description": "' + b"x" * (MAX_BODY_BYTES - 19) + b'"}', ""),
)


async def test_a_body_that_is_no_request_is_refused_with_the_place(rest: Rest) -> None:
    for body, place in NO_REQUESTS:
        answer = await rest.post(body)
        assert answer.outcome() == (400, "INVALID_FIELD")
        assert place in answer.json["violations"][0]["description"]


async def test_a_byte_order_mark_is_accepted(rest: Rest) -> None:
    assert (await rest.post(b"\xef\xbb\xbf" + json.dumps(rest.request()).encode())).status == 201


# --- Parameters ----------------------------------------------------------------------------------------------------


PARAMETERS: Sequence[Any] = (
    ("GET", f"{SERVICES}?PageSize=1", ["PageSize"]),
    ("POST", f"{CALLBACKS}?ExternalTaskId=t", ["ExternalTaskId"]),
    ("GET", f"{CALLBACKS}/{UNKNOWN}?State=QUEUED", ["State"]),
    ("GET", f"{CALLBACKS}?CallerId=crm", ["ExternalTaskId"]),
    ("GET", f"{CALLBACKS}?ExternalTaskId=", ["ExternalTaskId"]),
    ("GET", f"{CALLBACKS}?ExternalTaskId=t&ExternalTaskId=t", ["ExternalTaskId"]),
    ("GET", f"{CALLBACKS}?ExternalTaskId=t&State=QUEUED", ["State"]),
    ("GET", f"{CALLBACKS}?ExternalTaskId=t&CallerId=%3B", ["CallerId"]),
    ("GET", f"{CALLBACKS}?ExternalTaskId={'x' * 129}", ["ExternalTaskId"]),
    ("GET", f"{CALLBACKS}?externaltaskid=t", ["externaltaskid"]),
    ("GET", f"{CALLBACKS}?Reason=x", ["Reason"]),
    ("GET", f"{CALLBACKS}?State=queued", ["State"]),
    ("GET", f"{CALLBACKS}?State=UNSPECIFIED", ["State"]),
    ("GET", f"{CALLBACKS}?State=", ["State"]),
    ("GET", f"{CALLBACKS}?State=QUEUED,", ["State"]),
    ("GET", f"{CALLBACKS}?ServiceId=4711", ["ServiceId"]),
    ("GET", f"{CALLBACKS}?ServiceId=", ["ServiceId"]),
    ("GET", f"{CALLBACKS}?PageSize=", ["PageSize"]),
    ("GET", f"{CALLBACKS}?PageSize=-1", ["PageSize"]),
    ("GET", f"{CALLBACKS}?PageSize=1.0", ["PageSize"]),
    ("GET", f"{CALLBACKS}?PageSize=%D9%A1", ["PageSize"]),
    ("GET", f"{CALLBACKS}?PageSize=2147483648", ["PageSize"]),
    ("GET", f"{CALLBACKS}?PageSize={'9' * 5000}", ["PageSize"]),
    ("GET", f"{CALLBACKS}?PageSize=1&PageSize=1", ["PageSize"]),
    ("GET", f"{CALLBACKS}?PageToken=%FF", ["query"]),
    ("GET", f"{CALLBACKS}?{'&'.join(['State=QUEUED'] * 101)}", ["query"]),
    ("GET", f"{CALLBACKS}?x&y=1", ["x", "y"]),
    ("DELETE", CALLBACKS, ["ExternalTaskId"]),
    ("DELETE", f"{CALLBACKS}?CallerId=crm", ["ExternalTaskId"]),
    ("DELETE", f"{CALLBACKS}?ServiceId={UNKNOWN}", ["ServiceId"]),
    ("DELETE", f"{CALLBACKS}/{UNKNOWN}?ExternalTaskId=t", ["ExternalTaskId"]),
    ("DELETE", f"{CALLBACKS}/{UNKNOWN}?Reason={'x' * 513}", ["Reason"]),
    ("DELETE", f"{CALLBACKS}/{UNKNOWN}?Reason=a%0Ab", ["Reason"]),
    ("DELETE", f"{CALLBACKS}/{UNKNOWN}?Reason=a&Reason=b", ["Reason"]),
)


async def test_a_parameter_against_its_rule_is_named(rest: Rest) -> None:
    for method, target, named in PARAMETERS:
        body = json.dumps(rest.request()).encode() if method == "POST" else None
        answer = await rest.call(method, target, body, {"Content-Type": "application/json"} if body else {})
        assert (target, answer.outcome()) == (target, (400, "INVALID_FIELD"))
        assert (target, answer.fields) == (target, named)


async def test_a_page_token_of_another_list_is_refused(rest: Rest) -> None:
    for token in ("x", "\0", "AAAA", "🔥"):
        answer = await rest.get(CALLBACKS, PageToken=token)
        assert (token, answer.outcome()) == (token, (400, "PAGE_TOKEN_INVALID"))
        assert answer.fields == ["PageToken"]
    for _ in range(2):
        await rest.create()
    of_another = (await rest.get(CALLBACKS, PageSize=1)).json["NextPageToken"]
    answer = await rest.get(CALLBACKS, PageSize=1, PageToken=of_another, State="QUEUED")
    assert answer.outcome() == (400, "PAGE_TOKEN_INVALID")

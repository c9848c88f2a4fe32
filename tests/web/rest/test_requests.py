"""A request in the contract's form is the same as the one over gRPC with the same fields."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.priority import Priority
from ringback.v1 import callback_pb2 as cb
from ringback.web.rest.contract import FIELDS, PRIORITIES, Field, FieldKind
from ringback.web.rest.requests import read_create
from ringback.web.rest.responses import callback_answer
from ringback.web.rest.strict_json import read_members
from tests.world.api import Api, by_id
from tests.world.rest import Rest, at

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
INT32 = st.integers(-(2**31), 2**31 - 1)
DATES = st.datetimes(timezones=st.just(UTC))
ONE_WORD = {Priority.NORMAL: "Normal", Priority.VERY_HIGH: "VeryHigh", Priority.NOTHING_ELSE: "NothingElse"}


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.kind is FieldKind.INTEGER:
        return INT32
    if field.kind is FieldKind.DATE:
        return DATES
    return st.sampled_from(Priority) if field.kind is FieldKind.PRIORITY else TEXTS


requests = st.fixed_dictionaries(
    {}, optional={field.field: _values(field) for field in FIELDS if field.field not in ("service_id", "service_sip")}
)


def in_contract_form(fields: dict[str, Any], *, own_dates: bool) -> dict[str, Any]:
    """Return the request as a present user sends it."""
    names = {field.field: field for field in FIELDS}
    sent: dict[str, Any] = {}
    for name, value in fields.items():
        field = names[name]
        if isinstance(value, datetime):
            own = f"{value:%d.%m.}{value.year:04}{value: %H:%M:%S}"
            sent[field.name] = own if own_dates else value.isoformat()
        elif isinstance(value, Priority):
            sent[field.name] = next(word for word, level in PRIORITIES.items() if level is value)
        else:
            sent[field.name] = value
    return sent


def over_grpc(fields: dict[str, Any]) -> cb.CallbackRequest:
    message = cb.CallbackRequest()
    for name, value in fields.items():
        if isinstance(value, datetime):
            message.due_date.FromDatetime(value)
        else:
            setattr(message, name, value)
    return message


@given(requests, st.booleans(), st.sampled_from(["service_id", "service_sip", ""]), st.booleans())
def test_both_forms_are_the_same_message(fields: dict[str, Any], own_dates: bool, service: str, as_text: bool) -> None:
    if own_dates and "due_date" in fields:
        fields["due_date"] = fields["due_date"].replace(microsecond=0)
    if service:
        fields[service] = {"service_id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff", "service_sip": "sip:a@b"}[service]
    body = json.dumps(in_contract_form(fields, own_dates=own_dates), ensure_ascii=as_text).encode()
    read = read_create(read_members(body))
    assert read.faults.violations == []
    assert read.message.callback_request == over_grpc(fields)


@given(st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.lists(TEXTS), st.sampled_from(FIELDS))
def test_whatever_a_field_is_it_is_read_or_named(value: Any, field: Field) -> None:
    read = read_create(read_members(json.dumps({field.name: value}).encode()))
    assert {fault.field for fault in read.faults.violations} <= {f"$.{field.name}"}
    read.message.SerializeToString()


TIMES: Final = ("create_time", "update_time", "queue_time", "next_attempt_time", "expire_time", "due_time")


async def test_both_forms_give_the_same_callback(rest: Rest, api: Api) -> None:
    """All but what differs from callback to callback: the id and the times."""
    due = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    fields: dict[str, Any] = {
        "alternative_target": "sip:bob@example.com",
        "max_retries": 5,
        "seconds_between_retries": 600,
        "incoming_service_sip_uri": "sip:hotline@cc.example",
        "context_url": "https://crm.example.com/tasks/1",
        "supervisor": "jdoe",
        "description": "Füße",
        "external_task_id": "task",
    }
    for number, (priority, word) in enumerate(ONE_WORD.items()):
        asked = fields | {"priority": priority, "due_date": due, "caller_id": f"grpc{number}"}
        of_grpc = await api.create("tel: +41785556677", **{**asked, "due_date": over_grpc(asked).due_date})
        sent = in_contract_form(asked, own_dates=True) | {"CallerId": f"rest{number}"}
        assert sent["Priority"] == word
        of_rest = await api.get((await rest.create(**(sent | {"Target": "tel: +41785556677"}))).json["Id"])
        for each in (of_grpc, of_rest):
            each.callback_request.caller_id = ""
            for name in ("callback_id", *TIMES):
                each.ClearField(name)
        assert of_rest == of_grpc


async def test_a_callback_of_grpc_is_shown_with_all_that_it_has(rest: Rest, api: Api) -> None:
    created = await api.create(labels={"a": "b"}, external_task_id="t", caller_id="crm", max_retries=0)
    answer = await rest.get(at(created.callback_id))
    assert answer.json == callback_answer(await api.get(created.callback_id))
    assert answer.json["MaxRetries"] == 0
    assert by_id(answer.json["Id"]) == by_id(created.callback_id)

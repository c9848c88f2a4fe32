"""The OpenAPI document is valid, and says what the tables say."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from ringback.v1 import callback_pb2 as cb
from ringback.web.rest.contract import CALLBACK_PATH, FIELDS, PRIORITIES, STATES
from ringback.web.rest.openapi import openapi
from ringback.web.rest.routes import MAX_BODY_BYTES
from tests.world.rest import CALLBACKS, SERVICES, Rest, at

DOCUMENT: Any = json.loads(json.dumps(openapi()))


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_every_field_of_a_request_is_in_the_contract_but_those_that_came_later() -> None:
    """One that is added to the proto is added here, too, or to this list."""
    fields = {field.name for field in cb.CallbackRequest.DESCRIPTOR.fields}
    assert fields - {field.field for field in FIELDS} == {"expire_time", "labels"}
    by_name = cb.CallbackRequest.DESCRIPTOR.fields_by_name
    for field in FIELDS:
        of_integer = by_name[field.field].type == FieldDescriptor.TYPE_INT32
        assert of_integer == (field.kind.value == "integer")


def test_priorities_and_states_are_the_words_of_the_contract() -> None:
    assert list(PRIORITIES) == [
        "StrictPriority",
        "Highest",
        "VeryHigh",
        "High",
        "Normal",
        "Low",
        "VeryLow",
        "Lowest",
        "NothingElse",
    ]
    assert [PRIORITIES[word].value for word in PRIORITIES] == list(range(1, 10))
    assert {f"CALLBACK_STATE_{state}" for state in STATES} == set(cb.CallbackState.keys()[1:])


def _examples() -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []

    def look(node: Any, path: str) -> None:
        if isinstance(node, dict):
            if "schema" in node and "examples" in node:
                found.extend((path, node["schema"], each["value"]) for each in node["examples"].values())
            for name, child in node.items():
                look(child, f"{path}/{name}")
        elif isinstance(node, list):
            for index, child in enumerate(node):
                look(child, f"{path}/{index}")

    look(DOCUMENT, "")
    return found


@pytest.mark.parametrize(("path", "schema", "example"), _examples())
def test_every_example_is_what_its_schema_says(path: str, schema: Any, example: Any) -> None:
    whole = schema | {"components": DOCUMENT["components"]}
    OAS31Validator(whole, format_checker=OAS31Validator.FORMAT_CHECKER).validate(example)


def test_every_call_says_all_that_it_may_be_refused_with() -> None:
    for methods in DOCUMENT["paths"].values():
        for method in methods.keys() & {"get", "post", "delete"}:
            responses = methods[method]["responses"]
            assert responses.keys() >= {"200", "400", "401", "403", "429", "500", "503"}


LONG = "x" * 17_000
ASKED: Sequence[Any] = (
    ("GET", SERVICES, {}, None),
    ("GET", CALLBACKS, {}, None),
    ("GET", f"{CALLBACKS}?PageToken={LONG}", {}, None),
    ("GET", f"{CALLBACKS}?PageToken=x", {}, None),
    ("GET", at("x"), {}, None),
    ("GET", at("00000000-0000-0000-0000-000000000000"), {}, None),
    ("GET", at(LONG), {}, None),
    ("GET", SERVICES, {"Accept": "text/html"}, None),
    ("GET", SERVICES, {"Host": "evil.example"}, None),
    ("GET", SERVICES, {"Host": "a b"}, None),
    ("GET", SERVICES, {"Origin": "https://evil.example"}, None),
    ("GET", SERVICES, {"X": LONG}, None),
    ("DELETE", CALLBACKS, {}, None),
    ("DELETE", f"{CALLBACKS}?ExternalTaskId=nothing", {}, None),
    ("DELETE", f"{CALLBACKS}?ExternalTaskId=nothing", {"Content-Type": "text/plain"}, None),
    ("DELETE", at("x"), {"Content-Type": "text/plain"}, None),
    ("POST", CALLBACKS, {"Content-Type": "application/json"}, b"{}"),
    ("POST", CALLBACKS, {"Content-Type": "text/plain"}, b"{}"),
    ("POST", CALLBACKS, {}, b"{}"),
    ("POST", CALLBACKS, {"Content-Type": "application/json", "Content-Encoding": "br"}, b"{}"),
    ("POST", CALLBACKS, {"Content-Type": "application/json"}, b" " * (MAX_BODY_BYTES + 1)),
)


async def test_every_answer_is_one_that_the_document_has(rest: Rest) -> None:
    for method, path, headers, body in ASKED:
        answer = await rest.call(method, path, body, headers)
        template = CALLBACK_PATH if path.startswith(f"{CALLBACKS}/") else path.partition("?")[0]
        described = DOCUMENT["paths"][template][method.lower()]["responses"][str(answer.status)]
        if "$ref" in described:
            described = DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
        schema = described["content"][answer.headers["content-type"]]["schema"]
        whole = schema | {"components": DOCUMENT["components"]}
        OAS31Validator(whole, format_checker=OAS31Validator.FORMAT_CHECKER).validate(answer.json)

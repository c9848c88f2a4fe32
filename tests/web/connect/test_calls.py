"""Calls of all kinds over HTTP: what comes back, and what every refusal says."""

import gzip
import json
from typing import Any

import pytest

from ringback.app import App
from tests.world.api import Api
from tests.world.connect_calls import JSON, Refused, call, end_of, frame, path_of, post, refused_in, watch

UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def creation(api: Api, **fields: Any) -> dict[str, Any]:
    request = {
        "target": "sip:answer@sim.example",
        "serviceId": api.service_id,
        "priority": "PRIORITY_NORMAL",
        "secondsBetweenRetries": 0,
    }
    return {"callbackRequest": {**request, **fields}}


async def test_a_callback_is_created_and_read_in_json(api: Api, port: int) -> None:
    answer = await call(port, "CreateCallback", creation(api, description="Möbel — grün"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    created = answer.json["callback"]
    assert answer.json["created"] is True

    found = await call(port, "GetCallback", {"key": {"callbackId": created["callbackId"]}})

    assert found.json["callback"] == created
    over_grpc = await api.get(created["callbackId"])
    assert over_grpc.callback_request.description == "Möbel — grün"


async def test_counts_are_those_of_grpc(api: Api, port: int) -> None:
    await call(port, "CreateCallback", creation(api))
    cancelled = (await call(port, "CreateCallback", creation(api, externalTaskId="7"))).json["callback"]
    await call(port, "CancelCallback", {"key": {"callbackId": cancelled["callbackId"]}})

    counted = await call(
        port, "CountCallbacks", {"filter": {"externalTaskIds": ["7"], "endAfter": cancelled["createTime"]}}
    )
    assert [state for state in counted.json["states"] if "count" in state] == [
        {"state": "CALLBACK_STATE_CANCELLED", "count": "1"}
    ]
    outcomes = path_of("GetOutcomes", "DirectoryService")
    ended = await post(port, outcomes, json.dumps({"beginTime": cancelled["createTime"]}).encode())
    [end] = ended.json["ends"]
    assert (end["serviceId"], end["state"], end["count"]) == (api.service_id, "CALLBACK_STATE_CANCELLED", 1)
    faults = refused_in((await post(port, outcomes, b"{}")).json)
    assert (faults.reason, faults.fields) == ("INVALID_FIELD", ("begin_time",))


async def test_a_refusal_has_the_details_of_grpc_and_a_person_can_read_them(port: int) -> None:
    answer = await call(port, "GetCallback", {"key": {"callbackId": UNKNOWN_ID}})

    assert answer.status == 404
    refused = refused_in(answer.json)
    assert refused == Refused("not_found", "CALLBACK_NOT_FOUND", (), {"callback_id": UNKNOWN_ID})
    debug = answer.json["details"][0]["debug"]
    assert debug == {
        "reason": "CALLBACK_NOT_FOUND",
        "domain": "ringback.v1",
        "metadata": {"callback_id": UNKNOWN_ID},
    }


BAD_BODIES: list[tuple[str, bytes, tuple[str, ...]]] = [
    ("empty", b"", ("request",)),
    ("white space", b" \n", ("request",)),
    ("no JSON", b"{", ("request",)),
    ("two texts", b"{} {}", ("request",)),
    ("an array", b"[]", ("request",)),
    ("null", b"null", ("request",)),
    ("a string", b'"a"', ("request",)),
    ("NaN", b'{"requestId": NaN}', ("request",)),
    ("not UTF-8", b'{"requestId": "\xff"}', ("request",)),
    ("UTF-16", '{"requestId": "a"}'.encode("utf-16"), ("request",)),
    ("too deep", b"[" * 200_000, ("request",)),
    ("too deep where it is not known", b'{"x":' * 50_000 + b"1" + b"}" * 50_000, ("request",)),
    (
        "too many digits",
        b'{"callbackRequest": {"maxRetries": ' + b"9" * 100_000 + b"}}",
        ("callback_request.max_retries",),
    ),
    ("an unknown field", b'{"callBack": {}}', ("callBack",)),
    ("an unknown field within", b'{"callbackRequest": {"tragte": "x"}}', ("callback_request.tragte",)),
    ("an unknown field with a name of its own", b'{"callbackRequest": {"\\u0000\\ud800": 1}}', ("callback_request.?",)),
    ("a field twice", b'{"requestId": "a", "requestId": "a"}', ("request_id",)),
    ("a field under both names", b'{"requestId": "a", "request_id": "a"}', ("request_id",)),
    ("a string for a message", b'{"callbackRequest": "x"}', ("callback_request",)),
    ("an array for a message", b'{"callbackRequest": []}', ("callback_request",)),
    ("a number for a string", b'{"callbackRequest": {"target": 41}}', ("callback_request.target",)),
    ("a lone surrogate", b'{"callbackRequest": {"target": "\\ud83d"}}', ("callback_request.target",)),
    ("a string for a truth value", b'{"validateOnly": "true"}', ("validate_only",)),
    ("a number for a truth value", b'{"validateOnly": 1}', ("validate_only",)),
    ("a fraction", b'{"callbackRequest": {"maxRetries": 1.5}}', ("callback_request.max_retries",)),
    ("a truth value for a number", b'{"callbackRequest": {"maxRetries": true}}', ("callback_request.max_retries",)),
    ("a number out of range", b'{"callbackRequest": {"maxRetries": 2147483648}}', ("callback_request.max_retries",)),
    ("one that has no range", b'{"callbackRequest": {"maxRetries": 1e999}}', ("callback_request.max_retries",)),
    ("an unknown name", b'{"callbackRequest": {"priority": "URGENT"}}', ("callback_request.priority",)),
    ("no time", b'{"callbackRequest": {"dueDate": "tomorrow"}}', ("callback_request.due_date",)),
    (
        "a time that is none",
        b'{"callbackRequest": {"dueDate": "2026-02-30T00:00:00Z"}}',
        ("callback_request.due_date",),
    ),
    ("a time as a number", b'{"callbackRequest": {"dueDate": 1}}', ("callback_request.due_date",)),
    (
        "a year that is none",
        b'{"callbackRequest": {"dueDate": "0000-01-01T00:00:00Z"}}',
        ("callback_request.due_date",),
    ),
    ("a map as an array", b'{"callbackRequest": {"labels": ["a"]}}', ("callback_request.labels",)),
    ("a key twice", b'{"callbackRequest": {"labels": {"a": "1", "a": "2"}}}', ("callback_request.labels",)),
    ("a value of a map", b'{"callbackRequest": {"labels": {"a": 1}}}', ("callback_request.labels['a']",)),
    ("a null in a map", b'{"callbackRequest": {"labels": {"a": null}}}', ("callback_request.labels['a']",)),
    (
        "two of which one may be set",
        b'{"callbackRequest": {"serviceId": "a", "serviceSip": "b"}}',
        ("callback_request.service_sip",),
    ),
    (
        "several",
        b'{"x": 1, "callbackRequest": {"y": 1, "target": 1}}',
        ("x", "callback_request.y", "callback_request.target"),
    ),
]


@pytest.mark.parametrize(("body", "fields"), [case[1:] for case in BAD_BODIES], ids=[case[0] for case in BAD_BODIES])
async def test_a_body_that_is_no_request_is_refused_with_its_faults(
    api: Api, port: int, body: bytes, fields: tuple[str, ...]
) -> None:
    answer = await post(port, path_of("CreateCallback"), body)

    assert answer.status == 400
    assert refused_in(answer.json) == Refused("invalid_argument", "INVALID_FIELD", fields)
    assert not any(word in answer.body.decode() for word in ("Traceback", "Error:", "line 1 column", "object has"))
    assert not await api.list_all()


async def test_json_may_begin_with_a_byte_order_mark(api: Api, port: int) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(creation(api)).encode()

    assert (await post(port, path_of("CreateCallback"), body)).status == 200


async def test_what_binary_cannot_be_is_refused_as_in_grpc(port: int) -> None:
    answer = await post(port, path_of("CreateCallback"), b"\xff\xff", {"content-type": "application/proto"})

    assert answer.status == 400
    assert refused_in(answer.json) == Refused("invalid_argument", "INVALID_FIELD", ("request",))


async def test_a_request_may_be_compressed_and_a_response_is_if_that_was_asked_for(api: Api, port: int) -> None:
    body = gzip.compress(json.dumps(creation(api)).encode())

    answer = await post(
        port, path_of("CreateCallback"), body, {**JSON, "content-encoding": "gzip", "accept-encoding": "gzip"}
    )

    assert answer.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.body))["created"] is True


async def test_the_name_of_a_compression_has_no_case(port: int) -> None:
    packed = gzip.compress(b"{}")
    for name in ("GZIP", "Gzip"):
        unary = await post(port, path_of("ListCallbacks"), packed, {**JSON, "content-encoding": name})
        assert unary.status == 200
        headers = {"content-type": "application/grpc-web+json", "grpc-encoding": name}
        framed = await post(port, path_of("ListCallbacks"), frame(packed, 1), headers)
        assert b"grpc-status: 0" in framed.body


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}")[:-9]], ids=["no gzip", "cut off"])
async def test_what_cannot_be_unpacked_is_refused(port: int, body: bytes) -> None:
    answer = await post(port, path_of("GetCallback"), body, {**JSON, "content-encoding": "gzip"})

    assert refused_in(answer.json) == Refused("invalid_argument", "INVALID_FIELD", ("request",))


async def test_a_bomb_is_not_unpacked_beyond_the_largest_message(port: int) -> None:
    body = gzip.compress(b" " * (64 * 1024 * 1024))

    answer = await post(port, path_of("GetCallback"), body, {**JSON, "content-encoding": "gzip"})

    assert answer.status == 429
    assert answer.json["code"] == "resource_exhausted"


async def test_many_values_are_refused_before_they_take_memory(port: int) -> None:
    body = b'{"requests":[' + b"{}," * 1_000_000 + b"{}]}"

    answer = await post(port, path_of("BatchCreateCallbacks"), body)

    assert refused_in(answer.json) == Refused("invalid_argument", "INVALID_FIELD", ("request",))


async def test_commas_in_texts_are_no_values(api: Api, port: int) -> None:
    long = creation(api, contextUrl="https://a.example/?" + "," * 100)
    body = json.dumps({"requests": [long] * 1000}).encode() + b" " * 400_000

    answer = await post(port, path_of("BatchCreateCallbacks"), body)

    assert answer.status == 200
    assert len(answer.json["results"]) == 1000


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", path_of("GetCallback"), {}, 405),
        ("PUT", path_of("GetCallback"), JSON, 405),
        ("OPTIONS", path_of("GetCallback"), {}, 405),
        ("POST", "/ringback.v1.CallbacksService", JSON, 404),
        ("POST", path_of("GetCallback") + "/", JSON, 404),
        ("POST", path_of("getCallback"), JSON, 404),
        ("POST", path_of("NoSuch"), JSON, 404),
        ("POST", "/ringback.v1.NoSuch/GetCallback", JSON, 404),
        ("POST", path_of("GetCallback"), {}, 415),
        ("POST", path_of("GetCallback"), {"content-type": "text/plain"}, 415),
        ("POST", path_of("GetCallback"), {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", path_of("GetCallback"), {"content-type": "application/grpc"}, 415),
        ("POST", path_of("GetCallback"), {"content-type": "json"}, 415),
        ("POST", path_of("GetCallback"), {**JSON, "content-encoding": "br"}, 501),
        ("POST", path_of("WatchCallbacks"), JSON, 415),
        ("POST", path_of("GetCallback"), {**JSON, "connect-protocol-version": "2"}, 400),
        ("POST", path_of("GetCallback"), {**JSON, "connect-timeout-ms": "-1"}, 400),
    ],
)
async def test_what_http_itself_refuses(
    port: int, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await post(port, path, b"{}", headers, method)

    assert answer.status == status
    if status in (404, 405, 415):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json.keys() == {"type", "title", "status", "detail", "reason", "violations"}
        assert answer.json["status"] == status
    if status == 405:
        assert answer.headers["allow"] == "POST"
    if status == 415 and headers.get("content-type") in ("application/json", "application/grpc"):
        assert "application/proto" in answer.headers["accept-post"]


async def test_the_deadline_of_a_call_ends_a_poll(port: int) -> None:
    request = json.dumps({"dialerId": "d", "maxLeases": 1, "waitDuration": "60s"}).encode()

    answer = await post(
        port, path_of("LeaseCallbacks", "DialerService"), request, {**JSON, "connect-timeout-ms": "200"}
    )

    assert answer.status == 504
    assert answer.json["code"] == "deadline_exceeded"


async def test_a_bug_is_an_id_and_nothing_else(
    app: App, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> Any:
        raise ValueError("what no caller should see")

    monkeypatch.setattr(app.edges.handlers.callbacks, "get_callback", broken)
    monkeypatch.setattr(app.edges.handlers.callbacks, "watch_callbacks", broken)
    answer = await call(port, "GetCallback", {})
    assert answer.status == 500
    async with watch(port) as stream:
        await stream.head()
        error = (await end_of(stream))["error"]
    for told in (answer.json, error):
        refused = refused_in(told)
        assert (told["code"], told["message"], refused.reason) == ("internal", "internal error", "INTERNAL")
        assert f"internal error {refused.metadata['error_id']}" in caplog.text
    assert "what no caller" not in answer.body.decode() + json.dumps(error)


async def test_a_response_that_cannot_be_written_is_a_bug_too(
    app: App, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> Any:
        return object()

    monkeypatch.setattr(app.edges.handlers.callbacks, "get_callback", broken)
    answer = await call(port, "GetCallback", {})
    assert (answer.status, refused_in(answer.json).reason) == (500, "INTERNAL")
    assert "object" not in answer.json["message"]

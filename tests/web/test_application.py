"""The outer application: which part gets a request, and what it says when there is none or one fails."""

import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ringback.web.application import WebApplication
from tests.world.http_client import HttpResponse, connected
from tests.world.http_stage import ServeHttp


async def _get(_: Request) -> Response:
    return PlainTextResponse("got")


async def _bug(_: Request) -> Response:
    raise RuntimeError("what went wrong")


async def _late_bug(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("secret")


async def _prefixed(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(scope["path"])(scope, receive, send)


def _door(inside: ASGIApp) -> ASGIApp:
    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-door", b"passed")]
            await send(message)

        await inside(scope, receive, marked)

    return door


APPLICATION = WebApplication(
    [
        Route("/thing", _get, methods=["GET"]),
        Route("/thing", _get, methods=["DELETE"]),
        Route("/bug", _bug),
    ],
    prefixes={"/ringback.v1.": _prefixed, "/late": _late_bug},
    door=_door,
)


async def _request(serve_http: ServeHttp, method: str, path: str, **headers: str) -> HttpResponse:
    async with serve_http(app=APPLICATION) as server, connected(server.port) as client:
        return await client.request(method, path, headers={name.replace("_", "-"): of for name, of in headers.items()})


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/thing", 200, b"got"),
        ("GET", "/thing?a=b", 200, b"got"),
        ("DELETE", "/thing", 200, b"got"),
        ("HEAD", "/thing", 200, b""),
        ("POST", "/ringback.v1.CallbacksService/GetCallback", 200, b"/ringback.v1.CallbacksService/GetCallback"),
        ("GET", "/%74hing", 200, b"got"),
    ],
)
async def test_a_part_gets_its_requests(
    serve_http: ServeHttp, method: str, path: str, status: int, body: bytes
) -> None:
    response = await _request(serve_http, method, path)
    assert (response.status, response.body) == (status, body)


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/thing/", 404, "NOT_FOUND"),
        ("GET", "//thing", 404, "NOT_FOUND"),
        ("GET", "/a/../thing", 404, "NOT_FOUND"),
        ("GET", "/Thing", 404, "NOT_FOUND"),
        ("OPTIONS", "*", 404, "NOT_FOUND"),
        ("POST", "/thing", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/thing", 405, "METHOD_NOT_ALLOWED"),
        ("get", "/thing", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_what_no_part_takes_is_a_problem(
    serve_http: ServeHttp, method: str, path: str, status: int, reason: str
) -> None:
    response = await _request(serve_http, method, path)
    assert response.headers["content-type"] == "application/problem+json"
    problem = json.loads(response.body)
    assert (response.status, problem["status"], problem["reason"]) == (status, status, reason)
    assert problem["violations"] == []
    if status == 405:
        assert response.headers["allow"] == "DELETE, GET, HEAD"


async def test_a_bug_is_told_by_its_id_alone(serve_http: ServeHttp, caplog: pytest.LogCaptureFixture) -> None:
    response = await _request(serve_http, "GET", "/bug")
    problem = json.loads(response.body)
    assert (response.status, problem["reason"], problem["detail"]) == (500, "INTERNAL", "internal error")
    assert "what went wrong" not in response.body.decode()
    assert response.headers["x-door"] == "passed"
    assert any(problem["error_id"] in record.message for record in caplog.records)


async def test_a_bug_in_the_middle_cuts_the_response_off(serve_http: ServeHttp) -> None:
    with pytest.raises(EOFError):
        await _request(serve_http, "GET", "/late")


async def test_each_request_has_an_id(serve_http: ServeHttp) -> None:
    ids = [(await _request(serve_http, "GET", path)).headers["x-request-id"] for path in ("/thing", "/none", "/bug")]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(("given", "is_taken"), [("a-B_c.1", True), ("", False), ("a b", False), ("x" * 65, False)])
async def test_an_id_that_the_client_gives_is_kept(serve_http: ServeHttp, given: str, is_taken: bool) -> None:
    response = await _request(serve_http, "GET", "/thing", x_request_id=given)
    assert (response.headers["x-request-id"] == given) is is_taken
